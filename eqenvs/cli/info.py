"""`eqenvs info`"""

import difflib
import inspect
import re
from collections.abc import Mapping
from typing import Any

from .._environment import is_no_limit
from .._parametric import described_fields
from .._registry import registered
from . import _algorithms, _environments
from ._algorithms import ALGORITHMS
from ._arguments import command, Id


@command
class Info:
    """Describe an environment: observations, actions, rewards and parameters; or an
    algorithm and its hyperparameters."""

    id: Id
    """The environment, such as CartPole-v1, or the algorithm, such as ppo. One of your
    own is written mymodule:MyEnvironment."""

    def run(self) -> None:
        cls, own = _find(self.id)
        doc = (cls.__doc__ or "").partition("**Arguments:**")[0]
        print(f"{self.id}: {plain_text(doc)}")
        if not isinstance(cls, type):
            return
        print("\nParameters:")
        for name, field in described_fields(cls).items():
            parameter = field.parameter
            unit = f" [{parameter.unit}]" if parameter.unit else ""
            default = repr(own[name]) if name in own else field.default_text
            if is_no_limit(name, own.get(name, field.default)):
                default += " (no limit)"
            print(f"  {name} = {default or '(required)'}{unit}")
            print(f"      {plain_text(parameter.description)} ({parameter.allowed})")


def _find(id: str) -> tuple[Any, Mapping[str, Any]]:
    """The class behind an id, and the defaults that differ from those of the class."""
    if id.lower() in ALGORITHMS:
        return _algorithms.find(id.lower()), {}
    close = difflib.get_close_matches(id.lower(), ALGORITHMS, n=1)
    if close and id not in registered() and ":" not in id:
        raise ValueError(
            f"there is no environment and no algorithm with the id {id!r}. Did you "
            f"mean {close[0]!r}?"
        )
    facts = _environments.find(id)
    return facts.factory, facts.parameters


def plain_text(markdown: str) -> str:
    """A docstring for the terminal, without Markdown's markup."""
    text = inspect.cleandoc(markdown).strip()
    text = re.sub(
        r"^\|.*\|$(\n\|.*\|$)*", lambda table: _columns(table[0]), text, flags=re.M
    )
    text = re.sub(r"^```.*\n", "", text, flags=re.M)
    text = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"\[`([\w.]+)`\]\[\]", r"\1", text)
    return re.sub(r"\*\*(.+?)\*\*|`([^`]+)`", r"\1\2", text)


def _columns(table: str) -> str:
    """A table with columns as wide as their widest cells."""
    rows = [
        [cell.strip().replace("`", "") for cell in row.strip("|").split("|")]
        for row in table.splitlines()
        if not re.fullmatch(r"[|\s:-]+", row)
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  "
        + "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    )
