"""The containers are those of today: of the image that its tag leads to, and of the settings that hold now."""

from __future__ import annotations

from collections.abc import Iterator

from netlab.model.finding import Promise
from netlab.model.observation import Container, Observation
from netlab.model.probe_results import Tried
from netlab.model.roles import start_command


def up_to_date(seen: Observation, tried: Tried) -> Iterator[Promise]:
    """Two sentences about each container, or one about all of them where settings cannot be compared."""
    for container in seen.containers:
        yield image(container, seen)
        if tried.outdated is not None:
            yield settings(container, seen, tried.outdated)
    if tried.outdated is None and seen.mode != "swarm":
        yield not_compared(seen, tried.missing.get("settings", "they were not compared"))


def image(container: Container, seen: Observation) -> Promise:
    """It runs the image that its tag leads to."""
    return Promise(
        code="image-current",
        subject=container.name,
        promise=f"runs the image that {container.image} is now",
        expected="the same image",
        seen="an older image" if container.stale else "the same image",
        because="a container keeps the image that it was made of when the tag moves on",
    ).held(when=not container.stale, otherwise="warning", fix=start_command(seen.mode))


def settings(container: Container, seen: Observation, outdated: tuple[str, ...]) -> Promise:
    """It was made with the settings that Compose would use now."""
    return Promise(
        code="settings-current",
        subject=container.name,
        promise="was made with the settings of now",
        expected="the hash of docker compose config",
        seen="other settings" if container.name in outdated else "the same settings",
        because=".env, the environment and compose/*.yaml, as they are now, are compared with its label",
    ).held(
        when=container.name not in outdated,
        otherwise="warning",
        fix=f"{start_command(seen.mode)} makes it anew; or give the settings that it was started with",
    )


def not_compared(seen: Observation, why: str) -> Promise:
    """Compose could not be asked what it would use now."""
    return Promise(
        code="settings-current",
        subject=seen.project,
        promise="the containers were made with the settings of now",
        expected="the hashes of docker compose config",
        seen="",
        because="",
    ).unseen(why, "run it in the clone that the stack was started from, as who started it")
