"""What the mazes share: maps that are written as text, and cells drawn from them."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Int32

from ...fields import AbstractParameter
from ...rendering import AbstractShape, Disc, Rectangle
from ...rendering.colors import BLUE, GREEN, WHITE, YELLOW
from .._shapes import cell_center, pennant


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
    - `description`: what the map shows, as a sentence.
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


def number_cells(mask: Bool[Array, "rows columns"]) -> Int32[Array, " cells"]:
    """The number of true cells up to and including each cell, row by row."""
    return jnp.cumsum(mask.ravel(), dtype=jnp.int32)


def nth_cell(
    numbers: Int32[Array, " cells"], n: Int32[Array, ""], num_columns: int
) -> tuple[Int32[Array, ""], Int32[Array, ""]]:
    """The row and the column of the `n`-th true cell, counted from 0."""
    index = jnp.sum(numbers <= n, dtype=jnp.int32)
    return index // num_columns, index % num_columns


def draw_agent(
    row: Int32[Array, ""],
    column: Int32[Array, ""],
    num_rows: int,
    look: tuple[Any, Any] = (0, 0),
) -> tuple[AbstractShape, ...]:
    """The agent, in the cell where it is, looking in the direction `look`."""
    x, y = cell_center(row, column, num_rows)
    eyes_x, eyes_y = x + 0.1 * look[0], y + 0.05 + 0.1 * look[1]
    return (
        Disc((x, y), 0.36, BLUE),
        Disc(([eyes_x - 0.12, eyes_x + 0.12], eyes_y), 0.08, WHITE),
    )


def draw_goal(
    row: Int32[Array, ""], column: Int32[Array, ""], num_rows: int
) -> tuple[AbstractShape, ...]:
    """The goal, in its cell; it stays visible behind an agent."""
    x, y = cell_center(row, column, num_rows)
    return (Rectangle((x, y), (1, 1), YELLOW), *pennant(x, y, GREEN))
