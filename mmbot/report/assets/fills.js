// The table of fills: only the rows in sight exist.

const ROW = 28, HEADS = ["Time (UTC)", "Market", "Side", "For", "As", "Price", "Quantity", "Fee", "Edge, bp", "5 s after", "Position"];
const FOR = ["quote", "hedge", "flatten"], NOT_REACHED = 1 << 30;

function fillTable(box, report, fills) {
  const shown = { rows: null };
  const scroll = element("div", { class: "grid-scroll", tabindex: "0", role: "table", "aria-label": "Fills" });
  const head = element("div", { class: "grid-head", role: "row" }, ...HEADS.map((h) => element("span", { role: "columnheader" }, h)));
  const body = element("div", { class: "grid-body", role: "rowgroup" });
  scroll.append(head, body);
  const counted = element("span", { class: "note" });

  const choose = (keep) => {
    const rows = [];
    for (let i = 0; i < fills.t.length; i++) if (keep(i)) rows.push(i);
    shown.rows = rows;
    body.style.height = rows.length * ROW + "px";
    scroll.setAttribute("aria-rowcount", String(rows.length));
    counted.textContent = `${rows.length.toLocaleString("en-US")} fills`;
    scroll.scrollTop = 0;
    render();
  };

  const render = () => {
    const first = Math.max(Math.floor((scroll.scrollTop - 40) / ROW) - 8, 0);
    const last = Math.min(first + Math.ceil(scroll.clientHeight / ROW) + 20, shown.rows.length);
    const out = [];
    for (let n = first; n < last; n++) {
      const row = element("div", { class: "grid-row", role: "row" }, ...cells(report, fills, shown.rows[n]));
      row.style.top = n * ROW + "px";
      out.push(row);
    }
    body.replaceChildren(...out);
  };

  scroll.addEventListener("scroll", () => requestAnimationFrame(render), { passive: true });
  const market = element("select", { "aria-label": "Market" }, element("option", { value: "-1" }, "All markets"),
    ...report.marketList.map((m) => element("option", { value: String(m.index) }, m.id)));
  const side = element("select", { "aria-label": "Side" }, ...["Both sides", "Buys", "Sells"].map((text, i) => element("option", { value: String(i) }, text)));
  const purpose = element("select", { "aria-label": "Purpose" }, ...["All purposes", "Quotes", "Hedges"].map((text, i) => element("option", { value: String(i) }, text)));
  const refresh = () => choose((i) => (market.value === "-1" || fills.market[i] === Number(market.value))
    && (side.value === "0" || (fills.kind[i] & 1) === Number(side.value) - 1)
    && (purpose.value === "0" || ((fills.kind[i] >> 2) === 0) === (purpose.value === "1")));
  for (const select of [market, side, purpose]) select.addEventListener("change", refresh);
  box.replaceChildren(scroll);
  refresh();
  new ResizeObserver(render).observe(scroll);
  return [counted, market, side, purpose];
}

function cells(report, fills, i) {
  const market = report.marketList[fills.market[i]], kind = fills.kind[i], sell = kind & 1;
  const sign = sell ? -1 : 1, ticks = fills.price_ticks[i];
  const bps = (midX2) => sign * (midX2 / 2 - ticks) / ticks * 1e4;
  const after = fills.after2[i] === NOT_REACHED || !fills.mid_x2[i] ? NaN : bps(fills.mid_x2[i] + fills.after2[i]);
  const edge = fills.mid_x2[i] ? bps(fills.mid_x2[i]) : NaN;
  const fee = fills.fee_e8[i] / 1e8;
  const cell = (text, css = "") => element("span", { role: "cell", class: css, title: text }, text);
  const tone = (v) => (v > 0 ? "gain" : v < 0 ? "loss" : "muted");
  return [
    cell(`${day(report.originMs, fills.t[i])} ${clock(report.originMs, fills.t[i], 6)}`), cell(market.id),
    cell(sell ? "sell" : "buy", sell ? "sell" : "buy"), cell(FOR[kind >> 2] || "", "muted"), cell(kind & 2 ? "maker" : "taker", "muted"),
    cell(fixed(ticks * market.tick, decimalsOf(market.tick))), cell(fixed(fills.qty_lots[i] * market.lot, decimalsOf(market.lot))),
    cell(`${fixed(fee, 6)} ${market.settle}`, fee < 0 ? "gain" : ""), cell(signed(edge, 2), tone(edge)), cell(signed(after, 2), tone(after)),
    cell(fixed(fills.position[i] * market.lot, decimalsOf(market.lot))),
  ];
}
