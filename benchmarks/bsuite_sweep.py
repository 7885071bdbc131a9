"""What the whole of bsuite costs.

    python -m benchmarks.bsuite_sweep --agent a2c

Each program plays for some seconds. From its steps a second and from the most steps
that its settings may take, the time of the whole sweep follows. How long the episodes
of the cart-poles and the mountain car are depends on what the agent learns; here all
are as long as they can be, so the sum is a bound. MNIST plays with random images, since
only their shape matters. `bsuite_original.py` measures bsuite's own agent.
"""

import argparse
import time
from typing import Any

import jax
import numpy as np

import eqenvs
from eqenvs.cli.bsuite import algorithm
from eqenvs.sweeps.bsuite import _programs, _settings, EXPERIMENTS, Setting


# Steps of an episode at most, where the setting has no parameter that says so.
_LENGTHS = {
    "bandit": 1,
    "cartpole": 1001,
    "catch": 9,
    "discounting_chain": 100,
    "memory_size": 3,
    "mnist": 1,
    "mountain_car": 1000,
    "umbrella_distract": 20,
}


def most_steps(setting: Setting) -> int:
    """The most steps that the episodes of a setting take together."""
    parameters = setting.parameters
    if "size" in parameters:
        length = parameters["size"]
    elif "memory_length" in parameters:
        length = parameters["memory_length"] + 1
    elif "chain_length" in parameters:
        length = parameters["chain_length"]
    else:
        names = [name for name in _LENGTHS if setting.experiment.startswith(name)]
        length = _LENGTHS[max(names, key=len)]
    return length * setting.num_episodes


def measure(agent: Any, program: _programs.Program, seconds: float) -> dict:
    """The seconds before the first step, and the steps a second after it."""
    began = time.perf_counter()
    lanes = _programs.start(agent, program, eqenvs.random.key(0), 1.0)
    lanes = _programs.play(agent, lanes, 10**9, 1)
    jax.block_until_ready(lanes.learners)
    compilation = time.perf_counter() - began
    count, elapsed = 1, 0.0
    while elapsed < seconds:
        count *= 2
        began = time.perf_counter()
        lanes = _programs.play(agent, lanes, 10**9, count)
        jax.block_until_ready(lanes.learners)
        elapsed = time.perf_counter() - began
    steps = count * agent.steps_per_update * len(program.settings)
    return {"compilation": compilation, "speed": steps / elapsed}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--agent", default="a2c")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--programs", nargs="*", default=[])
    options = parser.parse_args()
    random = np.random.RandomState(0)
    images = random.randint(0, 256, (60_000, 28, 28)).astype(np.uint8)
    mnist = eqenvs.MNISTBandit(images, random.randint(0, 10, 60_000))
    _settings._mnist_from = lambda _: mnist  # pyright: ignore
    agent = algorithm(options.agent)
    print("| program | settings | to compile | steps a second | at most |", flush=True)
    print("| --- | --- | --- | --- | --- |")
    total = 0.0
    for program in _programs.programs(EXPERIMENTS):
        if options.programs and not program.name.startswith(tuple(options.programs)):
            continue
        found = measure(agent, program, options.seconds)
        longest = max(most_steps(s) for s in program.settings)
        whole = longest * len(program.settings) / found["speed"]
        total += found["compilation"] + whole
        print(
            f"| {program.name} | {len(program.settings)} | "
            f"{found['compilation']:.0f} s | {found['speed']:,.0f} | {whole:.0f} s |",
            flush=True,
        )
    everything = sum(most_steps(s) for s in _settings.settings()) / 1e6
    print(
        f"\nAll {everything:.0f} million steps, on one device: at most "
        f"{total / 60:.0f} minutes."
    )


if __name__ == "__main__":
    main()
