"""Scenes over time, packed into a few bytes that a page can read.

A page holds scenes rather than images, and only what changes in them. Numbers are
rounded to what is visible on a large screen, written as differences from one frame to
the next, and compressed. `scene.js` reads them.
"""

import base64
import math
import zlib
from typing import Any

import equinox as eqx
import jax
import numpy as np

from .._recording import Recording
from ..scene import AbstractShape, Cells, Scene, Text


_STEPS_OF_VIEW = 2**15
"""Coordinates are rounded to this fraction of the view: an eighth of a pixel on a
screen 4,000 pixels wide."""

_STEPS = {"angle": 2**-13, "color": 2**-10, "opacity": 2**-10, "palette": 2**-10}


class Packer:
    """Packs arrays one after another, and returns how to read each of them."""

    def __init__(self):
        self._chunks: list[bytes] = []

    def add(self, array: Any, step: float = 0.0) -> dict[str, Any]:
        """Packs an array of shape `(frames, lanes, *shape)`.

        **Arguments:**

        - `array`: the numbers.
        - `step`: the unit to which they may be rounded; 0 if they must stay exact.

        **Returns:**

        What a reader needs to know: the number of stored frames and lanes, the shape of
        the rest, and the encoding.
        """
        array = np.asarray(array)
        if array.shape[0] > 1 and _is_same(array, array[:1]):
            array = array[:1]
        if array.shape[1] > 1 and _is_same(array, array[:, :1]):
            array = array[:, :1]
        frames, lanes, *shape = array.shape
        # Time comes last, so each number is followed by its next value.
        columns = np.moveaxis(array.reshape(frames, -1), 0, 1)
        if np.issubdtype(columns.dtype, np.integer) or _is_integral(columns):
            step = 1.0
        elif not _fits(columns, step):
            step = 0.0
        if step:
            # In 64 bits, or the page would round differently.
            whole = np.round(columns.astype(np.float64) / step).astype(np.int64)
            self._chunks.append(_varints(np.diff(whole, axis=1, prepend=0)))
        else:
            self._chunks.append(columns.astype("<f4").tobytes())
        return {"frames": frames, "lanes": lanes, "shape": shape, "step": step}

    def to_base64(self, level: int = 9) -> str:
        """Everything, compressed by zlib, at a level from 1 (fast) to 9 (small)."""
        return base64.b64encode(zlib.compress(b"".join(self._chunks), level)).decode()


def _is_same(array: np.ndarray, other: np.ndarray) -> bool:
    is_float = np.issubdtype(array.dtype, np.floating)
    return bool(np.array_equal(array, np.broadcast_to(other, array.shape), is_float))


def _is_integral(array: np.ndarray) -> bool:
    return bool(np.all((np.abs(array) < 2**24) & (array == np.floor(array))))


def _fits(array: np.ndarray, step: float) -> bool:
    with np.errstate(invalid="ignore"):
        return step > 0 and bool(np.all(np.abs(array) < step * 2**30))


def _varints(numbers: np.ndarray) -> bytes:
    """Writes small numbers in few bytes, with seven bits in each; the eighth bit says
    that more bytes follow.

    Signs are folded in: 0, -1, 1, -2, ... become 0, 1, 2, 3, ...
    """
    numbers = numbers.reshape(-1)
    folded = np.where(numbers < 0, -2 * numbers - 1, 2 * numbers).astype(np.uint64)
    shifts = np.arange(0, 70, 7, dtype=np.uint64)[:5]
    pieces = (folded[:, None] >> shifts) & np.uint64(127)
    is_followed = (folded[:, None] >> (shifts + np.uint64(7))) > 0
    is_written = np.concatenate(
        [np.ones((len(folded), 1), bool), is_followed[:, :-1]], axis=1
    )
    pieces = (pieces | (is_followed.astype(np.uint64) << np.uint64(7))).astype(np.uint8)
    return pieces[is_written].tobytes()


def pack_recording(packer: Packer, recording: Recording) -> dict[str, Any]:
    """Packs one recording, and returns its entry in the page's data."""
    # In the order in which `viewer.js` reads them.
    scene = pack_scenes(packer, recording.scenes)
    ended = packer.add(recording.ended)
    series = {
        name: packer.add(numbers)
        for name in ("reward", "action", "value")
        if (numbers := getattr(recording, name)) is not None
    }
    return {
        "frames": recording.num_frames,
        "lanes": recording.num_lanes,
        "allLanes": recording.all_lanes,
        "showsLastState": recording.shows_last_state,
        "scene": scene,
        "ended": ended,
        "series": series,
        "parameters": [
            {"name": name, "unit": unit, "value": _plain(value)}
            for name, unit, value in recording.parameters
        ],
    }


def pack_scenes(packer: Packer, scenes: Scene) -> dict[str, Any]:
    """Packs scenes of batch shape `(frames, lanes)`."""
    spans = np.minimum(
        np.abs(scenes.view[..., 2] - scenes.view[..., 0]),
        np.abs(scenes.view[..., 3] - scenes.view[..., 1]),
    )
    spans = spans[np.isfinite(spans) & (spans > 0)]
    step = float(np.min(spans)) / _STEPS_OF_VIEW if spans.size else 0.0
    # A power of two, so common numbers stay exact.
    step = 2.0 ** math.floor(math.log2(step)) if step else 0.0
    return {
        "view": packer.add(scenes.view, step),
        "background": packer.add(scenes.background, 2**-10),
        "shapes": [_pack_shape(packer, shape, step) for shape in scenes.shapes],
    }


def _pack_shape(packer: Packer, shape: AbstractShape, step: float) -> dict[str, Any]:
    packed: dict[str, Any] = {"type": type(shape).__name__}
    for name, value in vars(shape).items():
        if not eqx.is_array(value):
            packed[name] = value
        elif isinstance(shape, Text) and name == "number":
            packed[name] = packer.add(value)
        elif isinstance(shape, Cells) and name == "values":
            packed[name] = packer.add(value, _STEPS["color"])
        else:
            packed[name] = packer.add(value, _STEPS.get(name, step))
    return packed


def plain_scene(scene: Scene) -> dict[str, Any]:
    """One scene as dictionaries and lists that can be written as JSON.

    A page that receives scenes one at a time draws them with `drawScene` from
    `scene.js`.
    """

    def plain(value):
        if eqx.is_array(value):
            return [_plain_number(x) for x in np.asarray(value).reshape(-1).tolist()]
        return value

    shapes = []
    for shape in scene.shapes:
        fields = {name: plain(value) for name, value in vars(shape).items()}
        fields["type"] = type(shape).__name__
        if isinstance(shape, Cells):
            fields["rows"], fields["columns"] = np.shape(shape.values)[:2]
        if hasattr(shape, "points"):
            fields["corners"] = np.shape(shape.points)[-2]  # pyright: ignore
        shapes.append(fields)
    return {
        "view": plain(scene.view),
        "background": plain(scene.background),
        "shapes": shapes,
    }


def _plain_number(number: Any) -> Any:
    # JSON has neither NaN nor infinity, but JavaScript converts these strings to them.
    if isinstance(number, float) and not math.isfinite(number):
        return (
            "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
        )
    return number


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        value = np.asarray(value)
        if value.ndim:
            return [_plain(x) for x in value]
        value = value.item()
        if isinstance(value, float):
            # As many digits as 32 bits hold.
            value = float(f"{value:.6g}")
    return _plain_number(value)
