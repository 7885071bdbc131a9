"""SimpleBandit: pull one of several arms, each of which always pays the same amount.

The rules are those of `bsuite/environments/bandit.py` in bsuite 0.3.6 (Osband et al.,
"Behaviour suite for reinforcement learning", ICLR 2020;
https://github.com/google-deepmind/bsuite).

1. The rewards of the arms are evenly spaced from 0 to 1; which arm pays which is drawn
   once for the environment and is the same in every episode.
2. An episode is one step: it pays the reward of the arm that was pulled.

**Deviations:**

- By default, the mapping is that of `mapping_seed=0`. bsuite's default,
  `mapping_seed=None`, draws a new one for each environment.
"""

from collections.abc import Sequence
from typing import Any, cast

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int32, Key

from ..._checks import check_count
from ..._environment import AbstractEnvironment, AbstractState, Transition
from ...fields import real, time_limit
from ...rendering import Rectangle, Scene, Segment, Text
from ...rendering.colors import BLUE, INK, ORANGE, SLATE
from ...spaces import Box, Discrete
from ._mapping import choose_mapping


class SimpleBanditState(AbstractState):
    """Nothing but the time."""

    time: Int32[Array, ""]


class SimpleBandit(
    AbstractEnvironment[SimpleBanditState, Int32[Array, ""], Float[Array, " 1"]]
):
    """Find the best of several arms.

    **Observation:** one number, which is always 1.

    **Action:** `Discrete(arms)`, 11 of them by default: the arm to pull.

    **Reward:** `rewards[action]`.

    **Start:** there is nothing to draw.

    **Episode end:** terminates after one step; truncated after `max_steps`.

    **Mapping:** which arm pays which of the evenly spaced rewards is drawn once, when
    the environment is made. `rewards` gives the rewards directly; `mapping_seed` draws
    them as bsuite does, so that the same seed gives the same rewards as there; `key`
    draws them from a JAX PRNG key, which can be mapped over:
    `eqx.filter_vmap(lambda key: SimpleBandit(key=key))(keys)`. Without any of these
    they are those of bsuite's first bandit experiment, whose `mapping_seed` is 0. In
    the last three cases `num_actions` is the number of arms.

    **Source:** bsuite 0.3.6, `bsuite/environments/bandit.py`.
    """

    rewards: Float[Array, " arms"] = real(
        description="What each arm pays; drawn if not given.", shape=(None,)
    )
    max_steps: Int32[Array, ""] = time_limit(100)

    def __init__(
        self,
        rewards: ArrayLike | Sequence[float] | None = None,
        *,
        num_actions: int | None = None,
        mapping_seed: int | None = None,
        key: Any = None,
        max_steps: ArrayLike = 100,
    ):
        if rewards is not None and num_actions is not None:
            raise ValueError(
                "SimpleBandit takes one of rewards and num_actions; got both."
            )
        n = 11 if num_actions is None else num_actions
        check_count("SimpleBandit.num_actions", n)
        levels = np.linspace(0, 1, n)
        self.rewards = choose_mapping(
            "SimpleBandit",
            "rewards",
            rewards,
            mapping_seed,
            key,
            default_seed=0,
            from_seed=lambda seed: levels[
                np.random.RandomState(seed).choice(n, size=n, replace=False)
            ],
            from_key=lambda key: jr.permutation(key, jnp.asarray(levels)),
        )
        self.max_steps = cast(Array, max_steps)

    def initial_state(self, key: Key[Array, ""]) -> SimpleBanditState:
        del key
        return SimpleBanditState(time=jnp.int32(0))

    def transition(
        self, key: Key[Array, ""], state: SimpleBanditState, action: Int32[Array, ""]
    ) -> Transition[SimpleBanditState]:
        del key
        reward = self.rewards[action]
        return Transition(
            SimpleBanditState(time=state.time + 1), reward, jnp.array(True)
        )

    def observe(self, state: SimpleBanditState) -> Float[Array, " 1"]:
        del state
        return jnp.ones(1)

    @property
    def action_space(self) -> Discrete:
        return Discrete(self.rewards.shape[0])

    @property
    def observation_space(self) -> Box:
        return Box(1, 1, (1,))

    def draw(self, state: SimpleBanditState) -> Scene:
        n = self.rewards.shape[0]
        x, width = (np.arange(n) + 0.5) * 10 / n, 8 / n
        largest = jnp.max(jnp.abs(self.rewards))
        heights = 7 * self.rewards / jnp.where(largest > 0, largest, 1.0)
        # Arms that cost something hang down from the line.
        bottom = jnp.where(jnp.min(heights) < 0, -7.0, 0.0) - 1
        is_best = self.rewards == jnp.max(self.rewards)
        colors = jnp.where(is_best[:, None], ORANGE[None], BLUE[None])
        is_over = state.time > 0
        return Scene(
            (
                Rectangle((x, heights / 2), (width, jnp.abs(heights)), colors),
                Segment((0, 0), (10, 0), 0.12, SLATE),
                Text("Which arm?", (5, 8.4), 0.7, INK, ~is_over),
                Text("Pulled", (5, 8.4), 0.7, INK, is_over),
            ),
            view=(-0.3, bottom, 10.3, 9.4),
        )
