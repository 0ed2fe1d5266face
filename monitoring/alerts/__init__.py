"""Telling people what changed: in a chat and by mail, once."""
