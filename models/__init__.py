"""Code that makes a model, and the registry its versions live in; never a binary."""
