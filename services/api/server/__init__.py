"""The process: the server, its workers, their logs, the health check."""
