"""The decision process and the loop around it.

An author writes a process: where it starts, how it moves on, what is seen of it. The
loop (`reset`, `step`, the time limit, the automatic reset) is written here, once.
"""

import abc
import functools as ft
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TYPE_CHECKING, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import numpy as np
from equinox import AbstractVar
from jaxtyping import Array, Bool, Float, Int32, Key, UInt8, UInt32

from ._checks import check_key
from ._jit import jit
from ._parameters import AbstractParametric
from .spaces import AbstractSpace, hold_scalars


class AbstractState(eqx.Module):
    """The state of a process: everything that its future depends on."""

    time: AbstractVar[Int32[Array, ""]]


State = TypeVar("State", bound=AbstractState)
Action = TypeVar("Action")
Observation = TypeVar("Observation")


class Transition(NamedTuple, Generic[State]):
    """What one step of the process leads to.

    - `state`: the next state.
    - `reward`: the reward, a scalar.
    - `terminated`: whether the next state is terminal, a boolean scalar.
    - `info`: a dictionary of anything else; the same structure at every step.
    """

    state: State
    reward: Float[Array, ""]
    terminated: Bool[Array, ""]
    info: dict[str, Any] = {}  # never mutated

    @classmethod
    def __class_getitem__(cls, _: Any) -> Any:
        return tuple  # Run-time type checkers know no generic named tuples.


class TimeStep(NamedTuple, Generic[State, Observation]):
    """What one step of the loop returns.

    - `observation`, `state`: where the agent is now. At the end of an episode these
        already belong to the next one.
    - `reward`: the reward of the transition.
    - `terminated`: whether the transition ended in a terminal state.
    - `truncated`: whether it reached the time limit. Both may be true.
    - `info`: the transition's own information, and under `"final_observation"` the
        observation that the transition led to; at the end of an episode this is the
        one that the episode ended on.
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


class _LoopMethod:
    """A method that, bound to an environment, works with every transformation.

    Like Equinox's own bound methods it is a pytree, so that `eqx.filter_jit(env.step)`
    traces the parameters. It can also be hashed, so that `jax.jit(env.step)` works,
    which makes constants of them.
    """

    def __init__(self, function: Callable[..., Any]):
        self.__wrapped__ = function
        self.__doc__ = function.__doc__

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self.__wrapped__
        return _BoundLoopMethod(self.__wrapped__, instance)


@jtu.register_pytree_node_class
class _BoundLoopMethod:
    __slots__ = ("__weakref__", "env", "function")

    def __init__(self, function: Callable[..., Any], env: Any):
        self.function = function
        self.env = env

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        return ft.partial(self.function, self.env)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(self.env, *args, **kwargs)

    def __hash__(self) -> int:
        return hash((self.function, id(self.env)))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _BoundLoopMethod)
            and self.function is other.function
            and self.env is other.env
        )

    def tree_flatten(self):
        return (self.env,), self.function

    @classmethod
    def tree_unflatten(cls, function: Any, children: Any) -> "_BoundLoopMethod":
        return cls(function, *children)


if TYPE_CHECKING:
    _Function = TypeVar("_Function", bound=Callable[..., Any])

    def _loop_method(function: _Function) -> _Function: ...

else:
    _loop_method = _LoopMethod


class AbstractEnvironment(AbstractParametric, Generic[State, Action, Observation]):
    """A Markov decision process, as a value.

    The fields are the parameters of the process. A subclass gives `initial_state`,
    `transition`, `observe`, `action_space`, `observation_space` and the field
    `max_steps`; it is final, and inherits `reset` and `step`.

    ```python
    env = CartPole(gravity=9.8)
    observation, state = env.reset(key)
    observation, state, reward, terminated, truncated, info = env.step(
        key, state, action
    )
    ```
    """

    max_steps: AbstractVar[Int32[Array, ""]]

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

        - `key`: a JAX PRNG key. What a transition draws from it must not include
            `jax.random.fold_in(key, 2**32 - 1)`, which belongs to the loop.
        - `state`: the state to move on from.
        - `action`: an element of `action_space`.

        **Returns:**

        A [`eqenvs.Transition`][].
        """

    @abc.abstractmethod
    def observe(self, state: State) -> Observation:
        """What an agent sees of a state: a deterministic function of it.

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
        """Whether an episode that reaches `state` is cut off there.

        **Arguments:**

        - `state`: a state.

        **Returns:**

        A boolean scalar; by default, whether `state.time >= max_steps`.
        """
        return state.time >= self.max_steps

    def render(self, state: State) -> UInt8[Array, "height width 3"]:
        """Draws a state.

        **Arguments:**

        - `state`: a state.

        **Returns:**

        An RGB picture.
        """
        del state
        raise NotImplementedError(f"{type(self).__name__} has no picture.")

    # The loop: written once.

    @_loop_method
    def reset(
        self, key: Key[Array, ""] | UInt32[Array, " words"]
    ) -> tuple[Observation, State]:
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

    @_loop_method
    def step(
        self,
        key: Key[Array, ""] | UInt32[Array, " words"],
        state: State,
        action: Any,
    ) -> TimeStep[State, Observation]:
        """Takes one step, and starts the next episode if this one is over.

        **Arguments:**

        - `key`: a JAX PRNG key, as for `reset`.
        - `state`: the state to move on from.
        - `action`: an element of `action_space`, as an array; a Python or NumPy
            scalar will do where the space has a single number.

        **Returns:**

        A [`eqenvs.TimeStep`][].

        **Raises:**

        `TypeError` or `ValueError` if `key` is not one key, `state` is not a state of
        this environment, or `action` has not the shape and dtype of `action_space`.
        """
        return _step(self, key, state, hold_scalars(action))


@jit
def _reset(env: AbstractEnvironment, key: Any):
    state = draw_initial_state(env, check_key(key, "reset"))
    return env.observe(state), state


@jit
def _step(
    env: AbstractEnvironment, key: Any, state: Any, action: Any
) -> TimeStep[Any, Any]:
    key = check_key(key, "step")
    initial_state = draw_initial_state(env, reset_key(key))
    check_state(env, state, initial_state)
    action = env.action_space.check(action, f"the action of {type(env).__name__}")
    next_state, reward, terminated, truncated, info = advance(env, key, state, action)
    state = select(terminated | truncated, initial_state, next_state)
    info = {**info, "final_observation": env.observe(next_state)}
    return TimeStep(env.observe(state), state, reward, terminated, truncated, info)


def advance(
    env: AbstractEnvironment[State, Action, Any],
    key: Key[Array, ""],
    state: State,
    action: Action,
) -> tuple[State, Float[Array, ""], Bool[Array, ""], Bool[Array, ""], dict[str, Any]]:
    """One transition with the time limit applied, and no reset.

    Returns the next state, the reward, `terminated`, `truncated` and the transition's
    `info`.
    """
    next_state, reward, terminated, info = env.transition(key, state, action)
    next_state = _without_weak_types(next_state)
    reward = _scalar(env, "reward", reward, float)
    terminated = _scalar(env, "terminated", terminated, bool)
    return next_state, reward, terminated, env.truncated(next_state), info


def draw_initial_state(
    env: AbstractEnvironment[State, Any, Any], key: Key[Array, ""]
) -> State:
    """`env.initial_state(key)`, with dtypes that do not depend on how it was made."""
    return _without_weak_types(env.initial_state(key))


def reset_key(key: Key[Array, ""]) -> Key[Array, ""]:
    """The key for the initial state of the episode that may follow a step.

    The transition gets the step's own key: counter-based generators draw their numbers
    and derive their keys from the counters 0, 1, 2, ..., so that this last counter is
    free, and neither side pays for a `split` that it does not need.
    """
    return jr.fold_in(key, np.uint32(2**32 - 1))


def select(pred: Bool[Array, ""], on_true: State, on_false: State) -> State:
    """One of two states, leaf by leaf."""
    return jax.tree.map(lambda x, y: jax.lax.select(pred, x, y), on_true, on_false)


def check_state(
    env: AbstractEnvironment[State, Any, Any], state: Any, like: State
) -> None:
    """Raises unless `state` has the type, the shapes and the dtypes of `like`."""
    name = type(env).__name__
    if type(state) is not type(like):
        raise TypeError(
            f"the state of {name} must be a {type(like).__name__}; got "
            f"{'a ' + type(state).__name__ if isinstance(state, eqx.Module) else state}"
            "."
        )
    given, given_structure = jtu.tree_flatten_with_path(state)
    wanted, wanted_structure = jtu.tree_flatten_with_path(like)
    if given_structure != wanted_structure:
        raise TypeError(
            f"the state of {name} must have the structure of what `reset` returns, "
            f"{wanted_structure}; got {given_structure}."
        )
    for (path, x), (_, y) in zip(given, wanted, strict=True):
        leaf = f"`state{jtu.keystr(path)}` of {name}"
        if not isinstance(x, jax.Array | np.ndarray):
            raise TypeError(f"{leaf} must be an array of dtype {y.dtype}; got {x!r}.")
        if x.shape != y.shape:
            raise ValueError(
                f"{leaf} must have the shape {y.shape}; got {x.shape}. (For a batch, "
                "use `jax.vmap(env.step)` or `VectorEnvironment`.)"
            )
        if x.dtype != y.dtype:
            raise TypeError(f"{leaf} must have the dtype {y.dtype}; got {x.dtype}.")


def _without_weak_types(state: State) -> State:
    # A weakly typed leaf would make a scan's carry change its type.
    return jax.tree.map(
        lambda x: jax.lax.convert_element_type(x, jnp.asarray(x).dtype), state
    )


def _scalar(env: AbstractEnvironment, name: str, value: Any, dtype: type) -> Array:
    value = jnp.asarray(value, dtype)
    if value.shape != ():
        raise ValueError(
            f"the {name} of {type(env).__name__}'s transition must be a scalar; got "
            f"the shape {value.shape}."
        )
    return value
