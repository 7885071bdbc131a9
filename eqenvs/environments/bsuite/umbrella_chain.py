"""UmbrellaChain: take an umbrella or leave it; learn only at the end whether that was
right.

The rules are those of `bsuite/environments/umbrella_chain.py` in bsuite 0.3.6 (Osband
et al., "Behaviour suite for reinforcement learning", ICLR 2020;
https://github.com/google-deepmind/bsuite).

1. An episode draws whether it will rain, and shows this.
2. The first action takes the umbrella or leaves it. No other action matters.
3. The last step pays 1 if the umbrella was taken when needed, or left when not, and -1
   otherwise. All earlier steps pay 1 or -1 at random.
4. Distractors, meaningless fair bits, are drawn at every step.

**Deviations:** none.
"""

from typing import Any

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Float, Int32, Key

from ..._environment import AbstractEnvironment, AbstractState, Transition
from ...fields import count, integer, time_limit
from ...rendering import Cells, Disc, Polygon, Scene, Segment
from ...rendering.colors import BLUE, GRAY, INK, ORANGE, RED, SILVER, SLATE, YELLOW
from ...spaces import Box, Discrete
from .._shapes import person
from .._time import fraction
from ._coins import fair_coins, words_for


class UmbrellaChainState(AbstractState):
    """Whether an umbrella is needed, whether it is there, and the distractors."""

    need_umbrella: Bool[Array, ""]
    has_umbrella: Bool[Array, ""]
    distractors: Bool[Array, " distractors"]
    time: Int32[Array, ""]


class UmbrellaChain(
    AbstractEnvironment[UmbrellaChainState, Int32[Array, ""], Float[Array, " numbers"]]
):
    """Credit the first action for the last reward.

    **Observation:** `3 + num_distractors` numbers.

    | index | meaning | range |
    | --- | --- | --- |
    | 0 | whether an umbrella is needed | 0 or 1 |
    | 1 | whether it is there | 0 or 1 |
    | 2 | time left: 1 - time / `chain_length` | 0 to 1 |
    | 3, ... | distractors | 0 or 1 |

    **Action:** `Discrete(2)`: 1 takes the umbrella, 0 leaves it. Only the first one
    counts.

    **Reward:** at the last step, 1 if the umbrella is there exactly when it is needed,
    else -1. At all earlier steps, -1 or 1 with equal probability.

    **Start:** fair bits; whether the umbrella is there at the start has no effect.

    **Episode end:** terminates after `chain_length` steps; truncated after `max_steps`.

    **Source:** bsuite 0.3.6, `bsuite/environments/umbrella_chain.py`.
    """

    chain_length: Int32[Array, ""] = integer(
        10, "Number of steps in an episode.", minimum=1
    )
    num_distractors: int = count(0, "Number of meaningless observations.", minimum=0)
    max_steps: Int32[Array, ""] = time_limit(100)

    def initial_state(self, key: Key[Array, ""]) -> UmbrellaChainState:
        coins = self._draw(key, 2 + self.num_distractors)
        return UmbrellaChainState(
            need_umbrella=coins[0],
            has_umbrella=coins[1],
            distractors=coins[2:],
            time=jnp.int32(0),
        )

    def transition(
        self, key: Key[Array, ""], state: UmbrellaChainState, action: Int32[Array, ""]
    ) -> Transition[UmbrellaChainState]:
        coins = self._draw(key, 1 + self.num_distractors)
        state = UmbrellaChainState(
            need_umbrella=state.need_umbrella,
            has_umbrella=jnp.where(state.time == 0, action == 1, state.has_umbrella),
            distractors=coins[1:],
            time=state.time + 1,
        )
        is_over = state.time == self.chain_length
        is_right = state.has_umbrella == state.need_umbrella
        reward = jnp.where(jnp.where(is_over, is_right, coins[0]), 1.0, -1.0)
        return Transition(state, reward, is_over)

    def _draw(self, key: Key[Array, ""], num_coins: int) -> Bool[Array, " coins"]:
        words = jr.bits(key, (words_for(num_coins),), dtype=jnp.uint32)
        return fair_coins(words, num_coins)

    def observe(self, state: UmbrellaChainState) -> Float[Array, " numbers"]:
        time_left = fraction(self.chain_length - state.time, self.chain_length)
        umbrella = jnp.stack([state.need_umbrella, state.has_umbrella])
        return jnp.concatenate(
            [
                umbrella.astype(float),
                time_left[None],
                state.distractors.astype(float),
            ]
        )

    @property
    def action_space(self) -> Discrete:
        return Discrete(2)

    @property
    def observation_space(self) -> Box:
        return Box(0, 1, (3 + self.num_distractors,))

    def draw(self, state: UmbrellaChainState) -> Scene:
        rain, dry = state.need_umbrella, ~state.need_umbrella
        time = state.time.astype(float) / self.chain_length.astype(float)
        x = 1 + 7.5 * jnp.clip(time, 0.0, 1.0)
        has = state.has_umbrella & (state.time > 0)
        bits = state.distractors[None].astype(jnp.int32)
        rays = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        return Scene(
            (
                # The weather at the end of the way.
                Segment(
                    (8.5 + 1.3 * np.cos(rays), 7.6 + 1.3 * np.sin(rays)),
                    (8.5, 7.6),
                    0.12,
                    ORANGE,
                    dry,
                ),
                Disc((8.5, 7.6), 0.9, YELLOW, dry),
                Segment(
                    ([7.4, 8.1, 8.8, 9.5], 6.6),
                    ([7.0, 7.7, 8.4, 9.1], 5.0),
                    0.14,
                    BLUE,
                    rain,
                ),
                Disc(([7.5, 8.4, 9.2], [7.4, 7.8, 7.3]), [0.8, 1, 0.7], GRAY, rain),
                Segment((0.5, 1.7), (9.7, 1.7), 0.16, SILVER),
                Segment((0.5, 1.7), (x, 1.7), 0.16, SLATE),
                *person(x, 2.6, BLUE, scale=2),
                Segment((x + 0.6, 2.5), (x + 0.6, 4.4), 0.1, INK, has),
                Polygon(_canopy(x + 0.6, 4.2), RED, has),
                *(
                    [Cells(bits, [SILVER, SLATE], box=(0.5, 0, 9.5, 0.7))]
                    if bits.size
                    else []
                ),
            ),
            view=(-0.3, -0.3, 10.8, 9.2),
        )


def _canopy(x: Float[Array, ""], y: float) -> list[tuple[Any, float]]:
    """The corners of an umbrella: half a disc."""
    angles = np.linspace(0, np.pi, 13)
    return [(x + 1.4 * np.cos(a), y + 1.1 * np.sin(a)) for a in angles.tolist()]
