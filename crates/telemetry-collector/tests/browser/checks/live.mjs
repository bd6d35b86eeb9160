// Events appear while one looks on.

import { profile } from "../browser.mjs";
import { expect } from "../report.mjs";

export async function run({ browser, report, config: { url, record } }) {
  const context = await profile(browser);
  const page = await context.newPage();
  const name = record.properties.tool_name;

  await report.check("an event appears without a reload", async () => {
    await page.goto(`${url}/live`);
    await page.evaluate(() => { window.isStillThisPage = true; });
    const list = page.locator("#live");
    expect(!(await list.textContent()).includes(name), `${name} is there already`);
    const streaming = page.getByRole("status").getByText("live");
    await streaming.waitFor();
    await send(url, record);
    await list.getByText(name).first().waitFor();
    expect(await page.evaluate(() => window.isStillThisPage), "the page was loaded again");
  });

  await report.check("an event is there without scripts, after a reload", async () => {
    const plain = await (await profile(browser, { script: false })).newPage();
    await plain.goto(`${url}/live`);
    await plain.locator("#live").getByText(name).first().waitFor();
  });
}

async function send(url, record) {
  const answer = await fetch(`${url}/events/v1/track`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ records: [record] }),
  });
  const { accepted } = await answer.json();
  expect(accepted === 1, `the event was not taken: ${answer.status}`);
}
