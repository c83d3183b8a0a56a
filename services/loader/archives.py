"""Files of tiles in the catalogue: written when they are found whole, served as they are, deleted when they go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from core.catalog.archives import Facts, facts_json
from core.database.connections import Connection
from core.settings import Settings
from loader import catalogue
from loader.cage.reader import CAGES
from loader.names import assign_ids, default_title
from loader.read.archives import Inspected
from loader.report import CollectionReport, Report
from loader.scan import Dataset
from loader.sidecar import SideCar


def load_archive(
    connection: Connection, settings: Settings, dataset: Dataset, side_car: SideCar, because: str
) -> Report:
    """Serve a file of tiles from the end of the transaction on. Raises: CannotRead, NameTaken"""
    started = datetime.now(UTC)
    with CAGES.reading(dataset, settings) as cage:
        looked = cage.archive()
    # A withdrawn collection keeps its id for the return of its file.
    holders = {id: replace(holder, withdrawn=False) for id, holder in catalogue.read_holders(connection).items()}
    [assignment] = assign_ids(dataset.path, [""], holders)
    save(connection, assignment.id, dataset, looked, side_car)
    return Report(
        path=dataset.path,
        status="loaded",
        because=because,
        started_at=started,
        ended_at=datetime.now(UTC),
        size_bytes=dataset.main.stat().st_size,
        collections=(collection_report(assignment.id, looked.facts),),
        notes=(*side_car.notes, *looked.notes),
    )


def save(connection: Connection, id: str, dataset: Dataset, looked: Inspected, side_car: SideCar) -> None:
    """Write the archive down. What the side-car says comes before what the file says of itself."""
    status = dataset.main.stat()
    values = {
        "id": id,
        "path": dataset.path,
        "title": side_car.title or text_of(looked.words, "name") or default_title(dataset.stem),
        "description": side_car.description or text_of(looked.words, "description"),
        "attribution": side_car.attribution or text_of(looked.words, "attribution"),
        "cache_control": side_car.cache_control,
        "keywords": list(side_car.keywords or ()),
        "license": side_car.license,
        "size_bytes": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "facts": catalogue.json_text(facts_json(looked.facts)),
    }
    connection.execute("DELETE FROM isthmus.tile_archives WHERE source_path = %s", [dataset.path])
    connection.execute(
        """
        INSERT INTO isthmus.tile_archives (id, source_path, title, description, attribution, cache_control,
                                           keywords, license, size_bytes, mtime_ns, facts)
        VALUES (%(id)s, %(path)s, %(title)s, %(description)s, %(attribution)s, %(cache_control)s,
                %(keywords)s, %(license)s, %(size_bytes)s, %(mtime_ns)s, %(facts)s)
        """,
        values,
    )


def text_of(words: Mapping[str, Any], key: str) -> str | None:
    """A text of the metadata, without what PostgreSQL cannot keep; None for anything else."""
    text = words.get(key)
    if not isinstance(text, str):
        return None
    return text.replace("\0", "").encode("utf-8", "replace").decode().strip() or None


def collection_report(id: str, facts: Facts) -> CollectionReport:
    """What the report says of an archive."""
    first, last = facts.zooms
    tiles = {"format": facts.format, "media_type": facts.media_type, "first_zoom": first, "last_zoom": last}
    return CollectionReport(id, srid=3857, bbox_crs84=facts.bbox_crs84.as_list(), tiles=tiles)


def forget(connection: Connection, path: str) -> None:
    """Serve a file of tiles no longer, if it was one. The statement's trigger would else raise the generation."""
    known = connection.execute("SELECT 1 FROM isthmus.tile_archives WHERE source_path = %s", [path]).fetchone()
    if known is not None:
        connection.execute("DELETE FROM isthmus.tile_archives WHERE source_path = %s", [path])
