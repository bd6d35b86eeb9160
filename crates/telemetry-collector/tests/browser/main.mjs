// Looks at a running collector with a real browser: `node main.mjs GROUP < CONFIG`.
//
// CONFIG is JSON: `url` of the collector and what the group needs beside it. Each check prints a line, `ok NAME` or
// `FAILED NAME: why`; the exit code is 0 if all are ok. `tests/it/browser.rs` starts the collectors and calls this.

import { text } from "node:stream/consumers";

import { launch } from "./browser.mjs";
import { Report } from "./report.mjs";

const GROUPS = ["accessible", "filters", "hostile", "keyboard", "live", "login", "numbers", "screenshots", "views"];
// A browser that hangs must not hang whoever waits for us.
const PATIENCE_MS = 180_000;

const [group] = process.argv.slice(2);
if (!GROUPS.includes(group)) {
  console.error(`usage: node main.mjs GROUP < CONFIG, where GROUP is one of ${GROUPS.join(", ")}`);
  process.exit(2);
}
setTimeout(() => {
  console.log(`FAILED ${group}: not done after ${PATIENCE_MS / 1000} s`);
  process.exit(1);
}, PATIENCE_MS).unref();

const config = JSON.parse(await text(process.stdin));
const { run } = await import(`./checks/${group}.mjs`);
const report = new Report();
const browser = await launch();
try {
  await run({ browser, report, config });
} catch (error) {
  report.failed(group, error);
} finally {
  await browser.close();
}
process.exit(report.finish(group));
