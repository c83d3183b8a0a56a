// Colours by a property: classes that the API makes for the whole filter, a legend and the paint of the map from them.

import { address, count, fetchJson, node, page, shown, text } from './page.mjs';
import { change, current } from './state.mjs';

// Told apart by colour-blind people too: Okabe and Ito, 2008.
const EACH = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00', '#f0e442', '#7f3c8d'];
const OTHER = '#8a9499';
// From few to many, each lighter than the next to any eye: cividis, Nuñez, Anderton and Renslow, 2018.
const RAMP = ['#e8d559', '#b5a76f', '#7d7c78', '#46536f', '#08306b'];
const METHODS = ['quantile', 'jenks', 'hist'];

const select = document.getElementById('colour');
const method = document.getElementById('classes');
const legend = document.getElementById('legend');

const chosen = () => {
  const [, name, way] = /^(.*?)(?::(quantile|jenks|hist))?$/s.exec(current().colour);
  return { property: page.properties.find((one) => one.name === name), way: way ?? METHODS[0] };
};

const isGraduated = ({ type }) => type === 'number' || type === 'integer';

export const colourProperty = () => chosen().property?.name ?? null;

async function categories({ name, type }, signal) {
  const asked = { f: 'json', 'group-by': name, sortby: '-count', limit: EACH.length, filter: current().filter };
  const { columns, groups, other } = await fetchJson(address('/aggregate', asked), signal);
  const [value, number] = columns.map((column) => column.name);
  const named = groups.filter((group) => group[value] !== null);
  const rows = named.map((group, place) => ({ colour: EACH[place], label: shown(group[value], type), number: group[number] }));
  const rest = groups.filter((group) => group[value] === null).reduce((sum, group) => sum + group[number], other?.features ?? 0);
  if (rest) rows.push({ colour: OTHER, label: text('otherValues'), number: rest });
  const pairs = named.flatMap((group, place) => [group[value], EACH[place]]);
  return { rows, paint: pairs.length ? ['match', ['get', name], ...pairs, OTHER] : OTHER };
}

async function classes({ name, type }, way, signal) {
  const asked = { f: 'json', 'group-by': `${name}:${way}(${RAMP.length})`, filter: current().filter };
  const { columns, groups } = await fetchJson(address('/aggregate', asked), signal);
  const [from, to, number] = columns.map((column) => column.name);
  const filled = groups.filter((group) => group[from] !== null);
  const colourAt = (place) => RAMP[filled.length < 2 ? RAMP.length - 1 : Math.round(place * (RAMP.length - 1) / (filled.length - 1))];
  const rows = filled.map((group, place) => ({
    colour: colourAt(place), label: `${shown(group[from], type)} – ${shown(group[to], type)}`, number: group[number],
  }));
  const without = groups.find((group) => group[from] === null);
  if (without) rows.push({ colour: OTHER, label: text('noValue'), number: without[number] });
  if (!filled.length) return { rows, paint: OTHER };
  const steps = filled.slice(1).flatMap((group, place) => [group[from], colourAt(place + 1)]);
  const isNumber = ['==', ['typeof', ['get', name]], 'number'];
  return { rows, paint: ['case', isNumber, steps.length ? ['step', ['to-number', ['get', name]], colourAt(0), ...steps] : colourAt(0), OTHER] };
}

function draw(rows) {
  legend.replaceChildren(...rows.map(({ colour, label, number }) => {
    const swatch = node('span', { className: 'swatch', 'aria-hidden': 'true' });
    swatch.style.background = colour;
    return node('li', {}, swatch, node('span', { className: 'name', textContent: label }),
      node('span', { className: 'number', textContent: count(number) }));
  }));
}

let running = null;

// Makes the legend anew, and gives what the layers are painted by; null for their own colours.
export async function refreshColours() {
  if (!select) return null;
  running?.abort();
  const { property, way } = chosen();
  select.value = property?.name ?? '';
  method.value = way;
  method.hidden = !property || !isGraduated(property);
  if (!property) {
    draw([]);
    return null;
  }
  running = new AbortController();
  const found = isGraduated(property) ? await classes(property, way, running.signal) : await categories(property, running.signal);
  draw(found.rows);
  return found.paint;
}

export function colourControls() {
  if (!select) return;
  const names = page.properties.filter(({ facet, type }) => facet && type !== 'date' && type !== 'datetime');
  select.append(...names.map(({ name }) => node('option', { value: name, textContent: name })));
  method.append(...METHODS.map((way) => node('option', { value: way, textContent: text(way) })));
  const take = () => change({ colour: select.value && !method.hidden ? `${select.value}:${method.value}` : select.value });
  select.addEventListener('change', () => {
    method.hidden = true;
    take();
  });
  method.addEventListener('change', take);
}
