"""Many settings in one program: one lane each, with its own parameters and agent."""

import functools as ft
from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float, Int32, Key, PyTree

from ..._environment import AbstractEnvironment
from ._counting import family_of, logged_episodes, RecordedState, Recorder
from ._padded import padded
from ._settings import Setting, settings


class Program(NamedTuple):
    """Settings whose environments have the same shapes, after padding if necessary.

    - `name`: the name of the program.
    - `width`: the size that environments are padded to; `None` if all have one size.
    """

    name: str
    settings: tuple[Setting, ...]
    width: int | None = None


# The experiments that share a program, with the parameter that decides the shape of
# their observations.
_TOGETHER: tuple[tuple[str | None, tuple[str, ...]], ...] = (
    (None, ("bandit", "bandit_noise", "bandit_scale")),
    (None, ("mnist", "mnist_noise", "mnist_scale")),
    (None, ("catch", "catch_noise", "catch_scale")),
    (None, ("discounting_chain",)),
    (None, ("memory_len",)),
    ("num_bits", ("memory_size",)),
    (None, ("umbrella_length",)),
    ("n_distractor", ("umbrella_distract",)),
    ("size", ("deep_sea", "deep_sea_stochastic")),
    (None, ("mountain_car", "mountain_car_noise", "mountain_car_scale")),
    (None, ("cartpole", "cartpole_noise", "cartpole_scale")),
    (None, ("cartpole_swingup",)),
)
# Where DeepSea is split: padding a small sea to a large one costs too much.
_BOUNDS = (22, 36, 50)


def programs(experiments: Sequence[str]) -> list[Program]:
    """The programs for some experiments, shortest first."""
    found = []
    for parameter, names in _TOGETHER:
        chosen = [
            s
            for s in settings()
            if s.experiment in names and s.experiment in experiments
        ]
        bounds = _BOUNDS if parameter == "size" else (None,)
        low = 0
        for bound in bounds:
            part = chosen
            if bound is not None:
                part = [s for s in chosen if low < s.parameters["size"] <= bound]
                low = bound
            if part:
                found.append(_program(part, parameter, bound))
    return found


def _program(part: list[Setting], parameter: str | None, bound: int | None) -> Program:
    names = dict.fromkeys(s.experiment for s in part)
    name = ", ".join(names) + (f" up to {bound}" if bound is not None else "")
    width = None
    if parameter is not None:
        width = max(s.parameters[parameter] for s in part)
    return Program(name, tuple(part), width)


class Lanes(eqx.Module):
    """Agents that train, each in its own setting.

    - `different`, `shared`: the environments, split into the leaves that differ, with a
        leading axis, and the leaves they have in common.
    - `learners`: everything that changes, with a leading axis.
    """

    different: PyTree[Array]
    shared: PyTree[Array]
    keys: Key[Array, " lanes"]
    learners: PyTree[Array]

    @property
    def record(self) -> RecordedState:
        """The counts so far, with a leading axis for the lanes."""
        return _record_of(self.learners)

    def take(self, lanes: Sequence[int]) -> "Lanes":
        """Some of the lanes."""
        index = np.asarray(lanes)

        def take(tree: PyTree) -> PyTree:
            return jax.tree.map(lambda x: x[index] if eqx.is_array(x) else x, tree)

        return Lanes(
            different=take(self.different),
            shared=self.shared,
            keys=take(self.keys),
            learners=take(self.learners),
        )


def start(
    algorithm: Any, program: Program, key: Key[Array, ""], fraction: float
) -> Lanes:
    """The lanes of a program before the first step.

    Setting `i` of the 468 draws from `fold_in(key, i)`, wherever it runs. A network is
    initialized for the true size of an observation and then padded.

    **Raises:**

    `ValueError` if the algorithm has more than one environment.
    """
    numbers = {setting.id: number for number, setting in enumerate(settings())}
    keys = jnp.stack([jr.fold_in(key, numbers[s.id]) for s in program.settings])
    envs = [recorded(s, fraction, program.width) for s in program.settings]
    different, shared = _stack(envs)
    if program.width is None:
        learners = _first_learners(algorithm, different, shared, keys)
    else:
        learners = _padded_learners(
            algorithm, program, different, shared, keys, fraction
        )
    lanes = Lanes(different, shared, keys, learners)
    _check_one_environment(lanes.record)
    return lanes


def recorded(
    setting: Setting, fraction: float = 1.0, width: int | None = None
) -> Recorder:
    """The environment of a setting, wrapped in a recorder."""
    env = setting.base()
    return Recorder(
        env if width is None else padded(env, width),
        logged=_logged(planned_episodes(setting, fraction)),
        noise_scale=setting.noise_scale,
        reward_scale=setting.reward_scale,
        experiment=family_of(setting.experiment),
    )


def planned_episodes(setting: Setting, fraction: float) -> int:
    """The number of episodes to play in a setting."""
    return max(round(setting.num_episodes * fraction), 1)


@ft.cache
def _logged(num_episodes: int) -> Int32[Array, " rows"]:
    return jnp.asarray(logged_episodes(num_episodes))


def _stack(envs: Sequence[AbstractEnvironment]) -> tuple[PyTree, PyTree]:
    def stack(*leaves: Any) -> Any:
        is_shared = all(leaf is leaves[0] for leaf in leaves)
        return None if is_shared else jnp.asarray(np.stack(leaves))

    different = jax.tree.map(stack, *envs)
    shared = jax.tree.map(
        lambda x, y: x if y is None else None,
        envs[0],
        different,
        is_leaf=lambda x: x is None,
    )
    return different, shared


@eqx.filter_jit
def _first_learners(
    algorithm: Any, different: PyTree, shared: PyTree, keys: Key[Array, " lanes"]
) -> PyTree[Array]:
    def first(different, key):
        return _job(algorithm, different, shared, key).first_learner()

    return eqx.filter_vmap(first)(different, keys)


def _padded_learners(
    algorithm: Any,
    program: Program,
    different: PyTree,
    shared: PyTree,
    keys: Key[Array, " lanes"],
    fraction: float,
) -> PyTree[Array]:
    """The first learners of padded environments, with the arrays of unpadded learners.

    Only arrays whose shape depends on the size are made for every size, since each size
    needs a program of its own.
    """
    learners = _first_learners(algorithm, different, shared, keys)
    arrays, rest = eqx.partition(learners, eqx.is_array)
    leaves, structure = jax.tree.flatten(arrays)
    shapes = tuple(leaf.shape[1:] for leaf in leaves)
    sizes = [_size_of(s) for s in program.settings]
    changed: dict[int, np.ndarray] = {}
    for size in dict.fromkeys(sizes):
        lanes = np.array([i for i, other in enumerate(sizes) if other == size])
        true = [recorded(program.settings[i], fraction, size) for i in lanes]
        found = _leaves_of_other_shapes(algorithm, *_stack(true), keys[lanes], shapes)
        for i, leaf in found.items():
            whole = changed.setdefault(i, np.array(leaves[i]))
            whole[lanes] = 0
            corner = tuple(slice(n) for n in leaf.shape[1:])
            whole[(lanes, *corner)] = np.asarray(leaf)
    for i, whole in changed.items():
        leaves[i] = jnp.asarray(whole)
    return eqx.combine(jax.tree.unflatten(structure, leaves), rest)


@eqx.filter_jit
def _leaves_of_other_shapes(
    algorithm: Any,
    different: PyTree,
    shared: PyTree,
    keys: Key[Array, " lanes"],
    shapes: tuple[tuple[int, ...], ...],
) -> dict[int, Array]:
    learners = _first_learners(algorithm, different, shared, keys)
    leaves = jax.tree.leaves(_arrays(learners))
    return {
        i: leaf
        for i, (leaf, shape) in enumerate(zip(leaves, shapes, strict=True))
        if leaf.shape[1:] != shape
    }


def _size_of(setting: Setting) -> int:
    parameters = setting.parameters
    return next(
        parameters[name]
        for name in ("num_bits", "size", "n_distractor")
        if name in parameters
    )


def _arrays(tree: PyTree) -> PyTree[Array]:
    return eqx.filter(tree, eqx.is_array)


def _job(algorithm: Any, different: PyTree, shared: PyTree, key: Any) -> Any:
    from ...agents._updates import Job

    return Job(algorithm, eqx.combine(different, shared), key)


def play(
    algorithm: Any, lanes: Lanes, goal: int, count: int, mesh: Mesh | None = None
) -> Lanes:
    """Makes up to `count` updates in every lane, until all have played `goal` episodes.

    **Arguments:**

    - `mesh`: the devices to spread the lanes over, if there is more than one.
    """
    arrays, rest = eqx.partition(lanes.learners, eqx.is_array)
    played = _play(
        algorithm,
        eqx.tree_at(lambda l: l.learners, lanes, arrays),
        rest,
        jnp.asarray(goal, jnp.int32),
        jnp.asarray(count, jnp.int32),
        mesh,
    )
    return eqx.tree_at(lambda l: l.learners, lanes, eqx.combine(played, rest))


@eqx.filter_jit
def _play(
    algorithm: Any,
    lanes: Lanes,
    rest: PyTree,
    goal: Int32[Array, ""],
    count: Int32[Array, ""],
    mesh: Mesh | None,
) -> PyTree[Array]:
    def play_here(different, keys, learners, shared, goal, count):
        def update(different, key, learner):
            job = _job(algorithm, different, shared, key)
            learner = _with_progress(eqx.combine(learner, rest), goal)
            learner, _ = job.update(learner)
            return _arrays(learner)

        def is_going_on(carry):
            made, learners = carry
            played = _record_of(learners).num_episodes
            return (made < count) & jnp.any(played < goal.astype(played.dtype))

        def body(carry):
            made, learners = carry
            return made + 1, eqx.filter_vmap(update)(different, keys, learners)

        return jax.lax.while_loop(is_going_on, body, (jnp.int32(0), learners))[1]

    arguments = (lanes.different, lanes.keys, lanes.learners, lanes.shared, goal, count)
    if mesh is None:
        return play_here(*arguments)
    lane, same = PartitionSpec("lanes"), PartitionSpec()
    return jax.shard_map(
        play_here,
        mesh=mesh,
        in_specs=(lane, lane, lane, same, same, same),
        out_specs=lane,
        check_vma=False,
    )(*arguments)


def _with_progress(learner: Any, goal: Int32[Array, ""]) -> Any:
    """A learner whose schedules follow the episodes.

    How many updates the episodes will take is unknown: as many are planned as would be
    needed if the others took as long as those so far.
    """
    played = _record_of(learner).num_episodes.reshape(())
    planned = learner.planned_updates
    done = learner.num_updates.astype(planned.dtype)
    share = (played / goal.astype(played.dtype)).astype(planned.dtype)
    planned = jnp.where(share > 0, done / share, jnp.inf).astype(planned.dtype)
    return eqx.tree_at(lambda l: l.planned_updates, learner, planned)


def spread(lanes: Lanes, mesh: Mesh) -> Lanes:
    """The lanes on their devices, where `play` leaves them."""

    def put(tree: PyTree, spec: PartitionSpec) -> PyTree:
        arrays, rest = eqx.partition(tree, eqx.is_array)
        return eqx.combine(jax.device_put(arrays, NamedSharding(mesh, spec)), rest)

    lane, same = PartitionSpec("lanes"), PartitionSpec()
    return Lanes(
        different=put(lanes.different, lane),
        shared=put(lanes.shared, same),
        keys=put(lanes.keys, lane),
        learners=put(lanes.learners, lane),
    )


def _record_of(learners: PyTree) -> RecordedState:
    def is_record(x: Any) -> bool:
        return isinstance(x, RecordedState)

    leaves = jax.tree.leaves(learners, is_leaf=is_record)
    found = [leaf for leaf in leaves if is_record(leaf)]
    if len(found) != 1:
        raise ValueError(
            "bsuite's counts are part of the environment states, so a learner must "
            f"hold exactly one batch of them; found {len(found)}."
        )
    return found[0]


def _check_one_environment(record: RecordedState) -> None:
    shape = record.num_episodes.shape[1:]
    if np.prod(shape) != 1:
        raise ValueError(
            "in bsuite, an agent plays one episode after another, so the algorithm "
            f"must have num_envs=1; got {shape[0]}."
        )


def rows_of(record: RecordedState, lane: int) -> Float[np.ndarray, "rows columns"]:
    """The rows of one lane so far."""
    rows = np.asarray(record.rows[lane]).reshape(*record.rows.shape[-2:])
    return rows[rows[:, 1] > 0]
