"use strict";
// Columns of numbers: see pack.py for how they were made.

const ARRAYS = { i1: Int8Array, i2: Int16Array, i4: Int32Array, f8: Float64Array };

async function unpack(manifest, text) {
  const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const columns = {};
  let at = 0;
  for (const { name, type, count } of manifest) {
    const size = ARRAYS[type].BYTES_PER_ELEMENT;
    const plain = new Uint8Array(count * size);
    for (let b = 0; b < size; b++) {
      for (let i = 0; i < count; i++) plain[i * size + b] = bytes[at++];
    }
    const change = new ARRAYS[type](plain.buffer);
    const values = new Float64Array(count);
    let sum = 0;
    for (let i = 0; i < count; i++) values[i] = sum += change[i];
    columns[name] = values;
  }
  return columns;
}

function embedded(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

// The first place whose value is not below x.
function lowerBound(values, x) {
  let low = 0, high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < x) low = middle + 1; else high = middle;
  }
  return low;
}
