"""Sticky actions: now and then the environment repeats the previous action.

The scheme is that of Machado et al., "Revisiting the Arcade Learning Environment:
Evaluation Protocols and Open Problems for General Agents" (Journal of Artificial
Intelligence Research, 2018), with the details of the package `minatar`
(https://github.com/kenjyoung/MinAtar):

1. With a fixed probability, the environment takes the last action instead of the new
   one.
2. Whichever of the two it took becomes the last action, so a repeat can be repeated.
3. At the start of an episode, the last action is zero.

**Deviations:**

- The package forgets the last action only before the first episode of a game: every
  other episode starts with the last action of the previous one, as it does here with
  `carry_over=True`.
"""

from typing import Any, Generic

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, Float, Key

from .._environment import (
    AbstractEnvironment,
    Action,
    Observation,
    State,
    Transition,
)
from ..fields import environment, flag, real
from ._spaces import nearest_to_zero
from ._wrapper import AbstractWrapper, AbstractWrapperState


class StickyActionState(AbstractWrapperState[State], Generic[State, Action]):
    """A state of the wrapped environment, and the action that led to it."""

    inner: State
    last_action: Action


class StickyAction(
    AbstractWrapper[StickyActionState[State, Action], Action, Observation, State]
):
    """Repeats the last action with a fixed probability.

    Whichever action is taken, the new one or the last one, becomes the next step's last
    action. At the start of an episode it is zero: element 0 of a `Discrete` space, or
    the element of a `Box` nearest to zero.

    ```python
    env = StickyAction(Breakout(), probability=0.1)
    ```
    """

    env: AbstractEnvironment[State, Action, Observation] = environment(
        "The environment whose actions stick."
    )
    probability: Float[Array, ""] = real(
        0.1, "Probability of repeating the last action.", minimum=0, maximum=1
    )
    carry_over: bool = flag(
        False,
        "Whether an episode starts with the last action of the previous one, as in "
        "`minatar`, instead of zero.",
    )

    def wrap(
        self, key: Key[Array, ""], inner: State
    ) -> StickyActionState[State, Action]:
        del key
        last_action: Any = nearest_to_zero(self.env.action_space)
        return StickyActionState(inner=inner, last_action=last_action)

    def inner_state(self, state: StickyActionState[State, Action]) -> State:
        return state.inner

    def wrap_next(
        self,
        key: Key[Array, ""],
        inner: State,
        last_state: StickyActionState[State, Action],
    ) -> StickyActionState[State, Action]:
        if self.carry_over:
            return StickyActionState(inner=inner, last_action=last_state.last_action)
        return self.wrap(key, inner)

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
        key = jr.fold_in(key, 1)
        transition = self.inner_transition(key, state.inner, action)
        next_state = StickyActionState(inner=transition.state, last_action=action)
        return transition._replace(state=next_state)

    def _draw(self, key: Key[Array, ""]) -> Bool[Array, ""]:
        return jr.uniform(key) < self.probability
