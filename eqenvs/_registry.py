"""Names for environments: `make("CartPole-v1")`."""

import difflib
import importlib
import inspect
from collections.abc import Callable
from typing import Any

from ._environment import AbstractEnvironment
from ._parameters import unknown_parameter


_registry: dict[str, str | Callable[..., AbstractEnvironment]] = {}


def register(id: str, entry_point: str | Callable[..., AbstractEnvironment]) -> None:
    """Gives an environment a name that [`eqenvs.make`][] knows.

    **Arguments:**

    - `id`: the name, such as `"CartPole-v1"`.
    - `entry_point`: a class or function that returns an environment, or where to
        import it from, written `"package.module:Class"`.

    **Raises:**

    `ValueError` if the name is taken.
    """
    if not isinstance(id, str) or not id:
        raise TypeError(f"an id must be a string that is not empty; got {id!r}.")
    if not callable(entry_point) and not (
        isinstance(entry_point, str) and entry_point.count(":") == 1
    ):
        raise TypeError(
            "an entry point must be a class, a function or a string of the form "
            f"'package.module:Class'; got {entry_point!r}."
        )
    if id in _registry:
        raise ValueError(
            f"the id {id!r} is already registered, for {_registry[id]!r}. Choose "
            "another."
        )
    _registry[id] = entry_point


def registered() -> tuple[str, ...]:
    """The names that [`eqenvs.make`][] knows, in the order of their registration."""
    return tuple(_registry)


def entry_point(id: str) -> Callable[..., AbstractEnvironment]:
    """The class or function behind a name.

    **Raises:**

    `ValueError` if there is no such name; the message has the nearest ones.
    """
    if id not in _registry:
        close = difflib.get_close_matches(str(id), _registry, n=3, cutoff=0.4)
        if not close:
            lowered = {known.lower(): known for known in _registry}
            matches = difflib.get_close_matches(str(id).lower(), lowered, 3, 0.3)
            close = [lowered[match] for match in matches]
        hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise ValueError(
            f"there is no environment with the id {id!r}.{hint} "
            "`eqenvs.registered()` returns all ids."
        )
    found = _registry[id]
    if isinstance(found, str):
        module, name = found.split(":")
        found = getattr(importlib.import_module(module), name)
    return found


def make(id: str, **parameters: Any) -> AbstractEnvironment:
    """Makes an environment by its name.

    **Arguments:**

    - `id`: one of [`eqenvs.registered`][]`()`, such as `"CartPole-v1"`.
    - `**parameters`: the environment's parameters, as its class takes them.

    **Returns:**

    The environment.

    **Raises:**

    `ValueError` if there is no such id; `TypeError` or `ValueError` if there is no such
    parameter, or its value is not allowed.
    """
    factory = entry_point(id)
    allowed = inspect.signature(factory).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in allowed.values()):
        for name in parameters:
            if name not in allowed:
                raise TypeError(unknown_parameter(id, name, allowed))
    return factory(**parameters)
