"""Waits until every service of a stack has the tasks that it should have; says what it waits for.

usage: swarm_wait.py STACK SECONDS SINCE

SINCE is a time (2026-11-25T14:25:15): earlier updates do not count. Exit 0 when all run and no update is under way;
1 when an update was rolled back or paused, or when the time is over, with the last errors of the tasks. Standard
library only: the host has no Python environment of ours.
"""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

STILL_S = 2.0
"""All well for so long counts: right after a deployment the services still show what they were."""

LINE_S, SHORT_S = 10.0, 2.0
"""Seconds between two lines: that say the same, and that do not."""

LOGS_S = 10.0
"""How long a log is waited for: of a task whose container is gone, docker can wait for ever."""

ENOUGH = 4
"""So many failed tasks of one service: the next one will fail too. (A swarm remembers five.)"""


@dataclass(frozen=True)
class Service:
    """A service as the swarm shows it: `update` is the state of its last update, which began at `updated`."""

    id: str
    name: str
    running: int
    wanted: int
    update: str = ""
    updated: str = ""

    @property
    def on_its_way(self) -> bool:
        """The swarm changes it, or changes it back."""
        return self.update in ("updating", "rollback_started")

    @property
    def settled(self) -> bool:
        """It has its tasks and nothing is being changed. (Those of a node that is gone count on for a day.)"""
        return self.running >= self.wanted and not self.on_its_way


def docker(*arguments: str, check: bool = True) -> str:
    """Standard output of a docker command. Raises: CalledProcessError"""
    command = ["docker", *arguments]
    return subprocess.run(command, check=check, capture_output=True, text=True).stdout  # noqa: S603  (only our words)


def services(stack: str) -> list[Service]:
    """The services of a stack."""
    listed = docker("service", "ls", "--filter", f"label=com.docker.stack.namespace={stack}", "--format", "{{json .}}")
    lines = [json.loads(line) for line in listed.splitlines()]
    if not lines:
        return []
    details = {
        found["ID"]: found for found in json.loads(docker("service", "inspect", *(line["ID"] for line in lines)))
    }
    by_name = {found["Spec"]["Name"]: found for found in details.values()}
    return [parse_service(line, by_name[line["Name"]], stack) for line in lines]


def parse_service(line: dict[str, Any], detail: dict[str, Any], stack: str) -> Service:
    """A service from its line in the list (`Replicas` is "1/2", or "1/2 (max 1 per node)") and its details."""
    running, wanted = line["Replicas"].split(" ")[0].split("/")
    update = detail.get("UpdateStatus") or {}
    name = line["Name"].removeprefix(f"{stack}_")
    return Service(detail["ID"], name, int(running), int(wanted), update.get("State", ""), update.get("StartedAt", ""))


def pending(found: list[Service]) -> str:
    """What is waited for: `api 1/2, replica 0/2 (updating)`."""
    return ", ".join(
        f"{some.name} {some.running}/{some.wanted}{' (updating)' if some.update == 'updating' else ''}"
        for some in found
        if not some.settled
    )


ENDS = {
    "paused": "stopped half-way",
    "rollback_paused": "could not go back",
    "rollback_completed": "went back to what ran before",
}
"""How an update ends that did not work out."""


def gone_wrong(found: list[Service], since: str) -> str:
    """The services whose update did not work out, of those that began at `since` or later."""
    return ", ".join(
        f"{some.name} {ENDS[some.update]}" for some in found if some.update in ENDS and some.updated >= since
    )


@dataclass(frozen=True)
class Failure:
    """A task that ended with an error."""

    service: str
    error: str
    task: str

    def __str__(self) -> str:
        return f"{self.service}: {self.error}"


def failures(stack: str, since: str) -> list[Failure]:
    """The tasks that failed since then, the newest first."""
    # where there are none, this is an error to docker
    ids = docker("stack", "ps", stack, "-q", "--no-trunc", "--filter", "desired-state=shutdown", check=False).split()
    names = {found.id: found.name for found in services(stack)}
    found = docker("inspect", "--type", "task", *ids, check=False) if ids else ""  # some may be forgotten by now
    tasks = json.loads(found or "[]")
    tasks = [task for task in tasks if task["CreatedAt"] >= since and task["Status"].get("Err")]
    tasks.sort(key=lambda task: task["CreatedAt"], reverse=True)
    return [Failure(names.get(task["ServiceID"], "?"), task["Status"]["Err"], task["ID"]) for task in tasks]


def last_words(failure: Failure) -> list[str]:
    """The last lines that a task wrote, and its error."""
    command = ["docker", "service", "logs", "--raw", "--tail", "3", failure.task]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LOGS_S)  # noqa: S603  (ours)
    except subprocess.TimeoutExpired:
        return [str(failure)]
    lines = (done.stdout + done.stderr).strip().splitlines()[-3:]
    return [f"{failure.service}: {line}" for line in lines] + [str(failure)]


@dataclass
class Waiting:
    """What was told so far, so that it is told once, and since when all is well."""

    began: float
    told: str = ""
    told_at: float = float("-inf")
    well_since: float | None = None

    def tell(self, text: str, trouble: list[Failure], now: float) -> None:
        """A line when it is a new one, or the last one is long ago."""
        text = "; ".join([text, *map(str, trouble[:1])])
        if now - self.told_at >= (LINE_S if text == self.told else SHORT_S):
            sys.stdout.write(f"  waiting for {text} ({now - self.began:.0f} s)\n")
            sys.stdout.flush()
            self.told, self.told_at = text, now


def ends_always(name: str, failed: list[Failure]) -> bool:
    """Whether a service's tasks fail one after the other."""
    return sum(failure.service == name for failure in failed) >= ENOUGH


def wait(stack: str, seconds: float, since: str) -> str:
    """Wait; what went wrong, or nothing."""
    state = Waiting(time.monotonic())
    while True:
        now, found = time.monotonic(), services(stack)
        wrong, failed = gone_wrong(found, since), failures(stack, since)
        if wrong and not any(some.on_its_way for some in found):
            return f"an update did not work out: {wrong}"
        hopeless = [some.name for some in found if not some.settled and ends_always(some.name, failed)]
        if hopeless:
            return f"tasks end again and again: {', '.join(hopeless)}"
        text = pending(found) if found else "services"
        if text:
            state.well_since = None
            state.tell(text, failed, now)
        elif state.well_since is None:
            state.well_since = now
        elif now - state.well_since >= STILL_S:
            return ""
        if now - state.began > seconds:
            return f"not within {seconds:.0f} s: {text}"
        time.sleep(0.5)


def main(stack: str, seconds: float, since: str) -> int:
    """The exit code."""
    wrong = wait(stack, seconds, since)
    if wrong:
        newest = {failure.service: failure for failure in reversed(failures(stack, since))}
        words = [line for failure in newest.values() for line in last_words(failure)]
        sys.stderr.write("".join(f"    {line}\n" for line in words) + f"swarm: {wrong}\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2]), sys.argv[3]))
