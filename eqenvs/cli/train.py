"""`eqenvs train`"""

import contextlib
import dataclasses
import json
import pathlib
import sys
import time
from typing import Any, TYPE_CHECKING

import equinox as eqx
import numpy as np

from .._checks import as_key, check_count
from .._files import new_folder, write_safely
from . import _environments
from ._algorithms import find, look_in_current_folder
from ._arguments import (
    Algorithm,
    Assignments,
    command,
    OptionalFloat,
    OptionalFolder,
    OptionalId,
    OptionalInt,
    OptionalLog,
    parse,
    Wrappers,
)
from ._report import report
from ._wrappers import wrap


if TYPE_CHECKING:
    from ..agents import Run


@command
class Train:
    """Train an agent, and save it with its learning curve.

    Set any hyperparameter with `--agent.NAME VALUE`, and any parameter of the
    environment with `--env.NAME VALUE`: `--agent.num-envs 128 --env.gravity 3.7`. To
    list them, run `eqenvs info ppo` or `eqenvs info CartPole-v1`.
    """

    id: OptionalId = None
    """The environment, such as CartPole-v1, or your own, written
    mymodule:MyEnvironment."""
    resume: OptionalFolder = None
    """Continue the run in this folder, or the runs of --seeds, which ended early."""
    algorithm: Algorithm = "ppo"
    agent: Assignments = ()
    """Hyperparameters of the algorithm, such as learning_rate=1e-3 num_envs=128. The
    defaults are values known to work in this environment, if there are any, or else the
    algorithm's."""
    parameters: Assignments = ()
    """Parameters of the environment, such as gravity=3.7 pole_mass=0.2. Where others
    than its own make training succeed, those are the defaults."""
    wrappers: Wrappers = ()
    """Wrappers around the environment, the innermost first, each followed by its
    parameters: StickyAction FrameStack num_frames=4. Your own are written
    mymodule:MyWrapper."""
    num_steps: OptionalInt = None
    """Total number of steps in all environments. The default is a number known to be
    enough for this environment, if there is one, or else 1,000,000."""
    seed: int = 0
    """Seed for the random numbers."""
    seeds: int = 1
    """Number of runs, one after another, with consecutive seeds from --seed on. Several
    runs share a folder, whose learning curve shows their mean and their spread."""
    learning_rate: OptionalFloat = None
    """The same as --agent.learning-rate."""
    discount: OptionalFloat = None
    """The same as --agent.discount."""
    num_envs: OptionalInt = None
    """The same as --agent.num-envs."""
    num_episodes: int = 100
    """Number of episodes in the final evaluation."""
    checkpoint_seconds: float = 60.0
    """Time between checkpoints, in seconds."""
    log: OptionalLog = None
    """Also log the metrics for TensorBoard, in the folder of the run, or to Weights &
    Biases."""
    watch: bool = False
    """Open a page in the browser that shows the current policy while it trains."""
    output: pathlib.Path = pathlib.Path("runs")
    """Parent folder. The run gets a new folder inside it."""

    def run(self) -> None:
        # Errors should come before training, not after it.
        check_count("num_episodes", self.num_episodes)
        check_count("seeds", self.seeds)
        if self.resume is not None:
            self._check_resume()
            if (self.resume / _SEEDS).is_file():
                self._go_on_with_seeds(self.resume)
                return
        elif self.seeds > 1:
            self._begin_seeds()
            return
        self._run_once()

    def _begin_seeds(self) -> None:
        last = self.seed + self.seeds - 1
        as_key(last, "train")
        if self.id is None:
            self._begin()  # Says so, and ends.
        folder = new_folder(self.output, f"{self.id}-seeds{self.seed}-{last}")
        arguments = dataclasses.asdict(self)
        for name in ("resume", "output"):
            del arguments[name]
        text = json.dumps(arguments, indent=2) + "\n"
        write_safely(folder / _SEEDS, text.encode())
        try:
            self._run_seeds(folder)
        except BaseException:
            if [*folder.iterdir()] == [folder / _SEEDS]:
                (folder / _SEEDS).unlink()
            _remove_if_empty(folder)
            raise

    def _go_on_with_seeds(self, folder: pathlib.Path) -> None:
        """Continues the runs that have begun, and makes those that have not."""
        path = folder / _SEEDS
        try:
            arguments: dict[str, Any] = {
                name: tuple(value) if isinstance(value, list) else value
                for name, value in json.loads(path.read_bytes()).items()
            }
            begun = Train(**arguments)
        except (ValueError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} is damaged: {error}.") from None
        names = ("num_steps", "num_episodes", "checkpoint_seconds", "log", "watch")
        given = {name: getattr(self, name) for name in names}
        given = {k: x for k, x in given.items() if x != getattr(Train, k)}
        dataclasses.replace(begun, **given)._run_seeds(folder)

    def _run_seeds(self, folder: pathlib.Path) -> None:
        from ..agents.plot import plot_learning_curve

        begun = {
            json.loads(path.read_bytes())["seed"]: path.parent
            for path in folder.glob("*/run.json")
        }
        runs = []
        for seed in range(self.seed, self.seed + self.seeds):
            one = dataclasses.replace(
                self, seed=seed, seeds=1, output=folder, resume=begun.get(seed)
            )
            runs.append(one._run_once(folder))
        plot_learning_curve(
            folder / "learning_curve.png", {str(self.id): [run.metrics for run in runs]}
        )
        means = [run.record["evaluation"]["mean_return"] for run in runs]
        print(f"Saved the agents and their learning curve in {folder}.")
        print(
            f"{len(runs)} seeds: mean return {np.mean(means):.4g}, from "
            f"{min(means):.4g} to {max(means):.4g}."
        )

    def _run_once(self, group: pathlib.Path | None = None) -> "Run":
        """Trains with one seed; `group` is the folder of several runs."""
        from ..agents import load, TrainingDiverged, TrainingInterrupted
        from ..agents.checkpoint import annotate
        from ..agents.plot import plot_learning_curve

        start = time.perf_counter()
        try:
            folder = self._begin() if self.resume is None else self._go_on(self.resume)
        except TrainingInterrupted as error:
            print(f"eqenvs: {error}", file=sys.stderr)
            folder = error.folder if group is None else group
            if folder is not None:
                print(
                    f"To continue: eqenvs train --resume {folder}",
                    file=sys.stderr,
                )
            sys.exit(130)
        except TrainingDiverged as error:
            sys.exit(f"eqenvs: {error}")
        print(f"Trained for {time.perf_counter() - start:.1f} s, compilation included.")
        run = load(folder)
        plot_learning_curve(
            folder / "learning_curve.png", {run.record["id"]: run.metrics}
        )
        # The largest seed has no successor.
        seed = (run.record["seed"] + 1) % 2**64
        result = report(run.env, run.agent, seed, self.num_episodes)
        evaluation = {
            "seed": seed,
            "num_episodes": self.num_episodes,
            "mean_return": float(result.episode_return.mean()),
        }
        annotate(folder, evaluation=evaluation)
        print(f"Saved the agent and its learning curve in {folder}.")
        return load(folder)

    def _begin(self) -> pathlib.Path:
        if self.id is None:
            print(
                "eqenvs: which environment should be trained in? `eqenvs list` shows "
                "them all.",
                file=sys.stderr,
            )
            sys.exit(2)
        facts = _environments.find(self.id)
        algorithm_class = find(self.algorithm)
        settings: dict[str, Any] = {"num_steps": 1_000_000}
        settings |= facts.training.get(self.algorithm, {})
        parameters = settings.pop("parameters", {}) | parse(self.parameters)
        env = wrap(facts.make(**parameters), self.wrappers)
        settings |= parse(self.agent)
        for name in ("num_steps", *_SHORT):
            if getattr(self, name) is not None:
                settings[name] = getattr(self, name)
        num_steps = settings.pop("num_steps")
        target_return = settings.pop("target_return", None)
        algorithm = algorithm_class(**settings)
        check_count("num_steps", num_steps)
        key = as_key(self.seed, "train")
        # Raises if the algorithm cannot learn this environment.
        eqx.filter_eval_shape(algorithm.init, env, key)
        folder = new_folder(self.output, f"{self.id}-seed{self.seed}")
        try:
            print(f"{algorithm}\nin {env}", flush=True)
            algorithm.train(
                env,
                self.seed,
                num_steps,
                target_return=target_return,
                progress=True,
                folder=folder,
                checkpoint_seconds=self.checkpoint_seconds,
                log=self.log,
                watch=self.watch,
                notes={"id": self.id},
            )
        except BaseException:
            _remove_if_empty(folder)
            raise
        return folder

    def _check_resume(self) -> None:
        if self.seeds > 1:
            raise ValueError(f"--resume keeps the seeds; got --seeds {self.seeds}.")
        kept = ("id", "algorithm", "agent", "parameters", "wrappers", "seed", *_SHORT)
        for name in kept:
            if getattr(self, name) != getattr(Train, name):
                raise ValueError(
                    f"--resume keeps the run's {name}, so it cannot be given; got "
                    f"{getattr(self, name)!r}."
                )

    def _go_on(self, folder: pathlib.Path) -> pathlib.Path:
        from ..agents import resume

        look_in_current_folder()
        resume(
            folder,
            num_steps=self.num_steps,
            progress=True,
            checkpoint_seconds=self.checkpoint_seconds,
            log=self.log,
            watch=self.watch,
        )
        return folder


# What `--seeds` was given, in the folder of its runs.
_SEEDS = "seeds.json"


def _remove_if_empty(folder: pathlib.Path) -> None:
    with contextlib.suppress(OSError):  # It stays if anything is in it.
        folder.rmdir()


# Hyperparameters with an option of their own.
_SHORT = ("learning_rate", "discount", "num_envs")
