// The numbers on a page against those of the interface for programs.
//
// The list of newest events has the row of each (`data-row`).
// A table says where its rows come from (`data-api`, `data-table`), a cell which field it is (`data-column`), a number
// outside of tables where it stands in which answer (`data-api`, `data-path`); `value` is the exact one.

import { json } from "./pages.mjs";

// What a page says: runs in the page.
function readPage() {
  const valueOf = (cell) => cell.querySelector("data")?.getAttribute("value") ?? null;
  const cells = (row) =>
    [...row.querySelectorAll("[data-column]")].map((cell) => [cell.dataset.column, valueOf(cell), cell.textContent.trim()]);
  const tables = [...document.querySelectorAll("table[data-api]")].map((table) => ({
    api: table.dataset.api,
    name: table.dataset.table,
    more: Number(table.dataset.more ?? 0),
    rows: [...table.tBodies].flatMap((body) => [...body.rows]).map(cells),
  }));
  const facts = [...document.querySelectorAll("data.fact")].map((fact) => ({
    api: fact.dataset.api,
    path: fact.dataset.path,
    value: fact.getAttribute("value"),
    text: fact.textContent.trim(),
  }));
  const events = [...document.querySelectorAll("#live [data-row]")].map((event) => ({
    row: Number(event.dataset.row),
    texts: [...event.querySelectorAll(".facts bdi")].map((value) => value.textContent),
  }));
  return { view: document.querySelector("main")?.dataset.view, tables, facts, events };
}

export function shown(page) {
  return page.evaluate(readPage);
}

// Everything that a page shows as a number, in order; the same for the same page.
export function texts(page) {
  return page.evaluate(() =>
    [...document.querySelectorAll("main data, #live [data-row]")].map(
      (shown) => `${shown.getAttribute("value") ?? shown.dataset.row} ${shown.textContent.trim()}`,
    ),
  );
}

// How many numbers were compared, and which differ.
export async function compare(page, url, headers = {}) {
  const { view, tables, facts, events } = await shown(page);
  const answers = new Map();
  const answer = async (api) => {
    if (!answers.has(api)) answers.set(api, await json(new URL(api, url), headers));
    return answers.get(api);
  };
  const problems = view ? [] : ["main has no data-view"];
  let compared = 0;
  for (const table of tables) {
    const said = at(await answer(table.api), table.name);
    const rows = Array.isArray(said) ? said : [said];
    const where = `${table.name} of ${table.api}`;
    if (table.rows.length + table.more !== rows.length) {
      problems.push(`${where}: ${table.rows.length} rows and ${table.more} more, but there are ${rows.length}`);
    }
    table.rows.forEach((cells, index) => {
      if (cells.length === 0) problems.push(`${where}: row ${index} has no cell that says which column it is`);
      for (const [column, value, text] of cells) {
        compared += 1;
        problems.push(...difference(`${where}[${index}].${column}`, at(rows[index], column), value, text));
      }
    });
  }
  for (const { api, path, value, text } of facts) {
    compared += 1;
    problems.push(...difference(`${path} of ${api}`, at(await answer(api), path), value, text));
  }
  if (events.length > 0) {
    const { events: stored } = await answer(`/api/v1/events?limit=${events.length}`);
    stored.reverse().forEach(({ row, properties }, index) => {
      compared += 1;
      if (events[index].row !== row) problems.push(`event ${index} is row ${events[index].row} on the page and ${row} in the answer`);
      const isSaid = (text) => Object.values(properties).some((value) => reads(value, text));
      const strange = events[index].texts.filter((text) => !isSaid(text));
      problems.push(...strange.map((text) => `row ${row} says ${text} on the page and not in the answer`));
    });
  }
  if (compared === 0) problems.push("no number says where it comes from");
  return { compared, problems };
}

function at(value, path) {
  return path.split(".").reduce((inner, name) => inner?.[name], value);
}

function difference(where, said, value, text) {
  if (said === undefined) return [`${where} is ${value} on the page and not in the answer`];
  if (value === null || !same(said, value)) return [`${where} is ${value} on the page and ${JSON.stringify(said)} in the answer`];
  return text === "" && !isEmpty(said) ? [`${where} shows nothing`] : [];
}

// Whether a text is a value of an event, as one would write it.
function reads(value, text) {
  if (typeof value === "number") return text !== "" && Number(text) === value;
  return text === (typeof value === "string" ? value : JSON.stringify(value));
}

function isEmpty(said) {
  return said === "" || (said !== null && typeof said === "object" && Object.keys(said).length === 0);
}

function same(said, value) {
  if (said === null) return value === "null";
  if (typeof said === "number") return value !== "" && Number(value) === said;
  if (typeof said === "object") return canonical(JSON.parse(value)) === canonical(said);
  return value === String(said);
}

function canonical(value) {
  return JSON.stringify(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
