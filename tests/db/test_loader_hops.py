"""How many files a reader of the loader has to open, who follows a file that was dropped."""

from __future__ import annotations

from loader.prerender.renderer import Renderer
from loader.states.health import Health
from loader.watch import State, look
from support.hops import files_run_by
from support.loading import Loader

MOST_FILES = 35


def test_a_dropped_csv_runs_through_few_files(loader: Loader):
    lines = [f"{number},place {number},{number / 10},{number / 20}\n" for number in range(200)]
    loader.path("places.csv").write_text("".join(["number,name,lon,lat\n", *lines]))
    state = State(Renderer(loader.settings, loader.events.append), Health(loader.data_dir))

    def look_once() -> None:
        look(loader.connection, loader.settings, state, loader.events.append)

    look_once()
    files = files_run_by(look_once)
    assert loader.catalog()["places"].row_count == 200
    assert len(files) <= MOST_FILES, f"{len(files)} files:\n" + "\n".join(files)
