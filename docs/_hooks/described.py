"""Shows a class of described fields with the signature and docstring it has at run
time: both are made from its fields."""

import dataclasses
import importlib
import inspect
import pathlib
import re
import sys
from typing import Any

import griffe


ROOT = pathlib.Path(__file__).parents[2]
for folder in (ROOT, ROOT / "docs" / "_hooks"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def table(fields: dict[str, Any]) -> str:
    """Described fields as a table."""
    # It is written for the environments' pages too.
    from environments import allowed, MEANING

    rows = [f"| name | default | range | {MEANING} |", "| --- | --- | --- | --- |"]
    for name, field in fields.items():
        parameter = field.parameter
        default = f"`{field.default_text}`" if field.default_text else "required"
        unit = f" Unit: {parameter.unit}." if parameter.unit else ""
        static = ' <span class="static">static</span>' if parameter.static else ""
        rows.append(
            f"| `{name}`{static} | {default} | {allowed(parameter)} "
            f"| {parameter.description}{unit} |"
        )
    return "\n".join(rows)


class Described(griffe.Extension):
    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        module = cls.module.path
        if not module.startswith("eqenvs"):
            return
        try:
            found = getattr(importlib.import_module(module), cls.name, None)
        except ImportError:  # an optional package is missing
            return
        from eqenvs._parametric import AbstractParametric, described_fields

        if not isinstance(found, type) or not issubclass(found, AbstractParametric):
            return
        doc = inspect.cleandoc(found.__doc__ or "")
        before, heading, after = doc.partition("**Arguments:**\n\n")
        all_fields = described_fields(found) if dataclasses.is_dataclass(found) else {}
        items = re.findall(r"^- `(\w+)`:", after, flags=re.MULTILINE)
        if heading and items == list(all_fields) and after.startswith("- "):
            doc = before + heading + table(all_fields)
        cls.docstring = griffe.Docstring(doc, parent=cls)
        if "__init__" in cls.members:
            return
        is_final = dataclasses.is_dataclass(found) and not inspect.isabstract(found)
        fields = described_fields(found) if is_final else {}
        parameters = [
            griffe.Parameter("self", kind=griffe.ParameterKind.positional_or_keyword)
        ]
        for name, field in fields.items():
            parameters.append(
                griffe.Parameter(
                    name,
                    kind=griffe.ParameterKind.positional_or_keyword,
                    default=field.default_text or None,
                )
            )
        cls.set_member(
            "__init__",
            griffe.Function(
                "__init__", parameters=griffe.Parameters(*parameters), parent=cls
            ),
        )
