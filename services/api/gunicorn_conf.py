"""gunicorn's configuration, from the same settings as everything else."""

from __future__ import annotations

from core.settings import load_settings

_settings = load_settings()


def bracketed(listen: str) -> str:
    """host:port as gunicorn reads it: an IPv6 address in brackets. A socket's path is left alone."""
    host, _, port = listen.rpartition(":")
    return f"[{host}]:{port}" if ":" in host and not listen.startswith(("unix:", "[")) else listen


bind = bracketed(_settings.listen)
umask = 0 if bind.startswith("unix:") else 0o022  # any user of the host may connect to the socket
workers = _settings.workers
threads = _settings.threads
worker_class = "gthread"
keepalive = 75
limit_request_line = 8190  # the most that gunicorn takes
graceful_timeout = 5
timeout = _settings.statement_timeout_s + 30
loglevel = _settings.log_level
accesslog = "-" if _settings.log_level == "debug" else None
control_socket_disable = True  # its socket would need a place to write, and the container's root is read-only
worker_tmp_dir = "/dev/shm"  # noqa: S108  a heartbeat file on a disk can block the worker
