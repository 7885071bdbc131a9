"""CliffWalking: walk along a cliff without falling off it.

The task is Example 6.6 of Sutton & Barto, "Reinforcement Learning: An Introduction"
(2018), as in Gymnasium's `CliffWalking-v1`
(https://gymnasium.farama.org/environments/toy_text/cliff_walking/).

1. The agent walks on a grid of 4 x 12 cells, from the bottom left to the bottom right;
   at the edge of the grid it stays where it is.
2. On slippery ground it moves in the intended direction or to either side, each with
   probability 1/3.
3. The cells between start and goal are the cliff. Stepping into it costs 100, and puts
   the agent back at the start. Every other step costs 1.
4. The episode terminates at the goal.

**Deviations:** none.

**Kept:**

- After the end of an episode, `transition` walks on from the goal.
"""

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Int32, Key

from ..._environment import AbstractEnvironment, AbstractState, NO_LIMIT, Transition
from ...fields import flag, time_limit
from ...rendering import Polygon, Rectangle, Scene, Segment
from ...rendering.colors import GREEN, ORANGE, RED, SILVER, SLATE, WHITE, YELLOW
from ...spaces import Discrete
from .._shapes import cell_center, pennant, person


ROWS, COLUMNS = 4, 12


class CliffWalkingState(AbstractState):
    """Where the agent is, counted from the top left."""

    row: Int32[Array, ""]
    column: Int32[Array, ""]
    time: Int32[Array, ""]


class CliffWalking(
    AbstractEnvironment[CliffWalkingState, Int32[Array, ""], Int32[Array, ""]]
):
    """Walk along a cliff to the goal.

    **Observation:** `Discrete(48)`: the number of the agent's cell, counted row by row
    from the top left.

    **Action:** `Discrete(4)`: 0 goes up, 1 right, 2 down, 3 left.

    **Reward:** -100 for stepping into the cliff, -1 for every other step.

    **Start:** the bottom left cell, number 36.

    **Episode end:** terminates at the goal, the bottom right cell, number 47; truncated
    after `max_steps`.

    The transition's `info["prob"]` is the probability of the step that was made.

    **Source:** Sutton & Barto (2018), as in Gymnasium's `CliffWalking-v1`.
    """

    max_steps: Int32[Array, ""] = time_limit(NO_LIMIT)
    is_slippery: bool = flag(
        False, "Whether a step may go to the side of the intended one."
    )

    def initial_state(self, key: Key[Array, ""]) -> CliffWalkingState:
        del key
        return CliffWalkingState(
            row=jnp.int32(ROWS - 1), column=jnp.int32(0), time=jnp.int32(0)
        )

    def transition(
        self, key: Key[Array, ""], state: CliffWalkingState, action: Int32[Array, ""]
    ) -> Transition[CliffWalkingState]:
        if self.is_slippery:
            action = (action + self._turn(self._draw(key))) & 3
        down = (action == 2).astype(jnp.int32) - (action == 0).astype(jnp.int32)
        right = (action == 1).astype(jnp.int32) - (action == 3).astype(jnp.int32)
        row = jnp.clip(state.row + down, 0, ROWS - 1)
        column = jnp.clip(state.column + right, 0, COLUMNS - 1)
        is_low, is_between = row == ROWS - 1, (column > 0) & (column < COLUMNS - 1)
        falls = is_low & is_between
        state = CliffWalkingState(
            row=row, column=jnp.where(falls, 0, column), time=state.time + 1
        )
        probability = jnp.asarray(1 / 3 if self.is_slippery else 1.0, float)
        return Transition(
            state,
            jnp.where(falls, -100.0, -1.0),
            is_low & (column == COLUMNS - 1),
            {"prob": probability},
        )

    @staticmethod
    def _draw(key: Key[Array, ""]) -> Float[Array, ""]:
        """The number, uniform in [0, 1), that decides where a step goes."""
        return jr.uniform(key)

    @staticmethod
    def _turn(uniform: Float[Array, ""]) -> Int32[Array, ""]:
        """0 for a step as intended, -1 and 1 for one to the side."""
        # In the order of Gymnasium's table, so that the same number means the same.
        is_second = (uniform >= 1 / 3).astype(jnp.int32)
        return is_second + (uniform >= 1 / 3 + 1 / 3).astype(jnp.int32) - 1

    def observe(self, state: CliffWalkingState) -> Int32[Array, ""]:
        return state.row * COLUMNS + state.column

    @property
    def action_space(self) -> Discrete:
        return Discrete(4)

    @property
    def observation_space(self) -> Discrete:
        return Discrete(ROWS * COLUMNS)

    def draw(self, state: CliffWalkingState) -> Scene:
        x, y = cell_center(state.row, state.column, ROWS)
        columns, rows = np.arange(COLUMNS + 1), np.arange(ROWS + 1)
        rocks = np.arange(1, COLUMNS - 1)
        tips = [(rocks + 0.05, 0), (rocks + 0.5, 0.85), (rocks + 0.95, 0)]
        return Scene(
            (
                Rectangle((COLUMNS / 2, ROWS / 2), (COLUMNS, ROWS), WHITE),
                Segment((columns, 0), (columns, ROWS), 0.03, SILVER),
                Segment((0, rows), (COLUMNS, rows), 0.03, SILVER),
                Rectangle((0.5, 0.5), (0.86, 0.86), ORANGE, 0.7, outline=0.08),
                Rectangle((COLUMNS - 0.5, 0.5), (0.96, 0.96), YELLOW),
                *pennant(COLUMNS - 0.5, 0.5, GREEN),
                Rectangle((COLUMNS / 2, 0.49), (COLUMNS - 2, 0.98), SILVER),
                Polygon(tips, SLATE),
                *person(x, y, RED),
            ),
            view=(-0.2, -0.2, COLUMNS + 0.2, ROWS + 0.2),
        )
