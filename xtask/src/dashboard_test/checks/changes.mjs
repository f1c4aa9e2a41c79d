// Clearing and invalidating, with the count before and the confirmation.

import assert from "node:assert/strict";

import { eventually } from "../desk.mjs";

const ALL = 300;
const LARGE = 60;

const dialog = (page) => page.getByRole("dialog");

async function ask(page, what, value, cache) {
  await page.locator("#invalidate-what").selectOption(what);
  if (cache !== undefined) await page.locator("#invalidate-cache").selectOption(cache);
  await page.locator("#invalidate-value").fill(value);
  await page.locator("#invalidate button").click();
  await dialog(page).waitFor();
}

export const CHECKS = {
  async "a cache is cleared once that is confirmed"(desk) {
    await desk.fillThumbnails();
    const page = await desk.signIn();
    const clear = desk.cache("thumbnails").getByRole("button", { name: "Clear thumbnails…" });
    await clear.click();
    await dialog(page).getByText(`${ALL} entries will be removed.`).waitFor();
    await desk.picture("dialog");
    await dialog(page).getByRole("button", { name: "Cancel" }).click();
    await dialog(page).waitFor({ state: "hidden" });
    assert.equal(await desk.entries("thumbnails"), ALL);
    await clear.click();
    await dialog(page).getByRole("button", { name: `Clear ${ALL} entries` }).click();
    await dialog(page).waitFor({ state: "hidden" });
    await page.getByRole("status").filter({ hasText: `Removed ${ALL} entries from thumbnails.` }).waitFor();
    assert.equal(await desk.entries("thumbnails"), 0);
    await eventually("entries", () => desk.cache("thumbnails").locator("td.entries .main").innerText(), (text) => text.startsWith("0 /"));
  },

  async "all caches are cleared together"(desk) {
    await desk.fillThumbnails();
    const page = await desk.signIn();
    await page.getByRole("button", { name: "Clear all…" }).click();
    const { caches } = await desk.api("stats/");
    await dialog(page).getByText(`will be removed from ${caches.length} caches.`).waitFor();
    await dialog(page).getByRole("button", { name: /^Clear [\d,]+ entr/ }).click();
    await page.getByRole("status").filter({ hasText: /^Removed [\d,]+\sentr\S+ from all caches\./ }).waitFor();
    assert.equal(await desk.entries("thumbnails"), 0);
  },

  async "what is invalidated is counted first"(desk) {
    await desk.fillThumbnails();
    const page = await desk.signIn();
    await ask(page, "prefix", "large/", "thumbnails");
    await dialog(page).getByText(`${LARGE} entries will be removed.`).waitFor();
    assert.equal(await desk.entries("thumbnails"), ALL);
    await page.keyboard.press("Escape");
    await dialog(page).waitFor({ state: "hidden" });
    assert.equal(await desk.entries("thumbnails"), ALL);
    await ask(page, "prefix", "large/", "thumbnails");
    await dialog(page).getByRole("button", { name: `Invalidate ${LARGE} entries` }).click();
    await page.getByRole("status").filter({ hasText: `: ${LARGE} entries.` }).waitFor();
    await eventually("entries", () => desk.entries("thumbnails"), (n) => n === ALL - LARGE);
    // One key, from the list.
    await page.locator("#keys-cache").selectOption("thumbnails");
    const first = page.locator("#keys tbody tr").filter({ hasText: "small/" }).first();
    await first.getByRole("button", { name: /^Invalidate small\/\d+ in thumbnails…$/ }).click();
    await dialog(page).getByRole("button", { name: "Invalidate 1 entry" }).click();
    await eventually("entries", () => desk.entries("thumbnails"), (n) => n === ALL - LARGE - 1);
  },

  async "each way to invalidate asks the API first"(desk) {
    await desk.fillThumbnails();
    const page = await desk.signIn();
    const bodies = [];
    page.on("request", (request) => {
      if (request.url().endsWith("/invalidate/")) bodies.push(request.postDataJSON());
    });
    const ways = [["key", "small/001"], ["prefix", "small/"], ["tag", "small"], ["path", "/1"], ["user", "7"], ["rule", "links"]];
    for (const [what, value] of ways) {
      await ask(page, what, value);
      const yes = dialog(page).getByRole("button", { name: /^Invalidate/ });
      await eventually(what, () => yes.isEnabled(), Boolean);
      await dialog(page).getByRole("button", { name: "Cancel" }).click();
      await dialog(page).waitFor({ state: "hidden" });
    }
    assert.deepEqual(bodies, ways.map(([what, value]) => ({ [what]: value, dry_run: true })));
    assert.equal(await desk.entries("thumbnails"), ALL);
    await page.locator("#invalidate-value").fill("");
    await page.locator("#invalidate button").click();
    await page.getByRole("alert").filter({ hasText: "Enter a rule." }).waitFor();
    assert.equal(bodies.length, ways.length);
  },
};
