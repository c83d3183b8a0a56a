"""Files of the data folder that are no datasets: what each is by its ending, and what would make a dataset of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from loader.kinds import KIND_OF_SUFFIX
from loader.plain_files import kind_of_odd


class NotRead(NamedTuple):
    """What a file is, in a word and as the end of a sentence, and what its owner can do."""

    kind: str
    detail: str
    hint: str | None = None


def by_ending(*rows: tuple[str, NotRead]) -> dict[str, NotRead]:
    """The table with a row for each ending, of rows for several, with spaces between them."""
    return {suffix: known for suffixes, known in rows for suffix in suffixes.split()}


CONTOUR = "serve it with TiTiler, or make lines of it: gdal_contour -a height IN.tif OUT.gpkg"
VECTORS = "and Isthmus reads vectors"
RASTER = NotRead("raster", f"a raster, {VECTORS}", CONTOUR)
CLOUD = NotRead("point cloud", f"a point cloud, {VECTORS}", "make points of it: pdal translate IN.las OUT.gpkg")
SAVE_AS = "open it in QGIS and save it as a GeoPackage, or: ogr2ogr OUT.gpkg IN"
CAD = 'export it as DXF, and say its system in the side-car: crs = "EPSG:…"'
SHEET = NotRead("spreadsheet", "a spreadsheet", "save it as .xlsx or .ods")
UNPACK = "unpack it into the data folder, or pack it as .zip"
PACKED = NotRead("archive", "an archive of a format that is not opened", UNPACK)
COMPRESSED = NotRead("archive", "a compressed file", "unpack it: gunzip, bunzip2, unxz or unzstd")
PICTURE = NotRead("picture", "a picture", "it is not published; coordinates of photos: exiftool -csv -n -gps* *.jpg")
TEXT = NotRead("text", "a text for people")
PROGRAM = NotRead("program", "no spatial data")
PART = "copy the file that it belongs to, too"
STYLE = NotRead("style", "a style or a project, no data", "the data it draws belong into the folder, too")
PARTIAL = NotRead("partial", "a file that is still being copied or downloaded", "it is looked at under its final name")

ENDINGS: Mapping[str, NotRead] = by_ending(
    (".tif .tiff .gtiff .vrt .img .jp2 .j2k .asc .dem .hgt .bil .dt0 .dt1 .dt2 .ecw .sid .grd .adf .rst .mbr", RASTER),
    (
        ".nc .nc4 .cdf .hdf .hdf5 .h5 .he5 .grib .grib2 .grb .grb2 .zarr",
        NotRead("raster", f"a grid of values, {VECTORS}", CONTOUR),
    ),
    (".png .jpg .jpeg .webp .gif .bmp .svg .heic .avif", PICTURE),
    (".las .laz .copc .e57 .ply .pcd .xyz", CLOUD),
    (".dwg .dgn .dwf .rvt .skp .step .stp .iges .igs", NotRead("CAD drawing", "a CAD drawing", CAD)),
    (".ifc .obj .stl .gltf .glb .b3dm .dae .fbx .3ds", NotRead("3D model", "a model of a building or thing")),
    (".json", NotRead("JSON", "JSON, but neither GeoJSON nor TopoJSON", "a GeoJSON names its type: FeatureCollection")),
    (".xls .xlsm .xlsb .fods .numbers", SHEET),
    (".mdb .accdb", NotRead("database", "a database of Microsoft Access", "ogr2ogr OUT.gpkg IN.mdb, or export CSV")),
    (
        ".sqlite .sqlite3 .db .db3 .spatialite .duckdb",
        NotRead("database", "a database", "ogr2ogr OUT.gpkg IN, or give a GeoPackage its own ending: .gpkg"),
    ),
    (".sql .dump .bak", NotRead("database", "a copy of a database", "restore it, then publish it: ISTHMUS_SCHEMAS")),
    (".citygml", NotRead("GML", "GML", "name it .gml")),
    (".xml .xsd .gfs", NotRead("XML", "XML, such as metadata", "if it is GML, name it .gml")),
    (".dat .map .id .mid .ind", NotRead("part", "a part of a MapInfo file whose .tab or .mif is not there", PART)),
    (".topo", NotRead("TopoJSON", "a TopoJSON", "name it .topojson")),
    (".psv .txt", NotRead("table", "a text, perhaps a table", "name it .csv, or .tsv with tabulators")),
    (".wkt .wkb .ewkb", NotRead("geometry", "bare geometries", "put them into a CSV with a column wkt")),
    (".osm .pbf .o5m", NotRead("OpenStreetMap", "OpenStreetMap data", "ogr2ogr OUT.gpkg IN.osm.pbf")),
    (".arrow .feather .ipc .orc .avro", NotRead("table", "a table of columns", "save it as GeoParquet")),
    (".e00 .ntf .s57 .000 .sdf .gdt .vct .svf .dlg", NotRead("vector", "a format that is not read", SAVE_AS)),
    (".mvt", NotRead("tile", "a single vector tile", "pack tiles as PMTiles or MBTiles: they are served as they are")),
    (".7z .rar .tar .tgz .tbz2 .txz .lz .cab .iso .zipx", PACKED),
    (".gz .bz2 .xz .zst .lz4 .z", COMPRESSED),
    (".gdbtable .gdbtablx .spx .atx .freelist", NotRead("part", "a part of a file geodatabase", "copy the whole .gdb")),
    (
        ".shx .dbf .sbn .sbx .qix .qpj .cpg .prj .ain .aih .fbn .ixs .mxs",
        NotRead("part", "a part of a Shapefile whose .shp is not there", "copy all its files, or zip them"),
    ),
    (".csvt", NotRead("part", "a part of a CSV that is not there", PART)),
    (
        ".gpkg-wal .gpkg-shm .gpkg-journal .mbtiles-wal .mbtiles-shm .mbtiles-journal",
        NotRead("part", "a log of a database that is not there", PART),
    ),
    (".aux .ovr .tfw .tifw .jgw .pgw .wld .hdr .rrd", NotRead("part", "a part of a raster", CONTOUR)),
    (".qml .qlr .qgs .qgz .sld .lyr .lyrx .mxd .aprx .style .mapfile", STYLE),
    (".md .rst .pdf .doc .docx .odt .rtf .html .htm .tex .ppt .pptx .epub", TEXT),
    (".py .js .sh .r .ipynb .exe .dll .so .jar .c .h .bat .log .ini .cfg .conf .yml .yaml .lock .css .woff", PROGRAM),
    (".mp3 .mp4 .mov .avi .wav .mkv .ogg .flac .webm", NotRead("film or sound", "a film or a sound")),
    (".part .crdownload .download .tmp .partial .filepart .swp .new", PARTIAL),
)
"""What people have beside what is read. `.xml` and `.txt` are many things."""

READ = " ".join(KIND_OF_SUFFIX)
UNKNOWN = NotRead("unknown", "of a format that is not read", f"these are read: {READ}")
GONE = NotRead("link", "a link to a file that is not there", "put the file itself there")
FOLDER = NotRead("folder", "a folder that the loader may not look into", "let the loader's user do so: chmod a+rx")
VIEW = NotRead("saved view", "a saved view of the page to explore", "/views lists it")
SIDE_CAR = NotRead(
    "side-car", "a side-car without its dataset", "it describes what has its name: roads.toml stands beside roads.gpkg"
)


def why_not_read(data_dir: Path, path: Path) -> NotRead:
    """What a file is that is no dataset, with a whole sentence as its detail. Opens nothing."""
    is_view = path.parent == data_dir / "views" and path.suffix == ".json"
    found = odd_kind(data_dir, path) or (VIEW if is_view else known_kind(path.name.lower()))
    return found._replace(detail=f"it is {found.detail}")


def known_kind(name: str) -> NotRead:
    """What a file is by its name in lower case."""
    if name.endswith(".toml"):
        return SIDE_CAR
    if ".tar." in name:
        return PACKED
    return ENDINGS.get(Path(name).suffix, UNKNOWN)


def odd_kind(data_dir: Path, path: Path) -> NotRead | None:
    """What a name is that is no plain file: a pipe, a device, a link that leads nowhere or out of the folder."""
    try:
        if path.is_file() and not path.is_symlink():
            return None
        found = kind_of_odd(data_dir, path)
    except OSError:
        return GONE
    if found is None:
        return None
    return NotRead("no plain file", f"{found[0].removeprefix('is ')}, which is not opened", found[1])
