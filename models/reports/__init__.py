"""What a training or an evaluation tells: lines on a terminal, a page, pictures, and what only they show."""
