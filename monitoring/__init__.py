"""Watching a version at work: how its statements look now against what it was made from, and what that calls for."""
