// Makes charts zoomable and menus close, and says that an answer is on its way. Every number is on the page without it.
"use strict";

(() => {
  const DAY = 86400;
  const HEIGHT = 210;
  const FULL = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
  const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
  const DOLLARS = new Intl.NumberFormat("en", { style: "currency", currency: "USD", maximumFractionDigits: 4 });
  const DATE = new Intl.DateTimeFormat("en", { timeZone: "UTC", month: "short", day: "numeric" });

  const iso = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);
  const duration = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : `${FULL.format(ms / 1000)} s`);
  const full = { count: (n) => FULL.format(n), share: (n) => `${FULL.format(n * 100)} %`, usd: (n) => DOLLARS.format(n), ms: duration };
  const short = { ...full, count: (n) => SHORT.format(n), usd: (n) => (n >= 1000 ? `$${SHORT.format(n)}` : DOLLARS.format(n)) };
  const style = (element, name) => getComputedStyle(element).getPropertyValue(name).trim();

  /** The numbers that the server wrote into a chart. */
  const read = (figure) => {
    const from = Number(figure.dataset.from);
    const lines = [...figure.querySelectorAll("path[data-values]")].map((path) => ({
      label: path.dataset.label,
      path,
      numbers: path.dataset.values.split(" ").map((text) => (text === "-" ? null : Number(text))),
    }));
    const days = lines[0].numbers.map((_, day) => (from + day + 0.5) * DAY);
    return { lines, days, unit: figure.dataset.unit, isStack: figure.dataset.kind === "stack", open: figure.dataset.open };
  };

  /** What is drawn: lines as they are, bars as sums with the highest first, so that the lower ones cover it. */
  const series = ({ lines, isStack }) => {
    if (!isStack) {
      const line = ({ label, path, numbers }) => {
        const dash = style(path, "stroke-dasharray");
        const points = { show: numbers.filter((n) => n !== null).length < 3 };
        return { numbers, own: { label, stroke: style(path, "stroke"), width: 2, points, dash: dash === "none" ? [] : [4, 4] } };
      };
      return lines.map(line);
    }
    let sums = lines[0].numbers.map(() => 0);
    const bars = lines.map(({ label, path, numbers }) => {
      sums = sums.map((sum, day) => sum + (numbers[day] ?? 0));
      const fill = style(path, "fill");
      return { numbers: sums, own: { label, fill, stroke: fill, width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.8, 60] }) } };
    });
    return bars.reverse();
  };

  const draw = (figure) => {
    const data = read(figure);
    const shown = series(data);
    const drawing = figure.querySelector(".drawing");
    const svg = drawing.querySelector("svg");
    const ink = style(figure, "--soft");
    const rule = style(figure, "--line");
    const canvas = document.createElement("div");
    canvas.className = "canvas";
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", svg.getAttribute("aria-label"));
    const readout = document.createElement("p");
    readout.className = "readout";
    const idle = "Drag to look at fewer days.";
    readout.textContent = idle;

    const say = (plot) => {
      const day = plot.cursor.idx;
      if (day === null || day === undefined) {
        zoomed(plot);
        return;
      }
      const numbers = data.lines.filter((line) => line.numbers[day] !== null);
      const names = numbers.map((line) => {
        const name = document.createElement("bdi");
        name.textContent = line.label;
        return [" · ", name, ` ${full[data.unit](line.numbers[day])}`];
      });
      readout.replaceChildren(iso(data.days[day]), ...names.flat());
    };
    /** While zoomed: the way to a page about these days, and the way back. */
    const zoomed = (plot) => {
      const days = data.days.filter((day) => day >= plot.scales.x.min && day <= plot.scales.x.max);
      if (days.length === 0 || days.length === data.days.length) {
        readout.textContent = idle;
        return;
      }
      const [first, last] = [iso(days[0]), iso(days[days.length - 1])];
      const link = document.createElement("a");
      const to = new URL(location.href);
      to.searchParams.set("from", first);
      to.searchParams.set("to", last);
      link.href = to.href;
      link.textContent = "Show only these days";
      const back = document.createElement("button");
      back.type = "button";
      back.className = "quiet";
      back.textContent = "Whole range";
      back.addEventListener("click", () => plot.setData(plot.data, true));
      readout.replaceChildren(`${first} to ${last} `, link, " ", back);
    };
    const shade = (plot) => {
      if (data.open === undefined) return;
      const start = (Number(figure.dataset.from) + Number(data.open)) * DAY;
      const [left, right] = [start, start + DAY].map((x) => plot.valToPos(x, "x", true));
      const { top, height, left: begin, width } = plot.bbox;
      const from = Math.max(left, begin);
      plot.ctx.fillStyle = style(figure, "--open");
      plot.ctx.fillRect(from, top, Math.max(0, Math.min(right, begin + width) - from), height);
    };

    drawing.append(canvas);
    try {
      const plot = new uPlot(
        {
          width: drawing.clientWidth,
          height: HEIGHT,
          legend: { show: false },
          tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
          cursor: { y: false, drag: { x: true, y: false }, points: { size: 7 } },
          scales: {
            x: { range: (_, min, max) => [min - DAY / 2, max + DAY / 2] },
            y: { range: (_, __, max) => [0, max > 0 ? max * 1.05 : 1] },
          },
          axes: [
            {
              stroke: ink,
              grid: { show: false },
              ticks: { stroke: rule, width: 1, size: 4 },
              incrs: [1, 2, 4, 7, 14, 28, 91, 364].map((days) => days * DAY),
              values: (_, splits) => splits.map((split) => DATE.format(split * 1000)),
            },
            {
              stroke: ink,
              size: 58,
              grid: { stroke: rule, width: 1 },
              ticks: { show: false },
              values: (_, splits) => splits.map((split) => short[data.unit](split)),
            },
          ],
          series: [{}, ...shown.map((line) => line.own)],
          hooks: { drawClear: [shade], setCursor: [say], setScale: [(plot, key) => key === "x" && plot.status && zoomed(plot)] },
        },
        [data.days, ...shown.map((line) => line.numbers)],
        canvas,
      );
      figure.classList.add("zoomable");
      drawing.append(readout);
      new ResizeObserver(() => plot.setSize({ width: drawing.clientWidth, height: HEIGHT })).observe(drawing);
      return () => {
        plot.destroy();
        canvas.remove();
        readout.remove();
        figure.classList.remove("zoomable");
      };
    } catch {
      // The drawing of the server stays.
      canvas.remove();
      return () => {};
    }
  };

  const charts = () => (window.uPlot ? [...document.querySelectorAll("figure.plot")].map(draw) : []);
  let drawn = charts();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    drawn.forEach((remove) => remove());
    drawn = charts();
  });

  const menus = [...document.querySelectorAll("details.menu")];
  document.addEventListener("click", ({ target }) => {
    menus.filter((menu) => !menu.contains(target)).forEach((menu) => menu.removeAttribute("open"));
  });
  document.addEventListener("keydown", ({ key }) => {
    const open = key === "Escape" && menus.find((menu) => menu.open);
    if (!open) return;
    open.removeAttribute("open");
    open.querySelector("summary").focus();
  });

  const form = document.getElementById("filters");
  const button = form?.querySelector("button");
  const wait = (isWaiting) => {
    document.querySelector("main").setAttribute("aria-busy", String(isWaiting));
    if (button) button.textContent = isWaiting ? "Loading…" : "Apply";
  };
  form?.addEventListener("submit", () => wait(true));
  // Pages come back from the browser's memory as they were left.
  window.addEventListener("pageshow", () => wait(false));
})();
