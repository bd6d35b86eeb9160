// What people read is what programs read, with and without scripts.

import { profile } from "../browser.mjs";
import { compare, texts } from "../numbers.mjs";
import { views } from "../pages.mjs";
import { settled } from "../visit.mjs";

export async function run({ browser, report, config }) {
  const scripted = await profile(browser);
  const plain = await profile(browser, { script: false });
  for (const { path, address } of await views(config.url)) {
    const page = await scripted.newPage();
    await page.goto(address);
    await settled(page);
    await report.check(`numbers of ${path}`, async () => {
      const { problems } = await compare(page, config.url);
      return problems;
    });
    await report.check(`numbers of ${path} without scripts`, async () => {
      const other = await plain.newPage();
      await other.goto(address);
      return differing(await texts(page), await texts(other));
    });
    await page.close();
  }
}

function differing(scripted, plain) {
  const problems = plain.length === 0 ? ["no numbers at all"] : [];
  if (scripted.length !== plain.length) problems.push(`${scripted.length} numbers with scripts, ${plain.length} without`);
  plain.forEach((text, index) => {
    if (scripted[index] !== text) problems.push(`${text} without scripts, ${scripted[index]} with`);
  });
  return problems;
}
