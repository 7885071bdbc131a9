"""From scenes to SVG: pictures as text, sharp at every size."""

import math
from collections.abc import Callable, Iterator
from html import escape
from typing import Any

import jax
import jax.core
import numpy as np

from . import _font
from ._text import item_string, string_strokes
from .scene import (
    AbstractShape,
    Cells,
    Disc,
    Polygon,
    Rectangle,
    Scene,
    Segment,
    Text,
)


_FAR = 1e6
"""Coordinates are clipped to this number of pixels, as in `raster.py`."""

_MOST = 64
"""The largest number of scenes of a batch to show."""


def to_svg(scene: Scene, size: int | float = 320) -> str:
    """Writes a scene, or a batch of scenes as a grid, as SVG.

    **Arguments:**

    - `scene`: one scene, or a batch with one leading axis. Of a large batch, the first
        64 are shown.
    - `size`: the longer side of one picture, in CSS pixels.

    **Returns:**

    A complete `<svg>` element, which is also a file.

    **Raises:**

    `TypeError` or `ValueError` if an argument is not as described above.
    """
    if not isinstance(scene, Scene):
        raise TypeError(f"to_svg takes a Scene; got {scene!r}.")
    if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(scene)):
        raise TypeError("to_svg cannot be compiled; for pixels, use `rasterize`.")
    if len(scene.batch_shape) > 1:
        raise ValueError(
            "to_svg takes one scene, or a batch with one leading axis; got the shape "
            f"{scene.batch_shape}."
        )
    scene = jax.tree.map(np.asarray, scene)
    if not scene.batch_shape:
        width, height = _fitted(scene.view, size)
        return _element(
            "svg",
            {**_ROOT, "width": width, "height": height},
            _picture(scene, 0, 0, width, height),
        )
    return _grid(scene, size)


_ROOT = {"xmlns": "http://www.w3.org/2000/svg", "role": "img"}


def _grid(scenes: Scene, size: int | float) -> str:
    number = min(len(scenes), _MOST)
    columns = min(number, max(1, math.ceil(math.sqrt(number))))
    rows = math.ceil(number / columns) if number else 0
    size, gap = size / math.sqrt(columns), 8
    sizes = [_fitted(scenes.view[i], size) for i in range(number)]
    width = max([w for w, _ in sizes], default=0)
    height = max([h for _, h in sizes], default=0)
    pictures = [
        _picture(
            scenes[i],
            i % columns * (width + gap),
            i // columns * (height + gap),
            width,
            height,
        )
        for i in range(number)
    ]
    attributes = {
        **_ROOT,
        "width": max(columns * (width + gap) - gap, 0),
        "height": max(rows * (height + gap) - gap, 0),
    }
    return _element("svg", attributes, "".join(pictures))


def _fitted(view: Any, size: int | float) -> tuple[float, float]:
    """The width and height of a picture whose longer side has a given length."""
    width, height = float(view[2] - view[0]), float(view[3] - view[1])
    if not (0 < width < math.inf and 0 < height < math.inf):
        return float(size), float(size)
    factor = size / max(width, height)
    return max(factor * width, 1), max(factor * height, 1)


def _picture(
    scene: Scene,
    x: int | float,
    y: int | float,
    width: int | float,
    height: int | float,
) -> str:
    pixels = _Pixels(scene.view, width, height)
    background = _element(
        "rect", {"width": width, "height": height, "fill": _color(scene.background)}
    )
    shapes = [
        element
        for shape in scene.shapes
        for element in _WRITERS[type(shape)](pixels, shape)
    ]
    # A nested picture clips what reaches beyond it.
    attributes = {"x": x, "y": y, "width": width, "height": height}
    return _element("svg", attributes, background + "".join(shapes))


class _Pixels:
    """The map from coordinates of a scene to a picture."""

    def __init__(self, view: Any, width: int | float, height: int | float):
        left, bottom, right, top = (float(x) for x in view)
        with np.errstate(all="ignore"):
            scale = np.minimum(
                np.float64(width) / (right - left), np.float64(height) / (top - bottom)
            )
        self.scale = float(scale)
        self.center = (left + right) / 2, (bottom + top) / 2
        self.middle = width / 2, height / 2

    def x(self, x: Any) -> Any:
        return _near((x - self.center[0]) * self.scale + self.middle[0])

    def y(self, y: Any) -> Any:
        return _near((self.center[1] - y) * self.scale + self.middle[1])

    def length(self, length: Any) -> Any:
        return _near(length * self.scale)


def _near(x: Any) -> Any:
    return np.clip(x, -_FAR, _FAR)


def _items(shape: Any, *numbers: Any) -> Iterator[tuple[int, str, float]]:
    """The index, color and opacity of every visible item."""
    for i in range(shape.num_items):
        opacity = float(np.clip(shape.opacity[i], 0, 1))
        is_valid = not any(np.isnan(x[i]).any() for x in numbers)
        if is_valid and opacity > 0:
            color = shape.color[i if len(shape.color) > 1 else 0]
            yield i, _color(color), opacity


def _paint(color: str, opacity: float, line: float | None = None) -> dict[str, Any]:
    if line is None:
        return {"fill": color, "fill-opacity": None if opacity == 1 else opacity}
    return {
        "fill": "none",
        "stroke": color,
        "stroke-width": line,
        "stroke-opacity": None if opacity == 1 else opacity,
    }


def _line(pixels: _Pixels, outline: float | None) -> float | None:
    return None if outline is None else float(pixels.length(outline))


def _write_disc(pixels: _Pixels, disc: Disc) -> Iterator[str]:
    x, y = pixels.x(disc.center[:, 0]), pixels.y(disc.center[:, 1])
    radius = pixels.length(disc.radius)
    line = _line(pixels, disc.outline)
    for i, color, opacity in _items(disc, x, y, radius):
        attributes = {"cx": x[i], "cy": y[i], "r": max(radius[i], 0)}
        yield _element("circle", {**attributes, **_paint(color, opacity, line)})


def _write_segment(pixels: _Pixels, segment: Segment) -> Iterator[str]:
    x0, y0 = pixels.x(segment.start[:, 0]), pixels.y(segment.start[:, 1])
    x1, y1 = pixels.x(segment.end[:, 0]), pixels.y(segment.end[:, 1])
    thickness = pixels.length(segment.thickness)
    for i, color, opacity in _items(segment, x0, y0, x1, y1, thickness):
        attributes = {
            "d": _path([[(x0[i], y0[i]), (x1[i], y1[i])]]),
            "stroke-linecap": "round",
        }
        paint = _paint(color, opacity, max(float(thickness[i]), 0.0))
        yield _element("path", {**attributes, **paint})


def _write_polygon(pixels: _Pixels, polygon: Polygon) -> Iterator[str]:
    x, y = pixels.x(polygon.points[..., 0]), pixels.y(polygon.points[..., 1])
    line = _line(pixels, polygon.outline)
    for i, color, opacity in _items(polygon, x, y):
        attributes = {
            "d": _path([list(zip(x[i], y[i], strict=True))]) + "Z",
            "stroke-linejoin": None if line is None else "round",
        }
        yield _element("path", {**attributes, **_paint(color, opacity, line)})


def _write_rectangle(pixels: _Pixels, rectangle: Rectangle) -> Iterator[str]:
    x, y = pixels.x(rectangle.center[:, 0]), pixels.y(rectangle.center[:, 1])
    size = pixels.length(rectangle.size)
    angle = np.zeros(len(x)) if rectangle.angle is None else rectangle.angle
    line = _line(pixels, rectangle.outline)
    for i, color, opacity in _items(rectangle, x, y, size, angle):
        if not np.isfinite(angle[i]):
            continue
        width, height = np.maximum(size[i], 0)
        attributes = {
            "x": x[i] - width / 2,
            "y": y[i] - height / 2,
            "width": width,
            "height": height,
        }
        if rectangle.angle is not None:
            degrees = math.degrees(-math.remainder(float(angle[i]), math.tau))
            center = f"{_number(x[i])} {_number(y[i])}"
            attributes["transform"] = f"rotate({_number(degrees)} {center})"
        yield _element("rect", {**attributes, **_paint(color, opacity, line)})


def _write_cells(pixels: _Pixels, cells: Cells) -> Iterator[str]:
    left, bottom, right, top = cells.box
    rows, columns = cells.values.shape[:2]
    x = np.linspace(pixels.x(left), pixels.x(right), columns + 1)
    y = np.linspace(pixels.y(top), pixels.y(bottom), rows + 1)
    if np.isnan(x).any() or np.isnan(y).any():
        return
    if cells.palette is None:
        colors = cells.values
    else:
        colors = cells.palette[np.clip(cells.values, 0, len(cells.palette) - 1)]
    opacity = np.broadcast_to(
        np.nan_to_num(np.clip(cells.opacity, 0, 1)), (rows, columns)
    )
    # Neighbors in a row that look the same are one path, and edges are not smoothed, so
    # that no seams show.
    paths: dict[tuple[str, float], list[str]] = {}
    for row in range(rows):
        looks = [
            (_color(colors[row, column]), float(opacity[row, column]))
            for column in range(columns)
        ]
        start = 0
        for column in range(1, columns + 1):
            if column < columns and looks[column] == looks[start]:
                continue
            corners = [_number(v) for v in (x[start], y[row], x[column], y[row + 1])]
            piece = "M{0} {1}H{2}V{3}H{0}Z".format(*corners)
            paths.setdefault(looks[start], []).append(piece)
            start = column
    for (color, alpha), pieces in paths.items():
        if alpha > 0:
            attributes = {"d": "".join(pieces), "shape-rendering": "crispEdges"}
            yield _element("path", {**attributes, **_paint(color, alpha)})


def _write_text(pixels: _Pixels, text: Text) -> Iterator[str]:
    x, y = pixels.x(text.position[:, 0]), pixels.y(text.position[:, 1])
    unit = pixels.length(text.size) / _font.CAPITAL_HEIGHT
    for i, color, opacity in _items(text, x, y, unit):
        strokes = string_strokes(item_string(text, i), text.anchor)
        lines = [
            [
                (x[i] + unit[i] * a, y[i] - unit[i] * b),
                (x[i] + unit[i] * c, y[i] - unit[i] * d),
            ]
            for a, b, c, d in strokes.tolist()
        ]
        attributes = {
            "d": _path(lines),
            "stroke-linecap": "round",
            "stroke-linejoin": "round",
        }
        paint = _paint(color, opacity, max(_font.STROKE * float(unit[i]), 0.0))
        title = _element("title", {}, escape(item_string(text, i)))
        yield _element("path", {**attributes, **paint}, title)


_WRITERS: dict[type[AbstractShape], Callable[[_Pixels, Any], Iterator[str]]] = {
    Cells: _write_cells,
    Disc: _write_disc,
    Polygon: _write_polygon,
    Rectangle: _write_rectangle,
    Segment: _write_segment,
    Text: _write_text,
}


def _path(lines: list[list[tuple[Any, Any]]]) -> str:
    return "".join(
        "M" + "L".join(f"{_number(x)} {_number(y)}" for x, y in line) for line in lines
    )


def _color(color: Any) -> str:
    red, green, blue = np.nan_to_num(np.clip(color, 0, 1)) * 255 + 0.5
    return f"#{int(red):02x}{int(green):02x}{int(blue):02x}"


def _element(tag: str, attributes: dict[str, Any], content: str = "") -> str:
    written = "".join(
        f' {name}="{value if isinstance(value, str) else _number(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    return f"<{tag}{written}>{content}</{tag}>" if content else f"<{tag}{written}/>"


def _number(value: Any) -> str:
    number = f"{float(value):.3f}".rstrip("0").rstrip(".")
    return "0" if number in ("-0", "") else number
