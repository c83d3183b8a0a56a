// The table: fifty features a page, walked by the API's own links, sorted by the headers.

import { address, count, fetchJson, node, page, shown, tell, text, titleOf } from './page.mjs';
import { change, current, shownColumns } from './state.mjs';

const ROWS = 50;
const table = document.querySelector('#table table');
const summary = document.getElementById('matches');
const steps = { prev: document.getElementById('previous'), next: document.getElementById('next') };

const hasMap = document.getElementById('map') !== null;

let first = 1;
let links = {};
let box = null; // of the map, where numbers follow it
let running = null;
let on = { pick: () => {}, point: () => {} };

export function tableCalls(listeners) {
  on = listeners;
}

// The properties that are asked for: the columns, and the one that names the feature.
function askedProperties() {
  const names = shownColumns().map(({ name }) => name);
  if (page.titleProperty && !names.includes(page.titleProperty)) names.push(page.titleProperty);
  return names.length && names.length < page.properties.length ? names.join(',') : null;
}

function header({ name, type, sortable }) {
  const sorted = { [name]: 'ascending', [`-${name}`]: 'descending' }[current().sortby];
  const cell = node('th', { scope: 'col', className: type === 'number' || type === 'integer' ? 'numeric' : '' });
  if (!sortable) {
    cell.append(name);
    return cell;
  }
  cell.setAttribute('aria-sort', sorted ?? 'none');
  const arrow = node('span', { 'aria-hidden': 'true', textContent: { ascending: ' ▲', descending: ' ▼' }[sorted] ?? '' });
  const button = node('button', { type: 'button', id: `sort-${name}`, title: text('sortBy', { name }) }, name, arrow);
  button.addEventListener('click', () => change({ sortby: { ascending: `-${name}`, descending: '' }[sorted] ?? name }));
  cell.append(button);
  return cell;
}

function row(feature, columns) {
  const title = titleOf(feature) || text('feature');
  const open = hasMap ? node('button', { type: 'button', className: 'link', textContent: title, title: text('showOnMap') })
    : node('a', { href: address(`/items/${encodeURIComponent(feature.id)}`, { f: 'html' }), textContent: title });
  if (hasMap) open.addEventListener('click', () => on.pick(feature));
  const cells = columns.map(({ name, type, isId }) => {
    const value = feature.properties[name];
    const isLink = typeof value === 'string' && /^https?:\/\//.test(value);
    const inner = isLink ? node('a', { href: value, rel: 'noreferrer', textContent: value }) : shown(value, type, { isId });
    return node('td', { className: type === 'number' || type === 'integer' ? 'numeric' : '' }, inner);
  });
  const made = node('tr', {}, node('th', { scope: 'row' }, page.hasIds ? open : titleOf(feature)), ...cells);
  made.dataset.id = String(feature.id ?? '');
  for (const [begins, ends] of [['mouseenter', 'mouseleave'], ['focusin', 'focusout']]) {
    made.addEventListener(begins, () => on.point(feature.id));
    made.addEventListener(ends, () => on.point(null));
  }
  return made;
}

function draw(features) {
  const here = table.contains(document.activeElement) ? document.activeElement.id : null;
  const columns = shownColumns().filter(({ name }) => name !== page.titleProperty || page.properties.length === 1);
  const title = page.properties.find(({ name }) => name === page.titleProperty) ?? { name: text('feature') };
  table.tHead.replaceChildren(node('tr', {}, header(title), ...columns.map(header)));
  table.tBodies[0].replaceChildren(...features.map((feature) => row(feature, columns)));
  if (here) document.getElementById(here)?.focus({ preventScroll: true });
}

function tellMatches({ numberMatched, numberMatchedEstimate, numberReturned }) {
  const number = numberMatched ?? numberMatchedEstimate;
  const key = numberMatched === undefined ? 'matchAbout' : numberMatched === 1 ? 'matchOne' : 'match';
  summary.textContent = number === undefined ? '' : text(key, { number: count(number) });
  const rows = numberReturned ? text('rows', { from: count(first), to: count(first + numberReturned - 1) }) : text('nothing');
  document.getElementById('rows').textContent = rows;
  tell(`${summary.textContent} ${rows}`);
}

// A page says an estimate where counting is not cheap: here it is counted, unless that takes too long.
async function counted(found, bbox, signal) {
  if (found.numberMatched !== undefined) return found;
  const hits = { f: 'json', resultType: 'hits', count: 'exact', filter: current().filter, bbox };
  const { numberMatched } = await fetchJson(address('/items', hits), signal).catch((error) => {
    if (error.name === 'AbortError') throw error;
    return {};
  });
  return { ...found, numberMatched };
}

// Shows a page. Raises Refused, with the features of before still there.
async function load(href, bbox = box) {
  box = bbox;
  running?.abort();
  const own = running = new AbortController();
  table.setAttribute('aria-busy', 'true');
  try {
    const found = await fetchJson(href, own.signal);
    links = Object.fromEntries(found.links.map((link) => [link.rel, link.href]));
    draw(found.features);
    tellMatches(found);
    Object.entries(steps).forEach(([rel, button]) => { button.disabled = !links[rel]; });
    tellMatches(await counted(found, bbox, own.signal));
  } finally {
    if (running === own) table.removeAttribute('aria-busy');
  }
}

// The first page of what matches, in a box of the map or everywhere.
export function loadFirst(bbox) {
  first = 1;
  return load(address('/items', { f: 'json', limit: ROWS, skipGeometry: 'true', filter: current().filter, sortby: current().sortby, properties: askedProperties(), bbox }), bbox);
}

const walk = (rel, by) => steps[rel].addEventListener('click', async () => {
  first = Math.max(1, first + by);
  await load(links[rel]);
  document.getElementById('table').scrollTop = 0;
});
walk('prev', -ROWS);
walk('next', ROWS);

// Marks the rows of features that the map points at.
export function markRows(ids) {
  table.querySelectorAll('tbody tr').forEach((one) => one.classList.toggle('marked', ids.includes(one.dataset.id)));
}
