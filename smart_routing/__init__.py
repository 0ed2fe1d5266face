"""The kernel: what a statement is, what it looks like to a model, and how a decision about it is made."""
