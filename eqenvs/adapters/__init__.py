"""Adapters: use environments of eqenvs in other libraries, and theirs here.

A library is imported only when its adapter is first used. Environments of other
libraries also have names: `eqenvs.make("brax:ant")`.
"""

import importlib
from types import ModuleType
from typing import Any, TYPE_CHECKING


if TYPE_CHECKING:
    from .brax import from_brax as from_brax, to_brax as to_brax
    from .dm_env import to_dm_env as to_dm_env
    from .envelope import from_envelope as from_envelope
    from .evojax import to_evojax as to_evojax
    from .gymnasium import (
        from_gymnasium as from_gymnasium,
        to_gymnasium as to_gymnasium,
        to_gymnasium_vector as to_gymnasium_vector,
    )
    from .gymnax import from_gymnax as from_gymnax, to_gymnax as to_gymnax
    from .jumanji import from_jumanji as from_jumanji
    from .navix import from_navix as from_navix
    from .pgx import from_pgx as from_pgx
    from .playground import from_playground as from_playground
    from .stoa import to_stoa as to_stoa


# The module of each name.
_ADAPTERS = {
    "from_brax": "brax",
    "from_envelope": "envelope",
    "from_gymnasium": "gymnasium",
    "from_gymnax": "gymnax",
    "from_jumanji": "jumanji",
    "from_navix": "navix",
    "from_pgx": "pgx",
    "from_playground": "playground",
    "to_brax": "brax",
    "to_dm_env": "dm_env",
    "to_evojax": "evojax",
    "to_gymnasium": "gymnasium",
    "to_gymnasium_vector": "gymnasium",
    "to_gymnax": "gymnax",
    "to_stoa": "stoa",
}
# The extras that install the libraries, where their names differ from the module's.
_EXTRAS = {"dm_env": "dm-env"}

__all__ = sorted(_ADAPTERS)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _ADAPTERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(_adapter(_ADAPTERS[name], f"eqenvs.adapters.{name}"), name)


def __dir__() -> list[str]:
    return __all__


def _adapter(module: str, who: str = "") -> ModuleType:
    """The module of an adapter.

    **Arguments:**

    - `module`: its name.
    - `who`: what needs it.

    **Returns:**

    The module.

    **Raises:**

    `ModuleNotFoundError`, with what to install, if its library is missing.
    """
    from ._foreign import needs

    with needs(who or f"eqenvs.adapters.{module}", _EXTRAS.get(module, module)):
        return importlib.import_module(f".{module}", __name__)
