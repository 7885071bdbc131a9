"""Training: the loop around every algorithm's `update`.

Training for `2n` updates equals training for `n`, saving, loading and continuing for
another `n`, bit for bit.

Outside `jax.jit`, the loop runs in pieces. Each piece is a call of one compiled program
that makes a given number of updates, so the length of the pieces does not change the
result. Between pieces, Python shows progress, logs, saves and handles Ctrl-C. Under
`jax.jit`, `jax.vmap` or `jax.grad`, the whole training is a single program.
"""

import contextlib
import os
import pathlib
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import jax.tree_util as jtu
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float, PyTree

from .._checks import as_key, check_count, show
from .._environment import AbstractEnvironment
from ._algorithm import AbstractAlgorithm, AbstractLearner, Trained
from ._devices import (
    agree,
    as_lanes_mesh,
    copied,
    fetch,
    has_many_processes,
    is_first_process,
    put,
)
from ._logs import check_log, Log, open_log
from ._progress import Progress
from ._updates import Job, Piece, run_all, run_updates, start
from .checkpoint import Recorder


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C was pressed during training.

    - `trained`: the result so far.
    - `folder`: where it was saved; `None` if it was not.
    """

    def __init__(self, message: str, trained: Trained, folder: pathlib.Path | None):
        super().__init__(message)
        self.trained = trained
        self.folder = folder


class TrainingDiverged(ArithmeticError):
    """A loss or a weight became infinite or NaN.

    - `trained`: the result so far.
    - `folder`: where it was saved; `None` if it was not.
    """

    def __init__(self, message: str, trained: Trained, folder: pathlib.Path | None):
        super().__init__(message)
        self.trained = trained
        self.folder = folder


def train(
    algorithm: AbstractAlgorithm,
    env: AbstractEnvironment,
    key: Any,
    num_steps: int,
    *,
    target_return: Any = None,
    learner: AbstractLearner | None = None,
    progress: bool = False,
    log: Log = None,
    folder: str | os.PathLike[str] | None = None,
    checkpoint_seconds: float | int = 60,
    notes: Mapping[str, Any] | None = None,
    watch: bool = False,
    mesh: Mesh | None = None,
) -> Trained:
    """Trains an agent.

    ```python
    agent, metrics, learner = train(PPO(), CartPole(), 0, num_steps=500_000)
    eqenvs.evaluate(CartPole(), agent.greedy, 1, num_episodes=100)
    ```

    It can be mapped over seeds, and over hyperparameters that are arrays:

    ```python
    def train_one(learning_rate, key):
        return PPO(learning_rate=learning_rate).train(env, key, num_steps=500_000)

    agents, metrics, learners = eqx.filter_vmap(train_one)(learning_rates, keys)
    ```

    **Arguments:**

    - `algorithm`: an algorithm, such as [`eqenvs.agents.PPO`][].
    - `env`: an environment, or a batch of them, as `equinox.filter_vmap` makes it, to
        train one agent in all of them: lane `i` plays in environment `i`.
    - `key`: a JAX PRNG key, or an integer seed for [`eqenvs.random.key`][].
    - `num_steps`: the total number of environment steps in all lanes together,
        including those `learner` has already taken; rounded up to whole updates.
    - `target_return`: stop early, after the update in which the mean return of the
        lanes' last episodes reaches this number.
    - `learner`: a learner to continue with, from the same `algorithm`, `env` and `key`;
        by default a new one.
    - `progress`: whether to show a progress bar with the return, the steps per second
        and the time left.
    - `log`: a function that receives the metrics of every update as a dictionary of
        Python numbers. `"tensorboard"` writes them for TensorBoard, into `folder`
        (`pip install "eqenvs[tensorboard]"`); `"wandb"` sends them to Weights & Biases
        (`pip install "eqenvs[wandb]"`), to the run that is active there, or else to a
        new one of the project that the environment variable `WANDB_PROJECT` names, by
        default `eqenvs`.
    - `folder`: a new folder in which to save the run: its configuration, metrics and
        learner. [`eqenvs.agents.load`][] reads it, and [`eqenvs.agents.resume`][]
        continues a run that was killed.
    - `checkpoint_seconds`: time between checkpoints, in seconds. The learner is saved
        at the end in any case.
    - `notes`: more entries for the folder's `run.json`: names, and values that JSON can
        hold.
    - `watch`: whether to open a page in the browser that shows the current policy in 16
        lanes while it trains. It changes nothing about the result and takes at most a
        few percent of the time. It needs `pip install "eqenvs[play]"`.
    - `mesh`: devices to spread the lanes over, such as
        `jax.make_mesh((jax.device_count(),), ("lanes",))`. `num_envs` must be a
        multiple of their number. What is learned is the same, up to rounding. If the
        devices belong to several processes, all of these make the same call, and the
        first one alone shows progress, logs and saves.

    **Returns:**

    An [`eqenvs.agents.Trained`][].

    **Raises:**

    - `TypeError` or `ValueError` if an argument is not as described above.
    - [`eqenvs.agents.TrainingDiverged`][] if a loss or a weight becomes infinite or
        NaN (not under `jax.jit` or `jax.vmap`).
    - [`eqenvs.agents.TrainingInterrupted`][], a `KeyboardInterrupt`, after Ctrl-C.
    - `OSError` if `folder` cannot be written, or already holds a run.
    - With `watch`, `NotImplementedError` if the environment has no picture, and
        `ModuleNotFoundError` if the extra `play` is not installed.

    The attribute `trained` of the first two has the result so far.
    """
    if not isinstance(algorithm, AbstractAlgorithm):
        raise TypeError(
            f"algorithm must be an algorithm such as PPO(); got {algorithm!r}."
        )
    if not isinstance(env, AbstractEnvironment):
        raise TypeError(f"env must be an environment; got {env!r}.")
    check_count("num_steps", num_steps)
    seed = None if isinstance(key, jax.Array | np.ndarray) else key
    key = as_key(key, "train")
    target = _as_target(target_return)
    num_updates = -(-int(num_steps) // algorithm.steps_per_update)
    mesh = as_lanes_mesh(mesh)
    job = Job(algorithm, env, key, mesh)
    if learner is not None:
        _check_learner(job, learner)
    if _is_traced((job, target, learner)):
        _refuse_while_traced(progress=progress, log=log, folder=folder, watch=watch)
        return _train_at_once(job, learner, num_updates, target)
    job = put(mesh, job)
    monitor = _Monitor.of(mesh, progress, log, None, checkpoint_seconds, watch)
    check_log(log, folder)
    if folder is None:
        return _train_in_pieces(job, learner, num_updates, target, monitor)
    if learner is not None:
        raise ValueError(
            "`folder` starts a new run, which takes no `learner`; `resume(folder)` "
            "continues a run."
        )
    with Recorder(folder, writes=is_first_process(mesh)) as recorder:
        recorder.create(
            env,
            algorithm,
            key,
            notes=notes or {},
            seed=seed if seed is None else int(seed),
            num_steps=int(num_steps),
            target_return=None if target is None else float(target_return),
        )
        monitor = monitor._replace(recorder=recorder)
        return _train_in_pieces(job, learner, num_updates, target, monitor)


def resume(
    folder: str | os.PathLike[str],
    *,
    num_steps: int | None = None,
    progress: bool = False,
    log: Log = None,
    checkpoint_seconds: float | int = 60,
    watch: bool = False,
    mesh: Mesh | None = None,
) -> Trained:
    """Continues a run that was ended early by Ctrl-C, a crash or a kill.

    On the same machine, with the same versions of everything, the result is the same
    bit for bit as if the run had never stopped.

    **Arguments:**

    - `folder`: the folder that [`eqenvs.agents.train`][] was given.
    - `num_steps`: the total number of environment steps; by default as before. (An
        annealed learning rate reaches zero then.)
    - `progress`, `log`, `checkpoint_seconds`, `watch`, `mesh`: as for
        [`eqenvs.agents.train`][]. The devices may differ from those before; then the
        numbers agree up to rounding.

    **Returns:**

    An [`eqenvs.agents.Trained`][], with the metrics of all updates since the first. A
    run that had already finished is returned as it is.

    **Raises:**

    As [`eqenvs.agents.load`][] and [`eqenvs.agents.train`][].
    """
    if num_steps is not None:
        check_count("num_steps", num_steps)
    check_log(log, folder)
    mesh = as_lanes_mesh(mesh)
    with Recorder(folder, writes=is_first_process(mesh)) as recorder:
        env, algorithm, key, learner, metrics = recorder.reopen(num_steps)
        record = recorder.record
        num_updates = -(-record["num_steps"] // algorithm.steps_per_update)
        target = _as_target(record["target_return"])
        monitor = _Monitor.of(mesh, progress, log, recorder, checkpoint_seconds, watch)
        job = put(mesh, Job(algorithm, env, key, mesh))
        return _train_in_pieces(job, learner, num_updates, target, monitor, metrics)


def _as_target(target_return: Any) -> Float[Array, ""] | None:
    if target_return is None:
        return None
    message = f"target_return must be a number or None; got {target_return!r}."
    is_number = isinstance(target_return, int | float | np.number | np.ndarray)
    is_number = is_number and not isinstance(target_return, bool)
    if not (is_number or eqx.is_array(target_return)) or jnp.shape(target_return) != ():
        raise TypeError(message)
    target = jnp.asarray(target_return, float)
    if not isinstance(target, jax.core.Tracer) and jnp.isnan(target):
        raise ValueError(message)
    return target


def _check_learner(job: Job, learner: Any) -> None:
    """Raises an error unless `learner` is like the first one of `job`."""
    like = eqx.filter_eval_shape(Job.first_learner, job.on_one_device())
    owner = f"{type(job.algorithm).__name__} in {type(job.env).__name__}"
    why = f"learner must come from training {owner} with the same settings"
    if type(learner) is not type(like):
        raise TypeError(f"{why}; got {show(learner)}.")
    expected, given = _kinds_of_arrays(like), _kinds_of_arrays(learner)
    for path in [*expected, *given]:
        if given.get(path) != expected.get(path):
            raise ValueError(
                f"{why}; `learner{path}` must be {expected.get(path, 'absent')}, and "
                f"is {given.get(path, 'absent')}."
            )


def _kinds_of_arrays(tree: PyTree) -> dict[str, str]:
    """The dtype and shape of every array, by its path."""
    return {
        jtu.keystr(path): f"{x.dtype}{list(x.shape)}"
        for path, x in jtu.tree_leaves_with_path(tree)
        if eqx.is_array(x) or isinstance(x, jax.ShapeDtypeStruct)
    }


def _is_traced(tree: PyTree) -> bool:
    """Whether anything is traced: these arrays, or a new one."""
    leaves = jax.tree.leaves((tree, jnp.zeros(())))
    return any(isinstance(x, jax.core.Tracer) for x in leaves)


def _refuse_while_traced(**options: Any) -> None:
    for name, value in options.items():
        if value:
            raise ValueError(
                f"`{name}` works only outside `jax.jit`, `jax.vmap` and other "
                "transformations."
            )


def _steps(job: Job, first: int, last: int) -> np.ndarray:
    updates = np.arange(first + 1, last + 1, dtype=np.int64)
    return updates * job.algorithm.steps_per_update


def _in_order(metrics: dict[str, Any]) -> dict[str, Any]:
    first = ("steps", "return", "length")
    rest = sorted(set(metrics) - set(first))
    return {name: metrics[name] for name in (*first, *rest)}


# A single program.


def _train_at_once(
    job: Job, learner: Any, num_updates: int, target: Float[Array, ""] | None
) -> Trained:
    first = 0 if learner is None else learner.num_updates
    is_known = not isinstance(first, jax.core.Tracer)
    size = max(num_updates - int(first), 0) if is_known else num_updates
    learner = start(job, learner, jnp.asarray(num_updates, jnp.int32))
    if target is None and is_known:
        learner, metrics = run_all(job, learner, size)
    else:
        target = jnp.asarray(jnp.inf) if target is None else target
        count = jnp.asarray(num_updates - first, jnp.int32)
        learner, metrics, *_ = run_updates(job, learner, target, count, size)
    steps_per_update = job.algorithm.steps_per_update
    is_large = num_updates * steps_per_update > np.iinfo(np.int32).max
    updates = first + jnp.arange(1, size + 1, dtype=float if is_large else jnp.int32)
    metrics = _in_order({"steps": updates * steps_per_update, **metrics})
    return Trained(job.algorithm.agent(learner), metrics, learner)


# A loop in Python around pieces.


# The largest number of updates in a piece, and about how long a piece should take.
_MAX_PIECE = 1024
_PIECE_SECONDS = 0.25

_Metrics = dict[str, np.ndarray]


class _Monitor(NamedTuple):
    """What to do between the pieces."""

    progress: bool
    log: Log
    recorder: Recorder | None
    checkpoint_seconds: float
    watch: bool

    @classmethod
    def of(
        cls,
        mesh: Mesh | None,
        progress: bool,
        log: Log,
        recorder: Recorder | None,
        checkpoint_seconds: float | int,
        watch: bool,
    ) -> "_Monitor":
        """What this process does: of several, the first alone shows and logs."""
        is_first = is_first_process(mesh)
        is_number = isinstance(checkpoint_seconds, int | float | np.number)
        if not is_number or not checkpoint_seconds >= 0:
            raise ValueError(
                "checkpoint_seconds must be a number, at least 0; got "
                f"{checkpoint_seconds!r}."
            )
        return cls(
            progress=progress and is_first,
            log=log if is_first else None,
            recorder=recorder,
            checkpoint_seconds=float(checkpoint_seconds),
            watch=watch and is_first,
        )

    @property
    def folder(self) -> pathlib.Path | None:
        return None if self.recorder is None else self.recorder.folder


class _SoFar(NamedTuple):
    """The progress of training. It is replaced as a whole, so that Ctrl-C cannot leave
    it half updated."""

    learner: Any
    metrics: tuple[_Metrics, ...]  # one for each piece


def _train_in_pieces(
    job: Job,
    learner: Any,
    num_updates: int,
    target: Float[Array, ""] | None,
    monitor: _Monitor,
    earlier_metrics: _Metrics | None = None,
) -> Trained:
    target = jnp.asarray(jnp.inf) if target is None else target
    target, learner, planned = put(
        job.mesh, (target, learner, jnp.asarray(num_updates, jnp.int32))
    )
    learner = start(job, learner, planned)
    so_far = _SoFar(learner, () if earlier_metrics is None else (earlier_metrics,))
    status = "finished" if _has_reached(so_far, target) else "running"
    pace, saver = _Pace(), _Saver(monitor, job.mesh)
    try:
        with (
            _watcher(job, num_updates, monitor) as watcher,
            _progress_bar(job, learner, num_updates, monitor) as bar,
            _open_log(job, learner, monitor) as log,
        ):
            while status == "running":
                left = num_updates - int(so_far.learner.num_updates)
                if left <= 0:
                    status = "finished"
                    break
                piece = pace.run(job, so_far.learner, target, left)
                if piece.diverged:
                    status = "diverged"
                    piece = _without_last(job, so_far.learner, target, piece)
                elif piece.reached:
                    status = "finished"
                if piece.num_updates > 0:
                    so_far = _join(job, so_far, piece)
                    _show(so_far.metrics[-1], bar, log)
                    if watcher is not None:
                        _show_policy(job, so_far, watcher)
                    saver.save_sometimes(so_far)
    except KeyboardInterrupt as error:
        saver.save_alone(so_far, "interrupted")
        message = _message(job, so_far, "was interrupted", monitor)
        raise TrainingInterrupted(
            message, _trained(job, so_far), monitor.folder
        ) from error
    except BaseException:
        saver.save_alone(so_far, "failed")
        raise
    saver.save(so_far, status)
    if status == "diverged":
        message = _message(job, so_far, "diverged", monitor)
        message += (
            " In the next update, a loss or a weight became infinite or NaN. A smaller "
            "learning rate or smaller rewards may help."
        )
        raise TrainingDiverged(message, _trained(job, so_far), monitor.folder)
    return _trained(job, so_far)


class _Pace:
    """Chooses the number of updates in a piece from how long the last piece took."""

    def __init__(self):
        self.size = 1
        self.is_compiled = False

    def run(self, job: Job, learner: Any, target: Any, limit: int) -> Piece:
        size = agree(job.mesh, min(self.size, limit))
        begin = time.perf_counter()
        count = put(job.mesh, jnp.asarray(size, jnp.int32))
        piece = run_updates(job, learner, target, count, _MAX_PIECE)
        jax.block_until_ready(piece.num_updates)
        seconds = max(time.perf_counter() - begin, 1e-6)
        if self.is_compiled:
            factor = min(_PIECE_SECONDS / seconds, 4.0)
            self.size = min(max(int(size * factor), 1), _MAX_PIECE)
        self.is_compiled = True
        return piece


class _Saver:
    """Saves every so often."""

    def __init__(self, monitor: _Monitor, mesh: Mesh | None):
        self.recorder = monitor.recorder
        self.mesh = mesh
        self.seconds = monitor.checkpoint_seconds
        self.last = time.monotonic()

    def save_sometimes(self, so_far: _SoFar) -> None:
        is_time = time.monotonic() - self.last >= self.seconds
        if self.recorder is not None and agree(self.mesh, int(is_time)):
            self.save(so_far, "running")
            self.last = time.monotonic()

    def save(self, so_far: _SoFar, status: str) -> None:
        if self.recorder is not None:
            learner = fetch(self.mesh, so_far.learner)
            self.recorder.save(learner, so_far.metrics, status)

    def save_alone(self, so_far: _SoFar, status: str) -> None:
        """Saves without the help of other processes, which may not be there."""
        if not has_many_processes(self.mesh):
            self.save(so_far, status)


def _without_last(job: Job, learner: Any, target: Any, piece: Piece) -> Piece:
    """The same piece without its last update: repeats the others."""
    count = put(job.mesh, piece.num_updates - 1)
    return run_updates(job, learner, target, count, _MAX_PIECE)


def _join(job: Job, so_far: _SoFar, piece: Piece) -> _SoFar:
    first, count = int(so_far.learner.num_updates), int(piece.num_updates)
    metrics = {name: np.asarray(row)[:count] for name, row in piece.metrics.items()}
    metrics = _in_order({"steps": _steps(job, first, first + count), **metrics})
    return _SoFar(piece.learner, (*so_far.metrics, metrics))


def _has_reached(so_far: _SoFar, target: Any) -> bool:
    return any(metrics["return"][-1] >= target for metrics in so_far.metrics)


def _progress_bar(job: Job, learner: Any, num_updates: int, monitor: _Monitor) -> Any:
    if not monitor.progress:
        return contextlib.nullcontext()
    steps_per_update = job.algorithm.steps_per_update
    done = int(learner.num_updates) * steps_per_update
    return Progress(done, num_updates * steps_per_update)


def _open_log(job: Job, learner: Any, monitor: _Monitor) -> Any:
    settings: dict[str, Any] = {
        "algorithm": str(job.algorithm),
        "environment": str(job.env),
    }
    if monitor.recorder is not None:
        settings |= monitor.recorder.record
    steps = int(learner.num_updates) * job.algorithm.steps_per_update
    return open_log(monitor.log, monitor.folder, steps, settings)


def _watcher(job: Job, num_updates: int, monitor: _Monitor) -> Any:
    if not monitor.watch:
        return contextlib.nullcontext()
    from ..rendering.watch import Watcher

    return Watcher(job.env, num_steps=num_updates * job.algorithm.steps_per_update)


def _show_policy(job: Job, so_far: _SoFar, watcher: Any) -> None:
    metrics = so_far.metrics[-1]
    watcher.show(
        lambda: _agent(job, so_far.learner),
        int(metrics["steps"][-1]),
        float(metrics["return"][-1]),
    )


def _show(metrics: _Metrics, bar: Progress | None, log: Any) -> None:
    for i in range(len(metrics["steps"])):
        row = {name: column[i].item() for name, column in metrics.items()}
        if log is not None:
            log(row)
        if bar is not None:
            bar.show(row["steps"], row["return"])


def _message(job: Job, so_far: _SoFar, what: str, monitor: _Monitor) -> str:
    name = type(job.algorithm).__name__
    steps = int(so_far.learner.num_updates) * job.algorithm.steps_per_update
    text = f"{name} {what} after {steps:,} steps. "
    if monitor.folder is not None:
        return text + f"The result so far is saved in {monitor.folder}."
    return text + "The result so far is the attribute `trained` of this error."


def _trained(job: Job, so_far: _SoFar) -> Trained:
    metrics = {"steps": _steps(job, 0, 0)}
    if so_far.metrics:
        metrics = {
            name: np.concatenate([metrics[name] for metrics in so_far.metrics])
            for name in so_far.metrics[0]
        }
    return Trained(_agent(job, so_far.learner), metrics, so_far.learner)


def _agent(job: Job, learner: Any) -> Any:
    return copied(job.mesh, job.algorithm.agent(learner))
