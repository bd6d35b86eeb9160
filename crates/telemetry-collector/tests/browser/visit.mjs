// A look at one page, with all that happened during it.

// Opens `url` in a page of its own, hands it to `look`, and returns what went wrong and what it took.
export async function visit(context, url, look = async () => {}) {
  const page = await context.newPage();
  const seen = { problems: [], requests: [], bytes: 0, longest: 0 };
  const sizes = [];
  const isOver = { yet: false };
  const problem = (text) => isOver.yet || seen.problems.push(text);
  page.on("console", (message) => message.type() === "error" && problem(`console: ${message.text()}`));
  page.on("pageerror", (error) => problem(`script: ${error.message}`));
  page.on("request", (request) => request.url().startsWith("data:") || seen.requests.push(request.url()));
  page.on("requestfailed", (request) => problem(`not loaded: ${request.url()} ${request.failure()?.errorText}`));
  page.on("response", (response) => {
    if (response.status() >= 400) problem(`${response.status()}: ${response.url()}`);
    sizes.push(sizeOf(response));
  });
  await page.addInitScript(watchLongTasks);
  try {
    await page.goto(url, { waitUntil: "load" });
    await settled(page);
    await look(page);
    seen.longest = await page.evaluate(() => Math.max(0, ...(window.longTasks ?? [])));
    seen.bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  } finally {
    isOver.yet = true;
    await page.close();
  }
  return seen;
}

// Deferred scripts have run when a page is loaded; what they asked for is drawn one idle frame later.
export async function settled(page) {
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestIdleCallback(done))));
}

// Bytes of a body as the page gets it; a stream has no end to wait for.
async function sizeOf(response) {
  const type = response.headers()["content-type"] ?? "";
  if (type.startsWith("text/event-stream") || response.status() === 204) return 0;
  if (response.status() >= 300 && response.status() < 400) return 0;
  return (await response.body()).length;
}

function watchLongTasks() {
  window.longTasks = [];
  const observer = new PerformanceObserver((list) => {
    window.longTasks.push(...list.getEntries().map(({ duration }) => duration));
  });
  observer.observe({ type: "longtask", buffered: true });
}
