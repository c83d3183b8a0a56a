// Exactly what is shown, as a file, and as lines for other programs.

import { address, node, page, text } from './page.mjs';
import { current, shownColumns } from './state.mjs';

const format = document.getElementById('format');
const crs = document.getElementById('crs');
const onlyShown = document.getElementById('only-shown');
const link = document.getElementById('download-link');
const lines = document.getElementById('lines');

const inShell = (value) => `'${value.replaceAll("'", "'\\''")}'`;

function asked() {
  const isSubset = onlyShown.checked && shownColumns().length < page.properties.length;
  const own = page.formats.find(({ f }) => f === format.value);
  return {
    f: format.value, filter: current().filter, sortby: current().sortby,
    properties: isSubset ? shownColumns().map(({ name }) => name).join(',') : null,
    crs: own.anyCrs && crs.selectedIndex > 0 ? crs.value : null,
  };
}

const fileName = () => `${page.id.replaceAll(/[^\w.-]/g, '_')}.${page.formats.find(({ f }) => f === format.value).extension}`;

// Names of programs and what is typed into them.
function snippets(file, pages) {
  return {
    curl: `curl -o ${inShell(fileName())} ${inShell(file)}`,
    GeoPandas: `import geopandas\n\nfeatures = geopandas.read_file(${JSON.stringify(pages('fgb'))})`,
    ogr2ogr: `ogr2ogr ${inShell(`${page.id.replaceAll(/[^\w.-]/g, '_')}.gpkg`)} ${inShell(`/vsicurl/${pages('fgb')}`)}`,
    QGIS: text('qgisHow', { url: `${page.base}/`, layer: page.title, file: pages('geojson') }),
    R: `library(sf)\n\nfeatures <- read_sf(${JSON.stringify(pages('fgb'))})`,
  };
}

export function refreshDownloads() {
  const own = page.formats.find(({ f }) => f === format.value);
  crs.disabled = !own.anyCrs;
  const file = address('/items', asked());
  link.href = file;
  link.download = fileName();
  const pages = (f) => address('/items', { ...asked(), f: page.formats.some((one) => one.f === f) ? f : 'geojson', crs: null });
  const written = snippets(file, pages);
  lines.replaceChildren(...Object.entries(written).flatMap(([program, line]) => {
    const copy = node('button', { type: 'button', className: 'link', textContent: text('copy'), 'aria-label': `${text('copy')}: ${program}` });
    copy.addEventListener('click', async () => {
      await navigator.clipboard.writeText(line);
      copy.textContent = text('copied');
    });
    return [node('dt', {}, program, ' ', copy), node('dd', {}, node('pre', { textContent: line, tabIndex: 0, role: 'group', 'aria-label': program }))];
  }));
}

export function downloadControls() {
  format.append(...page.formats.map(({ f, title }) => node('option', { value: f, textContent: title })));
  crs.append(...page.crs.map((uri) => node('option', { value: uri, textContent: uri.replace(/^.*\/def\/crs\/(\w+)\/[^/]*\/(\w+)$/, '$1:$2') })));
  [format, crs, onlyShown].forEach((control) => control.addEventListener('change', refreshDownloads));
}
