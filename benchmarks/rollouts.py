"""Whole rollouts compared with gymnax: speed, compile time and memory."""

import statistics
from typing import Any

from eqenvs.cli._measure import rollout_times, WAYS

from .case import Case, CONTESTANTS, Settings


def throughput(case: Case, settings: Settings, _: list[str]) -> dict[str, Any]:
    """Rollouts that add up observations as they are, and converted to `float32`.

    The figures are those of the use in which this library does worse; `"use"` says
    which one that is, and `"uses"` has the figures of each.
    """
    uses = {"kept": played(case, settings, "kept")}
    if case.is_converted:
        uses["float32"] = played(case, settings, "float32")
    worse = min(
        uses,
        key=lambda use: statistics.geometric_mean(uses[use]["times_gymnax"].values()),
    )
    return {"use": worse, **uses[worse], "uses": uses}


def network(case: Case, settings: Settings, _: list[str]) -> dict[str, Any]:
    """Rollouts whose actions a network chooses."""
    return played(case, settings, "network", ("gymnax", "vector"))


def played(
    case: Case,
    settings: Settings,
    use: str,
    contestants: tuple[str, ...] = CONTESTANTS,
) -> dict[str, Any]:
    """Seconds of a whole rollout, turn by turn, and what follows from them."""
    case.compile(contestants, use)
    seconds = rollout_times(
        {name: case.program(name, use) for name in contestants}, settings.repeats
    )
    steps = case.num_envs * case.steps(use)
    median = {name: statistics.median(x) for name, x in seconds.items()}
    ranges = {}
    for name in contestants[1:]:
        pairs = zip(seconds["gymnax"], seconds[name], strict=True)
        ratios = [theirs / ours for theirs, ours in pairs]
        ranges[name] = [min(ratios), max(ratios)]
    return {
        "num_envs": case.num_envs,
        "num_steps": case.steps(use),
        "seconds": seconds,
        "steps_per_second": {name: steps / x for name, x in median.items()},
        "times_gymnax": {name: median["gymnax"] / median[name] for name in ranges},
        "times_gymnax_range": ranges,
    }


def compilation(case: Case, settings: Settings, _: list[str]) -> dict[str, Any]:
    """Seconds to trace and compile the rollouts."""
    case.compile()
    seconds = {name: case.compile_seconds["kept", name] for name in CONTESTANTS}
    return {
        "seconds": seconds,
        "to_gymnax": {name: seconds[name] / seconds["gymnax"] for name in WAYS},
    }


def memory(case: Case, settings: Settings, _: list[str]) -> dict[str, Any]:
    """Bytes that the rollouts need, as XLA plans them."""
    case.compile()
    return {name: planned_bytes(case.compiled["kept", name]) for name in CONTESTANTS}


def planned_bytes(compiled: Any) -> dict[str, int]:
    """The parts of XLA's plan for the memory of a program, and their sum."""
    plan = compiled.memory_analysis()
    parts = {
        "arguments": plan.argument_size_in_bytes,
        "outputs": plan.output_size_in_bytes - plan.alias_size_in_bytes,
        "temporaries": plan.temp_size_in_bytes,
    }
    return {**parts, "total": sum(parts.values())}
