// The small map of a collection's page (its tiles) or of a page of features (their GeoJSON).

import * as maplibregl from './vendor/maplibre-gl/maplibre-gl.mjs';
import { baseStyle, followScheme } from './basemap.mjs';
import { AS_JSON, boundsOf, drawnLayers, layersOf, withAttribution } from './style.mjs';

const element = document.getElementById('preview');
const features = document.getElementById('features');
const map = new maplibregl.Map({ container: element, style: await baseStyle(), attributionControl: { compact: true }, maxZoom: 20 });
followScheme(map);
window.isthmusMap = map; // for the tests, which count what is drawn

const eachPosition = (coordinates, visit) =>
  typeof coordinates[0] === 'number' ? visit(coordinates) : coordinates.forEach((inner) => eachPosition(inner, visit));

function positionsOf(geometry, visit) {
  if (geometry?.geometries) geometry.geometries.forEach((inner) => positionsOf(inner, visit));
  else if (geometry?.coordinates.length) eachPosition(geometry.coordinates, visit);
}

// The lines and outer rings of a geometry, each a list of positions.
function partsOf({ type, coordinates, geometries }) {
  const parts = {
    LineString: () => [coordinates], MultiLineString: () => coordinates,
    Polygon: () => coordinates.slice(0, 1), MultiPolygon: () => coordinates.map((polygon) => polygon[0]),
    GeometryCollection: () => geometries.flatMap(partsOf),
  };
  return parts[type]?.() ?? [];
}

const LEAST_PX = 2;

// A point for each part of a feature that is too small to be seen at a zoom: MapLibre leaves it out.
function marksOf({ type, id, geometry }, zoom) {
  const least = (LEAST_PX * 360) / (512 * 2 ** zoom);
  const isSmall = (part) => [0, 1].every((axis) => {
    const values = part.map((position) => position[axis]);
    return values.reduce((a, b) => Math.max(a, b)) - values.reduce((a, b) => Math.min(a, b)) < least;
  });
  const parts = geometry ? partsOf(geometry).filter((part) => part?.length && isSmall(part)) : [];
  return parts.map(([position]) => ({ type, id, properties: {}, geometry: { type: 'Point', coordinates: position } }));
}

map.on('load', async () => {
  const frame = { padding: 24, animate: false, maxZoom: 15 };
  if (features) {
    const collection = JSON.parse(features.textContent);
    const bounds = new maplibregl.LngLatBounds();
    collection.features.forEach((feature) => positionsOf(feature.geometry, (position) => bounds.extend(position.slice(0, 2))));
    const shapes = collection.features.map(({ type, id, geometry }) => ({ type, id, geometry, properties: {} })); // all that is drawn
    const zoom = (bounds.isEmpty() ? null : map.cameraForBounds(bounds, frame))?.zoom ?? 0;
    const marks = shapes.flatMap((feature) => marksOf(feature, zoom));
    map.addSource('page', { type: 'geojson', data: { ...collection, features: [...shapes, ...marks] } });
    layersOf('page').forEach((layer) => map.addLayer(layer));
    if (!bounds.isEmpty()) map.fitBounds(bounds, frame);
  } else {
    const style = await (await fetch(element.dataset.style, AS_JSON)).json();
    const [[source, definition]] = Object.entries(style.sources);
    const tileset = await (await fetch(definition.url, AS_JSON)).json();
    map.addSource(source, withAttribution(definition, tileset.attribution));
    drawnLayers(style).forEach((layer) => map.addLayer(layer));
    map.fitBounds(boundsOf(tileset.bounds), frame);
  }
});
