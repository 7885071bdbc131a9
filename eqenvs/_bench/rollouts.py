"""Whole rollouts beside gymnax: how fast, how long to compile, how large."""

import functools as ft
import statistics
from typing import Any

import jax

from .case import Case, CONTESTANTS, Settings
from .timing import calls_needed, interleaved


def throughput(case: Case, settings: Settings, _: list[str]) -> dict[str, Any]:
    """Seconds of a whole rollout, turn by turn; of several in a row if it is short."""
    case.compile()
    programs = {name: case.program(name) for name in CONTESTANTS}
    calls = {name: calls_needed(program) for name, program in programs.items()}

    def repeat(name: str) -> None:
        for _ in range(calls[name]):
            jax.block_until_ready(programs[name]())  # One after the other.

    turns = {name: ft.partial(repeat, name) for name in CONTESTANTS}
    seconds = {
        name: [x / calls[name] for x in each]
        for name, each in interleaved(turns, settings.repeats).items()
    }
    steps = case.num_envs * case.num_steps
    median = {name: statistics.median(x) for name, x in seconds.items()}
    ranges = {}
    for name in CONTESTANTS[1:]:
        pairs = zip(seconds["gymnax"], seconds[name], strict=True)
        ratios = [theirs / ours for theirs, ours in pairs]
        ranges[name] = [min(ratios), max(ratios)]
    return {
        "num_envs": case.num_envs,
        "num_steps": case.num_steps,
        "calls": calls,
        "seconds": seconds,
        "steps_per_second": {name: steps / x for name, x in median.items()},
        "times_gymnax": {name: median["gymnax"] / median[name] for name in ranges},
        "times_gymnax_range": ranges,
    }


def compilation(case: Case, settings: Settings, _: list[str]) -> dict[str, Any]:
    """Seconds to trace and compile the rollouts."""
    case.compile()
    seconds = case.compile_seconds
    return {
        "seconds": seconds,
        "to_gymnax": {
            name: seconds[name] / seconds["gymnax"] for name in CONTESTANTS[1:]
        },
    }


def memory(case: Case, settings: Settings, _: list[str]) -> dict[str, Any]:
    """Bytes that the rollouts need, as XLA plans them."""
    case.compile()
    return {name: planned_bytes(case.compiled[name]) for name in CONTESTANTS}


def planned_bytes(compiled: Any) -> dict[str, int]:
    """The parts of XLA's plan for the memory of a program, and their sum."""
    plan = compiled.memory_analysis()
    parts = {
        "arguments": plan.argument_size_in_bytes,
        "outputs": plan.output_size_in_bytes - plan.alias_size_in_bytes,
        "temporaries": plan.temp_size_in_bytes,
    }
    return {**parts, "total": sum(parts.values())}
