"""Others on the same engine: whoever shares the stack's namespaces or its folders, and ports that stand open."""

from __future__ import annotations

from collections.abc import Iterator

from netlab.checks.ports import BYPASS, is_loopback, text_of
from netlab.model.finding import Promise
from netlab.model.observation import Observation, Publication
from netlab.model.probe_results import Neighbour, Tried
from netlab.model.roles import mount_at, of_role


def company(seen: Observation, tried: Tried) -> Iterator[Promise]:
    """Nobody else is inside the stack's namespaces or works on its data."""
    yield namespaces_are_ours(seen, tried)
    yield data_is_ours(seen, tried)


def namespaces_are_ours(seen: Observation, tried: Tried) -> Promise:
    """No container of others joined one of ours."""
    ids = {one.id for one in seen.containers}
    names = {one.name for one in seen.containers}
    guests = [one for one in tried.neighbours if one.network_mode.removeprefix("container:") in ids | names]
    return Promise(
        code="no-guests",
        subject=seen.project,
        promise="no other container is in a namespace of the stack",
        expected="none",
        seen=", ".join(f"{one.name} ({one.state})" for one in guests) or "none",
        because="--network container:ID shares every port and loopback, the database's too",
    ).held(when=not guests, fix="; ".join(f"docker rm -f {one.name}" for one in guests))


def data_is_ours(seen: Observation, tried: Tried) -> Promise:
    """No other stack works on the data folder, and nobody else has the database's volume."""
    mounts = [mount_at(one, "/data") for one in of_role("loader", seen)]
    folders = {one.source for one in mounts if one}
    volumes = {one.volume for part in of_role("postgis", seen) for one in part.mounts if one.volume}
    strangers = [one for one in tried.neighbours if one.project != seen.project or not one.mode]
    others = [one for one in strangers if one.mode and folders & set(one.sources)]
    others += [one for one in strangers if volumes & set(one.sources) and one not in others]
    return Promise(
        code="data-is-ours",
        subject=seen.project,
        promise="no other stack works on the same data",
        expected="none",
        seen=", ".join(f"{one.name} of {one.project or 'no project'}" for one in others) or "none",
        because="two loaders on one folder write the same reports, and two servers on one volume lose tables",
    ).held(when=not others, fix=other_stack_fix(others))


def other_stack_fix(others: list[Neighbour]) -> str:
    """One of the two has to go."""
    projects = sorted({one.project for one in others if one.project})
    removed = [f"docker rm -f {one.name}" for one in others if not one.project]
    return "; ".join([*removed, *(f"ISTHMUS_PROJECT={one} ./scripts/down" for one in projects)])


def open_ports(seen: Observation, tried: Tried) -> Iterator[Promise]:
    """Ports of other containers that other machines reach. One of an image that this project built has its label."""
    found = [(one, port) for one in tried.neighbours for port in one.published if not is_loopback(port.host_address)]
    copies = [pair for pair in found if pair[0].project == seen.project]
    others = [pair for pair in found if pair not in copies]
    yield open_to_all(
        "copies-private", "containers run by hand of the stack's images publish on loopback only", copies
    ).held(when=not copies, fix="; ".join(f"docker rm -f {one.name}" for one, _ in copies))
    yield open_to_all("others-private", "other containers publish on loopback only", others).held(
        when=not others,
        otherwise="warning",
        fix="docker run -p 127.0.0.1:HOST:CONTAINER, or rules in the chain DOCKER-USER",
    )


def open_to_all(code: str, words: str, found: list[tuple[Neighbour, Publication]]) -> Promise:
    """What of other containers stands open."""
    return Promise(
        code=code,
        subject="this host",
        promise=words,
        expected="none is open to other machines",
        seen="; ".join(f"{one.name}: {text_of(port)}" for one, port in found) or "none is open",
        because=BYPASS if found else "the engine's list of all containers was read",
    )
