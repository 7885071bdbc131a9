"""Fills the pages of the API reference.

`<!-- members: eqenvs.wrappers -->` becomes an entry for every public name of a module
that has no entry of its own on some page, and `<!-- submodules: eqenvs.agents -->` a
section for every public module below a package. So no name can be left out.
"""

import functools as ft
import importlib
import inspect
import pathlib
import re
import sys
from types import ModuleType
from typing import Any


ROOT = pathlib.Path(__file__).parents[2]
API = ROOT / "docs" / "api"
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

_ENTRY = re.compile(r"^::: (eqenvs[\w.]+)$", re.MULTILINE)
_SUBMODULES = re.compile(r"^<!-- submodules: (eqenvs[\w.]*) -->$", re.MULTILINE)
_MEMBERS = re.compile(r"^<!-- members: (eqenvs[\w.]*) -->$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    markdown = _SUBMODULES.sub(lambda match: submodules(match[1]), markdown)
    return _MEMBERS.sub(lambda match: members(match[1]), markdown)


def on_page_content(html: str, *, page: Any, **_: Any) -> str:
    """Strings in signatures get the same quotes, whether or not they were formatted."""
    if not page.url.startswith("api/"):
        return html
    return re.sub(r"(<span class=\"s1\">)'([^'<]*)'", r"\1&quot;\2&quot;", html)


def submodules(package: str) -> str:
    """A section for every public module of a package that has names of its own."""
    parts = []
    for module in public_modules():
        if module.startswith(f"{package}.") and undocumented(module):
            heading = f"## `{module}`"
            doc = inspect.getdoc(importlib.import_module(module)) or ""
            summary = doc.partition("\n\n")[0]
            parts += [heading, summary, f"<!-- members: {module} -->"]
    return "\n\n".join(parts)


def members(module: str) -> str:
    return "\n\n".join(f"::: {module}.{name}" for name in undocumented(module))


def undocumented(module: str) -> list[str]:
    """The public names of a module that have no entry of their own, are not exported
    by another module whose names are listed, and are no environment."""
    taken = {id(found(name)) for name in explicit()}
    for other in listed():
        if other != module:
            names = public(importlib.import_module(other))
            # The top lists what nothing else does; elsewhere, a package comes first.
            comes_first = other != "eqenvs" and module.startswith(f"{other}.")
            if module == "eqenvs" or comes_first:
                taken |= {id(value) for value in names.values()}
    return [
        name
        for name, value in public(importlib.import_module(module)).items()
        if id(value) not in taken and not has_a_page(value)
    ]


def has_a_page(value: Any) -> bool:
    """Whether it is an environment, or the state of one."""
    return str(getattr(value, "__module__", "")).startswith("eqenvs.environments.")


@ft.cache
def listed() -> tuple[str, ...]:
    """The modules whose names are listed on some page."""
    text = "\n".join(page.read_text() for page in sorted(API.glob("*.md")))
    return tuple(_MEMBERS.findall(text))


@ft.cache
def explicit() -> tuple[str, ...]:
    """The names with an entry that is written on a page."""
    text = "\n".join(page.read_text() for page in sorted(API.glob("*.md")))
    return tuple(_ENTRY.findall(text))


def found(path: str) -> Any:
    """The object that a dotted name is the name of."""
    module, _, name = path.rpartition(".")
    try:
        return importlib.import_module(path)
    except ImportError:
        return getattr(found(module), name)


def public(module: ModuleType) -> dict[str, Any]:
    """The public classes and functions of a module: those in its `__all__`, or else
    those that a package exports, and those that a module of its own defines."""
    is_package = hasattr(module, "__path__")
    # A module may import what it exports only when it is first used.
    names = getattr(module, "__all__", tuple(vars(module)))
    return {
        name: value
        for name, value in ((name, getattr(module, name)) for name in names)
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value) or _is_compiled(value))
        and str(getattr(value, "__module__", "")).startswith(
            "eqenvs" if is_package else module.__name__
        )
        and getattr(value, "__name__", name) == name
    }


def _is_compiled(value: Any) -> bool:
    return hasattr(value, "__wrapped__") and callable(value)


def public_modules() -> list[str]:
    """The importable modules of the package whose names are all public, but for the
    environments, which have pages of their own, and the command."""
    modules = []
    for path in sorted((ROOT / "eqenvs").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
        if not any(part.startswith("_") for part in parts[1:]):
            modules.append(".".join(parts))
    return modules
