"""Templates that failed for size before: the list of them, where it is kept, and the replica that decisions look at."""
