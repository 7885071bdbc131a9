"""Sets of cells, and pictures of them, with one bit for each cell.

A map is five words, one for every two rows: bit `x` is the cell in column `x` of the
upper row, and bit `10 + x` that of the lower row. A few operations on words are an
operation on the whole map, and they vectorize over the lanes of a batch.
"""

import functools as ft
import operator
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int32

from ..._environment import AbstractState
from ..._fusion import booleans_computed_apart


SIZE = 10  # cells along each side of the screen

WORDS = range(SIZE // 2)
ROW = 2**SIZE - 1  # all cells of a row

State = TypeVar("State", bound=AbstractState)
Words = Int32[Array, " 5"]


def words_of(rows: Int32[Array, " 10"]) -> Words:
    """The cells of ten rows, each of which is given as ten bits."""
    pairs = rows.reshape(len(WORDS), 2)
    return pairs[:, 0] | pairs[:, 1] << SIZE


def cell(y: Any, x: Any) -> Words:
    """A single cell; none if it is off the screen, where `x` may be -1 or 10."""
    rows = np.arange(SIZE, dtype=np.int32)
    return words_of(jnp.where(rows == y, bit(x), 0))


def bit(x: Any) -> Int32[Array, "..."]:
    """Column `x` of a row, from -1 to 10; nothing for these two, which are off the
    screen."""
    return ((jnp.int32(1) << (x + 1)) >> 1) & ROW


class Map(eqx.Module):
    """The words of a map as scalars, for arithmetic: no operation needs a loop over
    words."""

    words: tuple[Int32[Array, ""], ...]

    @classmethod
    def from_rows(cls, rows: Sequence[Any]) -> "Map":
        """The cells of ten rows, each of which is given as ten bits."""
        words = (rows[2 * i] | rows[2 * i + 1] << SIZE for i in WORDS)
        return cls(tuple(jnp.asarray(word, jnp.int32) for word in words))

    def __and__(self, other: "Map") -> "Map":
        return jax.tree.map(operator.and_, self, other)

    def __or__(self, other: "Map") -> "Map":
        return jax.tree.map(operator.or_, self, other)

    def __xor__(self, other: "Map") -> "Map":
        return jax.tree.map(operator.xor, self, other)

    def up(self) -> "Map":
        """All cells one row higher; those of the first row leave the screen."""
        below = (*self.words[1:], jnp.int32(0))
        return Map(
            tuple(
                word >> SIZE | (lower & ROW) << SIZE
                for word, lower in zip(self.words, below, strict=True)
            )
        )

    def down(self) -> "Map":
        """All cells one row lower; those of the last row leave the screen."""
        above = (jnp.int32(0), *self.words[:-1])
        return Map(
            tuple(
                (word & ROW) << SIZE | upper >> SIZE
                for word, upper in zip(self.words, above, strict=True)
            )
        )

    def row(self, y: int) -> Int32[Array, ""]:
        """The cells of row `y`, as ten bits."""
        return (self.words[y // 2] >> SIZE * (y % 2)) & ROW

    def columns(self) -> Int32[Array, ""]:
        """The columns that are not empty, as ten bits."""
        both_rows = ft.reduce(operator.or_, self.words)
        return (both_rows | both_rows >> SIZE) & ROW

    def count(self) -> Int32[Array, ""]:
        """The number of cells."""
        return sum(map(jax.lax.population_count, self.words), jnp.int32(0))


# --- Pictures -------------------------------------------------------------------------

# For every entry of two rows of an observation, the bit of a word to show, or zero.
Bits = Int32[np.ndarray, " entries"] | Int32[Array, " entries"]


def bits_in(channel: int, channels: Sequence[int]) -> Int32[np.ndarray, " entries"]:
    """The bits that show a map in one of the channels."""
    entries = np.arange(2 * SIZE * len(channels), dtype=np.int32)
    cells, channel_of_entry = np.divmod(entries, len(channels))
    return np.where(channel_of_entry == channel, 1 << cells, 0).astype(np.int32)


def picture(
    state: State, layers: Callable[[State], Sequence[tuple[Words, Bits]]]
) -> Bool[Array, "10 10 channels"]:
    """The observation of a state: `layers(state)` are maps, and which bits to show."""

    def entries(state):
        shown = [words[:, None] & bits[None, :] for words, bits in layers(state)]
        return ft.reduce(operator.or_, shown) != 0

    # The rows of two axes are long enough for the compiler to vectorize them.
    flat = booleans_computed_apart(state.time >= 0, entries, state)
    return flat.reshape(SIZE, SIZE, -1)
