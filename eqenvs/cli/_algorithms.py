"""The names of algorithms on the command line and in the facts about environments."""

import difflib
import importlib
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING


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
    if name not in algorithms and name.count(":") != 1:
        close = difflib.get_close_matches(name.lower(), algorithms, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(
            f"there is no algorithm {name!r}.{hint} The algorithms are "
            f"{', '.join(algorithms)}; one of your own is written 'module:Class'."
        )
    look_in_current_folder()
    from ..agents import AbstractAlgorithm

    module, class_name = algorithms.get(name, name).split(":")
    try:
        found = getattr(importlib.import_module(module), class_name)
    except (ImportError, AttributeError, ValueError) as error:
        if name in algorithms:
            raise
        raise ValueError(
            f"the algorithm {name!r} cannot be imported: {error}."
        ) from error
    if not (isinstance(found, type) and issubclass(found, AbstractAlgorithm)):
        raise TypeError(
            f"{name!r} must be a subclass of eqenvs.agents.AbstractAlgorithm; got "
            f"{found!r}."
        )
    return found


def look_in_current_folder() -> None:
    """Makes modules in a folder importable, as `python -m` does."""
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
