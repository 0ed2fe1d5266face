"""The fleet's query log: Trino's query events as records, and the stores that keep them."""
