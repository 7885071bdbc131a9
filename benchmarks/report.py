"""Results as tables, for the terminal and as Markdown."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from eqenvs.cli._measure import WAYS

from .case import CONTESTANTS


# Their ratios say more about gymnax than about the rest of the catalog.
OUTLIERS = ("Seaquest-MinAtar", "SimpleBandit-bsuite")
# What a cost by lanes that counts as flat may differ by.
FLAT = 1.5


@dataclass
class Table:
    """A title, rows of cells below column names, and sentences."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    notes: list[str] = field(default_factory=list)

    def text(self) -> str:
        """For a terminal."""
        cells = [self.columns, *self.rows]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [self.title, ""]
        for row in cells if self.columns else []:
            first, *rest = zip(row, widths, strict=True)
            aligned = [first[0].ljust(first[1])]
            aligned += [cell.rjust(width) for cell, width in rest]
            lines.append("  ".join(aligned).rstrip())
        return "\n".join([*lines, *self.notes]) + "\n"

    def markdown(self) -> str:
        """The same in Markdown."""
        lines = [f"## {self.title}", ""]
        if self.columns:
            marks = ["---", *["---:"] * (len(self.columns) - 1)]
            shown = (self.columns, marks, *self.rows)
            lines += [f"| {' | '.join(row)} |" for row in shown]
            lines.append("")
        return "\n".join([*lines, *(f"- {note}" for note in self.notes)]) + "\n"


def tables(results: dict[str, Any]) -> list[Table]:
    """A table for each section that was measured, and one of the circumstances."""
    made = [
        maker(results, results[name])
        for name, maker in MAKERS.items()
        if results.get(name)
    ]
    return [*(table for table in made if table.rows), conditions(results)]


def throughput(results: dict[str, Any], found: dict[str, Any]) -> Table:
    """Rollouts compared with gymnax."""
    rows = []
    for id, each in found.items():
        cells = [1e6 / each["steps_per_second"][name] for name in CONTESTANTS]
        rows.append(
            (
                id,
                each.get("use", "kept"),
                *map(significant, cells),
                *(
                    f"{each['times_gymnax'][name]:.2f} ({low:.2f}-{high:.2f})"
                    for name in WAYS
                    for low, high in [each["times_gymnax_range"][name]]
                ),
            )
        )
    settings = results["settings"]
    notes = [
        "use: whether observations are added up as they are kept, or converted to "
        "float32 first; of the two, the one in which eqenvs does worse. (Where all "
        "observations are float32 anyway, there is one.)",
        f"{settings['num_envs']:,} environments x {settings['num_steps']:,} steps, "
        f"medians of {settings['repeats']} turns; in brackets the least and the "
        "greatest ratio of a turn.",
        "vmap: jax.vmap(env.step). vector: VectorEnvironment. fast: VectorEnvironment "
        "with keys of eqenvs.random.key. Keys: "
        + ", ".join(f"{name} {keys}" for name, keys in results["keys"].items())
        + ".",
    ]
    notes += [
        f"{id}: {each['num_steps']} steps, on both sides."
        for id, each in found.items()
        if each["num_steps"] < settings["num_steps"]
    ]
    notes += means(
        "times as fast as gymnax",
        {id: each["times_gymnax"] for id, each in found.items()},
    )
    return Table(
        "Seconds for 1,000,000 steps, and times as fast as gymnax",
        ("environment", "use", *CONTESTANTS, *(f"{name}: times" for name in WAYS)),
        rows,
        notes,
    )


def uses(results: dict[str, Any], found: dict[str, Any]) -> Table:
    """Every use of the observations."""
    played = results.get("throughput", {})
    rows = []
    for id, each in found.items():
        cells = dict(played.get(id, {}).get("uses", {}), network=each)
        ratios = (
            f"{cells[use]['times_gymnax']['vector']:.2f}" if use in cells else "-"
            for use in ("kept", "float32", "network")
        )
        rate = significant(each["steps_per_second"]["vector"] / 1e6)
        rows.append((id, *ratios, rate))
    return Table(
        "VectorEnvironment, times as fast as gymnax, by what observations are used for",
        ("environment", "kept", "float32", "network", "network: M steps/s"),
        rows,
        [
            "network: a policy network with two layers of 256 units chooses the "
            "actions. It takes most of the time, on both sides. (SimpleBandit's "
            "observation never changes, so the compiler asks the network once.)",
        ],
    )


def means(what: str, ratios: dict[str, dict[str, float]]) -> list[str]:
    """Sentences that give the geometric means, with and without the outliers."""
    sentences = []
    rest = {id: each for id, each in ratios.items() if id not in OUTLIERS}
    for chosen in (ratios, rest):
        if len(chosen) < 2 or (chosen is rest and len(rest) == len(ratios)):
            continue
        numbers = (
            f"{name} {statistics.geometric_mean(x[name] for x in chosen.values()):.2f}"
            for name in WAYS
        )
        left_out = [id for id in ratios if id not in chosen]
        without = f" without {' and '.join(left_out)}" if left_out else ""
        sentences.append(
            f"Geometric means of {len(chosen)}{without}, {what}: {', '.join(numbers)}."
        )
    return sentences


def compilation(results: dict[str, Any], found: dict[str, Any]) -> Table:
    """Compile times."""
    rows = [
        (
            id,
            *(f"{each['seconds'][name]:.2f}" for name in CONTESTANTS),
            *(f"{each['to_gymnax'][name]:.2f}" for name in WAYS),
        )
        for id, each in found.items()
    ]
    return Table(
        "Seconds to trace and compile the rollout, and the ratio to gymnax",
        ("environment", *CONTESTANTS, *(f"{name}: ratio" for name in WAYS)),
        rows,
        [
            "One compilation each, with nothing cached.",
            *means(
                "times as long as gymnax",
                {id: each["to_gymnax"] for id, each in found.items()},
            ),
        ],
    )


def memory(results: dict[str, Any], found: dict[str, Any]) -> Table:
    """What the rollouts take."""

    def size(each: dict[str, int]) -> float:
        return (each["outputs"] + each["temporaries"]) / 1e6

    rows = [
        (
            id,
            significant(each["vector"]["arguments"] / 1e6),
            *(significant(size(each[name])) for name in CONTESTANTS),
            significant(size(each["vector"]) / size(each["gymnax"])),
        )
        for id, each in found.items()
    ]
    return Table(
        "Megabytes of the rollout",
        ("environment", "actions", *CONTESTANTS, "vector: ratio"),
        rows,
        [
            "XLA's own figures for the compiled program: outputs and temporaries. Its "
            "arguments are the actions and one key, alike for all."
        ],
    )


def lanes(results: dict[str, Any], found: dict[str, Any]) -> Table:
    """Steps a second by the number of environments."""
    counts = sorted({int(n) for each in found.values() for n in each["vector"]})
    shared = sorted({int(n) for each in found.values() for n in each.get("gymnax", ())})
    rows = []
    for id, each in found.items():
        ours, theirs = each["vector"], each.get("gymnax", {})
        row = [id]
        for n in map(str, counts):
            rate = 1e-6 / ours[n]["seconds_per_step"] if n in ours else None
            row.append("-" if rate is None else significant(rate))
        for n in map(str, shared):
            both = n in ours and n in theirs
            row.append(
                f"{theirs[n]['seconds_per_step'] / ours[n]['seconds_per_step']:.2f}"
                if both
                else "-"
            )
        flat = each.get("cost_100000_to_1000")
        row.append("-" if flat is None else f"{flat:.2f}")
        rows.append(tuple(row))
    steep = [
        f"{id} ({each['cost_100000_to_1000']:.2f})"
        for id, each in found.items()
        if each.get("cost_100000_to_1000", 0) > FLAT
    ]
    return Table(
        "Million steps a second by the number of lanes, and times as fast as gymnax",
        (
            "environment",
            *map(short, counts),
            *(f"gymnax {short(n)}" for n in shared),
            "cost 100k/1k",
        ),
        rows,
        [
            "VectorEnvironment with threefry keys; medians of 3, or one measurement "
            "where one call of the program takes more than half a second. Lanes begin "
            "amid episodes, in states seen at different times.",
            "cost 100k/1k: what a step of one lane costs with 100,000 lanes, as a "
            f"multiple of what it costs with 1,000. Above {FLAT}: "
            f"{', '.join(steep) if steep else 'none'}.",
        ],
    )


def overhead(results: dict[str, Any], found: dict[str, Any]) -> Table:
    """One call."""
    rows = [
        (
            id,
            *(
                f"{each['seconds_per_call'][name] * 1e6:.1f}"
                for name in ("gymnax", "eqenvs")
            ),
            f"{each['to_gymnax']:.2f}",
        )
        for id, each in found.items()
    ]
    return Table(
        "Microseconds of one call of env.step from Python, one lane",
        ("environment", "gymnax", "eqenvs", "ratio"),
        rows,
        ["Both are compiled already. The step itself is included."],
    )


def imports(results: dict[str, Any], found: dict[str, Any]) -> Table:
    """Import times."""
    return Table(
        "Seconds to import in a fresh process",
        ("import", "median", "least", "greatest"),
        [
            (modules, f"{statistics.median(x):.2f}", f"{min(x):.2f}", f"{max(x):.2f}")
            for modules, x in found["seconds"].items()
        ],
        ["Without the start of Python, turn by turn. From bytecode, unless --quick."],
    )


def others(results: dict[str, Any], found: dict[str, Any]) -> Table:
    """Other libraries."""
    rows = [
        (
            id,
            each["peer"],
            each["loop"],
            f"{each['num_envs']:,}",
            significant(each["steps_per_second"] / 1e6),
            significant(each["eqenvs_steps_per_second"] / 1e6),
            significant(each["times_peer"]),
        )
        for id, peers in found.items()
        for each in peers
    ]
    return Table(
        "Million steps a second of others, and times as fast eqenvs is",
        ("environment", "peer", "loop", "lanes", "peer: M/s", "eqenvs: M/s", "times"),
        rows,
        [
            "Not like with like, but for pgx-minatar: these step by a Python loop, by "
            "NumPy or in C++ threads, and give each observation to Python. eqenvs is "
            f"VectorEnvironment with {results['settings']['num_envs']:,} lanes in one "
            "compiled program.",
        ],
    )


def conditions(results: dict[str, Any]) -> Table:
    """What was measured on, and what was not."""
    machine, versions = results["machine"], results["versions"]
    size, took = machine["memory_bytes"], results["section_seconds"]
    notes = [
        f"{machine['cores']} cores of {machine['cpu']}"
        + (f", {size / 2**30:.0f} GiB" if size else "")
        + f"; {machine['os']}; device {machine['device']}.",
        f"{', '.join(f'{name} {version}' for name, version in versions.items())}.",
        f"{results['date']}, in {results['wall_seconds'] / 60:.1f} minutes: "
        + ", ".join(f"{name} {x:.0f} s" for name, x in took.items())
        + ".",
    ]
    notes += [
        f"Of {date}: {name}"
        + (
            "."
            if len({x[:10] for x in dates.values()}) == 1
            else " of " + ", ".join(id for id in dates if dates[id][:10] == date) + "."
        )
        for name, dates in results.get("dates", {}).items()
        for date in sorted({x[:10] for x in dates.values()})
        if date != results["date"][:10]
    ]
    notes += [f"Left out: {what}" for what in results["left_out"]]
    return Table("Measured on", (), [], notes)


def significant(x: float) -> str:
    """Three significant digits, written out."""
    if x >= 100:
        return f"{x:,.0f}"
    return f"{x:#.3g}" if x >= 1e-3 else f"{x:.5f}"


def short(n: int) -> str:
    """1000 as 1k."""
    for size, suffix in ((1_000_000, "M"), (1_000, "k")):
        if n >= size:
            return f"{n // size}{suffix}"
    return str(n)


def markdown(made: Iterable[Table]) -> str:
    """A page."""
    return "\n".join(["# Benchmarks\n", *(table.markdown() for table in made)])


MAKERS = {
    "throughput": throughput,
    "compile": compilation,
    "memory": memory,
    "network": uses,
    "lanes": lanes,
    "overhead": overhead,
    "import": imports,
    "others": others,
}
