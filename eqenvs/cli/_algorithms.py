"""The names of algorithms on the command line and in the facts about environments."""

import difflib
import importlib
import os
import pkgutil
import sys
from collections.abc import Mapping
from typing import Any, TYPE_CHECKING


if TYPE_CHECKING:
    from ..agents import AbstractAlgorithm


# Imported only when used, because they need optional packages.
ALGORITHMS = {
    "ppo": "eqenvs.agents:PPO",
    "a2c": "eqenvs.agents:A2C",
    "pqn": "eqenvs.agents:PQN",
    "es": "eqenvs.agents:EvolutionStrategy",
    "apg": "eqenvs.agents:APG",
}


def find(
    name: str, algorithms: Mapping[str, str] = ALGORITHMS
) -> "type[AbstractAlgorithm]":
    """An algorithm's class.

    **Arguments:**

    - `name`: a name from the table, or a class to import, written `"module:Class"`.
    - `algorithms`: the table.

    **Raises:**

    `ValueError` if there is no such algorithm; `TypeError` if the class is not one.
    """
    if name in algorithms:
        return pkgutil.resolve_name(algorithms[name])
    if name.count(":") != 1:
        close = difflib.get_close_matches(name.lower(), algorithms, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(
            f"there is no algorithm {name!r}.{hint} The algorithms are "
            f"{', '.join(algorithms)}; one of your own is written 'module:Class'."
        )
    return import_class(name, "algorithm", "eqenvs.agents:AbstractAlgorithm")


def import_class(name: str, kind: str, base: str) -> Any:
    """A class of the user's own.

    **Arguments:**

    - `name`: what to import, written `"module:Class"`.
    - `kind`: what to call it in an error message.
    - `base`: what it must be a subclass of, written in the same way.

    **Raises:**

    `ValueError` if it cannot be imported; `TypeError` if it is no such class.
    """
    parent = pkgutil.resolve_name(base)
    look_in_current_folder()
    module, class_name = name.split(":")
    try:
        found = getattr(importlib.import_module(module), class_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"the {kind} {name!r} cannot be imported: {error}.") from error
    if not (isinstance(found, type) and issubclass(found, parent)):
        raise TypeError(
            f"{name!r} must be a subclass of {base.replace(':', '.')}; got {found!r}."
        )
    return found


def look_in_current_folder() -> None:
    """Makes modules in a folder importable, as `python -m` does."""
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
