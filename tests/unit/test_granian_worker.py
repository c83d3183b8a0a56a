"""The inner names of Granian that the worker class needs: a version that lacks one fails here first."""

from __future__ import annotations

import inspect

import granian._futures
import granian._granian
import granian.wsgi
from granian.constants import HTTPModes
from granian.http import HTTP1Settings

PARAMETERS = [
    *("worker_id", "sock", "ipc", "threads", "blocking_threads", "py_threads", "py_threads_idle_timeout"),
    *("backpressure", "http_mode", "http1_opts", "http2_opts", "static_files", "ssl_enabled", "ssl_cert", "ssl_key"),
    *("ssl_key_password", "ssl_protocol_min", "ssl_ca", "ssl_crl", "ssl_client_verify", "metrics"),
]


def names(function: object) -> list[str]:
    """The names of its parameters."""
    return list(inspect.signature(function).parameters)  # type: ignore[arg-type]


def test_granian_has_the_inner_names_that_the_worker_class_needs():
    inner = granian._granian
    assert names(inner.WSGIWorker) == PARAMETERS
    assert names(inner.SocketHolder) == ["fd", "uds", "backlog"]
    for serve in ("serve_mtr", "serve_mtr_uds"):
        assert names(getattr(inner.WSGIWorker, serve)) == ["self", "callback", "event_loop", "signal"]
    assert names(inner.WorkerSignal.add_cb) == ["self", "cb"]
    assert names(inner.WorkerSignal.set) == ["self"]
    assert names(granian._futures._new_cbscheduler) == ["loop", "cb", "impl_asyncio"]
    assert names(granian.wsgi._callback_wrapper) == ["callback", "scope_opts", "access_log_fmt"]
    assert HTTPModes.http1 == "1"
    assert HTTP1Settings().header_read_timeout == 30_000
