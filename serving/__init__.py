"""The router as a service: a data port that decides, an admin port that tells and reloads."""
