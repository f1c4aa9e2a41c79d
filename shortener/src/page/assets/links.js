// The list of links, and what can be done with one.

import { ask, item } from './api.js';
import { clear, copy, day, find, make, number, toast, whenSent } from './dom.js';

const PER_PAGE = 20;
let page = 1;
let chosen = null;
let latest = 0;
let failed;

/** `onError` hears of what no form shows. */
export function start(onError) {
  failed = onError;
  whenSent(find('shorten'), shorten);
  whenSent(find('edit-form'), save);
  whenSent(find('delete-form'), remove);
  find('previous').addEventListener('click', () => turn(page - 1));
  find('next').addEventListener('click', () => turn(page + 1));
  find('filter').addEventListener('submit', (event) => event.preventDefault());
  find('filter-active').addEventListener('change', () => turn(1));
  let timer;
  find('filter-text').addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(() => turn(1), 200);
  });
  for (const button of document.querySelectorAll('[data-close]')) {
    button.addEventListener('click', () => button.closest('dialog').close());
  }
}

export function show() {
  return Promise.all([list(), tiles()]);
}

/** What the one who was here before has left. */
export function forget() {
  page = 1;
  latest += 1;
  for (const id of ['shorten', 'filter']) find(id).reset();
  clear(find('shorten'));
  find('made').hidden = true;
  for (const id of ['rows', 'tiles']) find(id).replaceChildren();
}

function turn(to) {
  page = to;
  list().catch(failed);
}

async function list() {
  const turn = ++latest;
  const parameters = new URLSearchParams({ page, per_page: PER_PAGE });
  const text = find('filter-text').value.trim();
  const active = find('filter-active').value;
  if (text) parameters.set('q', text);
  if (active) parameters.set('active', active);
  const found = await ask('GET', `/api/urls/?${parameters}`);
  if (turn !== latest) return;
  const last = Math.max(1, Math.ceil(found.total / PER_PAGE));
  if (page > last) {
    page = last;
    await list();
    return;
  }
  find('rows').replaceChildren(...found.items.map(row));
  const first = (page - 1) * PER_PAGE;
  find('range').textContent = found.total === 0 ? '' : `${number(first + 1)} to ${number(first + found.items.length)} of ${number(found.total)}`;
  find('previous').disabled = page === 1;
  find('next').disabled = page === last;
  document.querySelector('.links').hidden = found.total === 0;
  document.querySelector('.pager').hidden = found.total === 0;
  find('empty').hidden = found.total > 0;
  find('empty').textContent = text || active ? 'No link is like that.' : 'No links yet. The first one is made above.';
}

async function tiles() {
  const stats = await ask('GET', '/api/urls/stats/');
  const rows = [['Links', stats.urls], ['Active', stats.active], ['Clicks', stats.clicks], ['Clicks today', stats.clicks_today]];
  find('tiles').replaceChildren(...rows.map(([name, value]) => make('div', {},
    make('dt', { textContent: name }), make('dd', { textContent: number(value) }))));
}

function row(link) {
  const bare = link.short_url.replace(/^https?:\/\//, '');
  const action = (text, run) => make('button', {
    type: 'button', textContent: text, onclick: run, attributes: { 'aria-label': `${text} ${link.code}` },
  });
  const cells = [
    make('td', {},
      link.title ? make('p', { textContent: link.title, title: link.title }) : null,
      make('p', { className: 'short' }, make('a', { href: link.short_url, textContent: bare, rel: 'noreferrer' })),
      make('p', { className: 'soft', textContent: link.url, title: link.url })),
    make('td', { className: 'number', textContent: number(link.clicks) }),
    make('td', { className: 'state', textContent: day(link.created_ms) }),
    make('td', { className: `state ${link.active ? 'on' : 'off'}`, textContent: link.active ? 'Active' : 'Inactive' }),
    make('td', {}, make('div', { className: 'actions' },
      action('Copy', () => copy(link.short_url)),
      action('Clicks', () => { location.hash = `analytics/${link.code}`; }),
      action('Edit', () => edit(link)),
      action('Delete', () => askToDelete(link)))),
  ];
  return make('tr', {}, ...cells);
}

async function shorten(data) {
  const wanted = { url: data.get('url').trim() };
  for (const name of ['title', 'code']) {
    const value = data.get(name).trim();
    if (value) wanted[name] = value;
  }
  const link = await ask('POST', '/api/urls/', wanted);
  find('shorten').reset();
  const made = find('made');
  const button = make('button', { type: 'button', textContent: 'Copy', onclick: () => copy(link.short_url) });
  made.replaceChildren(make('a', { href: link.short_url, textContent: link.short_url, rel: 'noreferrer' }), button);
  made.hidden = false;
  button.focus();
  toast(`${link.short_url} is made`);
  page = 1;
  await show().catch(failed);
}

function edit(link) {
  chosen = link;
  const form = find('edit-form');
  clear(form);
  for (const name of ['url', 'title', 'code']) form.elements[name].value = link[name];
  form.elements.active.checked = link.active;
  find('edit').showModal();
}

async function save(data) {
  const wanted = {};
  for (const name of ['url', 'title', 'code']) {
    const value = data.get(name).trim();
    if (value !== chosen[name]) wanted[name] = value;
  }
  const active = data.has('active');
  if (active !== chosen.active) wanted.active = active;
  if (Object.keys(wanted).length > 0) await ask('PATCH', item(chosen.code), wanted);
  find('edit').close();
  toast('Saved');
  await show().catch(failed);
}

function askToDelete(link) {
  chosen = link;
  clear(find('delete-form'));
  find('delete-text').textContent = `${link.short_url} leads nowhere then, and its ${number(link.clicks)} clicks are forgotten. This cannot be undone.`;
  find('delete').showModal();
}

async function remove() {
  await ask('DELETE', item(chosen.code));
  find('delete').close();
  toast(`${chosen.code} is deleted`);
  find('filter-text').focus();
  await show().catch(failed);
}
