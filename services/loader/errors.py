"""What can be wrong with a dataset, named after what its owner can do about it."""

from __future__ import annotations

from core.errors import IsthmusError


class DatasetError(IsthmusError):
    """The dataset cannot be loaded."""

    code = "dataset-invalid"


class CannotRead(DatasetError):
    """The file cannot be read: it is damaged, empty, or not what its name says."""

    code = "dataset-unreadable"


class GeometryRefused(CannotRead):
    """PostGIS refuses to hold a geometry of the dataset as it is."""


class UnknownCrs(DatasetError):
    """The coordinate reference system of the data is not known."""

    code = "crs-unknown"


class NameTaken(DatasetError):
    """Another file already gives a collection of that name."""

    code = "collection-name-taken"


class BadSideCar(DatasetError):
    """The side-car file beside the dataset cannot be used."""

    code = "side-car-invalid"


class ReaderEnded(CannotRead):
    """The process that read the file died, or made no progress."""

    code = "reader-ended"


class LoadBroken(DatasetError):
    """The load ended by a mistake of Isthmus, or for want of memory."""

    code = "load-broken"


class LoaderEnded(DatasetError):
    """The loader ended in the middle of the load."""

    code = "loader-ended"


class DiskFull(DatasetError):
    """There is no room on a disk."""

    code = "disk-full"


class ChangedMeanwhile(DatasetError):
    """The file changed while it was read."""

    code = "dataset-changed"


class CannotPrepare(IsthmusError):
    """The table cannot be prepared for tiles."""

    code = "table-unsuitable"


class NotInDataFolder(IsthmusError):
    """The path does not lie in the data folder."""

    code = "path-outside"


class DataFolderUnavailable(IsthmusError):
    """The data folder cannot be read."""

    code = "data-folder-unavailable"


class NoSuchVersion(IsthmusError):
    """The collection has no version to go back to."""

    code = "version-unknown"
