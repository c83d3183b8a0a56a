"""Every setting: its name, default and meaning. The only module that reads the environment.

`docs/settings.md` and `.env.example` are written from this table (`python -m core.settings docs | example`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

from core.errors import BadSetting, suggestion
from core.headers import cache_control_mistake, parse_basemap, parse_frame_ancestors

Mode = Literal["bridge", "host", "container", "none", "native", "swarm"]
Switch = Literal["off", "on"]
Index = Literal["auto", "off"]
Explain = Literal["local", "on", "off"]
LogLevel = Literal["debug", "info", "warning", "error"]
Audience = Literal["operator", "service"]
WorkerClass = Literal["granian", "gthread"]
DbTarget = Literal["any", "read-write", "prefer-standby"]


def setting(
    default: Any, meaning: str, *, least: int | None = None, to: Audience = "operator", shown: bool = True
) -> Any:
    """A field of Settings. `to` says who sets it: the operator, or the launcher of a service. A secret is not shown."""
    return field(default=default, repr=shown, metadata={"meaning": meaning, "least": least, "to": to})


@dataclass(frozen=True, slots=True)
class Settings:
    """What `ISTHMUS_*` variables say. The field `pool_wait_s` is the variable `ISTHMUS_POOL_WAIT_S`."""

    port: int = setting(8080, "HTTP port on the host")
    bind: str = setting("127.0.0.1", "address on the host that HTTP listens on; 0.0.0.0 opens it to the network")
    data_dir: Path = setting(Path("data"), "folder whose spatial files are served; `var/` below it is Isthmus's own")
    project: str = setting("isthmus", "name of the Compose project: containers, networks and volumes begin with it")
    title: str = setting("Isthmus", "title of the landing page")
    public_url: str = setting(
        "", "address that clients see, for links behind a proxy, such as https://maps.example.org/gis"
    )
    trusted_proxies: str = setting(
        "",
        "proxies whose X-Forwarded-* headers are believed, or Forwarded where they send none of -For, -Host, -Port and"
        " -Proto: addresses or networks with commas, `unix` for a socket",
    )
    default_limit: int = setting(10, "features on a page when the request does not say", least=1)
    max_limit: int = setting(10_000, "most features on a page; a larger `limit` is answered with this many", least=1)
    exact_count_cost: int = setting(
        400,
        "filtered pages say `numberMatched` when the planner reckons that counting costs at most this much (500 are"
        " about a millisecond), else `numberMatchedEstimate`",
    )
    aggregate_cost: int = setting(
        1_000_000,
        "aggregates that the planner reckons to cost more are refused (422); 1,000,000 are two to ten seconds",
        least=1,
    )
    aggregate_timeout_s: int = setting(5, "seconds after which the database gives an aggregate up (422)", least=1)
    cache_control: str = setting(
        "public, no-cache",
        "`Cache-Control` of features, tiles and exports whose side-car has no `cache_control`; the default lets clients"
        " keep an answer and ask each time whether it changed",
    )
    statement_timeout_s: int = setting(
        10, "seconds after which the database gives a request up that is no export (504)", least=1
    )
    filter_timeout_s: float = setting(
        3.0,
        "seconds after which the database gives a filter up that takes longer than to read the features (400)",
        least=1,
    )
    export_timeout_s: int = setting(
        3600, "seconds after which the database gives the export of a whole collection up", least=1
    )
    schemas: str = setting(
        "", "schemas of the database whose tables, views and functions are published too, with commas between them"
    )
    pool_size: int = setting(8, "database connections of each API worker", least=1)
    pool_wait_s: float = setting(2.0, "seconds a request waits for a free connection (then 503)")
    workers: int = setting(2, "API worker processes", least=1)
    threads: int = setting(
        8, "threads of each API worker; with fewer than 4 exports and slow clients can hold all of them", least=1
    )
    worker_class: WorkerClass = setting(
        "granian",
        "what reads and writes HTTP in gunicorn's workers: granian, outside Python; gthread, gunicorn's own",
    )
    tile_cache_mb: int = setting(64, "memory of each API worker for tiles already made, in MB; 0 turns it off")
    answer_cache_mb: int = setting(16, "memory of each API worker for answers asked for again, in MB; 0 turns it off")
    tiles_dir: str = setting("", "folder of the tiles that were made (default: `var/tiles` in the data folder)")
    tiles_mb: int = setting(
        2000, "most that tiles take up there, in MB; the ones not used for longest go first; 0 keeps none on the disk"
    )
    render_tiles: int = setting(
        1365,
        "most tiles of low zooms that are made of a large collection once it is loaded, before somebody asks for one"
        " (1365 are zooms 0 to 5 of the world); 0 makes none",
        least=0,
    )
    tile_max_kb: int = setting(
        500, "most that a tile weighs, compressed, in KB; beyond it the least important features are left out"
    )
    tile_timeout_s: float = setting(
        1.0, "seconds that the database may take for a tile; then it is made of a sample, or given up (504)"
    )
    tile_matrix_sets: str = setting(
        "", "folder of tile matrix sets as JSON (default: `tile_matrix_sets` in the data folder); read at the start"
    )
    explain: Explain = setting(
        "local",
        "who may ask by `explain=true` how a tile is made, which shows SQL and names of tables; local: everybody while"
        " only this machine can ask (it listens on an address of its own, and no proxy is set); on: everybody; off:"
        " nobody",
    )
    frame_ancestors: str = setting(
        "self",
        "who may show pages in a frame, such as the map of `explore?embed=1`: `self`, `none`, `*` or addresses such as"
        " https://www.example.org, with blanks between",
    )
    basemap: str = setting(
        "natural-earth",
        "basemap under the maps: natural-earth, which ships with Isthmus; off; or the address of a MapLibre style or of"
        " pictures (`https://tiles.example.org/{z}/{x}/{y}.png`), of this server where it begins with `/`, and behind"
        " it, with blanks, further servers that it comes from",
    )
    network_page: Switch = setting(
        "on",
        "off: /network does not show what `isthmus net` left, which names addresses, paths and containers of this host",
    )
    files_page: Switch = setting(
        "on",
        "off: /files does not show what became of each file in the data folder, and a missing collection does not say"
        " why its file could not be loaded",
    )
    spool_dir: str = setting("", "folder of the files that exports make (default: `var/spool` in the data folder)")
    spool_mb: int = setting(
        4000, "most that exported files take up, in MB; the ones not used for longest go first", least=1
    )
    spool_file_mb: int = setting(
        2000, "largest file that an export makes, in MB; CSV and GeoJSON have no limit", least=1
    )
    scan_interval_s: float = setting(1.0, "seconds between two looks at the data folder")
    read_memory_mb: int = setting(
        2048, "most memory that the process which reads a file may take, in MB; beyond it the file fails", least=256
    )
    read_stall_s: int = setting(120, "seconds after which a file fails whose reading makes no progress", least=1)
    index: Index = setting(
        "auto",
        "auto: properties of larger tables get indexes after the load, those that it helps; off: only where a side-car"
        " says so",
    )
    keep_versions: int = setting(2, "versions kept of each collection, the served one included", least=1)
    log_level: LogLevel = setting("info", "debug, info, warning or error")
    run_dir: str = setting("", "folder of the API's socket in mode none (default: `var/run` in the data folder)")
    db_host_port: int = setting(
        55432, "PostgreSQL's port on the host's loopback: in mode host, and in bridge and native when this is set"
    )
    secrets_dir: Path = setting(Path("secrets"), "folder of the generated passwords")
    uid: int = setting(10001, "user id that the containers run as; `scripts/up` sets it for users other than root")
    gid: int = setting(10001, "group id that the containers run as")
    mode: Mode = setting("native", "network mode, shown on the landing page", to="service")
    listen: str = setting("127.0.0.1:8080", "what the API listens on: host:port, or unix:/path", to="service")
    stop_within_s: int = setting(
        5,
        "seconds that an API which is stopped has for the answers under way; an export may run for an hour",
        to="service",
        least=1,
    )
    api: str = setting(
        "",
        "where the loader, `isthmus seed` and `isthmus export` find the API: host:port, a URL or unix:/path (default:"
        " what it listens on)",
        to="service",
    )
    db_host: str = setting(
        "127.0.0.1", "PostgreSQL's host, or the folder of its socket; several with commas between them", to="service"
    )
    db_target: DbTarget = setting(
        "any",
        "which of several hosts, or of several addresses of one, is taken: any, the first that answers; read-write, the"
        " primary; prefer-standby, a replica at random, and the primary when none answers",
        to="service",
    )
    db_port: int = setting(5432, "PostgreSQL's port", to="service")
    db_name: str = setting("isthmus", "database", to="service")
    db_user: str = setting(
        "isthmus_reader", "database role: isthmus_reader for the API, isthmus_owner for the loader", to="service"
    )
    db_password: str = setting(
        "",
        "the role's password; better ISTHMUS_DB_PASSWORD_FILE, the path of a file that holds it",
        to="service",
        shown=False,
    )

    def __post_init__(self) -> None:
        """Raise BadSetting for values that have the right type and make no sense."""
        for one in fields(self):
            least, value = one.metadata["least"], getattr(self, one.name)
            if least is not None and value < least:
                raise unfit(one.name, f"is {value}", f"it takes a number from {least}")
        if self.public_url and not self.public_url.startswith(("http://", "https://")):
            raise unfit("public_url", f"is '{self.public_url}'", "it begins with http:// or https://")
        mistake = cache_control_mistake(self.cache_control)
        if mistake is not None:
            raise unfit("cache_control", f"is '{self.cache_control}'", mistake)
        self.proxy_networks()
        self.source_schemas()
        if parse_frame_ancestors(self.frame_ancestors) is None:
            hint = "it takes self, none, * or addresses such as https://www.example.org"
            raise unfit("frame_ancestors", f"is '{self.frame_ancestors}'", hint)
        if parse_basemap(self.basemap) is None:
            hint = "it takes natural-earth, off, or an address such as https://tiles.example.org/style.json"
            raise unfit("basemap", f"is '{self.basemap}'", hint)

    def source_schemas(self) -> tuple[str, ...]:
        """The schemas that are published beside the loaded files. Raises: BadSetting for those that are never"""
        names = tuple(dict.fromkeys(name.strip() for name in self.schemas.split(",") if name.strip()))
        for name in names:
            if name in ("isthmus", "published", "information_schema") or name.startswith("pg_"):
                raise unfit("schemas", f"names '{name}'", "leave out what belongs to PostgreSQL or to Isthmus itself")
        return names

    def matrix_sets_folder(self) -> Path:
        """The folder of the tile matrix sets that were registered, which need not be there."""
        return Path(self.tile_matrix_sets) if self.tile_matrix_sets else self.data_dir / "tile_matrix_sets"

    def proxy_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The trusted proxies that have an address."""
        names = [name.strip() for name in self.trusted_proxies.split(",")]
        try:
            return tuple(ip_network(name, strict=False) for name in names if name not in ("", "unix"))
        except ValueError as error:
            raise BadSetting(
                f"ISTHMUS_TRUSTED_PROXIES: {error}",
                hint="write addresses or networks with commas, such as 127.0.0.1,172.16.0.0/12",
                parameter="ISTHMUS_TRUSTED_PROXIES",
            ) from error

    @property
    def is_local(self) -> bool:
        """Whether only this machine can ask, as far as the settings tell."""
        listens_on = self.listen.rpartition(":")[0].strip("[]") if self.mode in ("native", "host") else self.bind
        if self.public_url or self.trusted_proxies or self.mode == "swarm":
            return False
        return listens_on in ("unix", "localhost", "::1") or listens_on.startswith("127.")

    def trusts_socket(self) -> bool:
        """Whether a proxy that comes over a unix socket is believed."""
        return "unix" in [name.strip() for name in self.trusted_proxies.split(",")]


def variable(name: str) -> str:
    """The environment variable of a field."""
    return f"ISTHMUS_{name.upper()}"


def unfit(name: str, what: str, hint: str) -> BadSetting:
    """The error about the value of a field: `what` it is."""
    return BadSetting(f"{variable(name)} {what}", hint=hint, parameter=variable(name))


def parse(name: str, kind: Any, text: str) -> Any:
    """The text of a variable as a value of the field's type. Raises: BadSetting, naming the variable"""
    choices = get_args(kind)
    if choices and text not in choices:
        raise unfit(name, f"is '{text}'", suggestion(text, choices) or f"it takes one of {', '.join(choices)}")
    try:
        return text if choices else kind(text)
    except ValueError as error:
        raise unfit(name, f"is '{text}'", "it takes a number") from error


def tell_libraries(values: Mapping[str, str]) -> None:
    """Set variables that libraries in C read for themselves, such as GDAL's."""
    os.environ.update(values)


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment. An empty variable counts as unset.

    Raises: BadSetting for a value that does not fit, or a password file that cannot be read
    """
    environ = os.environ if environ is None else environ
    kinds = get_type_hints(Settings)
    given = {name: environ[variable(name)] for name in kinds if environ.get(variable(name))}
    values = {name: parse(name, kinds[name], text) for name, text in given.items()}
    password_file = environ.get("ISTHMUS_DB_PASSWORD_FILE")
    if password_file:
        values["db_password"] = read_secret(Path(password_file))
    return Settings(**values)


def read_secret(path: Path) -> str:
    """The one line of a secret file. Raises: BadSetting when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise BadSetting(
            f"the password file {path} cannot be read: {error.strerror}",
            hint="scripts/up makes it, mode 0600, for the user that the service runs as",
            parameter="ISTHMUS_DB_PASSWORD_FILE",
        ) from error


def rows(to: Audience) -> list[tuple[str, str, str]]:
    """(variable, default, meaning) of the settings for one audience, in the order of the table above."""
    return [
        (variable(f.name), str(f.default), f.metadata["meaning"]) for f in fields(Settings) if f.metadata["to"] == to
    ]


# Variables that earlier versions read, and why they are ignored. They stop nothing.
REMOVED = {"ISTHMUS_PIN_WORKERS": "the kernel chooses the CPUs of workers, among those of their cpuset"}


def ignored(environ: Mapping[str, str] | None = None) -> list[str]:
    """A sentence for each variable of an earlier version that is set."""
    environ = os.environ if environ is None else environ
    return [f"{name} is ignored: {because}" for name, because in REMOVED.items() if environ.get(name)]


# Variables of the stack on a swarm (compose/swarm.yaml): name, default, meaning.
SWARM_VARIABLES = (
    ("ISTHMUS_API_REPLICAS", "2", "tasks of the API"),
    ("ISTHMUS_DB_REPLICAS", "2", "streaming replicas of the database"),
    ("ISTHMUS_REGISTRY", "", "registry that nodes take the images from, with its slash: registry.example.org/gis/"),
)

# Variables that only the scripts and the images' builds read: name, default, meaning.
BUILD_VARIABLES = (
    ("POSTGIS_IMAGE", "", "image with PostgreSQL 17 and PostGIS to build on, in place of Debian's packages"),
    ("ISTHMUS_PG_WAL_MB", "4000", "what PostgreSQL's write-ahead log may take on the disk, in MB"),
    ("ISTHMUS_BASE", "debian:trixie-slim", "image that every Dockerfile begins with"),
    ("ISTHMUS_BUILD_CA", "", "file with a certificate authority that pip needs in builds (default: `SSL_CERT_FILE`)"),
    (
        "ISTHMUS_DEBIAN_MIRROR",
        "",
        "where `scripts/base-image` takes Debian from (default: what this machine's apt uses)",
    ),
    ("ISTHMUS_REQUIRE_DOCKER", "", "1: `scripts/test` installs and starts a Docker engine where none answers"),
)

DOCS_HEAD = """# Settings

Written from `services/core/settings.py` by `scripts/bless`; do not edit.

Each setting is an environment variable or a line `NAME=value` of `.env` in the clone's folder. The environment wins.
"""


def render_docs() -> str:
    """The settings reference as Markdown."""
    sections = (
        ("For the operator", "setting", rows("operator")),
        ("Set by the launcher of each service (compose files, native mode)", "setting", rows("service")),
        ("For a swarm (`scripts/swarm`, [docs/swarm.md](swarm.md))", "variable", SWARM_VARIABLES),
        ("For builds and tests", "variable", BUILD_VARIABLES),
    )
    parts = [DOCS_HEAD]
    for head, what, listed in sections:
        parts += [f"## {head}\n\n| {what} | default | meaning |\n|---|---|---|"]
        parts += [*(variable_line(*row) for row in listed), ""]
    parts.append("## Ignored\n\nVariables of earlier versions, which nothing reads any more.\n")
    parts.extend(f"- `{name}`: {because}" for name, because in REMOVED.items())
    return "\n".join(parts) + "\n"


def variable_line(name: str, default: str, meaning: str) -> str:
    """A row of a table of the reference."""
    return f"| `{name}` | {f'`{default}`' if default else ''} | {meaning} |"


def render_example() -> str:
    """A `.env` with each of the operator's settings at its default, commented out."""
    head = "# Copy to .env and uncomment what you change. The environment wins over this file.\n"
    listed = [*rows("operator"), *SWARM_VARIABLES]
    return head + "".join(f"\n# {meaning}\n# {name}={default}\n" for name, default, meaning in listed)


if __name__ == "__main__":
    sys.stdout.write(render_example() if sys.argv[1:] == ["example"] else render_docs())
