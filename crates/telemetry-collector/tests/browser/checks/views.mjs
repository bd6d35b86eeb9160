// Every view loads quietly, from here alone, and is light.

import { profile } from "../browser.mjs";
import { views } from "../pages.mjs";
import { visit } from "../visit.mjs";

const MOST_REQUESTS = 12;
const MOST_BYTES = 300 * 1024;
const LONGEST_TASK_MS = 200;
// A busy machine makes a short task long, but hardly each time.
const LOOKS = 3;

export async function run({ browser, report, config }) {
  for (const { path, address } of await views(config.url)) {
    await report.check(`view ${path}`, async () => {
      // Nothing is in the cache of a new profile.
      const context = await profile(browser);
      const first = await visit(context, address);
      let longest = first.longest;
      for (let look = 1; look < LOOKS && longest > LONGEST_TASK_MS; look += 1) {
        longest = Math.min(longest, (await visit(context, address)).longest);
      }
      await context.close();
      return [...first.problems, ...strangers(first.requests, config.url), ...weight(first, longest)];
    });
  }
}

function strangers(requests, url) {
  const { origin } = new URL(url);
  return requests.filter((request) => new URL(request).origin !== origin).map((request) => `asks another host: ${request}`);
}

function weight({ requests, bytes }, longest) {
  const problems = [];
  if (requests.length > MOST_REQUESTS) problems.push(`${requests.length} requests, more than ${MOST_REQUESTS}`);
  if (bytes === 0 || bytes > MOST_BYTES) problems.push(`${bytes} bytes, not 1 to ${MOST_BYTES}`);
  if (longest > LONGEST_TASK_MS) problems.push(`a task of ${longest} ms, longer than ${LONGEST_TASK_MS}`);
  return problems;
}
