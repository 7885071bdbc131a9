"""Clocks."""

import time
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax


# A measurement takes at least so long.
SECONDS = 0.02


def compile_time(function: Callable, *args: Any) -> tuple[float, Any]:
    """Seconds to trace and compile with nothing cached, and what was compiled."""
    jax.clear_caches()
    eqx.clear_caches()
    start = time.perf_counter()
    compiled = jax.jit(function).lower(*args).compile()
    return time.perf_counter() - start, compiled


def seconds(function: Callable[[], Any]) -> float:
    """How long one call takes, until its result is there."""
    start = time.perf_counter()
    jax.block_until_ready(function())
    return time.perf_counter() - start


def calls_needed(function: Callable[[], Any]) -> int:
    """How many calls in a row take long enough to be timed, found by one or two."""
    first = seconds(function)  # It takes longer than others.
    return 1 if first > 10 * SECONDS else max(1, round(SECONDS / seconds(function)))


def interleaved(
    functions: dict[str, Callable[[], Any]], repeats: int
) -> dict[str, list[float]]:
    """Seconds of every call of each function, called turn by turn."""
    turns = [
        {name: seconds(function) for name, function in functions.items()}
        for _ in range(repeats)
    ]
    return {name: [turn[name] for turn in turns] for name in functions}


def warm_and_interleaved(
    functions: dict[str, Callable[[], Any]], repeats: int
) -> dict[str, list[float]]:
    """Likewise, after one call of each function that does not count."""
    return {
        name: times[1:] for name, times in interleaved(functions, repeats + 1).items()
    }
