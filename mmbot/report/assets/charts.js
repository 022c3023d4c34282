// The three charts of a run: equity with drawdown, price with quotes and fills, inventory.

function equityChart(box, timeline, series, unit) {
  const value = series.e8.map((v) => v / 1e8), peak = new Float64Array(value.length);
  let best = 0;
  value.forEach((v, i) => { peak[i] = best = Math.max(best, v); });
  const fall = value.map((v, i) => v - peak[i]);
  const [lowest, highest] = range(value, 0, value.length);
  const digits = moneyDigits(Math.max(Math.abs(lowest), Math.abs(highest)));
  const format = (v, step) => fixed(v, Math.max(decimalsOf(Number(step.toPrecision(2))), 0));
  return new Chart(box, timeline, 300, (chart) => {
    if (!value.length) return;
    const [first, last] = visible(series.t, timeline.view);
    const top = 40 + chart.lift, split = 206 + chart.lift;
    chart.unit(unit);
    let [low, high] = range(value, first, last);
    low = Math.min(low, timeline.view[0] <= 0 ? 0 : low); high = Math.max(high, timeline.view[0] <= 0 ? 0 : high);
    const y = chart.scale(low - (high - low) * 0.05, high + (high - low) * 0.06, top, split - 12, format);
    chart.clip(top - 4, () => {
      drawSteps(chart, series.t, value, y, { colour: color("accent"), width: 1.7, close: y(Math.max(Math.min(0, high), low)), wash: color("accent-wash") });
    });
    const [deepest] = range(fall, first, last);
    const yFall = chart.scale(deepest < 0 ? deepest * 1.06 : -1, 0, split + 6, chart.height - MARGIN.bottom - 4, format, 2);
    chart.clip(split, () => {
      drawSteps(chart, series.t, fall, yFall, { colour: color("loss"), width: 1, close: yFall(0), wash: color("loss-wash") });
    });
  }, (chart, us) => {
    const i = us === null ? value.length - 1 : rowAt(series.t, us);
    if (i < 0) return [];
    return [
      legendKey("Equity", `${signed(value[i], digits)} ${unit}`, "accent"),
      legendKey("Below its peak", `${fixed(fall[i], digits)} ${unit}`, "loss"),
      ...(us === null ? [] : [element("span", {}, timeline.moment(us))]),
    ];
  });
}

function inventoryChart(box, timeline, market, state) {
  const lots = state.position_lots.map((v) => v * market.lot);
  const digits = decimalsOf(market.lot);
  return new Chart(box, timeline, 170, (chart) => {
    const [first, last] = visible(state.t, timeline.view);
    const [low, high] = range(lots, first, last);
    const room = Math.max(high, 0) - Math.min(low, 0) || market.lot;
    const y = chart.scale(Math.min(low, 0) - room * 0.08, Math.max(high, 0) + room * 0.08, 38 + chart.lift, chart.height - MARGIN.bottom - 4,
      (v, step) => fixed(v, Math.min(decimalsOf(Number(step.toPrecision(2))), 8)), 4);
    chart.unit(market.unit);
    chart.clip(34 + chart.lift, () => {
      drawSteps(chart, state.t, lots.map((v) => Math.max(v, 0)), y, { colour: "transparent", close: y(0), wash: color("gain-wash") });
      drawSteps(chart, state.t, lots.map((v) => Math.min(v, 0)), y, { colour: "transparent", close: y(0), wash: color("loss-wash") });
      drawSteps(chart, state.t, lots, y, { colour: color("soft"), width: 1.3 });
    });
  }, (chart, us) => {
    const i = us === null ? lots.length - 1 : rowAt(state.t, us);
    return i < 0 ? [] : [legendKey("Position", `${signed(lots[i], digits)} ${market.unit}`, "soft")];
  });
}

function priceChart(box, timeline, market, state, fills) {
  const mid = state.bid_ticks.map((bid, i) => (bid > 0 && state.ask_ticks[i] > 0 ? (bid + state.ask_ticks[i]) / 2 : NaN));
  const known = (v) => v > 0;
  const priceDigits = decimalsOf(market.tick), price = (ticks) => fixed(ticks * market.tick, priceDigits);
  let marks = [];
  return new Chart(box, timeline, 400, (chart) => {
    const { view } = timeline, [first, last] = visible(state.t, view);
    const from = lowerBound(fills.t, view[0]), to = lowerBound(fills.t, view[1] + 1);
    let [low, high] = range(mid, first, last, known);
    const [cheapest, dearest] = range(fills.price, from, to);
    low = Math.min(low, cheapest); high = Math.max(high, dearest);
    if (!(high >= low)) return;
    for (const own of [state.own_bid_ticks, state.own_ask_ticks]) {
      // Quotes belong to the picture as long as they leave the price most of it.
      const [a, b] = range(own, first, last, known), room = Math.max(high - low, 20) * 1.5;
      if (a > 0 && a > low - room) low = Math.min(low, a);
      if (b > 0 && b < high + room) high = Math.max(high, b);
    }
    const room = Math.max((high - low) * 0.05, 1);
    const y = chart.scale(low - room, high + room, 40 + chart.lift, chart.height - MARGIN.bottom - 6,
      (v, step) => fixed(v * market.tick, Math.min(priceDigits, decimalsOf(Number((step * market.tick).toPrecision(2))))), 7);
    chart.unit(market.quote);
    chart.clip(36 + chart.lift, () => {
      drawSteps(chart, state.t, state.own_bid_ticks, y, { colour: color("buy"), alpha: 0.55, width: 1, keep: known });
      drawSteps(chart, state.t, state.own_ask_ticks, y, { colour: color("sell"), alpha: 0.55, width: 1, keep: known });
      if (y(0) - y(1) > 3) {
        drawSteps(chart, state.t, state.bid_ticks, y, { colour: color("book"), alpha: 0.75, width: 1, keep: known });
        drawSteps(chart, state.t, state.ask_ticks, y, { colour: color("book"), alpha: 0.75, width: 1, keep: known });
      } else {
        drawSteps(chart, state.t, mid, y, { colour: color("book"), width: 1.3, keep: known });
      }
      marks = fillMarks(chart, fills, from, to, y);
      for (const mark of marks) drawMark(chart.pen, mark);
      if (marks.some((mark) => mark.n > 1)) drawSteps(chart, state.t, mid, y, { colour: color("soft"), width: 1, alpha: 0.8, keep: known });
    });
  }, (chart, us) => {
    const i = us === null ? -1 : rowAt(state.t, us);
    const shown = (values) => (i >= 0 && values[i] > 0 ? price(values[i]) : i >= 0 ? "\u2013" : null);
    const keys = [
      legendKey("Market", i >= 0 ? `${shown(state.bid_ticks)} / ${shown(state.ask_ticks)}` : null, "book"),
      legendKey("Our bid", shown(state.own_bid_ticks), "buy"), legendKey("Our ask", shown(state.own_ask_ticks), "sell"),
      legendKey("Bought", null, "buy", "up"), legendKey("Sold", null, "sell", "down"),
    ];
    const cursor = timeline.cursor;
    if (cursor && cursor.chart === chart) {
      const near = nearest(marks, cursor.x, cursor.y);
      if (near) keys.push(element("b", {}, describeMark(near, market, price)));
    }
    return keys;
  });
}

// One mark for each fill, or, where they lie closer than a few pixels, one for all of a side at their mean price.
function fillMarks(chart, fills, from, to, y) {
  const marks = [];
  if (to - from <= 900) {
    for (let i = from; i < to; i++) {
      marks.push({ x: chart.x(fills.t[i]), y: y(fills.price[i]), sell: fills.sell[i], hedge: fills.hedge[i], n: 1,
        lots: fills.lots[i], price: fills.price[i], size: 4.6 });
    }
    return marks;
  }
  const buckets = new Map(), width = 6;
  for (let i = from; i < to; i++) {
    const key = Math.floor(chart.x(fills.t[i]) / width) * 4 + fills.sell[i] + 2 * fills.hedge[i];
    let b = buckets.get(key);
    if (!b) buckets.set(key, b = { n: 0, lots: 0, paid: 0, us: 0 });
    b.n += 1; b.lots += fills.lots[i]; b.paid += fills.lots[i] * fills.price[i]; b.us += fills.t[i];
  }
  for (const [key, b] of buckets) {
    const price = b.paid / b.lots;
    marks.push({ x: chart.x(b.us / b.n), y: y(price), sell: key & 1, hedge: (key >> 1) & 1, n: b.n, lots: b.lots, price,
      size: Math.min(2.6 + Math.log2(b.n + 1) * 0.4, 5.5) });
  }
  return marks;
}

function drawMark(pen, { x, y, sell, hedge, size, n }) {
  const turn = sell ? 1 : -1;
  pen.beginPath();
  pen.moveTo(x, y); pen.lineTo(x - size, y - turn * size * 1.7); pen.lineTo(x + size, y - turn * size * 1.7); pen.closePath();
  pen.globalAlpha = n > 1 ? 0.6 : 0.95;
  pen.fillStyle = hedge ? color("sheet") : color(sell ? "sell" : "buy");
  pen.fill();
  pen.strokeStyle = hedge ? color(sell ? "sell" : "buy") : color("sheet");
  pen.lineWidth = hedge ? 1.4 : 0.8;
  pen.stroke();
  pen.globalAlpha = pen.lineWidth = 1;
}

function nearest(marks, x, y) {
  let best = null, distance = 14 * 14;
  for (const mark of marks) {
    const d = (mark.x - x) ** 2 + (mark.y - y) ** 2;
    if (d < distance) { best = mark; distance = d; }
  }
  return best;
}

function describeMark(mark, market, price) {
  const what = `${mark.hedge ? "hedge, " : ""}${mark.sell ? "sold" : "bought"} ${fixed(mark.lots * market.lot, decimalsOf(market.lot))} ${market.unit} at ${price(mark.price)}`;
  return mark.n > 1 ? `${mark.n} fills: ${what} on average` : what;
}
