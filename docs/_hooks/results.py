"""Makes the comparison with other libraries from the committed benchmark results, and
the BibTeX entry from `CITATION.cff`."""

import functools as ft
import json
import math
import pathlib
import textwrap
from typing import Any

import yaml


ROOT = pathlib.Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "results.json"
ORIGINALS = RESULTS.with_name("originals.json")
ACCELERATORS = RESULTS.with_name("accelerators.json")
# Their ratios say more about gymnax than about the rest of the catalog.
OUTLIERS = ("Seaquest-MinAtar", "SimpleBandit-bsuite")


def on_page_markdown(markdown: str, **_: Any) -> str:
    for name, make in (
        ("comparison", comparison),
        ("chart", chart),
        ("throughput", throughput),
        ("originals", originals_table),
        ("accelerators", accelerators_table),
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
    entry = folded(f"@software{{eqenvs,\n{lines}\n}}")
    return f"```bibtex\n{entry}\n```"


def folded(entry: str) -> str:
    """A BibTeX entry whose lines fit on the page."""
    return "\n".join(
        textwrap.fill(line, 84, subsequent_indent="    ", break_long_words=False)
        for line in entry.splitlines()
    )


@ft.cache
def results() -> dict[str, Any]:
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


@ft.cache
def originals() -> dict[str, Any]:
    return json.loads(ORIGINALS.read_text()) if ORIGINALS.exists() else {}


def mean(values: list[float]) -> float:
    """The geometric mean."""
    return math.exp(sum(map(math.log, values)) / len(values))


def number(value: float) -> str:
    """Three digits, and thousands with commas."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def circumstances(machine: dict[str, Any], versions: dict[str, Any], date: str) -> str:
    """The machine, the versions and the day, as part of a sentence."""
    device = "GPU" if machine.get("device") == "gpu" else "CPU"
    return (
        f"{machine.get('cores')} cores of an {machine.get('cpu')} ({device}), "
        f"JAX {versions.get('jax')}, {date}"
    )


def days(section: str) -> str:
    """When a section was measured: the first day and the last."""
    dates = results().get("dates", {}).get(section, {}).values()
    found = sorted({x[:10] for x in dates or [results().get("date", "")]})
    return found[0] if len(found) == 1 else f"{found[0]} to {found[-1]}"


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
        "| library | stepped by | tasks | times as fast | range |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for name, times in rows.items():
        range_ = f"{number(min(times))}–{number(max(times))}"
        lines.append(
            f"| {name} | {loops[name]} | {len(times)} | **{number(mean(times))}** "
            f"| {range_ if len(times) > 1 else ''} |"
        )
    settings = results().get("settings", {})
    where = circumstances(
        results().get("machine", {}),
        results().get("versions", {}),
        days("throughput"),
    )
    return "\n".join(lines) + (
        "\n\nHow many times as fast eqenvs is: geometric means and ranges over the "
        f"environments that both have. {settings.get('num_envs', 0):,} lanes of "
        f"`VectorEnvironment`, {settings.get('num_steps', 0):,} steps; {where}. Only "
        "the libraries stepped by `jax.vmap` are compared like with like: the others "
        "hand every observation to Python."
    )


def throughput() -> str:
    """The table of every environment beside gymnax."""
    ways = ("vmap", "vector", "fast")
    rows: dict[str, list[float]] = {}
    lines = [
        "| environment | million steps/s, `vector` | `vmap` | `vector` | `fast` "
        "| compile time, `vector` |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for id, found in results().get("throughput", {}).items():
        compiled = results().get("compile", {}).get(id, {}).get("to_gymnax", {})
        rows[id] = [found["times_gymnax"][way] for way in ways]
        rows[id].append(compiled.get("vector", math.nan))
        rate = number(found["steps_per_second"]["vector"] / 1e6)
        lines.append(f"| {id} | {rate} | {' | '.join(map(two_digits, rows[id]))} |")
    if not rows:
        return ""
    names = " and ".join(id.partition("-")[0] for id in OUTLIERS)
    for label, left_out in (
        (f"geometric mean of {len(rows)}", ()),
        (f"without {names}", OUTLIERS),
    ):
        columns = zip(
            *(row for id, row in rows.items() if id not in left_out), strict=True
        )
        means = [two_digits(mean(list(column))) for column in columns]
        lines.append(f"| {label} | | {' | '.join(means)} |")
    where = circumstances(
        results()["machine"], results()["versions"], days("throughput")
    )
    repeats = results()["settings"]["repeats"]
    return "\n".join(lines) + f"\n\nMedians of {repeats} turns; {where}."


def two_digits(value: float) -> str:
    return f"{value:,.2f}"


def originals_table() -> str:
    """The table of what gymnax lacks, beside the originals."""
    lines = [
        "| environment | original | its million steps/s | eqenvs | times as fast |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for id, found in originals().items():
        rate, lanes = found["steps_per_second"], found["num_envs"]["peer"]
        lines.append(
            f"| {id} | {found['peer']}, {lanes} lane{'' if lanes == 1 else 's'} "
            f"| {number(rate['peer'] / 1e6)} | {number(rate['eqenvs'] / 1e6)} "
            f"| {found['times_peer']:,.0f} |"
        )
    if not originals():
        return ""
    last = max(originals().values(), key=lambda found: found["date"])
    where = circumstances(last["machine"], last["versions"], last["date"][:10])
    return "\n".join(lines) + f"\n\nOn {where}."


def accelerators_table() -> str:
    """The table of what steps compile to for a GPU and a TPU, beside gymnax."""
    found = json.loads(ACCELERATORS.read_text()) if ACCELERATORS.exists() else {}
    lines = [
        "| environment | kernels | gymnax's | bytes | gymnax's | thousand cycles "
        "| gymnax's |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    rows = {
        id: (gpu, found["tpu"][id])
        for id, gpu in found.get("gpu", {}).items()
        if "gymnax" in gpu
    }
    ratios: dict[str, list[float]] = {}
    for id, (gpu, tpu) in rows.items():
        cells = []
        for figures, name, unit in (
            (gpu, "kernels", 1),
            (gpu, "bytes_per_lane", 1),
            (tpu, "cycles", 1_000),
        ):
            ours, theirs = (figures[way][name] for way in ("vector", "gymnax"))
            ratios.setdefault(name, []).append(theirs / ours)
            cells += [f"{value / unit:,.0f}" for value in (ours, theirs)]
        lines.append(f"| {id} | {' | '.join(cells)} |")
    if not rows:
        return ""
    cells = [f"| {number(mean(each))} times" for each in ratios.values()]
    lines.append(f"| geometric mean of {len(rows)} | {' | '.join(cells)} |")
    _, last = max(rows.values(), key=lambda row: row[1]["date"])
    return "\n".join(lines) + f"\n\nJAX {last['versions']['jax']}, {last['date']}."


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
    row, left, right, top = 22, 250, 64, 8
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
        "<figcaption>Speed of whole rollouts on a CPU, as a multiple of gymnax's "
        "(1.0.1), with the same threefry keys. The axis is logarithmic.</figcaption>"
        "</figure>"
    )
