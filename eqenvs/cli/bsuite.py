"""`eqenvs bsuite`"""

import contextlib
import inspect
import pathlib
from typing import Annotated, Any

import tyro

from .._cores import count_cores
from ._algorithms import ALGORITHMS, find
from ._arguments import Assignments, command, OptionalFolder, parse


_ALGORITHMS = {**ALGORITHMS, "random": "eqenvs.agents:RandomAgent"}
Agent = Annotated[
    str,
    tyro.conf.arg(
        metavar="NAME",
        help=f"Algorithm: {', '.join(_ALGORITHMS)}, or your own, written "
        "mymodule:MyAlgorithm.",
    ),
]
Names = Annotated[
    tuple[str, ...], tyro.conf.arg(metavar="NAME ...", help_behavior_hint="")
]


@command
class Bsuite:
    """Measure an algorithm with bsuite: 23 experiments, 468 agents, seven abilities.

    If a sweep is interrupted, the same command continues it.
    """

    agent: Agent = "a2c"
    hyperparameters: Assignments = ()
    """Hyperparameters of the algorithm, such as learning_rate=0.001."""
    experiments: Names = ()
    """Experiments to run, such as catch deep_sea; all by default."""
    skip: Names = ()
    """Experiments to leave out, such as mnist mnist_noise mnist_scale, which need
    files."""
    quick: bool = False
    """Play a tenth of the episodes, for a first impression."""
    seed: int = 0
    """Seed for the random numbers."""
    output: OptionalFolder = None
    """Folder for bsuite's CSV files, radar.png and report.md; by default
    runs/bsuite-AGENT-seedN."""

    def run(self) -> None:
        _use_all_cores()
        from ..sweeps.bsuite import EXPERIMENTS, run

        for name in (*self.experiments, *self.skip):
            if name not in EXPERIMENTS:
                raise ValueError(
                    f"bsuite has no experiment {name!r}; it has "
                    f"{', '.join(EXPERIMENTS)}."
                )
        chosen = [
            name for name in self.experiments or EXPERIMENTS if name not in self.skip
        ]
        if not chosen:
            raise ValueError(
                f"--skip {' '.join(self.skip)} leaves no experiment to run."
            )
        sweep = run(
            algorithm(self.agent, **parse(self.hyperparameters)),
            self.output or self._folder(),
            seed=self.seed,
            experiments=chosen,
            quick=self.quick,
            progress=True,
        )
        for name, score in (*sweep.scores.items(), *sweep.abilities.items()):
            if name == next(iter(sweep.abilities)):
                print()
            print(f"{name.replace('_', ' '):20}  {score:.2f}")
        print(f"\nSaved the radar chart and the report in {sweep.folder}.")

    def _folder(self) -> pathlib.Path:
        suffix = "-quick" if self.quick else ""
        name = self.agent.replace(":", "_")
        return pathlib.Path("runs") / f"bsuite-{name}-seed{self.seed}{suffix}"


# Like bsuite's own agents: two layers of 64, one environment, short rollouts, and
# constant step sizes and exploration.
_HYPERPARAMETERS: dict[str, dict[str, Any]] = {
    "a2c": {
        "rollout_steps": 32,
        "learning_rate": 3e-3,
        "gae_lambda": 0.9,
        "anneal_learning_rate": False,
    },
    "ppo": {
        "rollout_steps": 128,
        "num_minibatches": 4,
        "anneal_learning_rate": False,
    },
    "pqn": {
        "rollout_steps": 32,
        "learning_rate": 2e-3,
        "num_minibatches": 1,
        "hidden_width": 64,
        "initial_epsilon": 0.05,
        "anneal_learning_rate": False,
    },
}


def algorithm(name: str, **hyperparameters: Any) -> Any:
    """An algorithm with one environment and a network like that of bsuite's agents.

    **Arguments:**

    - `name`: its name, `"random"`, or `"module:Class"`.
    - `**hyperparameters`: hyperparameters to change.
    """
    cls = find(name, _ALGORITHMS)
    ours = {"num_envs": 1} if "num_envs" in inspect.signature(cls).parameters else {}
    return cls(**{**ours, **_HYPERPARAMETERS.get(name, {}), **hyperparameters})


def _use_all_cores() -> None:
    """Turns each core into a device, over which the lanes are spread."""
    import jax

    with contextlib.suppress(RuntimeError):  # JAX has already started.
        jax.config.update("jax_num_cpu_devices", count_cores())
