"""Clocks."""

import time
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax


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


def interleaved(
    functions: dict[str, Callable[[], Any]], repeats: int
) -> dict[str, list[float]]:
    """Seconds of every call of each function.

    They are called turn by turn, after one call of each that does not count.
    """
    for function in functions.values():
        seconds(function)
    rounds = [
        {name: seconds(function) for name, function in functions.items()}
        for _ in range(repeats)
    ]
    return {name: [each[name] for each in rounds] for name in functions}
