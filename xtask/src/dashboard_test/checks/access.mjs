// For everybody: axe-core in both themes on a desk and on a phone, and what it does not see.

import assert from "node:assert/strict";

import { ADMIN, NARROW, WIDE, eventually } from "../desk.mjs";

const background = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);

/** The page in one theme at one width. */
function looks(theme, viewport) {
  return async (desk) => {
    await desk.fillThumbnails();
    const page = await desk.open({ viewport, colorScheme: theme, isMobile: viewport === NARROW, hasTouch: viewport === NARROW });
    const name = `${theme}-${viewport.width}`;
    await page.getByLabel("Token").waitFor();
    await desk.axe(`signing in, ${name}`);
    await desk.picture(`sign-in-${name}`);
    await page.getByLabel("Token").fill(ADMIN);
    await page.keyboard.press("Enter");
    await desk.live();
    for (const panel of ["keys", "rules", "functions"]) await page.locator(`#${panel} tbody tr`).first().waitFor();
    await eventually("lines", () => page.locator(".plot").first().getAttribute("aria-label"), (text) => text.includes("%"));
    await desk.axe(`the numbers, ${name}`);
    // Not `innerWidth`: on phones it grows with what is too wide.
    const beyond = await page.evaluate((width) => [...document.querySelectorAll("body *")]
      .filter((it) => it.checkVisibility() && it.closest(".hidden, .skip, .plot-frame, thead, svg") === null)
      .filter((it) => it.getBoundingClientRect().right > width + 1)
      .map((it) => it.outerHTML.slice(0, 120)), viewport.width);
    assert.deepEqual(beyond, [], `beyond the right edge, ${name}`);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= viewport.width, `scrolls sideways, ${name}: ${width}`);
    await desk.picture(name);
    await page.getByRole("button", { name: "Clear all…" }).click();
    await page.getByRole("dialog").getByRole("button", { name: /^Clear [\d,]+/ }).waitFor();
    await desk.axe(`the dialog, ${name}`);
    await desk.picture(`dialog-${name}`);
  };
}

export const CHECKS = {
  "light, on a desk": looks("light", WIDE),
  "dark, on a desk": looks("dark", WIDE),
  "light, on a phone": looks("light", NARROW),
  "dark, on a phone": looks("dark", NARROW),

  async "the theme can be chosen, and stays chosen"(desk) {
    const page = await desk.open({ colorScheme: "light" });
    const light = await background(page);
    await page.getByLabel("Theme").selectOption("dark");
    const dark = await background(page);
    assert.notEqual(dark, light);
    await page.reload();
    assert.equal(await background(page), dark);
    assert.equal(await page.getByLabel("Theme").inputValue(), "dark");
    await page.getByLabel("Theme").selectOption("system");
    assert.equal(await background(page), light);
    await page.emulateMedia({ colorScheme: "dark" });
    assert.equal(await background(page), dark);
  },

  async "screen readers are left alone while numbers move"(desk) {
    const page = await desk.signIn();
    await page.locator("#rules tbody tr").first().waitFor();
    const regions = await page.evaluate(() => [...document.querySelectorAll("[aria-live], [role=status], [role=alert], [role=log]")].map((it) => it.id));
    assert.deepEqual(regions.toSorted(), ["confirm-error", "confirm-text", "invalidate-error", "notes", "sign-in-error"]);
    const changed = await page.evaluate(async () => {
      let [announced, moved] = [0, 0];
      const options = { childList: true, characterData: true, subtree: true };
      const live = new MutationObserver((all) => (announced += all.length));
      document.querySelectorAll("[aria-live], [role=status], [role=alert]").forEach((it) => live.observe(it, options));
      const numbers = new MutationObserver((all) => (moved += all.length));
      numbers.observe(document.getElementById("caches"), options);
      const end = Date.now() + 20_000;
      while (moved < 40 && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 100));
      return { announced, moved };
    });
    assert.ok(changed.moved >= 40, JSON.stringify(changed));
    assert.equal(changed.announced, 0);
    const landmarks = await page.evaluate(() => ["header", "main", "footer"].map((name) => document.querySelectorAll(`body > ${name}`).length));
    assert.deepEqual(landmarks, [1, 1, 1]);
  },

  async "nothing moves for those who do not want it"(desk) {
    const page = await desk.signIn(ADMIN, { reducedMotion: "reduce" });
    const moving = () => page.evaluate(() => [...document.querySelectorAll("*")].filter((it) => {
      const { transitionDuration, animationName } = getComputedStyle(it);
      return animationName !== "none" || transitionDuration.split(", ").some((duration) => duration !== "0s");
    }).length);
    assert.equal(await moving(), 0);
    await page.emulateMedia({ reducedMotion: "no-preference" });
    assert.ok(await moving() > 0, "else the check above sees nothing");
  },
};
