// Numbers and times as text, always in the same shape.

const MINUS = "\u2212";

function fixed(value, digits) {
  if (value === null || value === undefined || Number.isNaN(value)) return "\u2013";
  const text = Math.abs(value).toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return (value < 0 && /[1-9]/.test(text) ? MINUS : "") + text;
}

function signed(value, digits) {
  const text = fixed(value, digits);
  return value > 0 && /[1-9]/.test(text) ? "+" + text : text;
}

// As many digits as money of this size needs.
function moneyDigits(largest) {
  if (!(largest > 0)) return 2;
  return Math.max(2, Math.min(8, 2 - Math.floor(Math.log10(largest))));
}

function decimalsOf(step) {
  const text = String(step);
  if (text.includes("e-")) return Number(text.split("e-")[1]);
  return text.includes(".") ? text.replace(/0+$/, "").split(".")[1].length : 0;
}

function pad(number, width) {
  return String(Math.floor(number)).padStart(width, "0");
}

// `us`: microseconds since `originMs` (UTC); `digits`: of the second.
function clock(originMs, us, digits) {
  const ms = originMs + us / 1000;
  const date = new Date(Math.floor(ms));
  let text = `${pad(date.getUTCHours(), 2)}:${pad(date.getUTCMinutes(), 2)}:${pad(date.getUTCSeconds(), 2)}`;
  if (digits > 0) {
    const fraction = (ms / 1000 - Math.floor(ms / 1000)) * 1e6;
    text += "." + pad(Math.min(Math.round(fraction), 999999), 6).slice(0, digits);
  }
  return text;
}

function day(originMs, us) {
  return new Date(originMs + us / 1000).toISOString().slice(0, 10);
}

function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "class") node.className = value; else node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

function drawing(name, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

// Buttons of which one is chosen.
function choice(labels, chosen, onChange, name) {
  const group = element("div", { class: "seg", role: "group", "aria-label": name });
  labels.forEach((label, i) => {
    const button = element("button", { type: "button", "aria-pressed": String(i === chosen) }, label);
    button.addEventListener("click", () => {
      [...group.children].forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
      onChange(i);
    });
    group.append(button);
  });
  return group;
}

function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
}

function themeButton() {
  const button = document.getElementById("theme");
  const dark = () => (document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const label = () => { button.textContent = dark() ? "Light" : "Dark"; };
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    label();
    window.dispatchEvent(new Event("themechange"));
  });
  button.hidden = false;
  label();
}

// Runs `start`; the page says when it is done, or what went wrong.
function begin(start) {
  themeButton();
  start().then(() => { document.documentElement.dataset.ready = "yes"; }, (error) => {
    document.documentElement.dataset.ready = "failed";
    const trouble = document.getElementById("trouble");
    trouble.hidden = false;
    trouble.textContent = `The charts could not be drawn: ${error.message}. The tables are complete.`;
    console.error(error);
  });
}
