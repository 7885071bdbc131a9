"""GaussianBandit: is a risky arm worth exploring before time runs out?

The two-armed bandit of Lange & Sprekeler, "Learning not to learn: nature versus nurture
in silico" (AAAI 2022, https://arxiv.org/abs/2010.04466). The observation is that of
the same author's https://github.com/RobertTLange/minimal-meta-rl (`bandits/`).

1. One arm always pays 0.
2. The other arm's reward is normally distributed around a mean, which is itself drawn
   once per episode from a normal distribution around -1.
3. Whether it is worth trying the second arm at all depends on how much its mean varies
   between episodes (σ_p), how noisy a pull is (σ_l), and how long an episode lasts.

**Deviations:**

- The paper does not number the arms. As in gymnax, arm 0 is the one that always pays 0.
"""

import math

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Int32, Key

from ..._environment import AbstractEnvironment, AbstractState, Transition
from ...fields import flag, real, time_limit
from ...rendering import Disc, Rectangle, Scene, Segment, Text
from ...rendering.colors import BLUE, INK, ORANGE, SILVER, SLATE, YELLOW
from ...spaces import Box, Discrete
from ._pull import draw_time, observe_pull, space_of_pulls


class GaussianBanditState(AbstractState):
    """The second arm's mean in this episode, and what happened last."""

    mean: Float[Array, ""]
    last_action: Int32[Array, ""]
    last_reward: Float[Array, ""]
    time: Int32[Array, ""]


class GaussianBandit(
    AbstractEnvironment[GaussianBanditState, Int32[Array, ""], Float[Array, " 4"]]
):
    """Decide whether the second arm is worth exploring.

    **Observation:** four numbers.

    | index | meaning | range |
    | --- | --- | --- |
    | 0 | last reward, 0 at the start | unbounded |
    | 1, 2 | last action, one-hot; action 0 at the start | 0 or 1 |
    | 3 | time, from -1 at the start to 1 after `max_steps` steps; with `normalize_time=False` the number of steps | -1 to 1; 0 to `max_steps` |

    **Action:** `Discrete(2)`: the arm to pull.

    **Reward:** 0 for arm 0; for arm 1, normally distributed with the episode's mean and
    standard deviation `reward_scale`.

    **Start:** the mean of arm 1 is normal, with mean `prior_mean` and standard
    deviation `prior_scale`.

    **Episode end:** never terminates; truncated after `max_steps`.

    **Source:** Lange & Sprekeler (2022).
    """  # noqa: E501

    prior_mean: Float[Array, ""] = real(
        -1.0, "Mean, over episodes, of the mean of arm 1."
    )
    prior_scale: Float[Array, ""] = real(
        1.0, "Standard deviation, over episodes, of the mean of arm 1 (σ_p).", minimum=0
    )
    reward_scale: Float[Array, ""] = real(
        0.1, "Standard deviation of a pull of arm 1 within an episode (σ_l).", minimum=0
    )
    max_steps: Int32[Array, ""] = time_limit(100)
    normalize_time: bool = flag(True, "Whether the observed time runs from -1 to 1.")

    task_fields = ("mean",)

    def initial_state(self, key: Key[Array, ""]) -> GaussianBanditState:
        return GaussianBanditState(
            mean=self.prior_mean + self.prior_scale * self._draw(key),
            last_action=jnp.int32(0),
            last_reward=jnp.zeros(()),
            time=jnp.int32(0),
        )

    def transition(
        self, key: Key[Array, ""], state: GaussianBanditState, action: Int32[Array, ""]
    ) -> Transition[GaussianBanditState]:
        risky = state.mean + self.reward_scale * self._draw(key)
        reward = jnp.where(action == 0, 0.0, risky)
        state = GaussianBanditState(
            mean=state.mean,
            last_action=action,
            last_reward=reward,
            time=state.time + 1,
        )
        return Transition(state, reward, jnp.array(False))

    def _draw(self, key: Key[Array, ""]) -> Float[Array, ""]:
        return jr.normal(key)

    def observe(self, state: GaussianBanditState) -> Float[Array, " 4"]:
        return observe_pull(
            state.last_reward,
            state.last_action,
            state.time,
            num_arms=2,
            max_steps=self.max_steps,
            normalize_time=self.normalize_time,
        )

    @property
    def action_space(self) -> Discrete:
        return Discrete(2)

    @property
    def observation_space(self) -> Box:
        return space_of_pulls(
            -math.inf,
            math.inf,
            num_arms=2,
            max_steps=self.max_steps,
            normalize_time=self.normalize_time,
        )

    def draw(self, state: GaussianBanditState) -> Scene:
        # One unit of reward is so high that nearly all rewards are in the picture.
        spread = jnp.abs(self.prior_scale) + jnp.abs(self.reward_scale)
        largest = jnp.abs(self.prior_mean) + 3 * spread
        unit = 4 / jnp.where(largest > 0, largest, 1.0)
        x = np.array([3.0, 7.0])
        means = jnp.stack([jnp.zeros_like(state.mean), state.mean])
        heights = jnp.clip(unit * means, -4, 4)
        is_last = (np.arange(2, dtype=np.int32) == state.last_action) & (state.time > 0)
        colors = jnp.where(is_last[:, None], ORANGE[None], BLUE[None])
        reward = jnp.clip(unit * state.last_reward, -4, 4)
        return Scene(
            (
                Rectangle((x, 0), (2.4, 8.6), SILVER),
                Rectangle((x, heights / 2), (2.4, jnp.abs(heights)), colors),
                Segment((x - 1.2, heights), (x + 1.2, heights), 0.16, colors),
                Segment((0.6, 0), (9.4, 0), 0.08, SLATE),
                Disc((x, reward), 0.45, YELLOW, is_last),
                Disc((x, reward), 0.45, SLATE, is_last, outline=0.12),
                Text("{}", (x, -5), 0.6, INK, number=means, decimals=2),
                *draw_time(state.time, self.max_steps, top=-5.9),
            ),
            view=(0, -7, 10, 4.8),
        )
