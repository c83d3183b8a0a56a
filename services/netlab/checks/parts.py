"""Every part of the mode is there, runs, is healthy, and no other; its folders and volumes are as the mode says.

Storage is really read and written, by the right owner, and still the same as on the host.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from netlab.checks.findings import Finding
from netlab.model.observation import Container, Mount, Observation
from netlab.model.probe_results import FolderProbe, ProbeResults
from netlab.model.roles import Storage, mount_at, recreate_command, services_of, start_command, storage_of

GOOD = (None, "healthy")


def running(seen: Observation, tried: ProbeResults) -> Iterator[Finding]:
    """A promise for each container, for each part that is missing, and for each container that is no part."""
    expected = services_of(seen.mode)
    there = {one.service for one in seen.containers}
    yield from (absent(service, seen) for service in expected if service not in there)
    for container in seen.containers:
        if expected and container.service not in expected:
            yield stray(container, seen)
        yield health(container, tried.words.get(container.name, ""))
    if seen.mode == "swarm":
        yield elsewhere(seen)


def absent(service: str, seen: Observation) -> Finding:
    """A part of the mode that has no container."""
    return Finding(
        code="part-runs",
        subject=service,
        promise=f"mode {seen.mode} has a container {service}",
        expected="a container",
        seen="none",
        because=f"no container of project {seen.project} has the label of that service",
    ).held(when=False, fix=start_command(seen.mode))


def stray(container: Container, seen: Observation) -> Finding:
    """A container of the project that the mode does not have."""
    return Finding(
        code="part-known",
        subject=container.name,
        promise="only the mode's own parts run in the project",
        expected=", ".join(services_of(seen.mode)),
        seen=container.service or "a container without a service",
        because="it is of another mode, or was added by hand; on this project's network it reaches the database",
    ).held(when=False, fix=f"docker rm -f {container.name}")


def health(container: Container, words: str) -> Finding:
    """The container runs, and its own health check is content."""
    state = f"{container.state}, {container.health}" if container.health and container.running else container.state
    promise = Finding(
        code="part-runs",
        subject=container.name,
        promise="runs and is healthy",
        expected="running, healthy" if container.health else "running",
        seen=state,
        because=reason(container, words),
    )
    if container.running and container.health == "starting":
        return promise.held(when=False, otherwise="warning", fix=f"wait; then docker logs --tail 30 {container.name}")
    return promise.held(when=container.running and container.health in GOOD, fix=cure(container))


def reason(container: Container, words: str) -> str:
    """How its state is known, or what it means."""
    if container.state == "paused":
        return "a paused container keeps its connections and answers nobody"
    if words:
        return f"{'its last health check' if container.running else 'the engine'} said: {words}"
    return "its health check asks the real question" if container.running else "it has ended, or was never started"


def cure(container: Container) -> str:
    """What brings a container back."""
    if container.state == "paused":
        return f"docker unpause {container.name}"
    if container.state in ("exited", "created"):
        return f"docker start {container.name}; docker logs --tail 30 {container.name}"
    return f"docker logs --tail 30 {container.name}; docker restart {container.name}"


def elsewhere(seen: Observation) -> Finding:
    """The tasks of other nodes, which an engine does not list."""
    return Finding(
        code="tasks-here",
        subject=seen.project,
        promise="every task of the stack is looked at",
        expected="the tasks of all nodes",
        seen="",
        because="",
    ).unseen(
        "tasks of other nodes are not shown by this node's engine",
        "run the check on each node; docker stack ps " + seen.project,
    )


def mounts(seen: Observation, tried: ProbeResults) -> Iterator[Finding]:
    """The promises about storage, container by container."""
    touched = {(one.container, one.path): one for one in tried.touched}
    for container in seen.containers:
        for needed in storage_of(container, seen.mode):
            mount = mount_at(container, needed.target)
            if mount is None:
                yield no_mount(container, needed, seen)
                continue
            if needed.probe != "/data/var/reports":
                yield as_told(container, needed, mount, seen)
            trial = touched.get((container.name, needed.probe))
            if trial is not None:
                yield (writes if needed.writable else only_reads)(container, needed, mount, trial)
            if needed.probe == needed.target or needed.probe == "/data/var":
                yield from still_there(container, mount, trial, tried)


def no_mount(container: Container, needed: Storage, seen: Observation) -> Finding:
    """The container was made without a mount that it needs."""
    return Finding(
        code="mounted",
        subject=container.name,
        promise=f"has storage at {needed.target}",
        expected="a bind mount or a volume",
        seen="nothing is mounted there",
        because="what it writes goes with the container, and what others write it does not see",
    ).held(when=False, fix=recreate_command(container, seen.mode))


def as_told(container: Container, needed: Storage, mount: Mount, seen: Observation) -> Finding:
    """The mount's flag: read-only for who only reads."""
    word = "read-write" if needed.writable else "read-only"
    return Finding(
        code="mount-mode",
        subject=container.name,
        promise=f"{needed.target} is mounted {word}",
        expected=word,
        seen=f"{'read-write' if mount.writable else 'read-only'}, {mount.kind} {mount.volume or mount.source}",
        because="the engine's description of the container says so",
    ).held(
        when=mount.writable == needed.writable,
        fix=f"compose/*.yaml: {yaml_word(needed)}; then {start_command(seen.mode)}",
    )


def yaml_word(needed: Storage) -> str:
    """The word of a volume's long form."""
    return f"no read_only on {needed.target}" if needed.writable else f"read_only: true on {needed.target}"


def writes(container: Container, needed: Storage, mount: Mount, trial: FolderProbe) -> Finding:
    """It reads, writes, and what it writes is its own."""
    user = user_of(container)
    good = trial.readable and bool(trial.owner) and (not user or trial.owner == user)
    return Finding(
        code="storage-written",
        subject=container.name,
        promise=f"reads and writes {needed.probe}",
        expected=f"a file of {user or 'its user'} can be made and removed",
        seen=f"a file of {trial.owner} was made and removed" if trial.owner else trial.text.lower(),
        because=owner_text(mount) if good else f"{owner_text(mount)}; user {user} in the container needs to write it",
    ).held(when=good, fix=write_fix(needed, mount, trial, user))


def user_of(container: Container) -> str:
    """uid:gid that the container's programs run as, empty where the image decides."""
    return container.user if container.user.replace(":", "").isdigit() and ":" in container.user else ""


def owner_text(mount: Mount) -> str:
    """The folder on the host and its owner."""
    where = mount.volume or mount.source
    owner = (
        f" belongs to {mount.rights.uid}:{mount.rights.gid}, {mount.rights.mode}"
        if mount.rights
        else " (owner hidden from this user)"
    )
    return f"{mount.kind} {where}{owner}"


def write_fix(needed: Storage, mount: Mount, trial: FolderProbe, user: str) -> str:
    """A disk that is read-only is mounted anew; a folder of somebody else's changes hands."""
    below = needed.probe.removeprefix(needed.target)
    path = f"{mount.source}{below}"
    if "read-only" in trial.text.lower():
        return f"docker restart the container; if it stays, the disk of {path} is read-only: sudo mount -o remount,rw …"
    if "no such file" in trial.text.lower():
        return f"sudo install -d -o {user.partition(':')[0]} -g {user.rpartition(':')[2]} {path}"
    return f"sudo chown -R {user} {path}"


def only_reads(container: Container, needed: Storage, mount: Mount, trial: FolderProbe) -> Finding:
    """It reads, and cannot write."""
    read = "read" if trial.readable else "cannot be read"
    written = f"a file of {trial.owner} was written" if trial.owner else f"not written: {trial.text.lower()}"
    return Finding(
        code="storage-read",
        subject=container.name,
        promise=f"reads {needed.probe} and cannot write it",
        expected="read, not written",
        seen=f"{read}, {written}",
        because=owner_text(mount),
    ).held(
        when=trial.readable and not trial.owner,
        fix=f"chmod o+rx {mount.source}" if not trial.readable else f"compose/*.yaml: {yaml_word(needed)}",
    )


def still_there(
    container: Container, mount: Mount, trial: FolderProbe | None, tried: ProbeResults
) -> Iterator[Finding]:
    """The folder that the container has mounted is the one that has this path on the host today."""
    if mount.kind != "bind":
        return
    outside = tried.folders.get(mount.source)
    promise = Finding(
        code="same-folder",
        subject=container.name,
        promise=f"{mount.target} is the host's folder {mount.source}",
        expected=f"that folder (inode {outside.rpartition(':')[2]})" if outside else "a folder of that path",
        seen="the same inode",
        because="a container keeps the folder that it was started with, wherever that is moved",
    )
    if mount.source in tried.gone:
        yield replace(promise, seen="no such folder").held(when=False, fix=moved_fix(mount))
    elif outside and trial is not None and trial.path == mount.target and trial.inode:
        same = outside == trial.inode
        seen = "the same inode" if same else f"another one (inode {trial.inode.rpartition(':')[2]})"
        yield replace(promise, seen=seen).held(when=same, fix=moved_fix(mount))


def moved_fix(mount: Mount) -> str:
    """How to get path and folder together again."""
    return f"move the folder back to {mount.source}; or, where the new one is right, ./scripts/down and ./scripts/up"
