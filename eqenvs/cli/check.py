"""`eqenvs check`"""

import importlib
import os
import sys
from typing import Annotated

import tyro

from .._environment import AbstractEnvironment
from .._registry import is_foreign, make
from ..testing import CHECKS, EnvironmentCheckError, find_problems, Probe
from ._arguments import command


@command
class Check:
    """Check that an environment keeps the contract. Exits with status 1 if it does
    not."""

    environment: Annotated[
        str, tyro.conf.Positional, tyro.conf.arg(metavar="ENVIRONMENT")
    ]
    """What to check: an id such as CartPole-v1; module:Class, for a class that needs no
    arguments; or module:function, for a function that returns an environment."""

    seed: int = 0
    """Seed for the random numbers."""

    def run(self) -> None:
        env = _environment(self.environment)
        name = type(env).__name__
        problems, skipped = find_problems(Probe(env, self.seed))
        if problems:
            print(EnvironmentCheckError(name, problems, skipped))
            sys.exit(1)
        print(f"{name} keeps the contract: all {len(CHECKS)} checks passed.")


def _environment(path: str) -> AbstractEnvironment:
    module, colon, name = path.partition(":")
    if not colon or is_foreign(path):
        return make(path)
    # Finds modules in the current folder, as `python -m` does.
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        factory = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{path!r} cannot be imported: {error}.") from None
    env = factory if isinstance(factory, AbstractEnvironment) else factory()
    if not isinstance(env, AbstractEnvironment):
        raise TypeError(f"{path!r} must be an environment or return one; got {env!r}.")
    return env
