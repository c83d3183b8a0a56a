"""What demos made is removed, also what an interrupted one left: their names begin as nothing else here does."""

from __future__ import annotations

import subprocess

from netlab.tutorial.words import Words

TIMEOUT_S = 60
FILES = "made_by_a_demo*"


def tidy(words: Words) -> None:
    """Removes containers, networks, volumes and files of demos. Costs 0.1 s when there are none."""
    begins = f"name=^{words.prefix}"
    containers = listed("ps", "-aq", "--filter", f"name=^/{words.prefix}")
    if containers:
        docker("rm", "-f", "-v", *containers)
    for kind in ("network", "volume"):
        found = listed(kind, "ls", "-q", "--filter", begins)
        if found:
            docker(kind, "rm", *found)
    for folder in (words.data_dir, words.data_dir / "var"):
        for file in folder.glob(FILES):
            file.rmdir() if file.is_dir() else file.unlink()


def listed(*words: str) -> list[str]:
    """The ids that `docker ... -q` prints."""
    return docker(*words).split()


def docker(*words: str) -> str:
    """The output of a command that may fail: what is gone already need not be removed."""
    done = subprocess.run(  # noqa: S603
        ["docker", *words],  # noqa: S607
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return done.stdout
