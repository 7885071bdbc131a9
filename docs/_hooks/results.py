"""Makes the comparison with other libraries from the committed benchmark results, and
the BibTeX entry from `CITATION.cff`."""

import functools as ft
import json
import math
import pathlib
from typing import Any

import yaml


ROOT = pathlib.Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "results.json"


def on_page_markdown(markdown: str, **_: Any) -> str:
    for name, make in (
        ("comparison", comparison),
        ("chart", chart),
        ("citation", citation),
    ):
        marker = f"<!-- {name} -->"
        if marker in markdown:
            markdown = markdown.replace(marker, make())
    return markdown


def citation() -> str:
    """The library's own BibTeX entry."""
    facts = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    names = (
        author.get("name") or f"{author['family-names']}, {author['given-names']}"
        for author in facts["authors"]
    )
    values = {
        "author": " and ".join(f"{{{name}}}" for name in names),
        "title": f"{{{facts['title']}}}",
        "version": f"{{{facts['version']}}}",
        "url": f"{{{facts['url']}}}",
    }
    values["author"] = f"{{{values['author']}}}"
    lines = ",\n".join(f"  {name} = {value}" for name, value in values.items())
    return f"```bibtex\n@software{{eqenvs,\n{lines}\n}}\n```"


@ft.cache
def results() -> dict[str, Any]:
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def comparison() -> str:
    """A table: for each other library, how many times as fast eqenvs is."""
    rows: dict[str, list[float]] = {}
    loops = {"gymnax": "`jax.vmap`"}
    for found in results().get("throughput", {}).values():
        times = found.get("times_gymnax", {}).get("vector")
        if times:
            rows.setdefault("gymnax", []).append(times)
    for found in results().get("others", {}).values():
        for other in found:
            name = {"jax.vmap": "`jax.vmap`"}.get(other["loop"], other["loop"])
            loops[other["peer"]] = name
            rows.setdefault(other["peer"], []).append(other["times_peer"])
    if not rows:
        return ""
    lines = [
        "| library | how it steps | environments | times as fast | from | to |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for name, times in rows.items():
        mean = math.exp(sum(map(math.log, times)) / len(times))
        lines.append(
            f"| {name} | {loops[name]} | {len(times)} | **{mean:.3g}** "
            f"| {min(times):.3g} | {max(times):.3g} |"
        )
    machine, versions = results().get("machine", {}), results().get("versions", {})
    settings = results().get("settings", {})
    device = "GPU" if machine.get("device") == "gpu" else "CPU"
    return "\n".join(lines) + (
        f"\n\nGeometric means, smallest and largest ratios; "
        f"{settings.get('num_envs', 0):,} lanes of `VectorEnvironment`, "
        f"{settings.get('num_steps', 0):,} steps, {machine.get('cores')} cores of an "
        f"{machine.get('cpu')} ({device}), JAX {versions.get('jax')}, "
        f"{results().get('date', '')[:10]}. Only libraries that step with `jax.vmap` "
        "are compared like with like: the others hand every observation to Python."
    )


def chart() -> str:
    """How many times as fast as gymnax each environment is, on a logarithmic axis."""
    times = {
        id: found["times_gymnax"]["vector"]
        for id, found in results().get("throughput", {}).items()
        if found.get("times_gymnax", {}).get("vector")
    }
    if not times:
        return ""
    ids = sorted(times, key=lambda id: -times[id])
    row, left, right, top = 22, 210, 64, 8
    width, height = 720, top + row * len(ids) + 34
    ceiling = 10 ** math.ceil(math.log10(max(times.values())))

    def x(value: float) -> float:
        return left + (width - left - right) * math.log(value) / math.log(ceiling)

    def y(index: int) -> float:
        return top + row * (index + 0.5)

    ticks = [10**n for n in range(round(math.log10(ceiling)) + 1)]
    bottom = top + row * len(ids)
    parts = [
        f'<line class="grid" x1="{x(t):.1f}" x2="{x(t):.1f}" y1="{top}" y2="{bottom}"/>'
        f'<text class="tick" x="{x(t):.1f}" y="{bottom + 18}" text-anchor="middle">'
        f"{t:,}×</text>"
        for t in ticks
    ]
    for index, id in enumerate(ids):
        end = max(x(times[id]), left + 2)
        parts.append(
            f'<text x="{left - 10}" y="{y(index) + 4:.1f}" text-anchor="end">'
            f"{id}</text>"
            f'<rect class="bar" x="{left}" y="{y(index) - 6:.1f}" '
            f'width="{end - left:.1f}" height="12" rx="3"/>'
            f'<text class="value" x="{end + 6:.1f}" y="{y(index) + 4:.1f}">'
            f"{times[id]:.3g}×</text>"
        )
    slowest, fastest = ids[-1], ids[0]
    label = (
        f"Bar chart: speed of eqenvs as a multiple of gymnax's in {len(ids)} "
        f"environments, from {times[slowest]:.3g} ({slowest}) to {times[fastest]:.3g} "
        f"({fastest})."
    )
    return (
        f'<figure class="chart"><svg viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{label}">{"".join(parts)}</svg>'
        "<figcaption>Times as fast as gymnax 1.0.1, whole rollouts on a CPU, the same "
        "threefry keys; logarithmic axis.</figcaption></figure>"
    )
