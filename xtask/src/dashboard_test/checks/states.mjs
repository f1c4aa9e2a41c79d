// What the page says while there is nothing to show, or something is wrong.

import assert from "node:assert/strict";

import { ADMIN, eventually } from "../desk.mjs";

const json = (body, status = 200) => ({ status, contentType: "application/json", body: JSON.stringify(body) });

export const CHECKS = {
  async "a lost connection is said once, and tried again"(desk) {
    desk.expected = [/net::ERR_/, /Failed to load resource/];
    const page = await desk.signIn();
    const said = () => page.evaluate(() => window.said);
    await page.evaluate(() => {
      window.said = [];
      new MutationObserver(() => {
        const text = document.getElementById("notes").textContent;
        if (text !== "") window.said.push(text);
      }).observe(document.getElementById("notes"), { childList: true, characterData: true, subtree: true });
    });
    desk.wire.cut();
    await page.locator("#link-state[data-state=lost]").waitFor();
    await page.getByText(/The numbers below are the last ones received/).waitFor();
    await eventually("seconds until the next try", () => page.locator("#link-reason").innerText(), (text) => /Next try in \d/.test(text));
    await desk.axe("the notice");
    await page.locator("#retry").click();
    await eventually("a second wait", () => page.locator("#link-reason").innerText(), (text) => /Next try in \d/.test(text));
    desk.wire.mend();
    await page.locator("#retry").click();
    await page.locator("#link-state[data-state=live]").waitFor();
    assert.equal(await page.locator("#link-notice").isVisible(), false);
    assert.deepEqual(await said(), ["The connection is lost. Trying again.", "The connection is back."]);
  },

  async "a connection that says nothing is given up"(desk) {
    desk.expected = [/net::ERR_/, /Failed to load resource/];
    const page = await desk.signIn();
    desk.wire.hold();
    await page.getByText(/Nothing has arrived for ten seconds/).waitFor({ timeout: 60_000 });
    desk.wire.mend();
    await page.locator("#link-state[data-state=live]").waitFor({ timeout: 60_000 });
  },

  async "a token that is no longer accepted ends the session"(desk) {
    desk.expected = [/status of 401/];
    const page = await desk.signIn();
    await page.route("**/api/cache/rules/", (route) => route.fulfill(json({ title: "Unauthorized" }, 401)));
    await page.getByRole("alert").filter({ hasText: "The token is no longer accepted." }).waitFor();
    assert.equal(await page.locator("#signed-in").isVisible(), false);
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  },

  async "what is empty, loading or failing says so"(desk) {
    desk.expected = [/status of 500/];
    const page = await desk.open();
    let answer = () => {};
    const waiting = new Promise((resolve) => {
      answer = resolve;
    });
    await page.route("**/api/cache/rules/", async (route) => {
      await waiting;
      await route.fulfill(json([]));
    });
    await page.route("**/api/cache/functions/", (route) => route.fulfill(json({ detail: "The disk is full." }, 500)));
    await page.getByLabel("Token").fill(ADMIN);
    await page.keyboard.press("Enter");
    await desk.live();
    await page.locator("#rules").getByText("Loading…").waitFor();
    await page.locator("#functions").getByText("The disk is full.").waitFor();
    answer();
    await page.locator("#rules").getByText("No HTTP rules are known to the management API.").waitFor();
    await page.unroute("**/api/cache/functions/");
    await page.locator("#functions tbody tr").first().waitFor();
  },

  async "a change that fails says why, and changes nothing"(desk) {
    desk.expected = [/status of 500/];
    const page = await desk.signIn();
    await page.route("**/api/cache/clear/**", (route) => route.fulfill(json({ detail: "Not today." }, 500)));
    await desk.cache("thumbnails").getByRole("button", { name: "Clear thumbnails…" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: /^Clear [\d,]+ entr/ }).click();
    await dialog.getByRole("alert").filter({ hasText: "Not today." }).waitFor();
    assert.equal(await dialog.isVisible(), true);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
  },
};
