"""Playing a policy: trajectories, and the returns of whole episodes."""

import functools as ft
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Float, Int32, PyTree

from ._checks import as_key, as_keys, check_count
from ._environment import AbstractEnvironment
from ._vector import VectorEnvironment


class Trajectory(NamedTuple):
    """Every step of a rollout; the leading axis is time.

    - `observation`: what the agent saw.
    - `action`: what it did.
    - `reward`: what it was paid.
    - `terminated`, `truncated`: whether, and how, the episode ended there.
    - `next_observation`: what the transition led to. Where an episode ended, this is
        the observation that it ended on, not the first one of the next episode.
    """

    observation: PyTree[Array]
    action: PyTree[Array]
    reward: Float[Array, "*shape"]
    terminated: Bool[Array, "*shape"]
    truncated: Bool[Array, "*shape"]
    next_observation: PyTree[Array]


class Rollout(NamedTuple):
    """What [`eqenvs.rollout`][] returns.

    - `trajectory`: a [`eqenvs.Trajectory`][], or `None` if it was not stored.
    - `episode_return`: the sum of the rewards of each lane's first episode.
    - `episode_length`: the number of its steps.
    - `finished`: whether it ended within the steps that were taken.
    - `state`: where each lane is at the end.
    - `carry`: what each lane's policy carries at the end.
    """

    trajectory: Trajectory | None
    episode_return: Float[Array, "*lanes"]
    episode_length: Int32[Array, "*lanes"]
    finished: Bool[Array, "*lanes"]
    state: PyTree[Array]
    carry: PyTree[Array]


class Evaluation(NamedTuple):
    """What [`eqenvs.evaluate`][] returns.

    - `episode_return`: the sum of the rewards of each episode.
    - `episode_length`: the number of its steps.
    """

    episode_return: Float[Array, " num_episodes"]
    episode_length: Int32[Array, " num_episodes"]


def rollout(
    env: AbstractEnvironment,
    policy: Callable[..., Any] | None,
    key: Any,
    *,
    num_steps: int | None = None,
    num_envs: int | None = None,
    initial_carry: PyTree = None,
    store: bool = True,
) -> Rollout:
    """Plays a policy for a number of steps, with automatic reset.

    ```python
    rollout(env, policy, key)                               # one lane
    rollout(env, policy, key, num_envs=2000)                # many lanes
    rollout(env, policy, jax.random.split(key, 8))          # a batch of keys
    population_rollout(env, policies, key, num_envs=16)     # a batch of policies
    ```

    **Arguments:**

    - `env`: an environment.
    - `policy`: a callable `policy(key, observation) -> action`; with an
        `initial_carry`, `policy(key, observation, carry) -> (action, carry)`. `None`
        plays uniformly random actions. If it is a pytree, such as an `equinox.Module`,
        then another one with other weights compiles nothing anew.
    - `key`: a JAX PRNG key, or an integer to make one from by [`eqenvs.random.key`][].
        If it is an array of keys, then every array of the result gets a leading axis
        for them, and the part for each key is what that key alone gives.
    - `num_steps`: how many steps to take; by default the time limit, `env.max_steps`.
    - `num_envs`: how many lanes to play. If it is given, then arrays get an axis for
        the lanes, behind that of time.
    - `initial_carry`: what a recurrent policy starts an episode with.
    - `store`: whether to return the trajectory.

    **Returns:**

    A [`eqenvs.Rollout`][].

    **Raises:**

    `TypeError` or `ValueError` if an argument is not what is said above.
    """
    _check_policy(policy)
    if num_steps is None:
        num_steps = _time_limit(env)
    check_count("num_steps", num_steps)
    if num_envs is not None:
        check_count("num_envs", num_envs)
    keys = as_keys(key, "rollout")
    play = ft.partial(
        _rollout,
        num_steps=int(num_steps),
        num_envs=None if num_envs is None else int(num_envs),
        store=bool(store),
    )
    if keys.ndim == 0:
        return play(env, policy, keys, initial_carry)
    return eqx.filter_vmap(play, in_axes=(None, None, 0, None))(
        env, policy, keys, initial_carry
    )


def population_rollout(
    env: AbstractEnvironment,
    policies: PyTree,
    key: Any,
    *,
    num_steps: int | None = None,
    num_envs: int | None = None,
    initial_carry: PyTree = None,
    store: bool = False,
) -> Rollout:
    """Plays every policy of a population, all of them with the same random numbers.

    **Arguments:**

    - `policies`: a policy that is a pytree, whose arrays have a leading axis for the
        members of the population, as `equinox.filter_vmap` makes it.

    The others are those of [`eqenvs.rollout`][].

    **Returns:**

    A [`eqenvs.Rollout`][], each of whose arrays has a leading axis for the population.
    """
    _check_policy(policies)
    if not any(eqx.is_array(x) and x.ndim > 0 for x in jax.tree.leaves(policies)):
        raise ValueError(
            "policies must be a pytree whose arrays have a leading axis for the "
            f"members of the population; got {policies!r}."
        )

    def play(policy):
        return rollout(
            env,
            policy,
            key,
            num_steps=num_steps,
            num_envs=num_envs,
            initial_carry=initial_carry,
            store=store,
        )

    if num_steps is None:
        num_steps = _time_limit(env)
    return eqx.filter_vmap(play)(policies)


def evaluate(
    env: AbstractEnvironment,
    policy: Callable[..., Any] | None,
    key: Any,
    num_episodes: int,
    *,
    initial_carry: PyTree = None,
) -> Evaluation:
    """Plays a number of complete episodes.

    Every lane plays one episode, so that short episodes do not count for more than long
    ones; it takes as many steps as the longest.

    **Arguments:**

    - `env`, `policy`, `initial_carry`: as in [`eqenvs.rollout`][].
    - `key`: a JAX PRNG key, or an integer to make one from by [`eqenvs.random.key`][].
    - `num_episodes`: how many episodes to play.

    **Returns:**

    A [`eqenvs.Evaluation`][] of exactly that many episodes.
    """
    _check_policy(policy)
    check_count("num_episodes", num_episodes)
    key = as_key(key, "evaluate")
    return _evaluate(env, policy, key, initial_carry, num_episodes=int(num_episodes))


class _Lanes(eqx.Module):
    """Where every lane is in its rollout."""

    state: PyTree[Array]
    carry: PyTree[Array]
    episode_return: Float[Array, " num_envs"]
    episode_length: Int32[Array, " num_envs"]
    finished: Bool[Array, " num_envs"]


class _Player(eqx.Module):
    """A policy in many environments."""

    envs: VectorEnvironment
    policy: Callable[..., Any] | None
    initial_carry: PyTree

    def start(self, key: Any) -> _Lanes:
        _, states = self.envs.reset(key)
        num_envs = self.envs.num_envs
        carry = jax.tree.map(
            lambda x: jnp.broadcast_to(x, (num_envs, *jnp.shape(x))), self.initial_carry
        )
        return _Lanes(
            state=states,
            carry=carry,
            episode_return=jnp.zeros(num_envs),
            episode_length=jnp.zeros(num_envs, jnp.int32),
            finished=jnp.zeros(num_envs, bool),
        )

    def step(self, key: Any, lanes: _Lanes) -> tuple[_Lanes, Trajectory]:
        policy_key, env_key = jr.split(key)
        # Made here, and not carried along from the step before: the compiler then
        # fuses it into what the policy does with it.
        observations = self.envs.observe(lanes.state)
        actions, carry = self._act(policy_key, observations, lanes.carry)
        step = self.envs.step(env_key, lanes.state, actions)
        ended = step.terminated | step.truncated
        playing = ~lanes.finished
        lanes = _Lanes(
            state=step.state,
            carry=self._start_carry_anew(ended, carry),
            episode_return=lanes.episode_return + jnp.where(playing, step.reward, 0),
            episode_length=lanes.episode_length + playing.astype(jnp.int32),
            finished=lanes.finished | ended,
        )
        trajectory = Trajectory(
            observation=observations,
            action=actions,
            reward=step.reward,
            terminated=step.terminated,
            truncated=step.truncated,
            next_observation=step.info["final_observation"],
        )
        return lanes, trajectory

    def _act(self, key: Any, observations: PyTree, carry: PyTree) -> tuple[Any, Any]:
        lane_keys = jax.vmap(lambda lane: jr.fold_in(key, lane))(
            jnp.arange(self.envs.num_envs, dtype=jnp.uint32)
        )
        if self.policy is None:
            if self.envs.is_batched:
                sample = eqx.filter_vmap(lambda env, key: env.action_space.sample(key))
                return sample(self.envs.env, lane_keys), carry
            return jax.vmap(self.envs.env.action_space.sample)(lane_keys), carry
        if self.initial_carry is None:
            return jax.vmap(self.policy)(lane_keys, observations), carry
        return jax.vmap(self.policy)(lane_keys, observations, carry)

    def _start_carry_anew(self, ended: Bool[Array, " num_envs"], carry: PyTree):
        def start_anew(initial, current):
            pred = jnp.expand_dims(ended, tuple(range(1, current.ndim)))
            return jnp.where(pred, initial, current)

        return jax.tree.map(start_anew, self.initial_carry, carry)


@eqx.filter_jit
def _rollout(
    env: AbstractEnvironment,
    policy: Callable[..., Any] | None,
    key: Any,
    initial_carry: PyTree,
    *,
    num_steps: int,
    num_envs: int | None,
    store: bool,
) -> Rollout:
    envs = VectorEnvironment(env, 1 if num_envs is None else num_envs)
    player = _Player(envs, policy, initial_carry)
    reset_key, key = jr.split(key)

    def body(lanes, time):
        lanes, trajectory = player.step(jr.fold_in(key, time), lanes)
        return lanes, trajectory if store else None

    times = jnp.arange(num_steps, dtype=jnp.uint32)
    lanes, trajectory = jax.lax.scan(body, player.start(reset_key), times)
    if num_envs is None:
        lanes = jax.tree.map(lambda x: x[0], lanes)
        trajectory = jax.tree.map(lambda x: x[:, 0], trajectory)
    return Rollout(
        trajectory=trajectory,
        episode_return=lanes.episode_return,
        episode_length=lanes.episode_length,
        finished=lanes.finished,
        state=lanes.state,
        carry=lanes.carry,
    )


@eqx.filter_jit
def _evaluate(
    env: AbstractEnvironment,
    policy: Callable[..., Any] | None,
    key: Any,
    initial_carry: PyTree,
    *,
    num_episodes: int,
) -> Evaluation:
    player = _Player(VectorEnvironment(env, num_episodes), policy, initial_carry)
    reset_key, key = jr.split(key)

    def is_going_on(carry):
        _, lanes = carry
        return ~jnp.all(lanes.finished)

    def body(carry):
        time, lanes = carry
        lanes, _ = player.step(jr.fold_in(key, time), lanes)
        return time + 1, lanes

    start = (jnp.uint32(0), player.start(reset_key))
    _, lanes = jax.lax.while_loop(is_going_on, body, start)
    return Evaluation(lanes.episode_return, lanes.episode_length)


def _check_policy(policy: Any) -> None:
    if policy is not None and not callable(policy):
        raise TypeError(
            "policy must be a callable `policy(key, observation) -> action`, or None "
            f"for random actions; got {policy!r}."
        )


def _time_limit(env: AbstractEnvironment) -> int:
    if isinstance(env.max_steps, jax.core.Tracer):
        raise ValueError(
            "num_steps must be given, because env.max_steps is not known while it is "
            "being traced."
        )
    return int(np.max(np.asarray(env.max_steps)))
