"""An observation as the content of a figure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean

from netlab.diagram.containers import column, head, shelf_order, shelves, stopped_card
from netlab.diagram.figure import Column, Figure, Shelf, Unit
from netlab.diagram.networks import Wiring, bars, plugs, port_carriers, wire_up
from netlab.diagram.scene import Block, Line
from netlab.diagram.words import mode_words
from netlab.model.observation import Container, Observation
from netlab.model.wiring import Namespace, namespaces

MOST_CARDS, MOST_STOPPED = 3, 2
CABLE = ("cable", "cable: a veth pair, #: the number of a card")
REQUEST = ("request", "way of a request")
MOUNT = ("mount", "storage mounted, ro: read-only")


def figure(seen: Observation) -> Figure:
    """Everything that the picture of an observation shows."""
    wiring = wire_up(seen)
    shown = with_columns(seen)
    found, stored = units(seen, wiring, shelf_order(shown)), shelves(shown)
    return Figure(
        title=f"{seen.project} in mode {seen.mode or '?'}",
        subtitle=f"Docker {seen.engine.version}   seen at {seen.taken_at}",
        description=f"{mode_words(seen)} {summary(seen)}",
        host=Block(
            "host-name",
            (
                Line(f"host {seen.host.name}", "name"),
                Line(f"namespace {seen.host.namespace or 'not seen'}, lo 127.0.0.1", "small"),
            ),
        ),
        cards=host_cards(seen),
        bars=bars(wiring, seen),
        units=found,
        shelves=stored,
        notes=tuple(
            Block("note", (Line(f"Not seen: {one.what}: {one.why}. {one.remedy}", "text"),)) for one in seen.unseen
        ),
        legend=legend(found, stored),
    )


def units(seen: Observation, wiring: Wiring, order: Sequence[str]) -> tuple[Unit, ...]:
    """The namespaces from left to right, neighbours those that share networks, and then what does not run."""
    running = sorted(namespaces(seen), key=lambda one: place(one, wiring))
    made = [
        Unit(
            kind=one.kind,
            head=head(one),
            columns=tuple(column(container, order, seen) for container in one.containers),
            plugs=plugs(one, wiring, seen),
            carriers=() if one.kind == "host" else port_carriers(one, wiring, seen),
        )
        for one in running
    ]
    return (*made, *stopped_units([one for one in seen.containers if not one.running], order, seen))


def stopped_units(stopped: Sequence[Container], order: Sequence[str], seen: Observation) -> list[Unit]:
    """Containers that do not run: a few with their storage, many (a Swarm keeps those that it replaced) as a list."""
    head = Block("head", (Line("does not run: no network", "small"),))
    if len(stopped) > MOST_STOPPED:
        return [Unit("stopped", head, (Column(stopped_card(stopped, seen), ()),))]
    return [Unit("stopped", head, (column(one, order, seen),)) for one in stopped]


def with_columns(seen: Observation) -> tuple[Container, ...]:
    """The containers that are drawn with their storage."""
    running = tuple(one for one in seen.containers if one.running)
    return running if len(seen.containers) - len(running) > MOST_STOPPED else seen.containers


def place(namespace: Namespace, wiring: Wiring) -> float:
    """Where a namespace stands best: over the middle of its networks' numbers."""
    holder = namespace.containers[0]
    found = [bar for card in namespace.interfaces if (bar := wiring.bar(holder, card)) is not None]
    return mean(found) if found else len(wiring.networks)


def host_cards(seen: Observation) -> Block:
    """The cards that lead out of the host."""
    found = [one for one in seen.host.interfaces if one.kind == "card" and one.up and one.addresses]
    lines = [Line(f"{one.name} #{one.index}  {one.addresses[0]}", "strong") for one in found[:MOST_CARDS]]
    if len(found) > MOST_CARDS:
        lines.append(Line(f"and {len(found) - MOST_CARDS} more"))
    more = tuple(f"{one.name} {' '.join(one.addresses)} mtu {one.mtu}" for one in found)
    return Block("card-host", tuple(lines) or (Line("no card seen"),), more)


def legend(found: Sequence[Unit], stored: Sequence[Shelf]) -> tuple[tuple[str, str], ...]:
    """The kinds of wires that are in the picture."""
    every_plug = [plug for unit in found for plug in unit.plugs]
    is_asked = any(unit.carriers for unit in found) or any(plug.clients.here for plug in every_plug)
    is_asked = is_asked or any(shelf.socket for shelf in stored)
    is_mounted = any(column.chips for unit in found for column in unit.columns)
    is_plugged = any(plug.bar is not None for plug in every_plug)
    return (*([CABLE] if is_plugged else []), *([REQUEST] if is_asked else []), *([MOUNT] if is_mounted else []))


def summary(seen: Observation) -> str:
    """How much is in the picture, for who hears it read."""
    containers, spaces = len(seen.containers), len(namespaces(seen))
    ports = sum(len(one.published) for one in seen.containers)
    return f"In the picture: {containers} containers in {spaces} network namespaces, {ports} published ports."
