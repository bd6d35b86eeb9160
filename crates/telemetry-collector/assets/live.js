// Adds arriving events to the list. The page is complete without this.
// Everything from an event becomes a text node; nothing is ever parsed as HTML.
"use strict";

(() => {
  const MOST_EVENTS = 200;
  const ORIGIN = ["user_uuid", "version", "os", "arch", "os_language", "caller", "schema", "action"];
  const KINDS = ["command", "session", "tool", "token"];
  const list = document.getElementById("live");
  const status = document.getElementById("status");
  if (!list || !status || !window.EventSource) return;
  let arrived = 0;
  let isPaused = false;
  const waiting = [];

  const element = (name, className, ...children) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.append(...children);
    return made;
  };
  const text = (value) => (typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value));

  const DATE = { month: "short", day: "numeric", timeZone: "UTC" };
  const clock = (at) => {
    const [day, time] = at.toISOString().split(/[T.]/);
    const isToday = day === new Date().toISOString().slice(0, 10);
    return isToday ? time : at.toLocaleDateString("en-US", DATE) + " " + time;
  };

  const item = (event) => {
    const all = event.properties;
    const at = new Date(event.event_timestamp);
    const isValid = !Number.isNaN(at.getTime());
    const time = element("span", "at", isValid ? clock(at) : "?");
    if (isValid) time.title = at.toISOString().replace("T", " ").replace("Z", " UTC");
    const dot = element("i", KINDS.includes(event.event) ? "dot " + event.event : "dot");
    const what = element("span", "what", dot, event.event + " ", element("bdi", "", text(all.action)));
    const facts = element("span", "facts");
    for (const key of Object.keys(all).sort()) {
      if (ORIGIN.includes(key)) continue;
      facts.append(element("span", "", element("b", "", key), " ", element("bdi", "", text(all[key]))), " ");
    }
    const origin = `${text(all.version)} ${text(all.os)}/${text(all.arch)} ${text(all.caller)}`;
    const from = element("span", "origin", element("bdi", "", origin), " " + text(all.user_uuid).slice(0, 8));
    const made = element("li", "new", time, " ", what, " ", facts, " ", from);
    made.dataset.row = String(event.row);
    return made;
  };

  const label = element("span");
  const pause = element("button", "quiet", "Pause");
  pause.type = "button";
  const say = (words, isOn) => {
    label.textContent = words + " ";
    status.className = isOn ? "status on" : "status";
    if (pause.parentNode !== status) status.replaceChildren(label, pause);
  };
  const count = () => {
    const held = waiting.length > 0 ? `, ${waiting.length} waiting` : "";
    say(isPaused ? `paused${held}` : arrived === 0 ? "live" : `live, ${arrived} arrived`, !isPaused);
  };
  const add = (event) => {
    document.getElementById("waiting")?.remove();
    list.prepend(item(event));
    while (list.children.length > MOST_EVENTS) list.lastElementChild.remove();
    arrived += 1;
  };
  pause.addEventListener("click", () => {
    isPaused = !isPaused;
    pause.textContent = isPaused ? "Go on" : "Pause";
    if (!isPaused) waiting.splice(0).forEach(add);
    count();
  });

  say("connecting…", false);
  const stream = new EventSource("/api/v1/events/stream?after=" + encodeURIComponent(list.dataset.after));
  stream.onopen = count;
  stream.onerror = () => {
    say(stream.readyState === EventSource.CLOSED ? "not live: load the page again" : "connecting again…", false);
  };
  stream.addEventListener("record", (message) => {
    let event;
    try {
      event = JSON.parse(message.data);
    } catch {
      return;
    }
    if (isPaused) {
      waiting.push(event);
      if (waiting.length > MOST_EVENTS) waiting.shift();
    } else {
      add(event);
    }
    count();
  });
  stream.addEventListener("gap", () => say("more arrived than can be shown: load the page again", false));
})();
