"""Tests; a package so that `tests.services` and the fakes are importable by name."""
