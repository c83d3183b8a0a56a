// The map of all collections: a layer each from our tiles, a legend that switches and zooms, popups with attributes.

import * as maplibregl from './vendor/maplibre-gl/maplibre-gl.mjs';
import { baseStyle, followScheme, isBasemap } from './basemap.mjs';
import { node } from './dom.mjs';
import { AS_JSON, boundsOf, drawnLayers, withAttribution } from './style.mjs';

const element = document.getElementById('map');
const legend = document.getElementById('legend');
const status = document.getElementById('status');
const STYLE_REL = 'stylesheet';
const askedPlace = location.hash; // the map writes its own there soon

const map = new maplibregl.Map({ container: element, style: await baseStyle(), center: [10, 25], zoom: 1.3, maxZoom: 22, hash: true });
followScheme(map);
map.addControl(new maplibregl.NavigationControl(), 'top-right');
map.addControl(new maplibregl.ScaleControl(), 'bottom-right');
window.isthmusMap = map; // for the tests, which count what is drawn

const fetchJson = async (url) => {
  const response = await fetch(url, AS_JSON);
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
    .filter((collection) => collection.links.some((link) => link.rel === STYLE_REL))
    .filter((collection) => !wanted || wanted.includes(collection.id))
    .sort((one, other) => areaOf(other) - areaOf(one));
}

// Adds the collection's own style and returns its layers.
async function addCollection(collection) {
  const style = await fetchJson(collection.links.find((link) => link.rel === STYLE_REL).href);
  Object.entries(style.sources).forEach(([source, definition]) => map.addSource(source, withAttribution(definition, collection.attribution)));
  const layers = drawnLayers(style);
  layers.forEach((layer) => map.addLayer(layer));
  return layers;
}

function setVisible(layers, visible) {
  layers.forEach((layer) => map.setLayoutProperty(layer.id, 'visibility', visible ? 'visible' : 'none'));
}

// Pictures have no colour of their own, and a function may not say which layers it has.
const colourOf = ([layer]) => layer?.paint?.[`${layer.type}-color`] ?? '#9aa8ad';

// What the legend leaves free: it lies on the left, on a narrow screen at the top.
function freePlace() {
  const isNarrow = matchMedia('(max-width: 40rem)').matches;
  return isNarrow ? { top: legend.offsetHeight + 30, bottom: 40, left: 20, right: 20 } : { top: 40, bottom: 40, left: 320, right: 60 };
}

function zoomTo(collection) {
  const bbox = bboxOf(collection);
  if (bbox) map.fitBounds(boundsOf(bbox), { padding: freePlace(), maxZoom: 15 });
}

function legendRow(collection, layers) {
  const box = node('input', { type: 'checkbox', checked: true, onchange: () => setVisible(layers, box.checked) });
  const swatch = node('span', { className: 'swatch' });
  swatch.style.background = colourOf(layers);
  const name = node('span', { className: 'name', textContent: collection.title, title: collection.description ?? collection.id });
  const zoom = node('button', { type: 'button', textContent: 'zoom', title: `zoom to ${collection.title}`, onclick: () => zoomTo(collection) });
  return node('li', {}, node('label', {}, box, swatch, name), zoom);
}

const textOf = (value) => (typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value ?? ''));

function attributesOf({ id, properties }, { title }) {
  const rows = Object.entries(properties).map(([name, value]) =>
    node('tr', {}, node('th', { textContent: name }), node('td', { textContent: textOf(value) })));
  return node('div', { className: 'attributes' }, node('h2', { textContent: `${title} ${id ?? ''}` }), node('table', {}, ...rows));
}

// Tiles of low zooms have few attributes: all of them come with the feature. A square that stands for many has no id.
async function wholeFeature(feature, collection) {
  const items = collection.links.find((link) => link.rel === 'items' && link.type === 'application/geo+json');
  if (feature.id === undefined || !items) return feature;
  const address = new URL(items.href);
  address.pathname += `/${feature.id}`;
  return fetchJson(address.href).catch(() => feature);
}

async function showPopup(feature, place, collection) {
  const popup = new maplibregl.Popup({ maxWidth: '26rem' }).setLngLat(place);
  popup.setDOMContent(attributesOf(feature, collection)).addTo(map);
  const whole = await wholeFeature(feature, collection);
  if (popup.isOpen()) popup.setDOMContent(attributesOf(whole, collection));
}

// Those of collections, none of the basemap.
const featuresAt = (point) => map.queryRenderedFeatures(point).filter((feature) => !isBasemap(feature));

function addPopups(collections) {
  map.on('click', (event) => {
    const [feature] = featuresAt(event.point);
    if (feature) showPopup(feature, event.lngLat, collections[feature.source]);
  });
  map.on('mousemove', (event) => {
    map.getCanvas().style.cursor = featuresAt(event.point).length ? 'pointer' : '';
  });
}

map.on('load', async () => {
  try {
    const collections = await chosenCollections();
    for (const collection of collections) {
      const layers = await addCollection(collection);
      legend.querySelector('ul').append(legendRow(collection, layers));
    }
    addPopups(Object.fromEntries(collections.map((collection) => [collection.id, collection])));
    const number = collections.length === 1 ? '1 collection' : `${collections.length} collections`;
    status.textContent = collections.length ? `${number}, click a feature for its attributes` : 'nothing to draw yet';
    if (collections.length === 1 && !askedPlace) zoomTo(collections[0]);
    document.body.dataset.ready = 'true';
  } catch (error) {
    status.textContent = `The map could not be made: ${error.message}`;
  }
});
