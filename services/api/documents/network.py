"""What the network lab left, as a document, and as tables of a page that take nothing for granted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from api.links import HTML, SVG, Links
from api.network_reports import Left

HOW = "./scripts/isthmus net {} on the host, beside the engine, leaves one"
MOST_ROWS, MOST_TEXT = 200, 700
COMMANDS = {"show.json": "show", "show.svg": "show", "check.json": "check", "compare.json": "compare"}
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a page: heads, rows of texts. `verdicts`: a word for each row that says how it looks."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    verdicts: tuple[str, ...] = field(default=())


def network_document(left: Left, mode: str, links: Links) -> Json:
    """The reports as they were left, null where there is none, and what a reader should know about them."""
    picture = links.url("network", "picture") if left.picture else None
    own = [links.link("picture", SVG, "picture of the network", "network", "picture")] if left.picture else []
    return {
        "mode": mode,
        "notes": list(notes(left, mode)),
        "picture": picture,
        **left.reports,
        "links": [*own, links.link("service-doc", HTML, "landing page", query={"f": "html"})],
    }


def notes(left: Left, mode: str) -> Iterator[str]:
    """What is missing, damaged or of another mode, each with what to do."""
    for name in left.damaged:
        again = f"./scripts/isthmus net {COMMANDS[name]}"
        yield f"{name} on the data volume is damaged or cannot be read: {again} on the host writes it anew."
    shown = left.reports.get("show")
    if shown is None and "show.json" not in left.damaged:
        yield f"No picture of the network was left yet. {HOW.format('show')}."
    if shown is not None and text(shown.get("mode")) not in ("", mode):
        yield f"The report is of mode {text(shown.get('mode'))}, and the stack runs in mode {mode} now."


def page_tables(left: Left) -> dict[str, Table]:
    """The tables of the page by name, those without a row left out."""
    shown, checked, compared = (left.reports.get(name) or {} for name in ("show", "check", "compare"))
    found = {
        "containers": containers_table(shown),
        "ports": ports_table(shown),
        "storage": storage_table(shown),
        "promises": promises_table(checked),
        "results": results_table(compared),
    }
    return {name: replace(table, rows=table.rows[:MOST_ROWS]) for name, table in found.items() if table.rows}


def containers_table(shown: Json) -> Table:
    """The containers: what they are, where they are in the network."""
    rows = tuple(
        (
            text(one.get("name")),
            text(one.get("image")),
            ", ".join(filter(None, (text(one.get("state")), text(one.get("health"))))),
            text(one.get("network_mode"))[:40],
            " ".join(addresses_of(one)),
            text(one.get("namespace")),
        )
        for one in objects(shown.get("containers"))
    )
    return Table(("container", "image", "state", "--network", "addresses", "namespace"), rows)


def addresses_of(container: Json) -> list[str]:
    """The addresses of a container, without loopback's."""
    cards = [card for card in objects(container.get("interfaces")) if card.get("kind") != "loopback"]
    return [address for card in cards for address in texts(card.get("addresses"))]


def ports_table(shown: Json) -> Table:
    """The published ports."""
    rows = tuple(
        (
            f"{text(port.get('host_address')) or '0.0.0.0'}:{text(port.get('host_port'))}",  # noqa: S104
            text(one.get("name")),
            f"{text(port.get('container_port'))}/{text(port.get('protocol')) or 'tcp'}",
        )
        for one in objects(shown.get("containers"))
        for port in objects(one.get("published"))
    )
    return Table(("on the host", "container", "its port"), rows)


def storage_table(shown: Json) -> Table:
    """The mounts."""
    rows = tuple(
        (
            text(one.get("name")),
            text(mount.get("target")),
            "rw" if mount.get("writable") is True else "ro",
            text(mount.get("kind")),
            text(mount.get("volume")) or text(mount.get("source")),
        )
        for one in objects(shown.get("containers"))
        for mount in objects(one.get("mounts"))
    )
    return Table(("container", "in the container", "rights", "kind", "on the host"), rows)


def promises_table(checked: Json) -> Table:
    """The promises of the mode, the broken ones first."""
    order = ("broken", "warning", "unseen", "kept")
    found = [one for one in objects(checked.get("promises")) if text(one.get("verdict")) in order]
    found.sort(key=lambda one: order.index(text(one.get("verdict"))))
    names = ("subject", "promise", "expected", "seen", "because", "fix")
    rows = tuple((text(one.get("verdict")), *(text(one.get(name)) for name in names)) for one in found)
    return Table(("verdict", *names), rows, tuple(text(one.get("verdict")) for one in found))


def results_table(compared: Json) -> Table:
    """The measurements: a column for each number that the report has."""
    found = objects(compared.get("results"))
    columns = dict.fromkeys(name for one in found for name in one if isinstance(one[name], str | int | float))
    heads = tuple(columns)[:12]
    return Table(
        tuple(text(name).replace("_", " ") for name in heads),
        tuple(tuple(text(one.get(name)) for name in heads) for one in found),
    )


def sentences(values: Any) -> list[str]:
    """The texts of a list of texts, or of objects that have a `text`."""
    found = [cast(Json, value).get("text") if isinstance(value, dict) else value for value in listed(values)]
    return [text(value) for value in found if text(value)]


def listed(value: Any) -> Sequence[Any]:
    """A list as it is, up to a length; anything else is an empty one."""
    return cast(list[Any], value)[:MOST_ROWS] if isinstance(value, list) else []


def objects(value: Any) -> list[Json]:
    """The objects of a list."""
    return [cast(Json, one) for one in listed(value) if isinstance(one, dict)]


def texts(value: Any) -> list[str]:
    """The texts of a list."""
    return [text(one) for one in listed(value)]


def text(value: Any) -> str:
    """A value as a short text; null is an empty one. Numbers are as long as they are read."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    found = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return found if len(found) <= MOST_TEXT else f"{found[:MOST_TEXT]}…"
