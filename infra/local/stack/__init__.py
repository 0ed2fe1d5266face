"""The whole system on one host without containers, its processes supervised by process-compose."""
