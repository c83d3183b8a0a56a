"""Native mode: the same processes without Docker, kept alive by supervisor."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from support.every_mode import ServesFiles
from support.stack import Stack, alive, new_stack, output, wait_for


def programs(stack: Stack) -> dict[str, int]:
    """Process ids of supervisor's children by what they run."""
    boss = (stack.data / "var/run/supervisord.pid").read_text().strip()
    children = Path(f"/proc/{boss}/task/{boss}/children").read_text().split()
    words = {child: Path(f"/proc/{child}/cmdline").read_bytes().decode().replace("\0", " ") for child in children}
    kinds = {"postgis": "postgres", "api": "gunicorn.conf.py", "loader": "cli watch"}
    return {kind: int(child) for kind, word in kinds.items() for child, line in words.items() if word in line}


class TestNative(ServesFiles):
    mode = "native"

    def postmaster(self, stack: Stack) -> int:
        return int((stack.data / "var/pg/17/postmaster.pid").read_text().splitlines()[0])

    def lock_file(self, stack: Stack) -> Path:
        return stack.data / "var/pg/17.lock"

    def test_processes_are_not_root_and_postgresql_has_no_tcp_port(self, stack: Stack) -> None:
        for pid in programs(stack).values():
            assert Path(f"/proc/{pid}").stat().st_uid != 0
        sockets = list((stack.data / "var/run").glob(".s.PGSQL.*[0-9]"))
        assert len(sockets) == 1
        assert output("ss", "-ltnpH").count(f"pid={self.postmaster(stack)},") == 0

    def test_no_process_keeps_a_capability_of_root_nor_gets_one(self, stack: Stack) -> None:
        """The stack's folder is root's alone: the services see nothing of it but the data."""
        for pid in (*programs(stack).values(), self.postmaster(stack)):
            status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
            assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
            assert status["NoNewPrivs"] == "1"
            assert not Path(f"/proc/{pid}/root{stack.folder}/roots").exists()
            assert Path(f"/proc/{pid}/root{stack.data}").exists()

    @pytest.mark.parametrize("kind", ["api", "loader"])
    def test_a_killed_program_comes_back(self, stack: Stack, kind: str) -> None:
        before = programs(stack)[kind]
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: programs(stack).get(kind, before) != before, 20, f"{kind} is started again")
        stack.wait_ready()

    def test_a_second_up_changes_nothing(self, stack: Stack) -> None:
        before = programs(stack)
        stack.up("native")
        assert programs(stack) == before

    def test_two_stacks_run_side_by_side(self, stack: Stack, points: str) -> None:
        with new_stack() as other:
            other.up("native")
            assert other.status("/health/ready") == 200
            assert other.status(f"/collections/{points}") == 404
            wait_for(lambda: stack.serves(points, 40), 20, "the points are still served")
            other.down()
            assert stack.status("/health/ready") == 200

    def test_down_ends_every_process_and_keeps_the_data(self, stack: Stack, points: str) -> None:
        mine = [*programs(stack).values(), self.postmaster(stack)]
        stack.down()
        assert not any(alive(pid) for pid in mine)
        assert stack.status("/health/live") == 0
        stack.down()
        stack.up("native")
        wait_for(lambda: stack.serves(points, 40), 20, "the points are still served")

    def test_down_ends_what_a_killed_supervisor_left_behind(self, stack: Stack) -> None:
        mine = programs(stack)
        os.kill(int((stack.data / "var/run/supervisord.pid").read_text()), signal.SIGKILL)
        assert alive(mine["postgis"])
        stack.down()
        assert not any(alive(pid) for pid in mine.values())
        stack.up("native")
