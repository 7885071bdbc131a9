"""The positions of the strokes of a text.

The unit is that of the font, y points up, and the origin is the text's anchor.
"""

import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float32, Int32

from . import _font
from .scene import Text


_ANCHORS = {"left": 0.0, "center": 0.5, "right": 1.0}


def format_number(number: int | float, digits: int, decimals: int) -> str:
    """The text shown for a number. `number_strokes` and `scene.js` agree with it."""
    if math.isnan(number):
        return "-." + "-" * decimals if decimals else "-"
    # In 32 bits, like the pixels.
    scaled = np.abs(np.float32(number)) * np.float32(10**decimals)
    magnitude = int(np.floor(np.minimum(scaled, np.float32(1e9)) + np.float32(0.5)))
    magnitude = min(magnitude, 10 ** (digits + decimals) - 1)
    sign = "-" if number < 0 and magnitude > 0 else ""
    whole, fraction = divmod(magnitude, 10**decimals)
    return f"{sign}{whole}" + (f".{fraction:0{decimals}d}" if decimals else "")


def item_string(text: Text, item: int) -> str:
    """The string that one item shows; its number must be known."""
    if text.number is None:
        return text.text
    number = format_number(float(text.number[item]), text.digits, text.decimals)
    return text.text.replace("{}", number)


def string_strokes(string: str, anchor: str) -> Float32[np.ndarray, "strokes 4"]:
    """The strokes of a known string, as rows `(x0, y0, x1, y1)`."""
    return _in_columns(string) - _origin(anchor, float(len(string)))


def _in_columns(string: str) -> Float32[np.ndarray, "strokes 4"]:
    strokes = [np.zeros((0, 4), np.float32)]
    strokes += [
        _font.segments(character) + _shift(float(column))
        for column, character in enumerate(string)
    ]
    return np.concatenate(strokes)


def _shift(columns: float) -> Float32[np.ndarray, "1 4"]:
    return columns * np.array([[_font.ADVANCE, 0, _font.ADVANCE, 0]], np.float32)


def _origin(anchor: str, columns: float) -> Float32[np.ndarray, "1 4"]:
    # There is no gap after the last letter.
    gap = np.array([[_font.ADVANCE - _font.WIDTH, 0] * 2], np.float32)
    middle = np.array([[0, _font.MIDDLE] * 2], np.float32)
    return _ANCHORS[anchor] * (_shift(columns) - gap) + middle


def number_strokes(
    text: Text, number: Float32[Array, ""]
) -> tuple[Float32[Array, "strokes 4"], Float32[Array, " strokes"]]:
    """The strokes of a text with a traced number, and which of them are drawn.

    The second array is 0 for strokes that are not part of the number's digits.
    """
    prefix, suffix = text.text.split("{}")
    digits, decimals = text.digits, text.decimals
    is_nan = jnp.isnan(number)
    scaled = jnp.minimum(jnp.abs(number) * 10.0**decimals, 1e9)
    magnitude = jnp.floor(jnp.where(is_nan, 0.0, scaled) + 0.5).astype(jnp.int32)
    magnitude = jnp.minimum(magnitude, 10 ** (digits + decimals) - 1)
    has_sign = ((number < 0) & (magnitude > 0)).astype(jnp.int32)

    places = np.arange(digits + decimals, dtype=np.int32) - decimals
    powers = 10 ** (places + decimals)
    figures = jnp.where(is_nan, 10, magnitude // powers % 10)
    is_leading_zero = (magnitude < powers) & (places > 0)
    length = digits - jnp.sum(is_leading_zero.astype(jnp.int32), dtype=jnp.int32)

    # The column of each piece.
    units = len(prefix) + has_sign + length - 1
    behind_point = (places < 0).astype(np.int32)
    columns = units - places + behind_point
    end = units + 1 + (decimals + 1 if decimals else 0)

    minus = _font.segments("-")
    point = _font.segments("." if decimals else " ")
    before = _in_columns(prefix)
    behind = _in_columns(suffix)
    pieces = [
        (jnp.asarray(before), jnp.float32(1)),
        (minus + _shift(float(len(prefix))), has_sign.astype(jnp.float32)),
        (point + _moved(units + 1), jnp.float32(1)),
        (behind + _moved(end), jnp.float32(1)),
    ]
    figure_strokes = jnp.asarray(_font.DIGIT_SEGMENTS)[figures]
    figure_strokes = figure_strokes + _moved(columns)[:, None]
    is_drawn = jnp.asarray(_font.DIGIT_IS_DRAWN)[figures]
    is_drawn = is_drawn * (1 - is_leading_zero.astype(jnp.float32))[:, None]

    strokes = [*(strokes for strokes, _ in pieces), figure_strokes.reshape(-1, 4)]
    shown = [jnp.broadcast_to(is_shown, len(strokes)) for strokes, is_shown in pieces]
    shown.append(is_drawn.reshape(-1))
    total = (end + len(suffix)).astype(jnp.float32)
    start = _ANCHORS[text.anchor] * _moved(total) + _origin(text.anchor, 0.0)
    return jnp.concatenate(strokes) - start, jnp.concatenate(shown)


def _moved(columns: Int32[Array, "..."] | Float32[Array, "..."]) -> Array:
    """Like `_shift`, for traced columns: shape `(..., 4)`."""
    x = jnp.atleast_1d(columns).astype(jnp.float32) * _font.ADVANCE
    zero = jnp.zeros_like(x)
    return jnp.stack([x, zero, x, zero], -1)
