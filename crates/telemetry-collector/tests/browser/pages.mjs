// Which pages there are.

import { expect } from "./report.mjs";

const PATHS = [
  "/", "/commands", "/tools", "/tools/NAME", "/models", "/sessions", "/adoption", "/retention", "/health", "/collected", "/live",
];

// Path and address of every view; for the page of one tool, the tool that was used most.
export async function views(url) {
  const { tools } = await json(`${url}/api/v1/tools`);
  expect(tools.length > 0, "no tool was used in the seeded data");
  const name = encodeURIComponent(tools[0].tool_name);
  return PATHS.map((path) => ({ path, address: url + path.replace("NAME", name) }));
}

export async function json(address, headers = {}) {
  const answer = await fetch(address, { headers });
  expect(answer.ok, `${answer.status} ${address}: ${await answer.clone().text()}`);
  return answer.json();
}
