// The charts, and the legend that they share.

import { Chart, colourOf } from "../js/charts.js";
import { byId, h } from "../js/dom.js";
import * as format from "../js/format.js";

/** An axis from zero to a little above what is shown. */
const fromZero = (_, max) => [0, Math.max(4, max * 1.1)];
/** An axis of shares: from the next tenth below what is shown, so that good ratios can be told apart. */
const shares = (min) => [Math.max(0, Math.min(0.8, Math.floor(min * 10 - 0.2) / 10)), 1.01];

export class Live {
  #history;
  #charts;
  #hidden = new Set();
  #named = 0;

  constructor(history) {
    this.#history = history;
    byId("charts").replaceChildren();
    byId("legend").replaceChildren();
    this.#charts = [
      { title: "Hit ratio", measure: "ratio", format: (n) => `${Math.round(n * 1000) / 10} %`, range: shares },
      { title: "Operations per second", measure: "operations", format: format.rate, range: fromZero },
      { title: "Evictions and expirations per second", measure: "leaving", format: format.rate, range: fromZero },
    ].map((options) => new Chart(byId("charts"), options));
  }

  draw() {
    const { names } = this.#history;
    for (; this.#named < names.length; this.#named += 1) this.#button(names[this.#named], this.#named);
    const series = this.#history.series();
    for (const chart of this.#charts) chart.show(series, this.#hidden);
  }

  #button(name, index) {
    const swatch = h("span", { class: "swatch", "aria-hidden": "true" });
    swatch.style.background = `var(${colourOf(index)})`;
    const button = h("button", { type: "button", "aria-pressed": "true" }, swatch, name);
    button.addEventListener("click", () => {
      const shown = this.#hidden.has(name);
      if (shown) this.#hidden.delete(name);
      else this.#hidden.add(name);
      button.setAttribute("aria-pressed", String(shown));
      this.draw();
    });
    byId("legend").append(button);
  }
}
