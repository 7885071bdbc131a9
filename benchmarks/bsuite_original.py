"""How long would bsuite's own actor-critic take for what a sweep here has played?

    python benchmarks/bsuite_original.py runs/bsuite-a2c-seed0
    python benchmarks/bsuite_original.py runs/bsuite-a2c-seed0 catch deep_sea

It plays some settings of each experiment for a few seconds with
`bsuite.baselines.jax.actor_critic`, and divides the steps in the sweep's CSV files by
the speed of the nearest setting. It needs none of eqenvs, and older packages: bsuite,
dm-haiku 0.0.12, rlax 0.1.6 and JAX 0.4.30, in a virtual environment of their own.
`--random` measures bsuite's random agent instead, and needs only bsuite. MNIST, whose
images bsuite downloads, is left out.
"""

import argparse
import csv
import importlib
import pathlib
import re
import time
from typing import Any

import bsuite
from bsuite import sweep


# Steps, after which updates on parts of rollouts of every length are compiled.
_WARM_UP = 2_000
# The settings of an experiment differ in speed where they differ in size.
_SIZES = {
    "deep_sea": (2, 10, 18),
    "memory_len": (11,),
    "memory_size": (8,),
    "umbrella_distract": (3, 12, 20),
    "umbrella_length": (11,),
}


def measure(id: str, agent: str, seconds: float) -> float:
    """Steps a second of an agent of bsuite's in one of its settings."""
    env: Any = bsuite.load_from_id(id)
    module = importlib.import_module(f"bsuite.baselines.{agent}")
    player = module.default_agent(env.observation_spec(), env.action_spec())
    steps, began = 0, time.perf_counter()
    timestep = env.reset()
    while True:
        if steps == _WARM_UP:
            began = time.perf_counter()
        elif steps > _WARM_UP and time.perf_counter() - began > seconds:
            return (steps - _WARM_UP) / (time.perf_counter() - began)
        action = player.select_action(timestep)
        new = env.step(action)
        player.update(timestep, action, new)
        timestep = env.reset() if new.last() else new
        steps += 1


def steps_of(folder: pathlib.Path, id: str) -> int:
    """How many steps an agent took in a setting, by the last row of its file."""
    path = folder / f"bsuite_id_-_{id.replace('/', '-')}.csv"
    with path.open() as file:
        return int([*csv.DictReader(file)][-1]["steps"])


def base_of(experiment: str) -> str:
    """The experiment without noise and scaling of its rewards, which take no time."""
    return re.sub("_(noise|scale|stochastic)$", "", experiment)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("experiments", nargs="*")
    parser.add_argument("--random", action="store_true")
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    agent = "random" if options.random else "jax.actor_critic"
    groups: dict[str, list[str]] = {}
    for id in sweep.SWEEP:
        group = base_of(id.split("/")[0])
        if group != "mnist" and group in (options.experiments or [group]):
            groups.setdefault(group, []).append(id)
    print(f"| experiments | settings | million steps | {agent}: steps/s | hours |")
    print("| --- | ---: | ---: | ---: | ---: |")
    total = 0.0
    for group, ids in groups.items():
        sizes = _SIZES.get(group, (0,))
        speeds = {x: measure(f"{group}/{x}", agent, options.seconds) for x in sizes}
        steps, hours = 0, 0.0
        for id in ids:
            index = int(id.split("/")[1])
            nearest = min(sizes, key=lambda x: abs(x - index))
            taken = steps_of(options.folder, id)
            steps += taken
            hours += taken / speeds[nearest] / 3600
        total += hours
        shown = ", ".join(f"{x:,.0f}" for x in speeds.values())
        print(
            f"| {group} | {len(ids)} | {steps / 1e6:.1f} | {shown} | {hours:.2f} |",
            flush=True,
        )
    print(f"\n{total:.1f} hours on one core.")


if __name__ == "__main__":
    main()
