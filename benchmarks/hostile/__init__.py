"""Statements and requests made to hurt a router, and the judge of what it answers."""
