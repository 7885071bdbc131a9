"""How fast are the environments that gymnax lacks, compared with their originals?

    python -m benchmarks.originals             # all of them, about a minute
    python -m benchmarks.originals Taxi-v4

The originals are Gymnasium's toy text, in its synchronous vector of 100 environments,
and the control tasks of the `bsuite` package, one environment each: Python and NumPy.
Their actions are drawn beforehand, like ours, and their episodes are reset when they
end. eqenvs plays rollouts of `VectorEnvironment` with 2,000 lanes in one compiled
program, as in the other benchmarks, and each number is the median of five turns.

The results go into `benchmarks/results/originals.json`, where those of environments
that are not measured stay as they are. The site's pages are made from them.
"""

import datetime
import importlib
import json
import pathlib
import statistics
import sys
from typing import Any

import numpy as np

import eqenvs
from eqenvs.cli._measure import machine, versions, warm_and_interleaved

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
RESULTS = pathlib.Path(__file__).parent / "results" / "originals.json"
PACKAGES = ("jax", "equinox", "eqenvs", "gymnasium", "bsuite", "numpy")


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


def measure(id: str) -> dict[str, Any]:
    """Seconds of five turns, and steps a second: ours and the original's."""
    case = Case(id, Settings((id,), (), 5, False, None))
    case.compile(("vector",))
    peer = original(id)
    programs: dict[str, Any] = {"eqenvs": case.program("vector"), "peer": peer.play}
    seconds = warm_and_interleaved(programs, 5)
    steps = {"eqenvs": case.num_envs * case.num_steps, "peer": peer.num_steps}
    rate = {name: steps[name] / statistics.median(seconds[name]) for name in steps}
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(PACKAGES),
        "peer": peer.name,
        "num_envs": {"eqenvs": case.num_envs, "peer": peer.num_envs},
        "steps": steps,
        "seconds": seconds,
        "steps_per_second": rate,
        "times_peer": rate["eqenvs"] / rate["peer"],
    }


def main() -> None:
    known = (*TOY_TEXT, *BSUITE)
    ids = sys.argv[1:] or known
    if unknown := set(ids) - set(known):
        sys.exit(f"benchmarks.originals: no original of {', '.join(sorted(unknown))}.")
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for id in ids:
        found = results[id] = measure(id)
        rate = found["steps_per_second"]
        print(
            f"{id}: {rate['eqenvs'] / 1e6:.3g} million steps/s, {found['peer']} with "
            f"{found['num_envs']['peer']} lanes {rate['peer'] / 1e6:.3g}: "
            f"{found['times_peer']:,.0f} times as fast",
            flush=True,
        )
        ordered = {id: results[id] for id in known if id in results}
        RESULTS.write_text(json.dumps(ordered, indent=1) + "\n")


if __name__ == "__main__":
    main()
