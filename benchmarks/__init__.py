"""Each claim of speed has its script here; run as `python -m benchmarks.<name>`."""
