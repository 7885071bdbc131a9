"""Checks that nothing public is left without a description; part of `make lint`.

It names every public name without a docstring, every parameter without a meaning, every
registered environment without a page, a picture, a source or a row on the page about
fidelity, and every module that the reference leaves out. Nothing is compiled.
"""

import dataclasses
import importlib
import inspect
import os
import pathlib
import re
import sys
from collections.abc import Iterator
from typing import Any


os.environ.setdefault("JAX_PLATFORMS", "cpu")
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import api
import environments
import fidelity

import eqenvs
from eqenvs._parametric import AbstractParametric, described_fields


SECTIONS = ("Observation", "Action", "Reward", "Start", "Episode end", "Source")
# Not part of the reference: the command, and the pages' subjects.
UNLISTED = ("eqenvs.cli", "eqenvs.environments")


def problems() -> list[str]:
    """Everything that is missing, as sentences."""
    found: list[str] = []
    for path, value in public_names():
        found += of_name(path, value)
    for id in eqenvs.registered():
        found += of_environment(id)
    return found + of_departures() + of_modules()


def public_names() -> Iterator[tuple[str, Any]]:
    """Every public class and function with its first name."""
    seen: set[int] = set()
    # The shortest name of each comes first.
    for module in sorted(api.public_modules(), key=lambda name: name.count(".")):
        if not module.startswith("eqenvs.cli"):
            for name, value in api.public(importlib.import_module(module)).items():
                if id(value) not in seen:
                    seen.add(id(value))
                    yield f"{module}.{name}", value


def of_name(path: str, value: Any) -> list[str]:
    """What a public class or function lacks."""
    if not inspect.isclass(value):
        return list(_of_function(path, value))
    found = []
    # A dataclass without a docstring is given its signature as one.
    if not value.__doc__ or value.__doc__.startswith(f"{value.__name__}("):
        found.append(f"{path} has no docstring.")
    for name, member in vars(value).items():
        if not name.startswith("_") and not _is_field(value, name):
            found += _of_member(f"{path}.{name}", value, name, member)
    if issubclass(value, AbstractParametric) and dataclasses.is_dataclass(value):
        for name, field in described_fields(value).items():
            description = field.parameter.description
            if not re.fullmatch(r"[A-Z`'\d].*[.]", description, re.DOTALL):
                found.append(
                    f"the parameter {path}.{name} has no meaning: its description must "
                    f"be a sentence; it is {description!r}."
                )
    elif _has_own_init(value):
        found += _of_function(f"{path}.__init__", value.__init__)
    return found


def _has_own_init(cls: type) -> bool:
    """Whether a class has a written `__init__` with a docstring of its own."""
    doc = getattr(vars(cls).get("__init__"), "__doc__", None) or ""
    return doc.startswith("**Arguments:**")


def _is_field(cls: type, name: str) -> bool:
    return any(name in inspect.get_annotations(base) for base in cls.__mro__)


def _of_member(path: str, cls: type, name: str, member: Any) -> Iterator[str]:
    if isinstance(member, property | classmethod | staticmethod):
        if not inspect.getdoc(getattr(cls, name)):
            yield f"{path} has no docstring."
    elif inspect.isfunction(inspect.unwrap(member)):
        # A method that overrides another one may leave the docstring to it.
        if not inspect.getdoc(getattr(cls, name)):
            yield f"{path} has no docstring."
        elif inspect.unwrap(member).__doc__:
            yield from _of_function(path, member)


def _of_function(path: str, function: Any) -> Iterator[str]:
    function = inspect.unwrap(function)
    doc = inspect.cleandoc(function.__doc__ or "")
    if not doc:
        yield f"{path} has no docstring."
        return
    # What no package exports is for those who read the code. A docstring may refer to
    # another one, as in "Those of [`eqenvs.rollout`][]"; that of a simple method may be
    # one sentence.
    refers = re.search(r"\b(as|those of|as in|as for) \[`[\w.]+`\]\[\]", doc, re.I)
    is_method = path.rpartition(".")[0] not in sys.modules
    is_short = is_method and "**Arguments:**" not in doc
    if not _is_exported(path) or refers or is_short:
        return
    for parameter in inspect.signature(function).parameters.values():
        name = parameter.name
        is_named = re.search(rf"`\*{{0,2}}{name}\b[^`]*`", doc)
        if name not in ("self", "cls") and name[0] != "_" and not is_named:
            yield f"the docstring of {path} does not say what `{name}` is."


def _is_exported(path: str) -> bool:
    """Whether a name, or the class that a method belongs to, is in a package."""
    parts = path.split(".")
    while parts:
        parts.pop()
        module = sys.modules.get(".".join(parts))
        if module is not None:
            return hasattr(module, "__path__") or parts[-1] in ("fields", "spaces")
    return False


def of_environment(id: str) -> list[str]:
    """What a registered environment lacks."""
    page, found = environments.Page(id), []
    cls = page.cls
    missing = [name for name in SECTIONS if not page.sections.get(name)]
    if not page.lead.endswith((".", "?")) or not page.rules:
        missing.append("rules in its module's docstring")
    if missing:
        found.append(f"{id} has no complete page: {cls.__name__} lacks {missing}.")
    if len(page.source) < 20:
        found.append(f"{id} has no source: the second paragraph of its module.")
    if re.search(r"[.)] \d\.(\s|$)", page.rules):
        found.append(f"a rule of {id} does not begin on a line of its own.")
    if not fidelity.is_listed(cls):
        found.append(
            f"{id} has no row in docs/fidelity.md: the docstring of its module has no "
            "'**Deviations:**', or the page has no tables of its family."
        )
    title = environments.cited_title(page.source)
    if title is not None and environments.bibtex(page.source) is None:
        found.append(f"docs/_hooks/references.bib has no entry for {title!r}.")
    if cls.draw is eqenvs.AbstractEnvironment.draw:
        found.append(f"{id} has no picture: {cls.__name__} does not define `draw`.")
    return found


def of_departures() -> list[str]:
    """What is wrong with the docstrings that the tables of gymnax's departures need."""
    try:
        fidelity.departures()
    except ValueError as error:
        return [str(error)]
    return []


def of_modules() -> list[str]:
    """The modules that no page of the reference has."""
    text = "\n".join(page.read_text() for page in api.API.glob("*.md"))
    packages = re.findall(r"^<!-- submodules: (\S+) -->$", text, re.MULTILINE)
    found = []
    for module in api.public_modules():
        if module.startswith(UNLISTED) or module in api.listed() + api.explicit():
            continue
        if not any(module.startswith(f"{package}.") for package in packages):
            names = api.undocumented(module)
            if names:
                found.append(f"no page in docs/api has {module}: {names}.")
    return found


if __name__ == "__main__":
    missing = problems()
    print("\n".join(missing) or "Everything public is described.")
    sys.exit(bool(missing))
