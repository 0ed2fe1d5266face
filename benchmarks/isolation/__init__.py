"""Whether routing keeps light statements clear of heavy ones, on two equal Trinos and on small/large."""
