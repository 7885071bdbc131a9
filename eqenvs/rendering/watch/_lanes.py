"""Lanes that the current policy plays for the page, apart from training."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from ..._parametric import batch_axes, map_leaves
from ..._rollout import _keys_of_step, _Player
from ..._vector import VectorEnvironment
from ...random import key as new_key
from .._recording import TERMINATED, TRUNCATED
from ..scene import Scene


class Played(NamedTuple):
    """A record of several steps. Every array has axes `(steps, lanes)`.

    - `scenes`: the picture of the state after each step.
    - `episode_return`: the return of the episode so far.
    - `ended`: the sum of `TERMINATED` and `TRUNCATED` where an episode ended.
    """

    scenes: Scene
    episode_return: np.ndarray
    ended: np.ndarray


class Lanes:
    """A few lanes of an environment, played several steps at a time.

    They draw from their own key and share nothing with training.
    """

    def __init__(self, env: Any, most_lanes: int, num_steps: int):
        """**Arguments:**

        - `env`: an environment, or a batch of them, whose first few are played.
        - `most_lanes`: the number of lanes, unless the batch is smaller.
        - `num_steps`: the number of steps at a time.

        **Raises:**

        `NotImplementedError` if the environment has no picture.
        """
        axes = batch_axes(env)
        sizes: list[int] = []
        map_leaves(lambda x: sizes.append(len(x)), env, axes)
        num_lanes = min([most_lanes, *sizes])
        env = map_leaves(lambda x: x[:num_lanes], env, axes)
        self.envs = VectorEnvironment(env, num_lanes)
        self.num_steps = num_steps
        self._key = new_key(0)
        self._times = 0
        self._lanes: Any = None
        self._return = np.zeros(num_lanes)
        eqx.filter_eval_shape(_first_scenes, self.envs, self._key)

    def play(self, agent: Any) -> Played:
        """Plays on with a policy of the same structure as in the first call."""
        if self._lanes is None:
            self._lanes = _start(self.envs, agent, self._key)
        self._times += 1
        key = jr.fold_in(self._key, self._times)
        self._lanes, scenes, reward, ended = _play(
            self.envs, agent, self._lanes, key, self.num_steps
        )
        scenes, reward, ended = jax.device_get((scenes, reward, ended))
        returns = np.empty(reward.shape)
        for step in range(self.num_steps):
            self._return = returns[step] = self._return + reward[step]
            self._return = np.where(ended[step] > 0, 0, self._return)
        return Played(scenes, returns, ended)


def _player(envs: VectorEnvironment, agent: Any) -> _Player:
    return _Player(envs, agent, getattr(agent, "initial_carry", None))


def _draw(envs: VectorEnvironment, states: Any) -> Scene:
    return envs._map_lanes(lambda env, state: env.draw(state), states)


def _first_scenes(envs: VectorEnvironment, key: Any) -> Scene:
    return _draw(envs, envs.reset(key)[1])


@eqx.filter_jit
def _start(envs: VectorEnvironment, agent: Any, key: Any) -> Any:
    return _player(envs, agent).start(key)


@eqx.filter_jit
def _play(
    envs: VectorEnvironment, agent: Any, lanes: Any, key: Any, num_steps: int
) -> tuple[Any, Scene, Any, Any]:
    player = _player(envs, agent)

    def body(lanes: Any, time: Any) -> Any:
        lanes, step = player.step(*_keys_of_step(key, time), lanes, reset=True)
        ended = TERMINATED * step.terminated.astype(jnp.uint8)
        ended += TRUNCATED * step.truncated.astype(jnp.uint8)
        # The state in which the episode ended, not the first state of the next one.
        return lanes, (_draw(envs, step.next_state), step.reward, ended)

    times = jnp.arange(num_steps, dtype=jnp.uint32)
    lanes, (scenes, reward, ended) = jax.lax.scan(body, lanes, times)
    return lanes, scenes, reward, ended
