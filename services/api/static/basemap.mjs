// The basemap of every map: Natural Earth out of tiles of this server, light or dark as the reader's system is, or what
// ISTHMUS_BASEMAP names. `new Map({ style: await baseStyle(), … })`, then `followScheme(map)`.

const OWN = 'isthmus:'; // what the names of its source and layers begin with, so that they are no collection's
const root = new URL('../', import.meta.url).href;
const setting = document.querySelector('meta[name=basemap]')?.content ?? 'natural-earth';
const dark = matchMedia('(prefers-color-scheme: dark)');

const LIGHT = { sea: '#dfe9ec', land: '#f8f7f2', shore: '#bccbcf', border: '#b9b3bb', name: '#68747a', halo: '#f8f7f2' };
const DARK = { sea: '#0e171a', land: '#1d282b', shore: '#34474c', border: '#4d5759', name: '#8e9ea3', halo: '#172124' };
const colours = () => (dark.matches ? DARK : LIGHT);

export const isDark = () => dark.matches;
export const isBasemap = ({ source }) => source.startsWith(OWN);

const byZoom = (...stops) => ['interpolate', ['linear'], ['zoom'], ...stops.flat()];
const nameOf = () => (document.documentElement.lang.startsWith('zh') ? ['coalesce', ['get', 'name_zh'], ['get', 'name']] : ['get', 'name']);

function layers() {
  const { sea, land, shore, border, name, halo } = colours();
  const drawn = (id, type, tiles, rest) => ({ id: OWN + id, type, source: `${OWN}basemap`, 'source-layer': tiles, ...rest });
  const edge = (id, tiles) => drawn(id, 'line', tiles, { paint: { 'line-color': shore, 'line-width': byZoom([0, 0.4], [6, 0.8]) } });
  return [
    { id: `${OWN}sea`, type: 'background', paint: { 'background-color': sea } },
    drawn('land', 'fill', 'land', { paint: { 'fill-color': land } }),
    edge('shore', 'land'),
    drawn('lakes', 'fill', 'lakes', { paint: { 'fill-color': sea } }),
    edge('lakeshore', 'lakes'),
    drawn('boundaries', 'line', 'boundaries', {
      paint: { 'line-color': border, 'line-width': byZoom([0, 0.5], [6, 1.2]), 'line-dasharray': [4, 1.5] }, layout: { 'line-join': 'round' },
    }),
    drawn('countries', 'symbol', 'countries', {
      filter: ['>=', ['+', ['zoom'], 1], ['get', 'min_label']], // its zooms are those of tiles of 256 px
      layout: {
        'text-field': nameOf(), 'text-font': ['sans-serif'], 'text-size': byZoom([1, 10], [6, 14]), 'text-max-width': 7,
        'text-padding': 4, 'symbol-sort-key': ['get', 'rank'],
      },
      paint: { 'text-color': name, 'text-halo-color': halo, 'text-halo-width': 1.2 },
    }),
  ];
}

const sea = () => ({ id: `${OWN}sea`, type: 'background', paint: { 'background-color': colours().sea } });
const bare = () => ({ version: 8, sources: {}, layers: [sea()] });

// Names have no fonts to load: the browser draws them.
function shipped() {
  const basemap = { type: 'vector', tiles: [`${root}basemap/{z}/{y}/{x}`], maxzoom: 6, attribution: 'Natural Earth' };
  return { version: 8, sources: { [`${OWN}basemap`]: basemap }, layers: layers() };
}

function ofPictures(address) {
  const name = `${OWN}basemap`;
  return { version: 8, sources: { [name]: { type: 'raster', tiles: [address], tileSize: 256 } }, layers: [sea(), { id: `${OWN}pictures`, type: 'raster', source: name }] };
}

async function ofStyle(address) {
  const response = await fetch(address, { headers: { Accept: 'application/json' } });
  if (!response.ok) throw new Error(`${address} answered ${response.status}`);
  const style = await response.json();
  const sources = Object.fromEntries(Object.entries(style.sources).map(([name, source]) => [OWN + name, source]));
  const renamed = style.layers.map((layer) => ({ ...layer, id: OWN + layer.id, ...(layer.source ? { source: OWN + layer.source } : {}) }));
  return { ...style, center: undefined, zoom: undefined, sources, layers: renamed };
}

// The style that a map begins with; without the basemap where that cannot be had.
export async function baseStyle() {
  if (setting === 'off') return bare();
  if (setting === 'natural-earth') return shipped();
  const address = setting.startsWith('/') ? root + setting.slice(1) : setting;
  if (address.includes('{z}')) return ofPictures(address);
  return ofStyle(address).catch((error) => {
    console.warn(`the basemap cannot be had: ${error.message}`);
    return bare();
  });
}

// Colours the basemap anew when the reader's system turns dark or light.
export function followScheme(map) {
  dark.addEventListener('change', () => {
    layers().filter(({ id }) => map.getLayer(id)).forEach(({ id, paint }) => {
      Object.entries(paint).forEach(([name, value]) => name.endsWith('color') && map.setPaintProperty(id, name, value));
    });
  });
}
