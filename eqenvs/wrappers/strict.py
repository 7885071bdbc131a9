"""An environment that stops the program when something is wrong."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Key, PyTree

from .._environment import (
    AbstractEnvironment,
    Action,
    Observation,
    State,
    Transition,
)
from ..fields import environment
from ..spaces import AbstractSpace, Box, Discrete, MultiDiscrete
from ._spaces import map_parts
from ._wrapper import AbstractStatelessWrapper


class Strict(AbstractStatelessWrapper[State, Action, Observation]):
    """Stops the program with an error, even inside `jax.jit`, if an action is outside
    the action space, or a reward or an observation is NaN.

    Without this wrapper, an action outside the space is replaced by the nearest
    element, and NaN spreads silently. The checks cost time; use them to find a mistake.
    """

    env: AbstractEnvironment[State, Action, Observation] = environment()

    def transition(
        self, key: Key[Array, ""], state: State, action: Action
    ) -> Transition[State]:
        action = self.action_space.nearest(action)
        transition = self.inner_transition(key, state, action)
        message = f"the reward of {type(self.env).__name__} is not a number."
        return transition._replace(reward=_refuse_nan(transition.reward, message))

    def observe(self, state: State) -> Observation:
        message = f"an observation of {type(self.env).__name__} is not a number."
        return _refuse_nan(self.env.observe(state), message)

    @property
    def action_space(self) -> AbstractSpace:
        name = type(self.env).__name__
        return map_parts(lambda part: _strict(part, name), self.env.action_space)


def _refuse_nan(tree: Any, message: str) -> Any:
    numbers = [x for x in jax.tree.leaves(tree) if eqx.is_inexact_array(x)]
    if not numbers:
        return tree
    is_nan = jnp.stack([jnp.any(jnp.isnan(x)) for x in numbers])
    return eqx.error_if(tree, is_nan, message)


# Every loop and wrapper takes the nearest element of the action space first, so this is
# the place to notice an action outside it.


def _refuse_outside(space: Any, value: Any) -> Any:
    plain = f"the action of {space.owner} must be in {space}."
    return eqx.error_if(value, ~space.contains(value), plain)


class _StrictBox(Box):
    owner: str = eqx.field(static=True)

    def __init__(self, space: Box, owner: str):
        super().__init__(space.low, space.high, space.shape, space.dtype)
        self.owner = owner

    def nearest(self, value: PyTree[Array]) -> PyTree[Array]:
        return _refuse_outside(self, value)


class _StrictDiscrete(Discrete):
    owner: str = eqx.field(static=True)

    def __init__(self, space: Discrete, owner: str):
        super().__init__(space.n)
        self.owner = owner

    def nearest(self, value: PyTree[Array]) -> PyTree[Array]:
        return _refuse_outside(self, value)


class _StrictMultiDiscrete(MultiDiscrete):
    owner: str = eqx.field(static=True)

    def __init__(self, space: MultiDiscrete, owner: str):
        super().__init__(space.nvec)
        self.owner = owner

    def nearest(self, value: PyTree[Array]) -> PyTree[Array]:
        return _refuse_outside(self, value)


def _strict(space: AbstractSpace, owner: str) -> AbstractSpace:
    match space:
        case Box():
            return _StrictBox(space, owner)
        case Discrete():
            return _StrictDiscrete(space, owner)
        case MultiDiscrete():
            return _StrictMultiDiscrete(space, owner)
        case _:
            return space
