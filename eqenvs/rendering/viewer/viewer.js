// The page of a recording: lanes as a grid, one lane beside its numbers, playback.
"use strict";

const TERMINATED = 1;
const SPEEDS = [0.1, 0.25, 0.5, 1, 2, 4, 8];
const HOLD_SECONDS = 0.7; // How long the end of an episode stays on view.

const data = JSON.parse(document.getElementById("data").textContent);
const view = { frame: 0, isPlaying: false, speed: 1, repeats: true, lane: null };
let groups = []; // One for each policy, with functions from a frame and a lane.
let pictures = []; // The canvases on the page.
let charts = [];
let clock = 0; // Seconds that belong to no frame yet.

// ---------------------------------------------------------------- The recording

async function readRecording() {
  const bytes = await decompress(byId("recording").textContent.trim());
  const reader = new Reader(bytes);
  return data.groups.map((packed, index) => {
    const scene = unpackScenes(reader, packed.scene);
    const ended = reader.read(packed.ended);
    const numbers = {};
    for (const [name, array] of Object.entries(packed.series)) {
      numbers[name] = { read: reader.read(array), size: array.shape[0] || 1 };
    }
    const { frames, lanes } = packed;
    const endsOf = (lane) => {
      const ends = [];
      for (let frame = 0; frame < frames; frame++) {
        const kind = ended(frame, lane)[0];
        if (kind) ends.push({ frame, kind });
      }
      return ends;
    };
    const ends = Array.from({ length: lanes }, (_, lane) => endsOf(lane));
    const returns = numbers.reward && Array.from({ length: lanes }, (_, lane) => {
      const values = new Float64Array(frames);
      let sum = 0;
      for (let frame = 1; frame < frames; frame++) {
        if (ended(frame - 1, lane)[0]) sum = 0;
        sum += numbers.reward.read(frame, lane)[0];
        values[frame] = sum;
      }
      return values;
    });
    const aspects = Array.from({ length: lanes }, (_, lane) => {
      const [left, bottom, right, top] = scene(0, lane).view;
      return Math.min(Math.max((right - left) / (top - bottom) || 1, 0.2), 6);
    });
    return { ...packed, index, scene, ends, numbers, returns, aspects };
  });
}

const lastFrame = () => Math.max(...data.groups.map((group) => group.frames)) - 1;
const numLanes = () => Math.max(...data.groups.map((group) => group.lanes));

function endAt(group, lane, frame) {
  return group.ends[lane].find((end) => end.frame === frame);
}

// The last end that is still on view at a frame, if any.
function recentEnd(group, lane, frame) {
  const reach = view.isPlaying ? HOLD_SECONDS * data.framesPerSecond * view.speed : 0;
  const ends = group.ends[lane];
  for (let i = ends.length - 1; i >= 0; i--) {
    if (ends[i].frame <= frame) return ends[i].frame >= frame - reach ? ends[i] : undefined;
  }
}

function endName({ kind }) {
  return kind & TERMINATED ? "terminated" : "truncated";
}

function valueOf(parameter, lane) {
  return Array.isArray(parameter.value) ? parameter.value[lane] : parameter.value;
}

// ---------------------------------------------------------------- Building the page

function laneName(group, lane) {
  const differing = group.parameters.filter(({ value }) => Array.isArray(value)).slice(0, 2);
  const values = differing.map((p) => `${p.name.replaceAll("_", " ")} ${show(valueOf(p, lane))}`);
  const name = group.lanes > 1 ? `lane ${lane}` : "";
  return [name, ...values].filter(Boolean).join(" · ");
}

function makePicture(group, lane) {
  const canvas = element("canvas", { role: "img", "aria-label": `Picture of lane ${lane}` });
  const badge = element("span", { class: "badge" });
  const label = element("span", {}, laneName(group, lane) || group.name || data.title);
  const number = element("span", {});
  const holder = element("span", { class: "picture" }, canvas, badge);
  const caption = element("span", { class: "caption" }, label, number);
  // In a grid, all pictures have the same shape.
  const { aspects } = group;
  const aspect = view.lane === null ? Math.min(...aspects) : aspects[lane];
  canvas.style.aspectRatio = aspect;
  const picture = { group, lane, canvas, badge, number, holder, caption, aspect, isVisible: true };
  pictures.push(picture);
  visibility.observe(canvas);
  return picture;
}

const visibility = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    const picture = pictures.find(({ canvas }) => canvas === target);
    if (picture) picture.isVisible = isIntersecting;
  }
  drawLater();
});

const sizes = new ResizeObserver(() => {
  fit();
  drawLater();
});

function fit() {
  if (view.lane === null) fitGrid();
  else fitStage();
}

function clear() {
  visibility.disconnect();
  pictures = [];
  charts = [];
  byId("main").replaceChildren();
}

function groupHeading(group, tag) {
  const key = element("i", { class: "key", style: { "--color": `var(--line-${group.index % 4})` } });
  return element(tag, {}, key, group.name);
}

function showGrid() {
  clear();
  view.lane = null;
  const columns = groups.map((group) => {
    const cards = Array.from({ length: group.lanes }, (_, lane) => {
      const { holder, caption } = makePicture(group, lane);
      return element(
        "button",
        { class: "card", title: "Enlarge", onclick: () => showLane(lane) },
        holder, caption,
      );
    });
    const heading = groups.length > 1 ? [groupHeading(group, "h2")] : [];
    return element("section", { class: "group" }, ...heading, element("div", { class: "lanes" }, ...cards));
  });
  byId("main").append(element(
    "div",
    { class: "groups", style: { "--groups": groups.length } },
    ...columns,
  ));
  fitGrid();
  byId("back").hidden = true;
  markEnds();
  describe();
  draw();
}

function showLane(lane) {
  clear();
  view.lane = lane;
  const shown = groups.filter((group) => lane < group.lanes);
  const figures = shown.map((group) => {
    const { holder, caption } = makePicture(group, lane);
    if (groups.length > 1) caption.firstChild.replaceWith(groupHeading(group, "span"));
    return element("figure", {}, holder, caption);
  });
  const panel = element("div", { class: "panel" });
  const plots = element("div", { class: "charts" });
  addCharts(plots, shown, lane);
  for (const group of shown) addEpisodes(panel, group, lane);
  const written = shown.map((group) => JSON.stringify(group.parameters));
  shown.forEach((group, i) => {
    if (written.indexOf(written[i]) === i) addParameters(panel, group, lane);
  });
  const hasPanel = panel.children.length + plots.children.length > 0;
  byId("main").append(element(
    "div",
    { class: hasPanel ? "stage" : "stage alone", style: { "--groups": shown.length } },
    element("div", { class: "left" }, element("div", { class: "pictures" }, ...figures)),
    ...(hasPanel ? [panel] : []),
  ));
  panel.prepend(plots);
  byId("main").scrollTop = 0;
  byId("back").hidden = numLanes() === 1;
  fitStage();
  markEnds();
  describe();
  draw();
}

const isNarrow = () => window.innerWidth <= 640;
const availableHeight = () => byId("main").clientHeight - 28;

// The fewest columns with which all lanes are on the screen, if that is possible.
function fitGrid() {
  if (view.lane !== null || !pictures.length) return;
  const lanes = numLanes();
  const { holder, caption, aspect } = pictures[0];
  const grid = holder.closest(".lanes");
  const gap = parseFloat(getComputedStyle(grid).columnGap);
  const available = availableHeight() - (groups.length > 1 ? caption.offsetHeight : 0);
  const smallest = groups.length > 1 && isNarrow() ? 100 : isNarrow() ? 150 : 170;
  const most = Math.max(Math.floor((grid.clientWidth + gap) / (smallest + gap)), 1);
  let columns = 1;
  for (; columns < Math.min(most, lanes); columns++) {
    const width = (grid.clientWidth + gap) / columns - gap;
    const height = width / aspect + caption.offsetHeight + gap + 2;
    if (Math.ceil(lanes / columns) * height - gap <= available) break;
  }
  byId("main").firstChild.style.setProperty("--columns", columns);
  const tallest = (available - caption.offsetHeight) * aspect;
  const isLow = columns === 1 && !isNarrow() && tallest < grid.clientWidth;
  byId("main").firstChild.style.setProperty("--widest", isLow ? `${tallest}px` : "none");
}

// The largest pictures whose caption is still on the screen. Charts stand below them if
// there is room, and else beside them.
function fitStage() {
  if (view.lane === null) return;
  const available = availableHeight();
  let used = 0;
  for (const { holder, caption, aspect } of pictures) {
    const height = available - caption.offsetHeight - 4;
    const widest = `min(100%, ${Math.max(height, 120) * aspect}px)`;
    holder.parentElement.style.width = isNarrow() ? "100%" : widest;
    used = Math.max(used, holder.parentElement.offsetHeight);
  }
  const plots = document.querySelector(".charts");
  const panel = document.querySelector(".panel");
  if (!plots || !plots.children.length) return;
  const left = document.querySelector(".left");
  const number = plots.children.length;
  const columns = number % 2 ? Math.min(number, 3) : 2;
  const rem = parseFloat(getComputedStyle(root).fontSize);
  const needed = Math.ceil(number / columns) * 7.9 * rem;
  const hasMore = panel.children.length > (plots.parentElement === panel ? 1 : 0);
  const isBelow = !isNarrow() && hasMore && available - used > needed;
  plots.style.setProperty("--columns", isBelow ? columns : 1);
  const home = isBelow ? left : panel;
  if (plots.parentElement !== home) {
    if (isBelow) left.append(plots);
    else panel.prepend(plots);
  }
}

function addCharts(panel, shown, lane) {
  const lines = {};
  const add = (name, group, part, read) => {
    (lines[name] ||= []).push({ group, part, read });
  };
  for (const group of shown) {
    const { reward, action, value } = group.numbers;
    if (reward) {
      add("reward", group, 0, (frame) => reward.read(frame, lane)[0]);
      add("return", group, 0, (frame) => (frame ? group.returns[lane][frame] : NaN));
    }
    if (action) {
      for (let part = 0; part < action.size; part++) {
        add("action", group, part, (frame) => action.read(frame, lane)[part]);
      }
    }
    if (value) add("value", group, 0, (frame) => value.read(frame, lane)[0]);
  }
  for (const [name, parts] of Object.entries(lines)) {
    const canvas = element("canvas", { role: "img", "aria-label": `${name} over time` });
    const output = element("output", {});
    const caption = element("figcaption", {}, element("span", {}, name), output);
    panel.append(element("figure", {}, caption, canvas));
    const chart = { name, parts, canvas, output, lane, base: null };
    const scrubTo = (event) => {
      const box = canvas.getBoundingClientRect();
      setFrame(Math.round(((event.clientX - box.left) / box.width) * lastFrame()));
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      pause();
      scrubTo(event);
    });
    canvas.addEventListener("pointermove", (event) => event.buttons && scrubTo(event));
    charts.push(chart);
  }
}

function addParameters(panel, group, lane) {
  if (!group.parameters.length) return;
  const rows = group.parameters.map((parameter) => {
    const unit = element("span", { class: "unit" }, parameter.unit ? ` ${parameter.unit}` : "");
    const value = element("td", {}, show(valueOf(parameter, lane)), unit);
    const varies = Array.isArray(parameter.value) ? { class: "varies" } : {};
    return element("tr", varies, element("td", {}, parameter.name.replaceAll("_", " ")), value);
  });
  panel.append(element("section", {}, element("h3", {}, "parameters"), element("table", {}, ...rows)));
}

function addEpisodes(panel, group, lane) {
  const ends = group.ends[lane];
  if (!ends.length) return;
  const rows = ends.slice(0, 500).map((end, i) => {
    const length = end.frame - (i ? ends[i - 1].frame : 0);
    const total = group.returns ? show(group.returns[lane][end.frame]) : "–";
    const cells = [i + 1, length, total, endName(end)].map((text) => element("td", {}, String(text)));
    const row = element("tr", { tabindex: 0, title: "Go to its end", onclick: () => setFrame(end.frame) }, ...cells);
    row.addEventListener("keydown", (event) => event.key === "Enter" && setFrame(end.frame));
    return row;
  });
  const heads = ["episode", "steps", "return", "end"].map((text) => element("th", {}, text));
  const table = element(
    "table", {},
    element("thead", {}, element("tr", {}, ...heads)),
    element("tbody", {}, ...rows),
  );
  const title = groups.length > 1 ? `episodes, ${group.name}` : "episodes";
  panel.append(element("section", {}, element("h3", {}, title), element("div", { class: "episodes" }, table)));
}

function markEnds() {
  const seen = new Map();
  for (const { group, lane } of pictures) {
    for (const end of group.ends[lane]) seen.set(end.frame, (seen.get(end.frame) || 0) | end.kind);
  }
  const marks = [...seen].slice(0, 2000).map(([frame, kind]) =>
    element("i", { class: endName({ kind }), style: { left: `${(100 * frame) / Math.max(lastFrame(), 1)}%` } }));
  byId("ends").replaceChildren(...marks);
}

function describe() {
  const lanes = data.groups.map((group) =>
    group.allLanes > group.lanes ? `${group.lanes} of ${group.allLanes} lanes` : `${group.lanes} lanes`);
  const parts = [];
  if (groups.length > 1) parts.push(`${groups.length} policies`);
  if (view.lane !== null && numLanes() > 1) parts.push(laneName(groups[0], view.lane));
  else if (numLanes() > 1) parts.push(lanes[0]);
  parts.push(`${lastFrame()} steps`);
  byId("title").textContent = data.title;
  byId("about").textContent = parts.join(" · ");
}

// ---------------------------------------------------------------- Drawing

let isDue = false;

function drawLater() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    draw();
  });
}

function draw() {
  for (const picture of pictures) if (picture.isVisible) drawPicture(picture);
  for (const chart of charts) drawChart(chart);
  const last = Math.max(lastFrame(), 1);
  const scrub = byId("scrub");
  scrub.value = view.frame;
  scrub.style.setProperty("--played", `${(100 * view.frame) / last}%`);
  byId("clock").innerHTML = `<b>${view.frame}</b> / ${lastFrame()}`;
  const episodes = document.querySelectorAll(".episodes tbody tr");
  if (episodes.length && groups.length === 1) {
    const current = groups[0].ends[view.lane].findIndex((end) => end.frame >= view.frame);
    episodes.forEach((row, i) => row.classList.toggle("current", i === current));
  }
}

function drawPicture({ group, lane, canvas, badge, number }) {
  const frame = Math.min(view.frame, group.frames - 1);
  const { context, width, height } = fitted(canvas);
  drawScene(context, group.scene(frame, lane), data.font, width, height);
  const end = recentEnd(group, lane, frame);
  badge.classList.toggle("shown", Boolean(end));
  if (end) {
    badge.classList.toggle("terminated", endName(end) === "terminated");
    badge.textContent = group.returns
      ? `${endName(end)} · ${show(group.returns[lane][end.frame])}` : endName(end);
  }
  number.textContent = group.returns ? show(group.returns[lane][frame]) : "";
  number.title = group.returns ? "Return of this episode so far" : "";
}

function drawChart(chart) {
  const { canvas, parts, output } = chart;
  const { context, width, height, ratio } = fitted(canvas);
  const key = `${width},${height},${root.dataset.theme},${view.lane}`;
  if (!chart.base || chart.base.key !== key) chart.base = chartBase(chart, key, width, height, ratio);
  const { image, x, y, colors, muted } = chart.base;
  context.clearRect(0, 0, width, height);
  context.drawImage(image, 0, 0);
  context.fillStyle = muted;
  context.fillRect(Math.round(x(view.frame)) - ratio / 2, 0, ratio, height);
  const shown = parts.map(({ group, read }, i) => {
    const number = view.frame < group.frames ? read(view.frame) : NaN;
    if (!Number.isNaN(number)) {
      context.fillStyle = colors[i];
      context.beginPath();
      context.arc(x(view.frame), y(number), 3.5 * ratio, 0, 2 * Math.PI);
      context.fill();
    }
    return { text: show(number), color: colors[i] };
  });
  const key2 = shown.map(({ text }) => text).join("|");
  if (chart.written !== key2) {
    chart.written = key2;
    output.replaceChildren(...shown.slice(0, 4).map(({ text, color }) =>
      element("span", { style: shown.length > 1 ? { color } : {} }, text)));
  }
}

// What stays while a lane plays: the lines, and where episodes end.
function chartBase({ name, parts, lane }, key, width, height, ratio) {
  const style = getComputedStyle(root);
  const image = document.createElement("canvas");
  image.width = width;
  image.height = height;
  const context = image.getContext("2d");
  const colors = parts.map(({ group, part }) =>
    style.getPropertyValue(`--line-${(groups.length > 1 ? group.index : part) % 4}`).trim());
  let low = Infinity, high = -Infinity;
  for (const { group, read } of parts) {
    for (let frame = 0; frame < group.frames; frame++) {
      const number = read(frame);
      if (Number.isFinite(number)) {
        low = Math.min(low, number);
        high = Math.max(high, number);
      }
    }
  }
  if (!(low <= high)) [low, high] = [0, 1];
  if (name !== "value") [low, high] = [Math.min(low, 0), Math.max(high, 0)];
  if (low === high) [low, high] = [low - 1, high + 1];
  const margin = 5 * ratio;
  const last = Math.max(lastFrame(), 1);
  const x = (frame) => margin + (frame / last) * (width - 2 * margin);
  const y = (number) => {
    const inside = Math.min(Math.max(number, low), high);
    return height - margin - ((inside - low) / (high - low)) * (height - 2 * margin);
  };
  context.fillStyle = style.getPropertyValue("--line");
  context.fillRect(0, Math.round(y(low <= 0 && high >= 0 ? 0 : low)), width, ratio);
  for (const group of new Set(parts.map((part) => part.group))) {
    for (const { frame, kind } of group.ends[lane].slice(0, 2000)) {
      context.globalAlpha = 0.35;
      context.fillStyle = style.getPropertyValue(`--${endName({ kind })}`);
      context.fillRect(x(frame) - ratio / 2, 0, ratio, height);
    }
  }
  context.globalAlpha = 1;
  context.lineWidth = 1.5 * ratio;
  context.lineJoin = "round";
  const isStepped = name === "action" || name === "reward";
  parts.forEach(({ group, read }, i) => {
    context.strokeStyle = context.fillStyle = colors[i];
    if (name === "action" && isCounted(group, read)) {
      // Lines between them would fill the chart, and mean nothing.
      context.globalAlpha = 0.7;
      for (let frame = 1; frame < group.frames; frame++) {
        context.fillRect(x(frame) - ratio, y(read(frame)) - ratio, 2 * ratio, 2 * ratio);
      }
      context.globalAlpha = 1;
      return;
    }
    context.beginPath();
    let before = NaN;
    const ended = new Set(group.ends[lane].map((end) => end.frame));
    for (let frame = 0; frame < group.frames; frame++) {
      const number = read(frame);
      const isNewEpisode = name === "return" && ended.has(frame - 1);
      if (Number.isNaN(number)) continue;
      if (Number.isNaN(before) || isNewEpisode) context.moveTo(x(frame), y(number));
      else {
        if (isStepped) context.lineTo(x(frame), y(before));
        context.lineTo(x(frame), y(number));
      }
      before = number;
    }
    context.stroke();
  });
  const muted = style.getPropertyValue("--muted");
  return { key, image, x, y, colors, muted };
}

function isCounted(group, read) {
  for (let frame = 1; frame < group.frames; frame++) {
    if (!Number.isInteger(read(frame))) return false;
  }
  return true;
}

// ---------------------------------------------------------------- Playback

function setFrame(frame) {
  view.frame = Math.min(Math.max(frame, 0), lastFrame());
  clock = 0;
  draw();
}

function play() {
  if (view.frame >= lastFrame()) setFrame(0);
  view.isPlaying = true;
  setIcon("play", "pause");
  byId("play").setAttribute("aria-label", "Pause");
  let before = performance.now();
  const run = view.run = (now) => {
    if (!view.isPlaying || view.run !== run) return;
    // A page that was hidden for a while goes on where it was.
    clock += Math.min((now - before) / 1000, 0.25);
    before = now;
    advance();
    requestAnimationFrame(run);
  };
  requestAnimationFrame(run);
}

function advance() {
  const seconds = 1 / (data.framesPerSecond * view.speed);
  let frame = view.frame;
  while (true) {
    const isHeld = view.lane !== null
      && groups.some((group) => view.lane < group.lanes && endAt(group, view.lane, frame));
    const duration = isHeld ? Math.max(seconds, HOLD_SECONDS) : seconds;
    if (clock < duration) break;
    clock -= duration;
    if (frame >= lastFrame()) {
      if (!view.repeats) {
        pause();
        break;
      }
      frame = 0;
    } else frame++;
  }
  if (frame !== view.frame) {
    view.frame = frame;
    draw();
  }
}

function pause() {
  view.isPlaying = false;
  setIcon("play");
  byId("play").setAttribute("aria-label", "Play");
  draw();
}

function setSpeed(speed) {
  view.speed = speed;
  byId("speed").value = String(speed);
}

function changeSpeed(by) {
  const index = SPEEDS.indexOf(view.speed) + by;
  setSpeed(SPEEDS[Math.min(Math.max(index, 0), SPEEDS.length - 1)]);
}

function goToEnd(direction) {
  const frames = [...new Set(pictures.flatMap(({ group, lane }) => group.ends[lane].map((end) => end.frame)))];
  frames.sort((a, b) => a - b);
  const next = direction > 0
    ? frames.find((frame) => frame > view.frame) : frames.findLast((frame) => frame < view.frame);
  pause();
  if (next !== undefined) setFrame(next);
}

function moveLane(by) {
  if (numLanes() > 1) showLane(((view.lane ?? -by) + by + numLanes()) % numLanes());
}

// ---------------------------------------------------------------- Settings

const darkScheme = window.matchMedia("(prefers-color-scheme: dark)");

function setTheme(theme) {
  root.dataset.theme = theme;
  draw();
}

function toggle(id, isOn) {
  byId(id).setAttribute("aria-pressed", String(isOn));
}

function toggleLarge() {
  const isOn = !("large" in root.dataset);
  if (isOn) root.dataset.large = "";
  else delete root.dataset.large;
  toggle("large", isOn);
  fit();
  charts.forEach((chart) => (chart.base = null));
  draw();
}

function toggleRepeat() {
  view.repeats = !view.repeats;
  toggle("loop", view.repeats);
}

function toggleTheme() {
  setTheme(root.dataset.theme === "dark" ? "light" : "dark");
}

const KEYS = {
  " ": () => (view.isPlaying ? pause() : play()),
  ArrowLeft: (shift) => { pause(); setFrame(view.frame - (shift ? 10 : 1)); },
  ArrowRight: (shift) => { pause(); setFrame(view.frame + (shift ? 10 : 1)); },
  ArrowUp: () => changeSpeed(1),
  ArrowDown: () => changeSpeed(-1),
  Home: () => { pause(); setFrame(0); },
  End: () => { pause(); setFrame(lastFrame()); },
  Escape: () => { if (numLanes() > 1) showGrid(); },
  "[": () => moveLane(-1),
  "]": () => moveLane(1),
  e: () => goToEnd(1),
  E: () => goToEnd(-1),
  r: toggleRepeat,
  l: toggleLarge,
  t: toggleTheme,
  "?": () => byId("keys").showModal(),
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("keys").open) return;
  const isSelect = event.target.tagName === "SELECT";
  const isPressed = [" ", "Enter"].includes(event.key) && event.target.closest("button, tr");
  if (isSelect || isPressed) return;
  const act = KEYS[event.key] || KEYS[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act(event.shiftKey);
}

async function start() {
  for (const id of ["back", "large", "theme", "help", "first", "previous", "next", "loop", "play"]) setIcon(id);
  root.dataset.theme = darkScheme.matches ? "dark" : "light";
  darkScheme.addEventListener("change", () => setTheme(darkScheme.matches ? "dark" : "light"));
  groups = await readRecording();
  byId("scrub").max = lastFrame();
  byId("scrub").addEventListener("input", (event) => {
    const frame = +event.target.value; // Drawing sets it back.
    pause();
    setFrame(frame);
  });
  byId("speed").addEventListener("change", (event) => setSpeed(+event.target.value));
  byId("back").addEventListener("click", showGrid);
  byId("large").addEventListener("click", toggleLarge);
  byId("theme").addEventListener("click", toggleTheme);
  byId("help").addEventListener("click", KEYS["?"]);
  byId("first").addEventListener("click", KEYS.Home);
  byId("previous").addEventListener("click", () => KEYS.ArrowLeft());
  byId("next").addEventListener("click", () => KEYS.ArrowRight());
  byId("loop").addEventListener("click", toggleRepeat);
  byId("play").addEventListener("click", KEYS[" "]);
  document.addEventListener("keydown", onKey);
  sizes.observe(byId("main"));
  if (numLanes() === 1) showLane(0);
  else showGrid();
  root.dataset.ready = "";
}

start().catch((error) => {
  byId("main").textContent = `This recording cannot be shown: ${error.message}`;
  throw error;
});
