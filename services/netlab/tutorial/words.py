"""The words of the page and those of this machine: projects, ports and folders differ, and the page names one of each.

On the page the stack is the clone's own: project `isthmus`, port 8080, database port 55432, folders `./data` and
`./secrets` of a clone in /srv/isthmus, owned by 10001. What a demo makes is called `lesson-...`, and here begins with
the project's name, so that two stacks can be taught about at once. 8081 is a port that is free here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

OF_THE_STACK = re.compile(
    r"\bisthmus(-(?:api|postgis|loader|net|\$s)(?:-host|-container|-none)?-1|_(?:default|pgdata|pgsock|spool|tiles))\b"
)
MADE_HERE = re.compile(r"(?<![\w-])lesson-")
FOLDER = re.compile(r"(?<![\w./])\./(data|secrets)\b")
BEFORE_A_PORT = r"((?:127\.0\.0\.1:|--dport |-host-port ))"
"""`localhost:8080` is a container's own and stays."""


@dataclass(frozen=True, slots=True)
class Words:
    """What this machine calls the things of the page. `owner` is the uid:gid of the secrets' folder."""

    project: str
    port: int
    spare_port: int
    db_port: int
    data_dir: Path
    secrets_dir: Path
    root: Path
    owner: str

    @property
    def prefix(self) -> str:
        """How the names of all that demos make begin here."""
        return f"{self.project}-lesson-"

    def here(self, text: str) -> str:
        """A command of the page as it runs on this machine."""
        folders = {"data": self.data_dir, "secrets": self.secrets_dir}
        text = OF_THE_STACK.sub(lambda match: self.project + match.group(1), text)
        text = MADE_HERE.sub(self.prefix, text)
        text = FOLDER.sub(lambda match: str(folders[match.group(1)]), text)
        text = re.sub(BEFORE_A_PORT + r"8080\b", rf"\g<1>{self.port}", text)
        return re.sub(r"\b8081\b", str(self.spare_port), re.sub(r"\b55432\b", str(self.db_port), text))

    def on_page(self, text: str) -> str:
        """An output of this machine as the page shows it."""
        folders = {
            self.data_dir: "/srv/isthmus/data",
            self.secrets_dir: "/srv/isthmus/secrets",
            self.root: "/srv/isthmus",
        }
        for path, shown in folders.items():
            text = text.replace(str(path), shown)
        text = text.replace(self.prefix, "lesson-").replace(self.project, "isthmus")
        text = re.sub(BEFORE_A_PORT + rf"{self.port}\b", r"\g<1>8080", text)
        text = re.sub(rf"\b{self.spare_port}\b", "8081", re.sub(rf"\b{self.db_port}\b", "55432", text))
        return re.sub(rf"\b{self.owner}\b", "10001:10001", text)
