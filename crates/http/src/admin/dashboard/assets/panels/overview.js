// The row of numbers at the top: all caches together.

import { byId, h, setText } from "../js/dom.js";
import * as format from "../js/format.js";

const TILES = [
  ["ratio", "Hit ratio"],
  ["operations", "Operations per second"],
  ["entries", "Entries"],
  ["avoided", "Loads avoided"],
  ["memory", "Cache memory"],
  ["process", "Process memory"],
];

/** What the process shares: the container's memory if it has a limit, or else the machine's. */
function room({ container_limit_bytes: limit, container_used_bytes: used, system_total_bytes: all, system_available_bytes: free }) {
  if (limit !== null && used !== null) return `${format.bytes(limit - used)} of ${format.bytes(limit)} free`;
  return all !== null && free !== null ? `${format.bytes(free)} of ${format.bytes(all)} free` : "";
}

export class Overview {
  #tiles = new Map();

  constructor() {
    byId("tiles").replaceChildren(...TILES.map(([name, label]) => {
      const main = h("span", { class: "main" }, format.NONE);
      const more = h("span", { class: "more" });
      this.#tiles.set(name, { main, more });
      return h("div", { class: "tile", id: `tile-${name}` }, h("dt", {}, label), h("dd", {}, main, more));
    }));
  }

  #set(name, main, more) {
    const tile = this.#tiles.get(name);
    setText(tile.main, main);
    setText(tile.more, more);
  }

  sample(sample, history) {
    const { total, memory } = sample;
    const now = history.now(null);
    this.#set("ratio", format.percent(now?.ratio ?? total.hit_ratio), `${format.percent(total.hit_ratio)} since start`);
    this.#set("operations", format.rate(now?.operations ?? null),
      `${format.counted(total.hits + total.misses, "lookup", "lookups")} since start`);
    this.#set("entries", format.count(total.entries), `in ${format.counted(sample.caches.length, "cache", "caches")}`);
    this.#set("memory", format.bytes(memory.caches_bytes), `${format.bytes(total.values_bytes)} of keys and values`);
    this.#set("process", format.bytes(memory.process_bytes), room(memory));
    setText(byId("uptime"), `Up for ${format.span(sample.uptime_seconds)}`);
  }

  performance({ window_seconds: seconds, total }) {
    this.#set("avoided", format.count(total.loads_avoided),
      `${format.span(total.saved_seconds)} saved in ${format.span(seconds)}`);
  }
}
