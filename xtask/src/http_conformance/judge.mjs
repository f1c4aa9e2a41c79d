// Judges the results of one run with the suite's own code: `node judge.mjs SUITE RESULTS`.
//
// Prints one JSON array with an object per test. What counts as passed, dependencies included, is
// decided by the suite's `determineTestResult` alone.

import fs from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const [suite, results] = process.argv.slice(2)

async function load (...names) {
  const found = names.map(name => path.join(suite, name)).find(name => fs.existsSync(name))
  return found === undefined ? undefined : import(pathToFileURL(found))
}

// A newer suite keeps its judgement apart from what shows it in a browser.
const { determineTestResult } = await load('test-engine/lib/results.mjs', 'lib/results.mjs', 'lib/display.mjs')
const { default: categories } = await load('tests/index.mjs')
// An older suite adds this category in its command line.
const surrogate = await load('tests/surrogate-control.mjs')
if (surrogate !== undefined && !categories.includes(surrogate.default)) categories.push(surrogate.default)

const outcomes = JSON.parse(fs.readFileSync(results, 'utf8'))
const judged = categories.flatMap(category => category.tests.map(test => ({
  category: category.id,
  id: test.id,
  name: test.name,
  kind: test.kind ?? 'required',
  browser_only: test.browser_only === true,
  verdict: determineTestResult(categories, test.id, outcomes)[2],
  depends_on: test.depends_on ?? [],
  detail: Array.isArray(outcomes[test.id]) ? outcomes[test.id].join(': ') : ''
})))
console.log(JSON.stringify(judged))
