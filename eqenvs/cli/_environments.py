"""Environments on the command line: by id, or of the user's own."""

from collections.abc import Callable
from typing import Any, cast

from .._environment import AbstractEnvironment
from .._registry import EnvironmentSpec, is_foreign, PREFIXES, registered, spec
from ._algorithms import look_in_current_folder


def find(id: str) -> EnvironmentSpec:
    """The facts about an environment.

    **Arguments:**

    - `id`: an id, or what to import: `"module:Class"`, for a class that needs no
        arguments, or `"module:function"`, for a function that returns an environment.

    **Raises:**

    `ValueError` if there is no such id and it cannot be imported; `TypeError` if what
    is imported is neither a class nor a function.
    """
    if id in registered() or is_foreign(id) or id.count(":") != 1:
        return spec(id)
    look_in_current_folder()
    try:
        factory: Any = EnvironmentSpec(id=id, entry_point=id).factory
    except (ImportError, ValueError) as error:
        reason = error.__cause__ or error
        message = f"{id!r} cannot be imported: {reason}."
        if not isinstance(reason, AttributeError):
            message += (
                " (A class of your own is written 'module:Class'; environments of "
                f"other libraries begin with {', '.join(p + ':' for p in PREFIXES)}.)"
            )
        raise ValueError(message) from error
    if isinstance(factory, AbstractEnvironment):
        return EnvironmentSpec(id=id, entry_point=_returns(factory))
    if not callable(factory):
        raise TypeError(
            f"{id!r} must be an environment or return one; got {factory!r}."
        )
    return EnvironmentSpec(id=id, entry_point=cast(Any, factory))


def _returns(env: AbstractEnvironment) -> Callable[[], AbstractEnvironment]:
    def entry_point() -> AbstractEnvironment:
        return env

    entry_point.__doc__ = type(env).__doc__
    return entry_point
