// Everything can be done with the keyboard, and one sees where one is.

import assert from "node:assert/strict";

import { ADMIN, eventually } from "../desk.mjs";

/** What has the focus, and how that is shown. */
const focused = (page) => page.evaluate(() => {
  const it = document.activeElement;
  const { outlineStyle, outlineWidth } = getComputedStyle(it);
  const name = it.getAttribute("aria-label") ?? it.textContent.trim();
  return { tag: it.tagName, id: it.id, name, outlined: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2, inDialog: it.closest("dialog") !== null };
});

async function tabTo(page, fits) {
  for (let presses = 0; presses < 80; presses += 1) {
    await page.keyboard.press("Tab");
    const now = await focused(page);
    if (fits(now)) return now;
  }
  throw new assert.AssertionError({ message: `Tab does not lead to ${fits}` });
}

export const CHECKS = {
  async "the keyboard alone reaches everything"(desk) {
    await desk.fillThumbnails();
    const page = await desk.open();
    await page.getByLabel("Token").waitFor();
    await page.keyboard.type(ADMIN);
    await page.keyboard.press("Enter");
    await desk.live();
    await page.locator("#keys tbody tr").first().waitFor();
    await page.locator("#rules tbody tr").first().waitFor();
    // From the top on, everything is passed once. Keys come and go, and are left out.
    await page.reload();
    await desk.live();
    await page.locator("#keys tbody tr").first().waitFor();
    const wanted = await page.evaluate(() => [...document.querySelectorAll("a[href], button, select, input")]
      .filter((it) => it.checkVisibility({ visibilityProperty: true }) && !it.disabled && it.closest("dialog") === null && it.closest("#keys") === null).length);
    const seen = new Set();
    for (let presses = 0; presses < 120; presses += 1) {
      await page.keyboard.press("Tab");
      const now = await focused(page);
      if (now.tag === "BODY") break;
      const place = await page.evaluate(() => {
        const it = document.activeElement;
        if (it.closest("#keys") !== null) return null;
        return [...document.querySelectorAll("a[href], button, select, input")].indexOf(it);
      });
      assert.ok(now.outlined, `focus on ${now.tag} ${now.name} is not shown`);
      if (place !== null) seen.add(`${now.tag} ${now.id} ${now.name}`);
    }
    assert.equal(seen.size, wanted, [...seen].join(", "));
  },

  async "the keyboard alone clears a cache, and comes back"(desk) {
    await desk.fillThumbnails();
    const page = await desk.signIn();
    const button = (now) => now.name === "Clear thumbnails…";
    await tabTo(page, button);
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Clear 300 entries" }).waitFor();
    assert.equal((await focused(page)).name, "Cancel");
    // Focus goes round in the dialog, or to the browser's own buttons, and not to the page behind.
    for (let presses = 0; presses < 6; presses += 1) {
      await page.keyboard.press("Tab");
      const now = await focused(page);
      assert.ok(now.inDialog || now.tag === "BODY", `Tab leads out of the dialog to ${now.name}`);
    }
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    assert.ok(button(await focused(page)), "focus is back at the button");
    await page.keyboard.press("Space");
    await dialog.getByRole("button", { name: "Clear 300 entries" }).waitFor();
    await eventually("the button can be pressed", () => page.locator("#confirm-yes").isEnabled(), Boolean);
    await page.keyboard.press("Tab");
    assert.equal((await focused(page)).id, "confirm-yes");
    await page.keyboard.press("Enter");
    await dialog.waitFor({ state: "hidden" });
    assert.ok(button(await focused(page)), "focus is back at the button");
    assert.equal(await desk.entries("thumbnails"), 0);
  },

  async "the first Tab leads past the head of the page"(desk) {
    const page = await desk.signIn();
    await page.reload();
    await desk.live();
    await page.keyboard.press("Tab");
    const now = await focused(page);
    assert.equal(now.name, "Skip to the content");
    const { top } = await page.locator(".skip").evaluate((it) => it.getBoundingClientRect());
    assert.ok(top >= 0, "it is seen while it has the focus");
    await page.keyboard.press("Enter");
    assert.equal((await focused(page)).id, "main");
  },

  async "focus stays in a row while its numbers move"(desk) {
    const page = await desk.signIn();
    await tabTo(page, (now) => now.name === "Clear url…");
    const lookups = () => desk.cache("url").innerText();
    const before = await lookups();
    await eventually("numbers of the row", lookups, (text) => text !== before);
    assert.equal((await focused(page)).name, "Clear url…");
  },
};
