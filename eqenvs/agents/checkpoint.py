"""Runs on disk: what a folder holds, and how it survives being killed at any moment.

- `run.json`: the configurations of environment and algorithm, the key, the planned and
    the completed steps, the versions of eqenvs and JAX.
- `learner.eqx`: the learner: its checksum, a line that describes it, and its arrays.
- `metrics.csv`: the metrics of every update.
- `arrays.npz`: the arrays in the configurations, if there are any.

`run.json` is written first, and `learner.eqx` after the first updates; each is replaced
as a whole. `metrics.csv` grows; rows after the learner's last update are dropped when
training continues. The process that trains holds a lock on the folder.
"""

import csv
import hashlib
import importlib.metadata
import io
import json
import os
import pathlib
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import numpy as np
from jaxtyping import Array, Key, PyTree

from .._checks import as_key
from .._config import from_config, to_config
from .._environment import AbstractEnvironment
from .._files import write_safely
from .._registry import registered
from ..random import key as fast_key
from ._algorithm import AbstractAlgorithm, AbstractLearner


_FORMAT = 1


class Run(NamedTuple):
    """A run that [`eqenvs.agents.load`][] has read.

    - `env`, `algorithm`: the environment and the algorithm; the latter is `None` if the
        agent is an exact one that comes with the library.
    - `agent`: the policy learned so far.
    - `metrics`: as in [`eqenvs.agents.Trained`][], of all updates so far.
    - `learner`: the learner; `None` if eqenvs 0.1.0 saved the run, or if the agent
        comes with the library.
    - `record`: the contents of `run.json`.
    """

    env: AbstractEnvironment
    algorithm: AbstractAlgorithm | None
    agent: Any
    metrics: dict[str, np.ndarray]
    learner: AbstractLearner | None
    record: dict[str, Any]


def load(folder: str | os.PathLike[str]) -> Run:
    """Reads a trained agent: the folder of a run, finished or not, or an agent that
    comes with the library.

    ```python
    run = load("runs/CartPole-v1-seed0")
    run = load("Breakout-MinAtar")
    eqenvs.evaluate(run.env, run.agent.greedy, 0, num_episodes=1_000)
    ```

    **Arguments:**

    - `folder`: a folder that [`eqenvs.agents.train`][] or `eqenvs train` wrote, or one
        of the ids of [`eqenvs.agents.pretrained`][]. A folder of that name comes first.

    **Returns:**

    An [`eqenvs.agents.Run`][].

    **Raises:**

    `OSError` or `ValueError`, naming the file, if one is missing or damaged, does not
    match the others, or was written in the other precision.
    """
    from ._pretrained import load_pretrained, pretrained

    name, folder = str(folder), pathlib.Path(folder)
    if name in registered() and not folder.exists():
        if name in pretrained():
            return load_pretrained(name)
        raise FileNotFoundError(
            f"no agent for {name} comes with eqenvs, and there is no folder of that "
            f"name. There are agents for {', '.join(pretrained())}."
        )
    record = read_record(folder)
    if _is_of_version_0_1(record):
        from ._version_0_1 import load as load_0_1

        return load_0_1(folder, record)
    env, algorithm = read_configs(folder, record)
    learner = read_learner(folder, env, algorithm, _read_key(folder, record))
    if learner is None:
        raise FileNotFoundError(
            f"there is no agent in {folder} yet: {folder / _LEARNER} is missing. "
            "Training ended before its first checkpoint; it can be resumed."
        )
    metrics = read_metrics(folder, int(learner.num_updates))
    return Run(env, algorithm, algorithm.agent(learner), metrics, learner, record)


def annotate(folder: str | os.PathLike[str], **entries: Any) -> None:
    """Adds entries to the `run.json` of a run that is not being trained.

    **Arguments:**

    - `folder`: the folder of the run.
    - `entries`: names and values that JSON can hold.
    """
    with Recorder(folder) as recorder:
        recorder.annotate(entries)


# The record.


_RECORD, _LEARNER, _METRICS, _ARRAYS = (
    "run.json", "learner.eqx", "metrics.csv", "arrays.npz"
)  # fmt: skip


def read_record(folder: pathlib.Path) -> dict[str, Any]:
    """The contents of a folder's `run.json`."""
    path = folder / _RECORD
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no saved agent in {folder}: {path} is missing. `eqenvs train` "
            "prints the folder that it saves an agent in."
        )
    try:
        record = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is damaged: it is not JSON ({error}).") from None
    if _is_of_version_0_1(record):
        return record
    entries = ("format", "environment", "algorithm", "key", "num_steps", "x64")
    missing = [x for x in entries if not isinstance(record, dict) or x not in record]
    if missing:
        raise ValueError(
            f"{path} is damaged, or not the record of a run: it has no entry "
            f"{missing[0]!r}."
        )
    if record["format"] != _FORMAT:
        raise ValueError(
            f"{path} was written by another version of eqenvs, "
            f"{record.get('versions', {}).get('eqenvs')}, in a format unknown to this "
            "one. Read it with that version."
        )
    if record["x64"] != jax.config.jax_enable_x64:  # pyright: ignore
        bits, other = (64, "JAX_ENABLE_X64=1") if record["x64"] else (32, "no x64")
        raise ValueError(
            f"{path} belongs to a run with {bits}-bit numbers, which can only be read "
            f"with {bits}-bit numbers ({other})."
        )
    return record


def _is_of_version_0_1(record: Any) -> bool:
    return isinstance(record, dict) and "ppo" in record and "format" not in record


def read_configs(
    folder: pathlib.Path, record: dict[str, Any]
) -> tuple[AbstractEnvironment, AbstractAlgorithm]:
    """The environment and the algorithm that a folder and its `run.json` describe."""
    arrays = {}
    if (folder / _ARRAYS).is_file():
        try:
            with np.load(folder / _ARRAYS, allow_pickle=False) as file:
                arrays = dict(file)
        except Exception as error:
            raise ValueError(f"{folder / _ARRAYS} is damaged: {error}") from None
    found = []
    kinds = {"environment": AbstractEnvironment, "algorithm": AbstractAlgorithm}
    for name, kind in kinds.items():
        try:
            thing = from_config(with_arrays(record[name], arrays))
        except (TypeError, ValueError, KeyError) as error:
            raise ValueError(
                f"{folder / _RECORD} does not describe an {name}: {error}"
            ) from None
        if not isinstance(thing, kind):
            raise ValueError(
                f"{folder / _RECORD} does not describe an {name}: got {thing!r}."
            )
        found.append(thing)
    return tuple(found)


def without_arrays(config: Any, name: str, arrays: dict[str, np.ndarray]) -> Any:
    """A configuration as JSON; its arrays go into `arrays`."""
    if isinstance(config, Mapping):
        return {k: without_arrays(x, f"{name}.{k}", arrays) for k, x in config.items()}
    if isinstance(config, np.ndarray):
        arrays[name] = config
        return {"array": name}
    return config


def with_arrays(config: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Undoes `without_arrays`."""
    if isinstance(config, Mapping):
        if set(config) == {"array"}:
            return arrays[config["array"]]
        return {k: with_arrays(x, arrays) for k, x in config.items()}
    return config


def _implementations() -> dict[str, Any]:
    """The key implementations of eqenvs, by their names in `run.json`."""
    keys = {
        "eqenvs": fast_key(0),
        # The same numbers as JAX's own.
        "threefry2x32": as_key(jr.key(0, impl="threefry2x32"), "train"),
    }
    return {name: jr.key_impl(key) for name, key in keys.items()}


def _write_key(key: Key[Array, ""]) -> dict[str, Any]:
    names = {impl: name for name, impl in _implementations().items()}
    implementation = names.get(jr.key_impl(key), str(jr.key_impl(key)))
    words = np.asarray(jr.key_data(key)).tolist()
    return {"implementation": implementation, "words": words}


def _read_key(folder: pathlib.Path, record: dict[str, Any]) -> Key[Array, ""]:
    """The key that a run was started with."""
    try:
        name = record["key"]["implementation"]
        words = jnp.asarray(np.array(record["key"]["words"], np.uint32))
        return jr.wrap_key_data(words, impl=_implementations().get(name, name))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"the key in {folder / _RECORD} is damaged: {error}") from None


# The learner.


def _write_learner(learner: AbstractLearner) -> bytes:
    """Its checksum, a line that describes it, and its arrays."""
    buffer = io.BytesIO()
    eqx.tree_serialise_leaves(buffer, _plain_arrays(learner))
    header = {"format": _FORMAT, "leaves": _describe(learner)}
    content = json.dumps(header).encode() + b"\n" + buffer.getvalue()
    return hashlib.sha256(content).hexdigest().encode() + b"\n" + content


def read_learner(
    folder: pathlib.Path,
    env: AbstractEnvironment,
    algorithm: AbstractAlgorithm,
    key: Key[Array, ""],
) -> Any:
    """The learner in a folder, or `None` if there is none yet."""
    path = folder / _LEARNER
    if not path.is_file():
        return None
    checksum, _, content = path.read_bytes().partition(b"\n")
    if checksum != hashlib.sha256(content).hexdigest().encode():
        raise ValueError(
            f"{path} is damaged, or was not saved by eqenvs: its checksum does not "
            "match its contents."
        )
    header, _, payload = content.partition(b"\n")
    like = eqx.filter_eval_shape(algorithm.init, env, key)
    found, wanted = json.loads(header)["leaves"], _describe(like)
    for leaf, other in zip(found, wanted, strict=False):
        if leaf != other:
            raise ValueError(
                f"{path} does not match {folder / _RECORD}: it holds {_say(leaf)} "
                f"instead of {_say(other)}."
            )
    if len(found) != len(wanted):
        raise ValueError(
            f"{path} does not match {folder / _RECORD}: it holds {len(found)} arrays "
            f"instead of {len(wanted)}."
        )
    implementations = []

    def plain_arrays(key):
        learner = algorithm.init(env, key)
        keys = [x for x in jax.tree.leaves(learner) if eqx.is_array(x) and _is_key(x)]
        implementations.extend(jr.key_impl(x) for x in keys)
        return _plain_arrays(learner)

    like_arrays = eqx.filter_eval_shape(plain_arrays, key)
    arrays = iter(eqx.tree_deserialise_leaves(io.BytesIO(payload), like_arrays))

    def read(x):
        if not _is_array(x):
            return x
        array = next(arrays)
        if _is_key(x):
            return jr.wrap_key_data(array, impl=implementations.pop(0))
        return array

    return jax.tree.map(read, like)


def _plain_arrays(tree: PyTree) -> list[Array]:
    """The arrays of a tree, with the words of keys in place of the keys."""
    arrays = [x for x in jax.tree.leaves(tree) if _is_array(x)]
    return [jr.key_data(x) if _is_key(x) else x for x in arrays]


def _is_array(x: Any) -> bool:
    return eqx.is_array(x) or isinstance(x, jax.ShapeDtypeStruct)


def _is_key(x: Any) -> bool:
    return jnp.issubdtype(x.dtype, jax.dtypes.prng_key)


def _describe(tree: PyTree) -> list[list[Any]]:
    return [
        [jtu.keystr(path), str(x.dtype), list(x.shape)]
        for path, x in jtu.tree_leaves_with_path(tree)
        if _is_array(x)
    ]


def _say(leaf: list[Any]) -> str:
    name, dtype, shape = leaf
    return f"`learner{name}` of dtype {dtype} and shape {tuple(shape)}"


# The metrics.


def read_metrics(folder: pathlib.Path, num_updates: int) -> dict[str, np.ndarray]:
    """The metrics of the first `num_updates` updates of a run."""
    path = folder / _METRICS
    try:
        with path.open(newline="") as file:
            lines = list(csv.reader(file))
        names, rows = lines[0], lines[1 : num_updates + 1]
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
        dtypes = [np.int64] + [jnp.result_type(float)] * (len(names) - 1)
        metrics = {
            name: np.array(column, dtype=dtype)
            for name, column, dtype in zip(names, columns, dtypes, strict=True)
        }
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is missing.") from None
    except (ValueError, IndexError) as error:
        raise ValueError(f"{path} is damaged: {error}.") from None
    if len(rows) < num_updates:
        raise ValueError(
            f"{path} is damaged: it has {len(rows)} of {num_updates} rows."
        )
    return metrics


# Writing.


class Recorder:
    """Writes a run while it trains. A context manager that holds the run's lock.

    - `folder`: the folder of the run.
    - `writes`: whether this process writes. Of several that train together, only one
        does; for the others, nothing here has an effect but to read.
    - `record`: the contents of `run.json`.
    """

    def __init__(self, folder: str | os.PathLike[str], *, writes: bool = True):
        self.folder = pathlib.Path(folder)
        self.writes = writes
        self.record: dict[str, Any] = {}
        self._metrics: Any = None  # the file, open
        self._size = 0  # of it
        self._pieces = 0  # in it

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, *exception: Any) -> None:
        if self._metrics is not None:
            self._metrics.close()

    def create(
        self,
        env: AbstractEnvironment,
        algorithm: AbstractAlgorithm,
        key: Key[Array, ""],
        notes: Mapping[str, Any],
        **entries: Any,
    ) -> None:
        """Starts a run.

        **Arguments:**

        - `env`, `algorithm`, `key`: those of the run.
        - `notes`, `entries`: more entries for `run.json`.

        **Raises:**

        `OSError` if the folder cannot be written, or already holds a run; `TypeError`
        or `ValueError` if the environment or the algorithm has no configuration, or the
        notes are not JSON.
        """
        if not self.writes:
            return
        arrays: dict[str, np.ndarray] = {}
        self.record = {
            **notes,
            "format": _FORMAT,
            "environment": without_arrays(to_config(env), "environment", arrays),
            "algorithm": without_arrays(to_config(algorithm), "algorithm", arrays),
            "key": _write_key(key),
            **entries,
            "x64": bool(jax.config.jax_enable_x64),  # pyright: ignore
            "versions": _versions(),
            "status": "running",
            "steps": 0,
        }
        json.dumps(self.record)  # Raises before anything is written.
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock()
        if (self.folder / _RECORD).exists():
            raise FileExistsError(
                f"{self.folder} already holds a run. Resume it, or choose another "
                "folder."
            )
        self._metrics.truncate(0)
        (self.folder / _LEARNER).unlink(missing_ok=True)
        if arrays:
            buffer = io.BytesIO()
            np.savez(buffer, allow_pickle=False, **arrays)
            write_safely(self.folder / _ARRAYS, buffer.getvalue())
        self._write_record()

    def reopen(
        self, num_steps: int | None
    ) -> tuple[AbstractEnvironment, AbstractAlgorithm, Key[Array, ""], Any, Any]:
        """Continues a run.

        **Arguments:**

        - `num_steps`: the total number of steps; `None` for what was planned.

        **Returns:**

        The environment, the algorithm, the key, the learner and the metrics so far;
        the last two are `None` if there was no checkpoint.

        **Raises:**

        `OSError` or `ValueError` if the run cannot be read, or is being trained.
        """
        record = read_record(self.folder)
        if _is_of_version_0_1(record):
            raise ValueError(
                f"the run in {self.folder} was saved by eqenvs 0.1.0, which did not "
                "save what is needed to continue it. Evaluate it, or train again."
            )
        if self.writes:
            self._lock()
            record = read_record(self.folder)  # again, now that nobody can write it
        env, algorithm = read_configs(self.folder, record)
        key = _read_key(self.folder, record)
        learner = read_learner(self.folder, env, algorithm, key)
        num_updates = 0 if learner is None else int(learner.num_updates)
        metrics = None
        if num_updates > 0:
            metrics = read_metrics(self.folder, num_updates)
            self._pieces = 1
        num_steps = record["num_steps"] if num_steps is None else int(num_steps)
        self.record = {**record, "num_steps": num_steps, "status": "running"}
        if not self.writes:
            return env, algorithm, key, learner, metrics
        # The header, and a row for every update.
        kept = self._metrics.readlines()[: num_updates + 1] if num_updates else []
        self._size = sum(map(len, kept))
        versions = _versions()
        if record["versions"] != versions:
            warnings.warn(
                f"the run in {self.folder} was started with {record['versions']} and "
                f"continues with {versions}: the numbers may differ.",
                stacklevel=3,
            )
        self._write_record()
        return env, algorithm, key, learner, metrics

    def save(
        self,
        learner: AbstractLearner,
        metrics: tuple[Mapping[str, np.ndarray], ...],
        status: str,
    ) -> None:
        """Writes a checkpoint.

        **Arguments:**

        - `learner`: the learner.
        - `metrics`: the metrics of all updates, in pieces; pieces that an earlier
            checkpoint wrote are ignored.
        - `status`: the status of the run.
        """
        if not self.writes:
            return
        if metrics:
            self._write_metrics(metrics)
            write_safely(self.folder / _LEARNER, _write_learner(learner))
            self.record["steps"] = int(metrics[-1]["steps"][-1])
        self.record["status"] = status
        self._write_record()

    def annotate(self, entries: Mapping[str, Any]) -> None:
        """Adds entries to `run.json`."""
        read_record(self.folder)
        self._lock()
        self.record = read_record(self.folder) | dict(entries)
        self._write_record()

    def _write_metrics(self, metrics: tuple[Mapping[str, np.ndarray], ...]) -> None:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if self._size == 0:
            writer.writerow(metrics[0])
        for piece in metrics[self._pieces :]:
            # The shortest decimal number that reads back as the same float.
            rows = zip(*piece.values(), strict=True)
            writer.writerows([str(x) for x in row] for row in rows)
        # From the end of the last checkpoint, in case a later write was interrupted.
        self._metrics.seek(self._size)
        self._metrics.truncate()
        self._metrics.write(text.getvalue().encode())
        self._metrics.flush()
        os.fsync(self._metrics.fileno())
        self._size, self._pieces = self._metrics.tell(), len(metrics)

    def _write_record(self) -> None:
        text = json.dumps(self.record, indent=2) + "\n"
        write_safely(self.folder / _RECORD, text.encode())

    def _lock(self) -> None:
        """Opens and locks the metrics. The lock ends with the process, even if it is
        killed."""
        path = self.folder / _METRICS
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        self._metrics = os.fdopen(descriptor, "r+b")
        try:
            _lock_file(self._metrics)
        except OSError as error:
            raise BlockingIOError(
                f"another process is training in {self.folder}."
            ) from error


def _lock_file(file: Any) -> None:
    try:
        import fcntl
    except ModuleNotFoundError:  # Windows
        import msvcrt

        # One byte, far beyond the end of the file.
        file.seek(2**40)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # pyright: ignore
        file.seek(0)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _versions() -> dict[str, str]:
    packages = ("eqenvs", "jax", "jaxlib", "equinox")
    return {name: importlib.metadata.version(name) for name in packages}


__all__ = ["Run", "annotate", "load"]
