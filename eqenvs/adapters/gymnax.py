"""gymnax: an environment as code written for gymnax expects it, and the reverse.

gymnax (https://github.com/RobertTLange/gymnax) keeps the parameters beside the
environment: `env.step(key, state, action, params)`. Here the environment is its own
parameters, so `params` is the environment.
"""

import math
from typing import Any

import equinox as eqx
import gymnax
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from gymnax.environments import spaces as gymnax_spaces
from gymnax.environments.environment import Environment
from jaxtyping import Array, ArrayLike, Int32, Key, PyTree

from .._environment import AbstractEnvironment, AbstractState, Transition
from .._parametric import described_fields, unknown_parameter
from ..fields import time_limit
from ..spaces import AbstractSpace, Box, Dict, Discrete, Tuple
from ._foreign import as_arrays, has_x64, like, rules


class GymnaxParams(eqx.Module):
    """An environment in the role of gymnax's parameters.

    Its fields can be read as attributes, and changed by `replace`; the time limit is
    called `max_steps_in_episode`.
    """

    env: AbstractEnvironment

    @property
    def max_steps_in_episode(self) -> Int32[Array, "..."]:
        """gymnax's name for `max_steps`."""
        return self.env.max_steps

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "env":
            raise AttributeError(name)
        return getattr(self.env, name)

    def replace(self, **parameters: Any) -> "GymnaxParams":
        """The same parameters with some of them changed.

        **Arguments:**

        - `**parameters`: fields of the environment, and their new values.

        **Raises:**

        `TypeError` if there is no such field, or it is static; `TypeError` or
        `ValueError` if its new value is not allowed.
        """
        env = self.env
        owner = type(env).__name__
        described = described_fields(type(env))
        names = [name for name, x in vars(env).items() if eqx.is_array(x)]
        for given_name, value in parameters.items():
            name = "max_steps" if given_name == "max_steps_in_episode" else given_name
            if name not in names:
                raise TypeError(unknown_parameter(owner, given_name, names))
            if name in described and np.ndim(value) == described[name].parameter.rank:
                parameter = described[name].parameter.named(f"{owner}.{given_name}")
                value = parameter(value)
            else:  # of a batch
                value = jnp.asarray(value, getattr(env, name).dtype)
            env = eqx.tree_at(lambda env, name=name: getattr(env, name), env, value)
        return GymnaxParams(env)


def to_gymnax(
    env: AbstractEnvironment, *, num_values: int = 6
) -> tuple["GymnaxEnvironment", GymnaxParams]:
    """Turns an environment into the pair that `gymnax.make` returns.

    ```python
    env, params = to_gymnax(CartPole())
    observation, state = env.reset(key, params)
    observation, state, reward, terminated, truncated, info = env.step(
        key, state, action, params
    )
    ```

    **Arguments:**

    - `env`: an environment.
    - `num_values`: the number of values that `step` returns: 6 as in gymnax 1.x, or 5
        as in gymnax 0.x, with `done` instead of `terminated` and `truncated`.

    **Returns:**

    The tuple `(env, params)`.

    **Raises:**

    `TypeError` if `env` is not an environment, `ValueError` if `num_values` is neither.
    """
    if not isinstance(env, AbstractEnvironment):
        raise TypeError(f"env must be an environment; got {env!r}.")
    if num_values not in (5, 6):
        raise ValueError(f"num_values must be 5 or 6; got {num_values!r}.")
    adapter = GymnaxEnvironment(env, num_values)
    return adapter, adapter.default_params


class GymnaxEnvironment(Environment):
    """The environment that [`eqenvs.adapters.to_gymnax`][] returns with the
    parameters."""

    def __init__(self, env: AbstractEnvironment, num_values: int):
        self._env = env
        self._num_values = num_values

    @property
    def default_params(self) -> Any:
        """The parameters of the adapted environment."""
        return GymnaxParams(self._env)

    def _params(self, params: Any) -> AbstractEnvironment:
        return self._env if params is None else params.env

    def reset(  # pyright: ignore
        self, key: Any, params: Any = None
    ) -> tuple[Any, Any]:
        return self._params(params).reset(key)

    def step(  # pyright: ignore
        self, key: Any, state: Any, action: Any, params: Any = None
    ) -> Any:
        step = self._params(params).step(key, state, action)
        return self._values(step)

    def step_env(self, key: Any, state: Any, action: Any, params: Any) -> Any:
        step = self._params(params).advance(key, state, action)
        info = {**step.info, "discount": 1.0 - step.terminated.astype(float)}
        if self._num_values == 5:
            done = step.terminated | step.truncated
            return step.observation, step.state, step.reward, done, info
        return step.observation, step.state, step.reward, step.terminated, info

    def _values(self, step: Any) -> Any:
        done = step.terminated | step.truncated
        info = {
            **step.info,
            "discount": 1.0 - step.terminated.astype(float),
            "terminated": step.terminated,
            "truncated": step.truncated,
        }
        if self._num_values == 5:
            return step.observation, step.state, step.reward, done, info
        return *step[:5], info

    def reset_env(self, key: Any, params: Any) -> tuple[Any, Any]:
        return self.reset(key, params)

    def observe(self, key: Any, state: Any, action: Any, params: Any) -> Any:
        del key, action
        return self._params(params).observe(state)

    def get_obs(self, state: Any, params: Any = None, key: Any = None) -> Any:
        del key
        return self._params(params).observe(state)

    def is_truncated(self, state: Any, params: Any) -> Any:
        return self._params(params).truncated(state)

    @property
    def name(self) -> str:
        return type(self._env).__name__

    @property
    def num_actions(self) -> int:
        space: Any = self._env.action_space
        return space.n if isinstance(space, Discrete) else math.prod(space.shape)

    def action_space(self, params: Any = None) -> Any:
        return _to_gymnax_space(self._params(params).action_space)

    def observation_space(self, params: Any) -> Any:
        return _to_gymnax_space(self._params(params).observation_space)


def _to_gymnax_space(space: AbstractSpace) -> Any:
    match space:
        case Discrete():
            return gymnax_spaces.Discrete(space.n)
        case Box():
            return gymnax_spaces.Box(space.low, space.high, space.shape, space.dtype)
        case Tuple():
            return gymnax_spaces.Tuple(tuple(map(_to_gymnax_space, space.spaces)))
        case Dict():
            return gymnax_spaces.Dict(
                {name: _to_gymnax_space(x) for name, x in space.spaces.items()}
            )
        case _:
            raise TypeError(f"gymnax has no counterpart of the space {space!r}.")


class GymnaxState(AbstractState):
    """A state of gymnax and the observation that came with it."""

    inner: PyTree[Array]
    observation: PyTree[Array]
    time: Int32[Array, ""]


class FromGymnax(AbstractEnvironment[GymnaxState, PyTree[Array], PyTree[Array]]):
    """An environment of gymnax, which [`eqenvs.adapters.from_gymnax`][] returns.

    **Observation, action, reward, start and end:** those of `env`.

    **Source:** gymnax.
    """

    env: Any = eqx.field(static=True)
    params: PyTree[Array]
    max_steps: Int32[Array, ""] = time_limit()
    # The precision of the parameters: gymnax supports one at a time.
    x64: bool = eqx.field(static=True, default_factory=has_x64)

    def initial_state(self, key: Key[Array, ""]) -> GymnaxState:
        with rules(self.x64):
            observation, inner = self.env.reset_env(key, self._params)
            inner, observation = as_arrays(inner), as_arrays(observation)
        return GymnaxState(inner=inner, observation=observation, time=jnp.int32(0))

    def transition(
        self, key: Key[Array, ""], state: GymnaxState, action: PyTree[Array]
    ) -> Transition[GymnaxState]:
        with rules(self.x64):
            observation, inner, reward, terminated, info = self.env.step_env(
                key, state.inner, action, self._params
            )
            inner, observation = like((inner, observation), _inside(state))
            reward = jnp.asarray(reward).astype(float).reshape(())
            terminated = jnp.asarray(terminated).astype(bool)
            info = {k: v for k, v in info.items() if k != "final_observation"}
            info = as_arrays(info)
        time = state.time + jnp.int32(1)
        if not hasattr(self.env, "is_truncated"):
            # gymnax 0.x has one flag for both ends of an episode.
            terminated = terminated & (time < self.max_steps)
        state = GymnaxState(inner=inner, observation=observation, time=time)
        return Transition(state, reward, terminated, info)

    def observe(self, state: GymnaxState) -> PyTree[Array]:
        # The dtype of some of gymnax's observations is not that of their space.
        space = self.observation_space
        with rules(self.x64):
            sample = jax.eval_shape(space.sample, jr.key(0))
            return like(state.observation, sample)

    @property
    def _params(self) -> Any:
        dtype = self.params.max_steps_in_episode.dtype
        params = self.params.replace(max_steps_in_episode=self.max_steps.astype(dtype))
        real = jnp.float64 if self.x64 else jnp.float32
        return jax.tree.map(
            lambda x: x.astype(real) if eqx.is_inexact_array(x) else x, params
        )

    @property
    def action_space(self) -> AbstractSpace:
        with rules(self.x64):
            return _from_gymnax_space(self.env.action_space(self._params))

    @property
    def observation_space(self) -> AbstractSpace:
        with rules(self.x64):
            return _from_gymnax_space(self.env.observation_space(self._params))


def from_gymnax(env: Any, params: Any = None) -> FromGymnax:
    """Turns an environment of gymnax into one of eqenvs.

    ```python
    env = from_gymnax(*gymnax.make("Asterix-MinAtar"))
    ```

    **Arguments:**

    - `env`: the first value that `gymnax.make` returns.
    - `params`: the second one; by default `env.default_params`.

    **Returns:**

    An environment. Its time limit is `params.max_steps_in_episode`.

    **Raises:**

    `TypeError` if `env` is not an environment of gymnax.
    """
    if not isinstance(env, Environment):
        raise TypeError(f"env must be an environment of gymnax; got {env!r}.")
    params = env.default_params if params is None else params
    limit = np.asarray(params.max_steps_in_episode)
    # Some of gymnax's limits are floats.
    limit = limit.astype(np.int64) if np.all(limit == np.floor(limit)) else limit
    return FromGymnax(env=env, params=as_arrays(params), max_steps=limit)


def _inside(state: GymnaxState) -> tuple[PyTree[Array], PyTree[Array]]:
    return state.inner, state.observation


def _from_gymnax_space(space: Any) -> AbstractSpace:
    match space:
        case gymnax_spaces.Discrete():
            return Discrete(int(space.n))
        case gymnax_spaces.Box():
            low, high = jnp.asarray(space.low), jnp.asarray(space.high)
            return Box(low, high, tuple(space.shape), space.dtype)
        case gymnax_spaces.Tuple():
            return Tuple(tuple(map(_from_gymnax_space, space.spaces)))
        case gymnax_spaces.Dict():
            return Dict({k: _from_gymnax_space(x) for k, x in space.spaces.items()})
        case _:
            raise TypeError(f"eqenvs has no counterpart of the space {space!r}.")


def make(
    name: str, *, max_steps: ArrayLike | None = None, **parameters: Any
) -> FromGymnax:
    """Makes `"gymnax:NAME"` for [`eqenvs.make`][].

    **Arguments:**

    - `name`: a name that `gymnax.make` knows.
    - `max_steps`: the time limit; by default that of the original's parameters.
    - `**parameters`: arguments of `gymnax.make`.

    **Returns:**

    An environment.

    **Raises:**

    `ValueError` if gymnax has no such environment.
    """
    env, params = gymnax.make(name, **parameters)
    limit = params.max_steps_in_episode if max_steps is None else max_steps
    return from_gymnax(env, params.replace(max_steps_in_episode=limit))
