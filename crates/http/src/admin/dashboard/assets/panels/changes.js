// What a person may change: clear caches, and invalidate what belongs together.

import { confirm } from "../js/confirm.js";
import { byId, setOptions, setText } from "../js/dom.js";
import * as format from "../js/format.js";

const entries = (n) => format.counted(n, "entry", "entries");

/** What can be invalidated: how it is called, what is to be entered, and whether it is looked for in one cache. */
const WHAT = {
  key: { label: "Key", hint: "One key, exactly as it is listed.", within: true },
  prefix: { label: "Prefix", hint: "All keys that begin with it.", within: true },
  tag: { label: "Tag", hint: "All that was stored with this tag.", within: true },
  path: { label: "Path", hint: "Stored HTTP responses of a path such as /api/urls/.", within: false },
  user: { label: "User", hint: "Stored HTTP responses that belong to one user.", within: false },
  rule: { label: "Rule", hint: "Stored HTTP responses of one rule, by its name.", within: false },
};

export class Changes {
  #api;
  #changed;
  #listeners = new AbortController();

  /** `changed()` is called after each change. */
  constructor(api, changed) {
    this.#api = api;
    this.#changed = changed;
    const { signal } = this.#listeners;
    setOptions(byId("invalidate-what"), Object.entries(WHAT).map(([value, { label }]) => ({ value, label })));
    byId("invalidate-what").addEventListener("change", () => this.#explain(), { signal });
    byId("invalidate").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    }, { signal });
    byId("clear-all").addEventListener("click", () => this.clear(null), { signal });
    this.#explain();
  }

  stop() {
    this.#listeners.abort();
  }

  sample({ caches }) {
    setOptions(byId("invalidate-cache"),
      [{ value: "", label: "All" }, ...caches.map(({ name }) => ({ value: name, label: name }))]);
  }

  /** Clears one cache, or all if `name` is null. */
  clear(name) {
    confirm({
      title: name === null ? "Clear all caches?" : `Clear ${name}?`,
      count: async () => {
        const { total, caches } = await this.#api.get("stats/");
        const n = name === null ? total.entries : caches.find((cache) => cache.name === name)?.entries ?? 0;
        return {
          text: `${entries(n)} will be removed${name === null ? ` from ${format.counted(caches.length, "cache", "caches")}` : ""}. `
            + "What is asked for afterwards is loaded anew.",
          button: `Clear ${entries(n)}`,
        };
      },
      act: async () => {
        const { cleared } = await this.#api.post(name === null ? "clear/" : `clear/${encodeURIComponent(name)}/`);
        this.#changed();
        const n = cleared.reduce((total, cache) => total + cache.entries, 0);
        return `Removed ${entries(n)} from ${name ?? "all caches"}.`;
      },
    });
  }

  /** Invalidates `{ cache, key | prefix | tag | path | user }`, called `text`. */
  invalidate(target, text) {
    confirm({
      title: `Invalidate ${text}?`,
      count: async () => {
        const { matched } = await this.#api.post("invalidate/", { ...target, dry_run: true });
        if (matched === null) {
          return { text: "How many entries this removes cannot be counted beforehand.", button: "Invalidate" };
        }
        return matched === 0
          ? { text: "Nothing that is stored now matches.", button: "Invalidate anyway" }
          : { text: `${entries(matched)} will be removed.`, button: `Invalidate ${entries(matched)}` };
      },
      act: async () => {
        const { matched } = await this.#api.post("invalidate/", { ...target, dry_run: false });
        this.#changed();
        return matched === null ? `Invalidated ${text}.` : `Invalidated ${text}: ${entries(matched)}.`;
      },
    });
  }

  #explain() {
    const { label, hint, within } = WHAT[byId("invalidate-what").value];
    setText(byId("invalidate-label"), label);
    setText(byId("invalidate-hint"), hint);
    byId("invalidate-cache").disabled = !within;
    this.#fail("");
  }

  #submit() {
    const what = byId("invalidate-what").value;
    const value = byId("invalidate-value").value;
    if (value === "") {
      this.#fail(`Enter a ${WHAT[what].label.toLowerCase()}.`);
      byId("invalidate-value").focus();
      return;
    }
    this.#fail("");
    const cache = WHAT[what].within ? byId("invalidate-cache").value : "";
    const target = cache === "" ? { [what]: value } : { cache, [what]: value };
    this.invalidate(target, `${what} “${value}”${cache === "" ? "" : ` in ${cache}`}`);
  }

  #fail(message) {
    setText(byId("invalidate-error"), message);
    if (message === "") byId("invalidate-value").removeAttribute("aria-invalid");
    else byId("invalidate-value").setAttribute("aria-invalid", "true");
  }
}
