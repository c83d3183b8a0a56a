"""What the engine and the host answered, as it came: plain JSON that can be kept, sent with a question, read in tests.

Of a container's environment only what says how parts find each other is kept: a recording holds no password.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from netlab.errors import BadRecording
from netlab.observe.docker_json import Json, listed

FORMAT = 1
KEPT_SETTINGS = (
    *("MODE", "LISTEN", "DB_HOST", "DB_PORT", "API", "PUBLIC_URL", "TRUSTED_PROXIES"),
    *("PG_LISTEN", "PG_SOCKET_DIR", "DATA_DIR"),
)
LINK_VARIABLE = r"(?!ISTHMUS_)\w+_(PORT|NAME|PORT_\d+_(TCP|UDP)\w*)"
KEPT_VARIABLE = re.compile(rf"(ISTHMUS_({'|'.join(KEPT_SETTINGS)})|PGPORT|PGDATA|{LINK_VARIABLE})=")


@dataclass(frozen=True, slots=True)
class Recording:
    """Answers of one look at one stack.

    `containers`, `networks`: `docker inspect`. `images`: tag -> id. `inside`: container id -> output of INSIDE_SCRIPT,
    or an error. `host`: see netlab.observe.host. `engine`: `docker version` and `docker info`, the parts that are used.
    """

    taken_at: str
    project: str
    engine: Json
    containers: list[Json]
    networks: list[Json]
    images: dict[str, str]
    inside: dict[str, Json]
    host: Json
    format: int = field(default=FORMAT)


def without_secrets(container: Json) -> Json:
    """The inspected container with only the variables that are of use to the lab."""
    config = container["Config"]
    kept = [entry for entry in listed(config.get("Env")) if KEPT_VARIABLE.match(entry)]
    return {**container, "Config": {**config, "Env": kept}}


def dump(recording: Recording) -> str:
    """The recording as JSON text."""
    return json.dumps(asdict(recording), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def load(path: Path) -> Recording:
    """A recording that `dump` wrote. Raises: BadRecording"""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["format"] != FORMAT:
            raise BadRecording(f"{path} has format {values['format']}, this is {FORMAT}")
        return Recording(**{one.name: values[one.name] for one in fields(Recording)})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadRecording(f"{path} is not a recording of the lab: {error}") from error
