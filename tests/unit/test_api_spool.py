"""The spool: claims, what is kept, and what makes room."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from api.exports.spool import Spool


def put(spool: Spool, name: str, size_bytes: int, used_at: int) -> None:
    """Make a file of the spool, last used at a time."""
    with spool.claim(name) as folder:
        assert folder is not None
        made = folder / "made"
        made.write_bytes(bytes(size_bytes))
        found = spool.publish(made, name)
        assert found is not None
        found.close()
    os.utime(spool.folder / name, (used_at, used_at))


def names(spool: Spool) -> list[str]:
    """The names of the finished files."""
    return sorted(path.name for path in spool.folder.iterdir() if not path.name.startswith("builder-"))


def test_file_is_found_after_it_is_kept(tmp_path: Path):
    spool = Spool(tmp_path / "new", 1000, 1)
    assert spool.find("a") is None
    put(spool, "a", 10, 1)
    found = spool.find("a")
    assert found is not None
    assert (found.read(0, 99), found.size_bytes) == (bytes(10), 10)
    found.close()
    found.close()


def test_one_at_a_time_makes_a_file(tmp_path: Path):
    ours, theirs = Spool(tmp_path, 1000, 2), Spool(tmp_path, 1000, 2)
    with ours.claim("a") as first, theirs.claim("a") as second:
        assert first is not None
        assert second is None
    with theirs.claim("a") as third:
        assert third is not None


def test_many_that_come_and_go_never_meet_and_never_stumble(tmp_path: Path):
    spool, inside, most = Spool(tmp_path, 10_000, 8), [0], [0]

    def come_and_go(_: int) -> None:
        for _ in range(100):
            with spool.claim("a") as folder:
                if folder is not None:
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                    (folder / "half").write_bytes(b"half")
                    inside[0] -= 1
            spool.make_room()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(come_and_go, range(6)))
    assert most == [1]


def test_only_some_files_are_made_at_once(tmp_path: Path):
    spool = Spool(tmp_path, 1000, 2)
    with spool.claim("a") as first, spool.claim("b") as second, spool.claim("c") as third:
        assert first is not None
        assert second is not None
        assert third is None
    with spool.claim("c") as again:
        assert again is not None


def test_claim_without_result_leaves_nothing(tmp_path: Path):
    spool = Spool(tmp_path, 1000, 1)
    with spool.claim("a") as folder:
        assert folder is not None
        (folder / "half").write_bytes(b"half")
    assert names(spool) == []


def test_least_used_make_room(tmp_path: Path):
    spool = Spool(tmp_path, 100, 1)
    for name, used_at in (("a", 300), ("b", 100), ("c", 200)):
        put(spool, name, 40, used_at)
    spool.make_room()
    assert names(spool) == ["a", "c"]


def test_open_file_is_read_to_its_end_when_it_is_deleted(tmp_path: Path):
    spool = Spool(tmp_path, 100, 1)
    put(spool, "a", 90, 1)
    found = spool.find("a")
    assert found is not None
    os.utime(tmp_path / "a", (1, 1))
    put(spool, "b", 90, 2)
    spool.make_room()
    assert names(spool) == ["b"]
    assert len(found.read(0, 90)) == 90


def test_file_under_construction_counts_and_stays(tmp_path: Path):
    spool = Spool(tmp_path, 100, 1)
    put(spool, "a", 60, 1)
    with spool.claim("b") as folder:
        assert folder is not None
        (folder / "growing").write_bytes(bytes(70))
        assert spool.room_bytes() == 30
        spool.make_room()
        assert names(spool) == ["b.build"]


def test_left_overs_go(tmp_path: Path):
    spool = Spool(tmp_path, 100, 1)
    (tmp_path / "dead.build").mkdir()
    (tmp_path / "dead.build" / "half").write_bytes(b"half")
    spool.make_room()
    assert names(spool) == []


def test_two_files_of_one_name_differ_in_their_mark(tmp_path: Path):
    spool = Spool(tmp_path, 1000, 1)
    marks: list[str] = []
    for at in (1, 2):
        put(spool, "a", 10, at)
        found = spool.find("a")
        assert found is not None
        found.close()
        marks.append(found.mark)
    assert len(set(marks)) == 2
