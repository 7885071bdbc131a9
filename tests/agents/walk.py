"""An algorithm for tests: it compiles in no time and takes no step."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Int32, Key

from eqenvs.agents import AbstractAlgorithm, AbstractLearner


class WalkLearner(AbstractLearner):
    weight: Float[Array, " 3"]
    key: Key[Array, ""]
    num_updates: Int32[Array, ""]
    planned_updates: Float[Array, ""]


class Walk(AbstractAlgorithm[WalkLearner]):
    """Adds noise to a weight, less and less of it; fails in one of its updates."""

    speed: Float[Array, ""] = eqx.field(default=1.0, converter=jnp.asarray)
    fails_in: Int32[Array, ""] = eqx.field(default=-1, converter=jnp.asarray)
    mistake: str = eqx.field(default="", static=True)

    @property
    def steps_per_update(self):
        return 10

    def init(self, env, key):
        weight = jr.normal(key, (3,))
        return WalkLearner(weight, key, jnp.int32(0), jnp.array(jnp.inf))

    def update(self, env, learner, key):
        noise = jr.normal(key, (3,)) * self.speed * learner.remaining()
        fails = learner.num_updates == self.fails_in
        weight = learner.weight * 0.9 + jnp.where(fails, jnp.nan, noise)
        if self.mistake == "shape":
            weight = jnp.zeros(4)
        new = WalkLearner(weight, key, learner.num_updates + 1, learner.planned_updates)
        mean_return = learner.num_updates.astype(float)
        metrics = {"return": mean_return, "length": jnp.nan, "size": weight.sum()}
        if self.mistake == "metrics":
            del metrics["return"]
        return new, jax.tree.map(jnp.asarray, metrics)

    def agent(self, learner):
        return eqx.Partial(_policy, learner.weight)


def _policy(weight, key, observation):
    del weight, key, observation
    return jnp.int32(0)


def assert_equal(a, b):
    """To the last bit."""
    a, b = (jax.tree.leaves(eqx.filter(x, eqx.is_array)) for x in (a, b))
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        assert x.dtype == y.dtype
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            x, y = jr.key_data(x), jr.key_data(y)
        np.testing.assert_array_equal(x, y)
