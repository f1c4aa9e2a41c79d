// Memoized functions: how often they were spared, and which tables they read and write.

import * as format from "../js/format.js";
import { Table } from "../js/table.js";

/** `reads users, urls · writes clicks` */
function tables({ reads, writes }) {
  const list = (word, names) => (names?.length > 0 ? [`${word} ${names.join(", ")}`] : []);
  return [...list("reads", reads), ...list("writes", writes)].join(" · ");
}

export class Functions {
  #table;

  constructor(parent) {
    const columns = [
      { title: "Function", class: "key", main: ({ name }) => name, more: tables },
      { title: "Kind", main: ({ kind }) => format.words(kind), more: ({ cache }) => (cache ? `in ${cache}` : "") },
      {
        title: "Hit ratio", number: true, class: "hit-ratio",
        main: (row) => format.percent(row.hit_ratio), share: (row) => row.hit_ratio ?? NaN,
      },
      { title: "Hits", number: true, main: ({ hits }) => format.count(hits) },
      { title: "Misses", number: true, main: ({ misses }) => format.count(misses) },
      {
        title: "Warnings", class: "warnings",
        main: ({ warnings }) => (warnings.length > 0 ? warnings.map(String).join(" ") : "none"),
      },
    ];
    this.#table = new Table(parent, {
      label: "Memoized functions", columns, key: ({ name }) => name,
      empty: "This program has called no memoized functions.",
    });
  }

  show(functions) {
    this.#table.show(functions);
  }

  fail(message) {
    this.#table.fail(message);
  }
}
