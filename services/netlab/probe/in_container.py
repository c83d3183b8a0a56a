"""What is tried inside a container: one `sh` that prints a line for each try. Nothing is left behind."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from netlab.model.probe_results import ContainerConnection, FolderProbe, ResolvedName

HEAD = r"""
LC_ALL=C; export LC_ALL
name() { printf 'name\t%s\t%s\n' "$1" "$(getent ahostsv4 "$1" | cut -d ' ' -f 1 | sort -u | tr '\n' ' ')"; }
folder() {
  reads=no; ls -A "$1" >/dev/null 2>&1 && reads=yes
  owner=
  if made=$(mktemp "$1/.isthmus-check-XXXXXX" 2>&1); then owner=$(stat -c %u:%g "$made"); rm -f "$made"; made=; fi
  printf 'folder\t%s\t%s\t%s\t%s\t%s\n' "$1" "$reads" "$(stat -c %d:%i "$1" 2>/dev/null)" "$owner" "$made"
}
connect() { printf 'connect\t%s\t%s\n' "$1" "$(python3 -I -c "$connect" "$1" 2>&1 | tail -n 1)"; }
connect='
import socket, sys
target = sys.argv[1]
try:
    if target.startswith("/"):
        one = socket.socket(socket.AF_UNIX)
        one.settimeout(2)
        one.connect(target)
    else:
        host, _, port = target.rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), 2)
    print("connected")
except OSError as error:
    print(error)
'
"""


@dataclass(frozen=True, slots=True)
class Trial:
    """What to try in one container: names to resolve, targets to connect to, folders to read and write."""

    names: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to try."""
        return not (self.names or self.targets or self.folders)

    @property
    def script(self) -> str:
        """The text for `sh -c`."""
        pairs = [("name", one) for one in self.names]
        pairs += [("connect", one) for one in self.targets] + [("folder", one) for one in self.folders]
        return HEAD + "".join(f"{verb} {shlex.quote(word)}\n" for verb, word in pairs) + "true\n"


def parse_trial(container: str, output: str) -> tuple[list[ResolvedName], list[ContainerConnection], list[FolderProbe]]:
    """What the script of a Trial printed, as values."""
    lines = [line.split("\t") for line in output.splitlines()]
    return (
        [ResolvedName(container, name, tuple(found.split())) for name, found in of_kind("name", 2, lines)],
        [ContainerConnection(container, to, text == "connected", text) for to, text in of_kind("connect", 2, lines)],
        [
            FolderProbe(container, path, reads == "yes", inode, owner, text.rpartition(": ")[2])
            for path, reads, inode, owner, text in of_kind("folder", 5, lines)
        ],
    )


def of_kind(kind: str, width: int, lines: Iterable[list[str]]) -> list[list[str]]:
    """The words of the lines of one kind."""
    return [line[1:] for line in lines if line[0] == kind and len(line) == width + 1]
