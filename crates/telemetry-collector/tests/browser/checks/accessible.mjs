// Nobody is kept from using a view: in light and dark, on a telephone and on a desk.

import { grave, profile } from "../browser.mjs";
import { views } from "../pages.mjs";
import { settled } from "../visit.mjs";

const WIDTHS = [360, 1440];
// What a change of colours can break.
const OF_COLOURS = ["color-contrast", "link-in-text-block"];

export async function run({ browser, report, config }) {
  // The page that says that there is none is one, too.
  const all = [...(await views(config.url)), { path: "/nothing", address: `${config.url}/nothing` }];
  for (const width of WIDTHS) {
    for (const dark of [false, true]) {
      const context = await profile(browser, { width, dark });
      const page = await context.newPage();
      for (const { path, address } of all) {
        await report.check(`${path} is accessible, ${dark ? "dark" : "light"}, ${width} px`, async () => {
          await page.goto(address);
          await settled(page);
          return [...(await grave(page, dark ? OF_COLOURS : undefined)), ...(await sideways(page))];
        });
      }
      await context.close();
    }
  }
}

// A table may be wider than the screen in a box of its own; the page may not.
export async function sideways(page) {
  const { wide, screen, who } = await page.evaluate(() => {
    const screen = document.documentElement.clientWidth;
    const scrolls = (element) => element && (getComputedStyle(element).overflowX !== "visible" || scrolls(element.parentElement));
    const reaches = [...document.querySelectorAll("body *")].filter(
      (element) => element.getBoundingClientRect().right > screen + 1 && !scrolls(element.parentElement),
    );
    return { wide: document.documentElement.scrollWidth, screen, who: reaches.slice(0, 3).map((element) => element.outerHTML.slice(0, 80)) };
  });
  return wide > screen ? [`the page is ${wide} px wide on a screen of ${screen}: ${who.join(" … ")}`] : [];
}
