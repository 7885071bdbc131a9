"""An environment that automatic differentiation treats as a black box."""

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
    """Stops gradients: states, rewards and observations count as constants.

    Gradients flow through an environment wherever its dynamics are smooth. Use this
    wrapper if an algorithm differentiates a loss along a rollout but should not
    differentiate the environment.
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
