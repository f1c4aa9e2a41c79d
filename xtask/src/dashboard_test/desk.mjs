// A browser's profile with the dashboard in it, and what must not happen while a check looks at it.

import assert from "node:assert/strict";
import { join } from "node:path";

import { Wire } from "./wire.mjs";

export const ADMIN = "demo-admin";
export const READ = "demo-read";
export const WIDE = { width: 1280, height: 900 };
export const NARROW = { width: 360, height: 740 };

/** How long something may take that happens at once where nobody else needs the processors. */
const PATIENCE = 20_000;

export class Desk {
  #browser;
  #setting;
  #fault;
  #contexts = [];
  #wrong = [];
  /** Messages on the console that belong to what a check does. */
  expected = [];
  page = null;
  wire;

  constructor(browser, setting, fault) {
    this.#browser = browser;
    this.#setting = setting;
    this.#fault = fault;
    if (fault !== null) fault.planted = false;
    this.wire = new Wire(setting.base);
  }

  get url() {
    return `${this.wire.base}/api/cache/dashboard/`;
  }

  /** Opens the page in a fresh profile. */
  async open(options = {}) {
    await this.wire.ready;
    const context = await this.#browser.newContext({ viewport: WIDE, ...options });
    context.setDefaultTimeout(PATIENCE);
    this.#contexts.push(context);
    await context.addInitScript(this.#setting.axe);
    await context.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) =>
        console.error(`forbidden by the policy: ${event.violatedDirective} ${event.blockedURI}`));
    });
    const page = await context.newPage();
    page.on("console", (message) => {
      if (!["error", "warning"].includes(message.type())) return;
      // Browsers report each 503, and it is how the API says that a cache is in a critical state.
      const isHealth = message.location().url.endsWith("/api/cache/health/") && /status of 503/.test(message.text());
      if (!isHealth) this.#wrong.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => this.#wrong.push(`script: ${error.stack}`));
    page.on("request", (request) => {
      const { origin, protocol } = new URL(request.url());
      if (protocol !== "data:" && origin !== this.wire.base) this.#wrong.push(`request to ${request.url()}`);
    });
    if (this.#fault !== null) await this.#plant(page);
    this.page = page;
    await page.goto(this.url);
    return page;
  }

  async #plant(page) {
    const { file, from, to, headers = (all) => all } = this.#fault;
    await page.route(`${this.url}${file}`, async (route) => {
      const response = await route.fetch({ headers: { ...route.request().headers(), "if-none-match": "" } });
      const text = await response.text();
      this.#fault.planted = from === undefined || text.includes(from);
      await route.fulfill({
        response,
        headers: headers(response.headers()),
        body: from === undefined ? text : text.replaceAll(from, to),
      });
    });
  }

  /** Opens the page and signs in; returns when the first numbers are there. */
  async signIn(token = ADMIN, options = {}) {
    const page = await this.open(options);
    await page.getByLabel("Token").fill(token);
    await page.keyboard.press("Enter");
    await this.live(page);
    return page;
  }

  async live(page = this.page) {
    await page.locator("#link-state[data-state=live]").waitFor();
    await page.locator("#caches tbody tr").first().waitFor();
  }

  /** The row of a cache. */
  cache(name) {
    return this.page.locator("#caches tbody tr").filter({ has: this.page.locator(".name", { hasText: name }) });
  }

  /** The numbers in a text: `1,234` and `1.23 M`. */
  static numbers(text) {
    const units = { undefined: 1, M: 1e6, G: 1e9, T: 1e12 };
    return [...text.matchAll(/(\d[\d,]*(?:\.\d+)?)(?:\s([MGT])\b)?/g)].map(([, digits, unit]) =>
      Number(digits.replaceAll(",", "")) * units[unit]);
  }

  /** What the API says, asked by the test itself. */
  async api(path, { method = "GET", body } = {}) {
    const response = await fetch(new URL(path, `${this.#setting.base}/api/cache/`), {
      method,
      headers: { authorization: `Bearer ${ADMIN}`, "content-type": "application/json" },
      body: body && JSON.stringify(body),
    });
    assert.ok(response.ok, `${path}: ${response.status}`);
    return response.json();
  }

  /** How many entries a cache has. */
  async entries(name) {
    const { caches } = await this.api("stats/");
    return caches.find((cache) => cache.name === name).entries;
  }

  /** Fills the cache that no client asks for. */
  async fillThumbnails() {
    const response = await fetch(`${this.#setting.base}/api/thumbnails/`, { method: "POST" });
    assert.ok(response.ok);
  }

  /** What axe-core finds wrong. */
  async axe(what) {
    const { violations } = await this.page.evaluate(async () => {
      // Colours that change are judged when they have.
      await Promise.allSettled(document.getAnimations().map((animation) => animation.finished));
      return axe.run();
    });
    const found = violations.map(({ id, help, nodes }) =>
      `${id}: ${help}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(" | ")}`);
    assert.deepEqual(found, [], `axe-core on ${what}`);
  }

  async picture(name) {
    // Not while something fades or slides.
    if (this.page !== null && this.#fault === null) {
      await this.page.screenshot({ path: join(this.#setting.pictures, `${name}.png`), fullPage: true, animations: "disabled" });
    }
  }

  /** Fails if something has happened that must not. */
  judge() {
    const wrong = this.#wrong.filter((text) => !this.expected.some((expected) => expected.test(text)));
    assert.deepEqual(wrong, []);
  }

  async close() {
    for (const context of this.#contexts) await context.close();
    this.wire.end();
  }
}

/** Waits until `probe()` returns what `fits`; says what it returned last otherwise. */
export async function eventually(what, probe, fits) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const value = await probe();
    if (fits(value)) return value;
    assert.ok(Date.now() < end, `${what}: still ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
