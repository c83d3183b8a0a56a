// The map of all collections: a layer each from our tiles, a legend that switches and zooms, popups with attributes.

import * as maplibregl from './vendor/maplibre-gl/maplibre-gl.mjs';
import { EMPTY_STYLE, boundsOf, colourOf, layersOf } from './style.mjs';

const element = document.getElementById('map');
const legend = document.getElementById('legend');
const status = document.getElementById('status');
const TILES_REL = 'http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector';

const map = new maplibregl.Map({ container: element, style: EMPTY_STYLE, center: [10, 25], zoom: 1.3, maxZoom: 22, hash: true });
map.addControl(new maplibregl.NavigationControl(), 'top-right');
map.addControl(new maplibregl.ScaleControl(), 'bottom-right');
window.isthmusMap = map; // for the tests, which count what is drawn

const fetchJson = async (url) => {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return response.json();
};

const bboxOf = (collection) => collection.extent?.spatial?.bbox?.[0];

// Collections of large extent first, so that a city's streets lie above the countries.
const areaOf = (collection) => {
  const [west, south, east, north] = bboxOf(collection) ?? [0, 0, 0, 0];
  return (east - west) * (north - south);
};

async function chosenCollections() {
  const { collections } = await fetchJson(element.dataset.collections);
  const wanted = new URLSearchParams(location.search).get('collections')?.split(',');
  return collections
    .filter((collection) => collection.links.some((link) => link.rel === TILES_REL))
    .filter((collection) => !wanted || wanted.includes(collection.id))
    .sort((one, other) => areaOf(other) - areaOf(one));
}

async function addCollection(collection, index) {
  const tilesets = collection.links.find((link) => link.rel === TILES_REL).href;
  const url = `${tilesets}/WebMercatorQuad/tilejson.json`;
  const tileset = await fetchJson(url);
  map.addSource(collection.id, { type: 'vector', url });
  const colour = colourOf(index);
  layersOf(collection.id, tileset.vector_layers[0].id, colour).forEach((layer) => map.addLayer(layer));
  return colour;
}

function setVisible(collection, visible) {
  for (const kind of ['area', 'edge', 'line', 'point']) {
    map.setLayoutProperty(`${collection.id}/${kind}`, 'visibility', visible ? 'visible' : 'none');
  }
}

function zoomTo(collection) {
  const bbox = bboxOf(collection);
  if (bbox) map.fitBounds(boundsOf(bbox), { padding: { top: 40, bottom: 40, left: 320, right: 60 }, maxZoom: 15 });
}

// Text goes in by textContent only: titles and attributes are data.
function node(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function legendRow(collection, colour) {
  const box = node('input', { type: 'checkbox', checked: true, onchange: () => setVisible(collection, box.checked) });
  const swatch = node('span', { className: 'swatch' });
  swatch.style.background = colour;
  const name = node('span', { className: 'name', textContent: collection.title, title: collection.description ?? collection.id });
  const zoom = node('button', { type: 'button', textContent: 'zoom', title: `zoom to ${collection.title}`, onclick: () => zoomTo(collection) });
  return node('li', {}, node('label', {}, box, swatch, name), zoom);
}

function popupOf(feature, title) {
  const rows = Object.entries(feature.properties).map(([name, value]) =>
    node('tr', {}, node('th', { textContent: name }), node('td', { textContent: String(value) })));
  return node('div', {}, node('h2', { textContent: `${title} ${feature.id ?? ''}` }), node('table', {}, ...rows));
}

function addPopups(titles) {
  map.on('click', (event) => {
    const [feature] = map.queryRenderedFeatures(event.point);
    if (!feature) return;
    const popup = new maplibregl.Popup({ maxWidth: '26rem' }).setLngLat(event.lngLat);
    popup.setDOMContent(popupOf(feature, titles[feature.source])).addTo(map);
  });
  map.on('mousemove', (event) => {
    map.getCanvas().style.cursor = map.queryRenderedFeatures(event.point).length ? 'pointer' : '';
  });
}

map.on('load', async () => {
  try {
    const collections = await chosenCollections();
    for (const [index, collection] of collections.entries()) {
      const colour = await addCollection(collection, index);
      legend.querySelector('ul').append(legendRow(collection, colour));
    }
    addPopups(Object.fromEntries(collections.map((collection) => [collection.id, collection.title])));
    const number = collections.length === 1 ? '1 collection' : `${collections.length} collections`;
    status.textContent = collections.length ? `${number}, click a feature for its attributes` : 'nothing to draw yet';
    if (collections.length === 1 && !location.hash) zoomTo(collections[0]);
    document.body.dataset.ready = 'true';
  } catch (error) {
    status.textContent = `The map could not be made: ${error.message}`;
  }
});
