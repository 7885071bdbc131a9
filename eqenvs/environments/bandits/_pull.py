"""Observation and picture of a bandit whose arms are new in every episode."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int32

from ...rendering import AbstractShape, Text
from ...rendering.colors import INK
from ...spaces import Box
from .._shapes import time_bar
from .._time import fraction


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
        seen = fraction(2 * time - max_steps, max_steps)
    one_hot = jnp.arange(num_arms, dtype=jnp.int32) == action
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


def draw_time(
    time: Int32[Array, ""], max_steps: Int32[Array, ""], top: float = -1.5
) -> tuple[AbstractShape, ...]:
    """The part of a picture, 10 wide, that shows how many pulls there were."""
    share = fraction(time, jnp.maximum(max_steps, 1))
    return (
        *time_bar(share, 4.4, 9.6, top - 0.4, 0.4),
        Text("pull {}", (0.4, top - 0.4), 0.5, INK, number=time, anchor="left"),
    )
