"""The query log of Trino's MySQL event listener: the table `trino_queries`, live or as CSV."""
