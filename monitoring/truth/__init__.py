"""What became of decisions: joined with the events of their statements, counted, tested, and told as signals."""
