// Charts over the last minutes, one line per cache, drawn by uPlot in the colours of the theme.

import { h } from "./dom.js";

const HEIGHT = 170;
/** The least stretch of time that a chart shows, in seconds. */
const SHORTEST = 60;

const clock = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

/** A colour of the style sheet as canvases want it; custom properties alone would come unresolved. */
function colour(name) {
  const probe = h("span", { hidden: true });
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const resolved = getComputedStyle(probe).color;
  probe.remove();
  return resolved;
}

/** The custom property with the colour of the cache with this index. */
export const colourOf = (index) => `--series-${(index % 8) + 1}`;

export class Chart {
  #title;
  #measure;
  #format;
  #range;
  #figure;
  #holder;
  #tip;
  #plot = null;
  #names = [];
  #hidden = new Set();
  #data = [[]];

  /** `measure` names the line of the history; `range(min, max)` is what the vertical axis shows. */
  constructor(parent, { title, measure, format, range }) {
    this.#title = title;
    this.#measure = measure;
    this.#format = format;
    this.#range = range;
    this.#tip = h("div", { class: "tip", hidden: true, "aria-hidden": "true" });
    this.#holder = h("div", { class: "plot", role: "img", "aria-label": title });
    this.#figure = h("figure", {}, h("figcaption", {}, title), h("div", { class: "plot-frame" }, this.#holder, this.#tip));
    parent.append(this.#figure);
    new ResizeObserver(() => this.#resize()).observe(this.#holder);
    document.addEventListener("themechange", () => this.#rebuild());
  }

  show({ times, lines }, hidden) {
    const names = [...lines.keys()];
    this.#data = [times, ...names.map((name) => lines.get(name)[this.#measure])];
    const same = names.length === this.#names.length && hidden.size === this.#hidden.size
      && [...hidden].every((name) => this.#hidden.has(name));
    this.#names = names;
    this.#hidden = new Set(hidden);
    if (this.#plot === null || !same) this.#rebuild();
    else this.#plot.setData(this.#data);
    this.#describe();
  }

  /** What the chart says, for those who do not see it. */
  #describe() {
    const parts = this.#names.flatMap((name, index) => {
      const last = this.#data[index + 1].at(-1) ?? null;
      return this.#hidden.has(name) || last === null ? [] : [`${name} ${this.#format(last)}`];
    });
    this.#holder.setAttribute("aria-label", `${this.#title}: ${parts.join(", ") || "no numbers yet"}`);
  }

  #rebuild() {
    this.#plot?.destroy();
    this.#plot = null;
    const width = this.#holder.clientWidth;
    if (width === 0) return;
    const [text, grid] = [colour("--muted"), colour("--grid")];
    const font = `11px ${getComputedStyle(document.body).fontFamily}`;
    const axis = { stroke: text, font, grid: { stroke: grid, width: 1 }, ticks: { show: false } };
    this.#plot = new uPlot(
      {
        width,
        height: HEIGHT,
        padding: [8, 26, 0, 0],
        legend: { show: false },
        cursor: { sync: { key: "larder" }, drag: { x: false, y: false }, points: { size: 6 }, y: false },
        scales: {
          x: { range: (_, from, to) => [Math.min(from ?? 0, (to ?? 0) - SHORTEST), to ?? 0] },
          y: { range: (_, min, max) => this.#range(min ?? 0, max ?? 0) },
        },
        axes: [
          { ...axis, space: 70, size: 26, values: (_, ticks) => ticks.map((tick) => clock.format(tick * 1000)) },
          { ...axis, space: 34, size: 52, values: (_, ticks) => ticks.map((tick) => this.#format(tick)) },
        ],
        series: [
          {},
          ...this.#names.map((name, index) => ({
            label: name,
            show: !this.#hidden.has(name),
            stroke: colour(colourOf(index)),
            width: 1.75,
            points: { show: false },
          })),
        ],
        hooks: { setCursor: [(plot) => this.#point(plot)] },
      },
      this.#data,
      this.#holder,
    );
  }

  #resize() {
    const width = this.#holder.clientWidth;
    if (width === 0) return;
    if (this.#plot === null) this.#rebuild();
    else if (width !== this.#plot.width) this.#plot.setSize({ width, height: HEIGHT });
  }

  /** What the lines say where the pointer is, in this chart or in one beside it. */
  #point(plot) {
    const { left, idx } = plot.cursor;
    const values = idx === null || idx === undefined || left < 0 ? [] : this.#names.flatMap((name, index) => {
      const value = this.#data[index + 1][idx] ?? null;
      return value === null || this.#hidden.has(name) ? [] : [{ name, value, index }];
    });
    this.#tip.hidden = values.length === 0;
    if (values.length === 0) return;
    values.sort((a, b) => b.value - a.value);
    this.#tip.replaceChildren(
      h("div", { class: "tip-time" }, clock.format(this.#data[0][idx] * 1000)),
      ...values.map(({ name, value, index }) => {
        const swatch = h("span", { class: "swatch" });
        swatch.style.background = `var(${colourOf(index)})`;
        return h("div", { class: "tip-row" }, swatch, h("span", {}, name), h("b", {}, this.#format(value)));
      }),
    );
    const axis = plot.bbox.left / devicePixelRatio;
    const right = axis + left > plot.width / 2;
    this.#tip.style.left = right ? "auto" : `${axis + left + 12}px`;
    this.#tip.style.right = right ? `${plot.width - axis - left + 12}px` : "auto";
  }
}
