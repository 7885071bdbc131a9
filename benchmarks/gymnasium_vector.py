"""What a step of 1,000 CartPoles costs a program that is written for Gymnasium.

    python -m benchmarks.gymnasium_vector

Beside eqenvs' adapter it times Gymnasium's own NumPy vector and, where it is installed,
envpool's. All are given the same actions, and reset in the step after an episode ends.
They take turns, so that what else the machine does slows all of them alike; the best
turn of each counts.
"""

import importlib.util
import time
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np

from eqenvs import CartPole
from eqenvs.adapters import to_gymnasium_vector


NUM_ENVS = 1000
STEPS = 200
TURNS = 15


def ours() -> Any:
    """eqenvs' adapter."""
    return to_gymnasium_vector(CartPole(), NUM_ENVS)


def numpys() -> Any:
    """Gymnasium's own, in NumPy."""
    return gymnasium.make_vec(
        "CartPole-v1", NUM_ENVS, vectorization_mode="vector_entry_point"
    )


def envpools() -> Any:
    """envpool's, on as many threads as there are processors."""
    import envpool  # pyright: ignore[reportMissingImports]

    return envpool.make("CartPole-v1", env_type="gymnasium", num_envs=NUM_ENVS)


def contenders() -> dict[str, Callable[[], Any]]:
    found = {"eqenvs": ours, "Gymnasium (NumPy)": numpys}
    if importlib.util.find_spec("envpool") is not None:
        found["envpool"] = envpools
    return found


def measure() -> dict[str, tuple[float, float]]:
    """The microseconds that a step takes at best: by the clock, and of the processors'
    time."""
    actions = np.random.default_rng(0).integers(0, 2, (STEPS, NUM_ENVS))
    envs = {name: make() for name, make in contenders().items()}
    for name, env in envs.items():
        env.reset() if name == "envpool" else env.reset(seed=0)
        for each in actions[:50]:
            env.step(each)
    best = {name: (float("inf"), float("inf")) for name in envs}
    for _ in range(TURNS):
        for name, env in envs.items():
            wall, cpu = time.perf_counter(), time.process_time()
            for each in actions:
                env.step(each)
            turn = (time.perf_counter() - wall, time.process_time() - cpu)
            best[name] = tuple(map(min, best[name], turn))  # pyright: ignore
    return {
        name: (1e6 * wall / STEPS, 1e6 * cpu / STEPS)
        for name, (wall, cpu) in best.items()
    }


def main() -> None:
    results = measure()
    for name, (wall, cpu) in results.items():
        print(f"{name:20} {wall:7.1f} us a step, {cpu:7.1f} us of the processors")


if __name__ == "__main__":
    main()
