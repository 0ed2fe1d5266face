"""What the fleet's own past says of a statement: of its template, its user, its source and its tables."""
