// Small helpers. Text is only ever set as text, so nothing that users write becomes markup.

export const find = (id) => document.getElementById(id);

export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  const { attributes = {}, ...rest } = properties;
  Object.assign(element, rest);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

const whole = new Intl.NumberFormat('en');
export const number = (value) => whole.format(value);

export function day(text) {
  const date = typeof text === 'number' ? new Date(text) : new Date(`${text}T00:00:00Z`);
  const zone = typeof text === 'number' ? undefined : 'UTC';
  return date.toLocaleDateString('en', { day: 'numeric', month: 'short', year: 'numeric', timeZone: zone });
}

let timer;
export function toast(text) {
  find('toast').textContent = text;
  clearTimeout(timer);
  timer = setTimeout(() => { find('toast').textContent = ''; }, 4000);
}

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast('Copied');
  } catch {
    // Without https there is no clipboard; the text is there to be selected.
    toast(`Copying is not allowed here: ${text}`);
  }
}

function tell(form, problem) {
  const general = form.querySelector('.problem');
  for (const error of problem.errors) {
    const field = form.querySelector(`[data-field="${error.field}"]:not([hidden])`);
    if (!field) continue;
    const input = field.querySelector('input');
    const wrong = make('p', { className: 'wrong', id: `${input.id}-wrong`, textContent: error.detail });
    input.setAttribute('aria-invalid', 'true');
    input.setAttribute('aria-describedby', wrong.id);
    field.append(wrong);
  }
  const first = form.querySelector('[aria-invalid="true"]');
  if (first) first.focus();
  if (!first || problem.errors.length === 0) {
    general.textContent = problem.message;
    general.hidden = false;
  }
}

export function clear(form) {
  const general = form.querySelector('.problem');
  general.hidden = true;
  general.textContent = '';
  for (const input of form.querySelectorAll('[aria-invalid]')) {
    input.removeAttribute('aria-invalid');
    input.removeAttribute('aria-describedby');
  }
  for (const wrong of form.querySelectorAll('.wrong')) wrong.remove();
}

/** Runs `action` when the form is sent, one at a time, and shows a problem at the fields it is about. */
export function whenSent(form, action) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const button = form.querySelector('button:not([type="button"])');
    if (button.disabled) return;
    clear(form);
    button.disabled = true;
    let problem = null;
    try {
      await action(new FormData(form));
    } catch (error) {
      problem = error;
    } finally {
      button.disabled = false;
    }
    if (problem && problem.errors) tell(form, problem);
    else if (problem) throw problem;
  });
}
