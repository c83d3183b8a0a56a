// A histogram with two handles: bars for eyes, two sliders for hands and keys, and the same numbers as a table.

import { count, node, shown, svg, text } from './page.mjs';

const STEPS = 200;
const [WIDTH, HEIGHT] = [200, 44];

const isTime = (type) => type === 'date' || type === 'datetime';
const placeOf = (value, type) => (isTime(type) ? Date.parse(value) : value);

// The value at a place, as coarse as the handles can tell apart.
function valueAt(place, step, type) {
  if (type === 'date') return new Date(place).toISOString().slice(0, 10);
  if (type === 'datetime') return new Date(place).toISOString();
  return type === 'integer' ? Math.round(place) : Number(place.toPrecision(Math.max(3, Math.ceil(Math.log10(Math.abs(place / step) || 1)) + 1)));
}

function bars({ histogram, min, max, type }, [from, to], pick) {
  const most = Math.max(...histogram.map((bar) => bar.count));
  const width = WIDTH / histogram.length;
  const drawn = histogram.map((bar, place) => {
    const height = bar.count ? Math.max(1.5, (bar.count / most) * HEIGHT) : 0;
    const isIn = placeOf(bar.to, type) > from && placeOf(bar.from, type) <= to;
    const label = `${shown(bar.from, type)} – ${shown(bar.to, type)}: ${count(bar.count)}`;
    const made = svg('rect', { x: place * width + 0.4, y: HEIGHT - height, width: width - 0.8, height, class: isIn ? 'in' : 'out' }, svg('title'));
    made.firstChild.textContent = label;
    made.addEventListener('click', () => pick(bar));
    return made;
  });
  return svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' }, ...drawn);
}

const twin = ({ histogram, property, type }) => node('details', { className: 'twin' },
  node('summary', { textContent: text('asTable'), 'aria-label': `${property}: ${text('asTable')}` }),
  node('table', {}, ...histogram.map((bar) => node('tr', {},
    node('td', { textContent: `${shown(bar.from, type)} – ${shown(bar.to, type)}` }), node('td', { textContent: count(bar.count) })))));

// The histogram of a facet. `term` is the range that is chosen, `choose(from, to)` is called with another, null for open.
export function histogramOf(facet, term, choose) {
  const { property, type, min, max } = facet;
  const [least, most] = [placeOf(min, type), placeOf(max, type)];
  const span = most - least || 1;
  const step = type === 'date' ? Math.max(864e5, Math.round(span / STEPS / 864e5) * 864e5)
    : type === 'integer' ? Math.max(1, Math.round(span / STEPS)) : span / STEPS;
  const clamp = (place) => Math.min(most, Math.max(least, place));
  const ends = [
    term?.from === undefined ? least : clamp(placeOf(term.from, type)),
    term?.to === undefined ? most : clamp(placeOf(term.to, type)),
  ];
  const said = node('output', { className: 'ends' });
  const value = (place) => valueAt(place, step, type);
  const tellEnds = () => {
    const [from, to] = [Math.min(...ends), Math.max(...ends)];
    said.textContent = `${shown(from === least ? min : value(from), type)} – ${shown(to === most ? max : value(to), type)}`;
    drawing.replaceChildren(bars(facet, [from, to], pick));
  };
  const take = () => {
    const [from, to] = [Math.min(...ends), Math.max(...ends)];
    choose(from <= least ? null : value(from), to >= most ? null : value(to));
  };
  const pick = (bar) => choose(bar.from, bar.to);
  const handle = (place) => {
    const input = node('input', {
      type: 'range', id: `${place ? 'to' : 'from'}-${property}`, min: least, max: least + Math.ceil(span / step) * step, step,
      'aria-label': `${property}: ${text(place ? 'to' : 'from')}`,
    });
    input.value = ends[place] === most ? input.max : ends[place];
    const tellValue = () => input.setAttribute('aria-valuetext', shown(value(ends[place]), type));
    tellValue();
    input.addEventListener('input', () => {
      ends[place] = Math.min(most, Number(input.value));
      tellValue();
      tellEnds();
    });
    input.addEventListener('change', take);
    return input;
  };
  const drawing = node('div', { className: 'bars' });
  tellEnds();
  return node('div', { className: 'histogram' }, drawing, node('div', { className: 'handles' }, handle(0), handle(1)), said, twin(facet));
}
