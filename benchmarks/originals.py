"""How fast are the environments that gymnax lacks, beside their originals?

    python -m benchmarks.originals             # all of them, about a minute
    python -m benchmarks.originals Taxi-v4

The originals are Gymnasium's toy text, in its synchronous vector of 100 environments,
and the control tasks of the `bsuite` package, one environment each: Python and NumPy.
Their actions are drawn beforehand, like ours, and their episodes are reset when they
end. eqenvs plays rollouts of `VectorEnvironment` with 2,000 lanes in one compiled
program, as in the other benchmarks, and each number is the median of five turns.
"""

import importlib
import statistics
import sys
from typing import Any

import numpy as np

import eqenvs
from eqenvs.cli._measure import warm_and_interleaved

from .case import Case, Settings
from .peers import Entrant, timed_entrant, vector_entrant


TOY_TEXT = tuple(
    id for id in eqenvs.registered() if eqenvs.spec(id).family == "toy text"
)
BSUITE = {
    "CartPole-bsuite": "cartpole/0",
    "CartPoleSwingUp-bsuite": "cartpole_swingup/0",
    "MountainCar-bsuite": "mountain_car/0",
}
SECONDS = 0.1


def original(id: str) -> Entrant:
    """The original of an environment."""
    if id in BSUITE:
        return bsuite_entrant(BSUITE[id])
    gymnasium = importlib.import_module("gymnasium")
    envs = gymnasium.make_vec(id, num_envs=100, vectorization_mode="sync")
    return vector_entrant("Gymnasium", "Python", envs, 100, SECONDS)


def bsuite_entrant(id: str) -> Entrant:
    """One environment of the `bsuite` package."""
    env = importlib.import_module("bsuite").load_from_id(id)
    count = env.action_spec().num_values
    actions = np.random.default_rng(0).integers(count, size=1_000)
    env.reset()

    def play(num_calls: int) -> None:
        for i in range(num_calls):
            if env.step(int(actions[i % len(actions)])).last():
                env.reset()

    return timed_entrant("bsuite", "Python", 1, play, SECONDS)


def measure(id: str) -> tuple[float, float, Entrant]:
    """Steps a second, ours and the original's, and the original."""
    case = Case(id, Settings((id,), (), 5, False, None))
    case.compile(("vector",))
    peer = original(id)
    programs: dict[str, Any] = {"ours": case.program("vector"), "peer": peer.play}
    seconds = warm_and_interleaved(programs, 5)
    median = {name: statistics.median(times) for name, times in seconds.items()}
    ours = case.num_envs * case.num_steps / median["ours"]
    return ours, peer.num_steps / median["peer"], peer


def main() -> None:
    ids = sys.argv[1:] or (*TOY_TEXT, *BSUITE)
    if unknown := set(ids) - {*TOY_TEXT, *BSUITE}:
        sys.exit(f"benchmarks.originals: no original of {', '.join(sorted(unknown))}.")
    print("| environment | original | its million steps/s | eqenvs | times |")
    print("| --- | --- | ---: | ---: | ---: |")
    for id in ids:
        ours, theirs, peer = measure(id)
        print(
            f"| {id} | {peer.name}, {peer.num_envs} lanes | {theirs / 1e6:.3g} | "
            f"{ours / 1e6:.3g} | {ours / theirs:,.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
