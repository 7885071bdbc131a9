"""An algorithm: three functions of a learner. The loop around them is written once."""

import abc
from collections.abc import Callable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from equinox import AbstractVar
from jaxtyping import Array, Float, Int32, Key, Shaped

from .._environment import AbstractEnvironment
from .._parametric import AbstractParametric


class AbstractLearner(eqx.Module):
    """Everything that changes while an algorithm trains: networks, optimizer state,
    environment states, statistics. It is what a checkpoint holds.
    """

    num_updates: AbstractVar[Int32[Array, ""]]
    """The number of updates so far."""
    planned_updates: AbstractVar[Float[Array, ""]]
    """The planned total number of updates, for schedules; infinite if unknown."""

    def remaining(self) -> Float[Array, ""]:
        """The fraction of training that is left, from 1 down to 0."""
        done = self.num_updates.astype(self.planned_updates.dtype)
        return jnp.maximum(1 - done / self.planned_updates, 0.0)


Learner = TypeVar("Learner", bound=AbstractLearner)
Policy = Callable[..., Any]


class Trained(NamedTuple):
    """What training returns.

    - `agent`: the learned policy.
    - `metrics`: a dictionary of arrays with one entry for every update. `"steps"` is
        the number of environment steps so far; `"return"` and `"length"` are averages
        over the last finished episode of each environment, and NaN before there is
        one; the others are the algorithm's own. Under `jax.jit` and `jax.vmap`, the
        size of the arrays cannot depend on the course of training, so entries after an
        early end are NaN.
    - `learner`: the whole state of training, from which it can continue.
    """

    agent: Any
    metrics: Mapping[str, Shaped[Array | np.ndarray, " updates"]]
    learner: Any


class AbstractAlgorithm(AbstractParametric, Generic[Learner]):
    """A way to learn a policy, as a value.

    The fields are the hyperparameters. A subclass defines `init`, `update`, `agent` and
    `steps_per_update`; it is final, and inherits `train`. Hyperparameters that are
    arrays can be batched, and changed without recompiling.
    """

    @abc.abstractmethod
    def init(self, env: AbstractEnvironment, key: Key[Array, ""]) -> Learner:
        """The learner before its first update.

        **Arguments:**

        - `env`: the environment to train in, or a batch of them, one for each lane.
        - `key`: a JAX PRNG key.

        **Returns:**

        A learner, with `num_updates = 0` and `planned_updates` infinite.
        """

    @abc.abstractmethod
    def update(
        self, env: AbstractEnvironment, learner: Learner, key: Key[Array, ""]
    ) -> tuple[Learner, dict[str, Array]]:
        """One update: takes `steps_per_update` environment steps and learns from them.

        **Arguments:**

        - `env`: as for `init`.
        - `learner`: the learner so far.
        - `key`: a JAX PRNG key.

        **Returns:**

        The tuple `(learner, metrics)`. The learner has the same structure, shapes and
        dtypes, and counts one more update. The metrics are a dictionary of scalars that
        includes `"return"` and `"length"`, which may be NaN until an episode has ended.
        """

    @abc.abstractmethod
    def agent(self, learner: Learner) -> Policy:
        """The policy of a learner.

        **Arguments:**

        - `learner`: a learner.

        **Returns:**

        A callable `policy(key, observation) -> action`, and a pytree whose
        floating-point arrays are its weights. One with a memory has an `initial_carry`
        and is called as `policy(key, observation, carry) -> (action, carry)`.
        """

    @property
    @abc.abstractmethod
    def steps_per_update(self) -> int:
        """The number of environment steps in an update, all lanes together."""

    def train(
        self, env: AbstractEnvironment, key: Any, num_steps: int, **options: Any
    ) -> Trained:
        """Trains an agent: [`eqenvs.agents.train`][]`(self, env, key, num_steps, ...)`.

        **Arguments:**

        Those of [`eqenvs.agents.train`][], without `algorithm`.

        **Returns:**

        An [`eqenvs.agents.Trained`][].
        """
        from .training import train

        return train(self, env, key, num_steps, **options)
