"""The containers are those of today: of the image that its tag leads to, and of the settings that hold now."""

from __future__ import annotations

from collections.abc import Iterator

from netlab.model import Container, Observation
from netlab.promise import Promise
from netlab.tried import Tried


def up_to_date(seen: Observation, tried: Tried) -> Iterator[Promise]:
    """Two sentences about each container."""
    for container in seen.containers:
        yield image(container, seen)
        if seen.mode != "swarm":
            yield settings(container, seen, tried)


def image(container: Container, seen: Observation) -> Promise:
    """It runs the image that its tag leads to."""
    return Promise(
        code="image-current",
        subject=container.name,
        promise=f"runs the image that {container.image} is now",
        expected="the same image",
        seen="an older image" if container.stale else "the same image",
        because="a container keeps the image that it was made of when the tag moves on",
    ).held(when=not container.stale, otherwise="warning", fix=f"./scripts/up {seen.mode}")


def settings(container: Container, seen: Observation, tried: Tried) -> Promise:
    """It was made with the settings that Compose would use now."""
    promise = Promise(
        code="settings-current",
        subject=container.name,
        promise="was made with the settings of now",
        expected="the hash of docker compose config",
        seen="other settings" if container.name in (tried.outdated or ()) else "the same settings",
        because=".env, the environment and compose/*.yaml, as they are now, are compared with its label",
    )
    if tried.outdated is None:
        return promise.unseen(
            tried.missing.get("settings", "not compared"), "run it in the clone that the stack was started from"
        )
    return promise.held(
        when=container.name not in tried.outdated,
        otherwise="warning",
        fix=f"./scripts/up {seen.mode} makes it anew; or give the settings that it was started with",
    )
