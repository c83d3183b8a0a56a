"""schemathesis makes requests out of an API definition, well and badly formed ones; here against the server as it runs.

Left out are the two checks that hold a definition to say everything: that a text is CQL2, or that one parameter goes
without another, is beyond OpenAPI, and a limit above the largest is answered with the largest (Part 1, 7.15.2).
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from support.cluster import Database
from support.server import running_api

LEFT_OUT = "positive_data_acceptance,negative_data_rejection"
MOST_S = 1200


@pytest.mark.hypothesis
def test_every_answer_is_one_that_the_definition_describes(world: Database, tmp_path: Path) -> None:
    """Status, media type, schema and headers of each; never a 5xx. The requests are the same in each run."""
    with running_api(world, ISTHMUS_SPOOL_DIR=str(tmp_path / "spool")) as url:
        command = [
            sys.executable,
            "-m",
            "schemathesis.cli",
            "run",
            f"{url}/api?f=json&collections=places,grid,stock",
            "--seed=1",
            f"--max-examples={settings().max_examples // 8}",
        ]
        command += ["--generation-deterministic", f"--exclude-checks={LEFT_OUT}", "--no-color"]
        run = subprocess.run(command, capture_output=True, text=True, timeout=MOST_S, check=False, cwd=tmp_path)
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-1000:]
    [generated] = re.findall(r"(\d+) generated", run.stdout)
    assert int(generated) > 300
    assert "Failures" not in run.stdout
