// The way in, the way out, and what a wrong token gets.

import { grave, profile } from "../browser.mjs";
import { compare } from "../numbers.mjs";
import { expect } from "../report.mjs";

export async function run({ browser, report, config: { url, token } }) {
  const context = await profile(browser);
  const page = await context.newPage();
  const wanted = "/commands?from=2026-01-01&to=2026-01-02";

  await report.check("a page leads to the form", async () => {
    await page.goto(url + wanted);
    expect(new URL(page.url()).pathname === "/login", `it led to ${page.url()}`);
    expect(await page.locator("form[action='/logout']").count() === 0, "there is a way out before there was a way in");
    return grave(page);
  });

  await report.check("a wrong token is told", async () => {
    await page.getByLabel("token").fill("this-is-not-the-token");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("alert").getByText("not the admin's token").waitFor();
    expect((await context.cookies()).length === 0, "a wrong token got a cookie");
    return grave(page);
  });

  await report.check("the token opens the page that was wanted", async () => {
    await page.getByLabel("token").fill(token);
    await page.getByLabel("token").press("Enter");
    await page.waitForURL(url + wanted);
  });

  await report.check("the cookie is not for scripts", async () => {
    const [cookie] = await context.cookies();
    expect(cookie.httpOnly && cookie.sameSite === "Strict" && cookie.path === "/", JSON.stringify(cookie));
    expect((await page.evaluate(() => document.cookie)) === "", "a script can read it");
  });

  await report.check("the session reads pages and the interface", async () => {
    await page.goto(`${url}/commands`);
    const [{ name, value }] = await context.cookies();
    const { problems } = await compare(page, url, { cookie: `${name}=${value}` });
    return problems;
  });

  await report.check("logging out ends it", async () => {
    const before = await context.cookies();
    await page.getByRole("button", { name: "Log out" }).click();
    await page.waitForURL(`${url}/login`);
    expect((await context.cookies()).length === 0, "the cookie is still there");
    await context.addCookies(before);
    await page.goto(`${url}/commands`);
    expect(new URL(page.url()).pathname === "/login", "the old cookie still opens");
  });
}
