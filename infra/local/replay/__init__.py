"""A query log lived through again, night by night, by the running system: servers, router, flows."""
