// The picture of a scan: partitions downwards, time or positions to the right. Runs of columns come from the node and are painted on a canvas.
// A state is a colour, a hatch, and a letter where there is room for one; the list of findings below says the same in words.
"use strict";

const gutter = 64, head = 22;
const looks = {".": "present", "M": "missing", "+": "partly", "D": "duplicate", "C": "corrupt", "?": "unknown", " ": "nothing"};
const words = {".": "present", "M": "missing", "+": "partly missing", "D": "duplicate", "C": "corrupt", "?": "not comparable", " ": "nothing in the reference"};

// read is a time in the zone of the page, as the rest of the page has it.
const clock = clockOf(document.documentElement.dataset.zone), utc = clock.resolvedOptions().timeZone === "UTC";

function clockOf(zone) {
  const form = {year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZoneName: "longOffset"};
  try {
    return new Intl.DateTimeFormat("en", {...form, timeZone: zone});
  } catch { // a zone that the browser does not know; each time says which one it is in
    return new Intl.DateTimeFormat("en", {...form, timeZone: "UTC"});
  }
}

function read(ms) {
  const p = Object.fromEntries(clock.formatToParts(new Date(ms)).map((x) => [x.type, x.value]));
  return {day: p.year + "-" + p.month + "-" + p.day, clock: p.hour + ":" + p.minute + ":" + p.second, zone: utc ? "UTC" : p.timeZoneName.replace("GMT", "UTC")};
}

class Heatmap {
  constructor(figure) {
    this.figure = figure;
    this.canvas = figure.querySelector("canvas");
    this.under = figure.querySelector(".under");
    figure.heatmap = this;
    this.canvas.addEventListener("pointermove", (e) => this.move(e));
    this.canvas.addEventListener("pointerdown", (e) => this.press(e));
    this.canvas.addEventListener("pointerup", (e) => this.release(e));
    this.canvas.addEventListener("pointerleave", () => { this.under.textContent = ""; });
    this.load();
  }

  async load() {
    const answer = await fetch(this.figure.dataset.map);
    if (!answer.ok) {
      this.under.textContent = "The picture could not be had: " + answer.status;
      return;
    }
    this.data = await answer.json();
    this.paint();
  }

  colour(name) { return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim(); }

  paint() {
    const began = performance.now(), d = this.data;
    if (!d || !d.columns) return;
    const room = this.canvas.parentElement.clientWidth - gutter - 2;
    this.wide = Math.max(1, Math.min(48, Math.floor(room / d.columns) || 1));
    this.high = d.rows.length > 120 ? 6 : d.rows.length > 40 ? 12 : 18;
    const width = gutter + this.wide * d.columns, height = head + this.high * d.rows.length, scale = window.devicePixelRatio || 1;
    this.canvas.width = width * scale;
    this.canvas.height = height * scale;
    this.canvas.style.width = width + "px";
    this.canvas.style.height = height + "px";
    const g = this.canvas.getContext("2d");
    g.scale(scale, scale);
    const fill = {}, ink = this.colour("ink"), text = this.colour("text"), soft = this.colour("soft");
    for (const l in looks) fill[l] = this.colour(looks[l]);
    const hatch = {"M": this.hatched(g, fill["M"], ink, 1), "C": this.hatched(g, fill["C"], ink, -1), "?": this.hatched(g, fill["?"], ink, 0)};
    g.fillStyle = fill[" "];
    g.fillRect(gutter, head, this.wide * d.columns, this.high * d.rows.length);
    g.font = Math.min(11, this.high - 1) + "px ui-monospace, monospace";
    g.textBaseline = "middle";
    const labelled = Math.ceil(12 / this.high), lettered = this.high >= 12 && this.wide >= 8;
    d.rows.forEach((row, i) => {
      const y = head + i * this.high;
      if (i % labelled === 0) {
        g.font = "11px ui-monospace, monospace";
        g.fillStyle = text;
        g.fillText("p" + row.p, 4, y + Math.max(this.high, 12) / 2);
      }
      let x = gutter;
      for (const run of row.s) {
        const w = run.n * this.wide;
        if (run.l !== " ") {
          g.fillStyle = hatch[run.l] && this.high >= 6 ? hatch[run.l] : fill[run.l] || fill["?"];
          g.fillRect(x, y, w, this.high - 1);
          if (lettered && run.l !== ".") {
            g.font = Math.min(12, this.high - 4) + "px ui-monospace, monospace";
            g.fillStyle = ink;
            for (let n = 0; n < run.n; n++) g.fillText(run.l, x + n * this.wide + this.wide / 2 - 3, y + this.high / 2);
          }
        }
        x += w;
      }
    });
    g.font = "11px ui-monospace, monospace";
    g.fillStyle = soft;
    const step = Math.max(1, Math.ceil(130 / this.wide));
    for (let c = 0; c < d.columns; c += step) g.fillText(this.short(c), gutter + c * this.wide, head / 2);
    this.figure.dataset.painted = (performance.now() - began).toFixed(1);
  }

  hatched(g, back, ink, way) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 6;
    const t = tile.getContext("2d");
    t.fillStyle = back;
    t.fillRect(0, 0, 6, 6);
    t.globalAlpha = 0.25;
    t.strokeStyle = ink;
    t.beginPath();
    if (way === 0) {
      t.moveTo(0, 3);
      t.lineTo(6, 3);
    } else {
      t.moveTo(0, way > 0 ? 6 : 0);
      t.lineTo(6, way > 0 ? 0 : 6);
    }
    t.stroke();
    return g.createPattern(tile, "repeat");
  }

  at(c) { return this.data.from + c * this.data.width; }

  short(c) {
    if (!this.data.timed) return this.at(c).toLocaleString("en");
    const t = read(this.at(c));
    return this.data.width >= 86400000 ? t.day : t.day.slice(5) + " " + t.clock.slice(0, 5);
  }

  long(c) {
    if (!this.data.timed) return this.at(c).toLocaleString("en");
    const t = read(this.at(c));
    return t.day + " " + t.clock + " " + t.zone;
  }

  cell(e) {
    if (!this.data) return null;
    const box = this.canvas.getBoundingClientRect();
    const c = Math.floor((e.clientX - box.left - gutter) / this.wide), r = Math.floor((e.clientY - box.top - head) / this.high);
    return c < 0 || c >= this.data.columns ? null : {c, r};
  }

  letter(r, c) {
    let at = 0;
    for (const run of this.data.rows[r].s) {
      at += run.n;
      if (c < at) return run.l;
    }
    return " ";
  }

  move(e) {
    const cell = this.cell(e);
    if (!cell) return;
    if (this.from !== undefined) {
      this.band(this.from, cell.c);
      return;
    }
    const row = this.data.rows[cell.r];
    this.under.textContent = row ? "partition " + row.p + ", " + this.long(cell.c) + " to " + this.long(cell.c + 1) + ": " + words[this.letter(cell.r, cell.c)] : "";
  }

  press(e) {
    const cell = this.cell(e);
    if (!cell || e.button !== 0) return;
    this.from = cell.c;
    this.figure.classList.add("dragging");
    this.canvas.setPointerCapture(e.pointerId);
  }

  release(e) {
    if (this.from === undefined) return;
    const cell = this.cell(e), from = this.from;
    this.from = undefined;
    this.figure.classList.remove("dragging");
    if (!cell) {
      this.paint();
      return;
    }
    const low = Math.min(from, cell.c), high = Math.max(from, cell.c) + 1;
    location.href = this.figure.dataset.page + "?from=" + this.at(low) + "&to=" + this.at(high);
  }

  band(a, b) {
    this.paint();
    const low = Math.min(a, b), high = Math.max(a, b) + 1, g = this.canvas.getContext("2d");
    g.globalAlpha = 0.25;
    g.fillStyle = this.colour("mark");
    g.fillRect(gutter + low * this.wide, 0, (high - low) * this.wide, this.canvas.height);
    g.globalAlpha = 1;
    this.under.textContent = this.long(low) + " to " + this.long(high) + ": let go to look at that part, and for the command that plans it";
  }
}

function draw() {
  for (const f of document.querySelectorAll(".heatmap[data-map]")) if (!f.heatmap) new Heatmap(f);
}

addEventListener("resize", () => { for (const f of document.querySelectorAll(".heatmap[data-map]")) f.heatmap?.paint(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { for (const f of document.querySelectorAll(".heatmap[data-map]")) f.heatmap?.paint(); });
document.getElementById("main").addEventListener("refreshed", draw);
draw();
