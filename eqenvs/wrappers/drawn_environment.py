"""A new environment in every episode.

Domain randomization (Tobin et al., "Domain randomization for transferring deep neural
networks from simulation to the real world", IROS 2017): masses, map or goal are drawn
in every episode. Because an environment is a value, all of it can be drawn, inside
`jax.jit` and without recompiling.
"""

from collections.abc import Callable
from typing import Any, TYPE_CHECKING

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import numpy as np
from jaxtyping import Array, Bool, Int32, Key

from .._checks import without_weak_types
from .._environment import (
    AbstractEnvironment,
    AbstractState,
    Action,
    Observation,
    Transition,
)
from .._parametric import converted
from ..fields import count, function
from ..spaces import AbstractSpace, hull
from ._spaces import optional_space
from ._task import same_task
from ._wrapper import AbstractWrapperState, wrapper_depth


if TYPE_CHECKING:
    from ..rendering import Scene


class DrawnEnvironmentState(AbstractWrapperState[AbstractState]):
    """The arrays of the environment that was drawn, and its state."""

    environment: tuple[Array, ...]
    inner: AbstractState


class DrawnEnvironment(AbstractEnvironment[DrawnEnvironmentState, Action, Observation]):
    """Draws a new environment in every episode.

    ```python
    def draw(key):
        return CartPole(pole_half_length=jax.random.uniform(key, minval=0.2, maxval=2))

    env = DrawnEnvironment(draw)
    ```

    The environments that are drawn must have the same structure: arrays may differ,
    shapes and static fields may not. If the bounds of their spaces differ, the spaces
    are the smallest that contain those of `num_examples` environments, which are drawn
    when this one is made, unless you pass spaces. An action outside the space of the
    current environment is replaced by the nearest one inside.

    In an [`eqenvs.wrappers.Trial`][], the environment is the task: all episodes of the
    trial are played in the same one.
    """

    sample: Callable[[Key[Array, ""]], AbstractEnvironment] = function(
        description="Function from a key to an environment."
    )
    actions: AbstractSpace = optional_space(
        "Action space; None for the smallest that contains those of the examples."
    )
    observations: AbstractSpace = optional_space(
        "Observation space; None for the smallest that contains those of the examples."
    )
    num_examples: int = count(
        100, "Number of examples drawn to find the bounds of the spaces."
    )
    # What the environments have in common.
    _structure: Any = eqx.field(init=False, static=True)
    _depth: int = eqx.field(init=False, static=True)
    _max_steps: Int32[Array, ""] = eqx.field(init=False)

    task_fields = ("environment",)

    def __init__(
        self,
        sample: Callable[[Key[Array, ""]], AbstractEnvironment],
        actions: AbstractSpace | None = None,
        observations: AbstractSpace | None = None,
        num_examples: int = 100,
    ):
        self.sample = converted(DrawnEnvironment, "sample", sample)
        self.num_examples = converted(DrawnEnvironment, "num_examples", num_examples)
        example = eqx.filter_eval_shape(self.sample, jr.key(0))
        if not isinstance(example, AbstractEnvironment):
            raise TypeError(
                "DrawnEnvironment.sample must be a function from a key to an "
                f"environment; it returned {example!r}."
            )
        self._structure = jtu.tree_structure(example)
        self._depth = 1 + wrapper_depth(example)
        found_actions, found_observations, self._max_steps = _examine(
            self.sample, self.num_examples
        )
        self.actions = found_actions if actions is None else actions
        self.observations = found_observations if observations is None else observations

    def drawn(self, state: DrawnEnvironmentState) -> AbstractEnvironment:
        """The environment in which the current episode is played.

        **Arguments:**

        - `state`: a state.

        **Returns:**

        An environment.
        """
        return jtu.tree_unflatten(self._structure, state.environment)

    @property
    def _example(self) -> AbstractEnvironment:
        """An environment of the structure that all have, without its arrays."""
        nothing = [None] * self._structure.num_leaves
        return jtu.tree_unflatten(self._structure, nothing)

    @property
    def _wrapper_depth(self) -> int:
        return self._depth

    def _draw_environment(self, key: Key[Array, ""]) -> AbstractEnvironment:
        # As in a wrapper, the environment itself draws from `key`.
        return self.sample(jr.fold_in(key, np.uint32(2**31 - self._depth)))

    @property
    def max_steps(self) -> Int32[Array, ""]:  # pyright: ignore
        return self._max_steps

    def initial_state(self, key: Key[Array, ""]) -> DrawnEnvironmentState:
        env = self._draw_environment(key)
        return _state(env, env.initial_state(key))

    def next_initial_state(
        self, key: Key[Array, ""], last_state: DrawnEnvironmentState
    ) -> DrawnEnvironmentState:
        env = self._draw_environment(key)
        return _state(env, env.next_initial_state(key, last_state.inner))

    def _same_task(
        self, key: Key[Array, ""], last_state: DrawnEnvironmentState
    ) -> DrawnEnvironmentState:
        env = self.drawn(last_state)
        if env.task_fields:
            return _state(env, same_task(env, key, last_state.inner))
        return _state(env, env.next_initial_state(key, last_state.inner))

    def transition(
        self, key: Key[Array, ""], state: DrawnEnvironmentState, action: Action
    ) -> Transition[DrawnEnvironmentState]:
        env = self.drawn(state)
        nearest = env.action_space.nearest(action)
        transition = Transition(*env.transition(key, state.inner, nearest))
        next_state = DrawnEnvironmentState(
            environment=state.environment, inner=transition.state
        )
        return transition._replace(state=next_state)

    def observe(self, state: DrawnEnvironmentState) -> Observation:
        return self.drawn(state).observe(state.inner)

    def truncated(self, state: DrawnEnvironmentState) -> Bool[Array, ""]:
        return self.drawn(state).truncated(state.inner)

    def draw(self, state: DrawnEnvironmentState) -> "Scene":
        return self.drawn(state).draw(state.inner)

    @property
    def action_space(self) -> AbstractSpace:
        return self.actions

    @property
    def observation_space(self) -> AbstractSpace:
        return self.observations


def _state(env: AbstractEnvironment, inner: AbstractState) -> DrawnEnvironmentState:
    arrays = without_weak_types(tuple(map(jnp.asarray, jtu.tree_leaves(env))))
    return DrawnEnvironmentState(environment=arrays, inner=inner)


@eqx.filter_jit
def _examine(
    sample: Callable[[Key[Array, ""]], AbstractEnvironment], num_examples: int
) -> tuple[AbstractSpace, AbstractSpace, Int32[Array, ""]]:
    """The hull of the spaces of some environments, and the longest time limit."""

    def look(key: Any) -> Any:
        env = sample(key)
        return env.action_space, env.observation_space, env.max_steps

    actions, observations, limits = eqx.filter_vmap(look)(
        jr.split(jr.key(0), num_examples)
    )
    return hull(actions), hull(observations), jnp.max(limits)
