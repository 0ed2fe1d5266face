"""What each contender would have decided of a log, and how well."""
