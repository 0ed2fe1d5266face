"""What runs in the rivals' own environment (requirements/rivals.txt): their servers and the models they carry."""
