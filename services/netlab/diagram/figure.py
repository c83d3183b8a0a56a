"""What a figure shows and what belongs to what, before anything has a place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from netlab.diagram.scene import Block

UnitKind = Literal["host", "own", "shared", "isolated", "stopped"]


@dataclass(frozen=True, slots=True)
class Clients:
    """Who reaches a socket of the host: programs of other machines, programs of this one."""

    outside: bool = False
    here: bool = False


@dataclass(frozen=True, slots=True)
class Plug:
    """A card at the edge of a namespace, a socket at the edge of the host's, or what carries ports to a network.

    `bar` is the network that it leads to, `far` the end of its cable there; `column` the container it belongs over.
    """

    block: Block
    bar: int | None = None
    far: Block | None = None
    column: int | None = None
    clients: Clients = Clients()


@dataclass(frozen=True, slots=True)
class Chip:
    """Where a container has storage mounted: the shelf, and what it is in the container."""

    shelf: int
    block: Block


@dataclass(frozen=True, slots=True)
class Column:
    """A container with its storage."""

    card: Block
    chips: tuple[Chip, ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """A network namespace: its plugs, what carries ports to it, what is said about it, and its containers."""

    kind: UnitKind
    head: Block
    columns: tuple[Column, ...]
    plugs: tuple[Plug, ...] = ()
    carriers: tuple[Plug, ...] = ()


@dataclass(frozen=True, slots=True)
class Bar:
    """A network: a bridge of the host, or an overlay over several hosts. `used` if something is plugged in."""

    block: Block
    used: bool
    overlay: bool = False


@dataclass(frozen=True, slots=True)
class Shelf:
    """Storage of the host, drawn once however many containers have it. `socket`: a program here may come in by it."""

    block: Block
    socket: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """Everything in the picture."""

    title: str
    subtitle: str
    description: str
    host: Block
    cards: Block
    bars: tuple[Bar, ...] = ()
    units: tuple[Unit, ...] = ()
    shelves: tuple[Shelf, ...] = ()
    notes: tuple[Block, ...] = ()
    legend: tuple[tuple[str, str], ...] = ()
    """(kind of wire, what it means)"""
