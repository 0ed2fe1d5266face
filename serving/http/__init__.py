"""What each HTTP face of serving/ shares: bodies, headers, replies, errors, tokens."""
