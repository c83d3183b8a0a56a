"""Reports of the network lab on the data volume and its picture, as a document and as tables of a page.

The lab runs on the host, beside the engine; the API never sees Docker. Whoever may put files into the data folder may
put them here too, so nothing is believed: no link is followed, a file is read up to a size, JSON is checked whole, and
tables take nothing for granted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from api.documents.plain_files import Json, Unusable, opened, read_json, read_plain
from api.http.links import HTML, SVG, Links

NAMES = ("show", "check", "compare")
PICTURE = "show.svg"
FOLDER = "var/network"
MOST_BYTES = 2_000_000

HOW = "./scripts/isthmus net {} on the host, beside the engine, leaves one"
MOST_ROWS, MOST_TEXT, MOST_NUMBER = 200, 700, 10**15
RESULTS = {
    "workload": "workload",
    "mode": "mode",
    "rps": "requests/s",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "bytes_per_s": "MB/s",
    "cpu_us_per_request": "CPU µs per request",
}
"""Columns of a comparison: name in the report -> head."""
VERDICTS = ("broken", "warning", "unseen", "kept")
KEPT = ("subject", "promise", "seen")
"""Columns of the checks that hold."""


@dataclass(frozen=True, slots=True)
class ReportsFolder:
    """The reports by name, None for those that are not there; whether there is a picture; files that are damaged.

    `changed_at` is when the last of them changed, None when nothing was ever left.
    """

    reports: dict[str, Json | None]
    picture: bool
    damaged: tuple[str, ...]
    changed_at: datetime | None


def read_reports(data_dir: Path) -> ReportsFolder:
    """All reports, and whether there is a picture."""
    reports: dict[str, Json | None] = {}
    damaged: list[str] = []
    for name in NAMES:
        try:
            reports[name] = read_report(data_dir, f"{name}.json")
        except Unusable:
            reports[name] = None
            damaged.append(f"{name}.json")
    try:
        picture = read_picture(data_dir) is not None
    except Unusable:
        picture = False
        damaged.append(PICTURE)
    return ReportsFolder(reports, picture, tuple(damaged), changed_at(data_dir))


def read_report(data_dir: Path, name: str) -> Json | None:
    """A report, None when there is none. Raises: Unusable"""
    return read_json(data_dir / FOLDER, name, MOST_BYTES)


def read_picture(data_dir: Path) -> bytes | None:
    """The picture, None when there is none. Raises: Unusable when it is no whole SVG"""
    raw = read_plain(data_dir / FOLDER, PICTURE, MOST_BYTES)
    if raw is not None and not (raw.lstrip().startswith(b"<svg ") and raw.rstrip().endswith(b"</svg>")):
        raise Unusable
    return raw


def changed_at(data_dir: Path) -> datetime | None:
    """When a file was last put there or taken away: each is renamed into the folder."""
    try:
        with opened(data_dir / FOLDER) as folder:
            return datetime.fromtimestamp(int(os.fstat(folder).st_mtime), UTC)
    except OSError:
        return None


@dataclass(frozen=True, slots=True)
class HtmlTable:
    """A table of a page: heads, rows of texts."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def network_document(left: ReportsFolder, mode: str, links: Links) -> Json:
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


def notes(left: ReportsFolder, mode: str) -> Iterator[str]:
    """What is missing, damaged or of another mode, each with what to do."""
    for name in left.damaged:
        again = f"./scripts/isthmus net {name.partition('.')[0]}"
        yield f"{name} on the data volume is damaged or cannot be read: {again} on the host writes it anew."
    shown = left.reports.get("show")
    if shown is None and mode == "native":
        yield "Native mode has no containers to look at: ./scripts/up bridge starts the stack in them."
    elif shown is None and "show.json" not in left.damaged:
        yield f"No picture of the network was left yet. {HOW.format('show')}."
    if shown is not None and text(shown.get("mode")) not in ("", mode):
        yield f"The report is of mode {text(shown.get('mode'))}, and the stack runs in mode {mode} now."


def page_tables(left: ReportsFolder) -> dict[str, HtmlTable]:
    """The tables of the page by name, those without a row left out."""
    shown, checked, compared = (left.reports.get(name) or {} for name in ("show", "check", "compare"))
    found = {
        "containers": containers_table(shown),
        "ports": ports_table(shown),
        "storage": storage_table(shown),
        "kept": HtmlTable(KEPT, tuple(tuple(one[name] for name in KEPT) for one in promises(checked, "kept"))),
        "results": results_table(compared),
    }
    return {name: replace(table, rows=table.rows[:MOST_ROWS]) for name, table in found.items() if table.rows}


def containers_table(shown: Json) -> HtmlTable:
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
    return HtmlTable(("container", "image", "state", "--network", "addresses", "namespace"), rows)


def addresses_of(container: Json) -> list[str]:
    """The addresses of a container, without loopback's."""
    cards = [card for card in objects(container.get("interfaces")) if card.get("kind") != "loopback"]
    return [text(address) for card in cards for address in listed(card.get("addresses"))]


def ports_table(shown: Json) -> HtmlTable:
    """The published ports."""
    rows = tuple(
        (
            f"{text(port.get('host_address')) or '0.0.0.0'}:{text(port.get('host_port'))}",  # noqa: S104
            text(one.get("name")),
            f"{text(port.get('container_port'))}/{text(port.get('protocol')) or 'tcp'}",
        )
        for one, port in parts_of_containers(shown, "published")
    )
    return HtmlTable(("on the host", "container", "its port"), rows)


def storage_table(shown: Json) -> HtmlTable:
    """The mounts."""
    rows = tuple(
        (
            text(one.get("name")),
            text(mount.get("target")),
            "rw" if mount.get("writable") is True else "ro",
            text(mount.get("kind")),
            text(mount.get("volume")) or text(mount.get("source")),
        )
        for one, mount in parts_of_containers(shown, "mounts")
    )
    return HtmlTable(("container", "in the container", "rights", "kind", "on the host"), rows)


def parts_of_containers(shown: Json, name: str) -> Iterator[tuple[Json, Json]]:
    """Each container with each object of one of its lists."""
    return ((one, part) for one in objects(shown.get("containers")) for part in objects(one.get(name)))


def promises(checked: Json, *wanted: str) -> list[dict[str, str]]:
    """The checks of a report as texts, what needs somebody first; of some verdicts, or of all that are known."""
    names = ("verdict", "subject", "promise", "expected", "seen", "because", "fix")
    found = [{name: text(one.get(name)) for name in names} for one in objects(checked.get("promises"))]
    shown = [one for one in found if one["verdict"] in (wanted or VERDICTS)]
    return sorted(shown, key=lambda one: VERDICTS.index(one["verdict"]))


def results_table(compared: Json) -> HtmlTable:
    """The measurements, a workload's modes below each other, in the columns that the report has."""
    found = objects(compared.get("results"))
    heads = [head for head in RESULTS if any(head in one for one in found)]
    workloads = list(dict.fromkeys(text(one.get("workload")) for one in found))
    found.sort(key=lambda one: workloads.index(text(one.get("workload"))))
    titles = {text(one.get("name")): text(one.get("title")) for one in objects(compared.get("workloads"))}
    named = [{**one, "workload": titles.get(text(one.get("workload"))) or one.get("workload")} for one in found if one]
    rows = tuple(tuple(figure(head, one.get(head)) for head in heads) for one in named)
    return HtmlTable(tuple(RESULTS[head] for head in heads), rows if heads else ())


def figure(name: str, value: Any) -> str:
    """A cell of the measurements: bytes as megabytes, numbers with three digits or so: 48,012, 23.4, 0.41."""
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > MOST_NUMBER:
        return text(value)
    number = value / 1e6 if name == "bytes_per_s" else value
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.1f}" if abs(number) >= 10 else f"{number:.3g}"


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


def text(value: Any) -> str:
    """A value as a short text; null is an empty one."""
    if value is None:
        return ""
    found = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return found if len(found) <= MOST_TEXT else f"{found[:MOST_TEXT]}…"
