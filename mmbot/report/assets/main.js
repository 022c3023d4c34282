// Puts the page together once the columns are unpacked.

function columnsOf(columns, prefix) {
  const found = {};
  for (const [name, values] of Object.entries(columns)) if (name.startsWith(prefix)) found[name.slice(prefix.length)] = values;
  return found;
}

function fillsOf(fills, index) {
  const places = [];
  for (let i = 0; i < fills.t.length; i++) if (fills.market[i] === index) places.push(i);
  const pick = (column) => Float64Array.from(places, (i) => fills[column][i]);
  return { t: pick("t"), price: pick("price_ticks"), lots: pick("qty_lots"), sell: places.map((i) => fills.kind[i] & 1),
    hedge: places.map((i) => ((fills.kind[i] >> 2) ? 1 : 0)) };
}

function showRun(report, columns) {
  const timeline = new Timeline(report.originMs, (report.run.end_ns - report.run.start_ns) / 1000);
  window.addEventListener("themechange", () => timeline.redraw());
  const fills = columnsOf(columns, "fill.");
  const assets = Object.keys(report.assets), box = (id) => document.getElementById(id);
  const empty = () => element("div");

  const equityBox = box("equity");
  const showEquity = (i) => {
    timeline.charts = timeline.charts.filter((chart) => chart.box.parentNode && chart.box.parentNode !== equityBox);
    equityBox.replaceChildren(element("div", { class: "chart" }));
    equityChart(equityBox.firstChild, timeline, columnsOf(columns, `equity.${assets[i]}.`), assets[i]);
  };
  if (assets.length) showEquity(0);
  box("equity-controls").append(...(assets.length > 1 ? [choice(assets, 0, showEquity, "Settle asset")] : []), timeline.controls());

  const marketBox = box("market");
  const showMarket = (i) => {
    const market = report.marketList[i], state = columnsOf(columns, `state.${market.index}.`);
    timeline.charts = timeline.charts.filter((chart) => chart.box.parentNode && chart.box.parentNode !== marketBox);
    const [price, inventory] = [element("div", { class: "chart" }), element("div", { class: "chart" })];
    marketBox.replaceChildren(price, inventory);
    priceChart(price, timeline, market, state, fillsOf(fills, market.index));
    inventoryChart(inventory, timeline, market, state);
  };
  if (report.marketList.length) showMarket(0);
  if (report.marketList.length > 1) box("market-controls").append(choice(report.marketList.map((m) => m.id), 0, showMarket, "Market"));
  box("market-controls").append(timeline.controls());

  showParts(report, box);
  if (fills.t.length) box("fills-controls").append(...fillTable(box("fills"), report, fills));
  return empty;
}

function showParts(report, box) {
  const scopes = [
    ...Object.entries(report.assets).map(([asset, found]) => ({ name: `All in ${asset}`, pnl: found.pnl, asset })),
    ...(report.marketList.length > 1 ? report.marketList.map((m) => ({ name: m.id, pnl: report.markets[m.id].pnl, asset: m.settle })) : []),
  ];
  const now = { scope: 0, horizon: 2 };
  const draw = () => {
    const { pnl, asset } = scopes[now.scope];
    waterfall(box("waterfall"), report.parts, pnl, now.horizon, asset);
  };
  if (!scopes.length) return;
  const labels = scopes[0].pnl.by_horizon.map((split) => `${split.horizon_s} s`);
  const scope = element("select", { "aria-label": "Of" }, ...scopes.map((s, i) => element("option", { value: String(i) }, s.name)));
  scope.addEventListener("change", () => { now.scope = Number(scope.value); draw(); });
  box("parts-controls").append(scope, choice(labels, now.horizon, (i) => { now.horizon = i; draw(); }, "Adverse selection until"));
  draw();
  const makers = report.marketList.filter((m) => report.markets[m.id].fills.quote_fills > 0);
  const curve = (i) => markOuts(box("markouts"), report.markets[makers[i].id].mark_outs);
  if (makers.length > 1) box("markout-controls").append(choice(makers.map((m) => m.id), 0, curve, "Market"));
  if (makers.length) curve(0);
}

async function start() {
  const report = embedded("report"), data = embedded("columns");
  report.originMs = report.run.start_ns / 1e6;
  report.marketList = Object.entries(report.markets).map(([id, m], index) => ({ id, index, settle: m.settle_asset,
    tick: Number(m.instrument.tick_size), lot: report.units[index].lot, unit: report.units[index].name, quote: m.instrument.quote_asset }));
  showRun(report, await unpack(data.manifest, data.text));
}

begin(start);
