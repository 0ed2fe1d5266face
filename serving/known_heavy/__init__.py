"""The known-heavy list at work: where it is kept, the replica of each router, and the admin port's paths."""
