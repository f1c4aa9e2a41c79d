// Who has clicked: of one link or of all.

import { Problem, ask, item } from './api.js';
import { bars, ranks } from './chart.js';
import { day, find, make, number } from './dom.js';

let code = '';
let latest = 0;
let plotted = null;

export function start(onError) {
  find('days').addEventListener('change', () => show(code).catch(onError));
  // The plot is drawn anew where it has another width, so that its text keeps its size.
  new ResizeObserver(plot).observe(find('by-day'));
}

function plot() {
  const box = find('plot');
  const width = box?.clientWidth ?? 0;
  if (width === 0 || (plotted.width === width && box.childElementCount > 0)) return;
  plotted.width = width;
  box.replaceChildren(bars(plotted.days, width));
}

/** Shows the clicks of the link with `of`, or of all links if it is empty. */
export async function show(of) {
  code = of;
  const turn = ++latest;
  const problem = find('analytics-problem');
  problem.hidden = true;
  const days = find('days').value;
  const filter = code === '' ? '' : `code=${encodeURIComponent(code)}&`;
  try {
    const [found, link] = await Promise.all([
      ask('GET', `/api/urls/analytics/?${filter}days=${days}`),
      code === '' ? null : ask('GET', item(code)),
    ]);
    // A later question has been asked meanwhile.
    if (turn !== latest) return;
    head(link);
    byDay(found);
    part('referrers', 'Referrers', found);
    part('countries', 'Countries', found);
    part('browsers', 'Browsers', found);
  } catch (error) {
    if (turn !== latest || !(error instanceof Problem)) throw error;
    if (error.status === 401) throw error;
    for (const id of ['by-day', 'referrers', 'countries', 'browsers']) find(id).replaceChildren();
    problem.textContent = error.message;
    problem.hidden = false;
  }
}

function head(link) {
  find('analytics-title').textContent = link ? `Clicks of ${link.title || link.code}` : 'Clicks of all links';
  const about = find('about');
  if (!link) {
    about.textContent = 'Links have their own numbers: choose one in the list.';
    return;
  }
  about.replaceChildren(
    make('a', { href: link.short_url, textContent: link.short_url, rel: 'noreferrer' }),
    ` leads to ${link.url} · `,
    make('a', { href: '#analytics', textContent: 'show all links' }),
  );
}

function byDay(found) {
  const rows = found.by_day.map((it) => make('tr', {},
    make('th', { textContent: day(it.day), attributes: { scope: 'row' } }),
    make('td', { className: 'number', textContent: number(it.clicks) })));
  const table = make('table', {},
    make('thead', {}, make('tr', {},
      make('th', { textContent: 'Day', attributes: { scope: 'col' } }),
      make('th', { textContent: 'Clicks', className: 'number', attributes: { scope: 'col' } }))),
    make('tbody', {}, ...rows.toReversed()));
  const scroll = make('div', { className: 'scroll', tabIndex: 0, attributes: { role: 'region', 'aria-label': 'Clicks by day' } }, table);
  find('by-day').replaceChildren(
    make('h2', { textContent: 'By day' }),
    make('p', { className: 'total' }, number(found.clicks), make('span', { className: 'soft', textContent: ' clicks' })),
    make('div', { id: 'plot' }),
    make('details', {}, make('summary', { textContent: 'Show as a table' }), scroll),
  );
  plotted = { days: found.by_day, width: 0 };
  plot();
}

const regions = new Intl.DisplayNames('en', { type: 'region', fallback: 'code' });

function shown(kind, name) {
  if (name === 'direct') return 'No referrer';
  if (name === 'unknown') return 'Unknown';
  return kind === 'countries' && /^[A-Z]{2}$/.test(name) ? regions.of(name) : name;
}

function part(id, title, found) {
  const rows = found[id].map((it) => ({ name: shown(id, it.name), clicks: it.clicks }));
  const none = make('p', { className: 'soft', textContent: 'No clicks in this period.' });
  find(id).replaceChildren(make('h2', { textContent: title }), rows.length > 0 ? ranks(rows, found.clicks) : none);
}
