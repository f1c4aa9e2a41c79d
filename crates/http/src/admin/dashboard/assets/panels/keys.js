// The keys that are used most: of all caches from the samples, of one of them as the API lists them.

import { reason } from "../js/api.js";
import { byId, h, setOptions } from "../js/dom.js";
import * as format from "../js/format.js";
import { Poll } from "../js/poll.js";
import { Table } from "../js/table.js";

const LIMIT = 8;
/** Where a cache stops counting the uses of a key. */
const MOST = 3;

/** The cache, the namespace, and the type without the paths of modules. */
const about = ({ cache, namespace, type }) =>
  [cache, namespace, type.replaceAll(/\w+::/g, "")].filter((part) => part !== "").join(" · ");

export class Keys {
  #api;
  #table;
  #poll;
  #cache = byId("keys-cache");
  #prefix = byId("keys-prefix");
  #listeners = new AbortController();

  /** `invalidate(cache, key)` is null for those who may not. */
  constructor(api, parent, invalidate) {
    this.#api = api;
    const columns = [
      { title: "Key", class: "key", main: ({ key }) => key, more: about },
      { title: "Uses", number: true, main: ({ uses }) => (uses >= MOST ? `${MOST} or more` : String(uses)) },
      {
        title: "Age", number: true, main: (row) => format.span(row.age_seconds),
        more: (row) => (row.expires_in_seconds === null ? "no end" : `${format.span(row.expires_in_seconds)} left`),
      },
    ];
    if (invalidate !== null) {
      columns.push({
        title: "Changes", hideTitle: true, class: "changes",
        build: ({ cache, key }) => ({
          element: h("button", {
            type: "button", class: "danger quiet", "aria-label": `Invalidate ${key} in ${cache}…`,
            onclick: () => invalidate(cache, key),
          }, "Invalidate…"),
        }),
      });
    }
    this.#table = new Table(parent, {
      label: "Hottest keys", columns, key: (row) => JSON.stringify([row.cache, row.namespace, row.type, row.key]), empty: "No keys yet.",
    });
    const { signal } = this.#listeners;
    this.#cache.addEventListener("change", () => this.#poll.now(), { signal });
    this.#prefix.addEventListener("input", () => this.#poll.now(), { signal });
    this.#poll = new Poll(3_000, () => this.#ask());
  }

  sample({ caches, hottest }) {
    setOptions(this.#cache, [{ value: "", label: "All" }, ...caches.map(({ name }) => ({ value: name, label: name }))]);
    this.#prefix.disabled = this.#cache.value === "";
    this.#prefix.closest("label").hidden = this.#prefix.disabled;
    if (this.#cache.value !== "") return;
    this.#table.empty = "No keys yet.";
    const keys = hottest.flatMap(({ cache, keys }) => keys.map((key) => ({ cache, ...key })));
    // Those that are used as often are shown newest first, caches mixed.
    keys.sort((a, b) => b.uses - a.uses || (a.age_seconds ?? Infinity) - (b.age_seconds ?? Infinity));
    this.#table.show(keys.slice(0, LIMIT));
  }

  async #ask() {
    const cache = this.#cache.value;
    if (cache === "") return;
    const prefix = this.#prefix.value;
    const query = new URLSearchParams({ cache, limit: LIMIT });
    if (prefix !== "") query.set("prefix", prefix);
    try {
      const { keys } = await this.#api.get(`keys/?${query}`);
      if (cache !== this.#cache.value || prefix !== this.#prefix.value) return;
      this.#table.empty = prefix === "" ? `${cache} is empty.` : `No key of ${cache} begins with “${prefix}”.`;
      this.#table.show(keys.map((key) => ({ cache, ...key })));
    } catch (error) {
      this.#table.fail(reason(error));
    }
  }

  stop() {
    this.#poll.stop();
    this.#listeners.abort();
  }
}
