// Signing in and out.

import assert from "node:assert/strict";

import { ADMIN, READ, eventually } from "../desk.mjs";

const WRONG = [/status of 401/];

export const CHECKS = {
  async "a wrong token is refused, a right one lets in"(desk) {
    desk.expected = WRONG;
    const page = await desk.open();
    const field = page.getByLabel("Token");
    await field.waitFor();
    await eventually("focus", () => field.evaluate((it) => it === document.activeElement), Boolean);
    await page.keyboard.press("Enter");
    await page.getByRole("alert").filter({ hasText: "Enter a token." }).waitFor();
    await field.fill("not-the-token");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").filter({ hasText: "The server does not know this token." }).waitFor();
    assert.equal(await field.getAttribute("aria-invalid"), "true");
    assert.ok(await field.evaluate((it) => it === document.activeElement), "focus is back in the field");
    assert.equal(await page.locator("#signed-in").isVisible(), false);
    await field.fill(ADMIN);
    await page.getByRole("button", { name: "Sign in" }).click();
    await desk.live();
    assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  },

  async "the token lasts as long as the tab, and no longer"(desk) {
    const page = await desk.signIn();
    const kept = await page.evaluate(() => [JSON.stringify({ ...sessionStorage }), JSON.stringify({ ...localStorage }), document.cookie]);
    assert.ok(kept[0].includes(ADMIN));
    assert.deepEqual(kept.slice(1), ["{}", ""]);
    await page.reload();
    await desk.live();
    const other = await page.context().newPage();
    await other.goto(desk.url);
    await other.getByRole("button", { name: "Sign in" }).waitFor();
    await other.close();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("Token").waitFor();
    assert.equal(await page.locator("#signed-in").isVisible(), false);
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    await page.reload();
    await page.getByLabel("Token").waitFor();
  },

  async "a token that may only read sees nothing to change"(desk) {
    const page = await desk.signIn(READ);
    await page.locator("#keys tbody tr").first().waitFor();
    await page.getByText("Read only", { exact: true }).waitFor();
    for (const name of [/clear/i, /invalidate/i]) assert.equal(await page.getByRole("button", { name }).count(), 0, String(name));
    assert.equal(await page.getByRole("heading", { name: "Invalidate" }).count(), 0);
    // Somebody else signs in on the same page.
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("Token").fill(ADMIN);
    await page.keyboard.press("Enter");
    await desk.live();
    await page.getByRole("button", { name: "Clear all…" }).waitFor();
    assert.equal(await page.getByText("Read only", { exact: true }).isVisible(), false);
  },
};
