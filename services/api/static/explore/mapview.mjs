// The map of what matches: the collection's own tiles under the same filter, and what is pointed at above them.

import * as maplibregl from '../vendor/maplibre-gl/maplibre-gl.mjs';
import { baseStyle, followScheme } from '../basemap.mjs';
import { boundsOf, drawnLayers, layersOf, withAttribution } from '../style.mjs';
import { address, fetchJson, node, page, shown, text, titleOf } from './page.mjs';
import { colourProperty } from './colours.mjs';

const MARK = '#d81b60';
const element = document.getElementById('map');
const isStill = matchMedia('(prefers-reduced-motion: reduce)').matches;

let map = null;
let layers = [];
let listeners = { point: () => {}, moved: () => {} };
let drawing = false;
let filter = '';
let shownTiles = '';

export const theMap = () => map;

export function setDrawing(isOn) {
  drawing = isOn;
  map.getCanvas().style.cursor = isOn ? 'crosshair' : '';
}

const whole = (place, digits = 6) => Number(place.toFixed(digits));

// West, south, east, north of what the map shows, in degrees; null where it shows the whole world.
export function boxOfMap() {
  if (!map) return null;
  const bounds = map.getBounds();
  const [west, east] = [bounds.getWest(), bounds.getEast()];
  const [south, north] = [Math.max(-90, bounds.getSouth()), Math.min(90, bounds.getNorth())];
  if (east - west >= 360) return [-180, south, 180, north].map((side) => whole(side)).join(',');
  const turned = (longitude) => ((longitude + 180) % 360 + 360) % 360 - 180;
  return [turned(west), south, turned(east), north].map((side) => whole(side)).join(',');
}

// The address of the tiles. Those of low zooms have the properties that are asked for.
function tilesAddress() {
  const query = address('/tiles', { filter, properties: colourProperty() });
  return `${page.url}/tiles/WebMercatorQuad/{z}/{y}/{x}${query.slice(`${page.url}/tiles`.length)}`;
}

// Shows what a filter finds that the API has taken.
export function showMatches(taken) {
  filter = taken;
  const tiles = tilesAddress();
  if (!map?.getSource('tiles') || tiles === shownTiles) return;
  shownTiles = tiles;
  map.getSource('tiles').setTiles([tiles]);
}

export function paint(expression) {
  if (!map) return;
  for (const layer of layers) {
    const name = `${layer.type}-color`;
    if (layer.paint?.[name]) map.setPaintProperty(layer.id, name, expression ?? layer.paint[name]);
  }
}

const marked = (id) => ['==', ['to-string', ['id']], String(id ?? '')];

export function pointAt(id) {
  layers.forEach((layer) => map?.setFilter(`marked-${layer.id}`, id === null ? false : ['all', layer.filter ?? true, marked(id)]));
}

function fit(bbox, options = {}) {
  map.fitBounds(boundsOf(bbox), { padding: 32, maxZoom: 15, animate: !isStill, ...options });
}

// Goes to what matches; at first without a flight.
export async function zoomToMatches(options) {
  const { groups: [group] } = await fetchJson(address('/aggregate', { f: 'json', agg: 'extent()', filter }));
  if (group?.extent) fit(group.extent, options);
}

// Flies to a feature, draws it whole and tells its properties.
export async function showFeature(id) {
  const feature = await fetchJson(address(`/items/${encodeURIComponent(id)}`, { f: 'json' }));
  map?.getSource('chosen')?.setData(feature);
  if (!map || !feature.geometry) return;
  const bounds = new maplibregl.LngLatBounds();
  const walk = (inner) => (typeof inner[0] === 'number' ? bounds.extend(inner.slice(0, 2)) : inner.forEach(walk));
  (feature.geometry.geometries ?? [feature.geometry]).forEach(({ coordinates }) => walk(coordinates));
  map.fitBounds(bounds, { padding: 60, maxZoom: Math.max(13, map.getZoom()), animate: !isStill });
  openPopup(feature, bounds.getCenter());
}

let popup = null;

function openPopup(feature, place) {
  popup?.remove();
  const rows = Object.entries(feature.properties).map(([name, value]) => {
    const type = page.properties.find((one) => one.name === name)?.type;
    return node('tr', {}, node('th', { scope: 'row', textContent: name }), node('td', { textContent: shown(value, type) }));
  });
  const link = node('a', { href: address(`/items/${encodeURIComponent(feature.id)}`, { f: 'html' }), textContent: text('openFeature') });
  const content = node('div', { className: 'attributes' }, node('h2', { textContent: titleOf(feature) }), node('table', {}, ...rows), link);
  popup = new maplibregl.Popup({ maxWidth: '24rem', offset: 12, focusAfterOpen: false }).setLngLat(place).setDOMContent(content).addTo(map);
}

const layerIds = () => layers.map(({ id }) => id);

function idsUnder(point) {
  const around = [[point.x - 4, point.y - 4], [point.x + 4, point.y + 4]];
  return [...new Set(map.queryRenderedFeatures(around, { layers: layerIds() }).map(({ id }) => id).filter((id) => id !== undefined))];
}

function listen() {
  map.on('mousemove', ({ point }) => {
    if (drawing) return;
    const ids = idsUnder(point);
    map.getCanvas().style.cursor = ids.length ? 'pointer' : '';
    listeners.point(ids.map(String));
  });
  map.on('click', ({ point }) => {
    const [id] = drawing ? [] : idsUnder(point);
    if (id !== undefined) showFeature(id);
  });
  map.on('moveend', () => listeners.moved());
}

function addLayers(style) {
  const [own] = Object.values(style.sources);
  shownTiles = tilesAddress();
  map.addSource('tiles', withAttribution({ ...own, url: undefined, type: 'vector', tiles: [shownTiles], maxzoom: page.lastZoom }, page.attribution));
  layers = drawnLayers(style).map((layer) => ({ ...layer, source: 'tiles' }));
  layers.forEach((layer) => map.addLayer(layer));
  layers.forEach((layer) => map.addLayer({
    ...layer, id: `marked-${layer.id}`, filter: false, paint: { ...layer.paint, [`${layer.type}-color`]: MARK, ...(layer.type === 'line' ? { 'line-width': 3 } : {}) },
  }));
  map.addSource('chosen', { type: 'geojson', data: { type: 'FeatureCollection', features: [] } });
  layersOf('chosen').forEach((layer) => map.addLayer({ ...layer, id: `chosen-${layer.id}`, paint: { ...layer.paint, [`${layer.type}-color`]: MARK } }));
}

// Makes the map of what a filter finds. `calls`: point(ids), moved().
export async function makeMap(calls, taken) {
  filter = taken;
  listeners = calls;
  if (!location.hash && page.view.map) history.replaceState(null, '', `#${page.view.map}`);
  const hasPlace = /^#[\d.]+\//.test(location.hash);
  map = new maplibregl.Map({
    container: element, style: await baseStyle(), hash: true, maxZoom: 22, ...(page.bbox ? { bounds: boundsOf(page.bbox), fitBoundsOptions: { padding: 32, maxZoom: 15 } } : {}),
    locale: { 'Map.Title': text('map') },
  });
  followScheme(map);
  map.addControl(new maplibregl.NavigationControl(), 'top-right');
  map.addControl(new maplibregl.ScaleControl(), 'bottom-right');
  window.isthmusMap = map; // for the tests, which count what is drawn
  const style = await fetchJson(`${page.url}/tiles/WebMercatorQuad/style.json`);
  if (!map.isStyleLoaded()) await map.once('load');
  addLayers(style);
  listen();
  if (filter && !hasPlace) await zoomToMatches({ animate: false }).catch(() => {});
}
