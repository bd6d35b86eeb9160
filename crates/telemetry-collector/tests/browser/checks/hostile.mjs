// Names that no grammar let through are text wherever they are shown.

import { profile } from "../browser.mjs";
import { views } from "../pages.mjs";
import { settled } from "../visit.mjs";

export async function run({ browser, report, config: { url, names } }) {
  const seen = new Set();
  const context = await profile(browser);
  const page = await context.newPage();
  page.on("dialog", (dialog) => dialog.dismiss());
  for (const { path, address } of await views(url)) {
    await report.check(`hostile names on ${path}`, async () => {
      await page.goto(address);
      await settled(page);
      const { hit, text, scripts } = await page.evaluate(() => ({
        hit: window.hit,
        text: document.body.textContent,
        scripts: [...document.scripts].filter((script) => !script.src).length,
      }));
      names.filter((name) => text.includes(name)).forEach((name) => seen.add(name));
      const problems = hit === undefined ? [] : ["a name was run as a script"];
      if (scripts > 0) problems.push(`${scripts} scripts are in the page itself`);
      return [...problems, ...(await unfenced(page, names))];
    });
  }
  await report.check("every hostile name was shown somewhere", () =>
    names.filter((name) => !seen.has(name)).map((name) => `${JSON.stringify(name)} was not`),
  );
}

// A name that turns the direction of text must not turn what stands beside it.
function unfenced(page, names) {
  return page.evaluate((names) => {
    const turning = names.filter((name) => /[\u202a-\u202e\u2066-\u2069]/.test(name));
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = [];
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const holds = turning.some((name) => node.data.includes(name));
      // The browser's own tooltip cannot be marked up; each of its lines stands for itself.
      if (!holds || node.parentElement.tagName.toUpperCase() === "TITLE") continue;
      const fence = getComputedStyle(node.parentElement).unicodeBidi;
      if (!fence.includes("isolate") && fence !== "plaintext") {
        found.push(`${node.parentElement.outerHTML.slice(0, 120)} lets its direction out`);
      }
    }
    return found;
  }, names);
}
