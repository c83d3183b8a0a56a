// Puts the parts of the page together: a change of the state asks the API again, and each part shows its answer.

import { colourControls, refreshColours } from './colours.mjs';
import { downloadControls, refreshDownloads } from './downloads.mjs';
import { facetsFollow, refreshFacets } from './facets.mjs';
import { lineWithout, termsOf } from './filter.mjs';
import { node, page, text } from './page.mjs';
import { refreshShare, shareControls } from './share.mjs';
import { change, columnsText, current, onChange, shownColumns } from './state.mjs';
import { loadFirst, markRows, tableCalls } from './table.mjs';

const MOVED_MS = 250;
const line = document.getElementById('line');
const mistake = document.getElementById('mistake');
const chips = document.getElementById('chips');
const follow = document.getElementById('follow');

let map = null; // its module, which is large: table and filters do not wait for it

const box = () => (current().follow === 'map' ? map?.boxOfMap() : null);

// What is wrong with the filter, at the place where it is: the API says the position.
function showMistake(error) {
  mistake.textContent = error ? error.message : '';
  mistake.hidden = !error;
  line.setAttribute('aria-invalid', String(Boolean(error)));
  const position = /at position (\d+)/.exec(error?.problem?.detail ?? '');
  if (position && document.activeElement === line) line.setSelectionRange(Number(position[1]), Number(position[1]) + 1);
}

function drawChips() {
  const terms = termsOf(current().filter);
  chips.replaceChildren(...terms.map((term, place) => {
    const button = node('button', { type: 'button', 'aria-label': text('remove', { term: term.line }), textContent: '×' });
    button.addEventListener('click', () => {
      change({ filter: lineWithout(current().filter, place) });
      line.focus();
    });
    return node('li', { className: 'chip' }, node('span', { textContent: term.line, title: term.line }), button);
  }));
  document.getElementById('clear').hidden = !terms.length;
}

function drawColumns() {
  const names = shownColumns().map(({ name }) => name);
  document.getElementById('columns').replaceChildren(...page.properties.map(({ name }) => {
    const input = node('input', { type: 'checkbox', id: `column-${name}`, checked: names.includes(name) });
    input.addEventListener('change', () => {
      const chosen = page.properties.map((one) => one.name).filter((one) => (one === name ? input.checked : names.includes(one)));
      change({ columns: chosen.length === page.properties.length || !chosen.length ? '' : columnsText(chosen) });
      document.getElementById(input.id).focus();
    });
    return node('li', {}, node('label', {}, input, ` ${name}`));
  }));
}

async function refreshTable() {
  try {
    await loadFirst(box());
    showMistake(null);
    return true;
  } catch (error) {
    if (error.name === 'AbortError') return false;
    showMistake(error);
    return !error.problem;
  }
}

const refreshPaint = () => refreshColours().then((expression) => map?.paint(expression)).catch((error) => {
  if (error.name !== 'AbortError') document.getElementById('legend').replaceChildren(node('li', { className: 'quiet', textContent: error.message }));
});

async function refresh(now, before = {}) {
  line.value = now.filter;
  if (follow) follow.checked = now.follow === 'map';
  drawChips();
  drawColumns();
  refreshDownloads();
  refreshShare();
  const isFiltered = now.filter !== before.filter;
  const isElsewhere = now.follow !== before.follow;
  const table = refreshTable();
  if (isFiltered || isElsewhere) refreshFacets();
  const isTaken = await table;
  if (isTaken && (isFiltered || now.colour !== before.colour)) {
    map?.showMatches(now.filter);
    refreshPaint();
  }
  return isTaken;
}

let timer = 0;
const moved = () => {
  refreshShare();
  if (current().follow !== 'map') return;
  clearTimeout(timer);
  timer = setTimeout(() => {
    refreshTable();
    refreshFacets();
  }, MOVED_MS);
};

function listen() {
  document.getElementById('filter').addEventListener('submit', (event) => {
    event.preventDefault();
    change({ filter: line.value.trim() });
  });
  document.getElementById('clear').addEventListener('click', () => change({ filter: '' }));
  follow?.addEventListener('change', () => change({ follow: follow.checked ? 'map' : '' }));
  document.getElementById('zoom')?.addEventListener('click', () => map?.zoomToMatches());
  document.getElementById('panes').addEventListener('change', ({ target }) => { document.body.dataset.pane = target.value; });
  onChange(refresh);
}

// The map, and then what works on it.
async function addMap(first) {
  if (!document.getElementById('map')) return;
  const made = await import('./mapview.mjs');
  const taken = (await first) ? current().filter : ''; // what the API has refused is none
  await made.makeMap({ point: markRows, moved }, taken);
  map = made;
  (await import('./area.mjs')).areaControls();
  moved();
}

tableCalls({ pick: ({ id }) => map?.showFeature(id), point: (id) => map?.pointAt(id) });
facetsFollow(box);
colourControls();
downloadControls();
shareControls();
listen();
const first = refresh(current());
await Promise.all([first, addMap(first)]);
await refreshPaint();
document.body.dataset.ready = 'true';
