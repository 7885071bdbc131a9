"""What a critic expects of the states on the way, and of those that follow them."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from .networks import ActorCritic


def evaluate(
    agent: ActorCritic,
    carry: PyTree[Array],
    observations: PyTree[Array],
    final_observations: PyTree[Array],
    terminated: Bool[Array, "steps lanes"],
    truncated: Bool[Array, "steps lanes"],
) -> tuple[PyTree[Array], Float[Array, "steps lanes"], Float[Array, "steps lanes"]]:
    """The value of every observation of a rollout, and of what followed it.

    At the end of an episode, what followed is the observation that it ended on: if the
    episode was truncated there, it could have gone on.

    **Arguments:**

    - `agent`: the agent, with or without a memory.
    - `carry`: what its memory carried into the rollout.
    - `observations`: those of every step, and the one after the last.
    - `final_observations`: those that episodes ended on.
    - `terminated`, `truncated`: whether an episode ended with a step.

    **Returns:**

    The tuple `(features, value, next_value)`, with an entry for every step. The
    features are what the networks see.
    """
    shape = terminated.shape
    ended = terminated | truncated
    ended = jnp.concatenate([ended, jnp.zeros_like(ended[:1])])
    features, carries = agent.unroll(observations, ended, carry)
    values = agent.values(flat(features)).reshape(ended.shape)
    value, next_value = values[:-1], values[1:]

    # The next observation mostly has a value already. What an episode ended on does
    # not, and counts only if it was truncated.
    is_truncated = truncated & ~terminated

    def final_values():
        remember = jax.vmap(jax.vmap(agent.remember))
        final, _ = remember(final_observations, jax.tree.map(lambda x: x[:-1], carries))
        return agent.values(flat(final)).reshape(shape)

    final_value = jax.lax.cond(
        jnp.any(is_truncated), final_values, lambda: jnp.zeros_like(value)
    )
    next_value = jnp.where(is_truncated, final_value, next_value)
    return jax.tree.map(lambda x: x[:-1], features), value, next_value


def flat(tree: PyTree[Array]) -> PyTree[Array]:
    """With one axis in place of those of steps and lanes."""
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), tree)


def append(tree: PyTree[Array], last: PyTree[Array]) -> PyTree[Array]:
    """With one more step at the end."""
    return jax.tree.map(lambda x, y: jnp.concatenate([x, y[None]]), tree, last)
