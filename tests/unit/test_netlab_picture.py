"""Pictures of recorded stacks and of made ones: everything is in them, nothing lies on anything else."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, strategies as st

from netlab.diagram.compose import figure
from netlab.diagram.layout import layout
from netlab.diagram.scene import STYLES, Box, Label, Scene, Shape, shorten, width
from netlab.diagram.svg import PAINTS, PAPER, svg
from netlab.model.observation import MODES, Observation
from netlab.model.wiring import cables
from netlab.observe.recording import load
from netlab.parse.observation import parse
from support.made_stack import Made, made_stack

RECORDINGS = Path(__file__).parents[1] / "data/netlab"
NETWORKS = ("bridge", "overlay")
PASSED = {
    "cable": NETWORKS,
    "request": NETWORKS,
    "idle": NETWORKS,
    "mount": ("mount-rw", "mount-ro", "mount-socket"),
}
"""What lines of a kind may pass behind."""
SVG = "{http://www.w3.org/2000/svg}"


def recorded(mode: str) -> Observation:
    return parse(load(RECORDINGS / f"{mode}.json"))


def everything_made() -> list[Made]:
    made = [Made(mode, count) for mode in MODES for count in (1, 2, 4, 7, 10)]
    made += [Made(mode, count, 3, 3, "0.0.0.0", "isthmus-3f2a9c81d0", long=True) for mode in MODES for count in (1, 10)]
    made += [Made("bridge", 3, 2, 6, "::", root=False), Made("bridge", 3, proxy=False), Made("bridge", 3, hidden=True)]
    return [*made, Made("bridge", 0), Made("bridge", 4, stopped=True), Made("", 3)]


def drawn(seen: Observation) -> Scene:
    return layout(figure(seen))


def check_places(scene: Scene) -> None:
    """No two boxes or texts overlap, nothing leaves the picture, no text its box, and no line crosses a text."""
    paper = Box(0, 0, scene.width, scene.height)
    for shape in (*scene.frames, *scene.shapes):
        assert contains(paper, shape.box), shape
    for one, other in itertools.combinations(scene.shapes, 2):
        assert not overlap(one.box, other.box), (one, other)
    for shape in scene.shapes:
        assert [label.text for label in shape.labels if not contains(shape.box, inside(box_of(label)))] == [], shape
        for label, other in itertools.combinations(shape.labels, 2):
            assert not overlap(box_of(label), box_of(other)), (label, other)
    check_wires(scene)


def check_wires(scene: Scene) -> None:
    """Lines keep within the picture. They pass behind networks and storage, never behind other boxes or a text."""
    for wire in scene.wires:
        assert all(0 <= x <= scene.width and 0 <= y <= scene.height for x, y in wire.points)
        for segment in itertools.pairwise(wire.points):
            behind = PASSED.get(wire.kind, ())
            hit = [shape for shape in scene.shapes if crosses(segment, inside(shape.box)) and shape.kind not in behind]
            assert hit == [], wire
            networks = [shape for shape in scene.shapes if shape.kind in NETWORKS]
            texts = [label.text for shape in networks for label in shape.labels if crosses(segment, box_of(label))]
            assert texts == [], wire


def box_of(label: Label) -> Box:
    """The room that a text takes."""
    size = STYLES[label.style].size
    return Box(label.x, label.baseline - size * 0.95, width(label.text, label.style), size * 1.2)


def overlap(one: Box, other: Box) -> bool:
    """Whether they have an area in common; edges that touch are none."""
    return one.x < other.right and other.x < one.right and one.y < other.bottom and other.y < one.bottom


def contains(outer: Box, inner: Box) -> bool:
    """Whether the second lies in the first."""
    across = outer.x <= inner.x and inner.right <= outer.right
    return across and outer.y <= inner.y and inner.bottom <= outer.bottom


def inside(box: Box) -> Box:
    """The box without its edge."""
    return Box(box.x + 1, box.y + 1, box.width - 2, box.height - 2)


def crosses(segment: tuple[tuple[float, float], ...], box: Box) -> bool:
    (x1, y1), (x2, y2) = segment
    line = Box(min(x1, x2) - 0.01, min(y1, y2) - 0.01, abs(x1 - x2) + 0.02, abs(y1 - y2) + 0.02)
    return overlap(line, box)


def check_contents(scene: Scene, seen: Observation) -> None:
    """Every container, cable, port and mount is in the picture, and said in full."""
    titles = "\n".join(shape.title for shape in scene.shapes)
    shown = [shape.kind for shape in scene.shapes]
    assert [one.name for one in seen.containers if one.name not in titles] == []
    assert shown.count("container") == len(seen.containers)
    found = cables(seen)
    assert [wire.kind for wire in scene.wires if wire.points[0][0] > 300].count("cable") == len(found)
    assert [one.host_end.name for one in found if one.host_end and one.host_end.name not in titles] == []
    assert [address for one in found for address in one.card.addresses if address not in titles] == []
    ports = [port for one in seen.containers for port in one.published]
    assert [port for port in ports if f":{port.host_port}" not in titles] == []
    mounts = [mount for one in seen.containers for mount in one.mounts]
    assert [mount for mount in mounts if mount.target not in titles or mount.source not in titles] == []


@pytest.mark.parametrize("made", everything_made(), ids=str)
def test_nothing_overlaps_and_nothing_is_missing(made: Made) -> None:
    seen = made_stack(made)
    scene = drawn(seen)
    check_places(scene)
    check_contents(scene, seen)


@pytest.mark.parametrize("mode", ["bridge", "host", "container", "none"])
def test_real_stacks_are_drawn_whole(mode: str) -> None:
    seen = recorded(mode)
    scene = drawn(seen)
    check_places(scene)
    check_contents(scene, seen)


@given(
    st.builds(
        Made,
        mode=st.sampled_from(MODES),
        containers=st.integers(1, 10),
        networks=st.integers(1, 4),
        ports=st.integers(0, 7),
        host_address=st.sampled_from(["127.0.0.1", "0.0.0.0", "::", "fd00:1234:5678:9abc:def0:1234:5678:9abc", ""]),
        project=st.text(min_size=1, max_size=70),
        long=st.booleans(),
        proxy=st.booleans(),
        root=st.booleans(),
        stopped=st.booleans(),
        hidden=st.booleans(),
    )
)
def test_any_stack_is_a_well_formed_picture_without_overlaps(made: Made) -> None:
    seen = made_stack(made)
    scene = drawn(seen)
    check_places(scene)
    check_contents(scene, seen)
    root = ElementTree.fromstring(svg(scene))
    assert root.get("viewBox") == f"0 0 {scene.width:g} {scene.height:g}"


def test_text_is_escaped_and_says_all_of_a_shortened_name() -> None:
    seen = made_stack(Made("bridge", 2, project="a<b>&\"'\x00\x0b\ud800", long=True))
    root = ElementTree.fromstring(svg(drawn(seen)))
    assert root.findtext(f"{SVG}title") == "a<b>&\"'���� in mode bridge".replace("����", "\ufffd\ufffd?")
    titles = [one.text or "" for one in root.iter(f"{SVG}title")]
    assert any('<odd> & "quoted" names/deep/deep/deep/deep/deep/deep/deep/deep' in title for title in titles)
    assert any("…" in (one.text or "") for one in root.iter(f"{SVG}text"))


def test_it_is_read_and_selected_as_text() -> None:
    root = ElementTree.fromstring(svg(drawn(recorded("bridge"))))
    words = {one.text for one in root.iter(f"{SVG}text")}
    assert {"eth0 #31", "172.18.0.4/16", "vetha5c23d8 #32", "127.0.0.1:18100", "→ 172.18.0.4:8080"} <= words
    assert "a bridge of the host" in (root.findtext(f"{SVG}desc") or "")


def kinds(scene: Scene) -> list[str]:
    return [shape.kind for shape in (*scene.frames, *scene.shapes)]


def shapes(scene: Scene, kind: str) -> list[Shape]:
    return [shape for shape in scene.shapes if shape.kind == kind]


def test_each_mode_has_its_own_shape() -> None:
    bridge, host, shared, none = (drawn(recorded(mode)) for mode in ("bridge", "host", "container", "none"))
    assert kinds(bridge).count("space-own") == 3
    assert kinds(bridge).count("veth") == kinds(bridge).count("card") == 3
    assert (kinds(host).count("space-host"), kinds(host).count("veth")) == (1, 0)
    assert [one.labels[0].text for one in shapes(host, "socket")] == ["127.0.0.1:18100", "127.0.0.1:55432"]
    assert (kinds(shared).count("space-shared"), kinds(shared).count("veth")) == (1, 1)
    assert (kinds(none).count("space-isolated"), kinds(none).count("veth"), kinds(none).count("loopback")) == (3, 0, 3)
    assert [one.title.splitlines()[-2] for one in shapes(none, "mount-socket")] == [
        "socket api.sock",
        "socket .s.PGSQL.5432",
    ]


def test_who_reaches_a_port_is_drawn() -> None:
    def clients(made: Made) -> set[str]:
        return {wire.title for wire in drawn(made_stack(made)).wires if wire.title.startswith("clients")}

    assert clients(Made(host_address="127.0.0.1")) == {"clients of this host"}
    assert clients(Made(host_address="0.0.0.0")) == {"clients of this host", "clients of other machines"}
    assert clients(Made("host", host_address="")) == {"clients of this host", "clients of other machines"}
    assert clients(Made("none")) == {"clients of this host, by the socket"}


def test_an_overlay_leads_to_the_other_nodes() -> None:
    scene = drawn(made_stack(Made("swarm", 3)))
    assert kinds(scene).count("overlay") == 1
    assert [wire.kind for wire in scene.wires].count("vxlan") == 1
    assert kinds(scene).count("veth-far") == kinds(scene).count("veth") == 3


def test_of_the_networks_that_nobody_uses_the_picture_has_dockers_first_one_and_the_projects() -> None:
    unused = shapes(drawn(made_stack(Made("swarm", 0))), "unused")
    assert [one.labels[0].text for one in unused] == ["net0  overlay", "docker0  bridge"]


def test_many_containers_that_do_not_run_are_a_list() -> None:
    seen = made_stack(Made("swarm", 3))
    old = [replace(seen.containers[0], name=f"isthmus_api.1.{n:025x}", state="exited") for n in range(9)]
    scene = drawn(replace(seen, containers=(*seen.containers, *old)))
    check_places(scene)
    (listed,) = [one for one in shapes(scene, "container") if one.labels[0].text == "9 containers"]
    assert [one.text for one in listed.labels[1:]] == ["api.1 exited"] * 6 + ["and 3 more"]
    assert all(one.name in listed.title for one in old)


def test_without_root_the_picture_says_what_is_missing() -> None:
    scene = drawn(made_stack(Made(root=False)))
    assert "Not seen: the firewall's rules (NAT)" in shapes(scene, "note")[0].title
    assert "not seen: only root" in shapes(scene, "nat")[0].title


def test_storage_that_several_have_is_drawn_once() -> None:
    scene = drawn(recorded("bridge"))
    assert [one.labels[0].text for one in shapes(scene, "shelf-bind")].count("/srv/isthmus/data") == 1
    assert [one.labels[0].text for one in scene.shapes if one.kind in ("mount-ro", "mount-rw")].count("ro /data") == 1


def luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("column", [0, 1], ids=["light", "dark"])
def test_every_text_can_be_read(column: int) -> None:
    palette = {name: pair[column] for name, pair in PAINTS.items()}
    behind = [PAPER[column], palette["host"].fill, palette["space-own"].fill, palette["lane"].fill]
    poor = {
        name: ratio
        for name, paint in palette.items()
        if paint.text
        and (ratio := min(contrast(paint.text, one) for one in ([paint.fill] if paint.fill else behind))) < 4.5
    }
    assert poor == {}


def test_every_kind_of_box_has_its_colours() -> None:
    used = {kind for made in everything_made() for kind in kinds(drawn(made_stack(made)))}
    assert used - PAINTS.keys() == set()


class TestMeasure:
    def test_a_shortened_text_fits_and_keeps_its_end(self) -> None:
        assert shorten("isthmus-3f2a9c81d0b7-api-container-1", "data", 150) == "isthmus-…pi-container-1"
        assert width("isthmus-…pi-container-1", "data") <= 150
        assert shorten("isthmus-api-1", "data", 150) == "isthmus-api-1"

    def test_of_a_path_the_last_folders_are_kept(self) -> None:
        path = "/srv/isthmus/secrets/reader_password"
        assert shorten(path, "data", 190) == "…/secrets/reader_password"
        assert shorten(path, "data", 130) == "…/reader_password"
        assert shorten(f"ro {path}", "data", 130) == "ro …/reader_password"
        assert shorten(path, "data", 60) == "/sr…sword"

    @pytest.mark.parametrize("style", STYLES)
    def test_every_character_has_a_width(self, style: str) -> None:
        assert all(0.2 * STYLES[style].size < width(chr(code), style) for code in range(32, 127))
        assert width("中", style) >= STYLES[style].size

    @given(st.text(max_size=80), st.floats(1, 400))
    def test_it_never_takes_more_room_than_it_has(self, text: str, room: float) -> None:
        assert width(shorten(text, "text", room), "text") <= max(room + 0.05, width("…", "text"))
