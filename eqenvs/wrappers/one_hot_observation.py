"""Integers as one-hot vectors."""

from typing import Any

from jaxtyping import Array, PyTree

from .._environment import AbstractEnvironment, Action, State
from ..fields import environment
from ..spaces import (
    AbstractSpace,
    Dict,
    Discrete,
    flat_space,
    flatten,
    MultiDiscrete,
    Tuple,
)
from ._spaces import map_parts, parts, require
from ._wrapper import AbstractObservationWrapper


class OneHotObservation(AbstractObservationWrapper[State, Action, PyTree[Array]]):
    """Turns `Discrete` observations into one-hot vectors, and `MultiDiscrete` ones into
    several, concatenated.

    Tuples and dictionaries keep their structure, and a `Box` stays as it is.
    """

    env: AbstractEnvironment[State, Action, PyTree[Array]] = environment(
        "The environment, with integers among its observations."
    )

    def __check_init__(self):
        needs = "or has among its parts a Discrete or MultiDiscrete space"
        require(
            self.env,
            "observation_space",
            lambda space: any(_is_integer(part) for part in parts(space)),
            self,
            needs,
        )

    def transform_observation(self, observation: PyTree[Array]) -> PyTree[Array]:
        return _transform(self.env.observation_space, observation)

    @property
    def observation_space(self) -> AbstractSpace:
        return map_parts(
            lambda part: flat_space(part) if _is_integer(part) else part,
            self.env.observation_space,
        )


def _is_integer(space: AbstractSpace) -> bool:
    return isinstance(space, Discrete | MultiDiscrete)


def _transform(space: AbstractSpace, value: Any) -> Any:
    match space:
        case Tuple():
            return tuple(
                _transform(part, x) for part, x in zip(space.spaces, value, strict=True)
            )
        case Dict():
            named = space.spaces
            return {name: _transform(named[name], value[name]) for name in named}
        case _:
            return flatten(space, value) if _is_integer(space) else value
