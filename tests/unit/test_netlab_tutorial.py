"""The lesson's pages as values: what they run, what must be equal, and what may differ from machine to machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from netlab.cli.tutorial import PAGES, runnable, wanted
from netlab.errors import BadPage, DemoStuck, NoStack, UnknownDemo
from netlab.tutorial.here import Here, Words
from netlab.tutorial.page import Command, compare, parse_page, shapes, with_outputs
from netlab.tutorial.run import Shell

PAGE = """# A title

## A port
<!-- demo: port on bridge -->

First this:

```console
$ docker run -d \\
>     isthmus-api:local
$ docker port lesson-api
8080/tcp -> 127.0.0.1:8081
```

And then?

## Next
"""
HERE = Words(
    project="gis",
    port=18080,
    spare_port=8099,
    db_port=5555,
    data_dir=Path("/tmp/d"),
    secrets_dir=Path("/tmp/s"),
    root=Path("/home/me/isthmus"),
    owner="1000:1001",
)


def test_a_page_is_explanations_and_commands_with_their_outputs() -> None:
    (demo,) = parse_page(PAGE)
    assert (demo.name, demo.mode, demo.title) == ("port", "bridge", "A port")
    first, start, port, last = demo.parts
    assert (first, last) == ("First this:", "And then?")
    assert isinstance(start, Command)
    assert isinstance(port, Command)
    assert (start.text, start.output) == ("docker run -d \\\n    isthmus-api:local", "")
    assert (port.text, port.output) == ("docker port lesson-api", "8080/tcp -> 127.0.0.1:8081")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("on bridge", "on bridges", "none of any, bridge"),
        ("## A port\n", "", "below its heading"),
        ("```\n\nAnd", "\nAnd", "not closed"),
        ("$ docker run -d \\\n>     ", "", "begins with a command"),
        ("## Next\n", "## Next\n<!-- demo: empty on any -->\n", "runs no command"),
        ("## Next\n", "## Next\n<!-- demo: port on any -->\n```console\n$ ls\n```\n", "same name"),
    ],
)
def test_a_page_that_cannot_be_run_says_where(old: str, new: str, words: str) -> None:
    with pytest.raises(BadPage, match=words):
        parse_page(PAGE.replace(old, new))


def test_outputs_are_replaced_in_place_and_only_they() -> None:
    start, port = parse_page(PAGE)[0].commands
    changed = with_outputs(PAGE, [(start, "an id"), (port, "nothing\nelse")])
    assert [command.output for command in parse_page(changed)[0].commands] == ["an id", "nothing\nelse"]
    start, port = parse_page(changed)[0].commands
    assert with_outputs(changed, [(start, ""), (port, "8080/tcp -> 127.0.0.1:8081")]) == PAGE


@pytest.mark.parametrize(
    ("page", "here"),
    [
        ("docker exec isthmus-api-host-1 ls", "docker exec gis-api-host-1 ls"),
        ("docker exec isthmus-$s-1 ls", "docker exec gis-$s-1 ls"),
        ("--network isthmus_default isthmus-api:local", "--network gis_default isthmus-api:local"),
        ("psql -U isthmus_owner isthmus", "psql -U isthmus_owner isthmus"),
        ("--name lesson-api --env-file compose/lesson.env", "--name gis-lesson-api --env-file compose/lesson.env"),
        ("-p 127.0.0.1:8081:8080", "-p 127.0.0.1:8099:8080"),
        ("curl http://127.0.0.1:8080/ http://localhost:8080/", "curl http://127.0.0.1:18080/ http://localhost:8080/"),
        ("-v ./data:/data -v ./secrets/x:/run/secrets/x", "-v /tmp/d:/data -v /tmp/s/x:/run/secrets/x"),
        ("grep 55432", "grep 5555"),
    ],
)
def test_commands_of_the_page_get_the_words_of_this_machine(page: str, here: str) -> None:
    assert HERE.here(page) == here


@pytest.mark.parametrize(
    ("here", "page"),
    [
        ("/gis-api-1 /tmp/d/var -> /data", "/isthmus-api-1 /srv/isthmus/data/var -> /data"),
        ("gis-lesson-pg gis_default", "lesson-pg isthmus_default"),
        ("8080/tcp -> 127.0.0.1:18080", "8080/tcp -> 127.0.0.1:8080"),
        ("-host-port 8099 -container-port 8080", "-host-port 8081 -container-port 8080"),
        ("1000:1001 /home/me/isthmus/x", "10001:10001 /srv/isthmus/x"),
    ],
)
def test_outputs_of_this_machine_get_the_words_of_the_page(here: str, page: str) -> None:
    assert HERE.on_page(here) == page


def test_which_values_are_equal_still_counts() -> None:
    one_namespace, two = "net:[4026531]\nnet:[4026531]", "net:[4026531]\nnet:[4026532]"
    assert shapes([one_namespace]) == shapes(["net:[77]\nnet:[77]"])
    assert shapes([one_namespace]) != shapes([two])


def test_a_cable_is_followed_by_the_numbers_of_its_ends() -> None:
    ends = ["/sys/class/net/eth0/iflink:188", "188: vethcc9dc2d@if187: <UP> mtu 1500 master br-3b27c3da1cd7"]
    others = ["/sys/class/net/eth0/iflink:9", "9: veth0000001@if8: <UP> mtu 1500 master br-aaaaaaaaaaaa"]
    assert shapes(ends) == shapes(others)
    assert shapes(ends) != shapes([ends[0], others[1]])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/sys/class/net/eth0/mtu:1500", "/sys/class/net/eth0/mtu:1400"),
        ("0.0.0.0:32770", "127.0.0.1:32770"),
        ("8080/tcp -> 127.0.0.1:32770", "8080/tcp -> 127.0.0.1:8081"),
        ("nameserver 127.0.0.11", "nameserver 192.168.1.1"),
        ("id,name\n6861,Helsinki", "id,name\n6862,Helsinki"),
        ("127.0.0.1:55432", "127.0.0.1:40000"),
        ("", "Connection refused"),
    ],
)
def test_what_a_demo_is_about_is_compared_as_it_is(one: str, other: str) -> None:
    assert shapes([one]) != shapes([other])


def test_a_wrong_output_is_found_and_another_machines_is_none() -> None:
    _, port = parse_page(PAGE)[0].commands
    port = replace(port, output="172.18.0.2/16 br-3b27c3da1cd7")
    assert compare([(port, "192.168.64.3/20  br-0123456789ab ")]) == ()
    (difference,) = compare([(port, "172.18.0.2/16 docker0")])
    assert (difference.command, difference.seen_shape) == ("docker port lesson-api", "<subnet 1> docker0")


def test_both_pages_run_the_same_and_show_the_same() -> None:
    english, chinese = (parse_page(path.read_text(encoding="utf-8")) for path in PAGES.values())
    assert [(demo.name, demo.mode) for demo in english] == [(demo.name, demo.mode) for demo in chinese]
    for one, other in zip(english, chinese, strict=True):
        assert [(c.text, c.output) for c in one.commands] == [(c.text, c.output) for c in other.commands], one.name
        assert one.title != other.title, "translated"


@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_links_within_a_page_lead_to_a_heading(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    headings = {anchor(line.lstrip("# ")) for line in text.splitlines() if line.startswith("#")}
    for target in (part.partition(")")[0] for part in text.split("](#")[1:]):
        assert target in headings, target


def anchor(heading: str) -> str:
    """A heading's name in links, as GitHub makes it."""
    kept = "".join(sign for sign in heading.lower() if sign.isalnum() or sign in " -_")
    return kept.replace(" ", "-")


def test_an_unknown_demo_is_told_with_the_nearest_name() -> None:
    with pytest.raises(UnknownDemo) as error:
        wanted(parse_page(PAGE), ["prot"], None)
    assert error.value.hint == "perhaps you meant 'port'"


def test_a_demo_of_another_mode_is_refused_when_named_and_left_out_of_all() -> None:
    demos = parse_page(PAGE)
    assert wanted(demos, [], "host") == []
    assert runnable(demos, Here("bridge", HERE), whole=True) == list(demos)
    assert runnable(demos, Here("host", HERE), whole=False) == []
    with pytest.raises(NoStack, match="port needs mode bridge, and the stack runs in mode host"):
        runnable(demos, Here("host", HERE), whole=True)


def test_commands_share_a_shell_and_both_streams_are_kept_in_order(tmp_path: Path) -> None:
    shown: list[str] = []
    with Shell(tmp_path, is_root=False) as shell:
        assert shell.run("x=3; echo out; echo err >&2; printf 'no end'", 10, shown.append) == "out\nerr\nno end"
        assert shell.run("echo $x; cat; pwd", 10, shown.append) == f"3\n{tmp_path}\n"
    assert "".join(shown) == f"out\nerr\nno end3\n{tmp_path}\n"


def test_a_command_that_hangs_or_ends_the_shell_is_an_error(tmp_path: Path) -> None:
    with Shell(tmp_path, is_root=False) as shell, pytest.raises(DemoStuck, match="in time: sleep 60"):
        shell.run("sleep 60", 0.2, print)
    with Shell(tmp_path, is_root=False) as shell, pytest.raises(DemoStuck, match="ended the shell"):
        shell.run("exit 1", 10, print)
