"""What all wrappers have in common.

A wrapper makes another decision process out of an environment: it is an environment
itself, with its own `initial_state`, `transition`, `observe` and spaces. It inherits
`reset` and `step`, so that the time limit and the automatic reset are right by
themselves.
"""

import abc
from typing import Any, Generic, TypeVar

from equinox import AbstractVar
from jaxtyping import Array, Int32, UInt8

from .._environment import (
    AbstractEnvironment,
    AbstractState,
    Action,
    Observation,
    State,
)
from .._parameters import AbstractParameter


InnerState = TypeVar("InnerState", bound=AbstractState)


class Wrapped(AbstractParameter):
    """The environment that a wrapper wraps."""

    @property
    def allowed(self) -> str:
        return "an environment"

    def __call__(self, value: Any) -> Any:
        if not isinstance(value, AbstractEnvironment):
            raise TypeError(f"{self.name} must be {self.allowed}; got {value!r}.")
        return value


class AbstractWrapper(
    AbstractEnvironment[State, Action, Observation],
    Generic[State, Action, Observation, InnerState],
):
    """An environment made out of another one, `env`.

    The time limit and the picture are those of `env`.
    """

    env: AbstractVar[AbstractEnvironment[InnerState, Any, Any]]

    @abc.abstractmethod
    def inner_state(self, state: State) -> InnerState:
        """The state of `env` within a state of the wrapper.

        **Arguments:**

        - `state`: a state of the wrapper.

        **Returns:**

        A state of `env`.
        """

    @property
    def max_steps(  # pyright: ignore[reportIncompatibleVariableOverride]
        self,
    ) -> Int32[Array, ""]:
        return self.env.max_steps

    def truncated(self, state: State) -> Any:
        return self.env.truncated(self.inner_state(state))

    def render(self, state: State) -> UInt8[Array, "height width 3"]:
        return self.env.render(self.inner_state(state))
