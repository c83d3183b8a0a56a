"""What a request for a tile leads to: the tile of a collection, of several, of a function, or of a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from api.catalog.live import LiveCatalog
from api.catalog.sources.model import TileFunction
from api.formats.registry import TILE_FORMATS
from api.http.request import Args, choose_format, query_args, reject_unknown
from api.http.response import REVALIDATE
from api.params.tiles import EXPLAIN, dataset_queries, given_parameters, is_explained, tile_query
from api.params.values import parse_arguments
from api.query.items import TileQuery
from api.tiles.archives import TileFunctions, check_parameters, etag_of, formats_of
from api.tiles.grids import Grids
from api.tiles.keys import CacheEntry, TileCache, weak
from api.tiles.layers import Layer, LayerMaker, chosen_tileset, with_tiles
from api.tms.tile import WEB_MERCATOR_QUAD, Tile, check_limits, check_zoom, extent_in, is_within, parse_tile
from core.catalog.archives import TileArchive
from core.catalog.collections import Catalog, Collection
from core.errors import UnknownTileMatrixSet
from core.settings import Settings

Headers = tuple[tuple[str, str], ...]

VARY = ("Vary", "Accept, Accept-Encoding")


class TileRequest(NamedTuple):
    """A request for a tile, as it came. `collection` None: of those that the query names, or of all."""

    collection: str | None
    tms: str
    z: str
    row: str
    column: str
    query: str = ""
    accept: str = ""
    accept_encoding: str = ""


class TileResource(NamedTuple):
    """What a request for a tile leads to while the catalogue stays the same.

    title:        of what it shows
    layers:       what it shows of collections; nothing of a function
    is_explained: the request is for an explanation of the tile, in its place
    headers:      those of every response
    etag:         empty of a source, whose tiles are validated by their bytes
    entry:        where it is cached; None of a source, whose data change without our knowing
    make:         makes it, compressed; empty bytes for an empty one
    """

    catalog: Catalog
    tile: Tile
    title: str
    layers: tuple[Layer, ...]
    is_explained: bool
    headers: Headers
    etag: str
    entry: CacheEntry | None
    make: Callable[[], bytes]


class StoredResource(NamedTuple):
    """The same of a tile that lies in a file."""

    catalog: Catalog
    tile: Tile
    archive: TileArchive
    headers: Headers
    etag: str


class TileResources:
    """Finds what requests for tiles lead to. Safe for threads."""

    def __init__(
        self, settings: Settings, catalog: LiveCatalog, grids: Grids, layers: LayerMaker, functions: TileFunctions
    ) -> None:
        """Nothing is opened yet."""
        self._settings = settings
        self._catalog = catalog
        self._grids = grids
        self._layers = layers
        self._functions = functions
        self._cache = TileCache(settings)

    def resolve(self, request: TileRequest, catalog: Catalog) -> TileResource | StoredResource:
        """What a request leads to. One for a collection that the catalogue does not know looks for the one of now.

        Raises: UnknownCollection, NoGeometry, UnknownTileMatrixSet, NoTiles, TileOutside, UnknownParameter,
        BadParameter and its kinds, NotAcceptable, DatabaseUnavailable
        """
        id, args = request.collection, query_args(request.query)
        if id is None:
            return self._of_several(request, catalog, args)
        if id not in catalog.collections and id not in catalog.archives:  # it may have been loaded just now
            catalog = self._catalog.fresh()
        archive = catalog.archives.get(id)
        if archive is None:
            return self._of_collection(request, catalog, args, with_tiles(self._catalog.found_in(catalog, id)))
        check_matrix_set(archive, request.tms)
        if isinstance(archive, TileFunction):
            return self._of_function(request, catalog, args, archive)
        return self._of_file(request, catalog, args, archive)

    def _of_collection(
        self, request: TileRequest, catalog: Catalog, args: Args, collection: Collection
    ) -> TileResource:
        """The tile of a collection."""
        matrix_set = self._grids.find(request.tms)
        tile = parse_tile(request.z, request.row, request.column, matrix_set)
        explained = is_explained(args, (collection,))
        query = tile_query(args, collection, (EXPLAIN,))
        if not explained:
            choose_format(args.get("f"), request.accept, TILE_FORMATS)
        check_limits(tile, self._grids.extent(collection, matrix_set))
        layer = self._layer(collection, tile, query)
        headers, etag = headers_of(self._cache_control(collection), layer.entry)

        def make() -> bytes:
            return self._layers.make(layer, tile)

        return TileResource(catalog, tile, collection.title, (layer,), explained, headers, etag, layer.entry, make)

    def _of_several(self, request: TileRequest, catalog: Catalog, args: Args) -> TileResource:
        """The tile of the chosen collections, a layer each. Sources that cannot be read are missing, unless named."""
        matrix_set = self._grids.find(request.tms)
        tile = parse_tile(request.z, request.row, request.column, matrix_set)
        tileset = chosen_tileset(self._grids, self._catalog, matrix_set, args.get("collections"))
        queries = dataset_queries(args, tileset.collections, (EXPLAIN,))
        explained = is_explained(args, tileset.collections)
        if not explained:
            choose_format(args.get("f"), request.accept, TILE_FORMATS)
        check_limits(tile, tileset.extent)
        here = (found for found in tileset.collections if is_within(tile, self._grids.extent(found, matrix_set)))
        layers = tuple(self._layer(found, tile, queries[found.id]) for found in here)
        is_chosen = bool(tileset.given)
        entry = self._cache.entry_of_several([layer.entry for layer in layers], is_chosen=is_chosen)
        cache_control = strictest([self._cache_control(collection) for collection in tileset.collections])
        headers, etag = headers_of(cache_control, entry)

        def make() -> bytes:
            return self._layers.join(layers, tile, skip_broken=entry is None and not is_chosen)

        return TileResource(catalog, tile, tileset.title, layers, explained, headers, etag, entry, make)

    def _of_function(self, request: TileRequest, catalog: Catalog, args: Args, function: TileFunction) -> TileResource:
        """The tile that a function makes."""
        tile = parse_tile(request.z, request.row, request.column)
        check_parameters(args, function)
        given = parse_arguments(args, function)
        choose_format(args.get("f"), request.accept, TILE_FORMATS)
        check_zoom(tile, function.facts.zooms)
        check_limits(tile, extent_in(WEB_MERCATOR_QUAD, function.facts.bbox_crs84))
        own = {argument.name for argument in function.arguments}
        rest = {name: value for name, value in given_parameters(args).items() if name not in own}
        headers, etag = headers_of(self._settings.cache_control, None)

        def make() -> bytes:
            return self._functions.tile(function, tile, given, rest)

        return TileResource(catalog, tile, function.title, (), False, headers, etag, None, make)

    def _of_file(self, request: TileRequest, catalog: Catalog, args: Args, archive: TileArchive) -> StoredResource:
        """The tile of a file."""
        reject_unknown(args, ("f",))
        tile = parse_tile(request.z, request.row, request.column)
        choose_format(args.get("f"), request.accept, formats_of(archive.facts.media_type))
        check_zoom(tile, archive.facts.zooms)
        etag = weak(etag_of(archive, tile))
        cache_control = archive.cache_control or self._settings.cache_control
        return StoredResource(catalog, tile, archive, (VARY, ("Cache-Control", cache_control), ("ETag", etag)), etag)

    def _layer(self, collection: Collection, tile: Tile, query: TileQuery) -> Layer:
        return Layer(collection, query, self._cache.entry(collection, tile, query))

    def _cache_control(self, collection: Collection) -> str:
        return collection.cache_control or self._settings.cache_control


def check_matrix_set(archive: TileArchive, tms: str) -> None:
    """Raise UnknownTileMatrixSet for a set that files of tiles, and functions, are not in."""
    if tms != WEB_MERCATOR_QUAD.id:
        hint = f"it has them in {WEB_MERCATOR_QUAD.id}"
        raise UnknownTileMatrixSet(f"'{archive.id}' has no tiles in '{tms}'", hint=hint, parameter="tileMatrixSetId")


def headers_of(cache_control: str, entry: CacheEntry | None) -> tuple[Headers, str]:
    """The headers of each response about a tile, and its ETag; none where only its bytes tell that."""
    headers = VARY, ("Cache-Control", cache_control)
    if entry is None:
        return headers, ""
    etag = entry.etag
    return (*headers, ("ETag", etag)), etag


def strictest(cache_controls: Sequence[str]) -> str:
    """How long a tile of several collections may be cached: where they differ, it is asked for each time."""
    different = dict.fromkeys(cache_controls)
    if len(different) == 1:
        return next(iter(different))
    return next((found for found in different if "no-store" in found or "private" in found), REVALIDATE)
