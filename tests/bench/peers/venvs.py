"""Virtual environments of the peers in Python, each with everything pinned, made once below data/var/."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from support.cluster import ROOT

FOLDER = ROOT / "data/var/peers"
PINS = Path(__file__).parent
OLDEST = (3, 12)
"""What pygeoapi 0.24 asks for."""


def venv(name: str) -> Path:
    """The folder of an environment with the packages of NAME.txt. Made anew when that file has changed."""
    folder, pins = FOLDER / name, (PINS / f"{name}.txt").read_text()
    stamp = folder / "pins.txt"
    if not (stamp.is_file() and stamp.read_text() == pins):
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([interpreter(), "-m", "venv", str(folder)], check=True)
        pip = [str(folder / "bin/pip"), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", str(PINS / f"{name}.txt")], check=True)
        stamp.write_text(pins)
    return folder


def interpreter() -> str:
    """A Python that is new enough, that of Isthmus if it is. Raises: RuntimeError"""
    for candidate in (sys.executable, "/usr/bin/python3", "python3.13", "python3.12", "python3"):
        path = shutil.which(candidate)
        if path and version_of(path) >= OLDEST:
            return path
    raise RuntimeError(f"the peers need Python {'.'.join(map(str, OLDEST))} or newer with venv (apt: python3-venv)")


def version_of(path: str) -> tuple[int, ...]:
    """The version of an interpreter that can make environments; empty when it cannot."""
    asked = "import ensurepip, sys; print(*sys.version_info[:2])"
    told = subprocess.run([path, "-c", asked], capture_output=True, text=True, check=False)
    return tuple(map(int, told.stdout.split()))


def pinned(name: str, package: str) -> str:
    """The version of a package that NAME.txt pins."""
    lines = (PINS / f"{name}.txt").read_text().splitlines()
    return next(line.partition("==")[2] for line in lines if line.startswith(f"{package}=="))
