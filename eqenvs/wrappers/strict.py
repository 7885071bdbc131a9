"""An environment that stops the program when something is wrong."""

from typing import Any

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key, PyTree

from .._checks import show
from .._environment import (
    AbstractEnvironment,
    Action,
    Observation,
    State,
    Transition,
)
from .._stop import stop_if
from ..fields import environment
from ..spaces import AbstractSpace, Box, Discrete, MultiDiscrete
from ._spaces import map_parts
from ._wrapper import AbstractStatelessWrapper


class Strict(AbstractStatelessWrapper[State, Action, Observation]):
    """Stops the program with an error, even inside `jax.jit`, if an action is outside
    the action space, or a reward or an observation is NaN.

    Without this wrapper, an action outside the space is replaced by the nearest
    element, and NaN spreads silently. The checks cost time; use them to find a mistake.

    The error is a `RuntimeError` of one line, which says what is wrong: for example,
    the action and the space. In a program that you compile yourself, JAX puts a
    traceback before that line, and raises a `ValueError` if the program has run before.
    With several devices, the line is also logged: while other devices wait for the one
    that stopped, nothing is raised.
    """

    env: AbstractEnvironment[State, Action, Observation] = environment()

    def transition(
        self, key: Key[Array, ""], state: State, action: Action
    ) -> Transition[State]:
        action = self.action_space.nearest(action)
        transition = self.inner_transition(key, state, action)
        name = f"the reward of {type(self.env).__name__}"
        return transition._replace(reward=_refuse_nan(transition.reward, name))

    def observe(self, state: State) -> Observation:
        name = f"an observation of {type(self.env).__name__}"
        return _refuse_nan(self.env.observe(state), name)

    @property
    def action_space(self) -> AbstractSpace:
        name = type(self.env).__name__
        return map_parts(lambda part: _strict(part, name), self.env.action_space)


def _refuse_nan(tree: Any, name: str) -> Any:
    numbers = [x for x in jax.tree.leaves(tree) if eqx.is_inexact_array(x)]
    if not numbers:
        return tree
    is_nan = jnp.any(jnp.stack([jnp.any(jnp.isnan(x)) for x in numbers]))
    return stop_if(is_nan, tree, lambda: f"{name} is not a number.")


# Every loop and wrapper takes the nearest element of the action space first, so this is
# the place to notice an action outside it.


def _refuse_outside(space: Any, value: Any) -> Any:
    def explain(space: Any, value: Any) -> str:
        got = show(value) if isinstance(value, jax.core.Tracer) else _numbers(value)
        return f"the action of {space.owner} must be in {space}; got {got}."

    return stop_if(~space.contains(value), value, explain, space, value)


def _numbers(value: np.ndarray) -> str:
    if value.ndim == 0:
        return str(value)
    return np.array2string(value, separator=", ", threshold=8, max_line_width=1_000)


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
