"""What is counted, by one process and by several workers, and its text."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from api.monitoring.metrics import Metrics

ROOT = Path(__file__).parents[2]
WORKER = """
from api.monitoring.metrics import Metrics

metrics = Metrics(shared=True)
for _ in range(1000):
    metrics.answered("/", 200, 0.5, 0.25)
print(metrics.text())
"""
KINDS = {
    "isthmus_requests": "counter",
    "isthmus_request_seconds": "counter",
    "isthmus_database_seconds": "counter",
    "isthmus_tile_hits": "counter",
    "isthmus_tile_misses": "counter",
    "isthmus_tile_bytes": "counter",
    "isthmus_tile_build_seconds": "histogram",
}


def values_of(text: str) -> dict[str, float]:
    """The values by name and labels, as the format writes them."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_workers_count_together_and_what_one_counted_stays_when_it_ends(tmp_path: Path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "services"), "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for number in (1, 2, 3):
        told = subprocess.run(
            [sys.executable, "-c", WORKER], env=environment, check=True, capture_output=True, text=True
        )
        values = values_of(told.stdout)
        assert values['isthmus_requests_total{route="/",status="200"}'] == 1000 * number
        assert values['isthmus_database_seconds_total{route="/"}'] == 250 * number
    assert "# HELP isthmus_requests_total Answers by route and status." in told.stdout


def test_threads_lose_no_count():
    metrics = Metrics()

    def count() -> None:
        for number in range(500):
            metrics.answered("/", 200, 1, 0)
            metrics.tile(number % 7, 1, None)

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(count) for _ in range(8)]:
            done.result()
    values = values_of(metrics.text())
    assert values['isthmus_requests_total{route="/",status="200"}'] == 4000
    assert sum(value for name, value in values.items() if name.startswith("isthmus_tile_hits_total")) == 4000


def test_every_metric_has_its_kind_and_buckets_hold_those_below():
    metrics = Metrics()
    metrics.answered("/", 200, 0.01, 0.005)
    metrics.tile(3, 100, None)
    metrics.tile(3, 50, 0.05)
    metrics.answered("/tiles", 200, 0.001, 0)
    metrics.tile(3, 7, None)
    text = metrics.text()
    assert {family.name: family.type for family in text_string_to_metric_families(text)} == KINDS
    values = values_of(text)
    assert values['isthmus_tile_bytes_total{zoom="3"}'] == 157
    assert values['isthmus_tile_hits_total{zoom="3"}'] == 2
    assert values['isthmus_tile_misses_total{zoom="3"}'] == 1
    assert values['isthmus_requests_total{route="/tiles",status="200"}'] == 1
    assert values['isthmus_tile_build_seconds_bucket{le="0.02"}'] == 0
    assert values['isthmus_tile_build_seconds_bucket{le="0.1"}'] == 1
    assert values['isthmus_tile_build_seconds_bucket{le="+Inf"}'] == values["isthmus_tile_build_seconds_count"] == 1
    assert not any("_created" in name for name in values)
