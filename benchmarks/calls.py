"""What using a library from Python costs: one call, and its import."""

import concurrent.futures
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import jax
import jax.random as jr

from eqenvs.cli._measure import calls_of, steps_by_calls, warm_and_interleaved

from .case import Case, Settings
from .loops import make_gymnax


IMPORTS = ("jax", "jax, equinox", "eqenvs", "gymnax")


def overhead(case: Case, settings: Settings, _: list[str]) -> dict[str, Any]:
    """Seconds of one call of a compiled `env.step` from Python, of one lane."""
    num_calls = 50 if settings.quick else 500
    players = {
        "gymnax": gymnax_calls(case, num_calls),
        "eqenvs": calls_of(case.env, num_calls),
    }
    with concurrent.futures.ThreadPoolExecutor(2) as pool:  # Compiles both at once.
        list(pool.map(lambda play: play(), players.values()))
    seconds = warm_and_interleaved(players, settings.repeats)
    median = {name: statistics.median(x) / num_calls for name, x in seconds.items()}
    return {
        "calls": num_calls,
        "seconds": seconds,
        "seconds_per_call": median,
        "to_gymnax": median["eqenvs"] / median["gymnax"],
    }


def gymnax_calls(case: Case, num_calls: int) -> Callable[[], Any]:
    """Calls gymnax's compiled step."""
    key = jr.key(1)
    action = jax.tree.map(lambda x: jax.device_put(x[0]), case.actions)
    env, params = make_gymnax(case.id)
    _, state = env.reset(key, params)
    return steps_by_calls(
        lambda state: env.step(key, state, action, params)[1], state, num_calls
    )


def imports(settings: Settings) -> dict[str, Any]:
    """Seconds of an `import` in a fresh process, without the start of Python."""
    # The first turn writes the bytecode, and counts only where there is no other.
    repeats = 1 if settings.quick else 1 + min(2, settings.repeats)
    with tempfile.TemporaryDirectory() as folder:
        variables = {**os.environ, "PYTHONPYCACHEPREFIX": folder}
        variables.pop("PYTHONDONTWRITEBYTECODE", None)
        turns = [
            {modules: import_time(modules, variables) for modules in IMPORTS}
            for _ in range(repeats)
        ]
    counted = turns[1:] or turns
    seconds = {modules: [turn[modules] for turn in counted] for modules in IMPORTS}
    return {
        "seconds": seconds,
        "median": {modules: statistics.median(x) for modules, x in seconds.items()},
    }


def import_time(modules: str, variables: dict[str, str]) -> float:
    """Seconds of an `import` in a process of its own."""
    code = (
        f"import time; start = time.perf_counter(); import {modules}; "
        "print(time.perf_counter() - start)"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(
        command, env=variables, capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[-1])
