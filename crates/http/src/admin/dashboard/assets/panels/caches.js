// One row per cache: how it does, what it holds, why entries leave, how long loads take.

import { h } from "../js/dom.js";
import { colourOf } from "../js/charts.js";
import * as format from "../js/format.js";
import { Table } from "../js/table.js";

function loads(cache) {
  const { succeeded, failed } = cache.loads;
  const failures = failed > 0 ? `, ${format.count(failed)} failed` : "";
  return succeeded + failed > 0 ? `${format.count(succeeded + failed)} loads${failures}` : "loads nothing";
}

function percentiles(window) {
  const times = window?.load_seconds ?? null;
  return times === null ? format.NONE : [times.p50, times.p95, times.p99].map(format.time).join(" / ");
}

function filled({ capacity, entries, unit, weight }) {
  if (capacity === 0) return "switched off";
  return unit === "bytes"
    ? `${format.bytes(weight)} / ${format.bytes(capacity)}`
    : `${format.count(entries)} / ${format.count(capacity)}`;
}

export class Caches {
  #table;
  #windows = new Map();

  /** `clear(name)` is null for those who may not. */
  constructor(parent, history, clear) {
    const name = (cache) => {
      const swatch = h("span", { class: "swatch", "aria-hidden": "true" });
      swatch.style.background = `var(${colourOf(history.names.indexOf(cache.name))})`;
      return { element: h("span", { class: "main name" }, swatch, cache.name) };
    };
    const window = (cache) => this.#windows.get(cache.name);
    const columns = [
      { title: "Cache", build: name },
      {
        title: "Hit ratio", number: true, class: "hit-ratio",
        main: (cache) => format.percent(history.now(cache.name)?.ratio ?? cache.hit_ratio),
        share: (cache) => history.now(cache.name)?.ratio ?? cache.hit_ratio ?? NaN,
      },
      {
        title: "Operations/s", number: true,
        main: (cache) => format.rate(history.now(cache.name)?.operations ?? null),
        more: (cache) => format.counted(cache.hits + cache.misses, "lookup", "lookups"),
      },
      {
        title: "Entries", number: true, class: "entries",
        main: filled,
        share: (cache) => (cache.capacity > 0 ? cache.weight / cache.capacity : NaN),
        more: (cache) => (cache.unit === "bytes" ? format.counted(cache.entries, "entry", "entries") : ""),
      },
      { title: "Memory", number: true, main: (cache) => format.bytes(cache.memory_bytes) },
      {
        title: "Evictions", number: true,
        main: (cache) => format.count(cache.evictions.total),
        more: ({ evictions, rejections }) =>
          format.byName({ full: evictions.capacity, "made smaller": evictions.resize, rejected: rejections }),
      },
      {
        title: "Expirations", number: true,
        main: (cache) => format.count(cache.expirations),
        more: ({ removals, invalidations }) => format.byName({ removed: removals, invalidated: invalidations }),
      },
      {
        title: "Load time p50 / p95 / p99", number: true, class: "broad",
        main: (cache) => percentiles(window(cache)),
        more: loads,
      },
    ];
    if (clear !== null) {
      columns.push({
        title: "Changes", hideTitle: true, class: "changes",
        build: ({ name }) => ({
          element: h("button", { type: "button", class: "danger", "aria-label": `Clear ${name}…`, onclick: () => clear(name) },
            "Clear…"),
        }),
      });
    }
    this.#table = new Table(parent, {
      label: "Caches", columns, key: ({ name }) => name,
      empty: "There are no caches yet. Each appears here when the program first uses it.",
    });
  }

  sample({ caches }) {
    this.#table.show(caches);
  }

  performance(window) {
    this.#windows = new Map(window.caches.map((cache) => [cache.name, cache]));
  }
}
