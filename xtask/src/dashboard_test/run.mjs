// Runs the checks in a browser, each in a fresh profile; see mod.rs.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";

import * as access from "./checks/access.mjs";
import * as changes from "./checks/changes.mjs";
import * as keyboard from "./checks/keyboard.mjs";
import * as numbers from "./checks/numbers.mjs";
import * as session from "./checks/session.mjs";
import * as states from "./checks/states.mjs";
import { Desk } from "./desk.mjs";
import { FAULTS as OF_DASHBOARD } from "./faults.mjs";
import * as shortener from "./shortener/checks.mjs";
import { ShortenerDesk } from "./shortener/desk.mjs";
import { FAULTS as OF_SHORTENER } from "./shortener/faults.mjs";

const OF_PAGES = [session, numbers, changes, states, access, keyboard, shortener];
const CHECKS = OF_PAGES.flatMap(({ CHECKS }) => Object.entries(CHECKS));
const FAULTS = [...OF_DASHBOARD, ...OF_SHORTENER];

const { values: options } = parseArgs({
  options: {
    base: { type: "string" },
    shortener: { type: "string" },
    browser: { type: "string" },
    packages: { type: "string" },
    pictures: { type: "string" },
    planted: { type: "boolean" },
    only: { type: "string", default: "" },
  },
});

const require = createRequire(join(options.packages, "node_modules", "x.js"));
const { chromium } = require("playwright-core");
mkdirSync(options.pictures, { recursive: true });
const browser = await chromium.launch({
  executablePath: options.browser,
  // The sandbox needs rights that containers do not give; all that is opened here is the page under test.
  args: ["--no-sandbox", "--disable-background-networking"],
});
const setting = {
  base: options.base,
  pictures: options.pictures,
  axe: readFileSync(require.resolve("axe-core/axe.min.js"), "utf8"),
};

/** What is wrong, or null. */
async function outcome(check, fault) {
  const desk = Object.values(shortener.CHECKS).includes(check)
    ? new ShortenerDesk(browser, { ...setting, base: options.shortener }, fault)
    : new Desk(browser, setting, fault);
  try {
    await check(desk);
    desk.judge();
    return null;
  } catch (error) {
    await desk.picture("failed").catch(() => {});
    return error;
  } finally {
    await desk.close();
  }
}

const chosen = CHECKS.filter(([name]) => name.includes(options.only));
const failures = [];
for (const [name, check] of chosen) {
  const begun = Date.now();
  const error = await outcome(check, null);
  console.log(`${error === null ? "ok  " : "FAIL"} ${name} (${((Date.now() - begun) / 1000).toFixed(1)} s)`);
  if (error !== null) {
    console.log(`     ${error.stack ?? error}`);
    failures.push(name);
  }
}
if (options.planted) {
  const without = CHECKS.filter(([name]) => !FAULTS.some((fault) => fault.check === name)).map(([name]) => name);
  for (const name of without) failures.push(`no fault is planted for "${name}"`);
  for (const fault of FAULTS.filter(({ check }) => chosen.some(([name]) => name === check))) {
    const error = await outcome(chosen.find(([name]) => name === fault.check)[1], fault);
    const found = error !== null && fault.planted;
    console.log(`${found ? "found" : "FAIL "} ${fault.what}: ${error === null ? "" : String(error.message).split("\n")[0]}`);
    if (!fault.planted) failures.push(`${fault.what}: could not be planted`);
    else if (error === null) failures.push(`${fault.what}: not found by "${fault.check}"`);
  }
}
await browser.close();
writeFileSync(join(options.pictures, "failures.txt"), failures.map((failure) => `${failure}\n`).join(""));
if (chosen.length === 0 || failures.length > 0) {
  console.error(chosen.length === 0 ? "there is no such check" : `${failures.length} failed: ${failures.join("; ")}`);
  process.exit(1);
}
console.log(`${chosen.length} checks passed`);
