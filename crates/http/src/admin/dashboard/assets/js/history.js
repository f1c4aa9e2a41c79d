// The samples of the last minutes, and what has happened between them.

/** Five minutes of one sample a second. */
const LONGEST = 300;
/** Ratios and rates in tables are over so many samples, so that they can be read. */
const SMOOTH = 10;
/** A longer pause between two samples is a gap in the charts. */
const GAP_MS = 5_000;

/** The counters of one cache, or of all together. */
export function counters(cache) {
  const lookups = cache.hits + cache.misses;
  return {
    hits: cache.hits,
    lookups,
    operations: lookups + cache.inserts + cache.updates + cache.removals,
    leaving: cache.evictions.total + cache.expirations,
  };
}

/** What happened per second between two samples; `ratio` is null where nothing was looked up. */
function between(from, to) {
  const seconds = (to.at - from.at) / 1000;
  return (name) => {
    const [a, b] = [from.caches.get(name), to.caches.get(name)];
    if (a === undefined || b === undefined || seconds <= 0) return null;
    const lookups = b.lookups - a.lookups;
    return {
      ratio: lookups > 0 ? (b.hits - a.hits) / lookups : null,
      operations: (b.operations - a.operations) / seconds,
      leaving: (b.leaving - a.leaving) / seconds,
    };
  };
}

export class History {
  #samples = [];
  #uptime = 0;
  /** The caches' names, in the order in which they were first seen: their colours. */
  names = [];

  add(sample) {
    // The program was started anew: its counters, too.
    if (sample.uptime_seconds < this.#uptime) this.#samples = [];
    this.#uptime = sample.uptime_seconds;
    const caches = new Map(sample.caches.map((cache) => [cache.name, counters(cache)]));
    caches.set(null, counters(sample.total));
    for (const { name } of sample.caches) if (!this.names.includes(name)) this.names.push(name);
    const last = this.#samples.at(-1);
    if (last !== undefined && sample.at_ms <= last.at) return;
    this.#samples.push({ at: sample.at_ms, caches });
    if (this.#samples.length > LONGEST) this.#samples.shift();
  }

  /** How a cache does now, or all together if `name` is null; null before the second sample. */
  now(name) {
    const last = this.#samples.at(-1);
    const first = this.#samples.at(-Math.min(this.#samples.length, SMOOTH + 1));
    return last === undefined || first === last ? null : between(first, last)(name);
  }

  /** Times in seconds, and of each cache `{ ratio, operations, leaving }` at these; null is a gap. */
  series() {
    const times = [];
    const lines = new Map(this.names.map((name) => [name, { ratio: [], operations: [], leaving: [] }]));
    const push = (at, step) => {
      times.push(at / 1000);
      for (const [name, line] of lines) {
        const value = step?.(name);
        for (const measure of Object.keys(line)) line[measure].push(value?.[measure] ?? null);
      }
    };
    this.#samples.forEach((to, index) => {
      if (index === 0) return;
      const previous = this.#samples[index - 1];
      const gap = to.at - previous.at > GAP_MS;
      // Over three seconds, so that lines are not all teeth.
      const from = this.#samples[Math.max(0, index - 3)];
      push(to.at, gap ? null : between(to.at - from.at > GAP_MS ? previous : from, to));
    });
    return { times, lines };
  }
}
