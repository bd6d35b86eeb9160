// Adds arriving events to the list. The page is complete without this.
// Everything from an event becomes a text node; nothing is ever parsed as HTML.
"use strict";

(() => {
  const MOST_ROWS = 200;
  const ORIGIN = ["user_uuid", "version", "os", "arch", "os_language", "caller", "schema", "action"];
  const KINDS = ["command", "session", "tool", "token"];
  const table = document.getElementById("events");
  const status = document.getElementById("status");
  if (!table || !status || !window.EventSource) return;
  const body = table.tBodies[0];
  let arrived = 0;

  const element = (name, className, ...children) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.append(...children);
    return made;
  };
  const text = (value) => (typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value));

  const row = (event) => {
    const all = event.properties;
    const at = new Date(event.event_timestamp);
    const valid = !Number.isNaN(at.getTime());
    const time = element("td", "at", valid ? at.toISOString().slice(11, 19) : "?");
    if (valid) time.title = at.toISOString().replace("T", " ").replace("Z", " UTC");
    const dot = element("i", KINDS.includes(event.event) ? "dot " + event.event : "dot");
    const name = element("th", "", dot, event.event + " ", element("span", "sub", text(all.action)));
    name.scope = "row";
    const facts = element("td", "facts");
    for (const key of Object.keys(all).sort()) {
      if (ORIGIN.includes(key)) continue;
      facts.append(element("span", "", element("b", "", key), " " + text(all[key])), " ");
    }
    const origin = `${text(all.version)} ${text(all.os)}/${text(all.arch)} ${text(all.caller)} `;
    const install = element("span", "sub", text(all.user_uuid).slice(0, 8));
    return element("tr", "new", time, name, facts, element("td", "origin", origin, install));
  };

  const say = () => {
    status.replaceChildren(arrived === 0 ? "live" : `live, ${arrived} new since this page was made: `);
    if (arrived > 0) {
      const link = element("a", "", "update the numbers");
      link.href = location.href;
      status.append(link);
    }
    status.className = "status on";
  };

  const stream = new EventSource("/api/v1/events/stream?after=" + encodeURIComponent(table.dataset.after));
  stream.onopen = say;
  stream.onerror = () => {
    status.className = "status";
    status.textContent = stream.readyState === EventSource.CLOSED ? "not live: reload the page" : "connecting again…";
  };
  stream.addEventListener("record", (message) => {
    let event;
    try {
      event = JSON.parse(message.data);
    } catch {
      return;
    }
    document.getElementById("waiting")?.remove();
    body.prepend(row(event));
    while (body.rows.length > MOST_ROWS) body.deleteRow(-1);
    arrived += 1;
    say();
  });
  stream.addEventListener("gap", () => {
    status.className = "status";
    status.textContent = "more arrived than can be shown: reload the page";
  });
})();
