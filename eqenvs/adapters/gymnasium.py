"""Gymnasium: one environment as a `gymnasium.Env`, many as a `VectorEnv`, and any
environment of Gymnasium in eqenvs.

Written for Gymnasium 1.x (https://gymnasium.farama.org). Arguments and results are
NumPy arrays, and each step is one compiled call. In the other direction, a compiled
program calls the Gymnasium environment in Python at every step.

Importing this module registers every environment with Gymnasium, as `eqenvs/<id>`:

```python
gymnasium.make("eqenvs.adapters.gymnasium:eqenvs/CartPole-v1", gravity=9.81)
```
"""

from collections.abc import Callable
from typing import Any, SupportsFloat

import gymnasium
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from gymnasium import spaces as gymnasium_spaces
from gymnasium.vector import AutoresetMode
from jaxtyping import Array, ArrayLike, Bool, Int32, Key, PyTree, UInt32

from .._environment import AbstractEnvironment, AbstractState, NO_LIMIT, Transition
from .._fusion import computed_apart
from .._registry import make as make_environment, registered, spec
from .._vector import VectorEnvironment
from ..fields import time_limit
from ..random._pcg3d import IMPLEMENTATION
from ..spaces import AbstractSpace, Box, Dict, Discrete, MultiDiscrete, Tuple
from ._actions import name_of_action, to_arrays
from ._foreign import limit_of, Original, original
from ._gymnasium_host import Host, ROOT
from ._program import Program, program_of_one, words_of


def to_gymnasium_space(space: AbstractSpace) -> gymnasium_spaces.Space:
    """Converts a space to Gymnasium's.

    **Arguments:**

    - `space`: a space.

    **Returns:**

    Gymnasium's space of the same name and dtype, with two exceptions: elements of its
    `Discrete` and `MultiDiscrete` spaces have the dtype int64, and booleans become a
    `MultiBinary`.
    """
    match space:
        case Discrete():
            return gymnasium_spaces.Discrete(space.n)
        case MultiDiscrete():
            return gymnasium_spaces.MultiDiscrete(list(space.nvec))
        case Box() if space.dtype == bool:
            return gymnasium_spaces.MultiBinary(space.shape)
        case Box():
            low, high = np.asarray(space.low), np.asarray(space.high)
            return gymnasium_spaces.Box(low, high, dtype=low.dtype.type)
        case Tuple():
            return gymnasium_spaces.Tuple(map(to_gymnasium_space, space.spaces))
        case Dict():
            return gymnasium_spaces.Dict(
                {name: to_gymnasium_space(x) for name, x in space.spaces.items()}
            )
        case _:
            raise TypeError(f"Gymnasium has no counterpart of the space {space!r}.")


def _to_numpy(space: AbstractSpace) -> Callable[[PyTree[Array]], Any]:
    """A function from elements of a space to elements of Gymnasium's counterpart."""
    match space:
        case Discrete():
            return lambda value: np.int64(value)
        case MultiDiscrete():
            return lambda value: np.asarray(value, np.int64)
        case Box() if space.dtype == bool:
            return lambda value: np.asarray(value).view(np.int8)
        case Box():
            return np.asarray
        case _:
            return _parts_to_numpy(space, _to_numpy)


def _parts_to_numpy(space: Any, convert: Any) -> Callable[[PyTree[Array]], Any]:
    if isinstance(space, Tuple):
        parts = tuple(map(convert, space.spaces))
        return lambda value: tuple(f(x) for f, x in zip(parts, value, strict=True))
    named = {name: convert(inner) for name, inner in space.spaces.items()}
    return lambda value: {name: f(value[name]) for name, f in named.items()}


def to_gymnasium(
    env: AbstractEnvironment,
    *,
    render_mode: str | None = None,
    render_size: int | tuple[int, int] = 400,
) -> "GymnasiumEnvironment":
    """Turns an environment into a `gymnasium.Env`.

    ```python
    env = to_gymnasium(CartPole(gravity=9.81))
    observation, info = env.reset(seed=0)
    observation, reward, terminated, truncated, info = env.step(1)
    ```

    The same seed gives the same episodes. There is no automatic reset.

    **Arguments:**

    - `env`: an environment.
    - `render_mode`: `"rgb_array"` if `render` should return pictures, or `None`.
    - `render_size`: the height and width of a picture, or one number for both.

    **Returns:**

    A `gymnasium.Env`.

    **Raises:**

    `TypeError` if `env` is not an environment; `ValueError` if there is no such mode.
    """
    return GymnasiumEnvironment(env, render_mode, render_size)


class GymnasiumEnvironment(gymnasium.Env):
    """The environment that [`eqenvs.adapters.to_gymnasium`][] returns."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 30}

    def __init__(
        self,
        env: AbstractEnvironment,
        render_mode: str | None = None,
        render_size: int | tuple[int, int] = 400,
    ):
        _check(env, render_mode)
        self.env = env
        self.render_mode = render_mode
        self.metadata = {**self.metadata, "render_fps": _frames_per_second(env)}
        self.action_space = to_gymnasium_space(env.action_space)
        self.observation_space = to_gymnasium_space(env.observation_space)
        self._to_numpy = _to_numpy(env.observation_space)
        self._to_arrays = to_arrays(env.action_space, name_of_action(env))
        self._render = jax.jit(lambda state: env.render(state, render_size))
        self._program = program_of_one(env)
        self._is_started = False

    @property
    def state(self) -> Any:
        """The current state; `None` before the first reset."""
        return self._program.carry

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        del options
        is_new = seed is not None or not self._is_started
        words = _words_from(self.np_random) if is_new else None
        observation = self._program.start(words)
        self._is_started = True
        return self._to_numpy(observation), {}

    def step(
        self, action: Any
    ) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        if not self._is_started:
            raise gymnasium.error.ResetNeeded("call `reset` before `step`.")
        results = self._program.step(self._to_arrays(action))
        observation, numbers, info = results
        reward, terminated, truncated = numbers.tolist()
        observation = self._to_numpy(observation)
        return observation, reward, terminated != 0, truncated != 0, info

    def render(self) -> np.ndarray | None:  # pyright: ignore
        if self.render_mode is None:
            gymnasium.logger.warn(
                "`render` needs a render_mode: make the environment with "
                "render_mode='rgb_array'."
            )
            return None
        if not self._is_started:
            raise gymnasium.error.ResetNeeded("call `reset` before `render`.")
        return np.asarray(self._render(self.state))


def to_gymnasium_vector(
    env: AbstractEnvironment,
    num_envs: int,
    *,
    autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    render_mode: str | None = None,
    render_size: int | tuple[int, int] = 128,
) -> "GymnasiumVectorEnvironment":
    """Turns many copies of an environment into a `gymnasium.vector.VectorEnv`. One
    compiled call steps all of them.

    ```python
    envs = to_gymnasium_vector(CartPole(), num_envs=1000, autoreset_mode="SameStep")
    ```

    As in [`eqenvs.VectorEnvironment`][], an action outside the space is replaced by its
    nearest element.

    On a CPU, cheap steps are fastest if JAX runs them in the calling thread:
    `jax.config.update("jax_cpu_enable_async_dispatch", False)`, before anything else
    uses JAX.

    **Arguments:**

    - `env`: an environment, or a batch of them, as
        [`eqenvs.VectorEnvironment`][] takes it.
    - `num_envs`: the number of lanes.
    - `autoreset_mode`: one of Gymnasium's. `NEXT_STEP` resets a lane in the step after
        the end of its episode and ignores that step's action. `SAME_STEP` resets it in
        the same step and puts the final observation into `info["final_obs"]`.
        `DISABLED` leaves it to `reset(options={"reset_mask": mask})`.
    - `render_mode`: `"rgb_array"` if `render` should return a picture of every lane, or
        `None`.
    - `render_size`: the height and width of a picture, or one number for both.

    **Returns:**

    A `gymnasium.vector.VectorEnv`.

    **Raises:**

    `TypeError` or `ValueError` if an argument is not as described above.
    """
    return GymnasiumVectorEnvironment(
        env, num_envs, autoreset_mode, render_mode, render_size
    )


class GymnasiumVectorEnvironment(gymnasium.vector.VectorEnv):
    """The environments that [`eqenvs.adapters.to_gymnasium_vector`][] returns."""

    def __init__(
        self,
        env: AbstractEnvironment,
        num_envs: int,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        render_size: int | tuple[int, int] = 128,
    ):
        _check(env, render_mode)
        self.envs = envs = VectorEnvironment(env, num_envs)
        self.num_envs = num_envs
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.render_mode = render_mode
        self.metadata = {
            "render_modes": ["rgb_array"],
            "render_fps": _frames_per_second(env),
            "autoreset_mode": self.autoreset_mode,
        }
        self.single_action_space = to_gymnasium_space(envs.single_action_space)
        self.single_observation_space = to_gymnasium_space(
            envs.single_observation_space
        )
        self.action_space = gymnasium.vector.utils.batch_space(
            self.single_action_space, num_envs
        )
        self.observation_space = gymnasium.vector.utils.batch_space(
            self.single_observation_space, num_envs
        )
        self._to_numpy = _lanes_to_numpy(envs.single_observation_space)
        self._to_arrays = to_arrays(envs.single_action_space, name_of_action(env))
        _, states = jax.eval_shape(envs.reset, jr.key(0))
        self._program = Program(
            envs,
            _reset_lanes,
            {
                AutoresetMode.NEXT_STEP: _step_next,
                AutoresetMode.SAME_STEP: _step_same,
                AutoresetMode.DISABLED: _step_disabled,
            }[self.autoreset_mode],
            (states, jax.ShapeDtypeStruct((num_envs,), bool)),
            jax.eval_shape(envs.sample_actions, jr.key(0)),
        )
        self._render = jax.jit(
            lambda states: envs._map_lanes(
                lambda e, s: e.render(s, render_size), states
            )
        )
        self._is_started = False
        self._all = np.ones(num_envs, bool)
        self._ended = np.zeros(num_envs, bool)

    @property
    def states(self) -> Any:
        """The current states, with a leading axis of size `num_envs`; `None` before the
        first reset."""
        carry = self._program.carry
        return None if carry is None else carry[0]

    def reset(
        self,
        *,
        seed: int | list[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        if seed is not None and not isinstance(seed, int | np.integer):
            raise ValueError(
                f"eqenvs takes one integer seed for all lanes together; got {seed!r}."
            )
        super().reset(seed=None if seed is None else int(seed))
        is_new = seed is not None or not self._is_started
        words = _words_from(self.np_random) if is_new else None
        mask = (options or {}).get("reset_mask")
        if mask is None or not self._is_started:
            mask = self._all
        mask = np.asarray(mask)
        if mask.shape != (self.num_envs,) or mask.dtype != bool:
            raise ValueError(
                f"options['reset_mask'] must be {self.num_envs} booleans; got {mask!r}."
            )
        observations = self._program.start(words, mask)
        self._is_started = True
        self._ended = self._ended & ~mask
        return self._to_numpy(observations), {}

    def step(
        self, actions: Any
    ) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        if not self._is_started:
            raise gymnasium.error.ResetNeeded("call `reset` before `step`.")
        if self.autoreset_mode == AutoresetMode.DISABLED and self._ended.any():
            raise gymnasium.error.ResetNeeded(
                f"{int(self._ended.sum())} lanes have ended and were not reset: call "
                "`reset(options={'reset_mask': terminated | truncated})`."
            )
        results = self._program.step(self._to_arrays(actions))
        observations, reward, terminated, truncated, info = results
        is_step = self._all
        if self.autoreset_mode == AutoresetMode.NEXT_STEP:
            is_step = ~self._ended  # A reset has no `info`.
        self._ended = terminated | truncated
        final = info.pop("final_observation", None)
        last, info = info, self._info(info, is_step)
        if final is not None and self._ended.any():
            info |= {
                "final_obs": self._objects(self._to_numpy(final)),
                "_final_obs": self._ended,
                # A reset has no `info` that could replace this.
                "final_info": self._info(last, self._ended),
                "_final_info": self._ended,
            }
        return self._to_numpy(observations), reward, terminated, truncated, info

    def _info(self, info: dict[str, Any], mask: np.ndarray) -> dict[str, Any]:
        """An `info` in Gymnasium's form for vectors: with a mask beside each entry."""
        result: dict[str, Any] = {}
        for name, value in info.items():
            is_nested = isinstance(value, dict)
            result[name] = self._info(value, mask) if is_nested else value
            result[f"_{name}"] = mask.copy()
        return result

    def _objects(self, observations: Any) -> np.ndarray:
        """The observations of the lanes that ended, one by one; None for the others."""
        objects = np.full(self.num_envs, None, dtype=object)
        is_array = isinstance(observations, np.ndarray)
        for i in np.flatnonzero(self._ended):
            objects[i] = (
                observations[i]
                if is_array
                else jax.tree.map(lambda x, i=i: x[i], observations)
            )
        return objects

    def render(self) -> tuple[np.ndarray, ...] | None:  # pyright: ignore
        if self.render_mode is None or not self._is_started:
            return None
        return tuple(np.asarray(self._render(self.states)))


def _lanes_to_numpy(space: AbstractSpace) -> Callable[[Any], Any]:
    """`_to_numpy` for values with a leading axis."""
    if isinstance(space, Discrete):
        return _to_numpy(MultiDiscrete((space.n,)))
    if isinstance(space, Tuple | Dict):
        return _parts_to_numpy(space, _lanes_to_numpy)
    return _to_numpy(space)


# The compiled functions.


# What goes from one call to the next is the states, and which lanes ended.


def _reset_lanes(envs: VectorEnvironment, key: Any, carry: Any, mask: Any) -> Any:
    states, ended = carry
    states = _where(mask, envs.reset(key)[1], states)
    return (states, ended & ~mask), envs.observe(states)


def _step_next(envs: VectorEnvironment, key: Any, carry: Any, actions: Any) -> Any:
    """Resets the lanes that ended and steps the others."""
    states, ended = carry
    step = envs.advance(key, states, actions)
    words = jr.key_data(key)

    def restart(words: Any, ended: Any, states: Any) -> Any:
        key = jr.wrap_key_data(words, impl=IMPLEMENTATION)
        return envs._restart(key, ended, states)

    # Otherwise XLA runs the resets in another thread, and waiting for that thread takes
    # longer than the resets.
    true = (words[0] & 1) < 2
    states = _where(ended, states, step.state)
    states = computed_apart(true, restart, words, ended, states)
    reward = jnp.where(ended, jnp.zeros_like(step.reward), step.reward)
    flags = (step.terminated & ~ended, step.truncated & ~ended)
    info = _where(ended, jax.tree.map(jnp.zeros_like, step.info), step.info)
    results = (envs.observe(states), reward, *flags, info)
    return (states, flags[0] | flags[1]), results


def _step_same(envs: VectorEnvironment, key: Any, carry: Any, actions: Any) -> Any:
    return _results(envs.step(key, carry[0], actions))


def _step_disabled(envs: VectorEnvironment, key: Any, carry: Any, actions: Any) -> Any:
    return _results(envs.advance(key, carry[0], actions))


def _results(step: Any) -> Any:
    carry = (step.state, step.terminated | step.truncated)
    return carry, (step.observation, *step[2:])


def _words_from(generator: np.random.Generator) -> np.ndarray:
    """The words of a key, drawn from Gymnasium's generator."""
    return words_of(generator.integers(2**63))


def _where(pred: Bool[Array, " lanes"], on_true: PyTree, on_false: PyTree) -> PyTree:
    return jax.tree.map(
        lambda x, y: jax.vmap(jax.lax.select)(pred, x, y), on_true, on_false
    )


def _check(env: Any, render_mode: Any) -> None:
    if not isinstance(env, AbstractEnvironment):
        raise TypeError(f"env must be an environment; got {env!r}.")
    if render_mode not in (None, "rgb_array"):
        raise ValueError(
            f"render_mode must be 'rgb_array' or None; got {render_mode!r}."
        )


def _frames_per_second(env: AbstractEnvironment) -> float:
    for id in registered():
        if spec(id).entry_point is type(env):
            return spec(id).frames_per_second
    return 15.0


# The other direction.


class GymnasiumState(AbstractState):
    """A state of a Gymnasium environment, described by how to reach it again.

    - `seed`: the seed of the episode.
    - `history`: a digest of the actions since the reset.
    - `ended`: whether the original says that the episode was truncated.
    """

    seed: UInt32[Array, ""]
    history: UInt32[Array, " words"]
    ended: Bool[Array, ""]
    time: Int32[Array, ""]


class FromGymnasium(AbstractEnvironment[GymnasiumState, PyTree[Array], PyTree[Array]]):
    """A Gymnasium environment, which [`eqenvs.adapters.from_gymnasium`][] returns.

    **Observation, action, reward, start and end:** those of the original.

    **Source:** Gymnasium, or a library that follows its interface.
    """

    original: Original = original()
    max_steps: Int32[Array, ""] = time_limit(NO_LIMIT)

    def initial_state(self, key: Key[Array, ""]) -> GymnasiumState:
        return GymnasiumState(
            seed=jr.bits(key, (), jnp.uint32) >> jnp.uint32(1),
            history=jnp.asarray(ROOT),
            ended=jnp.asarray(False),
            time=jnp.int32(0),
        )

    def transition(
        self, key: Key[Array, ""], state: GymnasiumState, action: PyTree[Array]
    ) -> Transition[GymnasiumState]:
        del key  # The original draws from its own random generator.
        host: Host = self.original.env
        real = jnp.result_type(float)
        struct = jax.ShapeDtypeStruct
        history, reward, terminated, truncated = jax.pure_callback(
            lambda *args: _as(host.step(*args), real),
            (struct((2,), jnp.uint32), struct((), real), *[struct((), bool)] * 2),
            state.seed,
            state.history,
            # Python code has no derivative.
            jax.lax.stop_gradient(action),
            vmap_method="broadcast_all",
        )
        state = GymnasiumState(
            seed=state.seed,
            history=history,
            ended=truncated,
            time=state.time + jnp.int32(1),
        )
        return Transition(state, reward, terminated)

    def observe(self, state: GymnasiumState) -> PyTree[Array]:
        host: Host = self.original.env
        sample = jax.eval_shape(self.observation_space.sample, jr.key(0))
        return jax.pure_callback(
            lambda *args: _as(host.observe(*args), sample),
            sample,
            state.seed,
            state.history,
            vmap_method="broadcast_all",
        )

    def truncated(self, state: GymnasiumState) -> Bool[Array, ""]:
        return state.ended | (state.time >= self.max_steps)

    @property
    def action_space(self) -> AbstractSpace:
        return self.original.action_space

    @property
    def observation_space(self) -> AbstractSpace:
        return self.original.observation_space


def _as(tree: Any, like: Any) -> Any:
    """NumPy arrays with the announced dtypes."""
    if not isinstance(like, np.dtype):
        return jax.tree.map(lambda y, x: np.asarray(x, y.dtype), like, tree)
    history, reward, *flags = tree
    return history, np.asarray(reward, like), *flags


def from_gymnasium(
    env: Any,
    *,
    max_steps: ArrayLike | None = None,
    memory: int = 250_000,
    **parameters: Any,
) -> FromGymnasium:
    """Turns any environment of Gymnasium into one of eqenvs.

    ```python
    env = from_gymnasium("LunarLander-v3")  # or eqenvs.make("gymnasium:LunarLander-v3")
    ```

    Its steps run in Python, even inside a compiled program. A batch of lanes takes one
    call, which steps them one after another. Otherwise it is an environment like any
    other: it works under `jit`, `vmap` and `scan`, and a state can be kept and stepped
    from again. Python then resets another copy with the same seed and repeats the same
    actions, so the original must behave identically after every `reset(seed=...)`. Its
    `info` is dropped.

    **Arguments:**

    - `env`: an id, as `gymnasium.make` takes it, or a function that returns a new
        `gymnasium.Env`, since each lane needs its own.
    - `max_steps`: a time limit in addition to the original's own; none by default.
    - `memory`: how many of the latest states, over all episodes, can be stepped from.
    - `**parameters`: further arguments of `gymnasium.make`.

    **Returns:**

    An environment.

    **Raises:**

    `TypeError` if `env` is neither, or eqenvs has no counterpart of one of its spaces.
    """
    if isinstance(env, str):
        return _from_gymnasium(
            lambda: gymnasium.make(env, **parameters), max_steps, memory, None
        )
    if not callable(env) or isinstance(env, gymnasium.Env) or parameters:
        raise TypeError(
            "env must be a Gymnasium id, followed by parameters of `gymnasium.make`, "
            f"or a function that returns a `gymnasium.Env`; got {env!r}"
            f"{' and ' + ', '.join(parameters) if parameters else ''}."
        )
    return _from_gymnasium(env, max_steps, memory, None)


def _from_gymnasium(
    make_one: Callable[[], Any], max_steps: ArrayLike | None, memory: int, made: Any
) -> FromGymnasium:
    first = make_one()
    if not isinstance(first, gymnasium.Env):
        raise TypeError(f"env must return a `gymnasium.Env`; it returned {first!r}.")
    act, see = first.action_space, first.observation_space
    host = Host(make_one, _action(act), _observation(see), memory)
    host.take_back(first)
    spaces = (from_gymnasium_space(act), from_gymnasium_space(see))
    held = Original(host, lambda _: spaces, made)
    return FromGymnasium(held, limit_of(max_steps, None))


def make(
    name: str,
    *,
    max_steps: ArrayLike | None = None,
    memory: int = 250_000,
    **parameters: Any,
) -> FromGymnasium:
    """Makes `"gymnasium:ID"` for [`eqenvs.make`][].

    **Arguments:**

    - `name`: an id, as `gymnasium.make` takes it.
    - `max_steps`, `memory`: as for [`eqenvs.adapters.from_gymnasium`][].
    - `**parameters`: further arguments of `gymnasium.make`.

    **Returns:**

    An environment.
    """
    return _from_gymnasium(
        lambda: gymnasium.make(name, **parameters),
        max_steps,
        memory,
        (f"gymnasium:{name}", parameters),
    )


def from_gymnasium_space(space: gymnasium_spaces.Space) -> AbstractSpace:
    """Converts a space of Gymnasium.

    **Arguments:**

    - `space`: a space of Gymnasium.

    **Returns:**

    The space of the same name. A `Discrete` space starts at 0. A `MultiBinary` becomes
    a `Box`, and so does a `MultiDiscrete` with several axes or another start than 0.

    **Raises:**

    `TypeError` if there is none.
    """
    match space:
        case gymnasium_spaces.Discrete():
            return Discrete(int(space.n))
        case gymnasium_spaces.MultiDiscrete():
            if space.nvec.ndim == 1 and not space.start.any():
                return MultiDiscrete(tuple(map(int, space.nvec)))
            last = space.start + space.nvec - 1
            return Box(space.start, last, space.shape, jnp.int32)
        case gymnasium_spaces.MultiBinary():
            return Box(False, True, space.shape, bool)
        case gymnasium_spaces.Box():
            return Box(*_bounds(space), space.shape, space.dtype)
        case gymnasium_spaces.Tuple():
            return Tuple(tuple(map(from_gymnasium_space, space.spaces)))
        case gymnasium_spaces.Dict():
            return Dict({k: from_gymnasium_space(x) for k, x in space.spaces.items()})
        case _:
            raise TypeError(f"eqenvs has no counterpart of the space {space!r}.")


def _bounds(space: gymnasium_spaces.Box) -> tuple[np.ndarray, np.ndarray]:
    """The bounds of a Box, within the range of its dtype in eqenvs."""
    dtype = jax.dtypes.canonicalize_dtype(space.dtype)
    if np.dtype(dtype).kind not in "iu":
        return space.low, space.high
    limits = np.iinfo(dtype)
    return (
        np.maximum(space.low, limits.min).astype(dtype),
        np.minimum(space.high, limits.max).astype(dtype),
    )


def _observation(space: gymnasium_spaces.Space) -> Callable[[Any], Any]:
    """A function from Gymnasium's observations to elements of the converted space."""
    match space:
        case gymnasium_spaces.Discrete():
            return lambda value: np.asarray(value - space.start)
        case gymnasium_spaces.Tuple():
            parts = tuple(map(_observation, space.spaces))
            return lambda value: tuple(f(x) for f, x in zip(parts, value, strict=True))
        case gymnasium_spaces.Dict():
            named = {name: _observation(x) for name, x in space.spaces.items()}
            return lambda value: {name: f(value[name]) for name, f in named.items()}
        case _:
            # A copy: some environments write into the array that they returned.
            return lambda value: np.array(value)


def _action(space: gymnasium_spaces.Space) -> Callable[[Any], Any]:
    """A function from elements of the converted space to Gymnasium's actions."""
    match space:
        case gymnasium_spaces.Discrete():
            return lambda value: np.asarray(value + space.start, space.dtype)[()]
        case gymnasium_spaces.Tuple():
            parts = tuple(map(_action, space.spaces))
            return lambda value: tuple(f(x) for f, x in zip(parts, value, strict=True))
        case gymnasium_spaces.Dict():
            named = {name: _action(x) for name, x in space.spaces.items()}
            return lambda value: {name: f(value[name]) for name, f in named.items()}
        case _:
            return lambda value: np.array(value, space.dtype)


def _make(id: str, render_mode: str | None = None, **parameters: Any) -> Any:
    return to_gymnasium(make_environment(id, **parameters), render_mode=render_mode)


def _make_vector(
    id: str, num_envs: int = 1, render_mode: str | None = None, **parameters: Any
) -> Any:
    parameters.pop("vectorization_mode", None)
    mode = parameters.pop("autoreset_mode", AutoresetMode.NEXT_STEP)
    env = make_environment(id, **parameters)
    return to_gymnasium_vector(
        env, num_envs, autoreset_mode=mode, render_mode=render_mode
    )


def _register(id: str) -> None:
    def entry_point(render_mode: str | None = None, **parameters: Any) -> Any:
        return _make(id, render_mode, **parameters)

    def vector_entry_point(num_envs: int = 1, **parameters: Any) -> Any:
        return _make_vector(id, num_envs, **parameters)

    gymnasium.register(
        f"eqenvs/{id}",
        entry_point=entry_point,
        vector_entry_point=vector_entry_point,
        disable_env_checker=True,
    )


for _id in registered():
    _register(_id)
