"""A critic's values of the states in a rollout and of the states that follow them."""

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
    """The value of every observation in a rollout and of the observation after it.

    At the end of an episode, the observation after it is the final one of that episode,
    which still has a value if the episode was truncated.

    **Arguments:**

    - `agent`: the agent, with or without a memory.
    - `carry`: its memory at the start of the rollout.
    - `observations`: the observation of every step, and the one after the last step.
    - `final_observations`: the observations that episodes ended on.
    - `terminated`, `truncated`: whether an episode ended with a step.

    **Returns:**

    The tuple `(features, value, next_value)`, with an entry for every step. The
    features are the inputs of the networks.
    """
    shape = terminated.shape
    ended = terminated | truncated
    ended = jnp.concatenate([ended, jnp.zeros_like(ended[:1])])
    features, carries = agent.unroll(observations, ended, carry)
    values = agent.values(flat(features)).reshape(ended.shape)
    value, next_value = values[:-1], values[1:]

    # Most next observations already have a value. A final observation does not, and
    # it counts only if the episode was truncated.
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
    """Merges the axes of steps and lanes into one."""
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), tree)


def append(tree: PyTree[Array], last: PyTree[Array]) -> PyTree[Array]:
    """Appends one more step."""
    return jax.tree.map(lambda x, y: jnp.concatenate([x, y[None]]), tree, last)
