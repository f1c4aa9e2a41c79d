// Requests to the service. The session is a cookie that scripts cannot read.

/** An answer that is a problem of RFC 9457, or no answer. */
export class Problem extends Error {
  constructor(status, detail, errors = []) {
    super(detail);
    this.status = status;
    this.errors = errors;
  }
}

const OFFLINE = 'The service does not answer. Is it running?';

export async function ask(method, path, body) {
  const options = { method, headers: { accept: 'application/json' }, cache: 'no-store' };
  if (body !== undefined) {
    options.headers['content-type'] = 'application/json';
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Problem(0, OFFLINE);
  }
  const text = await response.text();
  let value = null;
  try {
    value = text === '' ? null : JSON.parse(text);
  } catch {
    // Told by the status.
  }
  if (!response.ok) throw new Problem(response.status, sentence(response, value), value?.errors);
  return value;
}

function sentence(response, value) {
  if (response.status === 429) {
    const seconds = Number(response.headers.get('retry-after'));
    return seconds > 0 ? `Too often. Try again in ${seconds} seconds.` : 'Too often. Try again later.';
  }
  const detail = value?.detail || `The service answers ${response.status}.`;
  return detail[0].toUpperCase() + detail.slice(1) + (/[.!?]$/.test(detail) ? '' : '.');
}

export const item = (code) => `/api/urls/${encodeURIComponent(code)}/`;
