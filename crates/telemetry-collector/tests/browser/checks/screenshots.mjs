// Pictures of every view, for people: no check beyond that each could be taken.

import { mkdirSync } from "node:fs";
import path from "node:path";

import { profile } from "../browser.mjs";
import { views } from "../pages.mjs";
import { settled } from "../visit.mjs";

export async function run({ browser, report, config }) {
  mkdirSync(config.folder, { recursive: true });
  const all = await views(config.url);
  for (const width of [360, 1440]) {
    for (const dark of [false, true]) {
      const context = await profile(browser, { width, dark });
      const page = await context.newPage();
      for (const view of all) {
        const name = `${view.path.slice(1).replaceAll("/", "-") || "front"}-${width}-${dark ? "dark" : "light"}.png`;
        await report.check(`picture ${name}`, async () => {
          await page.goto(view.address);
          await settled(page);
          await page.screenshot({ path: path.join(config.folder, name), fullPage: true });
        });
      }
      await context.close();
    }
  }
}
