"""`eqenvs check`"""

import sys
from typing import Annotated

import tyro

from ..testing import CHECKS, EnvironmentCheckError, find_problems, Probe
from ._arguments import command
from ._environments import find


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
        env = find(self.environment).make()
        name = type(env).__name__
        problems, skipped = find_problems(Probe(env, self.seed))
        if problems:
            print(EnvironmentCheckError(name, problems, skipped))
            sys.exit(1)
        print(f"{name} keeps the contract: all {len(CHECKS)} checks passed.")
