// What the page shows, as its address says it: each change is a new entry of the history, so that Back undoes it.

import { page } from './page.mjs';

const NAMES = { filter: 'filter', sortby: 'sortby', columns: 'properties', colour: 'colour', follow: 'follow' };

const fromAddress = () => {
  const given = new URLSearchParams(location.search);
  return Object.fromEntries(Object.entries(NAMES).map(([own, name]) => [own, given.get(name) ?? page.view[own] ?? '']));
};

let state = fromAddress();
const listeners = [];

export const current = () => state;

export const shownColumns = () => {
  const chosen = state.columns.split(',').filter(Boolean).map(decodeURIComponent);
  return page.properties.filter(({ name }) => !chosen.length || chosen.includes(name));
};

export const columnsText = (names) => names.map((name) => encodeURIComponent(name)).join(',');

// The address that shows the same elsewhere.
export function searchOf(wanted) {
  const given = new URLSearchParams(location.search);
  Object.entries(NAMES).forEach(([own, name]) => {
    if (wanted[own] === (page.view[own] ?? '')) given.delete(name);
    else given.set(name, wanted[own]);
  });
  const query = given.toString();
  return query ? `?${query}` : location.pathname;
}

export function change(changed) {
  const wanted = { ...state, ...changed };
  if (searchOf(wanted) === searchOf(state)) return;
  const before = state;
  state = wanted;
  history.pushState(null, '', searchOf(state) + location.hash);
  listeners.forEach((listener) => listener(state, before));
}

export function onChange(listener) {
  listeners.push(listener);
}

addEventListener('popstate', () => {
  const before = state;
  state = fromAddress();
  listeners.forEach((listener) => listener(state, before));
});
