"""Observations with mean zero and variance one, as in Gymnasium's wrapper of the same
name.

The statistics are parameters, so a rollout does not change them. The training loop
updates them between rollouts, from the observations of all lanes and devices; an agent
that only plays keeps the ones it was trained with.
"""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
from jaxtyping import Array, Float, PyTree

from .._environment import AbstractEnvironment, Action, State
from ..fields import environment, real
from ..spaces import AbstractSpace
from ._spaces import consists_of_boxes, map_parts, require, unbounded
from ._statistics import merge
from ._wrapper import AbstractObservationWrapper


class NormalizeObservation(AbstractObservationWrapper[State, Action, PyTree[Array]]):
    """Subtracts a mean from every number in the observation and divides by a standard
    deviation.

    ```python
    env = NormalizeObservation(CartPole())
    result = rollout(env, policy, key)
    env = env.update(env.denormalize(result.trajectory.observation))
    ```

    If other wrappers are around it, use [`eqenvs.wrappers.update_statistics`][].
    """

    env: AbstractEnvironment[State, Action, PyTree[Array]] = environment(
        "The environment, with a `Box`, or tuples and dictionaries of them, as its "
        "observation space."
    )
    mean: Float[Array, " numbers"] = real(
        None,
        "Mean of the observations, as one vector; None for zeros.",
        shape=(None,),
    )
    variance: Float[Array, " numbers"] = real(
        None,
        "Variance of the observations, as one vector; None for ones.",
        minimum=0,
        shape=(None,),
    )
    count: Float[Array, ""] = real(
        1e-4, "Number of observations behind the mean and variance.", minimum=0
    )
    epsilon: Float[Array, ""] = real(
        1e-8, "Added to the variance, to avoid dividing by zero.", minimum=0
    )

    def __init__(
        self,
        env: AbstractEnvironment[State, Action, PyTree[Array]],
        mean: Any = None,
        variance: Any = None,
        count: Any = 1e-4,
        epsilon: Any = 1e-8,
    ):
        self.env, self.count, self.epsilon = env, count, epsilon
        if isinstance(env, AbstractEnvironment) and (mean is None or variance is None):
            needs = "made of Boxes"
            require(env, "observation_space", consists_of_boxes, self, needs)
            size = sum(math.prod(x.shape) for x in jax.tree.leaves(_example(env)))
            mean = jnp.zeros(size) if mean is None else mean
            variance = jnp.ones(size) if variance is None else variance
        self.mean, self.variance = mean, variance

    def __check_init__(self):
        needs = "made of Boxes"
        require(self.env, "observation_space", consists_of_boxes, self, needs)
        if self.mean.ndim == self.variance.ndim == 1:
            size = sum(math.prod(x.shape) for x in jax.tree.leaves(_example(self.env)))
            for name in ("mean", "variance"):
                if (got := getattr(self, name).shape) != (size,):
                    raise ValueError(
                        f"NormalizeObservation.{name} must have as many entries as an "
                        f"observation, {size}; got the shape {got}."
                    )

    def transform_observation(self, observation: PyTree[Array]) -> PyTree[Array]:
        return self._map(lambda x, mean, scale: (x - mean) / scale, observation)

    def denormalize(self, observations: PyTree[Array]) -> PyTree[Array]:
        """Undoes the normalization.

        **Arguments:**

        - `observations`: observations of the wrapper, with any number of leading axes.

        **Returns:**

        Observations of `env`, as real numbers.

        **Raises:**

        `ValueError` if these are not such observations.
        """
        self._check(observations)
        return self._map(lambda x, mean, scale: x * scale + mean, observations)

    def update(
        self, observations: PyTree[Array], *, axis_name: Any = None
    ) -> "NormalizeObservation":
        """Adds observations to the statistics.

        **Arguments:**

        - `observations`: observations of `env`, not of the wrapper, with one or more
            leading axes.
        - `axis_name`: the mapped axes that they are spread over, as in `jax.lax.psum`;
            none by default.

        **Returns:**

        A wrapper of the same structure.

        **Raises:**

        `ValueError` if these are not such observations, or there are none.
        """
        num_axes = self._check(observations)
        flat = []
        for x in map(jnp.asarray, jax.tree.leaves(observations)):
            shape = math.prod(x.shape[:num_axes]), math.prod(x.shape[num_axes:])
            flat.append(x.reshape(shape).astype(self.mean.dtype))
        values = jnp.concatenate(flat, axis=1)
        mean, variance, count = merge(
            self.mean, self.variance, self.count, values, axis_name
        )
        return eqx.tree_at(
            lambda wrapper: (wrapper.mean, wrapper.variance, wrapper.count),
            self,
            (mean, variance, count),
        )

    def _update_from_states(
        self, states: PyTree[Array], axis_name: Any
    ) -> "NormalizeObservation":
        observe = self.env.observe
        for _ in range(states.time.ndim):
            observe = jax.vmap(observe)
        return self.update(observe(states), axis_name=axis_name)

    def _check(self, observations: PyTree[Array]) -> int:
        """The number of leading axes of observations; raises an error if they are none
        of this environment's."""
        if self.mean.ndim != 1:
            raise ValueError(
                "this NormalizeObservation is a batch of environments. Map over it "
                "with `eqx.filter_vmap`."
            )
        like = _example(self.env)
        allowed = "the observations must have the structure and shapes "
        allowed += f"{jax.tree.map(lambda x: x.shape, like)}, with the same axes before"
        got = jax.tree.map(jnp.shape, observations)
        if jtu.tree_structure(observations) != jtu.tree_structure(like):
            raise ValueError(f"{allowed}; got {got}.")
        axes = set()
        for x, y in zip(
            jax.tree.leaves(observations), jax.tree.leaves(like), strict=True
        ):
            num_axes = jnp.ndim(x) - len(y.shape)
            if num_axes < 0 or jnp.shape(x)[num_axes:] != y.shape:
                raise ValueError(f"{allowed}; got {got}.")
            axes.add(jnp.shape(x)[:num_axes])
        if len(axes) != 1:
            raise ValueError(f"{allowed}; got {got}.")
        return len(axes.pop())

    def _map(self, function: Any, observation: PyTree[Array]) -> PyTree[Array]:
        """Applies a function to every array of an observation, its mean and its
        standard deviation."""
        leaves, structure = jtu.tree_flatten(observation)
        results, start = [], 0
        for x, like in zip(leaves, jax.tree.leaves(_example(self.env)), strict=True):
            stop = start + math.prod(like.shape)
            shape = (1,) * (x.ndim - len(like.shape)) + like.shape
            mean = self.mean[start:stop].reshape(shape)
            variance = self.variance[start:stop].reshape(shape)
            scale = jnp.sqrt(variance + self.epsilon)
            results.append(function(x.astype(mean.dtype), mean, scale))
            start = stop
        return jtu.tree_unflatten(structure, results)

    @property
    def observation_space(self) -> AbstractSpace:
        return map_parts(unbounded, self.env.observation_space)


def _example(env: AbstractEnvironment) -> PyTree[jax.ShapeDtypeStruct]:
    return jax.eval_shape(lambda key: env.observation_space.sample(key), jr.key(0))
