// Brings the list of files up to date: often while something is under way, now and then otherwise, never unseen.

const BUSY_MS = 1500;
const IDLE_MS = 10000;

const list = () => document.getElementById('files');
const wait = () => setTimeout(refresh, 'underWay' in list().dataset ? BUSY_MS : IDLE_MS);
const keyOf = (details) => `${details.closest('[data-path]').dataset.path}\n${details.querySelector('summary').textContent}`;

async function refresh() {
  try {
    if (document.visibilityState === 'visible') await update();
  } catch {
    // the server is away for a moment: what is shown stays
  }
  wait();
}

async function update() {
  const response = await fetch(window.location.href, { headers: { Accept: 'text/html' } });
  if (!response.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), 'text/html').getElementById('files');
  if (!fresh || fresh.isEqualNode(list())) return;
  const open = new Set([...list().querySelectorAll('details[open]')].map(keyOf));
  fresh.querySelectorAll('details').forEach((details) => { details.open = open.has(keyOf(details)); });
  list().replaceWith(fresh);
}

wait();
