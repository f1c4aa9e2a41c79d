// Elements made and changed. Text is always set as text: nothing here parses HTML.

export const byId = (id) => document.getElementById(id);

/** An element with attributes, listeners (`onclick`) and children. */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** Sets text if it differs, so that what stays the same is neither painted nor announced anew. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** The options of a `select`; the choice stays if it is still there. */
export function setOptions(select, options) {
  const signature = JSON.stringify(options);
  if (select.dataset.options === signature) return;
  select.dataset.options = signature;
  const chosen = select.value;
  select.replaceChildren(...options.map(({ value, label }) => h("option", { value }, label)));
  if (options.some(({ value }) => value === chosen)) select.value = chosen;
}

/** A bar that shows a share beside a number that says it. */
export function bar() {
  const fill = h("span", { class: "bar-fill" });
  const element = h("span", { class: "bar", "aria-hidden": "true" }, fill);
  const set = (share) => {
    element.hidden = !Number.isFinite(share);
    if (!element.hidden) fill.style.inlineSize = `${Math.max(0, Math.min(1, share)) * 100}%`;
  };
  return { element, set };
}
