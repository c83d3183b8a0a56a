"""The picture with its facts as one page: asks no server for anything, follows light and dark, can be printed.

What the picture shortens is whole in the tables under it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from html import escape

from netlab.diagram.svg import picture
from netlab.model.observation import Container, Observation, endpoint
from netlab.model.wiring import cables, carriers, namespaces
from netlab.report.observation import mode_words, shortened

STYLE = """
:root { color-scheme: light dark; --paper: #fbfaf7; --card: #fff; --ink: #1c2a2e; --quiet: #5d6b70; --line: #dfe3e2; }
@media screen and (prefers-color-scheme: dark) {
  :root { --paper: #12191b; --card: #1a2326; --ink: #e6ecec; --quiet: #9aa9ac; --line: #2d393c; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem; max-width: 120rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .6rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 .2rem; }
p { max-width: 52rem; margin: .3rem 0 .8rem; }
.quiet { color: var(--quiet); }
figure { margin: 1.2rem 0; }
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: 10px; background: var(--card); }
figure svg { display: block; width: 100%; height: auto; min-width: min(60rem, 100%); margin: 0 auto; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; margin: .6rem 0; max-width: 60rem; }
dt { font-weight: 600; }
dd { margin: 0; }
.swatch { display: inline-block; width: .8em; height: .8em; border-radius: 3px; margin-right: .5em; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .8rem; border-bottom: 1px solid var(--line); }
td { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: .82rem;
  overflow-wrap: break-word; max-width: 40rem; }
th { color: var(--quiet); font-weight: 600; white-space: nowrap; }
td:first-child { white-space: nowrap; }
tbody tr:last-child td { border-bottom: 0; }
@page { size: landscape; margin: 12mm; }
@media print {
  :root { color-scheme: light; }
  body { padding: 0; max-width: none; background: none; font-size: 10pt; }
  td, td:first-child { font-size: 7.5pt; white-space: normal; overflow-wrap: anywhere; padding: .2rem .5rem; }
  th { font-size: 8pt; padding: .2rem .5rem; }
  .wide { overflow: visible; border: 0; }
  figure svg { max-height: 165mm; min-width: 0; }
  .swatch { print-color-adjust: exact; }
  h2, tr, figure { break-inside: avoid; }
  h2 { break-after: avoid; }
}
"""
LEGEND = (
    ("blue", "the network of containers: a bridge of the host, and the veth pairs that lead into it"),
    ("orange", "the ways in from outside: published ports with what carries them, and sockets"),
    ("teal", "containers; the frame around them is their network namespace, dashed where it is the host's own"),
    ("green", "storage of the host, a row each, and where a container has it: rw or ro, and the path in the container"),
    ("violet", "overlay networks, which join the machines of a swarm"),
    ("#31", "the number of a card (ifindex), by which the two ends of a cable name each other"),
)
COLOURS = {"blue": "#2f74b5", "orange": "#c9842b", "teal": "#0b6e75", "green": "#5e8a36", "violet": "#6b4fb3"}
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def html(seen: Observation) -> str:
    """The page."""
    title = cell_html(f"{seen.project} in mode {seen.mode or '?'}")
    facts = "\n".join(table_html(one) for one in tables(seen))
    legend = "".join(f"<dt>{swatch(name)}{escape(name)}</dt><dd>{escape(words)}</dd>" for name, words in LEGEND)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{title}</h1>
<p>{escape(mode_words(seen))}</p>
<p class="quiet">Docker {cell_html(seen.engine.version)}, seen at {seen.taken_at} by <code>isthmus net show</code></p>
<figure><div class="wide">
{picture(seen)}</div></figure>
<dl>{legend}</dl>
{facts}
</body>
</html>
"""


def swatch(name: str) -> str:
    """A sample of a colour, before its name."""
    return f'<i class="swatch" style="background:{COLOURS[name]}"></i>' if name in COLOURS else ""


def table_html(table: Table) -> str:
    """A table."""
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in table.heads)
    rows = "\n".join("<tr>" + "".join(f"<td>{cell_html(cell)}</td>" for cell in row) + "</tr>" for row in table.rows)
    return f"""<h2>{escape(table.title)}</h2>
<p class="quiet">{escape(table.says)}</p>
<div class="wide"><table><thead><tr>{heads}</tr></thead>
<tbody>
{rows}
</tbody></table></div>"""


def cell_html(text: str) -> str:
    """Text of a page: what has no character there is replaced."""
    return escape(text.encode("utf-8", "replace").decode())


Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a title and a sentence that says what a row is."""

    title: str
    says: str
    heads: Row
    rows: tuple[Row, ...]


def tables(seen: Observation) -> tuple[Table, ...]:
    """All tables that have a row."""
    found = (Table(title, says, heads, tuple(rows(seen))) for title, says, heads, rows in TABLES)
    return tuple(one for one in found if one.rows)


def container_row(one: Container) -> Row:
    """A container."""
    addresses = [address for card in one.interfaces if card.kind != "loopback" for address in card.addresses]
    links = [f"{alias} → {name}" for attachment in one.attachments for alias, name in attachment.links]
    return (
        one.name,
        f"{one.image}{' (older than its tag)' if one.stale else ''}",
        ", ".join(filter(None, (one.state, one.health))),
        one.user or "root",
        str(one.namespace or ""),
        " ".join(addresses),
        shortened(one.network_mode),
        ", ".join((*links, *(f"{name} → {address}" for name, address in one.hosts))),
    )


def network_rows(seen: Observation) -> Iterator[Row]:
    """The networks; of those that have an interface its MTU."""
    sizes = {card.name: card.mtu for card in seen.host.interfaces}
    for one in seen.networks:
        size = sizes.get(one.bridge or "", one.mtu)
        yield (
            *(one.name, one.driver, one.bridge or "", " ".join(one.subnets), " ".join(one.gateways)),
            str(size or ""),
        )


def cable_rows(seen: Observation) -> Iterator[Row]:
    """The veth pairs."""
    for one in cables(seen):
        end = (
            f"{one.host_end.name} #{one.host_end.index}" if one.host_end else f"#{one.card.peer_index}, not on the host"
        )
        card = f"{one.card.name} #{one.card.index}"
        yield one.container.name, card, " ".join(one.card.addresses), end, one.network or ""


def port_rows(seen: Observation) -> Iterator[Row]:
    """The published ports. Where the firewall could not be read it is said to be not seen."""
    unseen = "not seen" if seen.host.nat_rules is None else "none"
    for one in seen.containers:
        for port in one.published:
            found = carriers(port, one, seen)
            rule = found.rule.text if found.rule else unseen
            proxy = f"process {found.proxy.pid}" if found.proxy else "none"
            start = endpoint(port.host_address or "0.0.0.0", port.host_port)  # noqa: S104
            yield start, one.name, f"{port.container_port}/{port.protocol}", rule, proxy


def socket_rows(seen: Observation) -> Iterator[Row]:
    """The sockets of each namespace."""
    for one in namespaces(seen):
        owner = "the host" if one.kind == "host" else one.containers[0].name
        yield from ((owner, listener.text, listener.process or "") for listener in one.listeners)


def mount_rows(seen: Observation) -> Iterator[Row]:
    """The mounts of each container, by their paths in it."""
    for one in seen.containers:
        for mount in sorted(one.mounts, key=lambda mount: mount.target):
            owner = f"{mount.rights.uid}:{mount.rights.gid}" if mount.rights else ""
            mode = mount.rights.mode if mount.rights else ""
            where = mount.source if mount.volume is None else f"{mount.volume} ({mount.source})"
            yield one.name, mount.target, "rw" if mount.writable else "ro", mount.kind, where, owner, mode


TABLES: tuple[tuple[str, str, Row, Callable[[Observation], Iterable[Row]]], ...] = (
    (
        "Containers",
        "Those with the same namespace share one network.",
        ("container", "image", "state", "user", "network namespace", "addresses", "--network", "knows by name"),
        lambda seen: map(container_row, seen.containers),
    ),
    (
        "Networks",
        "What the engine calls a network, and the interface of the host that it is made of.",
        ("network", "driver", "interface", "subnet", "gateway", "MTU"),
        network_rows,
    ),
    (
        "Cables",
        "A veth pair each: its two ends name each other by number.",
        ("container", "its end", "address", "the other end", "network"),
        cable_rows,
    ),
    (
        "Published ports",
        "A rule of the firewall carries clients of other machines, docker-proxy those of this host.",
        ("on the host", "container", "its port", "NAT rule", "docker-proxy"),
        port_rows,
    ),
    (
        "Sockets that wait for clients",
        "Of the host's own namespace those of other programs too.",
        ("namespace of", "address", "process"),
        socket_rows,
    ),
    (
        "Storage",
        "A bind mount is a path of the host, a volume one that Docker keeps, tmpfs is memory.",
        ("container", "in the container", "rights", "kind", "on the host", "owner", "mode"),
        mount_rows,
    ),
    (
        "Not seen",
        "What could not be looked at, and how it would be.",
        ("what", "why", "remedy"),
        lambda seen: ((one.what, one.why, one.remedy) for one in seen.unseen),
    ),
)
