// Everything can be reached without a mouse, and one sees where one is.

import { profile } from "../browser.mjs";
import { expect } from "../report.mjs";
import { settled } from "../visit.mjs";

// More stops than any page has before its main part.
const MOST_STOPS = 60;

export async function run({ browser, report, config: { url } }) {
  const context = await profile(browser);
  const page = await context.newPage();

  await report.check("the first stop skips to the content", async () => {
    await page.goto(`${url}/`);
    await page.keyboard.press("Tab");
    const { href, text } = await stop(page);
    expect(href?.startsWith("#") && /skip/i.test(text), `the first stop is ${text} (${href})`);
    await page.keyboard.press("Enter");
    const isInMain = await page.evaluate(() => document.activeElement.closest("main") !== null);
    expect(isInMain, "skipping does not lead into the main part");
  });

  await report.check("every stop up to the filters can be seen", async () => {
    await page.goto(`${url}/`);
    return (await stopsUntil(page, ({ isInForm }) => isInForm)).filter(({ isSeen }) => !isSeen).map(({ text }) => `${text} cannot be seen`);
  });

  await report.check("a view opens with Enter", async () => {
    await page.goto(`${url}/`);
    await stopsUntil(page, ({ href, isInNav }) => isInNav && href?.startsWith("/commands"));
    await page.keyboard.press("Enter");
    await page.waitForURL((at) => at.pathname === "/commands");
  });

  await report.check("the filters can be set and sent", async () => {
    await page.goto(`${url}/commands`);
    await settled(page);
    await stopsUntil(page, ({ isInForm, tag }) => isInForm && tag === "BUTTON");
    await page.keyboard.press("Enter");
    await page.waitForURL((at) => at.pathname === "/commands" && at.search !== "");
  });
}

// Tabs on until a stop is the one; returns all of them.
async function stopsUntil(page, isIt) {
  const stops = [];
  for (let count = 0; count < MOST_STOPS; count += 1) {
    await page.keyboard.press("Tab");
    stops.push(await stop(page));
    if (isIt(stops.at(-1))) return stops;
  }
  throw new Error(`not among ${stops.map(({ text }) => text).join(", ")}`);
}

// Where the focus is. It can be seen when something is drawn around it, and the element itself is on the screen.
function stop(page) {
  return page.evaluate(() => {
    const at = document.activeElement;
    const style = getComputedStyle(at);
    const box = at.getBoundingClientRect();
    const isDrawn = (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none";
    return {
      tag: at.tagName,
      href: at.getAttribute("href"),
      text: (at.textContent || at.getAttribute("aria-label") || at.name || at.tagName).trim().slice(0, 40),
      isInNav: at.closest("nav") !== null,
      isInForm: at.closest("form[method='get'], form:not([method])") !== null,
      isSeen: isDrawn && box.width > 0 && box.height > 0 && box.right > 0 && box.bottom > 0,
    };
  });
}
