// The only module that names other people's packages: the browser, what drives it, and what knows about accessibility.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const tools = createRequire(path.join(process.env.BROWSER_TOOLS_DIR, "package.json"));
const { chromium } = tools("playwright-core");
const axeSource = readFileSync(tools.resolve("axe-core/axe.min.js"), "utf8");

// Nothing takes longer on a machine that works.
const PATIENCE_MS = 20_000;

export function launch() {
  return chromium.launch({
    executablePath: process.env.BROWSER,
    // Containers run as root, and give little shared memory. No name leads anywhere: what is not here is not loaded.
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
  });
}

// A browser profile of its own: `{ width, dark, script }` and what Playwright knows beside that.
export async function profile(browser, { width = 1440, dark = false, script = true, ...more } = {}) {
  const context = await browser.newContext({
    viewport: { width, height: 900 },
    colorScheme: dark ? "dark" : "light",
    javaScriptEnabled: script,
    reducedMotion: "reduce",
    ...more,
  });
  context.setDefaultTimeout(PATIENCE_MS);
  return context;
}

// What axe finds on a page that keeps somebody from using it; all of it, or what `only` these rules find.
export async function grave(page, only) {
  await page.evaluate(axeSource);
  const options = { resultTypes: ["violations"], ...(only && { runOnly: only }) };
  const { violations } = await page.evaluate((options) => window.axe.run(document, options), options);
  return violations.filter(({ impact }) => ["serious", "critical"].includes(impact)).map(told);
}

function told({ id, help, nodes }) {
  const places = nodes.slice(0, 3).map(({ target, any }) => `${target.join(" ")} ${any[0]?.message ?? ""}`);
  return `${id}: ${help}: ${places.join("; ")}`;
}
