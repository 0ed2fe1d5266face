"""The route that trino-gateway's external routing rules call."""
