// What the pages have in common: elements, icons, numbers and canvases.
"use strict";

const ICONS = {
  back: '<path d="M14.5 5.5 8 12l6.5 6.5"/>',
  large: '<path d="M3 18 7.5 7 12 18M4.5 14.5h6M14 18l3-7 3 7M15 15.8h4"/>',
  theme: '<circle cx="12" cy="12" r="7.5"/><path class="solid" d="M12 4.5a7.5 7.5 0 0 1 0 15z"/>',
  help: '<circle cx="12" cy="12" r="8.5"/><path d="M9.7 9.6a2.4 2.4 0 1 1 3.4 2.2c-.8.4-1.1.9-1.1 1.7M12 16.6v.1"/>',
  first: '<path d="M6.5 6v12M17.5 6 10 12l7.5 6z"/>',
  previous: '<path d="M14.5 5.5 8 12l6.5 6.5"/>',
  next: '<path d="M9.5 5.5 16 12l-6.5 6.5"/>',
  loop: '<path d="M17 3.5 20 6.5l-3 3M4 11.5v-1a4 4 0 0 1 4-4h12M7 20.5 4 17.5l3-3M20 12.5v1a4 4 0 0 1-4 4H4"/>',
  play: '<path class="solid" d="M8.5 6v12l9-6z"/>',
  pause: '<path class="solid" d="M8 6.5h2.5v11H8zM13.5 6.5H16v11h-2.5z"/>',
  step: '<path d="M17.5 6v12M6.5 6v12l7.5-6z"/>',
  reset: '<path d="M5 12a7 7 0 1 0 2.2-5.1M4.5 4.5v3.7h3.7"/>',
  clock: '<circle cx="12" cy="12" r="7.75"/><path d="M12 7.5V12l3 2"/>',
  agent: '<rect x="5.5" y="8.5" width="13" height="9.5" rx="2.5"/><path d="M12 8.5V5.5M9.5 12.5v1.2M14.5 12.5v1.2"/><circle class="solid" cx="12" cy="5" r=".6"/>',
  download: '<path d="M12 4.5v10M7.5 10.5 12 15l4.5-4.5M5.5 18.5h13"/>',
};

const byId = (id) => document.getElementById(id);
const root = document.documentElement;

function show(number) {
  if (typeof number !== "number") return String(number);
  if (Number.isNaN(number)) return "–";
  if (Number.isInteger(number) && Math.abs(number) < 1e6) return String(number).replace("-", "−");
  const size = Math.abs(number);
  const text = size >= 1e5 || size < 1e-3 ? number.toExponential(2) : String(+number.toPrecision(4));
  return text.replaceAll("-", "−");
}

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "style") Object.entries(value).forEach(([k, v]) => made.style.setProperty(k, v));
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function setIcon(id, name = id) {
  byId(id).innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true">${ICONS[name]}</svg>`;
}

function fitted(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.max(Math.round(canvas.clientWidth * ratio), 1);
  const height = Math.max(Math.round(canvas.clientHeight * ratio), 1);
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  return { context: canvas.getContext("2d"), width, height, ratio };
}
