"""Adapters: environments of eqenvs in other libraries, and theirs here, in one line.

Each library is imported when its adapter is first used, and not before.
"""

import importlib
from typing import Any, TYPE_CHECKING


if TYPE_CHECKING:
    from .dm_env import to_dm_env as to_dm_env
    from .gymnasium import (
        to_gymnasium as to_gymnasium,
        to_gymnasium_vector as to_gymnasium_vector,
    )
    from .gymnax import from_gymnax as from_gymnax, to_gymnax as to_gymnax


# The adapter of each name, and the extra that brings the library it is for.
_ADAPTERS = {
    "to_gymnasium": ("gymnasium", "gymnasium"),
    "to_gymnasium_vector": ("gymnasium", "gymnasium"),
    "to_gymnax": ("gymnax", "gymnax"),
    "from_gymnax": ("gymnax", "gymnax"),
    "to_dm_env": ("dm_env", "dm-env"),
}

__all__ = sorted(_ADAPTERS)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _ADAPTERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, extra = _ADAPTERS[name]
    try:
        return getattr(importlib.import_module(f".{module}", __name__), name)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"`eqenvs.adapters.{name}` needs the package {error.name!r}, which is not "
            f"installed: pip install 'eqenvs[{extra}]'"
        ) from error


def __dir__() -> list[str]:
    return __all__
