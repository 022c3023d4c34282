// Step functions on a canvas: each value holds until the next row. Dense stretches are drawn as their extremes.

// Rows [first, last) of `t` that the view needs, the one before it included.
function visible(t, view) {
  return [Math.max(lowerBound(t, view[0]) - 1, 0), Math.min(lowerBound(t, view[1]) + 1, t.length)];
}

// The row that holds at a time, or -1.
function rowAt(t, us) {
  const at = lowerBound(t, us);
  return at < t.length && t[at] === us ? at : at - 1;
}

function range(values, first, last, keep = () => true) {
  let low = Infinity, high = -Infinity;
  for (let i = first; i < last; i++) {
    if (!keep(values[i])) continue;
    if (values[i] < low) low = values[i];
    if (values[i] > high) high = values[i];
  }
  return [low, high];
}

// Draws values (NaN or rejected by `keep`: a gap) from row to row; `close`: the pixel row that an area is filled down to.
function drawSteps(chart, t, values, y, { colour, width = 1.3, alpha = 1, keep = () => true, close = null, wash = null }) {
  const { pen } = chart, [first, last] = visible(t, chart.timeline.view);
  const end = Math.min(chart.x(t[t.length - 1]), MARGIN.left + chart.width);
  const line = new Path2D(), area = new Path2D();
  let open = false, px = 0, py = 0;
  const stop = (x) => {
    if (!open) return;
    line.lineTo(x, py);
    if (close !== null) { area.lineTo(x, py); area.lineTo(x, close); area.closePath(); }
    open = false;
  };
  const dense = last - first > 3 * chart.width;
  for (let i = first; i < last; i++) {
    const x = chart.x(t[i]);
    if (!keep(values[i])) { stop(x); continue; }
    let value = values[i], low = value, high = value;
    if (dense) {
      // All rows of this pixel column at once.
      while (i + 1 < last && keep(values[i + 1]) && chart.x(t[i + 1]) < x + 1) {
        value = values[++i];
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
    const py2 = y(value);
    if (!open) {
      line.moveTo(x, py2);
      if (close !== null) { area.moveTo(x, close); area.lineTo(x, py2); }
      open = true;
    } else {
      line.lineTo(x, py); line.lineTo(x, py2);
      if (close !== null) { area.lineTo(x, py); area.lineTo(x, py2); }
    }
    if (high > low) { line.moveTo(x, y(low)); line.lineTo(x, y(high)); line.moveTo(x, py2); }
    px = x; py = py2;
  }
  stop(Math.max(end, px));
  if (wash) { pen.fillStyle = wash; pen.fill(area); }
  pen.globalAlpha = alpha;
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.lineJoin = "round";
  pen.stroke(line);
  pen.globalAlpha = 1;
  pen.lineWidth = 1;
}
