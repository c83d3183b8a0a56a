// What the maps have in common above the basemap. Collections are drawn by the styles that the API makes; here is the one
// of a page of features.

import { isDark } from './basemap.mjs';

const COLOURS = ['#0b6e75', '#58c0c4']; // on light, on dark

export const AS_JSON = { headers: { Accept: 'application/json' } };

// The API's colours are for light maps: on dark ones each is as light as it is dark.
const OF_API = /^hsl\((\d+), 65%, 36%\)$/;
const lit = (value) => (isDark() && typeof value === 'string' ? value.replace(OF_API, 'hsl($1, 65%, 64%)').replace(/^#ffffff$/, '#0e171a') : value);
const litPaint = (paint = {}) => Object.fromEntries(Object.entries(paint).map(([name, value]) => [name, lit(value)]));

// A source whose attribution is shown as text: MapLibre takes it for markup, and files say what they like.
export const withAttribution = (source, text) =>
  ({ ...source, attribution: (text ?? '').replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`) });

// The layers of a style that draw features.
export const drawnLayers = (style) => style.layers.filter((layer) => layer.source).map((layer) => ({ ...layer, paint: litPaint(layer.paint) }));

// Layers of a source of GeoJSON. Polygons lie below lines, lines below points.
export function layersOf(source) {
  const colour = COLOURS[Number(isDark())];
  const isKind = (kind) => ['==', ['geometry-type'], kind];
  return [
    { source, id: 'area', type: 'fill', filter: isKind('Polygon'), paint: { 'fill-color': colour, 'fill-opacity': 0.25 } },
    { source, id: 'edge', type: 'line', filter: isKind('Polygon'), paint: { 'line-color': colour, 'line-width': 0.8 } },
    { source, id: 'line', type: 'line', filter: isKind('LineString'), paint: { 'line-color': colour, 'line-width': ['interpolate', ['linear'], ['zoom'], 3, 1, 14, 2.5] } },
    {
      source, id: 'point', type: 'circle', filter: isKind('Point'),
      paint: { 'circle-color': colour, 'circle-radius': ['interpolate', ['linear'], ['zoom'], 0, 2, 6, 3.5, 14, 6], 'circle-stroke-color': isDark() ? '#0e171a' : '#fff', 'circle-stroke-width': 0.6 },
    },
  ];
}

// [[west, south], [east, north]] of a bbox that may cross 180 degrees (west > east)
export function boundsOf([west, south, east, north]) {
  return [[west, Math.max(south, -85)], [east < west ? east + 360 : east, Math.min(north, 85)]];
}
