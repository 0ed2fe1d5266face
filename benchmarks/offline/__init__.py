"""The offline path on a long log: how long it takes, how much memory it needs, how fast it reads statements."""
