"""Tests; a package so that what tests share is importable by name."""
