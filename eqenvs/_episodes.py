"""Returns and lengths of episodes, counted while they are played."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int32


class EpisodeStatistics(eqx.Module):
    """The running and the last episode of any number of lanes.

    - `running_return`, `running_length`: the sum of the rewards and the number of steps
        of the episode being played.
    - `last_return`, `last_length`: those of the last finished episode; NaN before there
        is one.
    """

    running_return: Float[Array, "*lanes"]
    running_length: Int32[Array, "*lanes"]
    last_return: Float[Array, "*lanes"]
    last_length: Float[Array, "*lanes"]

    @classmethod
    def start(cls, *lanes: int) -> "EpisodeStatistics":
        """Statistics of lanes at the start of their first episode.

        **Arguments:**

        - `lanes`: the shape of the lanes: `start(num_envs)`, or `start()` for one.
        """
        return cls(
            running_return=jnp.zeros(lanes),
            running_length=jnp.zeros(lanes, jnp.int32),
            last_return=jnp.full(lanes, jnp.nan),
            last_length=jnp.full(lanes, jnp.nan),
        )

    def update(
        self, reward: Float[Array, "*lanes"], ended: Bool[Array, "*lanes"]
    ) -> "EpisodeStatistics":
        """Counts one step in every lane.

        **Arguments:**

        - `reward`: the rewards of the step.
        - `ended`: whether an episode ended with it.

        **Returns:**

        The statistics after the step.
        """
        total = self.running_return + reward
        length = self.running_length + 1
        as_float = length.astype(self.last_length.dtype)
        return EpisodeStatistics(
            running_return=jnp.where(ended, 0.0, total),
            running_length=jnp.where(ended, 0, length),
            last_return=jnp.where(ended, total, self.last_return),
            last_length=jnp.where(ended, as_float, self.last_length),
        )
