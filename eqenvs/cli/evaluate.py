"""`eqenvs evaluate`"""

import pathlib
from typing import Annotated

import tyro

from .._checks import as_key, check_count
from ._algorithms import look_in_current_folder
from ._arguments import command
from ._report import report


@command
class Evaluate:
    """Evaluate an agent that `eqenvs train` saved, or one that comes with eqenvs."""

    folder: Annotated[pathlib.Path, tyro.conf.Positional]
    """The folder of the run, such as runs/CartPole-v1-seed0, or the id of an
    environment, such as CartPole-v1, for the agent that comes with eqenvs."""
    num_episodes: int = 1_000
    """Number of episodes to play."""
    seed: int = 1
    """Seed for the random numbers."""

    def run(self) -> None:
        from ..agents import load

        check_count("num_episodes", self.num_episodes)
        as_key(self.seed, "evaluate")
        look_in_current_folder()  # for the user's own environments and algorithms
        run = load(self.folder)
        report(run.env, run.agent, self.seed, self.num_episodes)
