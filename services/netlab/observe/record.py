"""Looks at a stack: asks the engine, the host and each running container, and returns the answers as they came."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from netlab.observe.docker_engine import Engine
from netlab.observe.docker_json import Json, listed, mapped
from netlab.observe.host import look_at_host, waiting
from netlab.observe.recording import Recording, without_secrets

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
    names = {network["NetworkID"] or name for one in containers for name, network in networks_of(one)}
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


def networks_of(container: Json) -> list[tuple[str, Json]]:
    """(name, endpoint) of the networks that the engine lists for a container."""
    return list(mapped(container["NetworkSettings"]["Networks"]).items())


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
