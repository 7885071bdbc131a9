"""Base classes of wrappers.

A wrapper turns an environment into another decision process. It is an environment
itself, with its own states, transitions, observations and spaces. It inherits `reset`,
`advance` and `step`, so the time limit and the automatic reset work without further
code.
"""

import abc
import dataclasses
from typing import Any, Generic, TYPE_CHECKING, TypeVar

import jax.random as jr
import numpy as np
from equinox import AbstractVar
from jaxtyping import Array, Bool, Float, Int32, Key, PyTree

from .._checks import check_transition
from .._environment import (
    AbstractEnvironment,
    AbstractState,
    Action,
    Observation,
    State,
    Transition,
)
from ..spaces import AbstractSpace


if TYPE_CHECKING:
    from ..rendering import Scene


InnerState = TypeVar("InnerState", bound=AbstractState)


class AbstractWrapperState(AbstractState, Generic[InnerState]):
    """A state of a wrapper: `inner`, the state of `env`, and what the wrapper
    remembers.

    There is only one clock, that of `inner`.
    """

    inner: AbstractVar[InnerState]

    if TYPE_CHECKING:
        time: Int32[Array, ""] = dataclasses.field(init=False)  # pyright: ignore

    else:

        @property
        def time(self) -> Int32[Array, "..."]:
            return self.inner.time


class _Forwarded:
    """An attribute of the wrapped environment, unless the wrapper has its own field."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        return self if instance is None else getattr(instance.env, self.name)


class AbstractWrapper(
    AbstractEnvironment[State, Action, Observation],
    Generic[State, Action, Observation, InnerState],
):
    """An environment made from another one, `env`.

    A subclass declares the field `env: AbstractEnvironment = fields.environment()`. Its
    method `wrap` makes a state of the wrapper from a state of `env`, and `inner_state`
    gets that state back. Spaces, observation, time limit, picture and the start of the
    next episode are those of `env` unless the subclass overrides them.
    """

    env: AbstractVar[AbstractEnvironment[InnerState, Any, Any]]
    max_steps = _Forwarded()  # pyright: ignore
    # The names of fields of the innermost state: see `Trial`.
    task_fields = _Forwarded()  # pyright: ignore

    @abc.abstractmethod
    def wrap(self, key: Key[Array, ""], inner: InnerState) -> State:
        """The state of the wrapper at the start of an episode.

        **Arguments:**

        - `key`: a JAX PRNG key, from which `inner` was not drawn.
        - `inner`: the state of `env` at the start of the episode.

        **Returns:**

        A state of the wrapper.
        """

    @abc.abstractmethod
    def inner_state(self, state: State) -> InnerState:
        """The state of `env` within a state of the wrapper.

        **Arguments:**

        - `state`: a state of the wrapper.

        **Returns:**

        A state of `env`.
        """

    def wrap_next(
        self, key: Key[Array, ""], inner: InnerState, last_state: State
    ) -> State:
        """The state of the wrapper at the start of an episode that follows another.

        Override it if the wrapper keeps something from one episode to the next.

        **Arguments:**

        - `key`, `inner`: as for `wrap`.
        - `last_state`: the wrapper's state at the end of the last episode.

        **Returns:**

        A state of the wrapper; by default `wrap(key, inner)`.
        """
        del last_state
        return self.wrap(key, inner)

    def initial_state(self, key: Key[Array, ""]) -> State:
        return self.wrap(self.own_key(key), self.env.initial_state(key))

    def next_initial_state(self, key: Key[Array, ""], last_state: State) -> State:
        inner = self.env.next_initial_state(key, self.inner_state(last_state))
        return self.wrap_next(self.own_key(key), inner, last_state)

    def inner_transition(
        self, key: Key[Array, ""], inner: InnerState, action: Any
    ) -> Transition[Any]:
        """One transition of `env`, checked, with all four fields filled in.

        An author may return the reward as a Python number, or leave out `terminated`
        and `info`; here they are arrays and a dictionary.

        **Arguments:**

        - `key`: a JAX PRNG key.
        - `inner`: a state of `env`.
        - `action`: an action of `env`.

        **Returns:**

        An [`eqenvs.Transition`][].

        **Raises:**

        `TypeError` or `ValueError` if `env` returned anything else.
        """
        transition = self.env.transition(key, inner, action)
        return Transition(*check_transition(self.env, transition, inner))

    def own_key(self, key: Key[Array, ""]) -> Key[Array, ""]:
        """A key for the wrapper's own random numbers.

        `env` draws from `key`, so a wrapper that changes nothing plays the same
        episodes as `env`.

        **Arguments:**

        - `key`: the key of a reset or of a transition.

        **Returns:**

        A key that neither `env` nor any wrapper inside it draws from.
        """
        return jr.fold_in(key, np.uint32(2**31 - wrapper_depth(self)))

    def observe(self, state: State) -> Observation:
        return self.env.observe(self.inner_state(state))

    @property
    def action_space(self) -> AbstractSpace:
        return self.env.action_space

    @property
    def observation_space(self) -> AbstractSpace:
        return self.env.observation_space

    def truncated(self, state: State) -> Bool[Array, ""]:
        return self.env.truncated(self.inner_state(state))

    def draw(self, state: State) -> "Scene":
        return self.env.draw(self.inner_state(state))


def wrapper_depth(env: Any) -> int:
    """The number of nested wrappers, the outermost included."""
    depth = 0
    while isinstance(env, AbstractWrapper):
        depth, env = depth + 1, env.env
    return depth + getattr(env, "_wrapper_depth", 0)


class AbstractStatelessWrapper(
    AbstractWrapper[State, Action, Observation, State],
    Generic[State, Action, Observation],
):
    """A wrapper whose states are those of `env`."""

    def wrap(self, key: Key[Array, ""], inner: State) -> State:
        del key
        return inner

    def inner_state(self, state: State) -> State:
        return state

    def initial_state(self, key: Key[Array, ""]) -> State:
        return self.env.initial_state(key)

    def next_initial_state(self, key: Key[Array, ""], last_state: State) -> State:
        return self.env.next_initial_state(key, last_state)

    def transition(
        self, key: Key[Array, ""], state: State, action: Action
    ) -> Transition[State]:
        return self.env.transition(key, state, action)


class AbstractObservationWrapper(
    AbstractStatelessWrapper[State, Action, Observation],
    Generic[State, Action, Observation],
):
    """An environment with different observations.

    A subclass defines `transform_observation` and `observation_space`.
    """

    @abc.abstractmethod
    def transform_observation(self, observation: PyTree[Array]) -> Observation:
        """Turns an observation of `env` into one of the wrapper.

        **Arguments:**

        - `observation`: an element of `env.observation_space`.

        **Returns:**

        An element of `observation_space`.
        """

    def observe(self, state: State) -> Observation:
        return self.transform_observation(self.env.observe(state))


class AbstractActionWrapper(
    AbstractStatelessWrapper[State, Action, Observation],
    Generic[State, Action, Observation],
):
    """An environment with different actions.

    A subclass defines `transform_action` and `action_space`. As in `step`, an action
    outside the space of `env` is replaced by the nearest element of it.
    """

    @abc.abstractmethod
    def transform_action(self, action: Action) -> PyTree[Array]:
        """Turns an action of the wrapper into one of `env`.

        **Arguments:**

        - `action`: an element of `action_space`.

        **Returns:**

        An element of `env.action_space`.
        """

    def transition(
        self, key: Key[Array, ""], state: State, action: Action
    ) -> Transition[State]:
        space = self.env.action_space
        name = f"what `transform_action` of {type(self).__name__} returns"
        action = space.check(self.transform_action(action), name)
        return self.env.transition(key, state, space.nearest(action))


class AbstractRewardWrapper(
    AbstractStatelessWrapper[State, Action, Observation],
    Generic[State, Action, Observation],
):
    """An environment with different rewards. A subclass defines `transform_reward`."""

    @abc.abstractmethod
    def transform_reward(self, reward: Float[Array, ""]) -> Float[Array, ""]:
        """Turns a reward of `env` into one of the wrapper.

        **Arguments:**

        - `reward`: a scalar.

        **Returns:**

        A scalar.
        """

    def transition(
        self, key: Key[Array, ""], state: State, action: Action
    ) -> Transition[State]:
        transition = self.inner_transition(key, state, action)
        return transition._replace(reward=self.transform_reward(transition.reward))
