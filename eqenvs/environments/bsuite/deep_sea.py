"""DeepSea: dive through a grid; only one sequence of actions leads to the treasure.

The rules are those of `bsuite/environments/deep_sea.py` in bsuite 0.3.6 (Osband et al.,
"Behaviour suite for reinforcement learning", ICLR 2020;
https://github.com/google-deepmind/bsuite).

1. The diver starts in the top left corner of a square grid, and sinks by one row at
   every step.
2. In every cell one of the two actions moves right, the other left; which one is drawn
   once for the environment, for all episodes. Moving right costs a little.
3. Moving right from the last column pays 1. That column is reached only in the last
   row, and only by moving right in every row.
4. The episode terminates below the last row.

The stochastic version, `deterministic=False`, has wind and noise: a move to the right
fails with probability 1 / `size`, and leaving the grid from its bottom left or bottom
right corner adds a standard normal number to the reward.

**Deviations:**

- By default, the mapping is that of bsuite's experiments, where `mapping_seed` is 42.
  bsuite's default, `mapping_seed=None`, draws a new one for each environment.
"""

import math
from collections.abc import Sequence
from typing import Any, cast, NamedTuple

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jax.scipy.special import erfinv
from jaxtyping import Array, ArrayLike, Float, Int32, Key

from ..._environment import AbstractEnvironment, AbstractState, Transition
from ..._parametric import converted
from ...fields import count, flag, integer, real, time_limit
from ...rendering import AbstractShape, Cells, Disc, Rectangle, Scene, Segment, Text
from ...rendering.colors import BLUE, INK, ORANGE, PAPER, RED, SKY, SLATE, WHITE, YELLOW
from ...spaces import Box, Discrete
from .._shapes import cell_center
from ._mapping import choose_mapping


SAND = (YELLOW + ORANGE) / 2


class DeepSeaState(AbstractState):
    """The diver's column. The row is `time`."""

    column: Int32[Array, ""]
    time: Int32[Array, ""]


class Weather(NamedTuple):
    """The random outcomes of a step of the stochastic version: `wind` is uniform from
    0 to 1, `noise` is standard normal."""

    wind: Float[Array, ""]
    noise: Float[Array, ""]


def draw_weather(key: Key[Array, ""]) -> Weather:
    """Draws the random outcomes of a step."""
    # Uniform in (-1, 1), so that the inverse error function is finite.
    low = np.nextafter(np.asarray(-1, jnp.zeros(()).dtype), 0)
    wind, noise = jr.uniform(key, (2,), minval=low, maxval=1)
    return Weather(wind=(wind + 1) / 2, noise=math.sqrt(2) * erfinv(noise))


class DeepSea(
    AbstractEnvironment[DeepSeaState, Int32[Array, ""], Float[Array, "size size"]]
):
    """Find the one sequence of actions that leads to the treasure.

    **Observation:** an array of shape `(size, size)` with 1 where the diver is and 0
    elsewhere; all zeros once the episode is over.

    **Action:** `Discrete(2)`: in the cell `(row, column)` the action
    `action_mapping[row, column]` moves right, the other one left.

    **Reward:** 1 for moving right from the last column, less `unscaled_move_cost` /
    `size` for any move to the right. Unless `deterministic`, a standard normal number
    is added to the reward of the step that starts in a bottom corner.

    **Start:** the top left corner.

    **Episode end:** terminates after `size` steps; truncated after `max_steps`, which
    is `size` unless given.

    **Mapping:** the action that moves right is drawn for each cell once, when the
    environment is made. `action_mapping` gives it directly; `mapping_seed` draws it as
    bsuite does, so that the same seed gives the same mapping as there; `key` draws it
    from a JAX PRNG key, which can be mapped over:
    `eqx.filter_vmap(lambda key: DeepSea(key=key))(keys)`. Without any of these it is
    that of bsuite's experiments, whose `mapping_seed` is 42. With
    `randomize_actions=False` action 1 moves right everywhere.

    **Source:** bsuite 0.3.6, `bsuite/environments/deep_sea.py`.
    """

    action_mapping: Int32[Array, "size size"] = integer(
        description="The action that moves right, for each cell; drawn if not given.",
        minimum=0,
        maximum=1,
        shape=(None, None),
    )
    max_steps: Int32[Array, ""] = time_limit(
        description="Number of steps after which an episode is truncated; `size` if "
        "not given."
    )
    size: int = count(8, "Number of rows and of columns.")
    deterministic: bool = flag(
        True, "Whether moves never fail and rewards have no noise."
    )
    unscaled_move_cost: Float[Array, ""] = real(
        0.01, "Cost of moving right in every row of the grid."
    )

    def __init__(
        self,
        size: int | None = None,
        *,
        action_mapping: ArrayLike | Sequence[Any] | None = None,
        mapping_seed: int | None = None,
        key: Any = None,
        randomize_actions: bool = True,
        deterministic: bool = True,
        unscaled_move_cost: ArrayLike = 0.01,
        max_steps: ArrayLike | None = None,
    ):
        if action_mapping is not None:
            action_mapping = converted(DeepSea, "action_mapping", action_mapping)
        if size is None:
            given = np.shape(cast(Any, action_mapping))  # () if there is no mapping
            size = given[0] if given else 8
        size = cast(int, converted(DeepSea, "size", size))
        self.size = size
        if not randomize_actions and action_mapping is None:
            action_mapping = np.ones((size, size), np.int32)
        chosen = choose_mapping(
            "DeepSea",
            "action_mapping",
            action_mapping,
            mapping_seed,
            key,
            default_seed=42,
            from_seed=lambda seed: np.random.RandomState(seed).binomial(
                1, 0.5, (size, size)
            ),
            from_key=lambda key: jr.bernoulli(key, shape=(size, size)).astype(
                jnp.int32
            ),
        )
        if np.shape(chosen) != (size, size):
            raise ValueError(
                f"DeepSea.action_mapping must have the shape {(size, size)}, since "
                f"size={size}; got the shape {np.shape(chosen)}."
            )
        self.action_mapping = chosen
        self.deterministic = deterministic
        self.unscaled_move_cost = cast(Array, unscaled_move_cost)
        self.max_steps = cast(Array, size if max_steps is None else max_steps)

    def initial_state(self, key: Key[Array, ""]) -> DeepSeaState:
        del key
        return DeepSeaState(column=jnp.int32(0), time=jnp.int32(0))

    def transition(
        self, key: Key[Array, ""], state: DeepSeaState, action: Int32[Array, ""]
    ) -> Transition[DeepSeaState]:
        last = self.size - 1
        row, column = state.time, state.column
        cell = jnp.clip(row * self.size + column, 0, self.size**2 - 1)
        moves_right = action == self.action_mapping.reshape(-1)[cell]
        treasure = jnp.where((column == last) & moves_right, 1.0, 0.0)
        cost = jnp.where(moves_right, self.unscaled_move_cost / self.size, 0.0)
        if self.deterministic:
            right, noise = column + 1, 0.0
        else:
            wind, noise = self._draw(key)
            right = jnp.where(wind > 1 / self.size, column + 1, column)
            in_a_corner = (row == last) & ((column == 0) | (column == last))
            noise = jnp.where(in_a_corner, noise, 0.0)
        column = jnp.clip(jnp.where(moves_right, right, column - 1), 0, last)
        state = DeepSeaState(column=column, time=row + 1)
        return Transition(state, treasure + noise - cost, state.time == self.size)

    def _draw(self, key: Key[Array, ""]) -> Weather:
        return draw_weather(key)

    def observe(self, state: DeepSeaState) -> Float[Array, "size size"]:
        # One number for each cell: a long row of them is compared faster than a grid.
        cells = jnp.arange(self.size**2, dtype=jnp.int32)
        is_here = cells == state.time * self.size + state.column
        return is_here.astype(float).reshape(self.size, self.size)

    @property
    def action_space(self) -> Discrete:
        return Discrete(2)

    @property
    def observation_space(self) -> Box:
        return Box(0, 1, (self.size, self.size))

    def draw(self, state: DeepSeaState) -> Scene:
        n = self.size
        depth = np.linspace(0, 1, n)[:, None, None]
        water = np.broadcast_to((1 - depth) * SKY + depth * BLUE, (n, n, 3))
        x, y = cell_center(state.time, state.column, n)
        lines = np.arange(1, n + 1)
        # Where the two actions lead, and their numbers.
        column = jnp.clip(state.column, 0, n - 1)
        cell = jnp.clip(state.time * n + column, 0, n**2 - 1)
        right = self.action_mapping.reshape(-1)[cell].astype(float)
        is_diving = state.time < n
        sides = jnp.stack([jnp.maximum(x - 1, 0.5), jnp.minimum(x + 1, n + 0.5)])
        return Scene(
            (
                Rectangle((n / 2, (n - 1) / 2), (20 * n + 40, 21 * n + 40), SLATE),
                Rectangle(
                    ((n + 1) / 2, 11 * n + 10), (20 * n + 40, 20 * n + 20), PAPER
                ),
                Cells(water, box=(0, 0, n, n)),
                Rectangle((n + 0.5, 0.5), (1, 1), BLUE),
                Segment((lines, 0), (lines, n), 0.02, WHITE, 0.3),
                Rectangle(((n + 1) / 2, -0.4), (n + 1, 0.8), SAND),
                *_treasure(n + 0.5),
                Segment((x, y), (sides, y - 1), 0.06, WHITE, is_diving),
                Disc((sides, y - 1), 0.3, WHITE, is_diving),
                Text(
                    "{}",
                    (sides, y - 1),
                    0.32,
                    INK,
                    is_diving,
                    number=jnp.stack([1 - right, right]),
                    digits=1,
                ),
                *_diver(x, y),
            ),
            view=(-0.5, -1.2, n + 1.5, n + 0.8),
        )


def _diver(x: Float[Array, ""], y: Float[Array, ""]) -> tuple[AbstractShape, ...]:
    return (
        Segment((x + 0.12, y - 0.1), (x - 0.28, y + 0.14), 0.24, INK),
        Segment((x - 0.28, y + 0.14), (x - 0.42, y + 0.3), 0.12, ORANGE),
        Disc((x + 0.2, y - 0.14), 0.2, ORANGE),
        Disc((x + 0.26, y - 0.16), 0.1, WHITE),
    )


def _treasure(x: float) -> tuple[AbstractShape, ...]:
    return (
        Disc(([x - 0.16, x, x + 0.16], [0.44, 0.5, 0.44]), 0.14, YELLOW),
        Rectangle((x, 0.25), (0.7, 0.36), RED),
        Segment((x - 0.35, 0.42), (x + 0.35, 0.42), 0.06, INK),
        Rectangle((x, 0.32), (0.12, 0.16), YELLOW),
    )
