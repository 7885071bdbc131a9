"""A picture as a value: shapes in the environment's own units.

A scene is a pytree. What decides its structure is static: how many shapes there are,
the strings of its texts, whether a shape is filled or an outline. All numbers are
arrays, so a function from states to scenes can be compiled and mapped like any other:
`jax.vmap(env.draw)(states)` is a batch of scenes.

The x axis points right and the y axis points **up**. Shapes are drawn in the order of
the tuple, later ones over earlier ones. Angles are in radians,
counterclockwise. Colors are RGB from 0 to 1; see [`eqenvs.rendering.colors`][].

Python numbers, NumPy arrays and JAX arrays of any dtype work everywhere, and can be
mixed: `Disc((state.x, 0), 0.3, BLUE)`. Numbers that are not JAX arrays stay NumPy
arrays, so the compiler knows them, and draws what never changes once for a whole batch.

A shape can be several items of one kind at once: `Disc(centers, 0.1, YELLOW,
opacity=is_there)` with `centers` of shape `(30, 2)` is 30 discs, and those with opacity
0 are invisible. Items are drawn in order, too. An item is not drawn if one of its
numbers is NaN; infinite numbers count as very large.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float32, Int32

from . import _font
from .colors import PAPER


Numbers = Array | np.ndarray


class AbstractShape(eqx.Module):
    """One or several items that are drawn in the same way.

    Every field that holds numbers has a leading axis for the items, followed by the
    axes of one item. A batch of scenes has its axes in front of these.
    """

    @property
    def num_items(self) -> int:
        """The number of items that the shape draws."""
        return self.opacity.shape[-1]  # pyright: ignore


class Disc(AbstractShape):
    """Discs, or circles.

    - `center`: coordinates, shape `(items, 2)`.
    - `radius`: shape `(items,)`.
    - `color`: shape `(items, 3)`, or `(1, 3)` if all have the same.
    - `opacity`: shape `(items,)`, from 0 to 1.
    - `outline`: the width of the line, if only the outline is drawn.
    """

    center: Float32[Numbers, "*batch items 2"]
    radius: Float32[Numbers, "*batch items"]
    color: Float32[Numbers, "*batch colors 3"]
    opacity: Float32[Numbers, "*batch items"]
    outline: float | None = eqx.field(static=True)

    def __init__(
        self,
        center: Any,
        radius: Any,
        color: Any,
        opacity: Any = 1.0,
        *,
        outline: float | None = None,
    ):
        """**Arguments:**

        - `center`: `(x, y)`; for several items, an array of shape `(items, 2)`, a list
            of pairs, or a pair of which one or both have the shape `(items,)`.
        - `radius`: a number, or one for each item.
        - `color`: RGB from 0 to 1, shape `(3,)`; or `(items, 3)`.
        - `opacity`: from 0 (absent) to 1: a number, or one for each item; booleans
            will do.
        - `outline`: `None` to fill; or the width of a line along the edge, in the
            units of the scene.

        **Raises:**

        `ValueError` or `TypeError` if an argument is not as described above.
        """
        items = _Items("Disc")
        center = items.points("center", center)
        radius = items.scalars("radius", radius)
        opacity = items.scalars("opacity", opacity)
        color = items.colors(color)
        self.center = items.spread(center)
        self.radius = items.spread(radius)
        self.color = color
        self.opacity = items.spread(opacity)
        self.outline = _line_width("Disc", outline)


class Segment(AbstractShape):
    """Straight lines with round ends.

    - `start`, `end`: coordinates, shape `(items, 2)`.
    - `thickness`: shape `(items,)`.
    - `color`: shape `(items, 3)`, or `(1, 3)` if all have the same.
    - `opacity`: shape `(items,)`, from 0 to 1.
    """

    start: Float32[Numbers, "*batch items 2"]
    end: Float32[Numbers, "*batch items 2"]
    thickness: Float32[Numbers, "*batch items"]
    color: Float32[Numbers, "*batch colors 3"]
    opacity: Float32[Numbers, "*batch items"]

    def __init__(
        self, start: Any, end: Any, thickness: Any, color: Any, opacity: Any = 1.0
    ):
        """**Arguments:**

        - `start`, `end`: as `center` of [`eqenvs.rendering.Disc`][].
        - `thickness`: a number, or one for each item.
        - `color`, `opacity`: as in [`eqenvs.rendering.Disc`][].

        **Raises:**

        `ValueError` or `TypeError` if an argument is not as described above.
        """
        items = _Items("Segment")
        start = items.points("start", start)
        end = items.points("end", end)
        thickness = items.scalars("thickness", thickness)
        opacity = items.scalars("opacity", opacity)
        color = items.colors(color)
        self.start = items.spread(start)
        self.end = items.spread(end)
        self.thickness = items.spread(thickness)
        self.color = color
        self.opacity = items.spread(opacity)


def polyline(
    points: Any,
    thickness: Any,
    color: Any,
    opacity: Any = 1.0,
    *,
    closed: bool = False,
) -> Segment:
    """A line through several points, as one shape.

    **Arguments:**

    - `points`: an array of shape `(points, 2)`, a list of pairs, or a pair of arrays
        of shape `(points,)`.
    - `thickness`, `color`, `opacity`: as in [`eqenvs.rendering.Segment`][].
    - `closed`: whether the last point is connected with the first one.

    **Returns:**

    An [`eqenvs.rendering.Segment`][] with one item for each piece of the line.
    """
    points = _points(points)
    if points.ndim != 2 or points.shape[-1] != 2 or len(points) < 2:
        raise ValueError(
            "points of polyline must be at least two points, of shape (points, 2); got "
            f"the shape {points.shape}."
        )
    if closed:
        numpy = _numpy_for(points)
        points = numpy.concatenate([points, points[:1]])
    return Segment(points[:-1], points[1:], thickness, color, opacity)


class Polygon(AbstractShape):
    """Polygons, convex or not.

    - `points`: the corners, shape `(items, corners, 2)`, in either orientation.
    - `color`: shape `(items, 3)`, or `(1, 3)` if all have the same.
    - `opacity`: shape `(items,)`, from 0 to 1.
    - `outline`: the width of the line, if only the outline is drawn.
    """

    points: Float32[Numbers, "*batch items corners 2"]
    color: Float32[Numbers, "*batch colors 3"]
    opacity: Float32[Numbers, "*batch items"]
    outline: float | None = eqx.field(static=True)

    def __init__(
        self,
        points: Any,
        color: Any,
        opacity: Any = 1.0,
        *,
        outline: float | None = None,
    ):
        """**Arguments:**

        - `points`: the corners, a list of pairs or an array of shape `(corners, 2)`;
            for several items, an array of shape `(items, corners, 2)`, or a list of
            corners each of which has the shape `(items, 2)`.
        - `color`, `opacity`, `outline`: as in [`eqenvs.rendering.Disc`][].

        **Raises:**

        `ValueError` or `TypeError` if an argument is not as described above.
        """
        items = _Items("Polygon")
        points = items.corners(points)
        opacity = items.scalars("opacity", opacity)
        color = items.colors(color)
        self.points = items.spread(points)
        self.color = color
        self.opacity = items.spread(opacity)
        self.outline = _line_width("Polygon", outline)


class Rectangle(AbstractShape):
    """Rectangles, upright or rotated.

    - `center`: coordinates, shape `(items, 2)`.
    - `size`: width and height, shape `(items, 2)`.
    - `angle`: the rotation, shape `(items,)`; `None` for upright rectangles, which are
        faster.
    - `color`: shape `(items, 3)`, or `(1, 3)` if all have the same.
    - `opacity`: shape `(items,)`, from 0 to 1.
    - `outline`: the width of the line, if only the outline is drawn.
    """

    center: Float32[Numbers, "*batch items 2"]
    size: Float32[Numbers, "*batch items 2"]
    angle: Float32[Numbers, "*batch items"] | None
    color: Float32[Numbers, "*batch colors 3"]
    opacity: Float32[Numbers, "*batch items"]
    outline: float | None = eqx.field(static=True)

    def __init__(
        self,
        center: Any,
        size: Any,
        color: Any,
        opacity: Any = 1.0,
        *,
        angle: Any = None,
        outline: float | None = None,
    ):
        """**Arguments:**

        - `center`: as in [`eqenvs.rendering.Disc`][].
        - `size`: `(width, height)`, given like a center.
        - `color`, `opacity`, `outline`: as in [`eqenvs.rendering.Disc`][].
        - `angle`: radians, counterclockwise: a number, or one for each item; `None`
            for upright rectangles.

        **Raises:**

        `ValueError` or `TypeError` if an argument is not as described above.
        """
        items = _Items("Rectangle")
        center = items.points("center", center)
        size = items.points("size", size)
        angle = None if angle is None else items.scalars("angle", angle)
        opacity = items.scalars("opacity", opacity)
        color = items.colors(color)
        self.center = items.spread(center)
        self.size = items.spread(size)
        self.angle = None if angle is None else items.spread(angle)
        self.color = color
        self.opacity = items.spread(opacity)
        self.outline = _line_width("Rectangle", outline)


class Cells(AbstractShape):
    """A grid of colored cells.

    Row 0 is the **top** row and column 0 the left column, as a matrix is printed.

    - `values`: the content of each cell, an index into `palette`, int32 of shape
        `(rows, columns)`; or RGB colors, float32 of shape `(rows, columns, 3)`.
    - `palette`: one color for each index, shape `(colors, 3)`; `None` if `values` are
        colors.
    - `box`: `(left, bottom, right, top)` of the grid, shape `(4,)`.
    - `opacity`: shape `(1,)`; or `(rows, columns)`.
    """

    values: (
        Int32[Numbers, "*batch rows columns"]
        | Float32[Numbers, "*batch rows columns 3"]
    )
    palette: Float32[Numbers, "*batch colors 3"] | None
    box: Float32[Numbers, "*batch 4"]
    opacity: Float32[Numbers, "*batch 1"] | Float32[Numbers, "*batch rows columns"]
    is_masked: bool = eqx.field(static=True)

    def __init__(
        self, values: Any, palette: Any = None, opacity: Any = 1.0, *, box: Any = None
    ):
        """**Arguments:**

        - `values`: an integer or boolean array of shape `(rows, columns)`, with a
            `palette`; or RGB colors from 0 to 1 of shape `(rows, columns, 3)`. Indices
            outside the palette take its nearest end.
        - `palette`: one RGB color for each index, shape `(colors, 3)`.
        - `opacity`: a number, or one for each cell; a boolean mask works too.
        - `box`: `(left, bottom, right, top)`. By default a cell is a unit square and
            the lower left corner of the grid is the origin: the cell of row `r` and
            column `c` has its center at `(c + 0.5, rows - r - 0.5)`.

        **Raises:**

        `ValueError` or `TypeError` if an argument is not as described above.
        """
        if palette is None:
            values = _numbers(values)
            if values.ndim != 3 or values.shape[-1] != 3:
                raise ValueError(
                    "values of Cells must have the shape (rows, columns, 3), or "
                    f"(rows, columns) with a palette; got the shape {values.shape}."
                )
        else:
            values = _indices(values)
            palette = _numbers(palette)
            _check_shape("palette of Cells", palette, "(colors, 3)", 2, 3)
            _check_colors("palette of Cells", palette)
        rows, columns = values.shape[:2]
        box = _numbers((0, 0, columns, rows) if box is None else box)
        if box.shape != (4,):
            raise ValueError(
                "box of Cells must be (left, bottom, right, top); got the shape "
                f"{box.shape}."
            )
        opacity = _numbers(opacity)
        if opacity.shape not in ((), (rows, columns)):
            raise ValueError(
                "opacity of Cells must be a number, or have the shape "
                f"{(rows, columns)} of the grid; got the shape {opacity.shape}."
            )
        self.values = values
        self.palette = palette
        self.box = box
        self.is_masked = opacity.ndim == 2
        self.opacity = opacity if self.is_masked else opacity.reshape(1)

    @property
    def num_items(self) -> int:
        return 1


class Text(AbstractShape):
    """A line of text, in which one number may be an array.

    - `text`: the characters; `{}` marks the place of the number.
    - `position`: coordinates, shape `(items, 2)`.
    - `size`: the height of a capital letter, shape `(items,)`.
    - `color`: shape `(items, 3)`, or `(1, 3)` if all have the same.
    - `opacity`: shape `(items,)`, from 0 to 1.
    - `number`: shape `(items,)`, or `None`.
    - `digits`, `decimals`: the largest number of digits before the decimal point, and
        the number of digits after it.
    - `anchor`: the end of the text that is at `position`.
    """

    position: Float32[Numbers, "*batch items 2"]
    size: Float32[Numbers, "*batch items"]
    color: Float32[Numbers, "*batch colors 3"]
    opacity: Float32[Numbers, "*batch items"]
    number: Float32[Numbers, "*batch items"] | None
    text: str = eqx.field(static=True)
    digits: int = eqx.field(static=True)
    decimals: int = eqx.field(static=True)
    anchor: Literal["left", "center", "right"] = eqx.field(static=True)

    def __init__(
        self,
        text: str,
        position: Any,
        size: Any,
        color: Any,
        opacity: Any = 1.0,
        *,
        number: Any = None,
        digits: int = 4,
        decimals: int = 0,
        anchor: Literal["left", "center", "right"] = "center",
    ):
        """**Arguments:**

        - `text`: one line of Latin letters, digits and common symbols. With a
            `number`, it must contain `{}` once.
        - `position`: given like the `center` of [`eqenvs.rendering.Disc`][]: where
            the left end, the center or the right end of the line is, halfway up a
            capital letter.
        - `size`: the height of a capital letter, in the units of the scene.
        - `color`, `opacity`: as in [`eqenvs.rendering.Disc`][].
        - `number`: a number to show, or one for each item: `Text("step {}", (0, 1),
            0.1, INK, number=state.time)`. If it does not fit, the largest number that
            does is shown. NaN is shown as dashes.
        - `digits`: the largest number of digits before the decimal point.
        - `decimals`: the number of digits after the decimal point.
        - `anchor`: `"left"`, `"center"` or `"right"`.

        **Raises:**

        `ValueError` or `TypeError` if an argument is not as described above.
        """
        items = _Items("Text")
        position = items.points("position", position)
        size = items.scalars("size", size)
        number = None if number is None else items.scalars("number", number)
        opacity = items.scalars("opacity", opacity)
        color = items.colors(color)
        _check_text(text, number is not None)
        if anchor not in ("left", "center", "right"):
            raise ValueError(
                f"anchor of Text must be 'left', 'center' or 'right'; got {anchor!r}."
            )
        if not (digits >= 1 and decimals >= 0 and digits + decimals <= 9):
            raise ValueError(
                "digits of Text must be at least 1, decimals at least 0, and both "
                f"together at most 9; got {digits} and {decimals}."
            )
        self.position = items.spread(position)
        self.size = items.spread(size)
        self.color = color
        self.opacity = items.spread(opacity)
        self.number = None if number is None else items.spread(number)
        self.text = text
        self.digits = digits
        self.decimals = decimals
        self.anchor = anchor


class Scene(eqx.Module):
    """A picture: shapes, and the part of the plane that is visible.

    ```python
    Scene(
        (
            Segment((-2.4, 0), (2.4, 0), 0.02, SLATE),
            Rectangle((state.x, 0.1), (0.5, 0.2), BLUE),
        ),
        view=(-2.4, -0.5, 2.4, 1.5),
    )
    ```

    The view keeps its aspect ratio: it is fitted into the picture and centered. The
    space left on two sides shows the background, and shapes that reach there.

    A scene displays itself in a notebook. A batch of scenes, which `jax.vmap` makes, is
    displayed as a grid; `scenes[i]` is one of them.
    """

    shapes: tuple[AbstractShape, ...]
    view: Float32[Numbers, "*batch 4"]
    background: Float32[Numbers, "*batch 3"]

    def __init__(
        self,
        shapes: AbstractShape | Iterable[AbstractShape],
        view: Any,
        background: Any = PAPER,
    ):
        """**Arguments:**

        - `shapes`: what is drawn, from back to front.
        - `view`: `(left, bottom, right, top)`, in the units of the shapes.
        - `background`: RGB from 0 to 1.

        **Raises:**

        `ValueError` or `TypeError` if an argument is not as described above.
        """
        shapes = (shapes,) if isinstance(shapes, AbstractShape) else tuple(shapes)
        for shape in shapes:
            if not isinstance(shape, AbstractShape):
                raise TypeError(
                    "shapes of Scene must be shapes such as Disc or Rectangle; got "
                    f"{shape!r}."
                )
        view = _numbers(view)
        if view.shape != (4,):
            raise ValueError(
                "view of Scene must be (left, bottom, right, top); got the shape "
                f"{view.shape}."
            )
        if isinstance(view, np.ndarray) and not (
            view[0] < view[2] and view[1] < view[3]
        ):
            raise ValueError(
                "view of Scene must be (left, bottom, right, top) with left < right "
                f"and bottom < top; got {tuple(view.tolist())}."
            )
        background = _numbers(background)
        if background.shape != (3,):
            raise ValueError(
                "background of Scene must be one RGB color; got the shape "
                f"{background.shape}."
            )
        _check_colors("background of Scene", background)
        self.shapes = shapes
        self.view = view
        self.background = background

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """The shape of a batch of scenes; `()` for one scene."""
        return self.view.shape[:-1]

    def __len__(self) -> int:
        if not self.batch_shape:
            raise TypeError("one scene has no length.")
        return self.batch_shape[0]

    def __getitem__(self, index: Any) -> "Scene":
        if not self.batch_shape:
            raise TypeError("one scene cannot be indexed.")
        return jax.tree.map(lambda x: x[index], self)

    def _repr_svg_(self) -> str:
        from .svg import to_svg

        return to_svg(self)


def _numpy_for(*values: Any) -> Any:
    """`numpy` if NumPy knows all values, or else `jax.numpy`."""
    return jnp if any(isinstance(value, jax.Array) for value in values) else np


def _numbers(value: Any) -> Numbers:
    """A nested sequence of numbers and arrays as one float32 array."""
    if isinstance(value, jax.Array):
        return value.astype(jnp.float32)
    if isinstance(value, list | tuple):
        parts = [_numbers(part) for part in value]
        return _numpy_for(*parts).stack(parts)
    return np.asarray(value, np.float32)


def _indices(values: Any) -> Numbers:
    if not isinstance(values, jax.Array):
        values = np.asarray(values)
    is_integer = jnp.issubdtype(values.dtype, jnp.integer) or values.dtype == bool
    if values.ndim != 2 or not is_integer:
        raise ValueError(
            "values of Cells with a palette must be integers of shape (rows, columns); "
            f"got {values.dtype} of shape {values.shape}."
        )
    return values.astype(np.int32)


def _points(value: Any) -> Numbers:
    """Points as an array whose last axis is x and y.

    A pair `(x, y)` may hold arrays, and a list may hold pairs.
    """
    if not isinstance(value, list | tuple) or len(value) == 0:
        return _numbers(value)
    if _is_pair(value):
        parts = [_numbers(part) for part in value]
        numpy = _numpy_for(*parts)
        shape = np.broadcast_shapes(*[part.shape for part in parts])
        return numpy.stack([numpy.broadcast_to(x, shape) for x in parts], -1)
    if any(_is_scalar(part) for part in value):
        return _numbers(value)  # No points; a check of the shape says so.
    parts = [_points(part) for part in value]
    numpy = _numpy_for(*parts)
    shape = np.broadcast_shapes(*[part.shape for part in parts])
    return numpy.stack([numpy.broadcast_to(x, shape) for x in parts], -2)


def _is_pair(value: Sequence[Any]) -> bool:
    if len(value) != 2:
        return False
    # A tuple is x and y, unless it holds tuples; a list of arrays is a list of points.
    if isinstance(value, tuple):
        return not any(isinstance(part, tuple) for part in value)
    return all(_is_scalar(part) for part in value)


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, list | tuple) and np.ndim(value) == 0


class _Items:
    """Brings the arguments of one shape to the same number of items."""

    def __init__(self, shape: str):
        self.shape = shape
        self.num_items = 1

    def points(self, name: str, value: Any) -> Numbers:
        value = _points(value)
        _check_shape(f"{name} of {self.shape}", value, "(2,) or (items, 2)", (1, 2), 2)
        return self._add(name, value[None] if value.ndim == 1 else value)

    def corners(self, value: Any) -> Numbers:
        value = _points(value)
        wanted = "(corners, 2) or (items, corners, 2)"
        _check_shape(f"points of {self.shape}", value, wanted, (2, 3), 2)
        if value.shape[-2] < 3:
            raise ValueError(
                f"points of {self.shape} must be at least three; got {value.shape[-2]}."
            )
        return self._add("points", value[None] if value.ndim == 2 else value)

    def scalars(self, name: str, value: Any) -> Numbers:
        value = _numbers(value)
        _check_shape(f"{name} of {self.shape}", value, "() or (items,)", (0, 1))
        return self._add(name, value.reshape(1) if value.ndim == 0 else value)

    def colors(self, value: Any) -> Numbers:
        value = _numbers(value)
        name = f"color of {self.shape}"
        _check_shape(name, value, "(3,) or (items, 3)", (1, 2), 3)
        _check_colors(name, value)
        return self._add("color", value[None] if value.ndim == 1 else value)

    def _add(self, name: str, value: Numbers) -> Numbers:
        if value.shape[0] != 1:
            if self.num_items not in (1, value.shape[0]):
                raise ValueError(
                    f"{name} of {self.shape} is for {value.shape[0]} items, but other "
                    f"arguments are for {self.num_items}."
                )
            self.num_items = value.shape[0]
        return value

    def spread(self, value: Numbers) -> Numbers:
        if value.shape[0] == self.num_items:
            return value
        shape = (self.num_items, *value.shape[1:])
        return _numpy_for(value).broadcast_to(value, shape)


def _check_shape(
    name: str,
    value: Numbers,
    wanted: str,
    ranks: int | tuple[int, ...],
    last: int | None = None,
) -> None:
    ranks = (ranks,) if isinstance(ranks, int) else ranks
    if value.ndim not in ranks or (last is not None and value.shape[-1] != last):
        raise ValueError(
            f"{name} must have the shape {wanted}; got the shape {value.shape}."
        )


def _check_colors(name: str, value: Numbers) -> None:
    if isinstance(value, np.ndarray) and not np.all((value >= 0) & (value <= 1)):
        raise ValueError(f"{name} must be RGB from 0 to 1; got {value.tolist()}.")


def _check_text(text: Any, has_number: bool) -> None:
    if not isinstance(text, str):
        raise TypeError(f"text of Text must be a string; got {text!r}.")
    if has_number and text.count("{}") != 1:
        raise ValueError(
            f"text of Text must hold {{}} once, where the number goes; got {text!r}."
        )
    plain = text.replace("{}", "") if has_number else text
    unknown = sorted(set(plain) - set(_font.STROKES))
    if unknown:
        raise ValueError(
            f"text of Text cannot show the characters {''.join(unknown)!r}; it can "
            f"show {''.join(sorted(_font.STROKES))!r}."
        )


def _line_width(shape: str, outline: Any) -> float | None:
    if outline is None:
        return None
    if isinstance(outline, jax.core.Tracer):
        raise TypeError(
            f"outline of {shape} must be a number that does not depend on the state."
        )
    if not outline > 0:
        raise ValueError(f"outline of {shape} must be positive; got {outline!r}.")
    return float(outline)
