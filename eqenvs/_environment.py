"""The contract: the process that an author writes, and the loop around it.

An author writes a process: its initial states, its transitions and its observations.
The loop (`reset`, `advance`, `step`, the time limit, the automatic reset) is written
here, once, for one environment and for many.
"""

import abc
import dataclasses
from typing import Any, ClassVar, Generic, NamedTuple, TYPE_CHECKING, TypeVar

import equinox as eqx
import jax
import jax.random as jr
import numpy as np
from equinox import AbstractVar
from jaxtyping import Array, Bool, Float, Int32, Key, UInt8, UInt32

from ._bound import AbstractValue
from ._checks import (
    check_key,
    check_next_state,
    check_state,
    check_transition,
    check_truncated,
    struct_of,
    without_weak_types,
)
from ._compiled import jit
from ._parametric import AbstractParametric
from .fields import time_limit
from .spaces import AbstractSpace, check_scalars, hold_scalars


if TYPE_CHECKING:
    from ._parametric import AbstractDescribed as LoopBase
    from .rendering import Scene
else:
    LoopBase = AbstractValue


NO_LIMIT = 2**31 - 1
"""The `max_steps` of a task that has no time limit."""


def is_no_limit(name: str, value: Any) -> bool:
    """Whether the parameter `name` is a time limit, and `value` means that there is
    none."""
    return name == "max_steps" and bool(value == NO_LIMIT)


class AbstractState(eqx.Module):
    """The state of a process: everything that its future depends on."""

    time: AbstractVar[Int32[Array, ""]]


State = TypeVar("State", bound=AbstractState)
Action = TypeVar("Action")
Observation = TypeVar("Observation")
Tree = TypeVar("Tree")
KeyLike = Key[Array, ""] | UInt32[Array, " words"]


class Transition(NamedTuple, Generic[State]):
    """One step of the process.

    - `state`: the next state.
    - `reward`: the reward, a scalar.
    - `terminated`: whether the next state is terminal, a boolean scalar.
    - `info`: a dictionary of anything else; the same structure at every step.
    """

    state: State
    reward: Float[Array, ""]
    terminated: Bool[Array, ""] | bool = False
    info: dict[str, Any] = {}  # never mutated

    @classmethod
    def __class_getitem__(cls, _: Any) -> Any:
        return tuple  # Run-time type checkers do not support generic named tuples.


class TimeStep(NamedTuple, Generic[State, Observation]):
    """What one step of the loop returns.

    - `observation`, `state`: the current ones. At the end of an episode, those that
        `step` returns already belong to the next episode; those of `advance` never do.
    - `reward`: the reward of the transition.
    - `terminated`: whether the transition ended in a terminal state.
    - `truncated`: whether it reached the time limit. Both may be true.
    - `info`: the transition's own information. `step` adds `"final_observation"`, the
        observation right after the transition. At the end of an episode, this is the
        last observation of that episode.
    """

    observation: Observation
    state: State
    reward: Float[Array, ""]
    terminated: Bool[Array, ""]
    truncated: Bool[Array, ""]
    info: dict[str, Any]

    @classmethod
    def __class_getitem__(cls, _: Any) -> Any:
        return tuple  # As above.


class AbstractLoop(LoopBase, Generic[State, Action, Observation]):
    """`reset`, `advance` and `step`, for anything with a first state and a next one:
    [`eqenvs.AbstractEnvironment`][] for one lane, [`eqenvs.VectorEnvironment`][] for
    many.
    """

    @abc.abstractmethod
    def observe(self, state: State) -> Observation:
        """The observation of a state."""

    @abc.abstractmethod
    def _start(self, key: Key[Array, ""]) -> State:
        """The first state of an episode."""

    @abc.abstractmethod
    def _advance(
        self, key: Key[Array, ""], state: State, action: Action
    ) -> TimeStep[State, Observation]:
        """One transition, with the time limit and no reset."""

    @abc.abstractmethod
    def _restart(
        self, key: Key[Array, ""], ended: Bool[Array, "*lanes"], state: State
    ) -> State:
        """The first state of the next episode where one ended, `state` elsewhere."""

    @property
    @abc.abstractmethod
    def _lane(self) -> "AbstractEnvironment":
        """The environment of one lane."""

    def reset(self, key: KeyLike) -> tuple[Observation, State]:
        """Starts an episode.

        **Arguments:**

        - `key`: a JAX PRNG key: `jax.random.key(seed)`, or the raw words that
            `jax.random.PRNGKey(seed)` returns.

        **Returns:**

        The tuple `(observation, state)`.

        **Raises:**

        `TypeError` or `ValueError` if `key` is not one key.
        """
        return _reset(self, key)

    def advance(
        self, key: KeyLike, state: State, action: Any
    ) -> TimeStep[State, Observation]:
        """Takes one step and does not reset.

        Use it to decide yourself what happens at the end of an episode: in a planner
        that branches and returns, in an evaluation of single episodes, in another
        library's loop. Stepping on from a terminal state is allowed, and meaningless.

        **Arguments:**

        Those of `step`.

        **Returns:**

        An [`eqenvs.TimeStep`][] with the `observation` and `state` right after the
        transition.

        **Raises:**

        As `step` does.
        """
        check_scalars(self, action)
        return _advance(self, key, state, hold_scalars(action))

    def step(
        self, key: KeyLike, state: State, action: Any
    ) -> TimeStep[State, Observation]:
        """Takes one step, and starts the next episode if this one is over.

        **Arguments:**

        - `key`: a JAX PRNG key, as for `reset`.
        - `state`: the current state.
        - `action`: an element of `action_space`, as an array; a Python or NumPy
            scalar is enough where the space has a single number. An array outside
            the space is replaced by its nearest element.

        **Returns:**

        An [`eqenvs.TimeStep`][].

        **Raises:**

        `TypeError` or `ValueError` if `key` is not one key, `state` is not a state of
        this environment, `action` does not have the shape and dtype of `action_space`,
        or is a Python or NumPy number outside a `Discrete` space.
        """
        check_scalars(self, action)
        return _step(self, key, state, hold_scalars(action))


@jit
def _reset(loop: AbstractLoop, key: Any):
    state = loop._start(check_key(key, "reset"))
    return loop.observe(state), state


@jit
def _advance(loop: AbstractLoop, key: Any, state: Any, action: Any):
    return loop._advance(check_key(key, "advance"), state, action)


@jit
def _step(loop: AbstractLoop, key: Any, state: Any, action: Any) -> TimeStep[Any, Any]:
    step, state = advance_and_restart(loop, check_key(key, "step"), state, action)
    info = {**step.info, "final_observation": step.observation}
    return step._replace(observation=loop.observe(state), state=state, info=info)


def advance_and_restart(
    loop: AbstractLoop, key: Key[Array, ""], state: Any, action: Any
) -> tuple[TimeStep[Any, Any], Any]:
    """One step: advances, then resets the lanes whose episode ended.

    **Returns:**

    The time step of `advance`, and the state to continue from.
    """
    step = loop._advance(key, state, action)
    return step, loop._restart(key, step.terminated | step.truncated, step.state)


class AbstractEnvironment(AbstractParametric, AbstractLoop[State, Action, Observation]):
    """A Markov decision process, as a value.

    The fields are the parameters of the process. A subclass defines `initial_state`,
    `transition`, `observe`, `action_space`, `observation_space` and the field
    `max_steps`; it is final, and inherits `reset`, `advance` and `step`.

    ```python
    env = CartPole(gravity=9.8)
    observation, state = env.reset(key)
    observation, state, reward, terminated, truncated, info = env.step(
        key, state, action
    )
    ```
    """

    max_steps: AbstractVar[Int32[Array, ""]]
    # The fields of a state that are the task, for `Trial`: what several episodes in a
    # row may have in common.
    task_fields: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any):
        _describe_max_steps(cls)
        super().__init_subclass__(**kwargs)

    # The process: what an author writes.

    @abc.abstractmethod
    def initial_state(self, key: Key[Array, ""]) -> State:
        """Draws a state from the distribution of initial states.

        **Arguments:**

        - `key`: a JAX PRNG key.

        **Returns:**

        A state.
        """

    @abc.abstractmethod
    def transition(
        self, key: Key[Array, ""], state: State, action: Action
    ) -> Transition[State]:
        """One step of the process, with no time limit and no reset.

        **Arguments:**

        - `key`: a JAX PRNG key. A transition must not use
            `jax.random.fold_in(key, 2**32 - 1)`, which belongs to the loop.
        - `state`: the current state.
        - `action`: an element of `action_space`.

        **Returns:**

        An [`eqenvs.Transition`][].
        """

    @abc.abstractmethod
    def observe(self, state: State) -> Observation:
        """The observation of a state: a deterministic function of it.

        **Arguments:**

        - `state`: a state.

        **Returns:**

        An element of `observation_space`.
        """

    @property
    @abc.abstractmethod
    def action_space(self) -> AbstractSpace:
        """The set of actions."""

    @property
    @abc.abstractmethod
    def observation_space(self) -> AbstractSpace:
        """The set of observations."""

    def truncated(self, state: State) -> Bool[Array, ""]:
        """Whether an episode that reaches `state` is truncated there.

        **Arguments:**

        - `state`: a state.

        **Returns:**

        A boolean scalar; by default, whether `state.time >= max_steps`.
        """
        return state.time >= self.max_steps

    def next_initial_state(self, key: Key[Array, ""], last_state: State) -> State:
        """Draws the first state of an episode that follows another one.

        Override it to keep something beyond the end of an episode: a task that lasts
        for several episodes, a curriculum, a counter.

        **Arguments:**

        - `key`: a JAX PRNG key.
        - `last_state`: the state that the last episode ended in.

        **Returns:**

        A state; by default `initial_state(key)`.
        """
        del last_state
        return self.initial_state(key)

    def draw(self, state: State) -> "Scene":
        """The picture of a state, as a scene of shapes.

        **Arguments:**

        - `state`: a state.

        **Returns:**

        An [`eqenvs.rendering.Scene`][].

        **Raises:**

        `NotImplementedError` if the environment has no picture.
        """
        del state
        raise NotImplementedError(
            f"{type(self).__name__} has no picture: it does not define `draw`."
        )

    def render(
        self, state: State, size: int | tuple[int, int] = 256
    ) -> UInt8[Array, "height width 3"]:
        """Draws a state in pixels.

        **Arguments:**

        - `state`: a state.
        - `size`: height and width in pixels, or one number for both.

        **Returns:**

        An RGB picture.

        **Raises:**

        `NotImplementedError` if the environment has no picture; `TypeError` or
        `ValueError` if `state` is not a state of this environment, or `size` is not as
        described above.
        """
        check_state(self, state, struct_of(self).state)
        scene = self.draw(state)
        from .rendering import rasterize

        return rasterize(scene, size)

    # One lane of the loop.

    def _start(self, key: Key[Array, ""]) -> State:
        struct_of(self)
        return without_weak_types(self.initial_state(key))

    def _advance(
        self, key: Key[Array, ""], state: State, action: Action
    ) -> TimeStep[State, Observation]:
        check_state(self, state, struct_of(self).state)
        space = self.action_space
        action = space.check(action, f"the action of {type(self).__name__}")
        transition = self.transition(key, state, space.nearest(action))
        state, reward, terminated, info = check_transition(self, transition, state)
        observation = self.observe(state)
        truncated = check_truncated(self, self.truncated(state))
        return TimeStep(observation, state, reward, terminated, truncated, info)

    def _restart(
        self, key: Key[Array, ""], ended: Bool[Array, ""], state: State
    ) -> State:
        return select(ended, next_state_after(self, key, state), state)

    @property
    def _lane(self) -> "AbstractEnvironment":
        return self


def next_state_after(
    env: AbstractEnvironment[State, Any, Any], key: Key[Array, ""], last_state: State
) -> State:
    """The first state of the episode after one that ended in `last_state`.

    The transition gets the step's own key. Counter-based generators draw their numbers
    and derive their keys from the counters 0, 1, 2, ..., so the last counter is free
    for the reset, and neither side needs a `split`.
    """
    key = jr.fold_in(key, np.uint32(2**32 - 1))
    next_state = env.next_initial_state(key, last_state)
    return check_next_state(env, next_state, last_state, "next_initial_state")


def select(pred: Bool[Array, ""], on_true: Tree, on_false: Tree) -> Tree:
    """One of two states, or parts of states, leaf by leaf."""
    return jax.tree.map(lambda x, y: jax.lax.select(pred, x, y), on_true, on_false)


def _describe_max_steps(cls: type) -> None:
    """Describes a `max_steps` that was declared as a plain number or not at all."""
    namespace = vars(cls)
    annotations = namespace.get("__annotations__", {})
    declared = namespace.get("max_steps", dataclasses.MISSING)
    if isinstance(declared, dataclasses.Field) and "converter" not in declared.metadata:
        declared = declared.default
    elif declared is dataclasses.MISSING and "max_steps" not in annotations:
        return
    is_number = isinstance(declared, int | np.integer)
    if isinstance(declared, float | str | list | dict) or declared is None:
        raise TypeError(
            f"{cls.__name__}.max_steps must be a time limit, such as "
            f"`max_steps = eqenvs.fields.time_limit(500)`; got {declared!r}."
        )
    is_abstract = "AbstractVar" in repr(annotations.get("max_steps"))
    if is_number or (declared is dataclasses.MISSING and not is_abstract):
        cls.max_steps = time_limit(declared)  # pyright: ignore
        cls.__annotations__ = {"max_steps": Int32[Array, ""], **annotations}
