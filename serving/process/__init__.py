"""The router as processes: sockets, workers, the event loop's servers, threads beside it, memory."""
