"""Commands in the background of a script: their output comes whole, and Ctrl-C leaves none of them behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from support.clone import PREFIX, Clone, make_clone
from support.stack import alive, wait_for


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A clone of the scripts."""
    return make_clone(tmp_path)


def test_what_a_job_wrote_is_shown_whole_with_its_status(clone: Clone):
    code = """
        noisy() { echo first; echo second >&2; return 3; }
        start_job noise TERM noisy
        echo meanwhile
        end_job noise || echo "status $?"
    """
    told = clone.says(code).splitlines()
    assert told[0] == "meanwhile"
    assert told[2].startswith("===== noise: what it wrote in the background, in ")
    assert told[3:] == ["first", "second", "status 3"]


def test_a_job_hears_the_signal_of_ctrl_c(clone: Clone):
    """Bash makes commands in the background deaf to it, and whatever these start."""
    code = "start_job it INT bash -c 'kill -INT $$; sleep 20'; end_job it >/dev/null || echo $?"
    assert clone.says(code) == "130"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_script_that_is_interrupted_ends_its_jobs(clone: Clone, number: signal.Signals):
    code = f"""{PREFIX}
        slow() {{ sleep 60 & echo $! >pid; wait; }}
        start_job slow TERM slow
        start_job other INT sleep 60
        until [ -s pid ]; do sleep 0.02; done
        echo "$job_folder"
        end_job slow
    """
    environment = {"PATH": os.environ["PATH"]}
    with subprocess.Popen(["bash", "-c", code], cwd=clone.root, env=environment, stdout=subprocess.PIPE) as script:
        assert script.stdout is not None
        folder = Path(script.stdout.readline().decode().strip())
        time.sleep(0.1)  # until it waits for the job
        script.send_signal(number)
        assert script.wait(10) == 130
    assert not folder.exists()
    pid = int((clone.root / "pid").read_text())
    wait_for(lambda: not alive(pid), 5, "what the job started has ended")
