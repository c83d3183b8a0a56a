// How collections look on a map: a colour each, layers by the kind of geometry that a feature has.

const COLOURS = ['#0b6e75', '#c2571a', '#5b4bb0', '#2e7d32', '#b3266b', '#8a6d00', '#1565c0', '#7b3f00', '#00838f', '#ad1457'];

export const EMPTY_STYLE = { version: 8, sources: {}, layers: [{ id: 'sea', type: 'background', paint: { 'background-color': '#dfe9ec' } }] };

export const colourOf = (index) => COLOURS[index % COLOURS.length];

// Layers of one source. `sourceLayer` is undefined for GeoJSON. Polygons lie below lines, lines below points.
export function layersOf(source, sourceLayer, colour) {
  const common = { source, ...(sourceLayer && { 'source-layer': sourceLayer }) };
  const isKind = (kind) => ['==', ['geometry-type'], kind];
  return [
    { ...common, id: `${source}/area`, type: 'fill', filter: isKind('Polygon'), paint: { 'fill-color': colour, 'fill-opacity': 0.25 } },
    { ...common, id: `${source}/edge`, type: 'line', filter: isKind('Polygon'), paint: { 'line-color': colour, 'line-width': 0.8 } },
    { ...common, id: `${source}/line`, type: 'line', filter: isKind('LineString'), paint: { 'line-color': colour, 'line-width': ['interpolate', ['linear'], ['zoom'], 3, 1, 14, 2.5] } },
    {
      ...common, id: `${source}/point`, type: 'circle', filter: isKind('Point'),
      paint: { 'circle-color': colour, 'circle-radius': ['interpolate', ['linear'], ['zoom'], 0, 2, 6, 3.5, 14, 6], 'circle-stroke-color': '#fff', 'circle-stroke-width': 0.6 },
    },
  ];
}

// [[west, south], [east, north]] of a bbox that may cross 180 degrees (west > east)
export function boundsOf([west, south, east, north]) {
  return [[west, Math.max(south, -85)], [east < west ? east + 360 : east, Math.min(north, 85)]];
}
