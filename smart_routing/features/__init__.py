"""What a statement looks like to a model; `vector.featurize` is the only way in."""
