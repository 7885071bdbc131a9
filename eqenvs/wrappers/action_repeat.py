"""Action repeat, also known as frame skipping.

The Arcade Learning Environment introduced it: Bellemare, Naddaf, Veness & Bowling, "The
Arcade Learning Environment: an evaluation platform for general agents" (Journal of
Artificial Intelligence Research, 2013).
"""

from typing import Any, Generic

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Int32, Key

from .._checks import without_weak_types
from .._environment import (
    AbstractEnvironment,
    AbstractState,
    Action,
    NO_LIMIT,
    Observation,
    State,
    Transition,
)
from ..fields import count, environment
from ._wrapper import AbstractWrapper


class ActionRepeatState(AbstractState, Generic[State]):
    """A state of the wrapped environment.

    `time` counts the actions, `inner.time` the steps of `env`.
    """

    inner: State
    time: Int32[Array, ""]


class ActionRepeat(
    AbstractWrapper[ActionRepeatState[State], Action, Observation, State]
):
    """Takes every action `num_repeats` times and adds up the rewards.

    An action is not repeated beyond the end of an episode. `info` is that of the last
    step taken.
    """

    env: AbstractEnvironment[State, Action, Observation] = environment()
    num_repeats: int = count(description="Number of times an action is taken.")

    @property
    def max_steps(self) -> Int32[Array, ""]:  # pyright: ignore
        limit = self.env.max_steps
        return jnp.where(limit == NO_LIMIT, limit, -(-limit // self.num_repeats))

    def wrap(self, key: Key[Array, ""], inner: State) -> ActionRepeatState[State]:
        del key
        return ActionRepeatState(inner=inner, time=jnp.int32(0))

    def inner_state(self, state: ActionRepeatState[State]) -> State:
        return state.inner

    def transition(
        self, key: Key[Array, ""], state: ActionRepeatState[State], action: Action
    ) -> Transition[ActionRepeatState[State]]:
        def take(key: Any, inner: Any) -> Transition[Any]:
            transition = self.inner_transition(key, inner, action)
            return transition._replace(info=without_weak_types(transition.info))

        def repeat(carry: Any, key: Any) -> tuple[Any, None]:
            last, ended = carry
            new = take(key, last.state)
            new = new._replace(reward=last.reward + new.reward)
            new = jax.tree.map(lambda x, y: jax.lax.select(ended, x, y), last, new)
            return (new, new.terminated | self.env.truncated(new.state)), None

        # The first step draws from `key`, so `num_repeats=1` changes nothing.
        own_key = self.own_key(key)
        keys = [key, *(jr.fold_in(own_key, i) for i in range(1, self.num_repeats))]
        like = jax.eval_shape(take, key, state.inner)
        # Made from the state, so it varies over a mesh of devices if the state does.
        false = state.time != state.time
        nothing = jax.tree.map(
            lambda x: jnp.broadcast_to(false, x.shape).astype(x.dtype), like
        )
        start = nothing._replace(state=state.inner), false
        (last, _), _ = jax.lax.scan(repeat, start, jnp.stack(keys))
        time = state.time + 1
        return last._replace(state=ActionRepeatState(inner=last.state, time=time))
