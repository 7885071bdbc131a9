"""What the mazes share: maps that are written as text, and cells drawn from them."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Int32, UInt32

from ...fields import AbstractParameter


def tile_map(
    default: Any,
    description: str,
    *,
    tiles: str,
    names: Mapping[str, Sequence[str]] | None = None,
) -> Any:
    """A field for a rectangular map: text, one character a cell, or an array of tile
    numbers.

    It is stored as an int32 array with two axes; the number of a tile is its place in
    `tiles`.

    **Arguments:**

    - `default`: the default map.
    - `description`: what the map is of, as a sentence.
    - `tiles`: the characters.
    - `names`: maps that can be given by name.
    """
    return _TileMap(description, tiles, dict(names or {})).field(default)


class _TileMap(AbstractParameter):
    rank = 2

    def __init__(
        self, description: str, tiles: str, names: Mapping[str, Sequence[str]]
    ):
        super().__init__(description)
        self.tiles = tiles
        self.names = names

    @property
    def allowed(self) -> str:
        characters = ", ".join(repr(tile) for tile in self.tiles)
        text = f"rows, all of one length, of the characters {characters}"
        text += f" (or a 2D array of the integers 0 to {len(self.tiles) - 1})"
        if self.names:
            text = f"{' or '.join(repr(name) for name in self.names)}, or {text}"
        return text

    def __call__(self, value: str | Sequence[str] | ArrayLike) -> Array:
        if not isinstance(value, jax.Array):
            value = self._to_numpy(value)
        if len(value.shape) != 2 or 0 in value.shape:
            raise ValueError(
                f"{self.name} must be {self.allowed}; got an array of shape "
                f"{value.shape}."
            )
        if np.dtype(value.dtype).kind not in "biu":
            raise TypeError(f"{self.name} must be {self.allowed}; got {value!r}.")
        if not isinstance(value, jax.core.Tracer):
            numbers = np.asarray(value)
            if numbers.min() < 0 or numbers.max() >= len(self.tiles):
                raise ValueError(f"{self.name} must be {self.allowed}; got {numbers}.")
        return jnp.asarray(value, dtype=jnp.int32)

    def _to_numpy(self, value: Any) -> np.ndarray:
        if isinstance(value, str):
            value = self.names.get(value, value.strip("\n").split("\n"))
        rows = list(value) if isinstance(value, Sequence) else value
        if not isinstance(rows, list) or not all(isinstance(row, str) for row in rows):
            try:
                return np.asarray(rows)
            except ValueError:  # a ragged sequence
                return np.asarray(None).reshape(1, 1)
        is_map = len({len(row) for row in rows}) == 1 and not any(
            tile not in self.tiles for row in rows for tile in row
        )
        if not is_map:
            raise ValueError(f"{self.name} must be {self.allowed}; got {value!r}.")
        return np.array([[self.tiles.index(tile) for tile in row] for row in rows])


def below(bits: UInt32[Array, ""], n: Int32[Array, ""]) -> Int32[Array, ""]:
    """Maps a uniform 32-bit word onto `0, ..., n - 1`, for an `n` of at most 65536 that
    may be traced; each has a probability within `2**-32` of `1 / n`."""
    n = n.astype(jnp.uint32)
    high, low = bits >> 16, bits & 0xFFFF
    return ((high * n + ((low * n) >> 16)) >> 16).astype(jnp.int32)


def number_cells(mask: Bool[Array, "rows columns"]) -> Int32[Array, " cells"]:
    """How many true cells there are up to each cell, itself included, row by row."""
    return jnp.cumsum(mask.ravel(), dtype=jnp.int32)


def nth_cell(
    numbers: Int32[Array, " cells"], n: Int32[Array, ""], num_columns: int
) -> tuple[Int32[Array, ""], Int32[Array, ""]]:
    """The row and the column of the `n`-th true cell, counted from 0."""
    index = jnp.sum(numbers <= n, dtype=jnp.int32)
    return index // num_columns, index % num_columns
