"""Errors named after what the caller can do about them. They carry a code and a hint, and know no HTTP."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class IsthmusError(Exception):
    """Base of every expected error: `str(error)` says what happened, `hint` what to do.

    `parameter` names the query parameter, setting or column at fault, when there is one. `retry_after_s`: when it is
    worth trying again, where that is known.
    """

    code = "error"

    def __init__(
        self, detail: str, *, hint: str | None = None, parameter: str | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint
        self.parameter = parameter
        self.retry_after_s = retry_after_s

    @classmethod
    def title(cls) -> str:
        """The first line of the class's docstring: the same sentence for every error of the class."""
        return (cls.__doc__ or cls.__name__).strip().splitlines()[0]


class BadSetting(IsthmusError):
    """A setting has a value that Isthmus cannot use."""

    code = "setting-invalid"


class BadParameter(IsthmusError):
    """A parameter has a value that cannot be used."""

    code = "parameter-invalid"


class UnknownParameter(IsthmusError):
    """The resource has no parameter of that name."""

    code = "parameter-unknown"


class BadCursor(IsthmusError):
    """The cursor was not made for this request, or is damaged."""

    code = "cursor-invalid"


class BadValue(BadParameter):
    """The database cannot use a value of the request."""

    code = "value-invalid"


class BadBBox(BadParameter):
    """The bounding box cannot be used."""

    code = "bbox-invalid"


class BadFilter(BadParameter):
    """The filter cannot be understood, or does not fit the collection."""

    code = "filter-invalid"


class FilterTooSlow(BadFilter):
    """The filter takes longer than a filter of the collection may."""

    code = "filter-too-slow"


class TooExpensive(IsthmusError):
    """An aggregate of so many features would take too long."""

    code = "too-expensive"


class TooManyAggregates(IsthmusError):
    """The server works out as many aggregates as it does at once."""

    code = "aggregates-too-many"


class UnknownCollection(IsthmusError):
    """There is no collection of that name."""

    code = "collection-unknown"


class UnknownView(IsthmusError):
    """There is no saved view of that name."""

    code = "view-unknown"


class UnknownFeature(IsthmusError):
    """The collection has no feature of that id."""

    code = "feature-unknown"


class UnknownTileMatrixSet(IsthmusError):
    """There is no tile matrix set of that name."""

    code = "tile-matrix-set-unknown"


class TileOutside(IsthmusError):
    """The tile lies outside the tile matrix set."""

    code = "tile-outside"


class NoGeometry(IsthmusError):
    """The collection has no geometry that a map could show, so it has no tiles."""

    code = "collection-without-geometry"


class NoTiles(IsthmusError):
    """There are no tiles in this tile matrix set: the data lie elsewhere."""

    code = "tiles-elsewhere"


class ExplainOff(IsthmusError):
    """This server does not explain its tiles."""

    code = "explain-off"


class NetworkHidden(IsthmusError):
    """This server does not show its network."""

    code = "network-hidden"


class FilesHidden(IsthmusError):
    """This server does not show the files of its data folder."""

    code = "files-hidden"


class NoPicture(IsthmusError):
    """There is no picture of the network."""

    code = "network-picture-missing"


class OnlyTiles(IsthmusError):
    """The collection is a file of tiles: it has no features."""

    code = "collection-of-tiles"


class TilesDamaged(IsthmusError):
    """The file of tiles cannot be read."""

    code = "tiles-damaged"


class DatabaseUnavailable(IsthmusError):
    """The database does not answer at the moment."""

    code = "database-unavailable"


class CatalogueMissing(DatabaseUnavailable):
    """The catalogue is not there yet: the loader makes it at its first start."""

    code = "catalogue-missing"


class SourceChanged(CatalogueMissing):
    """The table, view or function changed while it was read."""

    code = "source-changed"


class CollectionBroken(IsthmusError):
    """The database fails to read the collection."""

    code = "collection-broken"


class TooManyExports(IsthmusError):
    """As many exports run as this server runs at once."""

    code = "exports-too-many"


class TooManyBodies(IsthmusError):
    """As many bodies are on their way as this server reads at once."""

    code = "bodies-too-many"


class FormatUnsuitable(BadParameter):
    """The format cannot hold what is asked for."""

    code = "format-unsuitable"


class FileTooLarge(IsthmusError):
    """The file would be larger than this server makes files."""

    code = "file-too-large"


class StorageFull(IsthmusError):
    """The server has no room for the file at the moment."""

    code = "storage-full"


class FileNotWritten(IsthmusError):
    """The file could not be written."""

    code = "file-not-written"


class QueryTooSlow(IsthmusError):
    """The database needed longer than the time limit."""

    code = "query-too-slow"


def error_of(code: str, detail: str, *, hint: str | None, parameter: str | None) -> IsthmusError:
    """The error that another process of ours met. One of an unknown code is of the base class."""
    pending: list[type[IsthmusError]] = [IsthmusError]
    while pending:
        known = pending.pop()
        if known.code == code:
            return known(detail, hint=hint, parameter=parameter)
        pending.extend(known.__subclasses__())
    return IsthmusError(detail, hint=hint, parameter=parameter)


def suggestion(name: str, known: Iterable[str]) -> str | None:
    """`perhaps you meant 'length'` for the nearest known name, or None when nothing is near."""
    near = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"perhaps you meant '{near[0]}'" if near else None
