// Who is signed in, which view is shown, and the theme.

import * as analytics from './analytics.js';
import { Problem, ask } from './api.js';
import { clear, find, toast, whenSent } from './dom.js';
import * as links from './links.js';

const THEMES = ['system', 'light', 'dark'];
let registering = false;
let user = null;

function theme(name) {
  if (name === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  find('theme').textContent = `Theme: ${name}`;
}

function stored() {
  try {
    const name = localStorage.getItem('theme');
    return THEMES.includes(name) ? name : 'system';
  } catch {
    return 'system';
  }
}

function nextTheme() {
  const name = THEMES[(THEMES.indexOf(stored()) + 1) % THEMES.length];
  try {
    localStorage.setItem('theme', name);
  } catch {
    // Kept for as long as the page is open.
  }
  theme(name);
}

/** What no form shows: a session that is over, or a service that does not answer. */
function failed(problem) {
  if (!(problem instanceof Problem)) throw problem;
  if (problem.status === 401 && user) {
    signedOut();
    toast('The session is over. Sign in again.');
  } else if (problem.status !== 401) toast(problem.message);
}

function way(register) {
  registering = register;
  const name = register ? 'Create an account' : 'Sign in';
  find('sign-in-title').textContent = name;
  find('sign-in').querySelector('.primary').textContent = name;
  find('other-way').textContent = register ? 'Sign in instead' : 'Create an account instead';
  find('sign-in-text').textContent = register
    ? 'The password has 10 characters or more.'
    : 'The first start of the service has printed a demo login.';
  find('sign-in').querySelector('[data-field="name"]').hidden = !register;
  find('password').autocomplete = register ? 'new-password' : 'current-password';
  clear(find('sign-in'));
}

async function signIn(data) {
  const account = { email: data.get('email').trim(), password: data.get('password') };
  if (registering) account.name = data.get('name').trim();
  const path = registering ? '/api/auth/register/' : '/api/auth/login/';
  const answer = await ask('POST', path, account);
  find('sign-in').reset();
  signedIn(answer.user);
}

function signedIn(who) {
  user = who;
  find('who').textContent = who.name;
  find('who').title = who.email;
  for (const id of ['who', 'nav', 'sign-out']) find(id).hidden = false;
  route();
}

function signedOut() {
  user = null;
  for (const id of ['who', 'nav', 'sign-out']) find(id).hidden = true;
  for (const dialog of document.querySelectorAll('dialog[open]')) dialog.close();
  links.forget();
  way(false);
  view('sign-in');
  find('email').focus();
}

function view(name) {
  for (const section of document.querySelectorAll('main > section')) {
    section.hidden = section.id !== `view-${name}`;
  }
  for (const link of document.querySelectorAll('nav a')) {
    if (link.hash === `#${name}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  document.title = { links: 'Links', analytics: 'Analytics', 'sign-in': 'Sign in' }[name] + ' · Shortener';
}

function route() {
  if (!user) return;
  const [name, code = ''] = location.hash.slice(1).split('/');
  if (name === 'analytics') {
    view('analytics');
    analytics.show(decodeURIComponent(code)).catch(failed);
  } else {
    view('links');
    links.show().catch(failed);
  }
}

theme(stored());
links.start(failed);
analytics.start(failed);
whenSent(find('sign-in'), signIn);
find('theme').addEventListener('click', nextTheme);
find('other-way').addEventListener('click', () => {
  way(!registering);
  find(registering ? 'name' : 'email').focus();
});
find('sign-out').addEventListener('click', () => {
  ask('POST', '/api/auth/logout/').then(() => {
    // The next one to sign in has other links.
    history.replaceState(null, '', location.pathname);
    signedOut();
  }, failed);
});
window.addEventListener('hashchange', () => {
  route();
  find('main').focus();
});
ask('GET', '/api/users/profile/').then(signedIn, (problem) => {
  signedOut();
  failed(problem);
});
