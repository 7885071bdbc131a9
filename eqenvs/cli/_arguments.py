"""Arguments shared by several commands."""

import dataclasses
import json
import pathlib
from collections.abc import Sequence
from typing import Annotated, Any, dataclass_transform, Literal, TypeVar

import docstring_parser
import tyro

from ._algorithms import ALGORITHMS


Id = Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="ID")]
OptionalId = Annotated[
    str | None,
    tyro.conf.Positional,
    tyro.conf.arg(metavar="[ID]", help_behavior_hint=""),
]
Ids = Annotated[
    tuple[str, ...],
    tyro.conf.Positional,
    tyro.conf.arg(metavar="[ID ...]", help_behavior_hint=""),
]
Assignments = Annotated[
    tuple[str, ...], tyro.conf.arg(metavar="NAME=VALUE ...", help_behavior_hint="")
]
Wrappers = Annotated[
    tuple[str, ...],
    tyro.conf.arg(metavar="WRAPPER [NAME=VALUE ...] ...", help_behavior_hint=""),
]
Algorithm = Annotated[
    str,
    tyro.conf.arg(
        metavar="NAME",
        help=f"Algorithm: {', '.join(ALGORITHMS)}, or your own, written "
        "mymodule:MyAlgorithm.",
    ),
]
# Their defaults depend on other arguments and are described in words.
OptionalInt = Annotated[int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="")]
OptionalFloat = Annotated[
    float | None, tyro.conf.arg(metavar="FLOAT", help_behavior_hint="")
]
OptionalLog = Annotated[
    Literal["tensorboard", "wandb"] | None, tyro.conf.arg(help_behavior_hint="")
]
OptionalFolder = Annotated[
    pathlib.Path | None, tyro.conf.arg(metavar="FOLDER", help_behavior_hint="")
]


_Command = TypeVar("_Command")


@dataclass_transform()
def command(cls: type[_Command]) -> type[_Command]:
    """Makes the dataclass of a command.

    The strings below its fields become the help of the options. tyro would keep their
    line breaks; here a terminal wraps them.

    **Arguments:**

    - `cls`: the class.

    **Returns:**

    The same class, as a dataclass.
    """
    types = cls.__annotations__
    for parameter in docstring_parser.parse_from_object(cls).params:
        name = parameter.arg_name
        text = " ".join((parameter.description or "").split())
        if text and name in types:
            types[name] = Annotated[types[name], tyro.conf.arg(help=text)]
    return dataclasses.dataclass(cls)


# The options that `--agent.discount 0.9` and `--env.gravity 3.7` are short for.
_ASSIGNMENTS = {"agent": "--agent", "env": "--parameters"}


def gather_assignments(arguments: Sequence[str]) -> list[str]:
    """Rewrites `--agent.learning-rate 1e-3` as `--agent learning_rate=1e-3`.

    **Arguments:**

    - `arguments`: the arguments of the command line.

    **Returns:**

    The same arguments, with all assignments of a kind in one option at the end.
    """
    gathered: dict[str, list[str]] = {option: [] for option in _ASSIGNMENTS.values()}
    rest: list[str] = []
    target = rest
    words = iter(arguments)
    for word in words:
        group, dot, name = word.removeprefix("--").partition(".")
        if word in gathered:
            target = gathered[word]
        elif word.startswith("--") and dot and group in _ASSIGNMENTS:
            name, equals, value = name.partition("=")
            if not equals:
                value = next(words, None)
                if value is None:
                    raise ValueError(f"{word} needs a value.")
            assignment = f"{name.replace('-', '_')}={value}"
            gathered[_ASSIGNMENTS[group]].append(assignment)
            target = rest
        else:
            if word.startswith("-"):
                target = rest
            target.append(word)
    for option, assignments in gathered.items():
        if assignments:
            rest += [option, *assignments]
    return rest


# Python's spelling; JSON has its own.
_WORDS = {"True": True, "False": False, "None": None}


def parse(assignments: Sequence[str]) -> dict[str, Any]:
    """Reads `name=value`. A value that is neither JSON nor `True`, `False` or `None` is
    a string."""
    parsed: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not name or not equals:
            raise ValueError(
                f"a parameter must be given as name=value; got {assignment!r}."
            )
        if name in parsed:
            raise ValueError(f"the parameter {name} is given twice.")
        try:
            parsed[name] = json.loads(value)
        except ValueError:
            parsed[name] = _WORDS.get(value, value)
    return parsed
