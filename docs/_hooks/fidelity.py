"""Makes the tables of `docs/fidelity.md`, and the section "Fidelity" on the page of
every environment.

What differs from an original is written once: below the rules in the docstring of an
environment's module, and in that of its package for the whole family. What gymnax does
is written once: in the docstrings of `tests/test_gymnax_departures.py`, above the test
that shows it.
"""

import ast
import dataclasses
import functools as ft
import importlib
import inspect
import pathlib
import re
import sys
import types
from typing import Any

import eqenvs


ROOT = pathlib.Path(__file__).parents[2]
DEPARTURES = ROOT / "tests" / "test_gymnax_departures.py"
# The headings of the sections below the rules in a module's docstring.
SECTIONS = ("Deviations", "Kept")
DEVIATIONS = "What differs from the original:"
KEPT = "Kept as in the original, although it may look odd:"
# `site.css` keeps the last column wide enough.
COLUMNS = [
    "gymnax",
    "the original, and here",
    '<span class="meaning">what it changes</span>',
]


def on_page_markdown(markdown: str, **_: Any) -> str:
    return re.sub(r"<!-- fidelity: (\w+) -->", lambda m: tables(m[1]), markdown)


@ft.cache
def gymnax_heading() -> str:
    found = re.search(r"^gymnax==(.+)$", (ROOT / "constraints.txt").read_text(), re.M)
    assert found is not None
    return f"Where gymnax {found[1]} departs from the original:"


@ft.cache
def headings() -> dict[str, str]:
    """The page's headings, by the family whose tables are below them."""
    text = (ROOT / "docs" / "fidelity.md").read_text()
    found = re.findall(r"^## (.+)$|<!-- fidelity: (\w+) -->", text, re.M)
    families, heading = {}, ""
    for name, family in found:
        heading = name or heading
        if family:
            families[family] = heading
    return families


def family_of(cls: type) -> str:
    """The package that a class is in, such as `minatar`."""
    return cls.__module__.split(".")[-2]


def anchor(cls: type) -> str:
    """Where the page speaks of a class."""
    return headings()[family_of(cls)].lower().replace(" ", "-")


def is_listed(cls: type) -> bool:
    """Whether a class has a row on the page: one that says that nothing differs will
    do."""
    sections = parts(sys.modules[cls.__module__])[1]
    return family_of(cls) in headings() and "Deviations" in sections


# What is written elsewhere.


def parts(module: types.ModuleType) -> tuple[str, dict[str, list[str]]]:
    """A module's docstring above its sections, and the entries of each section."""
    doc = inspect.cleandoc(module.__doc__ or "")
    text, *rest = re.split(rf"^\*\*({'|'.join(SECTIONS)}):\*\*", doc, flags=re.M)
    sections = {
        name: [" ".join(x.split()) for x in re.split(r"^- ", body, flags=re.M)[1:]]
        for name, body in zip(rest[::2], rest[1::2], strict=True)
    }
    return text.strip(), sections


def entries(module: types.ModuleType, section: str) -> list[str]:
    return parts(module)[1].get(section, [])


@dataclasses.dataclass(frozen=True)
class Departure:
    """What gymnax does in some environments, what happens there in the original and
    here, and what the difference changes for a learner."""

    classes: tuple[str, ...]
    gymnax: str
    here: str
    effect: str

    @property
    def cells(self) -> list[str]:
        return [self.gymnax, self.here, self.effect]


@ft.cache
def departures() -> tuple[Departure, ...]:
    """What the tests show, in their order."""
    tests = [
        (node.name, ast.get_docstring(node) or "")
        for node in ast.parse(DEPARTURES.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    return tuple(departure(name, doc) for name, doc in tests)


def departure(test: str, doc: str) -> Departure:
    """What a test shows, from its docstring."""
    found = re.fullmatch(
        r"([\w, ]+): (.+)\. Here: (.+)\. Effect: (.+)\.", " ".join(doc.split())
    )
    if found is None:
        raise ValueError(
            f"the docstring of {test} must be 'Class: what gymnax does.', 'Here: what "
            "happens here.' and 'Effect: what that changes.'"
        )
    classes = tuple(found[1].split(", "))
    unknown = [name for name in classes if not hasattr(eqenvs, name)]
    if unknown:
        raise ValueError(f"the docstring of {test} names {unknown}, not in eqenvs.")
    return Departure(classes, found[2], found[3], found[4])


# The page of an environment.


def section(cls: type) -> str:
    """Its text: what differs from the original, and from gymnax."""
    module = sys.modules[cls.__module__]
    deviations = entries(module, "Deviations") + entries(package_of(cls), "Deviations")
    kept = entries(module, "Kept")
    rows = [x.cells for x in departures() if cls.__name__ in x.classes]
    texts: list[str] = []
    if deviations:
        texts += [DEVIATIONS, bullets(deviations)]
    else:
        texts.append("Nothing differs from the original.")
    if kept:
        texts += [KEPT, bullets(kept)]
    if rows:
        texts += [gymnax_heading(), table(COLUMNS, rows)]
    return "\n\n".join(texts)


def package_of(cls: type) -> types.ModuleType:
    return importlib.import_module(cls.__module__.rpartition(".")[0])


def bullets(texts: list[str]) -> str:
    return "\n".join(f"- {text}" for text in texts)


# The page of all of them.


@ft.cache
def classes() -> dict[str, str]:
    """The classes of the registered environments by name, and the first id of each."""
    found: dict[str, str] = {}
    for id in eqenvs.registered():
        found.setdefault(eqenvs.spec(id).factory.__name__, id)
    return found


def tables(package: str) -> str:
    """What differs in a family, such as `minatar`, from its originals and in gymnax."""
    rows: list[list[str]] = []
    if package == "wrappers":
        found, subject = ["StickyAction"], "wrapper"
    else:
        family = importlib.import_module(f"eqenvs.environments.{package}")
        found = [x for x in classes() if family_of(getattr(eqenvs, x)) == package]
        subject = "environment"
        rows = [["all", text] for text in entries(family, "Deviations")]
    nothing = "nothing else" if rows else "nothing"
    kept: list[list[str]] = []
    for name in found:
        module = sys.modules[getattr(eqenvs, name).__module__]
        own = entries(module, "Deviations") or [nothing]
        rows += [[linked(name), text] for text in own]
        kept += [[linked(name), text] for text in entries(module, "Kept")]
    texts = [DEVIATIONS, table([subject, "deviation"], rows)]
    if kept:
        texts += [KEPT, table([subject, "kept"], kept)]
    there = [
        [label(x.classes, found), *x.cells]
        for x in departures()
        if set(x.classes) & set(found)
    ]
    if there:
        texts += [gymnax_heading(), table([subject, *COLUMNS], there)]
    return "\n\n".join(texts)


def linked(name: str) -> str:
    """A class, with a link to the first of its pages."""
    if name in classes():
        return f"[{name}](environments/{classes()[name]}.md)"
    return f"[{name}][eqenvs.wrappers.{name}]"


def label(names: tuple[str, ...], family: list[str]) -> str:
    if len(names) > 1 and set(names) == set(family):
        return "both" if len(names) == 2 else "all"
    return ", ".join(map(linked, names))


def table(columns: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = [columns, ["---"] * len(columns), *(map(cell, row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(text: str) -> str:
    """A capital letter, except for the name of a library, and no period after a single
    sentence."""
    if not re.search(r"[.!?] ", text):
        text = text.removesuffix(".")
    if not text.startswith("bsuite"):
        text = text[:1].upper() + text[1:]
    return text.replace("|", "\\|")
