"""What the check tries, from this host and in the containers, and what came of it.

Writes only files that it removes again in the same breath, and asks the engine for one thing that isolation makes it
refuse. Everything else only looks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from ipaddress import ip_address

from netlab.model.observation import Container, Observation, Publication
from netlab.model.probe_results import ConnectionProbe, FolderProbe, JoinAttempt, Neighbour, ProbeResults, ResolvedName
from netlab.model.roles import api_addresses, api_targets, db_port, db_targets, names_of, of_role, role_of, storage_of
from netlab.observe.docker_engine import Engine, Json, listed, mapped, project_of
from netlab.observe.recording import Recording
from netlab.probe import tries
from netlab.probe.tries import outdated

HEALTH = "/health/ready"
WITHOUT_PYTHON = ("postgis", "net")


def probe(engine: Engine, recording: Recording, seen: Observation) -> ProbeResults:
    """Everything that is tried, in a few seconds. Raises: EngineAway"""
    with ThreadPoolExecutor(8) as pool:
        knocks = [pool.submit(tries.probe_port, *door) for door in doors(seen)]
        pages = [
            pool.submit(tries.get_page, address, path)
            for address in api_addresses(seen)
            for path in (HEALTH, tries.COLLECTIONS)
        ]
        public = [pool.submit(tries.get_public, url, address) for url, address in public_addresses(seen)]
        changed = pool.submit(outdated, recording)
        tried = inside_everyone(engine, seen)
        rules, rules_error = tries.firewall()
        folders, gone = mounted_folders(seen)
        made_anew, not_compared = changed.result()
        return replace(
            tried,
            knocks=tuple(one.result() for one in knocks),
            pages=tuple(one.result() for one in pages),
            public=tuple(one.result() for one in public),
            joinings=tuple(joinings(engine, seen)),
            neighbours=neighbours(engine.everyone(), {one["Id"] for one in recording.containers}),
            firewall=rules,
            forwarding=tries.forwarding(),
            folders=folders,
            gone=gone,
            words={name: text for name, text in last_words(recording) if text},
            wanted=tuple(wanted_ports(recording)),
            outdated=made_anew,
            missing={**tried.missing, "firewall": rules_error, "settings": not_compared},
        )


def inside_everyone(engine: Engine, seen: Observation) -> ProbeResults:
    """What was tried inside the running containers, or why it could not be."""
    resolved: list[ResolvedName] = []
    reached: list[ConnectionProbe] = []
    touched: list[FolderProbe] = []
    missing: dict[str, str] = {}
    for container in seen.containers:
        trial = trial_of(container, seen.mode)
        if not container.running or trial.empty:
            continue
        code, output = engine.run_inside(container.id, ["sh", "-c", trial.script])
        if code != 0:
            missing[container.name] = output.strip() or f"exit code {code}"
            continue
        names, connections, folders = tries.parse_trial(container.name, output)
        resolved += names
        reached += connections
        touched += folders
    return ProbeResults(resolved=tuple(resolved), reached=tuple(reached), touched=tuple(touched), missing=missing)


def trial_of(container: Container, mode: str) -> tries.Trial:
    """What to try inside a container."""
    folders = tuple(dict.fromkeys(one.probe for one in storage_of(container, mode)))
    if role_of(container) in WITHOUT_PYTHON:
        return tries.Trial(folders=folders)
    return tries.Trial(names_of(container), (*db_targets(container), *api_targets(container)), folders)


def doors(seen: Observation) -> Iterator[tuple[str, int]]:
    """Where nobody should reach the database: this host's own addresses, and that of a shared namespace."""
    outside = host_addresses(seen)
    for container in of_role("postgis", seen):
        ports = {one.host_port for one in container.published if one.container_port == db_port(container)}
        if seen.mode == "host":
            ports.add(db_port(container))
        yield from ((address, port) for port in sorted(ports) for address in outside)
    if seen.mode == "container":
        for container in of_role("net", seen):
            yield from ((one.ip, 5432) for one in container.attachments)


def host_addresses(seen: Observation) -> tuple[str, ...]:
    """The host's addresses that other machines may know: those of its cards and bridges, without loopback."""
    addresses = [one.partition("/")[0] for card in seen.host.interfaces if card.up for one in card.addresses]
    return tuple(one for one in addresses if not ip_address(one).is_loopback)


def public_addresses(seen: Observation) -> list[tuple[str, str]]:
    """The public address of the API, with one where the API itself answers."""
    urls = dict.fromkeys(one.setting("PUBLIC_URL") for one in of_role("api", seen))
    here = api_addresses(seen)
    return [(url, here[0]) for url in urls if url and here]


def joinings(engine: Engine, seen: Observation) -> Iterator[JoinAttempt]:
    """Asks to plug isolated containers into a network, which the engine refuses; what it does not refuse is undone."""
    for container in seen.containers:
        if container.network_mode == "none" and container.running:
            error = engine.try_joining("bridge", container.id)
            yield JoinAttempt(
                container.name, refused=bool(error), text=error or "it was plugged in, and unplugged again"
            )


def mounted_folders(seen: Observation) -> tuple[dict[str, str], tuple[str, ...]]:
    """(device:inode by path, paths that are gone) of the folders of this host that containers mount."""
    found: dict[str, str] = {}
    gone: list[str] = []
    if seen.engine.hidden:
        return found, ()
    paths = {mount.source for one in seen.containers for mount in one.mounts if mount.kind == "bind"}
    for path in sorted(paths):
        try:
            inode = tries.inode_of(path)
        except FileNotFoundError:
            gone.append(path)
        else:
            found |= {path: inode} if inode else {}
    return found, tuple(gone)


def last_words(recording: Recording) -> Iterator[tuple[str, str]]:
    """(container, what its last health check or its failed start said)."""
    for one in recording.containers:
        checks = listed(mapped(one["State"].get("Health")).get("Log"))
        said: list[str] = str(checks[-1]["Output"]).strip().splitlines() if checks else []
        last = said[-1] if said and one["State"]["Running"] else ""
        yield one["Name"].lstrip("/"), str(one["State"].get("Error") or last)


def wanted_ports(recording: Recording) -> Iterator[tuple[str, Publication]]:
    """(container, port of the host) of containers that do not run."""
    for one in recording.containers:
        if one["State"]["Running"]:
            continue
        for target, bindings in mapped(one["HostConfig"].get("PortBindings")).items():
            port, _, protocol = target.partition("/")
            for bound in listed(bindings):
                if bound["HostPort"].isdigit():
                    yield (
                        one["Name"].lstrip("/"),
                        Publication(bound["HostIp"], int(bound["HostPort"]), int(port), protocol),
                    )


def neighbours(everyone: Iterable[Json], ours: Collection[str]) -> tuple[Neighbour, ...]:
    """The containers whose id is none of ours, in order of name."""
    found = [neighbour(one) for one in everyone if one["Id"] not in ours]
    return tuple(sorted(found, key=lambda one: one.name))


def neighbour(listing: Json) -> Neighbour:
    """One container of `docker ps --all`."""
    labels = mapped(listing["Labels"])
    return Neighbour(
        name=listed(listing["Names"])[0].lstrip("/"),
        project=project_of(labels),
        state=listing["State"],
        mode=labels.get("isthmus.mode", ""),
        networks=tuple(mapped(mapped(listing["NetworkSettings"])["Networks"])),
        network_mode=mapped(listing["HostConfig"])["NetworkMode"],
        published=tuple(sorted(published(listed(listing["Ports"])), key=lambda one: (one.host_port, one.host_address))),
        sources=tuple(one.get("Name") or one.get("Source", "") for one in listed(listing["Mounts"])),
        data_dir=labels.get("isthmus.data", ""),
    )


def published(ports: Iterable[Json]) -> list[Publication]:
    """The published ones of the ports of `docker ps`."""
    return [
        Publication(one.get("IP", ""), one["PublicPort"], one["PrivatePort"], one["Type"])
        for one in ports
        if "PublicPort" in one
    ]
