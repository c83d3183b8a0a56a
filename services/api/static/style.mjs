// What the maps have in common. Collections are drawn by the styles that the API makes; here is the one of a page of features.

const COLOUR = '#0b6e75';

export const AS_JSON = { headers: { Accept: 'application/json' } };

export const EMPTY_STYLE = { version: 8, sources: {}, layers: [{ id: 'sea', type: 'background', paint: { 'background-color': '#dfe9ec' } }] };

// The layers of a style that draw features.
export const drawnLayers = (style) => style.layers.filter((layer) => layer.source);

// Layers of a source of GeoJSON. Polygons lie below lines, lines below points.
export function layersOf(source) {
  const isKind = (kind) => ['==', ['geometry-type'], kind];
  return [
    { source, id: 'area', type: 'fill', filter: isKind('Polygon'), paint: { 'fill-color': COLOUR, 'fill-opacity': 0.25 } },
    { source, id: 'edge', type: 'line', filter: isKind('Polygon'), paint: { 'line-color': COLOUR, 'line-width': 0.8 } },
    { source, id: 'line', type: 'line', filter: isKind('LineString'), paint: { 'line-color': COLOUR, 'line-width': ['interpolate', ['linear'], ['zoom'], 3, 1, 14, 2.5] } },
    {
      source, id: 'point', type: 'circle', filter: isKind('Point'),
      paint: { 'circle-color': COLOUR, 'circle-radius': ['interpolate', ['linear'], ['zoom'], 0, 2, 6, 3.5, 14, 6], 'circle-stroke-color': '#fff', 'circle-stroke-width': 0.6 },
    },
  ];
}

// [[west, south], [east, north]] of a bbox that may cross 180 degrees (west > east)
export function boundsOf([west, south, east, north]) {
  return [[west, Math.max(south, -85)], [east < west ? east + 360 : east, Math.min(north, 85)]];
}
