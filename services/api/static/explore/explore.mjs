// Puts the parts of the page together: a change of the state asks the API again, and each part shows its answer.

import { areaControls } from './area.mjs';
import { colourControls, refreshColours } from './colours.mjs';
import { downloadControls, refreshDownloads } from './downloads.mjs';
import { facetsFollow, refreshFacets } from './facets.mjs';
import { lineWithout, termsOf } from './filter.mjs';
import { boxOfMap, makeMap, paint, pointAt, showFeature, showMatches, zoomToMatches } from './mapview.mjs';
import { node, page, text } from './page.mjs';
import { refreshShare, shareControls } from './share.mjs';
import { change, columnsText, current, onChange, shownColumns } from './state.mjs';
import { loadFirst, markRows, tableCalls } from './table.mjs';

const MOVED_MS = 250;
const line = document.getElementById('line');
const mistake = document.getElementById('mistake');
const chips = document.getElementById('chips');
const follow = document.getElementById('follow');

const box = () => (current().follow === 'map' ? boxOfMap() : null);

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

const refreshPaint = () => refreshColours().then(paint).catch((error) => {
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
  if (!(await table)) return;
  if (isFiltered || now.colour !== before.colour) {
    showMatches(now.filter);
    refreshPaint();
  }
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
  document.getElementById('zoom')?.addEventListener('click', () => zoomToMatches());
  document.getElementById('panes').addEventListener('change', ({ target }) => { document.body.dataset.pane = target.value; });
  onChange(refresh);
}

tableCalls({ pick: ({ id }) => showFeature(id), point: pointAt });
facetsFollow(box);
colourControls();
downloadControls();
shareControls();
listen();
const first = refresh(current());
await Promise.all([first, makeMap({ point: markRows, moved }, first)]);
areaControls();
await refreshPaint();
document.body.dataset.ready = 'true';
