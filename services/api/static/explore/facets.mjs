// The list of filters: a facet for each property, whose numbers follow the other filters.

import { histogramOf } from './histogram.mjs';
import { containsTerm, lineWith, rangeTerm, termOf, valuesTerm } from './filter.mjs';
import { address, count, fetchJson, node, page, shown, text } from './page.mjs';
import { change, current } from './state.mjs';

const SHOWN = 12; // properties, until more are asked for
const AT_ONCE = 4; // so that the first numbers come soon, also of millions of features
const [FEW, MANY] = [8, 100];
const panel = document.getElementById('facets');
const faceted = page.properties.filter((property) => property.facet).sort((one, other) => one.isId - other.isId);
const wanted = faceted.map(({ name }) => name); // ids last: nobody chooses by them
const longLists = new Set();
const closed = new Set([...wanted.slice(6), ...faceted.filter(({ isId }) => isId).map(({ name }) => name)]);
let shownNames = wanted.slice(0, SHOWN);

const set = (kind, name, term) => change({ filter: lineWith(current().filter, kind, name, term) });

function valueRow(facet, value, number, isChosen, most) {
  const key = `${facet.property}=${value}`;
  const box = node('input', { type: 'checkbox', id: key, checked: isChosen });
  box.addEventListener('change', () => {
    const before = termOf(current().filter, 'values', facet.property)?.values ?? [];
    set('values', facet.property, valuesTerm(facet.property, box.checked ? [...before, value] : before.filter((one) => one !== value)));
  });
  const name = value === null ? text('noValue') : shown(value, facet.type) || text('emptyText');
  const bar = node('meter', { min: 0, max: most || 1, value: number ?? 0, 'aria-hidden': 'true' });
  return node('li', {}, node('label', {}, box, node('span', { className: 'name', textContent: name, title: name }),
    node('span', { className: 'number', textContent: number === null ? '' : count(number) })), bar);
}

function valuesList(facet) {
  const chosen = termOf(current().filter, 'values', facet.property)?.values ?? [];
  const rows = facet.values.map(({ value, count: number }) => [value, number]);
  if (facet.missing || chosen.includes(null)) rows.push([null, facet.missing]);
  chosen.filter((value) => !rows.some(([one]) => one === value)).forEach((value) => rows.push([value, null]));
  const most = Math.max(0, ...rows.map(([, number]) => number ?? 0));
  const list = node('ul', {}, ...rows.map(([value, number]) => valueRow(facet, value, number, chosen.includes(value), most)));
  return node('div', {}, list, ...others(facet));
}

function others({ property, other }) {
  if (!other) return [];
  const number = other.values === undefined ? text('othersAbout', { features: count(other.count) })
    : text('others', { values: count(other.values), features: count(other.count) });
  if (longLists.has(property)) return [node('p', { className: 'quiet', textContent: number })];
  const more = node('button', { type: 'button', id: `more-${property}`, className: 'link', textContent: text('showMore'), 'aria-label': `${property}: ${text('showMore')}` });
  more.addEventListener('click', () => {
    longLists.add(property);
    refreshFacets();
  });
  return [node('p', { className: 'quiet' }, number, ' ', more)];
}

function searchField(facet) {
  const term = termOf(current().filter, 'contains', facet.property);
  const field = node('input', { type: 'search', id: `contains-${facet.property}`, value: term?.wanted ?? '', placeholder: text('contains'), 'aria-label': `${facet.property}: ${text('contains')}` });
  field.addEventListener('change', () => set('contains', facet.property, containsTerm(facet.property, field.value.trim())));
  return field;
}

function controlOf(facet) {
  if (facet.histogram) {
    if (!facet.histogram.length) return node('p', { className: 'quiet', textContent: text('nothing') });
    const chosen = termOf(current().filter, 'range', facet.property);
    return histogramOf(facet, chosen, (from, to) => set('range', facet.property, rangeTerm(facet.property, from, to)));
  }
  const isText = facet.type === 'string' && (facet.other || termOf(current().filter, 'contains', facet.property));
  return node('div', {}, isText ? searchField(facet) : null, valuesList(facet));
}

function section(facet) {
  const isUsed = ['values', 'range', 'contains'].some((kind) => termOf(current().filter, kind, facet.property));
  const title = page.properties.find(({ name }) => name === facet.property)?.description ?? facet.property;
  const about = facet.approximate ? node('span', { className: 'quiet', title: text('estimatedFrom', { part: count(facet.of * 100) }), textContent: ` ≈` }) : null;
  const made = node('details', { open: isUsed || !closed.has(facet.property), className: isUsed ? 'facet used' : 'facet' },
    node('summary', { id: `facet-${facet.property}`, title }, node('h3', { textContent: facet.property }), about), controlOf(facet));
  made.dataset.property = facet.property;
  made.addEventListener('toggle', () => (made.open ? closed.delete(facet.property) : closed.add(facet.property)));
  return made;
}

// Facets are drawn anew with each answer: who stands on a control still stands there.
function draw(facets) {
  const here = panel.contains(document.activeElement) ? document.activeElement.id : null;
  const rest = wanted.filter((name) => !shownNames.includes(name));
  const more = node('button', { type: 'button', id: 'more-facets', className: 'link', textContent: text('moreProperties', { number: rest.length }) });
  more.addEventListener('click', () => {
    shownNames = wanted.slice(0, shownNames.length + SHOWN);
    refreshFacets();
  });
  panel.replaceChildren(...facets.map(section), ...(rest.length ? [more] : []));
  if (here) document.getElementById(here)?.focus({ preventScroll: true });
}

const found = new Map(); // property -> its facet, as it was last told
let running = null;
let boxOfMap = () => null;

export function facetsFollow(box) {
  boxOfMap = box;
}

const groupsOf = (names) => {
  const long = names.filter((name) => longLists.has(name));
  const short = names.filter((name) => !longLists.has(name));
  const parts = [];
  for (const [list, size] of [[short, FEW], [long, MANY]]) {
    for (let at = 0; at < list.length; at += AT_ONCE) parts.push([list.slice(at, at + AT_ONCE), size]);
  }
  return parts;
};

// Asks for the numbers under the filter as it is now. An answer that comes after a newer question is dropped.
export async function refreshFacets() {
  running?.abort();
  const own = running = new AbortController();
  panel.setAttribute('aria-busy', 'true');
  try {
    for (const [names, size] of groupsOf(shownNames)) {
      const asked = { properties: names.join(','), size, filter: current().filter, bbox: boxOfMap() };
      const { facets } = await fetchJson(address('/facets', asked), own.signal);
      facets.forEach((facet) => found.set(facet.property, facet));
      draw(shownNames.filter((name) => found.has(name)).map((name) => found.get(name)));
    }
  } catch (error) {
    if (error.name === 'AbortError') return;
    if (error.problem?.parameter !== 'filter') panel.replaceChildren(node('p', { className: 'quiet', textContent: error.message }));
    else if (!panel.hasChildNodes()) panel.append(node('p', { className: 'quiet', textContent: text('mistakeAbove') }));
  } finally {
    if (running === own) panel.removeAttribute('aria-busy');
  }
}
