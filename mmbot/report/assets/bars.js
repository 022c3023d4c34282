// Drawings in SVG: the waterfall of the PnL's parts, and mark-outs by horizon.

const PART_NAMES = { spread: "Spread captured", adverse_selection: "Adverse selection", inventory: "Inventory", hedge: "Hedge slippage",
  fees_paid: "Fees paid", rebates: "Rebates", funding: "Funding" };

function waterfall(box, parts, pnl, horizon, asset) {
  const split = pnl.by_horizon[horizon];
  const amounts = parts.map((part) => (part in split ? 0 : 0) || Number(part + "_e8" in split ? split[part + "_e8"] : pnl[part + "_e8"]) / 1e8);
  const total = Number(pnl.total_e8) / 1e8;
  let sum = 0, low = 0, high = 0;
  const rows = parts.map((part, i) => {
    const from = sum;
    sum += amounts[i];
    low = Math.min(low, sum); high = Math.max(high, sum);
    return { name: PART_NAMES[part] || part, from, to: sum, amount: amounts[i] };
  });
  rows.push({ name: "Total", from: 0, to: total, amount: total, total: true });
  const digits = moneyDigits(Math.max(...rows.map((row) => Math.abs(row.amount))));
  const narrow = window.innerWidth < 560;
  const width = narrow ? 340 : 540, label = narrow ? 122 : 138, number = narrow ? 72 : 104, left = label, right = width - number, height = 34;
  const x = (v) => (high > low ? left + (v - low) / (high - low) * (right - left) : left);
  const svg = drawing("svg", { viewBox: `0 0 ${width} ${rows.length * height + 6}`, width: "100%", role: "img",
    "aria-label": `Parts of the PnL in ${asset}` });
  svg.append(drawing("line", { x1: x(0), x2: x(0), y1: 0, y2: rows.length * height + 4, stroke: "var(--line)" }));
  rows.forEach((row, i) => {
    const top = i * height + (row.total ? 6 : 0), a = Math.min(x(row.from), x(row.to)), b = Math.max(x(row.from), x(row.to));
    if (row.total) svg.append(drawing("line", { x1: 0, x2: width, y1: top - 2, y2: top - 2, stroke: "var(--line)" }));
    const name = drawing("text", { x: 0, y: top + 21, class: row.total ? "" : "soft" }, row.name);
    const colour = row.amount > 0 ? "var(--gain)" : row.amount < 0 ? "var(--loss)" : "var(--faint)";
    const bar = drawing("rect", { x: a, y: top + 8, width: Math.max(b - a, 1.5), height: 18, rx: 2.5, fill: colour, opacity: row.total ? 1 : 0.82 });
    bar.append(drawing("title", {}, `${row.name}: ${signed(row.amount, 8)} ${asset}`));
    const text = drawing("text", { x: width, y: top + 21, class: "num" }, signed(row.amount, digits));
    if (row.total) { name.setAttribute("font-weight", "600"); text.setAttribute("font-weight", "600"); }
    svg.append(name, bar, text);
    if (i + 1 < rows.length - 1) {
      svg.append(drawing("line", { x1: x(row.to), x2: x(row.to), y1: top + 26, y2: top + height + 8, stroke: "var(--faint)", "stroke-dasharray": "1 2" }));
    }
  });
  box.replaceChildren(svg);
}

function markOuts(box, curves) {
  const shift = window.innerWidth < 560 ? 5 : 9;
  const series = [["all", "All", "ink", 0], ["buy", "Buys", "buy", -shift], ["sell", "Sells", "sell", shift]];
    const narrow = window.innerWidth < 560, apart = narrow ? 56 : 76;
  const width = narrow ? 340 : 560, height = 300, left = narrow ? 34 : 46, right = width - 8, top = 34, bottom = height - 46;
  const ends = [0];
  for (const [key] of series) {
    for (const p of curves[key]) if (p.mean_bps !== null) ends.push(p.mean_bps - 1.96 * (p.error_bps || 0), p.mean_bps + 1.96 * (p.error_bps || 0));
  }
  let low = Math.min(...ends), high = Math.max(...ends);
  const room = (high - low || 1) * 0.06;
  low -= room; high += room;
  const points = curves.all, x = (i) => left + (i + 0.5) / points.length * (right - left);
  const y = (v) => bottom - (v - low) / (high - low) * (bottom - top);
  const svg = drawing("svg", { viewBox: `0 0 ${width} ${height}`, width: "100%", role: "img", "aria-label": "Mark-outs by horizon, basis points" });
  const rough = (high - low) / 5, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= rough);
  for (let v = Math.ceil(low / step) * step; v <= high; v += step) {
    const zero = Math.abs(v) < step * 1e-6;
    svg.append(drawing("line", { x1: left, x2: right, y1: y(v), y2: y(v), stroke: zero ? "var(--faint)" : "var(--hair)" }));
    svg.append(drawing("text", { x: left - 8, y: y(v) + 4, class: "num soft" }, fixed(zero ? 0 : v, decimalsOf(Number(step.toPrecision(2))))));
  }
  points.forEach((p, i) => {
    svg.append(drawing("text", { x: x(i), y: bottom + 20, class: "soft", "text-anchor": "middle" }, p.horizon_s === 0 ? "at fill" : `${p.horizon_s} s`));
    svg.append(drawing("text", { x: x(i), y: bottom + 37, class: "soft", "text-anchor": "middle", opacity: 0.7 }, p.fills.toLocaleString("en-US")));
  });
  series.forEach(([key, name, colour, aside], n) => {
    const seen = curves[key].map((p, i) => ({ ...p, x: x(i) + aside })).filter((p) => p.mean_bps !== null);
    const stroke = `var(--${colour})`;
    if (seen.length) svg.append(drawing("polyline", { points: seen.map((p) => `${p.x},${y(p.mean_bps)}`).join(" "), fill: "none", stroke, "stroke-width": key === "all" ? 2 : 1.2, opacity: key === "all" ? 1 : 0.8 }));
    for (const p of seen) {
      const half = 1.96 * (p.error_bps || 0);
      if (half) svg.append(drawing("line", { x1: p.x, x2: p.x, y1: y(p.mean_bps - half), y2: y(p.mean_bps + half), stroke, "stroke-width": 1.2, opacity: 0.65 }));
      const dot = drawing("circle", { cx: p.x, cy: y(p.mean_bps), r: key === "all" ? 3.6 : 2.8, fill: stroke });
      dot.append(drawing("title", {}, `${name}, ${p.horizon_s ? p.horizon_s + " s after" : "at the fill"}: ${signed(p.mean_bps, 3)} bp, error ${fixed(p.error_bps, 3)}, ${p.fills} fills`));
      svg.append(dot);
    }
    svg.append(drawing("circle", { cx: left + 6 + n * apart, cy: 13, r: 4, fill: stroke }), drawing("text", { x: left + 16 + n * apart, y: 17 }, name));
  });
  svg.append(drawing("text", { x: right, y: 17, class: "num soft" }, "bp in our favour"));
  box.replaceChildren(svg);
}
