"""FrozenLake: cross a frozen lake without falling into one of its holes.

The rules are those of Gymnasium's `FrozenLake-v1`
(https://gymnasium.farama.org/environments/toy_text/frozen_lake/).

1. The agent walks on a grid of tiles; at the edge of the map it stays where it is.
2. On slippery ice it moves in the intended direction with probability `success_rate`,
   and otherwise to either side with equal probability.
3. A hole or a goal ends the episode. Both are absorbing.

**Deviations:**

- `map` replaces both `desc` and `map_name`. A map with a letter other than S, F, H and
  G, which Gymnasium treats as frozen, is refused, and so is one without an S.
"""

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Float, Int32, Key

from ..._environment import AbstractEnvironment, AbstractState, Transition
from ..._parametric import converted
from ...fields import flag, real, time_limit
from ...random import scale_bits
from ...rendering import Disc, Rectangle, Scene, Segment
from ...rendering.colors import BLUE, GREEN, ORANGE, RED, SKY, WHITE, YELLOW
from ...spaces import Discrete
from .._shapes import cell_center, pennant, person
from ._grid import nth_cell, number_cells, tile_map


START, FROZEN, HOLE, GOAL = range(4)
MAPS = {
    "4x4": ("SFFF", "FHFH", "FFFH", "HFFG"),
    "8x8": (
        "SFFFFFFF",
        "FFFFFFFF",
        "FFFHFFFF",
        "FFFFFHFF",
        "FFFHFFFF",
        "FHHFFFHF",
        "FHFFHFHF",
        "FFFHFFFG",
    ),
}
ICE = (SKY + 3 * WHITE) / 4


class FrozenLakeState(AbstractState):
    """Where on the map the agent stands."""

    row: Int32[Array, ""]
    column: Int32[Array, ""]
    time: Int32[Array, ""]


class FrozenLake(
    AbstractEnvironment[FrozenLakeState, Int32[Array, ""], Int32[Array, ""]]
):
    """Cross a frozen lake from the start to the goal.

    **Observation:** `Discrete(rows * columns)`: the number of the agent's tile, counted
    row by row from the top left.

    **Action:** `Discrete(4)`: 0 goes left, 1 down, 2 right, 3 up.

    **Reward:** `reward_schedule[0]` for reaching a goal, `reward_schedule[1]` for
    falling into a hole, `reward_schedule[2]` for any other step; by default 1, 0 and 0.

    **Start:** the tile `S` of the map; if there are several, one of them at random.

    **Episode end:** terminates in a hole or at a goal; truncated after `max_steps`.

    The transition's `info["prob"]` is the probability of the move that was made.

    **Source:** Gymnasium's `FrozenLake-v1`.
    """

    map: Int32[Array, "rows columns"] = tile_map(
        "4x4",
        "The lake: start, frozen, hole and goal tiles.",
        tiles="SFHG",
        names=MAPS,
    )
    is_slippery: bool = flag(
        True, "Whether a move may go to the side of the intended one."
    )
    success_rate: Float[Array, ""] = real(
        1 / 3,
        "Probability of moving as intended on slippery ice.",
        minimum=0,
        maximum=1,
    )
    reward_schedule: Float[Array, " 3"] = real(
        (1.0, 0.0, 0.0), "Rewards for a goal, a hole and any other tile.", shape=(3,)
    )
    max_steps: Int32[Array, ""] = time_limit(
        None,
        "Number of steps after which an episode is truncated; None means 200 "
        "on a map of 8 x 8 tiles and 100 on any other.",
    )
    has_one_start: bool = eqx.field(init=False, static=True)

    def __post_init__(self):
        self.map = converted(FrozenLake, "map", self.map)
        if self.max_steps is None:
            self.max_steps = jnp.int32(200 if self.map.shape == (8, 8) else 100)
        self.has_one_start = _has_one_start(self.map)

    @staticmethod
    def random_map(
        key: Key[Array, ""],
        size: int = 8,
        frozen_probability: float | Float[Array, ""] = 0.8,
    ) -> Int32[Array, "size size"]:
        """Draws a map with a path from its start, at the top left, to its goal, at the
        bottom right.

        Every other tile is frozen with probability `frozen_probability` and a hole
        otherwise; maps without a path are drawn again.

        **Arguments:**

        - `key`: a JAX PRNG key.
        - `size`: the number of rows and of columns, at least 2.
        - `frozen_probability`: above 0.

        **Returns:**

        A map for `FrozenLake(map=...)`.
        """
        if size < 2:
            raise ValueError(f"size must be at least 2; got {size!r}.")
        if not isinstance(frozen_probability, jax.core.Tracer) and not (
            frozen_probability > 0
        ):
            raise ValueError(
                f"frozen_probability must be above 0; got {frozen_probability!r}."
            )

        def draw(carry):
            key, _ = carry
            key, tile_key = jr.split(key)
            is_frozen = jr.bernoulli(tile_key, frozen_probability, (size, size))
            tiles = jnp.where(is_frozen, FROZEN, HOLE).astype(jnp.int32)
            return key, tiles.at[0, 0].set(START).at[-1, -1].set(GOAL)

        _, tiles = jax.lax.while_loop(
            lambda carry: ~_has_path(carry[1]), draw, draw((key, None))
        )
        return tiles

    def initial_state(self, key: Key[Array, ""]) -> FrozenLakeState:
        starts = number_cells(self.map == START)
        # Most maps have a single start, and then nothing is drawn.
        n = jnp.int32(0)
        if not self.has_one_start:
            n = scale_bits(jr.bits(key, dtype=jnp.uint32), starts[-1])
        row, column = nth_cell(starts, n, self.map.shape[1])
        return FrozenLakeState(row=row, column=column, time=jnp.int32(0))

    def transition(
        self, key: Key[Array, ""], state: FrozenLakeState, action: Int32[Array, ""]
    ) -> Transition[FrozenLakeState]:
        was_over = _is_end(self._tile(state.row, state.column))
        probability = jnp.ones_like(self.success_rate)
        if self.is_slippery:
            turn = self._turn(self._draw(key))
            action = (action + turn) & 3
            fail_rate = (1 - self.success_rate) / 2
            probability = jnp.where(turn == 0, self.success_rate, fail_rate)
        down = (action == 1).astype(jnp.int32) - (action == 3).astype(jnp.int32)
        right = (action == 2).astype(jnp.int32) - (action == 0).astype(jnp.int32)
        rows, columns = self.map.shape
        row = jnp.clip(state.row + down, 0, rows - 1)
        column = jnp.clip(state.column + right, 0, columns - 1)
        row = jnp.where(was_over, state.row, row)
        column = jnp.where(was_over, state.column, column)
        tile = self._tile(row, column)
        at_goal, at_hole, elsewhere = self.reward_schedule
        reward = jnp.where(
            tile == GOAL, at_goal, jnp.where(tile == HOLE, at_hole, elsewhere)
        )
        return Transition(
            FrozenLakeState(row=row, column=column, time=state.time + 1),
            jnp.where(was_over, 0.0, reward),
            _is_end(tile),
            {"prob": jnp.where(was_over, 1.0, probability)},
        )

    @staticmethod
    def _draw(key: Key[Array, ""]) -> Float[Array, ""]:
        """The number, uniform in [0, 1), that decides where a move goes."""
        return jr.uniform(key)

    def _turn(self, uniform: Float[Array, ""]) -> Int32[Array, ""]:
        """0 for a move as intended, -1 and 1 for one to the side."""
        fail_rate = (1 - self.success_rate) / 2
        # In the order of Gymnasium's table, so that the same number means the same.
        is_second = (uniform >= fail_rate).astype(jnp.int32)
        is_third = uniform >= fail_rate + self.success_rate
        return is_second + is_third.astype(jnp.int32) - 1

    def _tile(
        self, row: Int32[Array, ""], column: Int32[Array, ""]
    ) -> Int32[Array, ""]:
        return self.map.ravel().at[row * self.map.shape[1] + column].get(mode="clip")

    def observe(self, state: FrozenLakeState) -> Int32[Array, ""]:
        return state.row * self.map.shape[1] + state.column

    @property
    def action_space(self) -> Discrete:
        return Discrete(4)

    @property
    def observation_space(self) -> Discrete:
        return Discrete(self.map.shape[-2] * self.map.shape[-1])

    def draw(self, state: FrozenLakeState) -> Scene:
        rows, columns = self.map.shape
        holes, goals, starts = (
            (self.map == tile).ravel() for tile in (HOLE, GOAL, START)
        )
        x = np.tile(np.arange(columns) + 0.5, rows)
        y = np.repeat(rows - 0.5 - np.arange(rows), columns)
        x_lines, y_lines = np.arange(columns + 1), np.arange(rows + 1)
        agent_x, agent_y = cell_center(state.row, state.column, rows)
        has_fallen = self._tile(state.row, state.column) == HOLE
        head = (agent_x, agent_y + 0.05)
        return Scene(
            (
                Rectangle((columns / 2, rows / 2), (columns, rows), ICE),
                Segment((x_lines, 0), (x_lines, rows), 0.03, SKY),
                Segment((0, y_lines), (columns, y_lines), 0.03, SKY),
                Rectangle(
                    (x, y),
                    (0.8, 0.8),
                    ORANGE,
                    jnp.where(starts, 0.6, 0.0),
                    outline=0.06,
                ),
                Disc((x, y), 0.4, SKY, holes),
                Disc((x, y), 0.34, BLUE, holes),
                Rectangle((x, y), (0.97, 0.97), YELLOW, goals),
                *pennant(x, y, GREEN, goals),
                *person(agent_x, agent_y, RED, ~has_fallen),
                Disc(head, 0.19, RED, has_fallen),
                Disc(head, 0.11, WHITE, has_fallen),
                Rectangle((agent_x, agent_y - 0.16), (0.44, 0.16), BLUE, has_fallen),
            ),
            view=(-0.1, -0.1, columns + 0.1, rows + 0.1),
        )


def _has_one_start(tiles: Int32[Array, "rows columns"]) -> bool:
    """Whether the map is known to have a single start; raises if it has none."""
    if isinstance(tiles, jax.core.Tracer):
        return False
    num_starts = np.sum(np.asarray(tiles) == START)
    if num_starts == 0:
        raise ValueError(f"FrozenLake.map must have a start tile, 'S'; got {tiles}.")
    return bool(num_starts == 1)


def _is_end(tile: Int32[Array, ""]) -> Bool[Array, ""]:
    return (tile == HOLE) | (tile == GOAL)


def _has_path(tiles: Int32[Array, "size size"]) -> Bool[Array, ""]:
    """Whether the goal can be reached from the top left around the holes."""
    is_open = tiles != HOLE

    def spread(carry):
        reached, _ = carry
        padded = jnp.pad(reached, 1)
        near = padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2]
        further = (reached | near | padded[1:-1, 2:]) & is_open
        return further, jnp.any(further != reached)

    start = jnp.zeros_like(is_open).at[0, 0].set(True)
    reached, _ = jax.lax.while_loop(lambda c: c[1], spread, (start, jnp.array(True)))
    return jnp.any(reached & (tiles == GOAL))
