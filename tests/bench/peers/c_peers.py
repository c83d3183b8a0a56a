"""QGIS Server and MapServer, each one process of FastCGI, from Debian's packages."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bench.peers.asks import Dialect
from bench.peers.data import SCHEMA, TABLES, Access
from bench.peers.fastcgi import FastCgiClient
from bench.peers.python_peers import MOST
from bench.peers.servers import Server, environment_of, running

QGIS_FCGI = Path("/usr/lib/cgi-bin/qgis_mapserv.fcgi")
MAPSERVER_CGI = Path("/usr/lib/cgi-bin/mapserv")
PROGRAMS = {"qgis": (QGIS_FCGI, "qgis-server python3-qgis"), "mapserver": (MAPSERVER_CGI, "cgi-mapserver")}
"""What must be there, and the packages that bring it."""

PROJECT_MAKER = Path(__file__).with_name("qgis_project.py")


def missing(name: str) -> str:
    """What to install before a server can be started; empty when it can."""
    program, packages = PROGRAMS.get(name, (Path("/"), ""))
    return "" if program.exists() else f"not installed: apt-get install {packages}"


@contextmanager
def qgis_server(access: Access, folder: Path) -> Iterator[Server]:
    """QGIS Server, over a project that has every table as a layer."""
    project, layers = folder / "peers.qgs", [[table, source_of(access, table)] for table in TABLES]
    environment = environment_of(
        folder,
        QGIS_PROJECT_FILE=str(project),
        QGIS_SERVER_API_WFS3_MAX_LIMIT=str(MOST),
        QT_QPA_PLATFORM="offscreen",
        XDG_RUNTIME_DIR=str(folder),
    )
    made = subprocess.run(
        ["/usr/bin/python3", PROJECT_MAKER, project, json.dumps(layers)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    dialect = Dialect(
        "/wfs3/collections/{collection}/items.json",
        "/wfs3/collections/{collection}/items/{id}.json",
        tile=None,
        params={},
        filters=False,
    )
    client = FastCgiClient(folder / "fcgi.sock", "")
    server = Server("QGIS Server", made.stdout.strip(), dialect, client, access.processes())
    with (
        listening(client.path) as queue,
        running(server, [str(QGIS_FCGI)], environment, "/wfs3/collections.json", listen=queue) as started,
    ):
        yield started


def source_of(access: Access, table: str) -> str:
    """A table as QGIS names it."""
    kind = "Polygon" if table == "polygons" else "Point"
    return (
        f"dbname='{access.database}' host={access.host} port={access.port} user='{access.role}'"
        f" password='{access.password}' key='fid' srid=4326 type={kind} table=\"{SCHEMA}\".\"{table}\" (geom)"
    )


@contextmanager
def mapserver(access: Access, folder: Path) -> Iterator[Server]:
    """MapServer, whose connection to the database is kept."""
    told = subprocess.run([MAPSERVER_CGI, "-v"], capture_output=True, text=True, check=True)
    (folder / "peers.map").write_text(map_file(access))
    templates = folder / "templates"
    shutil.copytree("/usr/share/mapserver/ogcapi/templates", templates)
    config = folder / "mapserver.conf"
    config.write_text(
        f'CONFIG\n ENV\n  MS_MAP_PATTERN "."\n  OGCAPI_HTML_TEMPLATE_DIRECTORY "{templates}/html-plain/"\n END\n'
        f' MAPS\n  PEERS "{folder}/peers.map"\n END\nEND\n'
    )
    environment = environment_of(folder, MAPSERVER_CONFIG_FILE=str(config))
    of = "/PEERS/ogcapi/collections/{collection}"
    dialect = Dialect(  # filters and properties as parameters are passed over, without a word
        f"{of}/items",
        f"{of}/items/{{id}}",
        "/?map=PEERS&mode=tile&tilemode=gmap&tile={column}+{row}+{z}&layers={collection}&map.imagetype=mvt",
    )
    client = FastCgiClient(folder / "fcgi.sock", "")
    server = Server(
        "MapServer", told.stdout.split()[2], replace(dialect, equals=False, filters=False), client, access.processes()
    )
    with (
        listening(client.path) as queue,
        running(server, [str(MAPSERVER_CGI)], environment, "/PEERS/ogcapi/?f=json", listen=queue) as started,
    ):
        yield started


def map_file(access: Access) -> str:
    """Every table as a layer, with tiles in Web Mercator."""
    layers = "\n".join(layer(access, table) for table in TABLES)
    return f"""
MAP
  NAME "peers"
  SIZE 256 256
  EXTENT -180 -90 180 90
  PROJECTION "init=epsg:4326" END
  OUTPUTFORMAT
    NAME "mvt"
    DRIVER MVT
    FORMATOPTION "EXTENT=4096"
    FORMATOPTION "EDGE_BUFFER=4"
  END
  WEB
    METADATA
      "oga_onlineresource" "http://127.0.0.1/PEERS/ogcapi"
      "ows_enable_request" "*"
      "oga_max_limit" "{MOST}"
      "ows_title" "peers"
      "ows_srs" "EPSG:4326 EPSG:3857"
    END
  END
{layers}
END
"""


def layer(access: Access, table: str) -> str:
    """A table as a layer."""
    kind = "POLYGON" if table == "polygons" else "POINT"
    return f"""
  LAYER
    NAME "{table}"
    TYPE {kind}
    STATUS ON
    TEMPLATE "void"
    CONNECTIONTYPE POSTGIS
    CONNECTION "{access.libpq}"
    PROCESSING "CLOSE_CONNECTION=DEFER"
    DATA "geom FROM {SCHEMA}.{table} USING UNIQUE fid USING SRID=4326"
    EXTENT -180 -90 180 90
    PROJECTION "init=epsg:4326" END
    METADATA
      "ows_title" "{table}"
      "gml_include_items" "all"
      "ows_include_items" "all"
      "gml_featureid" "fid"
      "gml_types" "auto"
      "oga_max_limit" "{MOST}"
    END
    CLASS
      STYLE COLOR 0 0 0 END
    END
  END"""


@contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    """A socket for connections that the program takes from its standard input, as FastCGI has it."""
    with socket.socket(socket.AF_UNIX) as queue:
        queue.bind(str(path))
        queue.listen(16)
        yield queue
