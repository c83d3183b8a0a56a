// What the server tells the page, its texts, and the few things that every part of it needs.

export { node, svg } from '../dom.mjs';

export const page = JSON.parse(document.getElementById('explore').textContent);

// A text in the language of the page; {names} in it stand for values.
export const text = (key, values = {}) => page.texts[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);

// A refusal of the API: `problem` is its document.
export class Refused extends Error {
  constructor(problem) {
    super([problem.detail, problem.hint].filter(Boolean).join('; '));
    this.problem = problem;
  }
}

export async function fetchJson(address, signal) {
  const response = await fetch(address, { headers: { Accept: 'application/json, application/geo+json' }, signal });
  if (response.ok) return response.json();
  throw new Refused(await response.json().catch(() => ({ detail: `${response.status} ${response.statusText}` })));
}

// The address of something below the collection, or at another address. Empty values are left out.
export function address(path, parameters = {}) {
  const query = Object.entries(parameters).filter(([, value]) => value !== null && value !== '' && value !== undefined);
  const start = path.includes('://') ? path : `${page.url}${path}`;
  return query.length ? `${start}?${query.map((pair) => pair.map(encodeURIComponent).join('=')).join('&')}` : start;
}

const numbers = new Intl.NumberFormat(page.language, { maximumFractionDigits: 6, useGrouping: 'min2' });
const compact = new Intl.NumberFormat(page.language, { notation: 'compact', maximumSignificantDigits: 3 });
const days = new Intl.DateTimeFormat(page.language, { dateStyle: 'medium', timeZone: 'UTC' });
const times = new Intl.DateTimeFormat(page.language, { dateStyle: 'medium', timeStyle: 'medium', timeZone: 'UTC' });

export const count = (number) => numbers.format(number);

// A value as people read it. Ids are no quantities, and a moment that no calendar here knows stays as it is.
export function shown(value, type, { isId = false, short = false } = {}) {
  if (value === null || value === undefined) return '–';
  if (typeof value === 'number' && !isId) return (short && Math.abs(value) >= 1e5 ? compact : numbers).format(value);
  if (typeof value === 'boolean') return text(value ? 'true' : 'false');
  if ((type === 'date' || type === 'datetime') && !Number.isNaN(Date.parse(value))) {
    return (type === 'date' || short ? days : times).format(new Date(value));
  }
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

export const titleOf = ({ id, properties }) => {
  const own = page.titleProperty === null ? null : properties[page.titleProperty];
  return own === null || own === undefined || own === '' ? String(id ?? '') : String(own);
};

export const tell = (message) => { document.getElementById('status').textContent = message; };
