// An area as a filter: drawn on the map by its corners, what the map shows, or a feature of another collection.

import { boxOfMap, setDrawing, theMap } from './mapview.mjs';
import { areaTerm, lineWith } from './filter.mjs';
import { address, count, fetchJson, node, page, shown, tell, text } from './page.mjs';
import { change, current } from './state.mjs';

const NEEDED = 3;
const MOST_CORNERS = 300;
const FINEST = [null, 14, 12, 10, 8, 6, 4, 2];
const draw = document.getElementById('draw');
const finish = document.getElementById('finish');

const setArea = (area) => change({ filter: lineWith(current().filter, 'area', page.geometry, area && areaTerm(area)) });

const ringText = (ring) => `(${ring.map((corner) => corner.join(' ')).join(', ')})`;

let corners = [];
const shape = () => ({
  type: 'FeatureCollection',
  features: corners.map((corner) => ({ type: 'Feature', properties: {}, geometry: { type: 'Point', coordinates: corner } })).concat(corners.length > 1
    ? [{ type: 'Feature', properties: {}, geometry: { type: corners.length > 2 ? 'Polygon' : 'LineString', coordinates: corners.length > 2 ? [[...corners, corners[0]]] : corners } }] : []),
});

const show = () => theMap().getSource('chosen').setData(shape());

function end() {
  setDrawing(false);
  theMap().off('click', addCorner);
  theMap().doubleClickZoom.enable();
  draw.setAttribute('aria-pressed', 'false');
  finish.hidden = true;
  corners = [];
  show();
}

function addCorner({ lngLat }) {
  corners.push([Number(lngLat.lng.toFixed(6)), Number(lngLat.lat.toFixed(6))]);
  show();
  finish.hidden = corners.length < NEEDED;
}

function take() {
  if (corners.length < NEEDED) return;
  const ring = ringText([...corners, corners[0]]);
  end();
  setArea(`POLYGON(${ring})`);
}

function begin() {
  if (draw.getAttribute('aria-pressed') === 'true') {
    end();
    return;
  }
  draw.setAttribute('aria-pressed', 'true');
  setDrawing(true);
  theMap().doubleClickZoom.disable();
  theMap().on('click', addCorner);
  tell(text('drawHow'));
}

const others = document.getElementById('areas');
const wanted = document.getElementById('area-name');
const found = document.getElementById('area-found');
const outline = document.getElementById('outline');

// Filters by the outline of an area, as fine as an address can hold: what was left out is told.
async function useOutline(area, id, name) {
  for (const zoom of FINEST) {
    const asked = { f: 'json', ids: id, properties: area.titleProperty, precision: 6, 'zoom-level': zoom };
    const { features: [{ geometry }] } = await fetchJson(address(`${area.url}/items`, asked));
    const polygons = geometry.type === 'Polygon' ? [geometry.coordinates] : geometry.coordinates;
    const corners = polygons.flat(2).length;
    if (corners > MOST_CORNERS && zoom !== FINEST.at(-1)) continue;
    const rings = polygons.map((polygon) => `(${polygon.map(ringText).join(', ')})`);
    setArea(rings.length === 1 ? `POLYGON${rings[0]}` : `MULTIPOLYGON(${rings.join(', ')})`);
    tell(text(zoom === null ? 'wholeOutline' : 'coarseOutline', { name, corners: count(corners) }));
    outline.textContent = document.getElementById('status').textContent;
    return;
  }
}

// Lists the features of the chosen collection that a text is in.
async function look() {
  const area = page.areas.find(({ id }) => id === others.value);
  if (!area) return;
  const names = [area.titleProperty].filter(Boolean);
  const asked = { f: 'json', limit: 20, skipGeometry: 'true', properties: names.join(','), q: wanted.value.trim() };
  const { features } = await fetchJson(address(`${area.url}/items`, asked));
  found.replaceChildren(...features.map(({ id, properties }) => {
    const name = shown(properties[area.titleProperty] ?? id);
    const button = node('button', { type: 'button', className: 'link', textContent: name });
    button.addEventListener('click', () => useOutline(area, id, name));
    return node('li', {}, button);
  }));
  if (!features.length) found.append(node('li', { className: 'quiet', textContent: text('nothing') }));
}

export function areaControls() {
  draw.addEventListener('click', begin);
  finish.addEventListener('click', take);
  document.getElementById('use-view').addEventListener('click', () => setArea(`BBOX(${boxOfMap()})`));
  addEventListener('keydown', ({ key }) => {
    if (key === 'Escape' && corners.length) end();
    if (key === 'Enter' && document.activeElement === theMap().getCanvas()) take();
  });
  theMap().on('dblclick', take);
  if (!others) return;
  others.append(...page.areas.map(({ id, title }) => node('option', { value: id, textContent: title })));
  others.addEventListener('change', look);
  wanted.addEventListener('input', look);
}
