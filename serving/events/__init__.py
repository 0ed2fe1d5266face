"""Query events on their way from Trino's listener to the query log store."""
