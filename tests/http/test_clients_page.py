"""Every block of docs/clients.md and docs/aggregates.md, run against the API over the sample data: it prints what the
page says.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loader.catalogue import open_catalogue
from loader.scan import scan
from support.cluster import ROOT, Cluster
from support.loading import Loader
from support.read_back import SYSTEM_PYTHON
from support.server import running_api

PAGE = "\n".join((ROOT / f"docs/{name}.md").read_text(encoding="utf-8") for name in ("clients", "aggregates"))
BLOCKS = re.findall(r"```(sh|python|python qgis)\n([^`]*?)\n```\nprints `([^`]*)`", PAGE)
HERE = "http://127.0.0.1:8080"
QGIS_HEAD = "from qgis.core import *\napplication = QgsApplication([], False)\napplication.initQgis()\n"
QGIS_END = "\ndel layer\napplication.exitQgis()\n"


@pytest.fixture(scope="module")
def address(cluster: Cluster) -> Iterator[str]:
    """The API over the sample data, loaded as `up` loads it."""
    database = cluster.clone()
    with open_catalogue(database.owner) as connection:
        loader = Loader(database.owner, connection)
        shutil.copytree(ROOT / "data/samples", loader.data_dir, dirs_exist_ok=True)
        for name in scan(loader.data_dir).datasets:
            assert loader.load(name).status == "loaded"
    with running_api(database, ISTHMUS_SPOOL_DIR=str(database.owner.data_dir / "spool")) as url:
        yield url
    cluster.drop(database)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the blocks run, one after the other: some read what others wrote."""
    return tmp_path_factory.mktemp("clients")


def command_of(language: str, text: str) -> list[str]:
    """How a block is run."""
    match language:
        case "sh":
            return ["bash", "-euc", text]
        case "python":
            return [sys.executable, "-c", text]
        case _:
            return [SYSTEM_PYTHON, "-c", f"{QGIS_HEAD}{text}{QGIS_END}"]


@pytest.mark.parametrize(
    ("language", "text", "expected"), BLOCKS, ids=[text.splitlines()[-1][:60] for _, text, _ in BLOCKS]
)
def test_block_prints_what_the_page_says(address: str, folder: Path, language: str, text: str, expected: str):
    here = text.replace(HERE, address).replace(quoted(HERE), quoted(address))
    environment = {
        "PATH": "/usr/bin:/bin",
        "QT_QPA_PLATFORM": "offscreen",
        "XDG_RUNTIME_DIR": "/tmp",
        "HOME": str(folder),
    }
    done = subprocess.run(
        command_of(language, here), cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines() == expected.splitlines()


def quoted(address: str) -> str:
    """An address inside another one."""
    return address.replace(":", "%3A").replace("/", "%2F")


def test_page_has_no_block_that_no_test_runs():
    in_browser = PAGE.count("```html")  # tests/browser opens the same style
    assert len(BLOCKS) == PAGE.count("```") // 2 - in_browser >= 10
