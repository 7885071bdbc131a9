"""What the adapters for environments of other JAX libraries have in common.

A state holds the other library's state and the observation that came with it. The other
library's code runs with JAX's default promotion of dtypes and ranks, and in the
precision in which its environment was made: its constants have that precision, and many
libraries support only one.
"""

import abc
import contextlib
import importlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from equinox import AbstractVar
from jaxtyping import Array, Bool, Int32, Key, PyTree, UInt32

from .._environment import AbstractEnvironment, AbstractState, NO_LIMIT, Transition
from ..fields import AbstractParameter
from ..random._threefry import write_out
from ..spaces import AbstractSpace, Box, Dict, Tuple


@contextlib.contextmanager
def needs(who: str, extra: str) -> Iterator[None]:
    """Says what to install if an import in the block fails.

    **Arguments:**

    - `who`: what needs the package, such as `"eqenvs.adapters.to_brax"`.
    - `extra`: the extra of eqenvs that installs it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        raise ModuleNotFoundError(
            f"`{who}` needs the package {package!r}, which is not installed: "
            f"pip install 'eqenvs[{extra}]'",
            name=package,
        ) from error


def library(module: str, who: str, extra: str) -> Any:
    """A module of another library, or an error that says what to install.

    **Arguments:**

    - `module`: its name.
    - `who`, `extra`: as for `needs`.
    """
    with needs(who, extra):
        return importlib.import_module(module)


class Original:
    """An environment of another library, and its spaces.

    Two are equal if they were made from the same name and parameters, or are the same
    object.
    """

    def __init__(
        self,
        env: Any,
        look: Callable[[Any], tuple[AbstractSpace, AbstractSpace]],
        made: tuple[str, Mapping[str, Any]] | None = None,
    ):
        """**Arguments:**

        - `env`: the environment.
        - `look`: a function from the environment to its action space and observation
            space.
        - `made`: the name and parameters that [`eqenvs.make`][] made it from.
        """
        self.env = env
        self.made = made
        self.x64 = has_x64()
        with jax.ensure_compile_time_eval(), usual_promotion():
            self.action_space, self.observation_space = look(env)
        self._id = (
            (self.x64, made[0], repr(sorted(made[1].items()))) if made else id(self)
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Original) and self._id == other._id

    def __hash__(self) -> int:
        return hash(self._id)

    def __repr__(self) -> str:
        return repr(self.made[0]) if self.made else repr(self.env)

    def rules(self) -> contextlib.AbstractContextManager[None]:
        """Runs the block as the other library expects."""
        return rules(self.x64)


@contextlib.contextmanager
def rules(x64: bool) -> Iterator[None]:
    """Runs the block with JAX's default promotion, in 64 or in 32 bits."""
    with usual_promotion(), jax.enable_x64(x64):
        yield


@contextlib.contextmanager
def usual_promotion() -> Iterator[None]:
    """Runs the block with JAX's default promotion of dtypes and ranks."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def has_x64() -> bool:
    """Whether numbers have 64 bits."""
    return jnp.result_type(float) == jnp.float64


class _OriginalParameter(AbstractParameter):
    static = True

    @property
    def allowed(self) -> str:
        return "an environment as the adapter's function wraps it"

    def __call__(self, value: Any) -> Original:
        if not isinstance(value, Original):
            raise TypeError(f"{self.name} must be {self.allowed}; got {value!r}.")
        return value


def original() -> Any:
    """The field `original` of an adapted environment."""
    return _OriginalParameter("The adapted environment.").field()


class ForeignState(AbstractState):
    """A state of an adapted environment.

    - `inner`: the state of the original.
    - `observation`: the observation that came with it.
    - `ended`: whether the original says that the episode was truncated.
    """

    inner: PyTree[Array]
    observation: PyTree[Array]
    ended: Bool[Array, ""]
    time: Int32[Array, ""]


class Outcome(NamedTuple):
    """The result of a step of the original."""

    inner: PyTree[Any]
    observation: PyTree[Any]
    reward: Any
    terminated: Any
    truncated: Any = False
    info: dict[str, Any] = {}  # never mutated


class AbstractForeignEnvironment(
    AbstractEnvironment[ForeignState, PyTree[Array], PyTree[Array]]
):
    """An environment of another JAX library.

    A subclass defines how the original is started and stepped.
    """

    original: AbstractVar[Original]

    @abc.abstractmethod
    def _start_original(self, env: Any, key: UInt32[Array, " words"]) -> Any:
        """Starts an episode: `(inner, observation)`."""

    @abc.abstractmethod
    def _step_original(
        self, env: Any, key: UInt32[Array, " words"], inner: Any, action: Any
    ) -> Outcome:
        """Takes a step, without a reset."""

    def initial_state(self, key: Key[Array, ""]) -> ForeignState:
        words = raw_key(key)
        with self.original.rules():
            inner, observation = self._start_original(self.original.env, words)
            inner = as_arrays(inner)
        return ForeignState(
            inner=inner,
            observation=self._observation(observation),
            ended=jnp.asarray(False),
            time=jnp.int32(0),
        )

    def transition(
        self, key: Key[Array, ""], state: ForeignState, action: PyTree[Array]
    ) -> Transition[ForeignState]:
        words = raw_key(key)
        with self.original.rules():
            outcome = self._step_original(self.original.env, words, state.inner, action)
            inner = like(outcome.inner, state.inner)
            info = as_arrays(outcome.info)
            reward = jnp.asarray(outcome.reward).astype(float)
            terminated = jnp.asarray(outcome.terminated).astype(bool)
            truncated = jnp.asarray(outcome.truncated).astype(bool)
        state = ForeignState(
            inner=inner,
            observation=self._observation(outcome.observation),
            ended=truncated,
            time=state.time + jnp.int32(1),
        )
        return Transition(state, reward, terminated, info)

    def _observation(self, observation: Any) -> PyTree[Array]:
        """An observation with the structure and the dtypes of the space."""
        with self.original.rules():
            sample = jax.eval_shape(self.observation_space.sample, jr.key(0))
            return like(plain(observation), sample)

    def observe(self, state: ForeignState) -> PyTree[Array]:
        return state.observation

    def truncated(self, state: ForeignState) -> Bool[Array, ""]:
        return state.ended | (state.time >= self.max_steps)

    @property
    def action_space(self) -> AbstractSpace:
        return self.original.action_space

    @property
    def observation_space(self) -> AbstractSpace:
        return self.original.observation_space


def raw_key(key: Key[Array, ""]) -> UInt32[Array, " words"]:
    """A key as other libraries expect it: the words of a key of JAX's default kind, or
    those of `key` itself if it is of that kind."""
    default = jax.eval_shape(lambda: jr.key(0))
    # The loop has its own variant of JAX's keys, with the same numbers.
    if key.dtype in (default.dtype, jax.eval_shape(write_out, default).dtype):
        return jr.key_data(key)
    words = jax.eval_shape(jr.key_data, default)
    return jr.bits(key, words.shape, jnp.uint32)


def seedless_key() -> Any:
    """The shape and dtype of a key as `raw_key` makes it."""
    return jax.eval_shape(lambda: jr.key_data(jr.key(0)))


def as_arrays(tree: PyTree[Any]) -> PyTree[Array]:
    """Numbers as arrays, with dtypes that do not depend on how they were made."""
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.result_type(x)), tree)


def like(tree: PyTree[Any], like: PyTree[Any]) -> PyTree[Array]:
    """Arrays with the dtypes of others."""
    return jax.tree.map(lambda y, x: jnp.asarray(x).astype(y.dtype), like, tree)


def parts_of(tree: Any) -> dict[str, Any] | None:
    """The named parts of a dictionary, a named tuple or a dataclass."""
    if isinstance(tree, Mapping):
        return dict(tree)
    if hasattr(tree, "_asdict"):
        return tree._asdict()
    if hasattr(tree, "__dataclass_fields__"):
        return {name: getattr(tree, name) for name in tree.__dataclass_fields__}
    return None


def plain(tree: Any) -> Any:
    """Named tuples and dataclasses as dictionaries, lists as tuples."""
    if (parts := parts_of(tree)) is not None:
        return {name: plain(x) for name, x in parts.items()}
    if isinstance(tree, tuple | list):
        return tuple(map(plain, tree))
    return tree


def unbounded_space(struct: PyTree[Any]) -> AbstractSpace:
    """The space of everything with a structure, shapes and dtypes."""
    match plain(struct):
        case dict() as parts:
            return Dict({name: unbounded_space(x) for name, x in parts.items()})
        case tuple() as parts:
            return Tuple(tuple(map(unbounded_space, parts)))
        case array:
            return unbounded_box(array.shape, array.dtype)


def unbounded_box(shape: tuple[int, ...], dtype: Any) -> Box:
    """A `Box` of all numbers of a dtype."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return Box(False, True, tuple(shape), bool)
    if jnp.issubdtype(dtype, jnp.integer):
        limits = np.iinfo(dtype)
        return Box(limits.min, limits.max, tuple(shape), dtype)
    return Box(-np.inf, np.inf, tuple(shape), dtype)


def check_single(reward: Any, advice: str) -> None:
    """Raises an error if a reward is that of several environments or agents.

    **Arguments:**

    - `reward`: a reward of the original, or its shape and dtype.
    - `advice`: what the user can do about it.
    """
    if np.shape(reward) != ():
        raise ValueError(
            f"the rewards of env must have shape (); got {np.shape(reward)}. {advice}"
        )


def limit_of(given: Any, own: Any) -> Any:
    """A time limit: the given one, or else the original's, or else none."""
    if given is not None:
        return given
    return NO_LIMIT if own is None else int(own)


def look_at_brax(env: Any, action_size: int) -> tuple[AbstractSpace, AbstractSpace]:
    """The spaces of an environment of Brax or MuJoCo Playground."""
    state = eqx.filter_eval_shape(lambda key: as_arrays(env.reset(key)), seedless_key())
    check_single(state.reward, "Adapt the environment before batching it.")
    if isinstance(state.info, Mapping) and "first_obs" in state.info:
        raise ValueError(
            "env resets automatically, as environments of eqenvs do anyway. Adapt it "
            "without Brax's `AutoResetWrapper`."
        )
    action_space = Box(-1, 1, (action_size,), jnp.float32)
    return action_space, unbounded_space(state.obs)
