// One time axis for all charts of a page: zoom, pan, crosshair.

const MARGIN = { left: 16, right: 84, bottom: 24 };
const STEPS_US = [1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7, 1.5e7, 3e7, 6e7, 1.2e8, 3e8, 6e8, 9e8, 1.8e9,
  3.6e9, 7.2e9, 1.08e10, 2.16e10, 4.32e10, 8.64e10, 1.728e11, 4.32e11, 8.64e11, 2.592e12];

class Timeline {
  // `zone`: what the axis is called; "elapsed" counts from the start and has no date.
  constructor(originMs, lengthUs, zone = "UTC") {
    this.originMs = originMs;
    this.zone = zone;
    this.full = [0, Math.max(lengthUs, 1000)];
    this.view = [...this.full];
    this.cursor = null;
    this.selection = null;
    this.charts = [];
    this.pending = false;
    new ResizeObserver(() => this.redraw()).observe(document.body);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
    matchMedia("print").addEventListener("change", () => this.charts.forEach((chart) => chart.draw()));
  }

  add(chart) {
    this.charts.push(chart);
    this.listen(chart);
    this.redraw();
  }

  redraw() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      for (const chart of this.charts) chart.draw();
    });
  }

  show(from, to) {
    const longest = this.full[1] - this.full[0];
    const length = Math.min(Math.max(to - from, 2000), longest);
    const start = Math.min(Math.max(from + (to - from - length) / 2, this.full[0]), this.full[1] - length);
    this.view = [start, start + length];
    this.redraw();
  }

  zoom(factor, at = (this.view[0] + this.view[1]) / 2) {
    this.show(at - (at - this.view[0]) * factor, at + (this.view[1] - at) * factor);
  }

  pan(share) {
    const by = (this.view[1] - this.view[0]) * share;
    this.show(this.view[0] + by, this.view[1] + by);
  }

  listen(chart) {
    const canvas = chart.canvas;
    let drag = null;
    canvas.addEventListener("pointermove", (event) => {
      const at = chart.timeAt(event.offsetX);
      this.cursor = { us: at, chart, x: event.offsetX, y: event.offsetY };
      if (drag && drag.pan) {
        const by = (drag.x - event.offsetX) / chart.width * (drag.view[1] - drag.view[0]);
        this.show(drag.view[0] + by, drag.view[1] + by);
      } else if (drag) {
        this.selection = [drag.us, at];
      }
      this.redraw();
    });
    canvas.addEventListener("pointerleave", () => { if (!drag) { this.cursor = null; this.redraw(); } });
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      drag = { x: event.offsetX, us: chart.timeAt(event.offsetX), view: [...this.view],
        pan: event.shiftKey || event.pointerType === "touch" };
      canvas.setPointerCapture(event.pointerId);
    });
    const release = (event) => {
      if (drag && !drag.pan && Math.abs(event.offsetX - drag.x) > 4) {
        const to = chart.timeAt(event.offsetX);
        this.show(Math.min(drag.us, to), Math.max(drag.us, to));
      }
      drag = this.selection = null;
      this.redraw();
    };
    canvas.addEventListener("pointerup", release);
    canvas.addEventListener("pointercancel", () => { drag = this.selection = null; this.redraw(); });
    canvas.addEventListener("dblclick", () => this.show(...this.full));
    canvas.addEventListener("wheel", (event) => {
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        this.zoom(Math.exp(event.deltaY * 0.0025), chart.timeAt(event.offsetX));
      } else if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) {
        event.preventDefault();
        this.pan((event.deltaX || event.deltaY) / chart.width);
      }
    }, { passive: false });
    chart.box.tabIndex = 0;
    chart.box.addEventListener("keydown", (event) => {
      const act = { ArrowLeft: () => this.pan(-0.2), ArrowRight: () => this.pan(0.2), "+": () => this.zoom(0.5),
        "=": () => this.zoom(0.5), "-": () => this.zoom(2), "0": () => this.show(...this.full) }[event.key];
      if (act && !event.ctrlKey && !event.metaKey) { event.preventDefault(); act(); }
    });
  }

  controls() {
    const bar = element("div", { class: "seg", role: "group", "aria-label": "Time range" });
    for (const [label, title, act] of [
      ["\u2039", "Earlier", () => this.pan(-0.5)], ["\u2212", "Zoom out", () => this.zoom(2)], ["All", "Whole run", () => this.show(...this.full)],
      ["+", "Zoom in", () => this.zoom(0.5)], ["\u203a", "Later", () => this.pan(0.5)],
    ]) {
      const button = element("button", { type: "button", title, "aria-label": title }, label);
      button.addEventListener("click", act);
      bar.append(button);
    }
    return bar;
  }

  ticks(width) {
    const length = this.view[1] - this.view[0];
    const step = STEPS_US.find((s) => s >= length / Math.max(3, width / 90)) || STEPS_US.at(-1);
    const origin = (this.originMs % 86400000) * 1000;
    const out = [];
    for (let t = Math.ceil((this.view[0] + origin) / step) * step - origin; t <= this.view[1]; t += step) out.push(t);
    return { step, at: out };
  }

  moment(us) {
    const time = clock(this.originMs, us, 3);
    return this.zone === "UTC" ? `${day(this.originMs, us)} ${time} UTC` : `${time} ${this.zone}`;
  }

  label(us, step) {
    if (step >= 8.64e10) return day(this.originMs, us).slice(5);
    const digits = step >= 1e6 ? 0 : step >= 1e5 ? 1 : step >= 1e4 ? 2 : 3;
    const text = clock(this.originMs, us, digits);
    return step >= 6e7 ? text.slice(0, 5) : text;
  }
}

// A canvas on the timeline. `paint(chart)` draws into chart.pen; `legend(chart, us)` fills the line at the top.
class Chart {
  constructor(box, timeline, height, paint, legend) {
    Object.assign(this, { box, timeline, tall: height, height, width: 20, lift: 0, paint, legend });
    this.canvas = element("canvas", { height: String(height) });
    this.head = element("div", { class: "legend" });
    box.replaceChildren(this.canvas, this.head);
    timeline.add(this);
  }

  timeAt(x) {
    const [from, to] = this.timeline.view;
    return from + (x - MARGIN.left) / this.width * (to - from);
  }

  x(us) {
    const [from, to] = this.timeline.view;
    return MARGIN.left + (us - from) / (to - from) * this.width;
  }

  draw() {
    const ratio = window.devicePixelRatio || 1, outer = this.box.clientWidth;
    if (outer === 0) return;
    this.lift = outer < 560 ? 22 : 0; // the legend has a second line
    this.height = this.tall + this.lift;
    this.canvas.width = Math.round(outer * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    this.canvas.style.height = this.height + "px";
    this.width = Math.max(outer - MARGIN.left - MARGIN.right, 20);
    const pen = this.pen = this.canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, outer, this.height);
    pen.font = "12px " + getComputedStyle(document.body).fontFamily;
    this.drawTime();
    this.paint(this);
    this.drawCursor();
    const cursor = this.timeline.cursor;
    this.head.replaceChildren(...this.legend(this, cursor ? cursor.us : null));
  }

  drawTime() {
    const { pen, timeline } = this, { step, at } = timeline.ticks(this.width);
    pen.strokeStyle = color("hair");
    pen.fillStyle = color("faint");
    pen.textAlign = "center";
    pen.textBaseline = "alphabetic";
    for (const us of at) {
      const x = Math.round(this.x(us)) + 0.5;
      pen.beginPath(); pen.moveTo(x, 34 + this.lift); pen.lineTo(x, this.height - MARGIN.bottom); pen.stroke();
      if (x > 40 && x < MARGIN.left + this.width - 20) pen.fillText(timeline.label(us, step), x, this.height - 8);
    }
    pen.textAlign = "left";
    pen.fillText(timeline.zone, MARGIN.left + this.width + 8, this.height - 8);
  }

  // What the labels at the right count.
  unit(text) {
    const { pen } = this;
    pen.fillStyle = color("soft");
    pen.textAlign = "left"; pen.textBaseline = "alphabetic";
    pen.fillText(text, MARGIN.left + this.width + 8, 22);
  }

  // A vertical scale between two pixel rows; labels at the right.
  scale(low, high, top, bottom, format, wanted = 5) {
    if (!(high > low)) { const room = Math.abs(high) * 1e-4 || 1; low -= room; high += room; }
    const y = (value) => bottom - (value - low) / (high - low) * (bottom - top);
    const rough = (high - low) / wanted, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= rough);
    const { pen } = this;
    pen.textAlign = "left"; pen.textBaseline = "middle";
    for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-6; v += step) {
      const row = Math.round(y(v)) + 0.5;
      pen.strokeStyle = Math.abs(v) < step * 1e-6 ? color("line") : color("hair");
      pen.beginPath(); pen.moveTo(MARGIN.left, row); pen.lineTo(MARGIN.left + this.width, row); pen.stroke();
      pen.fillStyle = color("faint");
      pen.fillText(format(Math.abs(v) < step * 1e-6 ? 0 : v, step), MARGIN.left + this.width + 8, row);
    }
    return y;
  }

  clip(top, act) {
    this.pen.save();
    this.pen.beginPath();
    this.pen.rect(MARGIN.left, top, this.width, this.height - top - MARGIN.bottom + 1);
    this.pen.clip();
    act();
    this.pen.restore();
  }

  drawCursor() {
    const { pen, timeline } = this;
    if (timeline.selection) {
      const [a, b] = timeline.selection.map((us) => this.x(us));
      pen.fillStyle = color("accent-wash");
      pen.fillRect(Math.min(a, b), 0, Math.abs(b - a), this.height - MARGIN.bottom);
    }
    if (!timeline.cursor) return;
    const x = Math.round(this.x(timeline.cursor.us)) + 0.5;
    if (x < MARGIN.left || x > MARGIN.left + this.width) return;
    pen.strokeStyle = color("faint");
    pen.setLineDash([2, 3]);
    pen.beginPath(); pen.moveTo(x, 34 + this.lift); pen.lineTo(x, this.height - MARGIN.bottom); pen.stroke();
    pen.setLineDash([]);
  }
}

function legendKey(label, value, colour, shape = "") {
  const key = element("span", { class: "key " + shape }, element("i"), label + " ");
  key.style.setProperty("--c", `var(--${colour})`);
  if (value !== null) key.append(element("b", {}, value));
  return key;
}
