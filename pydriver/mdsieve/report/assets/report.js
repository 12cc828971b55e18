// SPDX-License-Identifier: GPL-2.0-or-later
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const colours = { known: "#9aa5b1", kept: "#d1495b", junk: "#edae49" };
const lines = ["#00798c", "#30638e", "#8d6a9f", "#66a182", "#003d5b", "#b5651d"];
const number = (value) => (value === null ? NaN : value === "inf" ? Infinity : value);
const numbers = (values) => values.map(number);
const holder = (name) => document.getElementById(name);

const report = { plots: {}, viewer: null, chosen: null };
window.mdsieve = report;

function column(name) {
  const at = data.frames.columns.findIndex((one) => one.name === name);
  return data.frames.rows.map((row) => row[at]);
}

const frameOf = column("frame");

// Choose a frame everywhere: plots, table and viewer.
function choose(frame) {
  report.chosen = frame;
  for (const plot of Object.values(report.plots)) {
    plot.chosen = frame;
    plot.draw();
  }
  for (const row of holder("frames").querySelectorAll("tbody tr")) {
    const isIt = Number(row.dataset.frame) === frame;
    row.classList.toggle("chosen", isIt);
    if (isIt) row.scrollIntoView({ block: "nearest" });
  }
  const words = data.frames.rows[frameOf.indexOf(frame)];
  const said = data.frames.columns.map((one, i) => `${one.label} ${shown(words[i], one.isText)}`).join(" · ");
  holder("viewer-note").textContent = said;
  const structure = data.structures[frame];
  if (structure) report.viewer.show(structure);
  else holder("viewer-note").textContent = `${said} — no atoms of this frame in the page (only of the most novel)`;
}

function shown(value, isText) {
  return isText ? String(value) : shortNumber(number(value));
}

function noveltyPlot() {
  const { time, novelty, verdict, frame } = data.evaluations;
  const series = [];
  for (const kind of ["known", "junk", "kept"]) {
    const mine = verdict.map((v, i) => (v === kind ? i : -1)).filter((i) => i >= 0);
    if (!mine.length) continue;
    series.push({
      kind: "points", colour: colours[kind], label: `${kind} (${data.counts[kind]})`, size: kind === "known" ? 2 : 4,
      x: mine.map((i) => number(time[i])), y: mine.map((i) => number(novelty[i])),
      ids: kind === "kept" ? mine.map((i) => frame[i]) : null,
      says: (k) => `${kind}, ${data.timeLabel} ${shortNumber(number(time[mine[k]]))}, novelty ${shortNumber(number(novelty[mine[k]]))}`,
    });
  }
  const finite = numbers(novelty).filter((v) => Number.isFinite(v) && v > 0);
  const isWide = finite.length > 0 && finite.reduce((a, b) => Math.max(a, b), 0) > 30;
  report.plots.novelty = new Plot(holder("novelty"), {
    title: "novelty against time", xLabel: data.timeLabel, yLabel: "novelty", line: 1, logY: isWide, fromZero: !isWide, choose,
  }).set(series);
}

function growthPlot() {
  const series = data.growth.map((one, i) => ({
    kind: "steps", x: numbers(one.time), y: one.entries, colour: lines[i % lines.length], label: `${one.element} environments`,
  }));
  report.plots.growth = new Plot(holder("growth"), {
    title: "bank entries against time", xLabel: data.timeLabel, yLabel: "bank entries", fromZero: true,
  }).set(series);
  report.plots.kept = new Plot(holder("kept"), {
    title: "kept frames against time", xLabel: data.timeLabel, yLabel: "kept frames", fromZero: true, height: 220,
  }).set([{ kind: "steps", x: numbers(data.keptGrowth.time), y: data.keptGrowth.frames, colour: colours.kept }]);
}

function temperaturePlot() {
  const { time, temperature, verdict, frame } = data.evaluations;
  const x = numbers(time);
  const y = numbers(temperature);
  const order = x.map((_, i) => i).sort((a, b) => x[a] - x[b]);
  const kept = order.filter((i) => verdict[i] === "kept");
  report.plots.temperature = new Plot(holder("temperature"), {
    title: "temperature against time", xLabel: data.timeLabel, yLabel: "temperature / K", height: 220, choose,
  }).set([
    { kind: "line", x: order.map((i) => x[i]), y: order.map((i) => y[i]), colour: lines[0] },
    { kind: "points", x: kept.map((i) => x[i]), y: kept.map((i) => y[i]), colour: colours.kept, ids: kept.map((i) => frame[i]) },
  ]);
}

function mapPlot() {
  if (!data.map) return;
  const choice = holder("map-colour");
  for (const name of data.map.colourings) choice.append(element("option", { value: name }, name));
  report.plots.map = new Plot(holder("map"), {
    title: "map of the kept frames", xLabel: data.map.axes[0], yLabel: data.map.axes[1], height: 380, choose,
  });
  const paint = () => {
    const values = numbers(data.map.values[choice.value]);
    const finite = values.filter(Number.isFinite);
    const low = finite.reduce((a, b) => Math.min(a, b), Infinity);
    const high = finite.reduce((a, b) => Math.max(a, b), -Infinity);
    const colour = (v) => (Number.isNaN(v) ? "#cbd2d9" : rampColour(high > low ? (Math.min(v, high) - low) / (high - low) : 0.5));
    const isFrame = data.map.frames.map((f) => f !== null);
    const others = data.map.x.map((_, i) => i).filter((i) => !isFrame[i]);
    const mine = data.map.x.map((_, i) => i).filter((i) => isFrame[i]);
    const series = [];
    if (others.length) {
      series.push({ kind: "points", colour: "#cbd2d9", size: 2, label: data.map.others, x: others.map((i) => data.map.x[i]), y: others.map((i) => data.map.y[i]) });
    }
    series.push({
      kind: "points", size: 4, x: mine.map((i) => data.map.x[i]), y: mine.map((i) => data.map.y[i]),
      colours: mine.map((i) => colour(values[i])), ids: mine.map((i) => data.map.frames[i]),
      says: (k) => `frame ${data.map.frames[mine[k]]}, ${choice.value} ${shortNumber(values[mine[k]])}`,
    });
    report.plots.map.set(series);
    report.plots.map.chosen = report.chosen;
    report.plots.map.draw();
    holder("map-scale").textContent = finite.length ? `dark ${shortNumber(low)} … light ${shortNumber(high)}` : "";
  };
  choice.addEventListener("change", paint);
  paint();
}

function histogramPlot() {
  if (!data.histograms.length) return;
  const choice = holder("histogram-function");
  data.histograms.forEach((one, i) => choice.append(element("option", { value: i }, `${one.element}: ${one.name}`)));
  report.plots.histogram = new Plot(holder("histogram"), {
    title: "histogram of a symmetry function", yLabel: "share of environments", fromZero: true, height: 380,
  });
  const paint = () => {
    const one = data.histograms[Number(choice.value)];
    report.plots.histogram.set([
      { kind: "bars", x: one.edges, y: one.before, colour: "#9aa5b1", label: `${data.before} (${one.nBefore})` },
      { kind: "bars", x: one.edges, y: one.after, colour: colours.kept, label: `bank entries (${one.nAfter})` },
    ], { xLabel: one.name });
  };
  choice.addEventListener("change", paint);
  paint();
}

function frameTable() {
  const { columns, rows } = data.frames;
  const table = element("table");
  const head = element("tr");
  const body = element("tbody");
  const order = { column: -1, rises: true };
  const fill = () => {
    const sorted = rows.slice();
    if (order.column >= 0) {
      const { isText } = columns[order.column];
      const compare = (a, b) => {
        const [p, q] = [a[order.column], b[order.column]];
        if (isText) return String(p).localeCompare(String(q), "en", { numeric: true });
        const [u, v] = [number(p), number(q)];
        if (Number.isNaN(u) || Number.isNaN(v)) return Number.isNaN(u) - Number.isNaN(v);
        return u === v ? 0 : u - v;
      };
      sorted.sort((a, b) => (order.rises ? 1 : -1) * compare(a, b));
    }
    body.replaceChildren(...sorted.map(line));
  };
  const line = (row) => {
    const made = element("tr", { "data-frame": row[0] });
    made.classList.toggle("chosen", row[0] === report.chosen);
    row.forEach((value, i) => made.append(element("td", columns[i].isText ? { class: "text" } : {}, shown(value, columns[i].isText))));
    const cell = element("td", { class: "text" });
    const button = element("button", { type: "button" }, "view");
    button.addEventListener("click", () => choose(row[0]));
    cell.append(button);
    made.append(cell);
    return made;
  };
  columns.forEach((one, i) => {
    const cell = element("th", one.isText ? { class: "text" } : {});
    const button = element("button", { type: "button" }, one.label);
    button.addEventListener("click", () => {
      order.rises = order.column === i ? !order.rises : true;
      order.column = i;
      for (const other of head.children) other.removeAttribute("aria-sort");
      cell.setAttribute("aria-sort", order.rises ? "ascending" : "descending");
      fill();
    });
    cell.append(button);
    head.append(cell);
  });
  head.append(element("th", { class: "text" }, "atoms"));
  const top = element("thead");
  top.append(head);
  table.append(top, body);
  holder("frames").append(table);
  fill();
}

report.viewer = new Viewer(holder("viewer"), data.styles);
noveltyPlot();
growthPlot();
temperaturePlot();
mapPlot();
histogramPlot();
frameTable();
report.viewer.draw();
