// How the caches are, and why.

import { byId, h, setText } from "../js/dom.js";
import { note } from "../js/confirm.js";

const NAMES = { healthy: "Healthy", degraded: "Degraded", critical: "Critical" };

export class Health {
  #status = null;

  constructor() {
    byId("health-body").replaceChildren(h("p", { class: "empty" }, "Loading…"));
    this.#pill("waiting", "Health: unknown");
  }

  #pill(state, text) {
    const pill = byId("health-state");
    pill.dataset.state = state;
    setText(pill, text);
  }

  show({ status, reasons, caches }) {
    this.#pill(status, NAMES[status] ?? status);
    // Told when it changes, and not each time it is asked for.
    if (this.#status !== null && this.#status !== status) note(`Health is now: ${NAMES[status] ?? status}.`);
    this.#status = status;
    const items = reasons.map((reason) => h("li", {},
      h("b", {}, reason.cache ?? "All caches"), " ", reason.detail));
    const summary = reasons.length > 0
      ? h("ul", { class: "reasons-list", "data-state": status }, ...items)
      : h("p", { class: "fine" }, caches.length === 1 ? "The cache is healthy." : `All ${caches.length} caches are healthy.`);
    const body = byId("health-body");
    if (body.textContent !== summary.textContent) body.replaceChildren(summary);
  }

  fail(message) {
    this.#pill("waiting", "Health: unknown");
    byId("health-body").replaceChildren(h("p", { class: "empty" }, message));
  }
}
