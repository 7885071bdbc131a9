"""Compiled updates: the first learner, all updates at once, and a few at a time.

Update `u` draws from `fold_in(key, u)`. Everything else it depends on is in the
learner.

On several devices, each runs these programs with its share of the lanes.
"""

import functools as ft
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Bool, Float, Int32, Key, PyTree

from .._checks import without_weak_types
from .._environment import AbstractEnvironment
from .._stop import with_short_errors
from .._varying import vary, varying_axes
from ._algorithm import AbstractAlgorithm
from ._descent import weights_of
from ._devices import env_specs, specs_of, spread
from ._lanes import AXIS, num_devices


class Job(eqx.Module):
    """The constants of a training run; checks what the algorithm returns."""

    algorithm: AbstractAlgorithm
    env: AbstractEnvironment
    key: Key[Array, ""]
    mesh: Mesh | None = eqx.field(default=None, static=True)

    @property
    def steps_per_update(self) -> int:
        return self.algorithm.steps_per_update

    def first_learner(self) -> Any:
        # No update has this number.
        key = jr.fold_in(self.key, np.uint32(2**32 - 1))
        return _without_weak_types(self.algorithm.init(self.env, key))

    def on_one_device(self) -> "Job":
        return Job(self.algorithm, self.env, self.key)

    def specs(self) -> Any:
        """How its arrays are spread over the devices."""
        copied = jax.tree.map(lambda _: PartitionSpec(), _arrays(self))
        return eqx.tree_at(lambda job: job.env, copied, env_specs(self.env))

    def update(self, learner: Any) -> tuple[Any, dict[str, Array]]:
        key = jr.fold_in(self.key, learner.num_updates)
        new, metrics = self.algorithm.update(self.env, learner, key)
        self._check(learner, new, metrics)
        metrics = {name: x.astype(float) for name, x in metrics.items()}
        return _without_weak_types(new), metrics

    def _check(self, learner: Any, new: Any, metrics: Any) -> None:
        name = f"the update of {type(self.algorithm).__name__}"
        old_leaves, old_structure = jtu.tree_flatten_with_path(learner)
        new_leaves, new_structure = jtu.tree_flatten_with_path(new)
        if new_structure != old_structure:
            raise TypeError(
                f"{name} must return a learner with the structure of the one it was "
                f"given, {old_structure}; got {new_structure}."
            )
        for (path, x), (_, y) in zip(old_leaves, new_leaves, strict=True):
            if eqx.is_array(x) and (x.shape, x.dtype) != (y.shape, y.dtype):
                raise TypeError(
                    f"{name} must leave `learner{jtu.keystr(path)}` an array of dtype "
                    f"{x.dtype} and shape {x.shape}; got {y.dtype} and {y.shape}."
                )
        if num_devices() > 1:
            self._check_sameness(name, old_leaves, new_leaves, metrics)
        missing = {"return", "length"} - set(metrics)
        if missing or any(jnp.shape(x) != () for x in metrics.values()):
            shapes = {metric: jnp.shape(x) for metric, x in metrics.items()}
            raise TypeError(
                f"the metrics of {name} must be scalars and include 'return' and "
                f"'length'; got the shapes {shapes}."
            )

    def _check_sameness(
        self, name: str, old_leaves: Any, new_leaves: Any, metrics: Any
    ) -> None:
        """What was the same on all devices must stay so."""
        new = {f"the metric {metric!r}": x for metric, x in metrics.items()}
        for (path, x), (_, y) in zip(old_leaves, new_leaves, strict=True):
            if AXIS not in varying_axes(x):
                new[f"`learner{jtu.keystr(path)}`"] = y
        for what, x in new.items():
            if AXIS in varying_axes(x):
                raise TypeError(
                    f"{name} cannot spread its lanes over the devices of a mesh: "
                    f"{what} would differ from device to device."
                )


def _without_weak_types(learner: Any) -> Any:
    arrays, rest = eqx.partition(learner, eqx.is_array)
    return eqx.combine(without_weak_types(arrays), rest)


@with_short_errors
@eqx.filter_jit
def start(job: Job, learner: Any, num_updates: Int32[Array, ""]) -> Any:
    """Tells a learner how many updates are planned; makes a new one for `None`."""
    learner = _first_learner(job) if learner is None else learner
    planned = num_updates.astype(learner.planned_updates.dtype)
    return eqx.tree_at(lambda l: l.planned_updates, learner, planned)


def _first_learner(job: Job) -> Any:
    if job.mesh is None:
        return job.first_learner()
    init = _on_devices(job, lambda job: _arrays(job.first_learner()), (), _specs(job))
    like = eqx.filter_eval_shape(Job.first_learner, job.on_one_device())
    return eqx.combine(init(), eqx.filter(like, _is_shape, inverse=True))


@with_short_errors
@eqx.filter_jit
def run_all(job: Job, learner: Any, count: int) -> tuple[Any, dict[str, Array]]:
    """Makes all updates. Unlike a loop that may end early, this has a gradient."""
    arrays, rest = eqx.partition(learner, eqx.is_array)

    def run(job, arrays):
        axes = varying_axes((job, arrays)) - {AXIS}

        def body(arrays, _):
            learner, metrics = job.update(eqx.combine(arrays, rest))
            return vary((_arrays(learner), metrics), axes)

        return jax.lax.scan(body, vary(arrays, axes), length=count)

    specs = _specs(job)
    arrays, metrics = _on_devices(job, run, (specs,), (specs, _SAME))(arrays)
    return eqx.combine(arrays, rest), metrics


class Piece(NamedTuple):
    """Several updates in a row.

    Only the first `num_updates` entries of `metrics` count. `reached` and `diverged`
    say whether the last update reached the target or produced a number that is not
    finite.
    """

    learner: Any
    metrics: dict[str, Float[Array, " size"]]
    num_updates: Int32[Array, ""]
    reached: Bool[Array, ""]
    diverged: Bool[Array, ""]


@with_short_errors
@eqx.filter_jit
def run_updates(
    job: Job,
    learner: Any,
    target: Float[Array, ""],
    count: Int32[Array, ""],
    size: int,
) -> Piece:
    """Makes `count` updates, at most `size`, and fewer if training ends.

    Because `count` is unknown at compile time, pieces of all lengths are the same
    program, and so agree to the last bit.
    """
    arrays, rest = eqx.partition(learner, eqx.is_array)

    def run(job, arrays, target, count):
        # In a user's `jax.shard_map`, anything may differ from device to device.
        axes = varying_axes((job, arrays, target, count)) - {AXIS}
        arrays = vary(arrays, axes)

        def update(arrays):
            learner, metrics = job.update(eqx.combine(arrays, rest))
            is_finite = _is_finite(job.algorithm.agent(learner), metrics)
            return _arrays(learner), metrics, is_finite

        # Traced once, for the names of the metrics as well as for the loop.
        traced: Any = eqx.filter_closure_convert(update, arrays)
        _, metrics, _ = traced.out_struct
        rows = {name: jnp.full(size, jnp.nan, x.dtype) for name, x in metrics.items()}

        def is_going_on(piece):
            return (piece.num_updates < count) & ~piece.reached & ~piece.diverged

        def body(piece):
            arrays, metrics, is_finite = traced(piece.learner)
            piece = Piece(
                learner=arrays,
                metrics={
                    name: row.at[piece.num_updates].set(metrics[name])
                    for name, row in piece.metrics.items()
                },
                num_updates=piece.num_updates + 1,
                reached=metrics["return"] >= target,
                diverged=~is_finite,
            )
            return vary(piece, axes)

        no = jnp.array(False)
        piece = vary(Piece(arrays, rows, jnp.array(0, jnp.int32), no, no), axes)
        return jax.lax.while_loop(is_going_on, body, piece)

    specs = _specs(job)
    out_specs: Any = Piece(specs, *[_SAME] * 4)  # pyright: ignore
    on_devices = _on_devices(job, run, (specs, _SAME, _SAME), out_specs)
    piece = on_devices(arrays, target, count)
    return piece._replace(learner=eqx.combine(piece.learner, rest))


def _is_finite(agent: PyTree, metrics: dict[str, Array]) -> Bool[Array, ""]:
    losses = [x for name, x in metrics.items() if name not in ("return", "length")]
    weights = jax.tree.leaves(weights_of(agent))
    finite = [jnp.all(jnp.isfinite(x)) for x in weights + losses]
    return jnp.all(jnp.stack([jnp.array(True), *finite]))


def _arrays(tree: Any) -> Any:
    return eqx.filter(tree, eqx.is_array)


def _is_shape(x: Any) -> bool:
    return isinstance(x, jax.ShapeDtypeStruct)


# On several devices.

_SAME = PartitionSpec()


def _on_devices(
    job: Job, function: Callable[..., Any], in_specs: tuple[Any, ...], out_specs: Any
) -> Callable[..., Any]:
    """`function(job, *args)`, on all devices of the job, as a function of `args`."""
    if job.mesh is None:
        return ft.partial(function, job)
    return ft.partial(
        spread(job.mesh, function, (job.specs(), *in_specs), out_specs), job
    )


def _specs(job: Job) -> PyTree[PartitionSpec]:
    """How the arrays of a learner are spread over the devices.

    Those that belong to lanes are smaller on each of several devices than on one.
    """
    if job.mesh is None:
        return _SAME

    def init(job):
        return _arrays(job.first_learner())

    on_each = spread(job.mesh, init, (job.specs(),), _SAME, check_vma=False)
    return specs_of(
        eqx.filter_eval_shape(on_each, job),
        eqx.filter_eval_shape(init, job.on_one_device()),
    )
