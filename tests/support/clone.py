"""A clone that holds only the scripts, with their library sourced: what `scripts/up` does, one function at a time."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PREFIX = "set -Eeuo pipefail; script_name=up; . scripts/lib/all.sh"


@dataclass(slots=True)
class Clone:
    """A folder with a copy of scripts/. `bin` comes first in PATH, so a program of `fake` replaces a real one."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def bin(self) -> Path:
        """Programs that stand in for the machine's."""
        return self.root / "bin"

    def fake(self, name: str, body: str) -> None:
        """A program: lines of sh."""
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def be_user(self, uid: int) -> None:
        """What `id` says from now on. Rights stay those of the test's own user."""
        self.fake("id", f'case "$1" in -un) echo somebody ;; *) echo {uid} ;; esac')

    def only(self, *names: str) -> None:
        """Nothing but these programs can be found."""
        for name in names:
            found = shutil.which(name)
            assert found is not None, name
            (self.bin / name).symlink_to(found)
        self.environment["PATH"] = str(self.bin)

    def dotenv(self, text: str) -> None:
        """The lines of .env, as they are."""
        (self.root / ".env").write_text(text)

    def run(self, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Bash code after the library, in a shell that sees only these variables. Never raises for an exit code."""
        path = {"PATH": f"{self.bin}:{os.environ['PATH']}"}
        return subprocess.run(
            ["/bin/bash", "-c", f"{PREFIX}\n{code}"],
            cwd=self.root,
            env=path | self.environment | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )

    def says(self, code: str, **environment: str) -> str:
        """Standard output of code that must succeed without a word on standard error."""
        done = self.run(code, **environment)
        assert (done.returncode, done.stderr) == (0, ""), f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout.removesuffix("\n")

    def refuses(self, code: str, **environment: str) -> str:
        """The one line that code says when it gives up."""
        done = self.run(code, **environment)
        lines = done.stderr.splitlines()
        assert (done.returncode, len(lines)) == (1, 1), f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return lines[0].removeprefix("up: ")


def make_clone(folder: Path) -> Clone:
    """A clone in an empty folder."""
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    clone = Clone(folder.resolve())
    clone.bin.mkdir()
    (folder / "data").mkdir()
    return clone
