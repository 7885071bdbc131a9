"""Playing a policy: trajectories, and the returns of whole episodes."""

import functools as ft
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Bool, Float, Int32, PyTree, UInt32

from ._checks import (
    as_key,
    as_keys,
    check_count,
    check_flag,
    check_key,
    check_leaves,
)
from ._environment import AbstractEnvironment, advance_and_restart, NO_LIMIT
from ._parametric import batch_axes
from ._stop import with_short_errors
from ._varying import vary, varying_axes
from ._vector import all_lanes, VectorEnvironment


class Trajectory(NamedTuple):
    """Every step of a rollout; the leading axis is time.

    - `observation`: the observation that the policy acted on.
    - `action`: its action.
    - `reward`: the reward.
    - `terminated`, `truncated`: whether, and how, the episode ended there.
    - `next_observation`: the observation after the transition. At the end of an
        episode, it is the last one of that episode, not the first of the next.
    - `state`, `next_state`: the states of the two observations; `None` unless
        requested.
    """

    observation: PyTree[Array]
    action: PyTree[Array]
    reward: Float[Array, "*shape"]
    terminated: Bool[Array, "*shape"]
    truncated: Bool[Array, "*shape"]
    next_observation: PyTree[Array]
    state: PyTree[Array] = None
    next_state: PyTree[Array] = None


class Rollout(NamedTuple):
    """The result of [`eqenvs.rollout`][].

    - `trajectory`: an [`eqenvs.Trajectory`][], or `None` if it was not stored.
    - `episode_return`: the sum of the rewards of each lane's first episode.
    - `episode_length`: the number of its steps.
    - `finished`: whether it ended within the steps that were taken.
    - `state`: the state of each lane at the end.
    - `carry`: the carry of each lane's policy at the end.
    """

    # `None` unless it was stored, which callers know.
    trajectory: Trajectory
    episode_return: Float[Array, "*lanes"]
    episode_length: Int32[Array, "*lanes"]
    finished: Bool[Array, "*lanes"]
    state: PyTree[Array]
    carry: PyTree[Array]


class Evaluation(NamedTuple):
    """The result of [`eqenvs.evaluate`][].

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
    states: bool = False,
    mesh: Mesh | None = None,
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
        changing its weights does not recompile.
    - `key`: a JAX PRNG key, or an integer seed for [`eqenvs.random.key`][]. With an
        array of keys, every array of the result gets a leading axis for them, and each
        key gives the same result as alone.
    - `num_steps`: number of steps; by default the time limit, `env.max_steps`. A task
        without one has no default.
    - `num_envs`: number of lanes. If given, arrays get an axis for the lanes, after the
        axis of time.
    - `initial_carry`: the carry of a recurrent policy at the start of an episode; by
        default `policy.initial_carry`, if it exists.
    - `store`: whether to return the trajectory.
    - `states`: whether the trajectory includes the states, for example to draw them.
    - `mesh`: devices to spread the lanes over, such as
        `jax.make_mesh((jax.device_count(),), ("lanes",))`. `num_envs` must be a
        multiple of their number. The results are those of one device.

    **Returns:**

    An [`eqenvs.Rollout`][].

    **Raises:**

    `TypeError` or `ValueError` if an argument is not as described above.
    """
    _check_environment(env)
    initial_carry = _initial_carry(policy, initial_carry)
    _check_policy(policy, initial_carry)
    if num_steps is None:
        num_steps = _default_steps(env)
    check_count("num_steps", num_steps)
    if num_envs is not None:
        check_count("num_envs", num_envs)
    _check_stored(store, states)
    _check_mesh(mesh, "num_envs", num_envs)
    keys = as_keys(key, "rollout")
    play = ft.partial(
        _rollout,
        num_steps=int(num_steps),
        num_envs=None if num_envs is None else int(num_envs),
        store=bool(store),
        store_states=bool(states),
        mesh=_flat(mesh),
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
    states: bool = False,
) -> Rollout:
    """Plays every policy of a population, all with the same random numbers.

    **Arguments:**

    - `policies`: a policy that is a pytree, whose arrays have a leading axis for the
        members of the population, as `equinox.filter_vmap` makes it.
    - `store`: whether to return the trajectories; by default they are not.
    - `states`: whether the trajectories include the states, for example to draw them;
        it requires `store=True`.

    The others are those of [`eqenvs.rollout`][].

    **Returns:**

    An [`eqenvs.Rollout`][] whose arrays have a leading axis for the population.
    """
    _check_environment(env)
    initial_carry = _initial_carry(policies, initial_carry)
    _check_policy(policies, initial_carry)
    shapes = [x.shape for x in jax.tree.leaves(policies) if eqx.is_array(x)]
    if not shapes or len({shape[:1] for shape in shapes}) > 1 or () in shapes:
        raise ValueError(
            "policies must be a pytree whose arrays have a leading axis for the "
            f"members of the population; got {policies!r}."
        )

    _check_stored(store, states)

    def play(policy):
        return rollout(
            env,
            policy,
            key,
            num_steps=num_steps,
            num_envs=num_envs,
            initial_carry=initial_carry,
            store=store,
            states=states,
        )

    if num_steps is None:
        num_steps = _default_steps(env)
    return eqx.filter_vmap(play)(policies)


def evaluate(
    env: AbstractEnvironment,
    policy: Callable[..., Any] | None,
    key: Any,
    num_episodes: int,
    *,
    initial_carry: PyTree = None,
    mesh: Mesh | None = None,
) -> Evaluation:
    """Plays a number of complete episodes.

    Every lane plays one episode, so short episodes do not count more than long ones. It
    takes as many steps as the longest episode.

    **Arguments:**

    - `env`, `policy`, `initial_carry`: as in [`eqenvs.rollout`][].
    - `key`: a JAX PRNG key, or an integer seed for [`eqenvs.random.key`][].
    - `num_episodes`: number of episodes.
    - `mesh`: devices to spread the episodes over, as in [`eqenvs.rollout`][].

    **Returns:**

    An [`eqenvs.Evaluation`][] of exactly that many episodes.

    **Raises:**

    `TypeError` or `ValueError` if an argument is not as described above;
    `RuntimeError` if an episode did not end within `env.max_steps` steps, for example
    because a transition forgot to count `time`, or within a million steps if there is
    no time limit. (Under `jax.jit`, its return is NaN.)
    """
    _check_environment(env)
    initial_carry = _initial_carry(policy, initial_carry)
    _check_policy(policy, initial_carry)
    check_count("num_episodes", num_episodes)
    _check_mesh(mesh, "num_episodes", num_episodes)
    key = as_key(key, "evaluate")
    evaluation, finished = _evaluate(
        env,
        policy,
        key,
        initial_carry,
        num_episodes=int(num_episodes),
        mesh=_flat(mesh),
    )
    if not isinstance(finished, jax.core.Tracer) and not np.all(np.asarray(finished)):
        limit = _time_limit(env)
        if limit == NO_LIMIT:
            within = f"{_LONGEST_EPISODE:,} steps, and it has no time limit. "
            advice = "`wrappers.TimeLimit(env, 1_000)` has one."
        else:
            within = f"max_steps={limit} steps. "
            advice = "Does `transition` return a state with `time=state.time + 1`?"
        raise RuntimeError(
            f"{int(np.sum(~np.asarray(finished)))} of {num_episodes} episodes of "
            f"{type(env).__name__} did not end within {within}{advice}"
        )
    return evaluation


_LONGEST_EPISODE = 1_000_000  # of a task without a time limit


class _Lanes(eqx.Module):
    """The progress of every lane, and of its first episode."""

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

    def varying_start(self, key: Any) -> tuple[_Lanes, frozenset[str]]:
        """The start, which varies over the axes of a mesh that anything later does."""
        start = self.start(key)
        axes = varying_axes((self, key, start))
        # A policy may hold arrays that are not its leaves, so it is called once.
        if jax.sharding.get_abstract_mesh().manual_axes:
            start = vary(start, axes)
            step = ft.partial(self.step, key, key, reset=True)
            end, _ = jax.eval_shape(step, start)
            axes |= varying_axes(end)
        return vary(start, axes), axes

    def step(
        self, policy_key: Any, env_key: Any, lanes: _Lanes, *, reset: bool
    ) -> tuple[_Lanes, Trajectory]:
        """Takes a step in every lane. When an episode ends, the next one begins if
        `reset` is true; otherwise the lane stays in its final state."""
        # Computed here instead of carried over from the last step, so that the compiler
        # can fuse it into the policy.
        observations = self.envs.observe(lanes.state)
        actions, carry = self._act(policy_key, observations, lanes.carry)
        env_key = check_key(env_key, "step")
        if reset:
            step, state = advance_and_restart(self.envs, env_key, lanes.state, actions)
            ended = step.terminated | step.truncated
            carry = _where(ended, self.initial_carry, carry)
        else:
            step = self.envs.advance(env_key, lanes.state, actions)
            ended = step.terminated | step.truncated
            old, new = (lanes.state, lanes.carry), (step.state, carry)
            state, carry = _where(lanes.finished, old, new)
        playing = ~lanes.finished
        trajectory = Trajectory(
            observation=observations,
            action=actions,
            reward=step.reward,
            terminated=step.terminated,
            truncated=step.truncated,
            next_observation=step.observation,
            state=lanes.state,
            next_state=step.state,
        )
        lanes = _Lanes(
            state=state,
            carry=carry,
            episode_return=lanes.episode_return + jnp.where(playing, step.reward, 0),
            episode_length=lanes.episode_length + playing.astype(jnp.int32),
            finished=lanes.finished | ended,
        )
        return lanes, trajectory

    def _act(self, key: Any, observations: PyTree, carry: PyTree) -> tuple[Any, Any]:
        if self.policy is None:
            return self.envs.sample_actions(key), carry
        lane_keys = jax.vmap(lambda lane: jr.fold_in(key, lane))(all_lanes(self.envs))
        if self.initial_carry is None:
            return jax.vmap(self.policy)(lane_keys, observations), carry
        result = jax.vmap(self.policy)(lane_keys, observations, carry)
        _check_carry(result, carry)
        return result


def _keys_of_step(key: Any, time: UInt32[Array, ""]) -> tuple[Any, Any]:
    """The keys of the policy and of the environment."""
    policy_key, env_key = jr.split(jr.fold_in(key, time))
    return policy_key, env_key


def _where(pred: Bool[Array, " num_envs"], on_true: PyTree, on_false: PyTree) -> PyTree:
    """`jnp.where`, leaf by leaf and lane by lane. A leaf of `on_true` may be that of
    one lane, which then applies to all."""

    def where(x: Any, y: Any) -> Any:
        return jax.vmap(jax.lax.select)(pred, jnp.broadcast_to(x, y.shape), y)

    return jax.tree.map(where, on_true, on_false)


@with_short_errors
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
    store_states: bool,
    mesh: Mesh | None,
) -> Rollout:
    reset_key, key = jr.split(key)

    def play(player: _Player, keys: Any) -> tuple[_Lanes, Trajectory | None]:
        reset_key, key = keys
        start, axes = player.varying_start(reset_key)

        def body(lanes, keys):
            policy_key, env_key = keys
            lanes, trajectory = player.step(policy_key, env_key, lanes, reset=True)
            if not store_states:
                trajectory = trajectory._replace(state=None, next_state=None)
            return vary(lanes, axes), trajectory if store else None

        # All at once: a few words at a time take a loop of their own in every step,
        # which no number of devices makes shorter.
        times = jnp.arange(num_steps, dtype=jnp.uint32)
        keys = jax.vmap(lambda time: _keys_of_step(key, time))(times)
        return jax.lax.scan(body, start, keys)

    envs = VectorEnvironment(env, 1 if num_envs is None else num_envs)
    player = _Player(envs, policy, initial_carry)
    over_time = (PartitionSpec(_LANES), PartitionSpec(None, _LANES))
    lanes, trajectory = _spread(play, mesh, over_time)(player, (reset_key, key))
    if num_envs is None:
        lanes = jax.tree.map(lambda x: x[0], lanes)
        trajectory = jax.tree.map(lambda x: x[:, 0], trajectory)
    stored: Any = trajectory
    return Rollout(
        trajectory=stored,
        episode_return=lanes.episode_return,
        episode_length=lanes.episode_length,
        finished=lanes.finished,
        state=lanes.state,
        carry=lanes.carry,
    )


@with_short_errors
@eqx.filter_jit
def _evaluate(
    env: AbstractEnvironment,
    policy: Callable[..., Any] | None,
    key: Any,
    initial_carry: PyTree,
    *,
    num_episodes: int,
    mesh: Mesh | None,
) -> tuple[Evaluation, Bool[Array, " num_episodes"]]:
    reset_key, key = jr.split(key)
    limit = jnp.max(env.max_steps)
    limit = jnp.where(limit == NO_LIMIT, _LONGEST_EPISODE, limit).astype(jnp.uint32)

    # On several devices, each of them stops when its own lanes have finished.
    def play(player: _Player, keys: Any, limit: Any) -> _Lanes:
        reset_key, key = keys

        def is_going_on(carry):
            time, lanes = carry
            return ~jnp.all(lanes.finished) & (time < limit)

        def body(carry):
            time, lanes = carry
            policy_key, env_key = _keys_of_step(key, time)
            lanes, _ = player.step(policy_key, env_key, lanes, reset=False)
            return time + jnp.uint32(1), vary(lanes, axes)

        start, axes = player.varying_start(reset_key)
        return jax.lax.while_loop(is_going_on, body, (jnp.uint32(0), start))[1]

    player = _Player(VectorEnvironment(env, num_episodes), policy, initial_carry)
    spread = _spread(play, mesh, PartitionSpec(_LANES))
    lanes = spread(player, (reset_key, key), limit)
    episode_return = jnp.where(lanes.finished, lanes.episode_return, jnp.nan)
    return Evaluation(episode_return, lanes.episode_length), lanes.finished


# --- Several devices ------------------------------------------------------------------

_LANES = "lanes"  # the axis of the mesh


def _flat(mesh: Mesh | None) -> Mesh | None:
    """The same devices with a single axis."""
    return None if mesh is None else Mesh(mesh.devices.reshape(-1), (_LANES,))


def _spread(
    play: Callable[..., Any], mesh: Mesh | None, out_specs: Any
) -> Callable[..., Any]:
    """`play(player, *args)` with a part of the lanes of `player` on every device."""
    if mesh is None:
        return play

    def spread(player: _Player, *args: Any) -> Any:
        envs = player.envs
        num_envs = envs.num_envs // mesh.size
        env_specs = jax.tree.map(
            lambda axis: PartitionSpec() if axis is None else PartitionSpec(_LANES),
            batch_axes(envs.env, envs.num_envs),
            is_leaf=lambda axis: axis is None,
        )
        parts = (envs.env, player.policy, player.initial_carry)
        leaves, rest = eqx.partition(parts, eqx.is_array)

        def play_here(leaves: Any, *args: Any) -> Any:
            env, policy, initial_carry = eqx.combine(leaves, rest)
            first_lane = jax.lax.axis_index(_LANES) * num_envs
            envs = VectorEnvironment(env, num_envs, first_lane=first_lane)
            return play(_Player(envs, policy, initial_carry), *args)

        same = PartitionSpec()
        return jax.shard_map(
            play_here,
            mesh=mesh,
            in_specs=((env_specs, same, same), *(same for _ in args)),
            out_specs=out_specs,
        )(leaves, *args)

    return spread


def _check_stored(store: Any, states: Any) -> None:
    check_flag("store", store)
    check_flag("states", states)
    if states and not store:
        raise ValueError(
            "states=True puts the states into the trajectory: store must be True; got "
            "store=False."
        )


def _check_mesh(mesh: Any, name: str, count: int | None) -> None:
    if mesh is None:
        return
    if not isinstance(mesh, Mesh):
        raise TypeError(
            "mesh must be a jax.sharding.Mesh, such as jax.make_mesh("
            f"(jax.device_count(),), ('lanes',)); got {mesh!r}."
        )
    if count is None or count % mesh.size:
        raise ValueError(
            f"{name} must be a multiple of the {mesh.size} devices of the mesh; got "
            f"{count}."
        )


def _check_environment(env: Any) -> None:
    if isinstance(env, VectorEnvironment):
        raise TypeError(
            "env must be an environment, and num_envs the number of lanes; got a "
            "VectorEnvironment. Give its `env` and `num_envs`."
        )
    if not isinstance(env, AbstractEnvironment):
        raise TypeError(f"env must be an environment; got {env!r}.")


def _initial_carry(policy: Any, initial_carry: PyTree) -> PyTree:
    """The given carry, or else that of the policy, or of the object whose method it
    is."""
    if initial_carry is not None:
        return initial_carry
    owner = getattr(policy, "__self__", policy)
    return getattr(owner, "initial_carry", None)


def _check_policy(policy: Any, initial_carry: PyTree) -> None:
    check_leaves(initial_carry, "initial_carry")
    if policy is None:
        return
    signature = "policy(key, observation) -> action"
    arguments = (None, None)
    if initial_carry is not None:
        signature = "policy(key, observation, carry) -> (action, carry)"
        arguments = (None, None, None)
    if not callable(policy):
        raise TypeError(
            f"policy must be a callable `{signature}`, or None for random actions; got "
            f"{policy!r}."
        )
    try:
        inspect.signature(policy).bind(*arguments)
    except ValueError:  # has no signature
        pass
    except TypeError as error:
        raise TypeError(
            f"policy must be a callable `{signature}`; got another: this "
            f"{type(policy).__name__} cannot be called like that ({error}). A network "
            "becomes a policy by a function around it, such as `lambda key, "
            "observation: jnp.argmax(network(observation))`."
        ) from None


def _check_carry(result: Any, carry: PyTree) -> None:
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeError(
            "a policy with an initial_carry must return `(action, carry)`; got "
            f"{result!r}."
        )
    given, wanted = (
        jax.tree.map(lambda x: f"{x.dtype}{list(jnp.shape(x)[1:])}", x)
        for x in (result[1], carry)
    )
    if given != wanted:
        raise TypeError(
            "the carry that a policy returns must be like its initial_carry, "
            f"{wanted}; got {given}."
        )


def _default_steps(env: AbstractEnvironment) -> int:
    """The number of steps of a rollout if none was given."""
    limit = _time_limit(env)
    if limit == NO_LIMIT:
        raise ValueError(
            f"num_steps must be given: {type(env).__name__} has no time limit, whose "
            "number of steps would be the default."
        )
    return limit


def _time_limit(env: AbstractEnvironment) -> int:
    if isinstance(env.max_steps, jax.core.Tracer):
        raise ValueError(
            "num_steps must be given, because env.max_steps is not known while it is "
            "being traced."
        )
    return int(np.max(np.asarray(env.max_steps)))
