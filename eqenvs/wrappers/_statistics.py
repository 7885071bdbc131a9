"""Running means and variances, updated batch by batch."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._wrapper import AbstractWrapper


def merge(
    mean: Float[Array, "*shape"],
    variance: Float[Array, "*shape"],
    count: Float[Array, ""],
    values: Float[Array, "batch *shape"],
    axis_name: Any = None,
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"], Float[Array, ""]]:
    """Adds a batch of values to a running mean and variance.

    The formula is that of Chan, Golub & LeVeque, "Updating formulae and a pairwise
    algorithm for computing sample variances" (1979). It uses only differences from
    means, so it loses no digits when the mean is large.

    **Arguments:**

    - `mean`, `variance`, `count`: those of the values so far.
    - `values`: the new values.
    - `axis_name`: the mapped axes that the batch is spread over, as in `jax.lax.psum`.

    **Returns:**

    The mean, the variance and the number of all values together.

    **Raises:**

    `ValueError` if there are no values.
    """
    if len(values) == 0:
        raise ValueError("statistics need at least one value; got none.")
    batch_mean = jnp.mean(values, axis=0)
    batch_count = jnp.full_like(count, values.shape[0])
    squares = jnp.sum(jnp.square(values - batch_mean[None]), axis=0)
    if axis_name is not None:
        # Every device has the same number of values.
        own_mean = batch_mean
        batch_mean = jax.lax.pmean(own_mean, axis_name)
        own_count = jnp.broadcast_to(batch_count, own_mean.shape)
        squares = squares + own_count * jnp.square(own_mean - batch_mean)
        squares = jax.lax.psum(squares, axis_name)
        batch_count = jax.lax.psum(batch_count, axis_name)
    total = count + batch_count
    fraction = jnp.broadcast_to(batch_count / total, mean.shape)
    weight = jnp.broadcast_to(count / total, mean.shape)
    difference = batch_mean - mean
    # Each part is divided by itself: the product of two counts could overflow.
    per_count = jnp.broadcast_to(1 / total, mean.shape)
    return (
        mean + difference * fraction,
        variance * weight
        + squares * per_count
        + jnp.square(difference) * fraction * weight,
        total,
    )


def update_statistics(env: Any, states: Any, *, axis_name: Any = None) -> Any:
    """Updates every `NormalizeObservation` and `NormalizeReward` in an environment from
    a batch of states.

    ```python
    result = rollout(env, policy, key, states=True)
    env = update_statistics(env, result.trajectory.next_state)
    ```

    **Arguments:**

    - `env`: an environment. Everything except these wrappers stays as it is.
    - `states`: states of `env`, with one or more leading axes.
    - `axis_name`: the mapped axes that the states are spread over, as in
        `jax.lax.psum`; none by default.

    **Returns:**

    The environment with the new statistics.
    """
    if not isinstance(env, AbstractWrapper):
        return env
    inner_states = env.inner_state(states)
    inner = update_statistics(env.env, inner_states, axis_name=axis_name)
    env = eqx.tree_at(lambda wrapper: wrapper.env, env, inner)
    if hasattr(env, "_update_from_states"):
        env = env._update_from_states(states, axis_name)
    return env
