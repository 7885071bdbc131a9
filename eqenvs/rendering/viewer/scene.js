// Draws scenes on a canvas, as raster.py draws them as pixels and svg.py as text.
//
// A scene is an object {view, background, shapes}; a shape is an object with its type and
// fields, whose numbers stand in flat arrays. `plain_scene` in _pack.py writes one scene
// in this form; `unpackScenes` below reads a recording of many.
"use strict";

const FAR = 1e6; // Coordinates are clipped to so many pixels.

// ---------------------------------------------------------------- Drawing

function drawScene(context, scene, font, width, height) {
  const [left, bottom, right, top] = scene.view;
  const scale = Math.min(width / (right - left), height / (top - bottom));
  const near = (x) => Math.min(Math.max(x, -FAR), FAR);
  const pixels = {
    x: (x) => near((x - (left + right) / 2) * scale + width / 2),
    y: (y) => near(((bottom + top) / 2 - y) * scale + height / 2),
    length: (length) => near(length * scale),
  };
  context.globalAlpha = 1;
  context.fillStyle = cssColor(scene.background, 0);
  context.fillRect(0, 0, width, height);
  context.lineJoin = "round";
  context.lineCap = "round";
  for (const shape of scene.shapes) {
    DRAW[shape.type](context, pixels, shape, font);
  }
  context.globalAlpha = 1;
}

const DRAW = {
  Disc(context, pixels, shape) {
    forEachItem(context, shape, (i) => {
      const x = pixels.x(shape.center[2 * i]);
      const y = pixels.y(shape.center[2 * i + 1]);
      const radius = Math.max(pixels.length(shape.radius[i]), 0);
      if (!areNumbers(x, y, radius)) return;
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      paint(context, pixels, shape);
    });
  },

  Segment(context, pixels, shape) {
    forEachItem(context, shape, (i) => {
      const x0 = pixels.x(shape.start[2 * i]);
      const y0 = pixels.y(shape.start[2 * i + 1]);
      const x1 = pixels.x(shape.end[2 * i]);
      const y1 = pixels.y(shape.end[2 * i + 1]);
      const thickness = pixels.length(shape.thickness[i]);
      if (!areNumbers(x0, y0, x1, y1, thickness) || thickness <= 0) return;
      context.lineWidth = thickness;
      context.beginPath();
      addLine(context, x0, y0, x1, y1);
      context.stroke();
    });
  },

  Polygon(context, pixels, shape) {
    const corners = shape.corners;
    forEachItem(context, shape, (i) => {
      context.beginPath();
      for (let j = 0; j < corners; j++) {
        const x = pixels.x(shape.points[2 * (corners * i + j)]);
        const y = pixels.y(shape.points[2 * (corners * i + j) + 1]);
        if (!areNumbers(x, y)) return;
        if (j === 0) context.moveTo(x, y);
        else context.lineTo(x, y);
      }
      context.closePath();
      paint(context, pixels, shape);
    });
  },

  Rectangle(context, pixels, shape) {
    context.save();
    context.lineJoin = "miter";
    forEachItem(context, shape, (i) => {
      const x = pixels.x(shape.center[2 * i]);
      const y = pixels.y(shape.center[2 * i + 1]);
      const width = Math.max(pixels.length(shape.size[2 * i]), 0);
      const height = Math.max(pixels.length(shape.size[2 * i + 1]), 0);
      const angle = shape.angle ? shape.angle[i] : 0;
      if (!areNumbers(x, y, width, height) || !Number.isFinite(angle)) return;
      context.save();
      context.translate(x, y);
      context.rotate(-angle);
      context.beginPath();
      context.rect(-width / 2, -height / 2, width, height);
      paint(context, pixels, shape);
      context.restore();
    });
    context.restore();
  },

  Cells(context, pixels, shape) {
    const { rows, columns, palette } = shape;
    const [left, bottom, right, top] = shape.box;
    const x0 = pixels.x(left), x1 = pixels.x(right);
    const y0 = pixels.y(top), y1 = pixels.y(bottom);
    if (!areNumbers(x0, x1, y0, y1)) return;
    // One pixel for each cell, enlarged without smoothing.
    const small = cellCanvas(rows, columns);
    const image = small.image;
    const last = palette ? palette.length / 3 - 1 : 0;
    for (let i = 0; i < rows * columns; i++) {
      const source = palette || shape.values;
      const index = palette ? Math.min(Math.max(shape.values[i], 0), last) : i;
      for (let j = 0; j < 3; j++) image.data[4 * i + j] = byte(source[3 * index + j]);
      image.data[4 * i + 3] = byte(shape.opacity[shape.is_masked ? i : 0]);
    }
    small.context.putImageData(image, 0, 0);
    context.globalAlpha = 1;
    context.imageSmoothingEnabled = false;
    context.drawImage(small.canvas, x0, y0, x1 - x0, y1 - y0);
  },

  Text(context, pixels, shape, font) {
    forEachItem(context, shape, (i) => {
      const x = pixels.x(shape.position[2 * i]);
      const y = pixels.y(shape.position[2 * i + 1]);
      const unit = pixels.length(shape.size[i]) / font.capitalHeight;
      if (!areNumbers(x, y, unit) || unit <= 0) return;
      context.lineWidth = font.stroke * unit;
      context.beginPath();
      for (const [a, b, c, d] of textStrokes(shape, i, font)) {
        addLine(context, x + unit * a, y - unit * b, x + unit * c, y - unit * d);
      }
      context.stroke();
    });
  },
};

function forEachItem(context, shape, draw) {
  const hasOneColor = shape.color.length === 3;
  for (let i = 0; i < shape.opacity.length; i++) {
    const opacity = Math.min(shape.opacity[i], 1);
    if (!(opacity > 0)) continue; // Nor where it is not a number.
    context.globalAlpha = opacity;
    context.fillStyle = context.strokeStyle = cssColor(shape.color, hasOneColor ? 0 : i);
    draw(i);
  }
}

function paint(context, pixels, shape) {
  if (shape.outline === null) {
    context.fill();
  } else {
    context.lineWidth = pixels.length(shape.outline);
    context.stroke();
  }
}

function addLine(context, x0, y0, x1, y1) {
  context.moveTo(x0, y0);
  // A canvas leaves out a line that has no length, round ends and all.
  context.lineTo(x0 === x1 && y0 === y1 ? x1 + 0.001 : x1, y1);
}

function areNumbers(...values) {
  return !values.some(Number.isNaN);
}

function byte(x) {
  return x > 0 ? Math.floor(Math.min(x, 1) * 255 + 0.5) : 0;
}

function cssColor(colors, i) {
  return `rgb(${byte(colors[3 * i])},${byte(colors[3 * i + 1])},${byte(colors[3 * i + 2])})`;
}

const cellCanvases = new Map();

function cellCanvas(rows, columns) {
  const key = `${rows},${columns}`;
  if (!cellCanvases.has(key)) {
    const canvas = document.createElement("canvas");
    canvas.width = columns;
    canvas.height = rows;
    const context = canvas.getContext("2d");
    const image = context.createImageData(columns, rows);
    cellCanvases.set(key, { canvas, context, image });
  }
  return cellCanvases.get(key);
}

// ---------------------------------------------------------------- Text

// What a text shows for a number, as `format_number` in _text.py.
function formatNumber(number, digits, decimals) {
  number = Number(number);
  if (Number.isNaN(number)) {
    return decimals ? "-." + "-".repeat(decimals) : "-";
  }
  const scaled = Math.fround(Math.abs(number) * 10 ** decimals);
  const most = 10 ** (digits + decimals) - 1;
  const magnitude = Math.min(Math.floor(Math.fround(Math.min(scaled, 1e9) + 0.5)), most);
  const written = String(magnitude).padStart(decimals + 1, "0");
  const whole = written.slice(0, written.length - decimals);
  const sign = number < 0 && magnitude > 0 ? "-" : "";
  return sign + whole + (decimals ? "." + written.slice(-decimals) : "");
}

function textStrokes(shape, i, font) {
  let string = shape.text;
  if (shape.number) {
    const number = formatNumber(shape.number[i], shape.digits, shape.decimals);
    string = string.replace("{}", number);
  }
  const part = { left: 0, center: 0.5, right: 1 }[shape.anchor];
  const width = string.length * font.advance - (font.advance - font.width);
  const strokes = [];
  [...string].forEach((character, column) => {
    for (const stroke of font.strokes[character].split(" ")) {
      for (let j = 0; j + 4 <= stroke.length; j += 2) {
        const [a, b, c, d] = [0, 1, 2, 3].map((k) => parseInt(stroke[j + k], 36));
        const x = column * font.advance - part * width;
        strokes.push([a + x, b - font.middle, c + x, d - font.middle]);
      }
    }
  });
  return strokes;
}

// ---------------------------------------------------------------- Reading a recording

// Reads the arrays that a `Packer` wrote, in the same order.
class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.offset = 0;
  }

  // A function from a frame and a lane to a flat array.
  read({ frames, lanes, shape, step }) {
    const size = shape.reduce((a, b) => a * b, 1);
    const values = new Float32Array(frames * lanes * size);
    for (let column = 0; column < lanes * size; column++) {
      let value = 0;
      for (let frame = 0; frame < frames; frame++) {
        if (step) value += this.varint();
        const target = frame * lanes * size + column;
        values[target] = step ? value * step : this.float();
      }
    }
    return (frame, lane) => {
      const start = (Math.min(frame, frames - 1) * lanes + Math.min(lane, lanes - 1)) * size;
      return values.subarray(start, start + size);
    };
  }

  varint() {
    let folded = 0;
    let factor = 1;
    for (;;) {
      const byte = this.bytes[this.offset++];
      folded += (byte & 127) * factor;
      if (byte < 128) return folded % 2 ? -(folded + 1) / 2 : folded / 2;
      factor *= 128;
    }
  }

  float() {
    const value = this.view.getFloat32(this.offset, true);
    this.offset += 4;
    return value;
  }
}

// A function from a frame and a lane to a scene that `drawScene` draws.
function unpackScenes(reader, packed) {
  const view = reader.read(packed.view);
  const background = reader.read(packed.background);
  const shapes = packed.shapes.map((shape) => {
    const fixed = {};
    const changing = [];
    for (const [name, field] of Object.entries(shape)) {
      const isArray = field !== null && typeof field === "object";
      if (isArray) changing.push([name, reader.read(field)]);
      else fixed[name] = field;
    }
    if (shape.type === "Cells") [fixed.rows, fixed.columns] = shape.values.shape;
    if (shape.type === "Polygon") fixed.corners = shape.points.shape[1];
    return { fixed, changing };
  });
  return (frame, lane) => ({
    view: view(frame, lane),
    background: background(frame, lane),
    shapes: shapes.map(({ fixed, changing }) => {
      const shape = { ...fixed };
      for (const [name, read] of changing) shape[name] = read(frame, lane);
      return shape;
    }),
  });
}

// ---------------------------------------------------------------- Decompression

async function decompress(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  if (typeof DecompressionStream === "undefined") return inflate(bytes.subarray(2));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// The format of RFC 1951, for browsers without a DecompressionStream.
function inflate(input) {
  let output = new Uint8Array(4 * input.length + 1024);
  let size = 0, position = 0, bits = 0, numBits = 0;

  function put(byte) {
    if (size === output.length) {
      const larger = new Uint8Array(2 * output.length);
      larger.set(output);
      output = larger;
    }
    output[size++] = byte;
  }

  function take(count) {
    while (numBits < count) {
      bits |= input[position++] << numBits;
      numBits += 8;
    }
    const value = bits & ((1 << count) - 1);
    bits >>>= count;
    numBits -= count;
    return value;
  }

  // Canonical Huffman codes: how many there are of each length, and what they stand for.
  function codes(lengths) {
    const counts = new Uint16Array(16);
    for (const length of lengths) counts[length]++;
    counts[0] = 0;
    const offsets = new Uint16Array(16);
    for (let i = 1; i < 16; i++) offsets[i] = offsets[i - 1] + counts[i - 1];
    const symbols = new Uint16Array(lengths.length);
    lengths.forEach((length, symbol) => {
      if (length) symbols[offsets[length]++] = symbol;
    });
    return { counts, symbols };
  }

  function decode({ counts, symbols }) {
    let code = 0, first = 0, index = 0;
    for (let length = 1; length < 16; length++) {
      code |= take(1);
      const count = counts[length];
      if (code - count < first) return symbols[index + (code - first)];
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    throw new Error("The recording is damaged.");
  }

  function dynamicCodes() {
    const numLiterals = take(5) + 257, numDistances = take(5) + 1, numLengths = take(4) + 4;
    const order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
    const lengthLengths = new Array(19).fill(0);
    for (let i = 0; i < numLengths; i++) lengthLengths[order[i]] = take(3);
    const lengthCodes = codes(lengthLengths);
    const lengths = [];
    while (lengths.length < numLiterals + numDistances) {
      const symbol = decode(lengthCodes);
      if (symbol < 16) lengths.push(symbol);
      else {
        const value = symbol === 16 ? lengths[lengths.length - 1] : 0;
        const times = symbol === 16 ? 3 + take(2) : symbol === 17 ? 3 + take(3) : 11 + take(7);
        for (let i = 0; i < times; i++) lengths.push(value);
      }
    }
    return [codes(lengths.slice(0, numLiterals)), codes(lengths.slice(numLiterals))];
  }

  function fixedCodes() {
    const lengths = Array.from({ length: 288 }, (_, i) =>
      i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8);
    return [codes(lengths), codes(new Array(30).fill(5))];
  }

  for (let isLast = 0; !isLast; ) {
    isLast = take(1);
    const kind = take(2);
    if (kind === 0) {
      bits = numBits = 0;
      const length = input[position] | (input[position + 1] << 8);
      position += 4;
      for (let i = 0; i < length; i++) put(input[position++]);
      continue;
    }
    const [literals, distances] = kind === 1 ? fixedCodes() : dynamicCodes();
    for (let symbol = decode(literals); symbol !== 256; symbol = decode(literals)) {
      if (symbol < 256) {
        put(symbol);
        continue;
      }
      let length = symbol - 254;
      if (symbol > 264) {
        const extra = (symbol - 261) >> 2;
        length = symbol === 285 ? 258 : (((symbol - 261) & 3) + 4 << extra) + 3 + take(extra);
      }
      let distance = decode(distances) + 1;
      if (distance > 4) {
        const extra = (distance - 3) >> 1;
        distance = (((distance - 1) & 1) + 2 << extra) + 1 + take(extra);
      }
      for (let i = 0; i < length; i++) put(output[size - distance]);
    }
  }
  return output.subarray(0, size);
}
