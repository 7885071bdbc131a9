"""Arguments that several commands share."""

import pathlib
from typing import Annotated

import tyro


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
# Their defaults depend on other arguments, and are described in words.
OptionalInt = Annotated[int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="")]
OptionalFloat = Annotated[
    float | None, tyro.conf.arg(metavar="FLOAT", help_behavior_hint="")
]
OptionalFolder = Annotated[
    pathlib.Path | None, tyro.conf.arg(metavar="FOLDER", help_behavior_hint="")
]
