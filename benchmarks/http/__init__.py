"""The router over HTTP beside what people would use in its place, all in one run on the same core."""
