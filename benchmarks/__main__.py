"""Compares the speed of eqenvs with gymnax and other installed libraries."""

import importlib.util
import json
import pathlib
import sys
from dataclasses import dataclass
from typing import Annotated, get_args, Literal

import tyro

from eqenvs._checks import check_count
from eqenvs._files import write_safely
from eqenvs._registry import registered, spec


Section = Literal[
    "throughput", "compile", "memory", "network", "lanes", "overhead", "import",
    "others",
]  # fmt: skip


@dataclass
class Benchmarks:
    """Compare speed with gymnax and other installed libraries."""

    ids: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Which environments, such as CartPole-v1; by default all."""
    output: pathlib.Path = pathlib.Path("runs/benchmarks")
    """Folder for results.json, results.md and results.png. Those of an earlier run are
    replaced."""
    repeats: int = 5
    """Number of turns; results are medians."""
    sections: tuple[Section, ...] = get_args(Section)
    """What to measure."""
    quick: bool = False
    """Play few steps, to see that everything runs. The figures mean little."""
    add: bool = False
    """Add to the results of earlier runs in that folder, instead of replacing them."""
    minutes: float | None = None
    """Leave out what has not begun after so many minutes."""

    def run(self) -> None:
        for id in self.ids:
            spec(id)
        check_count("repeats", self.repeats)
        if self.minutes is not None and not self.minutes > 0:
            raise ValueError(f"minutes must be positive; got {self.minutes}.")
        for module in ("gymnax", "six", "matplotlib", "tqdm"):
            if importlib.util.find_spec(module) is None:
                raise ValueError(
                    f"the benchmarks need the package {module}, which is not "
                    'installed: pip install -e ".[bench]"'
                )
        from . import report, suite
        from .case import Settings
        from .chart import chart

        ids = tuple(dict.fromkeys(self.ids)) or registered()
        settings = Settings(ids, self.sections, self.repeats, self.quick, self.minutes)
        chosen = suite.choose(settings)
        self.output.mkdir(parents=True, exist_ok=True)
        earlier = self.output / "results.json"
        old = json.loads(earlier.read_text()) if self.add and earlier.exists() else None
        results = suite.measure(settings, *chosen)
        if old is not None:
            results = suite.added(old, results)
        tables = report.tables(results)
        print("\n".join(table.text() for table in tables))
        if results["interrupted"]:
            sys.exit("benchmarks: interrupted; nothing was saved.")
        contents = {
            "results.json": json.dumps(results, indent=1).encode(),
            "results.md": report.markdown(tables).encode(),
            "results.png": chart(results),
        }
        for name, content in contents.items():
            if content is None:
                (self.output / name).unlink(missing_ok=True)
            else:
                write_safely(self.output / name, content)
                print(f"Saved {self.output / name}.")


def main() -> None:
    """Runs the command line."""
    benchmarks = tyro.cli(Benchmarks, prog="python -m benchmarks")
    try:
        benchmarks.run()
    except (ValueError, TypeError, OSError) as error:
        sys.exit(f"benchmarks: {error}")


if __name__ == "__main__":
    main()
