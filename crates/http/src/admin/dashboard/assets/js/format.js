// Numbers, as people read them. Nothing here touches the page.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const one = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const significant = new Intl.NumberFormat("en", { minimumSignificantDigits: 3, maximumSignificantDigits: 3 });

/** What stands where there is no number. */
export const NONE = "–";

const missing = (n) => n === null || n === undefined || !Number.isFinite(n);

/** `12,345`, and from a million on `1.23 M`. */
export function count(n) {
  if (missing(n)) return NONE;
  for (const [size, unit] of [[1e12, "T"], [1e9, "G"], [1e6, "M"]]) {
    if (n >= size) return `${significant.format(n / size)} ${unit}`;
  }
  return whole.format(n);
}

/** A count with its noun: `1 entry`, `2 entries`. */
export function counted(n, singular, plural) {
  return `${count(n)}\u00a0${n === 1 ? singular : plural}`;
}

/** Per second: with a decimal while it is small. */
export function rate(n) {
  if (missing(n)) return NONE;
  return n > 0 && n < 10 ? one.format(n) : count(n);
}

/** A share as `97.3 %`. */
export function percent(share) {
  if (missing(share)) return NONE;
  // 100.0 % is said of what is whole, and of nothing else.
  const value = share < 1 ? Math.min(Math.floor(share * 1000) / 10, 99.9) : 100;
  return `${one.format(value)} %`;
}

/** `1.50 GiB` */
export function bytes(n) {
  if (missing(n)) return NONE;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let value = n;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${whole.format(value)} B` : `${significant.format(value)} ${units[unit]}`;
}

/** A short time: `850 µs`, `1.20 ms`, `3.00 s`; zero is `0`. */
export function time(seconds) {
  if (missing(seconds)) return NONE;
  if (seconds === 0) return "0";
  for (const [size, unit] of [[1, "s"], [1e-3, "ms"], [1e-6, "µs"]]) {
    if (seconds >= size) return seconds >= 100 ? span(seconds) : `${significant.format(seconds / size)} ${unit}`;
  }
  return `${whole.format(seconds * 1e9)} ns`;
}

/** A long time in its two largest units: `2 h 5 min`. */
export function span(seconds) {
  if (missing(seconds)) return NONE;
  const total = Math.max(0, Math.round(seconds));
  const parts = [
    [Math.floor(total / 86400), "d"],
    [Math.floor(total / 3600) % 24, "h"],
    [Math.floor(total / 60) % 60, "min"],
    [total % 60, "s"],
  ];
  const first = parts.findIndex(([n]) => n > 0);
  if (first < 0) return "0 s";
  return parts.slice(first, first + 2).filter(([n]) => n > 0).map(([n, unit]) => `${n} ${unit}`).join(" ");
}

/** `capacity 12 · resize 3`, largest first, without what has not happened; lines break between the parts alone. */
export function byName(counts) {
  return Object.entries(counts)
    .filter(([, n]) => n > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([name, n]) => `${words(name)} ${count(n)}`.replaceAll(" ", "\u00a0"))
    .join(" · ");
}

/** A name of the API as words: `time_to_live` is `time to live`. */
export function words(name) {
  return name.replaceAll("_", " ");
}
