"""From scenes to pixels, in JAX.

Every shape covers each pixel to a degree from 0 to 1, which follows from the signed
distance to its edge or from the area inside it. Shapes are blended in the order of the
scene, without gamma correction, as in browsers.

A picture has thousands of pixels and a batch of pictures millions, so the work per
pixel is kept small. Values that depend only on the row or the column are computed once
for it. The whole scene becomes one loop over pixels that reads only the numbers of the
shapes and writes only colors.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float32, UInt8

from .._fusion import computed_once
from . import _font
from ._text import number_strokes, string_strokes
from .scene import Cells, Disc, Numbers, Polygon, Rectangle, Scene, Segment, Text


_FAR = 1e6
"""Coordinates are clipped to this number of pixels. No screen is larger, and squares of
differences are still finite."""

_UNROLLED = 24
"""Up to this number, items are written out one by one. More are drawn by a loop, in
groups, which keeps the compiled program small."""

_GROUP = 8

Planes = list[Array]
"""The red, green and blue of a picture, from 0 to 255."""


def rasterize(
    scene: Scene, size: int | tuple[int, int]
) -> UInt8[Array, "height width 3"]:
    """Draws a scene as pixels, on whatever device the computation runs.

    It works under `jax.jit`, `jax.vmap` and `jax.lax.scan`, with the same result. A
    batch is fastest if one function draws and rasterizes,
    `jax.jit(jax.vmap(lambda state: rasterize(env.draw(state), 96)))`. Anything that is
    the same in all pictures is then drawn once.

    The view is scaled by the same factor in both directions and centered. If the
    aspect ratios of picture and view differ, the space left on two sides shows the
    background, and shapes that reach there.

    **Arguments:**

    - `scene`: one scene.
    - `size`: the height and width in pixels: one number for both, or a pair.

    **Returns:**

    RGB pixels from 0 to 255, row 0 at the top.

    **Raises:**

    `TypeError` or `ValueError` if an argument is not as described above.
    """
    height, width = check_size(size)
    if not isinstance(scene, Scene):
        raise TypeError(f"rasterize takes a Scene; got {scene!r}.")
    if scene.batch_shape:
        raise ValueError(
            "rasterize takes one scene; for a batch, such as this one of shape "
            f"{scene.batch_shape}, use `jax.vmap`."
        )
    is_inside_a_program = any(
        isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(scene)
    )
    # There, numbers known to NumPy stay constants.
    draw = _draw if is_inside_a_program else _draw_alone
    return draw(scene, height, width)


def check_size(size: Any) -> tuple[int, int]:
    """Returns `(height, width)`; raises an error if `size` is not a picture size."""
    pair = size if isinstance(size, tuple | list) else (size, size)
    if len(pair) != 2 or any(
        isinstance(x, bool) or not isinstance(x, int | np.integer) for x in pair
    ):
        raise TypeError(
            "size must be a number of pixels, or a pair (height, width) of them; got "
            f"{size!r}."
        )
    if min(pair) < 1:
        raise ValueError(f"size must be positive; got {size!r}.")
    return int(pair[0]), int(pair[1])


def _draw(scene: Scene, height: int, width: int) -> UInt8[Array, "height width 3"]:
    canvas = _Canvas(scene.view, height, width)
    if len(scene.shapes) == 1 and isinstance(scene.shapes[0], Cells):
        cells = scene.shapes[0]
        pixels = canvas.pixels_of_a_cell(cells)
        if pixels is not None and _is_one(cells.opacity):
            colors = computed_once(_true(scene), _to_bytes(255 * _cell_colors(cells)))
            return _repeat(colors, pixels)
    background = 255 * _unit(scene.background)
    planes = [jnp.broadcast_to(background[i], (height, width)) for i in range(3)]
    for shape in scene.shapes:
        planes = _DRAWERS[type(shape)](canvas, shape, planes)
    # One number for each pixel, and then its bytes. If three colors were made side by
    # side, or the bytes together with whatever reads them, the compiler would work out
    # everything for each of them.
    red, green, blue = ((plane + 0.5).astype(jnp.uint32) for plane in planes)
    pixels = computed_once(_true(scene), red | (green << 8) | (blue << 16))
    return (pixels[..., None] >> np.array([[[0, 8, 16]]], np.uint32)).astype(jnp.uint8)


_draw_alone = jax.jit(_draw, static_argnums=(1, 2))


def _true(scene: Scene) -> Bool[Array, ""]:
    """A condition that always holds but that, to the compiler, depends on the scene."""
    numbers = [jnp.asarray(x) for x in jax.tree.leaves(scene) if np.size(x)]
    some = [x[(0,) * x.ndim].astype(jnp.float32) for x in numbers]
    return ~(jnp.sin(jnp.stack(some).sum()) > 2)


def _to_bytes(values: Array) -> UInt8[Array, "..."]:
    return (values + 0.5).astype(jnp.uint8)


class _Canvas:
    """The map from coordinates of a scene to pixels.

    Pixels have y down, and the center of the first one is at (0.5, 0.5).
    """

    def __init__(self, view: Numbers, height: int, width: int):
        # NumPy if the view is known, so that what follows from it is known, too.
        numpy = np if isinstance(view, np.ndarray) else jnp
        left, bottom, right, top = (view[i] for i in range(4))
        self.scale = numpy.minimum(width / (right - left), height / (top - bottom))
        self.center = ((left + right) / 2, (bottom + top) / 2)
        self.shape = (height, width)
        self.columns = (np.arange(width, dtype=np.float32) + 0.5)[None, :]
        self.rows = (np.arange(height, dtype=np.float32) + 0.5)[:, None]

    @property
    def is_known(self) -> bool:
        return isinstance(self.scale, np.generic | np.ndarray)

    def x(self, x: Any) -> Any:
        return (x - self.center[0]) * self.scale + self.shape[1] / 2

    def y(self, y: Any) -> Any:
        return (self.center[1] - y) * self.scale + self.shape[0] / 2

    def pixels_of_a_cell(self, cells: Cells) -> tuple[int, int] | None:
        """The height and width of a cell, if all are whole and fill the picture."""
        if not (self.is_known and isinstance(cells.box, np.ndarray)):
            return None
        left, bottom, right, top = cells.box
        rows, columns = cells.values.shape[:2]
        height, width = self.shape
        is_filled = np.allclose(
            [self.x(left), self.x(right), self.y(top), self.y(bottom)],
            [0, width, 0, height],
            atol=1e-3,
        )
        if not is_filled or height % rows or width % columns:
            return None
        return height // rows, width // columns

    def crop(self, left: float, top: float, right: float, bottom: float) -> "_Canvas":
        """The part of the canvas around a box of pixels."""
        height, width = self.shape
        x0, x1 = (int(np.clip(x, 0, width)) for x in (left - 1, right + 2))
        y0, y1 = (int(np.clip(y, 0, height)) for y in (top - 1, bottom + 2))
        cropped = object.__new__(_Canvas)
        cropped.__dict__.update(self.__dict__)
        cropped.columns = self.columns[:, x0:x1]
        cropped.rows = self.rows[y0:y1]
        return cropped

    def paste(self, plane: Array, cropped: "_Canvas") -> Array:
        """A plane of a part of the canvas as one of all of it, 0 outside."""
        height, width = self.shape
        x0, y0 = int(cropped.columns[0, 0]), int(cropped.rows[0, 0])
        h, w = plane.shape
        return jnp.pad(plane, ((y0, height - y0 - h), (x0, width - x0 - w)))


# What the shapes have in common.


class _Items:
    """The items of one shape, with the numbers of each in pixels.

    An item with a NaN among its numbers is not drawn. Infinity becomes a large number.
    """

    def __init__(self, shape: Any, *numbers: Any):
        given = [jnp.asarray(x) for x in (shape.opacity, *numbers)]
        is_valid = jnp.ones(given[0].shape, bool)
        for x in given:
            is_valid &= ~jnp.any(jnp.isnan(x), tuple(range(1, x.ndim)))
        self.is_valid = is_valid.astype(jnp.float32)
        self.numbers = [
            jnp.clip(jnp.where(jnp.isnan(x), 0, x), -_FAR, _FAR) for x in given[1:]
        ]
        self.is_opaque = _is_one(shape.opacity)
        self.opacity = _unit(shape.opacity)
        self.color = 255 * _unit(shape.color)

    def blend(self, planes: Planes, coverage: Callable[..., Array]) -> Planes:
        """Blends the items over the planes, in order.

        `coverage(is_valid, *numbers)` is that of one item.
        """

        def alpha(item):
            opacity, _, *numbers = item
            covered = coverage(*numbers)
            return covered if self.is_opaque else covered * opacity

        num_items = self.opacity.shape[0]
        has_one_color = self.color.shape[0] == 1
        color = jnp.broadcast_to(self.color, (num_items, 3))
        items = (self.opacity, color, self.is_valid, *self.numbers)
        if num_items == 1:
            item = tuple(x[0] for x in items)
            return _blend(planes, alpha(item), item[1])
        if has_one_color:
            # The part of the background that all of them together leave uncovered.
            start = jnp.ones(planes[0].shape, jnp.float32)
            rest = _fold(lambda rest, item: rest * (1 - alpha(item)), start, items)
            return _blend(planes, 1 - rest, self.color[0])
        return _fold(
            lambda planes, item: _blend(planes, alpha(item), item[1]), planes, items
        )


def _is_one(opacity: Numbers) -> bool:
    return isinstance(opacity, np.ndarray) and bool(np.all(opacity == 1))


def _unit(values: Any) -> Array:
    return jnp.clip(jnp.where(jnp.isnan(values), 0, values), 0, 1)


def _blend(planes: Planes, alpha: Array, color: Float32[Array, " 3"]) -> Planes:
    return [plane + alpha * (color[i] - plane) for i, plane in enumerate(planes)]


def _fold(function: Callable[[Any, Any], Any], start: Any, items: tuple) -> Any:
    """Folds over the leading axis of the arrays of `items`.

    Zeros must not change anything, because a loop pads its last group with them.
    """

    def fold(carry, items, num_items):
        for i in range(num_items):
            carry = function(carry, tuple(x[i] for x in items))
        return carry

    num_items = items[0].shape[0]
    if num_items <= _UNROLLED:
        return fold(start, items, num_items)
    missing = -num_items % _GROUP
    groups = tuple(
        jnp.pad(x, [(0, missing)] + [(0, 0)] * (x.ndim - 1)).reshape(
            -1, _GROUP, *x.shape[1:]
        )
        for x in items
    )

    def body(carry, group):
        return fold(carry, group, _GROUP), None

    return jax.lax.scan(body, start, groups)[0]


# The shapes, one by one.


def _draw_disc(canvas: _Canvas, disc: Disc, planes: Planes) -> Planes:
    x, y = canvas.x(disc.center[..., 0]), canvas.y(disc.center[..., 1])
    radius = canvas.scale * disc.radius
    items = _Items(disc, x, y, radius)
    line = None if disc.outline is None else _line(canvas, disc.outline)

    def coverage(is_valid, x, y, radius):
        distance = jnp.sqrt((canvas.columns - x) ** 2 + (canvas.rows - y) ** 2)
        if line is None:
            return _inside(radius, distance, is_valid)
        return _inside(line / 2, jnp.abs(distance - radius), is_valid)

    return items.blend(planes, coverage)


def _draw_segment(canvas: _Canvas, segment: Segment, planes: Planes) -> Planes:
    ends = [
        f(end[..., i])
        for end in (segment.start, segment.end)
        for i, f in enumerate((canvas.x, canvas.y))
    ]
    items = _Items(segment, *ends, canvas.scale * segment.thickness)

    def coverage(is_valid, x0, y0, x1, y1, thickness):
        return _capsule(canvas, x0, y0, x1, y1, thickness, is_valid)

    return items.blend(planes, coverage)


def _draw_polygon(canvas: _Canvas, polygon: Polygon, planes: Planes) -> Planes:
    x, y = canvas.x(polygon.points[..., 0]), canvas.y(polygon.points[..., 1])
    items = _Items(polygon, x, y)
    line = None if polygon.outline is None else _line(canvas, polygon.outline)

    def coverage(is_valid, x, y):
        edges = (x, y, jnp.roll(x, -1), jnp.roll(y, -1))
        nothing = jnp.zeros(canvas.shape, jnp.float32)
        if line is None:
            area = _fold(
                lambda area, edge: area + _area_right_of(canvas, *edge), nothing, edges
            )
            return jnp.minimum(jnp.abs(area), is_valid)
        return _union(canvas, nothing, edges, line, jnp.broadcast_to(is_valid, x.shape))

    return items.blend(planes, coverage)


def _draw_rectangle(canvas: _Canvas, rectangle: Rectangle, planes: Planes) -> Planes:
    x, y = canvas.x(rectangle.center[..., 0]), canvas.y(rectangle.center[..., 1])
    size = canvas.scale * rectangle.size
    angle = rectangle.angle
    is_turned = angle is not None
    angles = [jnp.cos(angle), jnp.sin(angle)] if is_turned else []
    items = _Items(rectangle, x, y, size, *angles)
    line = None if rectangle.outline is None else _line(canvas, rectangle.outline)

    def coverage(is_valid, x, y, size, *angles):
        columns, rows = canvas.columns - x, canvas.rows - y
        if angles:
            # Pixels have y down, so the rectangle turns clockwise there.
            cos, sin = angles
            columns, rows = columns * cos - rows * sin, columns * sin + rows * cos
        columns, rows = jnp.abs(columns), jnp.abs(rows)

        def box(growth):
            width, height = (jnp.maximum(size[i] + growth, 0) / 2 for i in range(2))
            return _inside(width, columns, is_valid) * _inside(height, rows, 1.0)

        return box(0.0) if line is None else box(line) - box(-line)

    return items.blend(planes, coverage)


def _draw_cells(canvas: _Canvas, cells: Cells, planes: Planes) -> Planes:
    colors = 255 * _cell_colors(cells)
    is_opaque = _is_one(cells.opacity)
    pixels = canvas.pixels_of_a_cell(cells)
    if pixels is not None and is_opaque:
        colors = _repeat(colors, pixels)
        return [colors[..., i] for i in range(3)]
    # How much of each pixel belongs to each column and to each row.
    left, bottom, right, top = (cells.box[i] for i in range(4))
    num_rows, num_columns = cells.values.shape[:2]
    by_column = _overlaps(
        canvas.columns[0], canvas.x(left), canvas.x(right), num_columns
    )
    by_row = _overlaps(canvas.rows[:, 0], canvas.y(top), canvas.y(bottom), num_rows)
    opacity = _unit(cells.opacity)
    if not cells.is_masked:
        opacity = jnp.broadcast_to(opacity[:, None], (num_rows, num_columns))

    def spread(grid):
        product = jnp.matmul(by_row, grid, precision="highest")
        return jnp.matmul(product, by_column.T, precision="highest")

    alpha = spread(opacity)
    return [
        plane * (1 - alpha) + spread(opacity * colors[..., i])
        for i, plane in enumerate(planes)
    ]


def _cell_colors(cells: Cells) -> Float32[Array, "rows columns 3"]:
    """The colors of the cells, from 0 to 1."""
    if cells.palette is None:
        return _unit(cells.values)
    palette = _unit(cells.palette)
    return jnp.take(palette, jnp.asarray(cells.values), axis=0, mode="clip")


def _overlaps(
    pixels: Float32[Any, " pixels"], start: Any, end: Any, num_cells: int
) -> Float32[Array, "pixels cells"]:
    """The fraction of each pixel that belongs to each cell from `start` to `end`."""
    start, end = (
        jnp.clip(jnp.where(jnp.isnan(x), -_FAR, x), -_FAR, _FAR) for x in (start, end)
    )
    edges = start + (end - start) * np.linspace(0, 1, num_cells + 1, dtype=np.float32)
    low = jnp.maximum(edges[None, :-1], pixels[:, None] - 0.5)
    high = jnp.minimum(edges[None, 1:], pixels[:, None] + 0.5)
    return jnp.maximum(high - low, 0)


def _repeat(grid: Array, pixels: tuple[int, int]) -> Array:
    height, width = pixels
    rows, columns, channels = grid.shape
    grid = grid[:, None, :, None]
    grid = jnp.broadcast_to(grid, (rows, height, columns, width, channels))
    return grid.reshape(rows * height, columns * width, channels)


def _draw_text(canvas: _Canvas, text: Text, planes: Planes) -> Planes:
    x, y = canvas.x(text.position[..., 0]), canvas.y(text.position[..., 1])
    unit = canvas.scale * text.size / _font.CAPITAL_HEIGHT
    number = () if text.number is None else (jnp.asarray(text.number),)
    items = _Items(text, x, y, unit)
    box = _box_of_text(text, x, y, unit)
    part = canvas if box is None else canvas.crop(*box)
    if 0 in (part.rows.size, part.columns.size):
        return planes
    # NaN is shown as dashes, and must not count as invalid.
    items.numbers += number

    def coverage(is_valid, x, y, unit, *number):
        if number:
            strokes, is_drawn = number_strokes(text, *number)
        else:
            strokes = jnp.asarray(string_strokes(text.text, text.anchor))
            is_drawn = jnp.ones(len(strokes), jnp.float32)
        ends = [x + unit * strokes[:, 0], y - unit * strokes[:, 1]]
        ends += [x + unit * strokes[:, 2], y - unit * strokes[:, 3]]
        nothing = jnp.zeros((part.rows.size, part.columns.size), jnp.float32)
        plane = _union(part, nothing, ends, _font.STROKE * unit, is_valid * is_drawn)
        return plane if box is None else canvas.paste(plane, part)

    return items.blend(planes, coverage)


def _box_of_text(
    text: Text, x: Any, y: Any, unit: Any
) -> tuple[float, float, float, float] | None:
    """A box of pixels around all items, if it is known while compiling."""
    if not all(isinstance(value, np.ndarray) for value in (x, y, unit)):
        return None
    if not all(np.isfinite(value).all() for value in (x, y, unit)):
        return None
    letters = len(text.text) + (text.digits + text.decimals if "{}" in text.text else 0)
    reach = float(np.max(np.abs(unit)))
    width, height = reach * _font.ADVANCE * (letters + 1), reach * _font.ADVANCE
    left, right = float(np.min(x)) - width, float(np.max(x)) + width
    if text.anchor == "left":
        left += width - 2 * reach
    if text.anchor == "right":
        right -= width - 2 * reach
    top, bottom = float(np.min(y)) - height, float(np.max(y)) + height
    return left, top, right, bottom


_DRAWERS = {
    Cells: _draw_cells,
    Disc: _draw_disc,
    Polygon: _draw_polygon,
    Rectangle: _draw_rectangle,
    Segment: _draw_segment,
    Text: _draw_text,
}


# Coverages: how much of a pixel is inside.


def _line(canvas: _Canvas, width: float) -> Array:
    pixels = jnp.asarray(canvas.scale * width)
    return jnp.clip(jnp.where(jnp.isnan(pixels), 0, pixels), 0, _FAR)


def _inside(radius: Any, distance: Array, most: Any) -> Array:
    """How much of a pixel is closer than `radius`, at most `most`.

    Shapes thinner than a pixel get fainter instead of breaking up.
    """
    most = most * jnp.clip(2 * radius, 0, 1)
    return jnp.clip(radius + 0.5 - distance, 0, most)


def _capsule(
    canvas: _Canvas, x0: Any, y0: Any, x1: Any, y1: Any, thickness: Any, is_valid: Any
) -> Array:
    """The coverage of a line with round ends."""
    length = jnp.sqrt((x1 - x0) ** 2 + (y1 - y0) ** 2)
    inverse = 1 / jnp.maximum(length, 1e-6)
    # A single point gets some direction.
    cos = jnp.where(length < 1e-6, 1, (x1 - x0) * inverse)
    sin = (y1 - y0) * inverse
    columns, rows = canvas.columns - (x0 + x1) / 2, canvas.rows - (y0 + y1) / 2
    along = jnp.maximum(jnp.abs(columns * cos + rows * sin) - length / 2, 0)
    across = rows * cos - columns * sin
    return _inside(thickness / 2, jnp.sqrt(along**2 + across**2), is_valid)


def _union(
    canvas: _Canvas, nothing: Array, ends: Any, thickness: Any, is_drawn: Any
) -> Array:
    """The combined coverage of several capsules of one thickness."""

    def union(plane, item):
        is_drawn, x0, y0, x1, y1 = item
        capsule = _capsule(canvas, x0, y0, x1, y1, thickness, is_drawn)
        return jnp.maximum(plane, capsule)

    return _fold(union, nothing, (is_drawn, *ends))


def _area_right_of(canvas: _Canvas, x0: Any, y0: Any, x1: Any, y1: Any) -> Array:
    """How much of each pixel is right of an edge, with the sign of its direction.

    The sum over the edges of a polygon is the area inside it.
    """
    rise = y1 - y0
    is_flat = jnp.abs(rise) < 1e-6
    slope = jnp.where(is_flat, 0, (x1 - x0) / jnp.where(is_flat, 1, rise))
    # The piece of the edge in each row of pixels.
    top, bottom = canvas.rows - 0.5, canvas.rows + 0.5
    start, end = jnp.clip(y0, top, bottom), jnp.clip(y1, top, bottom)
    height = end - start
    x = x0 + ((start + end) / 2 - y0) * slope
    inverse = 1 / jnp.maximum(jnp.abs(slope * height), 1)
    return height * jnp.clip(canvas.columns * inverse + (0.5 - x * inverse), 0, 1)


__all__ = ["rasterize"]
