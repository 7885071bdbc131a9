"""Sticky actions: now and then the environment repeats the action before.

The scheme is that of Machado et al., "Revisiting the Arcade Learning Environment:
Evaluation Protocols and Open Problems for General Agents" (Journal of Artificial
Intelligence Research, 2018), with the details of the package `minatar`
(https://github.com/kenjyoung/MinAtar):

1. With a fixed probability the environment takes the last action in place of the one
   given.
2. Whichever of the two it took is then the last action: a repeat can be repeated.
3. At the start of an episode the last action is zero. (In `minatar` this holds for the
   first episode of a game; the others begin with the last action of the one before,
   which a process that forgets everything at its end cannot do.)
"""

from typing import Any, Generic

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, Float, Int32, Key

from .._environment import (
    AbstractEnvironment,
    AbstractState,
    Action,
    Observation,
    State,
    Transition,
)
from .._parameters import Real
from ..spaces import AbstractSpace, Box, Dict, Tuple
from ._wrapper import AbstractWrapper, Wrapped


class StickyActionState(AbstractState, Generic[State, Action]):
    """A state of the wrapped environment, and the action that led to it."""

    inner: State
    last_action: Action
    time: Int32[Array, ""]


class StickyAction(
    AbstractWrapper[StickyActionState[State, Action], Action, Observation, State]
):
    """Repeats the last action with a fixed probability.

    Whichever action is taken, the one given or the last one, is the next step's last
    action. At the start of an episode it is zero: the element 0 of a `Discrete` space,
    and that of a `Box` nearest to zero.

    ```python
    env = StickyAction(Breakout(), probability=0.1)
    ```
    """

    env: AbstractEnvironment[State, Action, Observation] = eqx.field(
        converter=Wrapped("The environment whose actions stick.")
    )
    probability: Float[Array, ""] = eqx.field(
        default=0.1,
        converter=Real(
            "Probability of a repetition of the last action.", minimum=0, maximum=1
        ),
    )

    def initial_state(self, key: Key[Array, ""]) -> StickyActionState[State, Action]:
        inner = self.env.initial_state(key)
        last_action = _nearest_to_zero(self.env.action_space)
        return StickyActionState(inner=inner, last_action=last_action, time=inner.time)

    def transition(
        self,
        key: Key[Array, ""],
        state: StickyActionState[State, Action],
        action: Action,
    ) -> Transition[StickyActionState[State, Action]]:
        repeats = self._draw(key)
        action = jax.tree.map(
            lambda last, new: jnp.where(repeats, last, new), state.last_action, action
        )
        inner, reward, terminated, info = self.env.transition(
            jr.fold_in(key, 1), state.inner, action
        )
        state = StickyActionState(inner=inner, last_action=action, time=inner.time)
        return Transition(state, reward, terminated, info)

    def _draw(self, key: Key[Array, ""]) -> Bool[Array, ""]:
        return jr.uniform(key) < self.probability

    def observe(self, state: StickyActionState[State, Action]) -> Observation:
        return self.env.observe(state.inner)

    def inner_state(self, state: StickyActionState[State, Action]) -> State:
        return state.inner

    @property
    def action_space(self) -> AbstractSpace:
        return self.env.action_space

    @property
    def observation_space(self) -> AbstractSpace:
        return self.env.observation_space


def _nearest_to_zero(space: AbstractSpace) -> Any:
    if isinstance(space, Tuple):
        return tuple(map(_nearest_to_zero, space.spaces))
    if isinstance(space, Dict):
        return {name: _nearest_to_zero(inner) for name, inner in space.spaces.items()}
    sample = jax.eval_shape(space.sample, jr.key(0))
    zero = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), sample)
    if isinstance(space, Box) and space.dtype != bool:
        return jnp.clip(zero, space.low, space.high)
    return zero
