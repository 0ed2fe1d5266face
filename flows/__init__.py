"""Prefect flows: which step follows which, and nothing that computes."""
