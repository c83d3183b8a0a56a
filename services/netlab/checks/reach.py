"""The stack is reached and reaches: names resolve, PostgreSQL accepts, the API answers, its links lead back."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from netlab.checks.findings import Finding
from netlab.model.observation import Container, Observation
from netlab.model.probe_results import ApiResponse, ConnectionProbe, ProbeResults, PublicResponse, ResolvedName
from netlab.model.roles import of_role, role_of, start_command
from netlab.probe.tries import COLLECTIONS

FORGOTTEN = (
    "asked inside the container; names go with the container's place in the network, and an engine was seen to forget"
    " those of running containers when a swarm began or ended on it"
)


def names_and_connections(seen: Observation, tried: ProbeResults) -> Iterator[Finding]:
    """What was tried inside the containers, in order of container."""
    for container in seen.containers:
        yield from (resolves(one, container, seen) for one in tried.resolved if one.container == container.name)
        yield from (connects(one, container, seen) for one in tried.reached if one.container == container.name)
        if container.running and container.name in tried.missing:
            yield not_looked_into(container, tried.missing[container.name])


def resolves(one: ResolvedName, container: Container, seen: Observation) -> Finding:
    """The name leads only to the container that it is meant for. In a swarm tasks of other nodes have it too."""
    meant = target_name(one.name, container, seen)
    targets = {place.ip for other in seen.containers if other.name == meant for place in other.attachments}
    right = seen.mode == "swarm" or not targets or targets.issuperset(one.addresses)
    return Finding(
        code="name-resolves",
        subject=container.name,
        promise=f"the name {one.name} leads to its container",
        expected=" or ".join(sorted(targets)) or "an address",
        seen=", ".join(one.addresses) or "no address",
        because="asked inside the container, as its programs ask" if one.addresses else FORGOTTEN,
    ).held(when=bool(one.addresses) and right, fix=name_fix(one.name, meant, seen))


def name_fix(name: str, target: str, seen: Observation) -> str:
    """A name comes back with its container, or with that one's place in the network."""
    there = next((one for one in seen.containers if one.name == target), None)
    if there and not there.running:
        return f"docker start {target}"
    if seen.mode == "swarm":
        return f"docker service ps {seen.project}_{name}"
    if there and any(one.network == f"{seen.project}_default" for one in there.attachments):
        return f"docker restart {target}"
    return f"docker network connect --alias {name} {seen.project}_default {target}"


def target_name(name: str, container: Container, seen: Observation) -> str:
    """The container that a name is meant for."""
    links = {alias: target for one in container.attachments for alias, target in one.links}
    by_role = [one.name for one in seen.containers if name in (role_of(one), one.service)]
    return links.get(name) or next(iter(by_role), name)


def connects(one: ConnectionProbe, container: Container, seen: Observation) -> Finding:
    """A program of the container gets a connection."""
    whom = "PostgreSQL" if "PGSQL" in one.target or one.target.endswith(db_ports(seen)) else "the API"
    return Finding(
        code="part-reached",
        subject=container.name,
        promise=f"reaches {whom} at {one.target}",
        expected="connected",
        seen=one.text,
        because="tried inside the container, as its own user",
    ).held(when=one.open, fix=f"see what is broken above; {start_command(seen.mode)} mends most of it")


def db_ports(seen: Observation) -> tuple[str, ...]:
    """The ends of addresses that are the database's."""
    ports = {one.setting("PGPORT") for one in of_role("postgis", seen)} | {"5432"}
    return tuple(f":{port}" for port in ports if port)


def not_looked_into(container: Container, why: str) -> Finding:
    """Nothing could be tried in it."""
    return Finding(
        code="part-looked-into",
        subject=container.name,
        promise="names, connections and files are tried inside it",
        expected="docker exec runs sh",
        seen="",
        because="",
    ).unseen(why, f"docker exec {container.name} sh -c true")


def answers(seen: Observation, tried: ProbeResults) -> Iterator[Finding]:
    """The API answers where the mode says that it does."""
    for page in tried.pages:
        yield answered(page, seen)
        if page.path == COLLECTIONS and page.status == 200:
            yield from links_lead_back(page, seen)
    if not tried.pages:
        yield Finding(
            code="api-answers",
            subject="API",
            promise="answers where clients find it",
            expected="a published port, a port of the host or a socket",
            seen="nowhere to ask",
            because="no container has a place where the API could be asked",
        ).held(when=False, fix=start_command(seen.mode))


def answered(page: ApiResponse, seen: Observation) -> Finding:
    """A page of the API came."""
    promise = Finding(
        code="api-answers",
        subject="API",
        promise=f"answers {page.path.partition('?')[0]} at {page.at}",
        expected="200",
        seen=str(page.status) if page.status is not None else page.text,
        because="asked by this host, as a client does",
    )
    if page.text == "permission denied":
        return promise.unseen("the socket may be used by its owner only", "sudo ./scripts/isthmus net check")
    return promise.held(
        when=page.status == 200, fix=f"see what is broken above; {start_command(seen.mode)} mends most of it"
    )


def links_lead_back(page: ApiResponse, seen: Observation) -> Iterator[Finding]:
    """The links of a response begin with the address of the request, or with the public one."""
    base = public_url(seen) or f"http://{page.at if not page.at.startswith('unix:') else 'localhost'}"
    own = [link for link in page.links if urlsplit(link).path.startswith(urlsplit(base).path)]
    wrong = [
        link
        for link in page.links
        if not link.startswith(base.rstrip("/") + "/") and "/collections" in urlsplit(link).path
    ]
    yield Finding(
        code="links-lead-back",
        subject="API",
        promise=f"links of the answer at {page.at} lead back to it",
        expected=f"{base.rstrip('/')}/…",
        seen=wrong[0] if wrong else f"{len(own)} links, all of them",
        because="ISTHMUS_PUBLIC_URL says what links begin with" if public_url(seen) else "links follow the Host header",
    ).held(when=not wrong, fix="ISTHMUS_PUBLIC_URL= (empty), or the address that clients see, then ./scripts/up")


def public_url(seen: Observation) -> str:
    """The address that clients are said to see, empty where links follow the request."""
    return next((one.setting("PUBLIC_URL") for one in of_role("api", seen) if one.setting("PUBLIC_URL")), "")


def public_address(_seen: Observation, tried: ProbeResults) -> Iterator[Finding]:
    """ISTHMUS_PUBLIC_URL leads to this API."""
    for one in tried.public:
        yield Finding(
            code="public-url",
            subject="API",
            promise=f"the public address {one.url} leads to this API",
            expected="the same answer as the API's own",
            seen=public_text(one),
            because="every link of every answer begins with it; asked from this host, so a name that only others"
            " know is not found here",
        ).held(when=one.same, fix=public_fix(tried))


def public_text(one: PublicResponse) -> str:
    """What the public address answered."""
    if one.same:
        return "the same answer"
    return f"{one.text}, another server's answer" if one.status is not None else one.text


def public_fix(tried: ProbeResults) -> str:
    """The public address as it would be right without a proxy in front."""
    ports = [one.at for one in tried.pages if not one.at.startswith("unix:")]
    right = f", such as http://{ports[0]}" if ports else ""
    return f"ISTHMUS_PUBLIC_URL= (links then follow the request), or what clients see{right}, then ./scripts/up"
