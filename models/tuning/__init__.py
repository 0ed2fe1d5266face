"""Searching for parameters of training that are better than those of params.toml, in the training block alone."""
