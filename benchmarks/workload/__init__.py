"""A reproducible multi-tenant workload on TPC-H and TPC-DS data, and the query log that real Trinos make of it."""
