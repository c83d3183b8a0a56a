// What is shown, for others: its address, a frame for a page of one's own, and a file that the operator keeps as a view.

import { page, text } from './page.mjs';
import { current, searchOf, shownColumns } from './state.mjs';

const MAP = /^#([\d.]+\/-?[\d.]+\/-?[\d.]+)/;
const fields = ['address', 'frame'].map((name) => document.getElementById(`share-${name}`));

const escaped = (written) => written.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');

// The address of what is shown, with more parameters.
function addressWith(more = {}) {
  const shown = new URL(`${page.url}/explore`);
  shown.search = searchOf(current()).startsWith('?') ? searchOf(current()) : '';
  ['embed', 'lang'].forEach((name) => shown.searchParams.delete(name));
  Object.entries(more).forEach(([name, value]) => shown.searchParams.set(name, value));
  shown.hash = location.hash;
  return shown.href;
}

export function refreshShare() {
  const [address, frame] = fields;
  address.value = addressWith();
  frame.value = `<iframe src="${escaped(addressWith({ embed: 1 }))}" title="${escaped(page.title)}" width="800" height="500"></iframe>`;
  document.getElementById('full')?.setAttribute('href', addressWith());
}

// The view as a file: only what differs from a page without parameters.
function viewText() {
  const { filter, sortby, columns, colour, follow } = current();
  const place = MAP.exec(location.hash)?.[1];
  const view = {
    collection: page.id, title: document.getElementById('view-name').value, filter, sortby, colour, follow,
    properties: columns ? shownColumns().map(({ name }) => name) : undefined, map: place,
  };
  return JSON.stringify(view, (_, value) => (value === '' ? undefined : value), 2);
}

function save() {
  const name = document.getElementById('view-name');
  if (!name.reportValidity()) return;
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([viewText()], { type: 'application/json' }));
  link.download = `${name.value}.json`;
  link.click();
  URL.revokeObjectURL(link.href);
}

export function shareControls() {
  document.getElementById('save-view').addEventListener('click', save);
  document.querySelectorAll('[data-copies]').forEach((button) => button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).value);
    button.textContent = text('copied');
  }));
}
