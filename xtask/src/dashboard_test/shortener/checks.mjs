// The page of the shortener: what one does on it, and how it looks.

import assert from "node:assert/strict";

import { NARROW, WIDE, eventually } from "../desk.mjs";
import { LOGIN } from "./desk.mjs";

const background = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
const texts = (page, what) => page.locator(what).allTextContents();
const clicksIn = (text) => Number(text.match(/([\d,]+) clicks/)[1].replaceAll(",", ""));

/** The views in one theme at one width. */
function looks(theme, viewport) {
  return async (desk) => {
    const isMobile = viewport === NARROW;
    const page = await desk.open({ viewport, colorScheme: theme, isMobile, hasTouch: isMobile });
    const judge = async (view) => {
      const name = `${view}-${theme}-${viewport.width}`;
      await desk.axe(name);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(width <= viewport.width, `scrolls sideways, ${name}: ${width}`);
      await desk.picture(`shortener-${name}`);
    };
    await page.locator("#email").waitFor();
    await judge("sign-in");
    await desk.send(LOGIN);
    await desk.listed();
    await judge("links");
    await page.getByRole("link", { name: "Analytics" }).click();
    await page.locator(".bar-of-day").first().waitFor();
    await judge("analytics");
  };
}

export const CHECKS = {
  async "shortener: a wrong password is refused, the demo login lets in, and out again"(desk) {
    const page = await desk.open();
    await page.locator("#email").waitFor();
    await desk.send({ ...LOGIN, password: "another password" });
    await page.getByRole("alert").filter({ hasText: /\w/ }).waitFor();
    assert.equal(await page.locator("#view-links").isVisible(), false);
    await desk.send(LOGIN);
    await desk.listed();
    assert.equal(await page.locator("#who").textContent(), "Demo");
    await page.reload();
    await desk.listed();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.locator("#email").waitFor();
    await page.reload();
    await page.locator("#email").waitFor();
  },

  async "shortener: a link is made, is listed first, and leads where it should"(desk) {
    const page = await desk.signIn();
    const url = `https://example.com/${crypto.randomUUID()}`;
    await page.locator("#new-url").fill(url);
    await page.locator("#new-title").fill("Made by a check");
    await page.getByRole("button", { name: "Shorten" }).click();
    const short = await page.locator("#made a").getAttribute("href");
    const first = page.locator("#rows tr").first();
    await first.filter({ hasText: url }).waitFor();
    assert.equal(await first.locator(".short a").getAttribute("href"), short);
    const answer = await fetch(short, { redirect: "manual" });
    assert.deepEqual([answer.status, answer.headers.get("location")], [302, url]);
  },

  async "shortener: what is no address is refused at its field"(desk) {
    desk.expected = [...desk.expected, /status of 4\d\d/];
    const page = await desk.signIn();
    await page.locator("#new-url").fill("no address");
    await page.getByRole("button", { name: "Shorten" }).click();
    await page.locator("#new-url[aria-invalid=true]").waitFor();
    assert.match(await page.locator("#new-url-wrong").textContent(), /\w/);
    assert.equal(await page.evaluate(() => document.activeElement.id), "new-url");
    await desk.axe("a problem");
  },

  async "shortener: links are found by their text"(desk) {
    const page = await desk.signIn();
    await page.locator("#filter-text").fill("rfc9111");
    const found = await eventually("one link", () => texts(page, "#rows tr"), (rows) => rows.length === 1);
    assert.match(found[0], /How HTTP caches work/);
    await page.locator("#filter-text").fill("there is no such link");
    await page.getByText("No link is like that.").waitFor();
  },

  async "shortener: clicks are plotted by day, of all links and of one"(desk) {
    const page = await desk.signIn();
    const labels = () => page.locator(".bar-of-day").evaluateAll((all) => all.map((it) => it.getAttribute("aria-label")));
    const plot = async (days) => {
      const bars = await eventually(`${days} bars`, labels, (all) => all.length === days);
      const sum = bars.map(clicksIn).reduce((a, b) => a + b, 0);
      assert.equal(sum, clicksIn(await page.locator("#by-day .total").textContent()));
      return sum;
    };
    await page.getByRole("link", { name: "Analytics" }).click();
    const month = await plot(30);
    assert.ok(month > 0);
    await page.locator("#days").selectOption("7");
    assert.ok(await plot(7) < month);
    await page.locator("#days").selectOption("30");
    await plot(30);
    await page.getByRole("link", { name: "Links" }).click();
    await page.getByRole("button", { name: "Clicks axum" }).click();
    await page.getByRole("heading", { name: "Clicks of The web framework" }).waitFor();
    assert.ok(await plot(30) < month);
    assert.ok((await texts(page, "#referrers li")).length > 0);
  },

  async "shortener: the theme can be chosen, and stays chosen"(desk) {
    const page = await desk.open({ colorScheme: "light" });
    const light = await background(page);
    await page.getByRole("button", { name: "Theme: system" }).click();
    await page.getByRole("button", { name: "Theme: light" }).click();
    await page.getByRole("button", { name: "Theme: dark" }).waitFor();
    const dark = await background(page);
    assert.notEqual(dark, light);
    await page.reload();
    assert.equal(await background(page), dark);
  },

  "shortener: light, on a desk": looks("light", WIDE),
  "shortener: dark, on a desk": looks("dark", WIDE),
  "shortener: light, on a phone": looks("light", NARROW),
  "shortener: dark, on a phone": looks("dark", NARROW),
};
