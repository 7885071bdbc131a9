// The page of a game: the server has the environment, this shows it and says what to do.
"use strict";

const font = JSON.parse(byId("font").textContent);
const game = {
  about: null, // What the server said at the start.
  view: null, // Where the game is.
  isRealTime: false,
  isPlaying: false,
  isReady: true, // Whether the episode has not begun: the first action starts the clock.
  hasAgent: false, // Whether the agent plays.
  speed: 1,
};
const held = []; // The buttons that are held down; the last one counts.
let tapped = null; // One that was let go before the clock ticked.
let lever = null; // The action at the lever while it is held.
let numIdle = 0;
let sinceStep = 0; // Seconds.
let defaults = []; // The parameters at the start.

// ---------------------------------------------------------------- The server

const socket = new WebSocket(`${location.href.replace(/^http/, "ws").replace(/[?#].*/, "")}game`);
const waiting = []; // What to do with the answers that have not come yet.

function ask(message) {
  return new Promise((resolve) => {
    waiting.push(resolve);
    socket.send(JSON.stringify(message));
  });
}

socket.addEventListener("message", ({ data }) => {
  const answer = JSON.parse(data);
  if (answer.type === "start") {
    start(answer);
    return;
  }
  if (answer.type === "error") complain(answer.message);
  else if (answer.type !== "file") {
    byId("problem").hidden = true;
    game.view = answer;
    remember(answer);
    draw();
  }
  waiting.shift()(answer);
});

socket.addEventListener("close", () => {
  pause();
  document.querySelectorAll("button, input, select").forEach((one) => {
    if (!["large", "theme", "help"].includes(one.id)) one.disabled = true;
  });
  complain("The server has stopped. Start eqenvs play again, and open the address that it prints.");
  byId("about").textContent = "Not connected";
});

function complain(message) {
  byId("problem").textContent = message;
  byId("problem").hidden = false;
}

// ---------------------------------------------------------------- Drawing

function draw() {
  const { view } = game;
  if (!view) return;
  const { context, width, height } = fitted(byId("picture"));
  drawScene(context, view.scene, font, width, height);
  byId("step-number").textContent = show(view.step);
  byId("reward").textContent = view.step ? show(view.reward ?? NaN) : "–";
  byId("return").textContent = show(view.return ?? NaN);
  byId("episode").textContent = show(view.episode);
  const badge = byId("badge");
  badge.textContent = view.ended.join(" and ");
  badge.classList.toggle("shown", isOver());
  badge.classList.toggle("terminated", view.ended.includes("terminated"));
  byId("download").disabled = view.step === 0;
  drawCharts();
  markActions();
  showHint();
}

function isOver() {
  return game.view.ended.length > 0;
}

function showHint() {
  const isTouch = window.matchMedia("(pointer: coarse)").matches;
  const isStart = game.isReady && !isOver();
  let text = "";
  if (isOver()) {
    const total = show(game.view.return ?? NaN);
    text = `Return ${total}. ${isTouch ? "Start over" : "Press Enter"} for the next episode.`;
  } else if (game.hasAgent) text = game.isPlaying ? "The agent plays." : "The agent waits for you to press play.";
  else if (!game.isRealTime) text = "Each action is one step.";
  else if (isStart) text = "Your first action starts the clock.";
  else if (!game.isPlaying) text = "Paused. Each action is one step.";
  else text = "The clock is running.";
  if (byId("hint").textContent !== text) byId("hint").textContent = text;
  byId("hint").classList.toggle("urgent", isOver());
}

function markActions() {
  const { action } = game.view;
  document.querySelectorAll(".action").forEach((button) => {
    const isHeld = held.some((one) => one === button.control);
    button.classList.toggle("held", isHeld);
    button.classList.toggle("taken", game.hasAgent && action === button.control?.action);
  });
  const input = byId("lever");
  if (input && lever === null) setSlider(input, game.hasAgent ? action : chosen() ?? 0);
}

// The largest picture with which everything else on its side is on the screen, too.
function fit() {
  if (!game.view) return;
  const [left, bottom, right, top] = game.view.scene.view;
  const aspect = Math.min(Math.max((right - left) / (top - bottom) || 1, 0.3), 5);
  byId("picture").style.aspectRatio = aspect;
  const isNarrow = window.innerWidth <= 640;
  const belowPicture = byId("figure").offsetHeight - byId("picture").offsetHeight;
  const below = belowPicture + byId("actions").offsetHeight + 44;
  const tallest = byId("main").clientHeight - below;
  const widest = Math.max(tallest, isNarrow ? 200 : 240) * aspect;
  byId("figure").style.width = `min(100%, ${Math.max(widest, 300)}px)`;
  // Charts stand below where there is room for them: below a wide picture.
  const rem = parseFloat(getComputedStyle(root).fontSize);
  const used = byId("figure").offsetHeight + byId("actions").offsetHeight;
  byId("charts").hidden = isNarrow || byId("main").clientHeight - used < 10.5 * rem;
  // On a phone it stays in sight beside the sliders, if that leaves room for them.
  byId("left").classList.toggle("low", byId("left").offsetHeight < 0.55 * byId("main").clientHeight);
}

// ---------------------------------------------------------------- Charts

const MOST_POINTS = 2000;
const charts = ["reward", "return", "action"].map((name, i) => {
  const canvas = element("canvas", { role: "img", "aria-label": `${name} over time` });
  const figure = element("figure", {}, element("figcaption", {}, element("span", {}, name)), canvas);
  return { name, canvas, figure, color: `--line-${i}` };
});
let past = []; // The views of this episode, as far as the charts show them.

function remember(view) {
  if (view.step === 0) past = [];
  else if (view.step !== past.at(-1)?.step) {
    past.push({ step: view.step, reward: view.reward, return: view.return, action: view.action });
  }
  if (past.length > MOST_POINTS) past.shift();
}

function drawCharts() {
  if (byId("charts").hidden) return;
  const style = getComputedStyle(root);
  for (const { name, canvas, color } of charts) {
    const { context, width, height, ratio } = fitted(canvas);
    const numbers = past.map((view) => view[name]).filter((number) => number !== null);
    const low = Math.min(0, ...numbers);
    const high = Math.max(low < 0 ? 0 : low + 1e-9, ...numbers);
    const margin = 3 * ratio;
    // The first steps do not fill the chart: it would shrink all the time.
    const x = (i) => margin + (i / Math.max(numbers.length - 1, 100)) * (width - 2 * margin);
    const y = (number) => height - margin - ((number - low) / (high - low)) * (height - 2 * margin);
    context.clearRect(0, 0, width, height);
    context.fillStyle = style.getPropertyValue("--line");
    context.fillRect(0, Math.round(y(0)), width, ratio);
    context.strokeStyle = context.fillStyle = style.getPropertyValue(color);
    context.lineWidth = 1.5 * ratio;
    context.lineJoin = "round";
    context.beginPath();
    if (name === "action" && game.about.controls.size !== null) {
      // Lines between them would fill the chart, and mean nothing.
      context.globalAlpha = 0.7;
      numbers.forEach((number, i) => context.fillRect(x(i) - ratio, y(number) - ratio, 2 * ratio, 2 * ratio));
      context.globalAlpha = 1;
    } else numbers.forEach((number, i) => {
      if (name !== "return" && i) context.lineTo(x(i), y(numbers[i - 1]));
      context.lineTo(x(i), y(number));
    });
    context.stroke();
    if (numbers.length) {
      context.beginPath();
      context.arc(x(numbers.length - 1), y(numbers.at(-1)), 3 * ratio, 0, 2 * Math.PI);
      context.fill();
    }
  }
}

// ---------------------------------------------------------------- The clock

function runsByItself() {
  return game.isRealTime || game.hasAgent;
}

// What a person wants to do now; null if nothing, and there is no action for that.
function chosen() {
  if (lever !== null) return lever;
  const control = held.at(-1) ?? tapped;
  if (control) return control.action;
  const { idle } = game.about.controls;
  return idle.length ? idle[numIdle % idle.length] : null;
}

async function step() {
  if (waiting.length || isOver()) return;
  const action = game.hasAgent ? null : chosen();
  if (action === null && !game.hasAgent) return;
  numIdle++;
  tapped = null;
  sinceStep = 0;
  game.isReady = false;
  const answer = await ask({ type: "step", action });
  if (answer.type === "error" || isOver()) pause();
}

let before = 0;

function tick(now) {
  requestAnimationFrame(tick);
  const seconds = Math.min((now - before) / 1000, 0.25);
  before = now;
  if (!game.isPlaying || !runsByItself()) return;
  const duration = 1 / (game.about.framesPerSecond * game.speed);
  sinceStep += seconds;
  if (sinceStep < duration || waiting.length) return;
  const late = Math.min(sinceStep - duration, duration);
  step();
  sinceStep = late;
}

function play() {
  if (!runsByItself()) return;
  if (isOver()) {
    reset().then(play);
    return;
  }
  game.isPlaying = true;
  game.isReady = false;
  sinceStep = 0;
  showPlay();
}

function pause() {
  game.isPlaying = false;
  showPlay();
}

function showPlay() {
  const name = game.isPlaying ? "Pause" : "Play";
  setIcon("play", name.toLowerCase());
  byId("play").setAttribute("aria-label", name);
  byId("play").title = `${name} (P)`;
  byId("play").disabled = !runsByItself();
  if (game.view) draw();
}

async function reset() {
  pause();
  game.isReady = true;
  numIdle = 0;
  await ask({ type: "reset" });
}

function single() {
  pause();
  game.isReady = false;
  step();
}

function setRealTime(isOn) {
  game.isRealTime = isOn;
  byId("mode").setAttribute("aria-pressed", String(isOn));
  byId("speed").disabled = !runsByItself();
  if (!runsByItself()) game.isPlaying = false;
  showPlay();
}

function setAgent(isOn) {
  if (!game.about.hasAgent) return;
  game.hasAgent = isOn;
  byId("agent").setAttribute("aria-pressed", String(isOn));
  byId("speed").disabled = !runsByItself();
  if (isOn && !isOver()) play();
  else if (!runsByItself()) pause();
  else showPlay();
}

// ---------------------------------------------------------------- Actions

function press(control) {
  if (isOver()) return;
  if (game.hasAgent) setAgent(false); // Taken back.
  held.push(control);
  if (runsByItself() && (game.isPlaying || game.isReady)) {
    if (!game.isPlaying) play();
    tapped = control;
    markActions();
  } else step();
}

function letGo(control) {
  const index = held.indexOf(control);
  if (index >= 0) held.splice(index, 1);
  if (game.view) markActions();
}

const KEY_NAMES = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", " ": "space" };
const nameOfKey = (key) => KEY_NAMES[key] || key.toUpperCase();

function makeActions() {
  const { buttons, low, high, size } = game.about.controls;
  const made = buttons.map((control) => {
    const keys = control.keys.slice(0, 1).map((key) => element("kbd", {}, nameOfKey(key)));
    const name = element("span", {}, control.name);
    const isSame = keys.length && keys[0].textContent === control.name;
    const button = element("button", { class: "action" }, name, ...(isSame ? [] : keys));
    button.control = control;
    button.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      button.setPointerCapture(event.pointerId);
      press(control);
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      button.addEventListener(end, () => letGo(control));
    }
    button.addEventListener("keydown", (event) => {
      if (!["Enter", " "].includes(event.key) || event.repeat) return;
      event.preventDefault();
      event.stopPropagation();
      press(control);
      letGo(control);
    });
    button.addEventListener("contextmenu", (event) => event.preventDefault());
    return button;
  });
  if (low !== null) made.splice(1, 0, makeLever(low, high));
  if (size !== null && size > buttons.length) made.push(makeNumber(size));
  byId("actions").replaceChildren(...made);
  const rows = buttons.slice(0, 12).flatMap(({ name, keys }) => [
    element("dt", {}, ...keys.flatMap((key) => [element("kbd", {}, nameOfKey(key)), " "])),
    element("dd", {}, size !== null && name !== String(+name) ? name : `action ${name}`),
  ]);
  byId("action-keys").replaceChildren(...rows);
}

function makeLever(low, high) {
  const input = element("input", {
    id: "lever", class: "slider", type: "range", min: low, max: high,
    step: (high - low) / 200, "aria-label": "Action", title: "Drag for anything in between",
  });
  input.addEventListener("input", () => {
    lever = +input.value;
    setSlider(input, lever);
    if (game.hasAgent) setAgent(false);
    if (game.isRealTime && game.isReady) play();
  });
  const release = () => {
    if (lever !== null && !game.isPlaying && !isOver()) step();
    lever = null;
    markActions();
  };
  for (const end of ["change", "pointerup", "pointercancel"]) input.addEventListener(end, release);
  return input;
}

function makeNumber(size) {
  const input = element("input", {
    id: "number", type: "number", min: 0, max: size - 1, placeholder: `0 to ${size - 1}`,
    "aria-label": "Action",
  });
  input.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key !== "Enter" || input.value === "") return;
    const control = { action: Math.round(+input.value) };
    press(control);
    letGo(control);
  });
  return input;
}

// ---------------------------------------------------------------- Parameters

function setSlider(input, value) {
  input.value = value;
  const filled = (input.value - input.min) / (input.max - input.min);
  input.style.setProperty("--filled", `${100 * Math.min(Math.max(filled, 0), 1)}%`);
}

const keyOf = (parameter) => parameter.path.join(".");

function makeParameters(parameters) {
  const owners = [...new Set(parameters.map(({ path }) => path.slice(0, -1).join(".")))];
  const sections = owners.map((owner) => {
    const own = parameters.filter(({ path }) => path.slice(0, -1).join(".") === owner);
    const name = owners.length > 1 ? own[0].owner : "parameters";
    const undo = element("button", { type: "button", class: "undo-all", hidden: "", onclick: undoAll }, "undo all");
    const heading = element("h3", {}, element("span", {}, name), ...(owner === owners[0] ? [undo] : []));
    const sliders = own.filter((parameter) => "step" in parameter).map(makeSlider);
    const fixed = own.filter((parameter) => !("step" in parameter)).map(({ name, value, description }) =>
      element("div", { class: "fixed", title: `${description} It is chosen when eqenvs play starts.` },
        element("span", {}, name), element("span", {}, String(value))));
    return element("section", {}, heading, ...sliders, ...fixed);
  });
  byId("panel").replaceChildren(...sections);
}

function makeSlider(parameter) {
  const id = keyOf(parameter);
  const slider = element("input", {
    class: "slider", type: "range", min: parameter.low, max: parameter.high, step: parameter.step,
    "aria-label": parameter.name,
  });
  const number = element("input", { id, type: "text", inputmode: "decimal", autocomplete: "off", spellcheck: "false" });
  const holder = element(
    "div", { class: "parameter", "data-parameter": id },
    element("div", { class: "line" },
      element("label", { for: id }, parameter.name), number, element("span", { class: "unit" }, parameter.unit)),
    slider,
    element("p", {}, parameter.description),
  );
  setSlider(slider, parameter.value);
  number.value = written(parameter.value);
  slider.addEventListener("input", () => {
    setSlider(slider, slider.value);
    number.value = written(+slider.value);
    changeSoon(parameter.path, +slider.value);
  });
  number.addEventListener("change", () => {
    const value = Number(number.value.replace("−", "-"));
    changeSoon(parameter.path, Number.isFinite(value) && number.value.trim() ? value : number.value);
  });
  number.addEventListener("keydown", (event) => event.key === "Enter" && number.blur());
  return holder;
}

function written(number) {
  return String(number).replace("-", "−");
}

const wanted = new Map(); // Changes that are to be sent; the last one of each counts.
let isChanging = false;

async function changeSoon(path, value) {
  wanted.set(path.join("."), { path, value });
  if (isChanging) return;
  isChanging = true;
  while (wanted.size) {
    const [key, change] = wanted.entries().next().value;
    wanted.delete(key);
    const answer = await ask({ type: "change", ...change });
    if (answer.type === "changed") {
      const old = JSON.stringify(game.about.controls);
      game.about.controls = answer.controls;
      game.about.parameters = answer.parameters;
      if (old !== JSON.stringify(answer.controls)) makeActions();
    }
    showParameters();
  }
  isChanging = false;
}

function showParameters() {
  let anyChanged = false;
  game.about.parameters.forEach((parameter, i) => {
    const holder = document.querySelector(`[data-parameter="${CSS.escape(keyOf(parameter))}"]`);
    if (!holder || wanted.has(keyOf(parameter))) return;
    const isChanged = parameter.value !== defaults[i].value;
    anyChanged ||= isChanged;
    holder.classList.toggle("changed", isChanged);
    const [number, slider] = [holder.querySelector("[type=text]"), holder.querySelector("[type=range]")];
    // One that was typed may lie beyond.
    slider.min = Math.min(defaults[i].low, parameter.value);
    slider.max = Math.max(defaults[i].high, parameter.value);
    if (slider.matches(":active")) return;
    setSlider(slider, parameter.value);
    // What is being typed stays.
    if (number !== document.activeElement) number.value = written(parameter.value);
  });
  document.querySelectorAll(".undo-all").forEach((button) => (button.hidden = !anyChanged));
}

function undoAll() {
  game.about.parameters.forEach(({ path, value }, i) => {
    if (value !== defaults[i].value) changeSoon(path, defaults[i].value);
  });
}

// ---------------------------------------------------------------- The page

async function download() {
  const { type, name, content } = await ask({ type: "download" });
  if (type !== "file") return;
  const address = URL.createObjectURL(new Blob([content], { type: "text/html" }));
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

function setTheme(theme) {
  root.dataset.theme = theme;
  draw();
}

function toggleLarge() {
  const isOn = !("large" in root.dataset);
  if (isOn) root.dataset.large = "";
  else delete root.dataset.large;
  byId("large").setAttribute("aria-pressed", String(isOn));
}

const COMMANDS = {
  p: () => (game.isPlaying ? pause() : play()),
  n: single,
  r: reset,
  Enter: () => isOver() && reset(),
  m: () => setRealTime(!game.isRealTime),
  g: () => setAgent(!game.hasAgent),
  l: toggleLarge,
  t: () => setTheme(root.dataset.theme === "dark" ? "light" : "dark"),
  "?": () => byId("keys").showModal(),
};

function controlOf(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return game.about.controls.buttons.find(({ keys }) => keys.includes(key));
}

function onKeyDown(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("keys").open) return;
  if (event.target.matches("select, [type=text], [type=number]")) return;
  const isPressed = [" ", "Enter"].includes(event.key) && event.target.closest("button");
  const isMoved = event.key.startsWith("Arrow") && event.target.matches("[type=range]");
  if (isPressed || isMoved) return;
  const control = controlOf(event);
  const command = COMMANDS[event.key] || COMMANDS[event.key.toLowerCase()] || (event.key === " " && COMMANDS.p);
  if (!control && !command) return;
  event.preventDefault();
  if (control) {
    if (!event.repeat) press(control);
    else if (!runsByItself()) step();
  } else if (!event.repeat) command();
}

function onKeyUp(event) {
  const control = controlOf(event);
  if (control) letGo(control);
}

function letGoOfAll() {
  held.length = 0;
  if (game.view) markActions();
}

function start(answer) {
  game.about = answer;
  game.view = answer;
  defaults = answer.parameters;
  document.title = byId("title").textContent = answer.title;
  byId("about").textContent = answer.summary;
  byId("agent").hidden = !answer.hasAgent;
  makeActions();
  makeParameters(answer.parameters);
  byId("charts").append(...charts.map(({ figure }) => figure));
  for (const [id, command] of Object.entries({
    reset: "r", play: "p", step: "n", mode: "m", agent: "g", large: "l", theme: "t", help: "?",
  })) {
    byId(id).addEventListener("click", () => {
      COMMANDS[command]();
      byId(id).blur(); // Or the space bar would press it again.
    });
  }
  byId("download").addEventListener("click", download);
  byId("speed").addEventListener("change", (event) => {
    game.speed = +event.target.value;
    event.target.blur();
  });
  document.addEventListener("keydown", onKeyDown);
  document.addEventListener("keyup", onKeyUp);
  window.addEventListener("blur", letGoOfAll);
  document.addEventListener("visibilitychange", () => document.hidden && pause());
  setRealTime(answer.controls.idle.length > 0);
  new ResizeObserver(() => {
    fit();
    draw();
  }).observe(byId("main"));
  fit();
  draw();
  requestAnimationFrame(tick);
  root.dataset.ready = "";
}

const darkScheme = window.matchMedia("(prefers-color-scheme: dark)");
setTheme(darkScheme.matches ? "dark" : "light");
darkScheme.addEventListener("change", () => setTheme(darkScheme.matches ? "dark" : "light"));
for (const id of ["large", "theme", "help", "reset", "play", "step", "download"]) setIcon(id);
setIcon("mode-icon", "clock");
setIcon("agent-icon", "agent");
