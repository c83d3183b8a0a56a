"""Options of gunicorn, from the settings: `gunicorn --config services/api/server/gunicorn.conf.py`.

HUP reads the settings again and replaces the workers one generation by the next.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from api.server.metrics_folder import memory_folder, metrics_folder, remove_metrics
from core.settings import ignored, load_settings

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter

CLASSES = {"granian": "api.server.granian_worker.GranianWorker", "gthread": "gthread"}


def bind_address(listen: str) -> str:
    """Gunicorn's form of `host:port`, which has brackets around an IPv6 address, or of `unix:/path`."""
    host, _, port = listen.rpartition(":")
    return f"[{host.strip('[]')}]:{port}" if ":" in host and not listen.startswith("unix:") else listen


settings = load_settings()

bind = bind_address(settings.listen)
umask = 0o111  # any user of the host may connect to a unix socket
workers = settings.workers
threads = settings.threads
worker_class = CLASSES[settings.worker_class]
wsgi_app = "api.server.wsgi:make_app()"
worker_tmp_dir = str(memory_folder())
raw_env = [f"PROMETHEUS_MULTIPROC_DIR={metrics_folder()}"]  # read by prometheus_client, in the workers
graceful_timeout = settings.stop_within_s
control_socket_disable = True

keepalive = 30
limit_request_line = 8190  # of gthread; Granian's workers take eight times as much
forwarded_allow_ips = ""  # the application knows its proxies, see middleware/proxy_headers.py
secure_scheme_headers: dict[str, str] = {}

loglevel = settings.log_level
logger_class = "api.server.json_logs.JsonLogger"
accesslog = "-" if settings.log_level == "debug" else None


def on_starting(_server: Arbiter) -> None:
    """Say which settings do nothing."""
    for sentence in ignored():
        logging.getLogger("isthmus.api").warning(sentence)


def on_exit(_server: Arbiter) -> None:
    """Forget what the workers counted."""
    remove_metrics()


def post_fork(_server: Arbiter, worker: Any) -> None:
    """How long a worker that was replaced has for its responses: an export takes no longer."""
    worker.drain_s = settings.export_timeout_s
