// Numbers are there, and move under load.

import assert from "node:assert/strict";

import { Desk, eventually } from "../desk.mjs";

/** The first number in a text. */
const number = (text) => Desk.numbers(text)[0];

export const CHECKS = {
  async "the numbers move under load"(desk) {
    const page = await desk.signIn();
    const lookups = () => desk.cache("url").locator("td", { hasText: "lookups" }).innerText();
    const first = Desk.numbers(await lookups()).at(-1);
    await eventually("lookups of url", async () => Desk.numbers(await lookups()).at(-1), (now) => now > first + 100);
    const tile = (name) => page.locator(`#tile-${name} .main`).innerText();
    await eventually("operations", () => tile("operations"), (text) => number(text) > 50);
    const ratio = await eventually("hit ratio", () => tile("ratio"), (text) => text.endsWith("%"));
    assert.ok(number(ratio) > 5 && number(ratio) < 100, ratio);
    for (const name of ["entries", "memory", "process", "avoided"]) {
      await eventually(name, () => tile(name), (text) => number(text) > 0);
    }
  },

  async "the page says what the API says"(desk) {
    const page = await desk.signIn();
    // Nobody asks this cache anything, so its numbers hold still.
    await desk.fillThumbnails();
    const { caches } = await desk.api("stats/");
    const thumbnails = caches.find(({ name }) => name === "thumbnails");
    await eventually("entries", () => desk.cache("thumbnails").locator("td.entries").innerText(), (text) =>
      text.includes(`${thumbnails.entries} / ${thumbnails.capacity}`));
    const { windows } = await desk.api("performance/");
    const chosen = page.getByLabel("Load times of the last");
    await eventually("windows", () => chosen.locator("option").count(), (n) => n === windows.length);
    await eventually("load times", () => desk.cache("general").locator("td.broad").innerText(), (text) =>
      /[\d.]+ (µs|ms|s) \/ [\d.]+ (µs|ms|s) \/ [\d.]+ (µs|ms|s)/.test(text));
    for (const [panel, path, name] of [["rules", "rules/", "rule"], ["functions", "functions/", "name"]]) {
      const rows = await desk.api(path);
      assert.ok(rows.length > 2);
      await eventually(panel, () => page.locator(`#${panel} tbody th .main`).allInnerTexts(), (texts) =>
        JSON.stringify(texts.toSorted()) === JSON.stringify(rows.map((row) => row[name]).toSorted()));
    }
    const report = page.locator("#rules tbody tr", { hasText: "report" });
    await eventually("why responses are not stored", () => report.innerText(), (text) => text.includes("no-store"));
    const { status } = await desk.api("health/").catch(() => ({ status: "critical" }));
    await eventually("health", () => page.locator("#health-state").innerText(), (text) => text.toLowerCase() === status);
    const names = await page.locator("#health-body").innerText();
    assert.ok(names.length > 10 && !names.includes("Loading"), names);
  },

  async "keys are listed, of one cache and by prefix"(desk) {
    const page = await desk.signIn();
    await desk.fillThumbnails();
    await eventually("hottest keys", () => page.locator("#keys tbody tr").count(), (n) => n >= 2 && n <= 8);
    await page.locator("#keys-cache").selectOption("thumbnails");
    await page.locator("#keys-prefix").fill("large/00");
    await eventually("keys by prefix", () => page.locator("#keys tbody th .main").allInnerTexts(), (keys) =>
      keys.length === 8 && keys.every((key) => key.startsWith("large/00")));
    await page.locator("#keys-prefix").fill("medium/");
    await page.getByText("No key of thumbnails begins with “medium/”.").waitFor();
  },

  async "the charts draw a line per cache"(desk) {
    // Said of what is read from the canvas below.
    desk.expected = [/willReadFrequently/];
    const page = await desk.signIn();
    const { caches } = await desk.api("stats/");
    await eventually("caches in the legend", () => page.locator("#legend button").count(), (n) => n === caches.length);
    // The colour of url's line, on the canvas of the chart of operations.
    const pixels = () => page.evaluate(() => {
      const swatch = [...document.querySelectorAll("#legend button")].find((it) => it.textContent === "url").firstChild;
      const [r, g, b] = getComputedStyle(swatch).backgroundColor.match(/\d+/g).map(Number);
      const canvas = document.querySelectorAll("#charts canvas")[1];
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      let n = 0;
      for (let i = 0; i < data.length; i += 4) {
        if (data[i + 3] > 200 && Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b) < 24) n += 1;
      }
      return n;
    });
    await eventually("pixels of url's line", pixels, (n) => n > 20);
    await page.waitForFunction(() => /url [\d,.]+/.test(document.querySelectorAll(".plot")[1].getAttribute("aria-label")));
    const url = page.locator("#legend button", { hasText: "url" });
    await url.click();
    assert.equal(await url.getAttribute("aria-pressed"), "false");
    await page.waitForFunction(() => !/url [\d,.]+/.test(document.querySelectorAll(".plot")[1].getAttribute("aria-label")));
    await page.locator("#charts .u-over").first().hover();
    await eventually("what the pointer is at", () => page.locator(".tip").first().innerText(), (text) =>
      text.includes("general") && !text.includes("url") && text.includes("%"));
  },
};
