// What is chosen in the form is in the address and in the numbers, with and without scripts.

import { profile } from "../browser.mjs";
import { compare, shown } from "../numbers.mjs";
import { json, views } from "../pages.mjs";
import { expect } from "../report.mjs";
import { settled } from "../visit.mjs";

const DAY_MS = 86_400_000;

export async function run({ browser, report, config: { url } }) {
  const { version, model } = await json(`${url}/api/v1/filters`);
  for (const script of [true, false]) {
    const context = await profile(browser, { script });
    const page = await context.newPage();
    const how = script ? "" : " without scripts";
    // Nothing happens later where no script runs.
    const still = async () => script && (await settled(page));
    const open = async (path) => {
      await page.goto(url + path);
      await still();
    };
    const apply = async () => {
      const before = page.url();
      await page.locator("#filters button").click();
      await page.waitForURL((at) => at.href !== before);
      await still();
    };

    await report.check(`a version that is chosen is in the address and in the numbers${how}`, async () => {
      await open("/commands");
      const whole = await facts(page);
      await page.locator("#filters summary", { hasText: "Version" }).click();
      await page.locator(`#filters input[name=version][value="${version[0]}"]`).check();
      await apply();
      expect(has(page, "version", version[0]), `it is not in ${page.url()}`);
      const { problems } = await compare(page, url);
      const some = await facts(page);
      if (same(whole, some)) problems.push("the numbers are those of all versions");
      const { tables } = await shown(page);
      if (!tables.every(({ api }) => api.includes(`version=${version[0]}`))) problems.push("tables are not of that version");
      return problems;
    });

    await report.check(`filters stay from view to view, and can be removed${how}`, async () => {
      await open(`/commands?version=${version[0]}`);
      await page.getByRole("navigation").getByRole("link", { name: "Tools" }).click();
      await page.waitForURL((at) => at.pathname === "/tools");
      expect(has(page, "version", version[0]), `it is not in ${page.url()}`);
      await page.getByRole("link", { name: `Remove the filter version ${version[0]}` }).click();
      await page.waitForURL((at) => !at.searchParams.has("version"));
    });

    await report.check(`the days before are beside the others${how}`, async () => {
      await open("/tools");
      await page.locator("#filters input[name=compare]").check();
      await apply();
      expect(has(page, "compare", "previous"), `it is not in ${page.url()}`);
      const { facts } = await shown(page);
      const { problems } = await compare(page, url);
      if (!facts.some(({ path }) => path.includes(".change."))) problems.push("nothing says what changed");
      return problems;
    });

    await report.check(`a preset leads to its days${how}`, async () => {
      await open("/tools");
      await page.locator("#filters").getByRole("link", { name: "7 days" }).click();
      await page.waitForURL((at) => at.searchParams.has("from"));
      await still();
      const { searchParams } = new URL(page.url());
      const days = (Date.parse(searchParams.get("to")) - Date.parse(searchParams.get("from"))) / DAY_MS + 1;
      expect(days === 7, `${days} days in ${page.url()}`);
      const current = await page.locator("#filters [aria-current]").textContent();
      expect(current === "7 days", `${current} is marked`);
      return (await compare(page, url)).problems;
    });

    await report.check(`other days can be typed${how}`, async () => {
      await open("/models");
      await page.locator("#filters input[name=from]").fill("2020-01-01");
      await page.locator("#filters input[name=to]").fill("2020-01-31");
      await apply();
      expect(has(page, "from", "2020-01-01") && has(page, "to", "2020-01-31"), page.url());
      const text = await page.locator("main").textContent();
      expect(/more days/i.test(text), "an empty range has no way out");
    });

    await report.check(`a filter that is not served is not applied, and it is said${how}`, async () => {
      await open("/commands");
      const whole = await facts(page);
      await open(`/commands?model=${encodeURIComponent(model[0])}`);
      expect(same(whole, await facts(page)), "the numbers are others");
      const chips = await page.locator("#filters .chips").textContent();
      expect(chips.includes(model[0]) && /not applied/i.test(chips), `it says ${chips}`);
      return (await compare(page, url)).problems;
    });
    await context.close();
  }

  const page = await (await profile(browser)).newPage();
  let off = 0;
  for (const { path, address } of await views(url)) {
    await report.check(`what is greyed out on ${path} says why`, async () => {
      await page.goto(address);
      const controls = await greyedOut(page);
      off += controls.length;
      return controls.filter(({ why }) => why === "").map(({ name }) => `${name} does not`);
    });
  }
  await report.check("something is greyed out somewhere", () => expect(off > 0, "nothing is"));
}

async function facts(page) {
  return (await shown(page)).facts.map(({ path, value }) => [path, value]);
}

function same(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}

function has(page, name, value) {
  return new URL(page.url()).searchParams.getAll(name).includes(value);
}

function greyedOut(page) {
  return page.evaluate(() =>
    [...document.querySelectorAll("form[method=get] [disabled]")].map((control) => ({
      name: control.name,
      why: (document.getElementById(control.getAttribute("aria-describedby"))?.textContent ?? "").trim(),
    })),
  );
}
