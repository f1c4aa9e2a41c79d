// A table whose rows are changed in place, so that focus stays where it is while numbers move.

import { bar, h, setText } from "./dom.js";

/**
 * A column: `title`; `number` if it is aligned as one; `main(row)` and `more(row)`, its text and the line below;
 * `share(row)` of a bar; or `build(row)`, whatever else it has, made once for each row.
 */
export class Table {
  #columns;
  #key;
  #rows = new Map();
  #body;
  #message;
  #table;

  /** `empty` is what stands there while there are no rows. */
  constructor(parent, { label, columns, key, empty }) {
    this.#columns = columns;
    this.#key = key;
    // Roles are said once more, because what is laid out as cards on a phone is no table for browsers.
    const heads = columns.map((column) =>
      h("th", { scope: "col", role: "columnheader", class: column.number ? "number" : null },
        column.hideTitle ? h("span", { class: "hidden" }, column.title) : column.title));
    this.#body = h("tbody", { role: "rowgroup" });
    this.#table = h("table", { role: "table", "aria-label": label, hidden: true },
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...heads)), this.#body);
    this.#message = h("p", { class: "empty" }, "Loading…");
    this.empty = empty;
    parent.replaceChildren(this.#message, this.#table);
  }

  /** Shows rows in their order. Those that a person is at do not move. */
  show(rows) {
    setText(this.#message, this.empty);
    this.#message.hidden = rows.length > 0;
    this.#table.hidden = rows.length === 0;
    const inUse = this.#body.matches(":focus-within") || this.#body.querySelector("button:hover") !== null;
    const keys = new Set(rows.map(this.#key));
    for (const [key, row] of this.#rows) {
      if (keys.has(key)) continue;
      this.#leave(row.element);
      this.#rows.delete(key);
    }
    rows.forEach((data, index) => {
      const key = this.#key(data);
      let row = this.#rows.get(key);
      if (row === undefined) {
        row = this.#make(data);
        this.#rows.set(key, row);
      }
      row.update(data);
      const there = this.#body.children[index];
      if (row.element.isConnected ? !inUse && there !== row.element : true) {
        this.#body.insertBefore(row.element, there ?? null);
      }
    });
  }

  /** Says why there are no rows. What was shown before stays. */
  fail(message) {
    if (this.#rows.size > 0) return;
    setText(this.#message, message);
    this.#message.hidden = false;
    this.#table.hidden = true;
  }

  /** Focus that a row takes with it goes to the table's start, not to that of the page. */
  #leave(element) {
    const had = element.contains(document.activeElement);
    const next = element.nextElementSibling ?? element.previousElementSibling;
    element.remove();
    if (had) next?.querySelector("button")?.focus();
  }

  #make(data) {
    const updates = [];
    const cells = this.#columns.map((column, index) => {
      const name = index === 0 ? "th" : "td";
      const cell = h(name, {
        role: index === 0 ? "rowheader" : "cell",
        scope: index === 0 ? "row" : null,
        class: [column.number ? "number" : "", column.class ?? ""].join(" ").trim() || null,
        "data-label": column.hideTitle ? null : column.title,
      });
      if (column.build) {
        const built = column.build(data);
        cell.append(built.element);
        if (built.update) updates.push(built.update);
      }
      if (column.main) {
        const main = h("span", { class: "main" });
        cell.append(main);
        updates.push((row) => setText(main, column.main(row)));
      }
      if (column.share) {
        const share = bar();
        cell.append(share.element);
        updates.push((row) => share.set(column.share(row)));
      }
      if (column.more) {
        const more = h("span", { class: "more" });
        cell.append(more);
        updates.push((row) => setText(more, column.more(row)));
      }
      return cell;
    });
    const element = h("tr", { role: "row" }, ...cells);
    return { element, update: (row) => updates.forEach((update) => update(row)) };
  }
}
