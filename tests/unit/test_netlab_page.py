"""The page that `net show --html` prints."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from netlab.diagram.html import html, tables
from netlab.model.observation import Observation
from netlab.model.wiring import cables
from netlab.observe.recording import load
from netlab.parse.observation import parse
from support.made_stack import Made, made_stack

RECORDINGS = Path(__file__).parents[1] / "data/netlab"
VOID = ("meta", "path", "rect", "polyline")


def recorded(mode: str) -> Observation:
    return parse(load(RECORDINGS / f"{mode}.json"))


class Reader(HTMLParser):
    """Collects texts, and that every element ends where it should."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src", "srcset", "data", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return reader


@pytest.mark.parametrize("mode", ["bridge", "host", "container", "none"])
def test_it_has_the_picture_the_words_and_all_facts(mode: str) -> None:
    seen = recorded(mode)
    reader = read(html(seen))
    text = "\n".join(reader.texts)
    assert f"{seen.project} in mode {mode}" in text
    facts = [one.name for one in seen.containers]
    facts += [one.host_end.name for one in cables(seen) if one.host_end]
    facts += [mount.source for one in seen.containers for mount in one.mounts]
    facts += [f"{port.host_address}:{port.host_port}" for one in seen.containers for port in one.published]
    facts += [
        rule.text for rule in seen.host.nat_rules or () if rule.host_port == 18100 and mode in ("bridge", "container")
    ]
    assert [fact for fact in facts if fact not in text] == []


def test_it_asks_no_server_for_anything() -> None:
    page = html(recorded("bridge"))
    assert read(page).addresses == []
    assert re.findall(r"url\((?!#)|@import|<script", page) == []
    assert "default-src 'none'" in page


def test_names_that_look_like_markup_are_text() -> None:
    page = html(made_stack(Made("bridge", 3, project='<b>&"\ud800', long=True, root=False)))
    assert "<b>" not in page
    assert '<b>&"? in mode bridge' in "".join(read(page).texts)


def test_without_root_it_says_so_where_the_rule_would_be() -> None:
    (ports,) = [one for one in tables(made_stack(Made(root=False))) if one.title == "Published ports"]
    assert {row[3] for row in ports.rows} == {"not seen"}
    assert [one.title for one in tables(made_stack(Made(root=False)))][-1] == "Not seen"


def test_tables_without_a_row_are_left_out() -> None:
    assert [one.title for one in tables(recorded("none"))] == [
        "Containers",
        "Networks",
        "Sockets that wait for clients",
        "Storage",
    ]


@pytest.mark.parametrize("mode", ["bridge", "host", "container", "none", "swarm"])
def test_every_row_has_a_cell_for_each_head(mode: str) -> None:
    for table in tables(made_stack(Made(mode, 10, 3, 3))):
        assert {len(row) for row in table.rows} == {len(table.heads)}, table.title
