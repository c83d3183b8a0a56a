"""A primary and its streaming replica, both started by the entrypoint, as the swarm starts them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from support.cluster import PASSWORD, Cluster, private_cluster, unmade_cluster


@contextmanager
def primary_cluster(extra: tuple[str, ...] = ()) -> Generator[Cluster]:
    """A cluster that replicas may follow."""
    with unmade_cluster() as secrets:
        password = secret(secrets.directory)
        with private_cluster(extra=extra, more={"ISTHMUS_REPLICATION_PASSWORD_FILE": str(password)}) as primary:
            yield primary


def secret(folder: Path) -> Path:
    """The file of the replication role's password, which has what a passfile must escape."""
    path = folder / "replication"
    path.write_text(f"{PASSWORD}:\\")
    return path


@contextmanager
def unmade_replica(primary: Cluster, slot: str = "replica_1") -> Generator[Cluster]:
    """A replica that nobody started yet."""
    more = {"ISTHMUS_PG_PRIMARY": str(primary.directory / "s"), "ISTHMUS_PG_SLOT": slot}
    with unmade_cluster(more=primary.more | more) as replica:
        yield replica


@contextmanager
def replicated_cluster() -> Generator[tuple[Cluster, Path]]:
    """A primary, and the folder of the socket of its replica, which has the same port."""
    with primary_cluster() as primary, unmade_replica(primary) as replica:
        replica.start()
        yield primary, replica.directory / "s"
