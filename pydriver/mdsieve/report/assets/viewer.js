// SPDX-License-Identifier: GPL-2.0-or-later
"use strict";

// Atoms as shaded balls in an orthographic view: drag to turn, wheel to zoom. The triggering atom has a red
// ring, atoms whose environments entered the bank a dark one; the cell is drawn.
class Viewer {
  constructor(holder, styles) {
    this.canvas = element("canvas", { role: "img", "aria-label": "atoms of the chosen frame" });
    holder.classList.add("viewer");
    holder.append(this.canvas);
    this.styles = styles;
    this.atoms = null;
    this.zoom = 1;
    this.turn = [1, 0, 0, 0, 1, 0, 0, 0, 1];
    this.rotate(0.35, -0.45);
    this.canvas.addEventListener("pointerdown", (event) => {
      this.last = [event.clientX, event.clientY];
      this.canvas.setPointerCapture(event.pointerId);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (!this.last) return;
      const [x, y] = this.last;
      this.last = [event.clientX, event.clientY];
      this.rotate((event.clientY - y) * 0.01, (event.clientX - x) * 0.01);
      this.draw();
    });
    this.canvas.addEventListener("pointerup", () => { this.last = null; });
    this.canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom *= Math.exp(-event.deltaY * 0.001);
      this.draw();
    }, { passive: false });
    window.addEventListener("resize", () => this.draw());
  }

  // Turn about the screen's horizontal and vertical axes [rad].
  rotate(about_x, about_y) {
    const [cx, sx, cy, sy] = [Math.cos(about_x), Math.sin(about_x), Math.cos(about_y), Math.sin(about_y)];
    const r = [cy, 0, sy, sx * sy, cx, -sx * cy, -cx * sy, sx, cx * cy];
    const t = this.turn;
    this.turn = r.map((_, k) => {
      const [i, j] = [Math.floor(k / 3), k % 3];
      return r[3 * i] * t[j] + r[3 * i + 1] * t[3 + j] + r[3 * i + 2] * t[6 + j];
    });
  }

  // `structure`: numbers, positions as 16-bit shares of `size` from `origin` (base64), cell, trigger, entries.
  show(structure) {
    const bytes = Uint8Array.from(atob(structure.positions), (c) => c.charCodeAt(0));
    const shares = new Uint16Array(bytes.buffer);
    const n = shares.length / 3;
    const kinds = Uint8Array.from(atob(structure.numbers), (c) => c.charCodeAt(0));
    this.atoms = [];
    for (let i = 0; i < n; ++i) {
      const at = [0, 1, 2].map((k) => structure.origin[k] + structure.size[k] * shares[3 * i + k] / 65535);
      this.atoms.push({ at, style: this.styles[kinds[i]], isTrigger: i === structure.trigger, isEntry: false });
    }
    for (const i of structure.entries) this.atoms[i].isEntry = true;
    this.edges = this.cellEdges(structure);
    const all = [...this.atoms.map((a) => a.at), ...this.edges.flat()];
    this.centre = [0, 1, 2].map((k) => {
      const values = all.map((p) => p[k]);
      return (values.reduce((a, b) => Math.min(a, b), Infinity) + values.reduce((a, b) => Math.max(a, b), -Infinity)) / 2;
    });
    this.reach = 1 + all.reduce((m, p) => Math.max(m, Math.hypot(...p.map((v, k) => v - this.centre[k]))), 1);
    this.zoom = 1;
    this.draw();
  }

  cellEdges({ cell, corner }) {
    if (!cell) return [];
    const point = (a, b, c) => [0, 1, 2].map((k) => corner[k] + a * cell[0][k] + b * cell[1][k] + c * cell[2][k]);
    const edges = [];
    for (const a of [0, 1]) {
      for (const b of [0, 1]) {
        edges.push([point(0, a, b), point(1, a, b)], [point(a, 0, b), point(a, 1, b)], [point(a, b, 0), point(a, b, 1)]);
      }
    }
    return edges;
  }

  project(at) {
    const d = at.map((v, k) => v - this.centre[k]);
    const t = this.turn;
    const s = this.scale;
    return [this.middle[0] + s * (t[0] * d[0] + t[1] * d[1] + t[2] * d[2]),
      this.middle[1] - s * (t[3] * d[0] + t[4] * d[1] + t[5] * d[2]),
      t[6] * d[0] + t[7] * d[1] + t[8] * d[2]];
  }

  draw() {
    const { context, width, height } = prepareCanvas(this.canvas, 420);
    if (!this.atoms) {
      context.fillStyle = "#7b8794";
      context.font = "14px system-ui, sans-serif";
      context.fillText("Choose a frame in the table or in a plot.", 20, 30);
      return;
    }
    this.middle = [width / 2, height / 2];
    this.scale = this.zoom * 0.48 * Math.min(width, height) / this.reach;
    context.strokeStyle = "#9aa5b1";
    for (const [from, to] of this.edges) {
      context.beginPath();
      context.moveTo(...this.project(from).slice(0, 2));
      context.lineTo(...this.project(to).slice(0, 2));
      context.stroke();
    }
    const drawn = this.atoms.map((atom) => ({ atom, place: this.project(atom.at) }));
    drawn.sort((a, b) => a.place[2] - b.place[2]);
    for (const { atom, place } of drawn) this.ball(context, atom, place);
    for (const { atom, place } of drawn) if (atom.isTrigger) this.ring(context, atom, place);
  }

  ball(context, atom, [x, y, depth]) {
    const radius = Math.max(this.scale * atom.style.radius, 1.5);
    const fade = 0.55 + 0.45 * Math.min(Math.max((depth / this.reach + 1) / 2, 0), 1);
    const colour = atom.style.colour.map((c) => Math.round(255 - (255 - c) * fade));
    context.fillStyle = `rgb(${colour.join(",")})`;
    if (radius > 3) {
      const shade = context.createRadialGradient(x - radius / 3, y - radius / 3, radius / 8, x, y, radius);
      shade.addColorStop(0, `rgb(${colour.map((c) => Math.round(c + (255 - c) * 0.6)).join(",")})`);
      shade.addColorStop(1, `rgb(${colour.map((c) => Math.round(c * 0.75)).join(",")})`);
      context.fillStyle = shade;
    }
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
    context.lineWidth = atom.isEntry ? 2 : 0.5;
    context.strokeStyle = atom.isEntry ? "#102a43" : "rgba(31,41,51,.4)";
    context.stroke();
    context.lineWidth = 1;
  }

  ring(context, atom, [x, y]) {
    context.strokeStyle = "#e0002d";
    context.lineWidth = 3;
    context.beginPath();
    context.arc(x, y, Math.max(this.scale * atom.style.radius, 4) + 3, 0, 2 * Math.PI);
    context.stroke();
    context.lineWidth = 1;
  }
}
