"""An environment that is a black box to automatic differentiation."""

from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Key

from .._environment import (
    AbstractEnvironment,
    Action,
    Observation,
    State,
    Transition,
)
from ..fields import environment
from ._wrapper import AbstractStatelessWrapper


class StopGradient(AbstractStatelessWrapper[State, Action, Observation]):
    """Stops gradients: states, rewards and observations are constants to them.

    Where the dynamics are smooth, gradients flow through an environment. This wrapper
    is for an algorithm that differentiates a loss along a rollout and does not want
    them.
    """

    env: AbstractEnvironment[State, Action, Observation] = environment()

    def initial_state(self, key: Key[Array, ""]) -> State:
        return _stop(self.env.initial_state(key))

    def next_initial_state(self, key: Key[Array, ""], last_state: State) -> State:
        return _stop(self.env.next_initial_state(key, last_state))

    def transition(
        self, key: Key[Array, ""], state: State, action: Action
    ) -> Transition[State]:
        return Transition(*_stop(tuple(self.inner_transition(key, state, action))))

    def observe(self, state: State) -> Observation:
        return _stop(self.env.observe(state))


def _stop(tree: Any) -> Any:
    return jax.tree.map(
        lambda x: jax.lax.stop_gradient(x) if eqx.is_inexact_array(x) else x, tree
    )
