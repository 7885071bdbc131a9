"""Returns that bootstrap from a value function."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


def lambda_returns(
    reward: Float[Array, "steps num_envs"],
    next_value: Float[Array, "steps num_envs"],
    terminated: Bool[Array, "steps num_envs"],
    truncated: Bool[Array, "steps num_envs"],
    discount: Float[Array, ""],
    decay: Float[Array, ""],
) -> Float[Array, "steps num_envs"]:
    """The lambda-return: the mean of the one-step return, the two-step return and so
    on, with weights that fall by the factor `decay`. Each of these ends with the value
    of the state it stops in.

    A terminal state has the value zero. A truncated episode ends with the value of its
    final state. Nothing of the next episode counts.

    **Arguments:**

    - `reward`, `terminated`, `truncated`: those of every step.
    - `next_value`: the value of the state after each step. At the end of an episode,
        that is its final state, not the first one of the next episode.
    - `discount`: the discount factor.
    - `decay`: the lambda of TD(lambda): 0 trusts the values, 1 the rewards.

    **Returns:**

    The return from every step on.
    """

    def backward(following, step):
        reward, next_value, terminated, ended = step
        mixed = (1 - decay) * next_value + decay * following
        future = jnp.where(ended, next_value, mixed)
        total = reward + discount * jnp.where(terminated, 0.0, future)
        return total, total

    steps = (reward, next_value, terminated, terminated | truncated)
    _, returns = jax.lax.scan(backward, next_value[-1], steps, reverse=True)
    return returns
