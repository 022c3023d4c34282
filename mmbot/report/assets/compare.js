// The page of a comparison: equity of all runs in one chart, and the table of differing fills.

const RUN_COLOURS = 6;

function overlay(box, timeline, runs, columns, asset) {
  const series = runs.map((run, i) => ({ run, i, t: columns[`${i}.equity.${asset}.t`], e8: columns[`${i}.equity.${asset}.e8`] }))
    .filter((s) => s.t && s.t.length)
    .map((s) => ({ ...s, t: s.t.map((us) => us + s.run.offset_us), value: s.e8.map((v) => v / 1e8) }));
  const largest = Math.max(0, ...series.flatMap((s) => range(s.value, 0, s.value.length).map(Math.abs)));
  const digits = moneyDigits(largest);
  return new Chart(box, timeline, 340, (chart) => {
    const top = 40 + chart.lift;
    chart.unit(asset);
    let low = 0, high = 0;
    for (const s of series) {
      const [a, b] = range(s.value, ...visible(s.t, timeline.view));
      low = Math.min(low, a); high = Math.max(high, b);
    }
    const y = chart.scale(low - (high - low) * 0.05, high + (high - low) * 0.06, top, chart.height - MARGIN.bottom - 4,
      (v, step) => fixed(v, decimalsOf(Number(step.toPrecision(2)))));
    chart.clip(top - 4, () => {
      for (const s of series) drawSteps(chart, s.t, s.value, y, { colour: color("run" + (s.i % RUN_COLOURS)), width: 1.7, alpha: 0.92 });
    });
  }, (chart, us) => [...series.map((s) => {
    const i = us === null ? s.value.length - 1 : rowAt(s.t, us);
    return legendKey(s.run.label, i < 0 ? "\u2013" : `${signed(s.value[i], digits)} ${asset}`, "run" + (s.i % RUN_COLOURS));
  }), ...(us === null ? [] : [element("span", {}, timeline.moment(us))])]);
}

function differenceTable(box, differences) {
  const ROW = 28, shown = { rows: differences };
  const scroll = element("div", { class: "grid-scroll differences", tabindex: "0", role: "table", "aria-label": "Differences" });
  const head = element("div", { class: "grid-head", role: "row" },
    ...["Time (UTC)", "Market", "In", "Side", "Price", "Quantity", "Why"].map((h) => element("span", { role: "columnheader" }, h)));
  const body = element("div", { class: "grid-body", role: "rowgroup" });
  scroll.append(head, body);
  const render = () => {
    const first = Math.max(Math.floor((scroll.scrollTop - 40) / ROW) - 8, 0);
    const last = Math.min(first + Math.ceil(scroll.clientHeight / ROW) + 20, shown.rows.length), out = [];
    for (let n = first; n < last; n++) {
      const d = shown.rows[n], ms = d.ts_ns / 1e6;
      const row = element("div", { class: "grid-row", role: "row" });
      row.style.top = n * ROW + "px";
      for (const [text, css] of [[`${day(ms, 0)} ${clock(ms, 0, 3)}`, ""], [d.market, ""], [d.in === "both" ? "A and B" : "only " + d.in, "muted"],
        [d.side, d.side], [d.price, ""], [d.qty, ""], [d.text, ""]]) {
        row.append(element("span", { role: "cell", class: css, title: text }, text));
      }
      out.push(row);
    }
    body.replaceChildren(...out);
  };
  const choose = (code) => {
    shown.rows = code ? differences.filter((d) => d.code === code) : differences;
    body.style.height = shown.rows.length * ROW + "px";
    scroll.scrollTop = 0;
    render();
  };
  scroll.addEventListener("scroll", () => requestAnimationFrame(render), { passive: true });
  const names = { follows: "hedges of such a fill", queue: "queue", price: "other price", late: "arrived later", gone: "gone before",
    no_order: "no order", not_looked_at: "not looked at", time: "other time", quantity: "other quantity", at_price: "filled at other price" };
  const select = element("select", { "aria-label": "Reason" }, element("option", { value: "" }, "All reasons"),
    ...[...new Set(differences.map((d) => d.code))].map((code) => element("option", { value: code }, names[code] || code)));
  select.addEventListener("change", () => choose(select.value));
  box.replaceChildren(scroll);
  choose("");
  new ResizeObserver(render).observe(scroll);
  return select;
}

async function start() {
  const report = embedded("report"), data = embedded("columns");
  const columns = await unpack(data.manifest, data.text);
  const length = Math.max(...report.runs.map((run) => run.offset_us + run.length_us));
  const timeline = new Timeline(report.together ? report.start_ns / 1e6 : 0, length, report.together ? "UTC" : "elapsed");
  window.addEventListener("themechange", () => timeline.redraw());
  const assets = [...new Set(report.runs.flatMap((run) => run.assets))], box = document.getElementById("equity");
  const show = (i) => {
    timeline.charts = [];
    box.replaceChildren(element("div", { class: "chart" }));
    overlay(box.firstChild, timeline, report.runs, columns, assets[i]);
  };
  if (assets.length) show(0);
  document.getElementById("equity-controls").append(...(assets.length > 1 ? [choice(assets, 0, show, "Settle asset")] : []), timeline.controls());
  if (report.differences.length) {
    document.getElementById("differences-controls").append(differenceTable(document.getElementById("differences"), report.differences));
  }
}

begin(start);
