"""Ways of deciding what is heavy, ours and what people use instead, each scoring the same blocks of time."""
