// Sets the wall of pictures in motion: draws one lane of every environment from its
// scenes, as the viewer does. Without JavaScript, or where the reader has asked for less
// motion, the still pictures stay.
"use strict";

(async () => {
  const wall = document.getElementById("wall");
  if (wall === null || matchMedia("(prefers-reduced-motion: reduce)").matches) {
    return;
  }
  const response = await fetch(wall.dataset.scenes);
  const data = await response.json();
  const reader = new Reader(await decompress(data.recording));
  const images = [...wall.querySelectorAll("img")];
  const tiles = data.tiles.map((tile, index) => {
    const canvas = document.createElement("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", images[index].alt);
    return { ...tile, canvas, sceneAt: unpackScenes(reader, tile.scene), drawn: -1 };
  });

  function draw(tile, frame) {
    const size = Math.round(tile.canvas.clientWidth * devicePixelRatio);
    if (size === 0 || (frame === tile.drawn && size === tile.canvas.width)) {
      return;
    }
    if (size !== tile.canvas.width) {
      tile.canvas.width = tile.canvas.height = size;
    }
    drawScene(tile.canvas.getContext("2d"), tile.sceneAt(frame, 0), data.font, size, size);
    tile.drawn = frame;
  }

  tiles.forEach((tile, index) => {
    images[index].replaceWith(tile.canvas);
    draw(tile, 0);
  });

  const visible = new Set();
  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const tile = tiles.find(({ canvas }) => canvas === target);
      if (isIntersecting) visible.add(tile);
      else visible.delete(tile);
    }
  });
  for (const { canvas } of tiles) observer.observe(canvas);

  const pause = document.getElementById("wall-pause");
  let seconds = 0;
  let last = null;
  let isPaused = false;

  function tick(now) {
    // A page in the background gets no frames; it continues where it stopped.
    seconds += last === null ? 0 : Math.min((now - last) / 1000, 0.1);
    last = now;
    for (const tile of visible) {
      draw(tile, Math.floor(seconds * tile.framesPerSecond) % tile.frames);
    }
    if (!isPaused) requestAnimationFrame(tick);
  }

  pause.hidden = false;
  pause.addEventListener("click", () => {
    isPaused = !isPaused;
    pause.textContent = isPaused ? "Play" : "Pause";
    last = null;
    if (!isPaused) requestAnimationFrame(tick);
  });
  requestAnimationFrame(tick);
})();
