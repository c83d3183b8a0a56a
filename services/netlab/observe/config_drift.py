"""Whether containers were made with the settings that hold now: by the hash that Compose labels them with."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from netlab.observe.docker_engine import labels_of
from netlab.observe.host import ROOT
from netlab.observe.recording import Recording

HASH, SERVICE, FOLDER = (f"com.docker.compose.{word}" for word in ("config-hash", "service", "project.working_dir"))
EXPORTED = ("PORT", "BIND", "DB_HOST_PORT", "DATA_DIR", "SECRETS_DIR", "RUN_DIR", "PROJECT", "UID", "GID")
"""What scripts/ set before they call Compose, and a plain `docker compose` does not."""


def outdated(recording: Recording) -> tuple[tuple[str, ...] | None, str]:
    """(containers made with other settings than Compose would use now, ""), or (None, why it cannot be compared)."""
    labels = [labels_of(one) for one in recording.containers]
    mode = next((one["isthmus.mode"] for one in labels if "isthmus.mode" in one), "")
    if not any(HASH in one for one in labels):
        return None, "Compose did not make these containers"
    folders = {one[FOLDER] for one in labels if FOLDER in one}
    if folders != {str(ROOT)}:
        return None, f"they were made from {', '.join(sorted(folders))}"
    by_scripts, error = hashes(recording, mode)
    if error:
        return None, error
    changed = other_than(by_scripts, recording)
    return (changed if changed and other_than(hashes(recording, mode, EXPORTED)[0], recording) else ()), ""


def other_than(current: dict[str, str], recording: Recording) -> tuple[str, ...]:
    """The containers whose hash is not the current one of their service."""
    return tuple(
        one["Name"].lstrip("/")
        for one, labels in ((one, labels_of(one)) for one in recording.containers)
        if labels.get(SERVICE) in current and labels.get(HASH) != current[labels[SERVICE]]
    )


def hashes(recording: Recording, mode: str, without: Sequence[str] = ()) -> tuple[dict[str, str], str]:
    """(service -> hash of its settings as Compose computes them now, ""), or ({}, why not). Some variables left out.

    Compose hashes a joiner of a namespace with the holder's id in place of its service, so those are put in first.
    """
    unset = [word for name in without for word in ("-u", f"ISTHMUS_{name}")]
    compose, joined = ["env", *unset, "docker", "compose", "-p", recording.project], ""
    profile = ["--profile", mode, "config"]
    if holders := holder_ids(recording):
        joined, error = run_compose([*compose, *profile, "--format", "json"])
        if error:
            return {}, error
        for service, id in holders.items():
            joined = joined.replace(f'"network_mode": "service:{service}"', f'"network_mode": "container:{id}"')
        compose += ["-f", "-"]
    printed, error = run_compose([*compose, *profile, "--hash", "*"], joined)
    pairs = [line.split() for line in printed.splitlines()]
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}, error


def holder_ids(recording: Recording) -> dict[str, str]:
    """Service -> id of the containers whose namespace others joined."""
    joined = {one["HostConfig"]["NetworkMode"].removeprefix("container:") for one in recording.containers}
    return {labels_of(one).get(SERVICE, ""): one["Id"] for one in recording.containers if one["Id"] in joined}


def run_compose(command: Sequence[str], text: str = "") -> tuple[str, str]:
    """(what Compose printed, ""), or ("", why it failed)."""
    try:
        done = subprocess.run(  # noqa: S603
            command, cwd=ROOT, input=text, capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", f"docker compose config does not run: {error}"
    if done.returncode == 0:
        return done.stdout, ""
    said = done.stderr.strip().splitlines()
    return "", f"docker compose config says: {said[-1]}" if said else "docker compose config fails"
