// Plots as SVG, without a library: bars by day, and parts of a whole.

import { day, make, number } from './dom.js';

const SVG = 'http://www.w3.org/2000/svg';
const HEIGHT = 240;
const DATE = 80;
const LEFT = 48;
const BOTTOM = 26;
const TOP = 10;

function shape(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** The least of 1, 2, 5, 10, 20, .. of which four steps reach `most`. */
export function step(most) {
  for (let power = 1; ; power *= 10) {
    for (const digit of [1, 2, 5]) {
      if (digit * power * 4 >= most) return digit * power;
    }
  }
}

function short(value) {
  if (value >= 1e6) return `${value / 1e6}M`;
  return value >= 1e4 ? `${value / 1e3}k` : String(value);
}

/** Bars for `[{day, clicks}]`, `width` pixels wide. Each can be reached by keyboard, in one stop of the Tab key. */
export function bars(days, width) {
  const most = Math.max(1, ...days.map((it) => it.clicks));
  const unit = step(most);
  const top = unit * Math.max(1, Math.ceil(most / unit));
  const y = (clicks) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - clicks / top);
  const slot = (width - LEFT) / days.length;
  const sum = days.reduce((all, it) => all + it.clicks, 0);
  const name = `${number(sum)} clicks in ${days.length} days, at most ${number(most)} a day`;
  const svg = shape('svg', { class: 'chart', viewBox: `0 0 ${width} ${HEIGHT}`, role: 'group', 'aria-label': name });
  for (let value = 0; value <= top; value += unit) {
    svg.append(
      shape('path', { class: 'grid', d: `M${LEFT} ${y(value)}H${width}` }),
      shape('text', { x: LEFT - 8, y: y(value) + 4, 'text-anchor': 'end' }, short(value)),
    );
  }
  // As many dates as have room.
  const every = Math.ceil(days.length / Math.max(2, Math.floor((width - LEFT) / DATE)));
  days.forEach((it, index) => {
    const x = LEFT + index * slot;
    const label = `${day(it.day)}: ${number(it.clicks)} clicks`;
    const bar = shape('rect', {
      class: 'bar-of-day', x: x + slot * 0.12, width: slot * 0.76, y: y(it.clicks),
      height: Math.max(0, y(0) - y(it.clicks)), rx: Math.min(3, slot * 0.2),
      tabindex: index === days.length - 1 ? 0 : -1, role: 'img', 'aria-label': label,
    }, shape('title', {}, label));
    svg.append(bar);
    if (index % every === 0) {
      const text = day(it.day).replace(/, \d+$/, '');
      svg.append(shape('text', { x: x + slot / 2, y: HEIGHT - 6, 'text-anchor': index === 0 ? 'start' : 'middle' }, text));
    }
  });
  svg.addEventListener('keydown', (event) => {
    const all = [...svg.querySelectorAll('.bar-of-day')];
    const at = all.indexOf(document.activeElement);
    const goals = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: all.length - 1 };
    const goal = all[goals[event.key]];
    if (at < 0 || !goal) return;
    event.preventDefault();
    all[at].setAttribute('tabindex', -1);
    goal.setAttribute('tabindex', 0);
    goal.focus();
  });
  return svg;
}

/** A list of `[{name, clicks}]` with each one's part of `sum`. */
export function ranks(rows, sum) {
  const list = make('ul', { className: 'ranks' });
  for (const { name, clicks } of rows) {
    const part = sum > 0 ? clicks / sum : 0;
    const text = `${number(clicks)} (${(part * 100).toFixed(part < 0.1 ? 1 : 0)} %)`;
    const svg = shape('svg', { viewBox: '0 0 100 6', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
      shape('rect', { class: 'track', width: 100, height: 6 }),
      shape('rect', { class: 'part', width: part * 100, height: 6 }));
    const row = make('div', { className: 'row' },
      make('span', { textContent: name, title: name }), make('span', { textContent: text }));
    list.append(make('li', {}, row, svg));
  }
  return list;
}
