// HTTP rules: what became of their requests, and why responses were not stored.

import * as format from "../js/format.js";
import { Table } from "../js/table.js";

const total = (counts) => Object.values(counts).reduce((sum, n) => sum + n, 0);

export class Rules {
  #table;

  constructor(parent) {
    const columns = [
      { title: "Rule", class: "key", main: ({ rule }) => rule },
      {
        title: "Hit ratio", number: true, class: "hit-ratio",
        main: (rule) => format.percent(rule.hit_ratio), share: (rule) => rule.hit_ratio ?? NaN,
      },
      {
        title: "Hits", number: true, main: (rule) => format.count(rule.hits),
        more: ({ stale, stale_if_error: error, collapsed, revalidated }) =>
          format.byName({ stale, "stale for an error": error, collapsed, revalidated }),
      },
      { title: "Misses", number: true, main: (rule) => format.count(rule.misses) },
      {
        title: "Bypassed", number: true, class: "reasons",
        main: (rule) => format.count(total(rule.bypassed)), more: (rule) => format.byName(rule.bypassed),
      },
      {
        title: "Not stored", number: true, class: "reasons",
        main: (rule) => format.count(total(rule.unstored)), more: (rule) => format.byName(rule.unstored),
      },
      {
        title: "Stored", number: true,
        main: (rule) => format.count(rule.entries), more: (rule) => format.bytes(rule.bytes),
      },
    ];
    this.#table = new Table(parent, {
      label: "HTTP rules", columns, key: ({ rule }) => rule, empty: "No HTTP rules are known to the management API.",
    });
  }

  show(rules) {
    this.#table.show(rules);
  }

  fail(message) {
    this.#table.fail(message);
  }
}
