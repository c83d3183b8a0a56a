"""One look at a stack: which one is meant, and what engine, host and containers answered, as it came.

A recording is plain JSON that can be stored, sent with a question, read in tests.

Of a container's environment only what says how parts find each other is kept: a recording holds no password.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path

from netlab.errors import BadRecording, NoStack
from netlab.observe.docker_engine import Engine, Json, listed, mapped
from netlab.observe.host import look_at_host, waiting

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


Stack = tuple[str, str, str]
"""(project, mode, data folder)"""


def choose_project(stacks: Sequence[Stack], own: tuple[str, Path], mode: str | None, named: str | None = None) -> str:
    """The project to look at: the one that was named, or the one of the settings, or else the only one.

    own: the project and the data folder of the settings
    Raises: NoStack when none fits, or several do
    """
    fitting = [one for one in stacks if one[0] == named] if named else fitting_settings(stacks, *own)
    names = sorted({one[0] for one in fitting})
    if not names and stacks:
        others = ", ".join(sorted({one[0] for one in stacks}))
        raise NoStack(f"no stack {named} runs in containers", hint=f"those that run: {others}")
    if not names:
        raise NoStack("no stack of Isthmus runs in containers", hint=f"./scripts/up {mode or 'bridge'} starts one")
    if len(names) > 1:
        raise NoStack(f"several stacks run: {', '.join(names)}", hint=f"say which one: --project {names[0]}")
    check_mode(names[0], sorted({one[1] for one in fitting}), mode)
    return names[0]


def fitting_settings(stacks: Sequence[Stack], project: str, data_dir: Path) -> Sequence[Stack]:
    """The stacks of the project, or of the data folder, or all."""
    of_project = [one for one in stacks if one[0] == project]
    return of_project or [one for one in stacks if one[2] == str(data_dir)] or stacks


def check_mode(project: str, running: Sequence[str], mode: str | None) -> None:
    """Raises: NoStack when the project does not run in the wanted mode"""
    if mode is not None and mode not in running:
        raise NoStack(
            f"{project} runs in mode {' and '.join(running)}, not {mode}", hint=f"./scripts/up {mode} switches to it"
        )


ALWAYS = ("bridge", "docker_gwbridge")
"""Networks that are looked at in any case: a Swarm's tasks reach the world by the second, and their JSON is silent."""
INSIDE_SCRIPT = """
echo '# namespace'; readlink /proc/self/ns/net
echo '# cards'
for card in /sys/class/net/*; do
  cd "$card"; echo "${card##*/} $(cat ifindex iflink mtu operstate address 2>/dev/null | tr '\\n' ' ')"
done
echo '# addresses'; cat /proc/net/fib_trie
echo '# tcp'; cat /proc/net/tcp
echo '# tcp6'; cat /proc/net/tcp6 2>/dev/null
echo '# unix'; cat /proc/net/unix
echo '# hosts'; cat /etc/hosts
true
"""
"""Run by `sh` in a container, as its own user: needs no right, and no program beyond coreutils."""


def observe(engine: Engine, project: str) -> Recording:
    """One look at a stack. Raises: EngineAway"""
    containers = [without_secrets(one) for one in engine.containers_of(project)]
    described = engine.describe()
    places = [place for one in containers for place in mapped(one["NetworkSettings"]["Networks"]).items()]
    names = {network["NetworkID"] or name for name, network in places}
    paths = {mount["Source"] for one in containers for mount in one["Mounts"] if mount["Source"]}
    inside = {one["Id"]: look_inside(engine, one) for one in containers if one["State"]["Running"]}
    return Recording(
        taken_at=datetime.now(UTC).isoformat(timespec="seconds"),
        project=project,
        engine=used_parts(described) | {"local": engine.is_local},
        containers=containers,
        networks=[found for name in sorted({*names, *ALWAYS}) if (found := engine.network(name))],
        images={tag: engine.image_id(tag) or "" for tag in sorted({one["Config"]["Image"] for one in containers})},
        inside=inside,
        host=with_owners_of_these(look_at_host(sorted(paths)), inside),
    )


def look_inside(engine: Engine, container: Json) -> Json:
    """What INSIDE_SCRIPT printed in the container, or why it could not run."""
    code, output = engine.run_inside(container["Id"], ["sh", "-c", INSIDE_SCRIPT])
    if code != 0:
        return {"error": output.strip() or f"exit code {code}"}
    head, *tables = re.split(r"^(?=# (?:tcp|tcp6|unix|hosts)\n)", output, flags=re.MULTILINE)
    return {"output": head + "".join(table if table.startswith("# hosts") else without_talk(table) for table in tables)}


def without_talk(table: str) -> str:
    """A table of sockets with its name, but only the sockets that wait for clients."""
    name, _, lines = table.partition("\n")
    return f"{name}\n{waiting(lines)}"


def with_owners_of_these(host: Json, inside: dict[str, Json]) -> Json:
    """The host's answers, of all owners of sockets only those of sockets that are in the tables."""
    tables = [host["tcp"], host["tcp6"], host["unix"], *(answer.get("output", "") for answer in inside.values())]
    words = {word for table in tables for word in table.split()}
    return {**host, "owners": {inode: name for inode, name in host["owners"].items() if inode in words}}


def used_parts(described: Json) -> Json:
    """Of `docker version` and `docker info` what the lab uses; the rest says too much about the machine."""
    version, info = described["version"], described["info"]
    return {
        "version": version["Version"],
        "api_version": version["ApiVersion"],
        "os": info.get("OperatingSystem", ""),
        "name": info.get("Name", ""),
        "root_dir": info.get("DockerRootDir", ""),
        "security": listed(info.get("SecurityOptions")),
        "swarm": mapped(info.get("Swarm")).get("LocalNodeState", "inactive"),
    }
