"""The sweep: trains an agent in every setting and scores the results."""

import json
import os
import pathlib
import time
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np
from jax.sharding import Mesh

from ..._checks import as_key
from ..._config import to_config
from ..._files import write_safely
from ._files import (
    is_finished,
    load,
    path_of,
    read_learners,
    unfinished_path,
    write_learners,
    write_report,
    write_rows,
)
from ._programs import (
    Lanes,
    planned_episodes,
    play,
    Program,
    programs,
    rows_of,
    spread,
    start,
)
from ._scores import abilities, scores
from ._settings import EXPERIMENTS, Setting


# The seconds between two looks at the lanes.
_PIECE_SECONDS = 1.0
# How much work a kill may cost.
_SAVE_SECONDS = 60.0


class Sweep(NamedTuple):
    """The results of a sweep.

    - `scores`: a number from 0 to 1 for each experiment.
    - `abilities`: the mean score of the experiments with each of the seven tags; NaN if
        none of them has run.
    - `folder`: the folder with the CSV files, `radar.png` and `report.md`.
    """

    scores: dict[str, float]
    abilities: dict[str, float]
    folder: pathlib.Path


def run(
    algorithm: Any,
    folder: str | os.PathLike[str],
    *,
    seed: int = 0,
    experiments: Sequence[str] | None = None,
    quick: bool = False,
    progress: bool = False,
) -> Sweep:
    """Trains one agent in each of bsuite's settings and scores it.

    ```python
    sweep = run(PPO(num_envs=1, num_minibatches=1), "runs/bsuite")
    sweep.abilities["memory"]
    ```

    An agent plays one episode after another, in one environment, for as many episodes
    as bsuite prescribes. Schedules, such as that of the learning rate, follow the share
    of episodes played so far. Settings of the same shape are lanes of one program,
    spread over all devices. As soon as a setting is finished, its file is written in
    bsuite's own format. If the sweep is interrupted, the same call finishes it, and
    repeats at most the last minute.

    **Arguments:**

    - `algorithm`: an algorithm with one environment, such as `PPO(num_envs=1)`.
    - `folder`: a new folder for the results, or that of an unfinished sweep with the
        same arguments.
    - `seed`: seed for the random numbers.
    - `experiments`: the names of the experiments; all 23 by default. MNIST needs files:
        see [`eqenvs.MNISTBandit`][].
    - `quick`: whether to play only a tenth of the episodes, for a first impression.
    - `progress`: whether to show a progress bar.

    **Returns:**

    An [`eqenvs.sweeps.bsuite.Sweep`][].

    **Raises:**

    - `TypeError` or `ValueError` if an argument is not as described above, or `folder`
        holds the results of a different sweep.
    - `FileNotFoundError` if MNIST is missing and cannot be downloaded.
    - `OSError` if `folder` cannot be written.
    """
    from ...agents import AbstractAlgorithm

    if not isinstance(algorithm, AbstractAlgorithm):
        raise TypeError(
            f"algorithm must be an algorithm such as PPO(num_envs=1); got "
            f"{algorithm!r}."
        )
    chosen = _check_experiments(experiments)
    key = as_key(seed, "run")
    folder = pathlib.Path(folder)
    fraction = 0.1 if quick else 1.0
    _begin(folder, algorithm, int(seed), quick)
    left = [_unfinished(folder, p, fraction) for p in programs(chosen)]
    if any(s.experiment.startswith("mnist") for p in left for s in p.settings):
        next(s for p in left for s in p.settings if "mnist" in s.experiment).base()
    with _Bar(progress, left, fraction) as bar:
        for program in left:
            if program.settings:
                _run_program(algorithm, program, key, fraction, folder, bar)
    by_experiment = scores(load(folder))
    write_report(
        folder,
        type(algorithm).__name__,
        {"seed": seed, **_described(algorithm)},
        _notes(by_experiment, quick),
    )
    return Sweep(by_experiment, abilities(by_experiment), folder)


def _check_experiments(experiments: Sequence[str] | None) -> tuple[str, ...]:
    if experiments is None:
        return EXPERIMENTS
    if isinstance(experiments, str) or not experiments:
        raise TypeError(
            "experiments must be a sequence of names, or None for all of them; got "
            f"{experiments!r}."
        )
    for name in experiments:
        if name not in EXPERIMENTS:
            raise ValueError(
                f"bsuite has no experiment {name!r}; it has {', '.join(EXPERIMENTS)}."
            )
    return tuple(name for name in EXPERIMENTS if name in experiments)


def _begin(folder: pathlib.Path, algorithm: Any, seed: int, quick: bool) -> None:
    """Makes the folder, or checks that it holds this same sweep."""
    config = {"algorithm": to_config(algorithm), "seed": seed, "quick": quick}
    config = json.loads(json.dumps(config, default=np.ndarray.tolist))
    path = folder / "run.json"
    if path.exists():
        found = json.loads(path.read_text())
        if found != config:
            raise ValueError(
                f"{folder} holds a sweep with other arguments: "
                f"{_differences(found, config)}. Choose another folder."
            )
        return
    if folder.is_dir() and any(folder.glob(f"{path_of(folder, _ANY).stem[:12]}*")):
        raise ValueError(
            f"{folder} holds bsuite results from elsewhere. Choose another folder."
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_safely(path, json.dumps(config, indent=2).encode())


_ANY = Setting("catch", 0, {}, 1, ())


def _differences(found: dict[str, Any], config: dict[str, Any]) -> str:
    found, config = ({**x.pop("algorithm"), **x} for x in (dict(found), dict(config)))
    return "; ".join(
        f"{name} was {found.get(name)!r} and is {config.get(name)!r}"
        for name in {**found, **config}
        if found.get(name) != config.get(name)
    )


def _described(algorithm: Any) -> dict[str, Any]:
    return {k: v for k, v in to_config(algorithm).items() if k != "class"}


def _notes(scored: Collection[str], quick: bool) -> str:
    notes = ["Every number is a score from 0 to 1, by the rules of bsuite 0.3.6."]
    if quick:
        notes.append(
            "**Quick:** every agent played a tenth of bsuite's episodes, so these are "
            "not bsuite's scores."
        )
    missing = [name for name in EXPERIMENTS if name not in scored]
    if missing:
        notes.append(f"**Left out:** {', '.join(missing)}.")
    return "\n\n".join(notes)


def _unfinished(folder: pathlib.Path, program: Program, fraction: float) -> Program:
    left = [
        s
        for s in program.settings
        if not is_finished(folder, s, planned_episodes(s, fraction))
    ]
    return program._replace(settings=tuple(left))


class _Bar:
    """A progress bar over the episodes of all settings."""

    def __init__(self, progress: bool, left: Sequence[Program], fraction: float):
        self._bar = None
        self._base = 0
        if progress:
            try:
                from tqdm import tqdm
            except ModuleNotFoundError as error:
                raise ModuleNotFoundError(
                    "a progress bar needs the package tqdm: pip install "
                    '"eqenvs[agents]"',
                    name=error.name,
                ) from error
            total = sum(planned_episodes(s, fraction) for p in left for s in p.settings)
            self._bar = tqdm(total=total, unit=" episodes", unit_scale=True)

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *exception: Any) -> None:
        if self._bar is not None:
            self._bar.close()

    def begin(self, name: str) -> None:
        if self._bar is not None:
            self._bar.set_description(name)
            self._base = self._bar.n

    def show(self, num_episodes: int) -> None:
        """How many episodes of this program have been played."""
        if self._bar is not None:
            self._bar.update(self._base + num_episodes - self._bar.n)


def _run_program(
    algorithm: Any,
    program: Program,
    key: Any,
    fraction: float,
    folder: pathlib.Path,
    bar: _Bar,
) -> None:
    bar.begin(program.name)
    goal = planned_episodes(program.settings[0], fraction)
    lanes = start(algorithm, program, key, fraction)
    playing = list(program.settings)
    unfinished = unfinished_path(folder, program.name)
    learners = read_learners(unfinished, playing, lanes.learners)
    lanes = eqx.tree_at(lambda l: l.learners, lanes, learners)
    saved = time.perf_counter()
    lanes, mesh = _spread(lanes, range(len(playing)))
    finished: set[str] = set()
    count, is_compiled = 1, False
    while playing:
        began = time.perf_counter()
        lanes = play(algorithm, lanes, goal, count, mesh)
        record = lanes.record
        episodes = np.asarray(record.num_episodes).reshape(record.rows.shape[0], -1)
        episodes = np.minimum(episodes[: len(playing), 0], goal).astype(int)
        for lane, setting in enumerate(playing):
            if episodes[lane] == goal and setting.id not in finished:
                write_rows(folder, setting, rows_of(record, lane))
                finished.add(setting.id)
        left = [i for i, s in enumerate(playing) if s.id not in finished]
        gone = len(program.settings) - len(playing)
        bar.show(gone * goal + int(episodes.sum()))
        if time.perf_counter() - saved > _SAVE_SECONDS:
            write_learners(unfinished, playing, lanes.learners)
            saved = time.perf_counter()
        # A program of half the size takes some seconds to compile.
        if 2 * len(left) <= len(playing):
            playing = [playing[i] for i in left]
            if playing:
                lanes, mesh = _spread(lanes, left)
            is_compiled = False
        elif is_compiled:
            elapsed = time.perf_counter() - began
            ratio = np.clip(_PIECE_SECONDS / elapsed, 0.25, 8)
            count = max(int(count * ratio), 1)
        else:
            is_compiled = True
    unfinished.unlink(missing_ok=True)


def _spread(lanes: Lanes, chosen: Sequence[int]) -> tuple[Lanes, Mesh | None]:
    """Some lanes, spread evenly over all devices by repeating the last one."""
    devices = jax.devices()[: len(chosen)]
    if len(devices) == 1:
        return lanes.take(chosen), None
    rest = -len(chosen) % len(devices)
    lanes = lanes.take([*chosen, *[chosen[-1]] * rest])
    mesh = Mesh(np.array(devices), ("lanes",))
    return spread(lanes, mesh), mesh
