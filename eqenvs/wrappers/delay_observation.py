"""Observations that arrive late, as in Gymnasium's wrapper of the same name."""

from typing import Generic

import jax
from jaxtyping import Array, Key, PyTree, Shaped

from .._environment import (
    AbstractEnvironment,
    Action,
    Observation,
    State,
    Transition,
)
from ..fields import count, environment
from ._frames import push, repeat
from ._spaces import nearest_to_zero
from ._wrapper import AbstractWrapper, AbstractWrapperState


class DelayObservationState(AbstractWrapperState[State], Generic[State]):
    """A state of the wrapped environment, and its pending observations, the next to
    arrive first."""

    inner: State
    pending: PyTree[Shaped[Array, "delay_plus_1 ..."]]


class DelayObservation(
    AbstractWrapper[DelayObservationState[State], Action, Observation, State]
):
    """Delays observations by `delay` steps.

    Until the first one arrives, an observation is the element of the observation space
    nearest to zero.
    """

    env: AbstractEnvironment[State, Action, Observation] = environment()
    delay: int = count(
        description="Delay of the observations.", unit="steps", minimum=0
    )

    def wrap(self, key: Key[Array, ""], inner: State) -> DelayObservationState[State]:
        del key
        pending = repeat(nearest_to_zero(self.env.observation_space), self.delay + 1)
        pending = push(pending, self.env.observe(inner))
        return DelayObservationState(inner=inner, pending=pending)

    def inner_state(self, state: DelayObservationState[State]) -> State:
        return state.inner

    def transition(
        self, key: Key[Array, ""], state: DelayObservationState[State], action: Action
    ) -> Transition[DelayObservationState[State]]:
        transition = self.inner_transition(key, state.inner, action)
        pending = push(state.pending, self.env.observe(transition.state))
        next_state = DelayObservationState(inner=transition.state, pending=pending)
        return transition._replace(state=next_state)

    def observe(self, state: DelayObservationState[State]) -> Observation:
        return jax.tree.map(lambda x: x[0], state.pending)
