// The page of a training: lanes of the current policy, and how far the training is.
"use strict";

const font = JSON.parse(byId("font").textContent);
const HOLD_SECONDS = 0.7; // How long the end of an episode stays marked.
const MOST_WAITING = 2; // Clips; a page that is late leaves out older ones.
const training = { about: null, progress: null, isOver: false };
const clips = []; // Those that have not been shown.
let clip = null; // The one on view.
let frame = 0;
let clock = 0; // Seconds that belong to no frame yet.
let lane = null; // The one that is enlarged.
let curve = [];
let pictures = [];

// ---------------------------------------------------------------- The server

const socket = new WebSocket(`${location.href.replace(/^http/, "ws").replace(/[?#].*/, "")}watch`);
let reading = Promise.resolve(); // Clips are read one after another.

socket.addEventListener("message", ({ data }) => {
  const message = JSON.parse(data);
  if (message.type === "start") start(message);
  else if (message.type === "progress") showProgress(message);
  else if (message.type === "clip") reading = reading.then(() => receive(message));
  else if (message.type === "end") finish();
});

socket.addEventListener("close", finish);

async function receive(packed) {
  const reader = new Reader(await decompress(packed.recording));
  const scene = unpackScenes(reader, packed.scene);
  const ended = reader.read(packed.ended);
  const returns = reader.read(packed.return);
  clips.push({ frames: packed.frames, steps: packed.steps, scene, ended, returns });
  while (clips.length > MOST_WAITING) clips.shift();
  if (!clip) next();
}

function start(message) {
  training.about = message;
  curve = message.curve;
  document.title = byId("title").textContent = message.title;
  byId("about").textContent = "Training";
  showProgress(message);
  root.dataset.ready = "";
}

function finish() {
  if (training.isOver) return;
  training.isOver = true;
  byId("about").textContent = training.about
    ? "Training has ended; this is the last policy" : "Not connected";
  if (!clip) byId("waiting").textContent = "No policy was shown before training ended.";
}

// ---------------------------------------------------------------- Progress

function showProgress(progress) {
  const { numSteps } = training.about;
  const last = curve.at(-1);
  if (progress.steps > (last ? last[0] : 0)) curve.push([progress.steps, progress.return]);
  if (training.progress && progress.seconds > training.progress.seconds) {
    const seconds = progress.seconds - training.progress.seconds;
    const speed = (progress.steps - training.progress.steps) / seconds;
    // Smoothed, or nobody could read it.
    training.speed = training.speed ? 0.8 * training.speed + 0.2 * speed : speed;
  }
  training.progress = progress;
  const part = Math.min(progress.steps / numSteps, 1);
  byId("bar").firstElementChild.style.width = `${100 * part}%`;
  byId("bar").setAttribute("aria-valuenow", String(Math.round(100 * part)));
  byId("steps").textContent = brief(progress.steps);
  byId("return").textContent = show(progress.return ?? NaN);
  byId("speed").textContent = training.speed ? brief(training.speed) : "–";
  drawCurve();
}

function brief(number) {
  const units = [[1e9, "G"], [1e6, "M"], [1e3, "k"]];
  const [size, unit] = units.find(([least]) => number >= least) || [1, ""];
  return `${+(number / size).toPrecision(3)}${unit && `\u2009${unit}`}`;
}

function drawCurve() {
  const style = getComputedStyle(root);
  const { context, width, height, ratio } = fitted(byId("curve"));
  const points = curve.filter(([, number]) => number !== null);
  const numbers = points.map(([, number]) => number);
  let low = Math.min(0, ...numbers), high = Math.max(0, ...numbers);
  if (low === high) high = low + 1;
  const margin = 5 * ratio;
  const x = (steps) => margin + Math.min(steps / training.about.numSteps, 1) * (width - 2 * margin);
  const y = (number) => height - margin - ((number - low) / (high - low)) * (height - 2 * margin);
  context.clearRect(0, 0, width, height);
  context.fillStyle = style.getPropertyValue("--line");
  context.fillRect(0, Math.round(y(0)), width, ratio);
  context.strokeStyle = context.fillStyle = style.getPropertyValue("--accent");
  context.lineWidth = 1.75 * ratio;
  context.lineJoin = "round";
  context.beginPath();
  for (const [steps, number] of points) context.lineTo(x(steps), y(number));
  context.stroke();
  if (!points.length) return;
  const [steps, number] = points.at(-1);
  context.beginPath();
  context.arc(x(steps), y(number), 3.5 * ratio, 0, 2 * Math.PI);
  context.fill();
}

// ---------------------------------------------------------------- Lanes

function makeCards() {
  const shown = lane === null ? [...Array(training.about.lanes).keys()] : [lane];
  const [left, bottom, right, top] = clip.scene(0, 0).view;
  const aspect = Math.min(Math.max((right - left) / (top - bottom) || 1, 0.2), 6);
  pictures = shown.map((index) => {
    const canvas = element("canvas", { role: "img", "aria-label": `Picture of lane ${index}` });
    canvas.style.aspectRatio = aspect;
    const badge = element("span", { class: "badge" });
    const number = element("span", { title: "Return of this episode so far" });
    const caption = element("span", { class: "caption" }, element("span", {}, `lane ${index}`), number);
    const card = element(
      "button",
      { class: "card", title: lane === null ? "Enlarge" : "All lanes", onclick: () => enlarge(lane === null ? index : null) },
      element("span", { class: "picture" }, canvas, badge), caption,
    );
    return { index, canvas, badge, number, caption, card, aspect };
  });
  byId("lanes").replaceChildren(...pictures.map(({ card }) => card));
  byId("main").classList.toggle("one", lane !== null);
  byId("back").hidden = lane === null;
  byId("waiting").hidden = true;
  fit();
  draw();
}

function enlarge(index) {
  if (!clip) return;
  lane = training.about.lanes === 1 ? null : index;
  makeCards();
}

// The fewest columns with which all lanes are on the screen, if that is possible.
function fit() {
  if (!pictures.length) return;
  const { caption, aspect } = pictures[0];
  const grid = byId("lanes");
  const available = byId("main").clientHeight - 28;
  const width = byId("main").clientWidth - 2 * parseFloat(getComputedStyle(byId("main")).paddingLeft);
  if (pictures.length === 1) {
    const widest = Math.min((available - caption.offsetHeight - 2) * aspect, width);
    grid.style.setProperty("--columns", 1);
    grid.style.setProperty("--widest", `${widest}px`);
    grid.style.width = "100%";
    return;
  }
  const gap = parseFloat(getComputedStyle(grid).columnGap);
  const smallest = window.innerWidth <= 640 ? 100 : 150;
  const most = Math.max(Math.floor((width + gap) / (smallest + gap)), 1);
  let columns = 1;
  for (; columns < Math.min(most, pictures.length); columns++) {
    const height = ((width + gap) / columns - gap) / aspect + caption.offsetHeight + gap + 2;
    if (Math.ceil(pictures.length / columns) * height - gap <= available) break;
  }
  grid.style.setProperty("--columns", columns);
  grid.style.setProperty("--widest", "none");
}

function draw() {
  if (!clip) return;
  const reach = HOLD_SECONDS * training.about.framesPerSecond;
  for (const { index, canvas, badge, number } of pictures) {
    const { context, width, height } = fitted(canvas);
    drawScene(context, clip.scene(frame, index), font, width, height);
    number.textContent = show(clip.returns(frame, index)[0]);
    let end = 0, at = frame;
    for (; at >= 0 && frame - at <= reach && !end; at--) end = clip.ended(at, index)[0];
    badge.classList.toggle("shown", end > 0);
    if (!end) continue;
    const name = end & 1 ? "terminated" : "truncated";
    badge.classList.toggle("terminated", name === "terminated");
    const total = show(clip.returns(at + 1, index)[0]);
    // A small picture has no room for more.
    badge.textContent = canvas.clientWidth < 160 ? total : `${name} · ${total}`;
  }
}

// ---------------------------------------------------------------- Playback

// The next clip; none, and the last frame stays, if it has not come. When training is
// over, the last one is repeated.
function next() {
  if (clips.length) clip = clips.shift();
  else if (!training.isOver) return false;
  frame = 0;
  byId("age").textContent = `${brief(clip.steps)} steps`;
  if (pictures.length) draw();
  else makeCards();
  return true;
}

// While the training runs, it and the page may share a processor: draw less often.
const DRAWINGS_PER_SECOND = 20;

let before = 0, drawn = 0;

function tick(now) {
  requestAnimationFrame(tick);
  // A page that was hidden for a while goes on where it was.
  clock += Math.min((now - before) / 1000, 0.25);
  before = now;
  if (!clip) return;
  const duration = 1 / training.about.framesPerSecond;
  let isNew = false;
  for (; clock >= duration; clock -= duration) {
    if (frame < clip.frames - 1) frame++;
    else if (!next()) clock = duration;
    isNew = true;
  }
  if (!isNew || (!training.isOver && now - drawn < 1000 / DRAWINGS_PER_SECOND)) return;
  drawn = now;
  draw();
}

function setTheme(theme) {
  root.dataset.theme = theme;
  draw();
  if (training.about) drawCurve();
}

function toggleLarge() {
  const isOn = !("large" in root.dataset);
  if (isOn) root.dataset.large = "";
  else delete root.dataset.large;
  byId("large").setAttribute("aria-pressed", String(isOn));
}

const COMMANDS = {
  Escape: () => enlarge(null),
  l: toggleLarge,
  t: () => setTheme(root.dataset.theme === "dark" ? "light" : "dark"),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const command = COMMANDS[event.key] || COMMANDS[event.key.toLowerCase()];
  if (command) command();
});
byId("back").addEventListener("click", () => enlarge(null));
byId("large").addEventListener("click", toggleLarge);
byId("theme").addEventListener("click", COMMANDS.t);
new ResizeObserver(() => {
  fit();
  draw();
  if (training.about) drawCurve();
}).observe(byId("main"));

const darkScheme = window.matchMedia("(prefers-color-scheme: dark)");
setTheme(darkScheme.matches ? "dark" : "light");
darkScheme.addEventListener("change", () => setTheme(darkScheme.matches ? "dark" : "light"));
for (const id of ["back", "large", "theme"]) setIcon(id);
requestAnimationFrame(tick);
