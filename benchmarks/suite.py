"""All sections of the benchmark, one after the other."""

import datetime
import time
from dataclasses import asdict
from typing import Any

import jax.random as jr
from tqdm import tqdm

from eqenvs._registry import registered
from eqenvs.cli._measure import (
    ignore_compilation_cache,
    machine,
    new_key,
    versions,
)

from .calls import imports, overhead
from .case import Case, CONTESTANTS, Settings, why_not
from .lanes import lanes
from .peers import missing, others
from .rollouts import compilation, memory, network, throughput


PACKAGES = (
    "jax", "jaxlib", "equinox", "eqenvs", "gymnax", "numpy", "gymnasium", "MinAtar",
    "pgx", "pgx-minatar", "envpool",
)  # fmt: skip


# What is measured of every environment. What may be left out for want of time is last.
SECTIONS = {
    "throughput": throughput,
    "compile": compilation,
    "memory": memory,
    "network": network,
    "overhead": overhead,
    "others": others,
    "lanes": lanes,
}


def choose(settings: Settings) -> tuple[dict[str, Case], list[str]]:
    """The environments that can be measured; and what cannot, and why.

    **Raises:**

    `ValueError` if nothing can be measured.
    """
    reasons = {id: why_not(id) for id in settings.ids}
    cases = {id: Case(id, settings) for id in settings.ids if reasons[id] is None}
    left_out = [f"{id}: {reason}." for id, reason in reasons.items() if reason]
    if not cases:
        raise ValueError(f"there is nothing to measure. {' '.join(left_out)}")
    return cases, left_out


def measure(
    settings: Settings, cases: dict[str, Case], left_out: list[str]
) -> dict[str, Any]:
    """Measures all that was asked for.

    **Arguments:**

    - `settings`: what that is.
    - `cases`, `left_out`: what `choose` returned.

    **Returns:**

    A dictionary that JSON can hold, with an entry for each section (and in that, but
    for `import`, for each environment), and `date`, `machine`, `versions`, `settings`,
    `keys`, `left_out` (what was, and why), `section_seconds`, `wall_seconds` and
    `interrupted` (whether Ctrl-C ended it before its time).
    """
    start = time.perf_counter()
    ignore_compilation_cache()
    left_out = [*left_out]
    if "others" in settings.sections:
        left_out += missing()
    results: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(PACKAGES),
        "settings": {
            **asdict(settings),
            "num_envs": settings.num_envs,
            "num_steps": settings.num_steps,
        },
        "keys": {name: str(jr.key_impl(new_key(name))) for name in CONTESTANTS},
    }
    results["section_seconds"], results["interrupted"] = {}, False
    try:
        if "import" in settings.sections:
            results["import"] = imports(settings)
            results["section_seconds"]["import"] = time.perf_counter() - start
        measure_sections(settings, cases, left_out, results, start)
    except KeyboardInterrupt:
        results["interrupted"] = True
        left_out.append("What would have come next: the measurement was interrupted.")
    results["left_out"] = left_out
    results["wall_seconds"] = time.perf_counter() - start
    return results


def added(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The results of two runs in one; where both have a figure, the new one.

    `dates` has the date of each figure: by section, and in that by environment.
    """
    names = [name for name in ("import", *SECTIONS) if name in old or name in new]
    now_measured = tuple(
        _part(name, id) for name in SECTIONS for id in new.get(name, {})
    )
    still_left_out = [x for x in old["left_out"] if not x.startswith(now_measured)]
    settings, before = new["settings"], old["settings"]
    ids = {*before["ids"], *settings["ids"]}
    seconds = {
        name: run["section_seconds"].get(name, 0)
        for name in names
        for run in (old, new)
        if name in run
    }
    results = {
        **new,
        **{name: {**old.get(name, {}), **new.get(name, {})} for name in names},
        "dates": {name: {**dates(old, name), **dates(new, name)} for name in names},
        "settings": {
            **settings,
            "ids": [id for id in registered() if id in ids],
            "sections": names,
        },
        "left_out": list(dict.fromkeys([*still_left_out, *new["left_out"]])),
        "section_seconds": seconds,
        "wall_seconds": sum(seconds.values()),
    }
    for name in SECTIONS:
        if name in names:
            found = results[name]
            results[name] = {id: found[id] for id in registered() if id in found}
    return results


def _part(section: str, id: str) -> str:
    """How a note about one figure begins."""
    return f"{section} of {id}: "


def dates(results: dict[str, Any], section: str) -> dict[str, str]:
    """When each figure of a section was measured."""
    earlier = results.get("dates", {}).get(section, {})
    return {id: earlier.get(id, results["date"]) for id in results.get(section, {})}


def measure_sections(
    settings: Settings,
    cases: dict[str, Case],
    left_out: list[str],
    results: dict[str, Any],
    start: float,
) -> None:
    """Adds what is measured of each environment to `results`, bit by bit."""
    section_seconds = results["section_seconds"]
    wanted = [name for name in SECTIONS if name in settings.sections]
    with tqdm(total=len(wanted) * len(cases), unit="part") as bar:
        for name in wanted:
            begin = time.perf_counter()
            results[name] = {}
            for id, case in cases.items():
                bar.set_postfix_str(f"{name} {id}")
                minutes = (time.perf_counter() - start) / 60
                if settings.minutes is not None and minutes > settings.minutes:
                    left_out.append(
                        f"{_part(name, id)}the {settings.minutes:g} minutes were over."
                    )
                else:
                    results[name][id] = SECTIONS[name](case, settings, left_out)
                bar.update()
            section_seconds[name] = time.perf_counter() - begin
