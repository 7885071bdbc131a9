"""Steps a second of bsuite's own actor-critic, in bsuite's own environments.

    python benchmarks/bsuite_original.py

It needs none of eqenvs, and older packages: bsuite, dm-haiku 0.0.12, rlax 0.1.6 and JAX
0.4.30, in a virtual environment of their own. `--random` measures the environments
alone, with bsuite's random agent, and needs only bsuite.
"""

import argparse
import importlib
import time
from typing import Any

import bsuite


_WARM_UP = 200  # steps, after which everything is compiled


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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--random", action="store_true")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument(
        "ids", nargs="*", default=["catch/0", "deep_sea/10", "cartpole/0"]
    )
    options = parser.parse_args()
    agent = "random" if options.random else "jax.actor_critic"
    for id in options.ids:
        speed = measure(id, agent, options.seconds)
        print(f"{id}, {agent}: {speed:,.0f} steps a second", flush=True)


if __name__ == "__main__":
    main()
