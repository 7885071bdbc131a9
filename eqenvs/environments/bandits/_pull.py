"""What is seen of a bandit whose arms are new in every episode."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int32

from ...spaces import Box


def observe_pull(
    reward: Float[Array, ""],
    action: Int32[Array, ""],
    time: Int32[Array, ""],
    *,
    num_arms: int,
    max_steps: Int32[Array, ""],
    normalize_time: bool,
) -> Float[Array, " numbers"]:
    """The last reward, the last action, one-hot, and the time."""
    seen = time.astype(float)
    if normalize_time:
        # Times the reciprocal, as a compiler that knows `max_steps` does it anyway: so
        # it is rounded in the same way by one that does not.
        seen = (2 * time - max_steps).astype(float) * (1 / max_steps.astype(float))
    one_hot = jnp.arange(num_arms) == action
    return jnp.concatenate([reward[None], one_hot.astype(reward.dtype), seen[None]])


def space_of_pulls(
    lowest_reward: float,
    highest_reward: float,
    *,
    num_arms: int,
    max_steps: Int32[Array, ""],
    normalize_time: bool,
) -> Box:
    """The space of what `observe_pull` returns."""
    arms = jnp.zeros(num_arms)
    last = jnp.ones(()) if normalize_time else max_steps.astype(float)
    first = jnp.array(-1.0 if normalize_time else 0.0)
    low = jnp.concatenate([jnp.array([lowest_reward]), arms, first[None]])
    high = jnp.concatenate([jnp.array([highest_reward]), arms + 1, last[None]])
    return Box(low, high)
