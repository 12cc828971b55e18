// SPDX-License-Identifier: GPL-2.0-or-later
"use strict";

// Numbers as people write them.
function shortNumber(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value !== 0 && (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-3)) return value.toExponential(2);
  return String(Number(value.toPrecision(5)));
}

function element(name, words, text) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(words || {})) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

// A sharp canvas: its drawing surface follows its size on the page and the screen's resolution.
function prepareCanvas(canvas, height) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth || 600;
  canvas.style.height = height + "px";
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

function niceTicks(low, high, wanted) {
  const rough = (high - low) / wanted;
  if (!(rough > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough) || 10 * power;
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; ++i) ticks.push(i * step);
  return ticks;
}

// From blue through white-green to yellow; `share` is 0 to 1.
function rampColour(share) {
  const stops = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
  const place = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const i = Math.min(Math.floor(place), stops.length - 2);
  const mix = stops[i].map((c, k) => Math.round(c + (stops[i + 1][k] - c) * (place - i)));
  return `rgb(${mix.join(",")})`;
}

// A plot of points, lines, steps or bars. Drag a box to zoom in, double-click to see all again; a point that
// has an ID can be clicked.
class Plot {
  constructor(holder, options) {
    this.options = { height: 300, logY: false, equal: false, ...options };
    this.holder = holder;
    this.canvas = element("canvas", { role: "img", "aria-label": this.options.title || "" });
    this.tip = element("div", { class: "tip", hidden: "" });
    this.legend = element("div", { class: "legend" });
    holder.classList.add("plot");
    holder.append(this.legend, this.canvas, this.tip);
    this.series = [];
    this.window = null;
    this.chosen = null;
    this.canvas.addEventListener("mousedown", (event) => this.press(event));
    this.canvas.addEventListener("mousemove", (event) => this.move(event));
    this.canvas.addEventListener("mouseup", (event) => this.release(event));
    this.canvas.addEventListener("mouseleave", () => { this.tip.hidden = true; });
    this.canvas.addEventListener("dblclick", () => { this.window = null; this.draw(); });
    window.addEventListener("resize", () => this.draw());
  }

  set(series, changes) {
    this.series = series;
    Object.assign(this.options, changes || {});
    this.window = null;
    this.legend.replaceChildren();
    for (const one of series) {
      if (!one.label) continue;
      const line = element("span");
      const dot = element("i");
      dot.style.background = one.colour;
      line.append(dot, document.createTextNode(one.label));
      this.legend.append(line);
    }
    this.draw();
    return this;
  }

  limits() {
    if (this.window) return this.window;
    let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const { kind, x, y } of this.series) {
      for (let i = 0; i < y.length; ++i) {
        if (!Number.isFinite(x[i]) || !Number.isFinite(y[i]) || (this.options.logY && y[i] <= 0)) continue;
        x0 = Math.min(x0, x[i]); x1 = Math.max(x1, x[i]);
        y0 = Math.min(y0, y[i]); y1 = Math.max(y1, y[i]);
      }
      if (kind === "bars" && y.length) { x1 = Math.max(x1, x[y.length]); y0 = Math.min(y0, 0); }
    }
    if (this.options.line !== undefined) { y0 = Math.min(y0, this.options.line); y1 = Math.max(y1, this.options.line); }
    if (!(x1 >= x0)) [x0, x1, y0, y1] = [0, 1, this.options.logY ? 0.1 : 0, 1];
    if (this.options.fromZero) y0 = Math.min(y0, 0);
    const dx = (x1 - x0 || 1) * 0.03;
    if (this.options.logY) return [x0 - dx, x1 + dx, y0 / 1.15, y1 * 1.15];
    const dy = (y1 - y0 || 1) * 0.05;
    return [x0 - dx, x1 + dx, this.options.fromZero ? y0 : y0 - dy, y1 + dy];
  }

  // Where a value is on the page, from the canvas' corner.
  toPixel(x, y) {
    const [x0, x1, y0, y1] = this.box;
    const { left, top, width, height } = this.area;
    const share = this.options.logY ? Math.log(y / y0) / Math.log(y1 / y0) : (y - y0) / (y1 - y0);
    const shown = y === Infinity ? 1 : share;
    return [left + width * (x - x0) / (x1 - x0), top + height * (1 - shown)];
  }

  toValue(px, py) {
    const [x0, x1, y0, y1] = this.box;
    const { left, top, width, height } = this.area;
    const share = 1 - (py - top) / height;
    return [x0 + (x1 - x0) * (px - left) / width,
      this.options.logY ? y0 * (y1 / y0) ** share : y0 + (y1 - y0) * share];
  }

  draw() {
    const { context, width, height } = prepareCanvas(this.canvas, this.options.height);
    this.context = context;
    this.area = { left: 62, top: 10, width: Math.max(width - 74, 10), height: height - 54 };
    this.box = this.limits();
    this.axes(width, height);
    const { left, top, width: w, height: h } = this.area;
    context.save();
    context.beginPath();
    context.rect(left, top - 4, w + 4, h + 4);
    context.clip();
    for (const one of this.series) this[one.kind](one);
    if (this.options.line !== undefined) {
      const [, py] = this.toPixel(this.box[0], this.options.line);
      context.strokeStyle = "#52606d";
      context.setLineDash([5, 4]);
      context.strokeRect(left, py, w, 0);
      context.setLineDash([]);
    }
    this.markChosen();
    context.restore();
  }

  axes(width, height) {
    const { context, options } = this;
    const { left, top, width: w, height: h } = this.area;
    const [x0, x1, y0, y1] = this.box;
    context.font = "12px system-ui, sans-serif";
    context.strokeStyle = "#e4e7eb";
    context.fillStyle = "#52606d";
    context.lineWidth = 1;
    let rows = niceTicks(y0, y1, 5);
    if (options.logY) {
      rows = [];
      for (let p = Math.ceil(Math.log10(y0)); p <= Math.log10(y1); ++p) rows.push(10 ** p);
      if (rows.length < 2) rows = niceTicks(y0, y1, 5).filter((v) => v > 0);
    }
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const value of rows) {
      const [, py] = this.toPixel(x0, value);
      context.strokeRect(left, py, w, 0);
      context.fillText(shortNumber(value), left - 6, py);
    }
    context.textAlign = "center";
    context.textBaseline = "top";
    for (const value of niceTicks(x0, x1, 7)) {
      const [px] = this.toPixel(value, y0);
      context.strokeRect(px, top + h, 0, 4);
      context.fillText(shortNumber(value), px, top + h + 7);
    }
    context.fillText(options.xLabel || "", left + w / 2, top + h + 24);
    context.save();
    context.translate(13, top + h / 2);
    context.rotate(-Math.PI / 2);
    context.textBaseline = "middle";
    context.fillText(options.yLabel || "", 0, 0);
    context.restore();
  }

  points({ x, y, colour, colours, size }) {
    for (let i = 0; i < x.length; ++i) {
      if (!Number.isFinite(x[i]) || Number.isNaN(y[i])) continue;
      const [px, py] = this.toPixel(x[i], y[i]);
      this.context.fillStyle = colours ? colours[i] : colour;
      this.context.beginPath();
      this.context.arc(px, py, size || 3, 0, 2 * Math.PI);
      this.context.fill();
    }
  }

  line({ x, y, colour }, stepped) {
    const { context } = this;
    context.strokeStyle = colour;
    context.lineWidth = 1.5;
    context.beginPath();
    let before = null;
    for (let i = 0; i < x.length; ++i) {
      if (!Number.isFinite(x[i]) || !Number.isFinite(y[i])) { before = null; continue; }
      const [px, py] = this.toPixel(x[i], y[i]);
      if (before === null) context.moveTo(px, py);
      else {
        if (stepped) context.lineTo(px, before);
        context.lineTo(px, py);
      }
      before = py;
    }
    context.stroke();
    context.lineWidth = 1;
  }

  steps(one) { this.line(one, true); }

  bars({ x, y, colour }) {
    this.context.fillStyle = colour;
    this.context.globalAlpha = 0.55;
    for (let i = 0; i < y.length; ++i) {
      const [left, top] = this.toPixel(x[i], y[i]);
      const [right, bottom] = this.toPixel(x[i + 1], 0);
      this.context.fillRect(left, top, Math.max(right - left - 0.5, 0.5), bottom - top);
    }
    this.context.globalAlpha = 1;
  }

  markChosen() {
    if (this.chosen === null) return;
    for (const { x, y, ids } of this.series) {
      const i = ids ? ids.indexOf(this.chosen) : -1;
      if (i < 0 || Number.isNaN(y[i])) continue;
      const [px, py] = this.toPixel(x[i], y[i]);
      this.context.strokeStyle = "#1f2933";
      this.context.lineWidth = 2;
      this.context.beginPath();
      this.context.arc(px, py, 7, 0, 2 * Math.PI);
      this.context.stroke();
      this.context.lineWidth = 1;
    }
  }

  // The point nearest to a place of the canvas, not farther than a few pixels.
  nearest(px, py) {
    let found = null;
    let least = 10 ** 2;
    for (const one of this.series) {
      if (one.kind !== "points") continue;
      for (let i = 0; i < one.x.length; ++i) {
        const [qx, qy] = this.toPixel(one.x[i], one.y[i]);
        const square = (qx - px) ** 2 + (qy - py) ** 2;
        if (square < least) { least = square; found = { one, i, px: qx, py: qy }; }
      }
    }
    return found;
  }

  press(event) {
    this.start = [event.offsetX, event.offsetY];
    event.preventDefault();
  }

  move(event) {
    if (this.start && event.buttons) {
      this.draw();
      this.context.strokeStyle = "#00798c";
      this.context.strokeRect(...this.start, event.offsetX - this.start[0], event.offsetY - this.start[1]);
      return;
    }
    const found = this.nearest(event.offsetX, event.offsetY);
    this.tip.hidden = found === null;
    if (found === null) return;
    const text = found.one.says ? found.one.says(found.i)
      : `${shortNumber(found.one.x[found.i])}, ${shortNumber(found.one.y[found.i])}`;
    this.tip.textContent = text;
    this.tip.style.left = `${found.px + 10}px`;
    this.tip.style.top = `${found.py + this.canvas.offsetTop - 28}px`;
  }

  release(event) {
    if (!this.start) return;
    const [sx, sy] = this.start;
    this.start = null;
    const [ex, ey] = [event.offsetX, event.offsetY];
    if (Math.abs(ex - sx) > 8 && Math.abs(ey - sy) > 8) {
      const [x0, y0] = this.toValue(Math.min(sx, ex), Math.max(sy, ey));
      const [x1, y1] = this.toValue(Math.max(sx, ex), Math.min(sy, ey));
      this.window = [x0, x1, y0, y1];
      this.draw();
      return;
    }
    this.draw();
    const found = this.nearest(ex, ey);
    if (found && found.one.ids && this.options.choose) this.options.choose(found.one.ids[found.i]);
  }
}
