"""`eqenvs train`"""

import contextlib
import json
import pathlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from .. import __version__
from .._checks import as_key, check_count
from .._files import new_folder, write_safely
from .._registry import make
from ._arguments import Assignments, Id, OptionalFloat, OptionalInt
from ._report import report


@dataclass
class Train:
    """Train an agent with PPO, and save it with its learning curve."""

    id: Id
    """Which environment, such as CartPole-v1."""
    parameters: Assignments = ()
    """Parameters of the environment, such as gravity=3.7 pole_mass=0.2. `eqenvs info`
    lists them."""
    num_steps: OptionalInt = None
    """Steps to take in all environments together; by default 1,000,000, or what is
    known to be enough for this environment."""
    seed: int = 0
    """Seed of the random numbers."""
    learning_rate: OptionalFloat = None
    """Initial step size. This and the next two are by default what is known to work
    for this environment, or else the defaults of PPO."""
    discount: OptionalFloat = None
    """Discount factor."""
    num_envs: OptionalInt = None
    """Number of environments to play at once."""
    num_episodes: int = 100
    """Number of episodes to evaluate the agent on at the end."""
    output: pathlib.Path = pathlib.Path("runs")
    """Folder to save the run in, in a new folder of its own."""

    def run(self) -> None:
        from ..agents import PPO
        from ..agents.checkpoint import save_agent
        from ..agents.plot import plot_learning_curve
        from ..agents.settings import settings

        # Whatever can go wrong should do so before the training.
        parameters = parse(self.parameters)
        env = make(self.id, **parameters)
        chosen: dict[str, Any] = {"num_steps": 1_000_000, **settings(self.id)}
        for name in ("num_steps", "learning_rate", "discount", "num_envs"):
            if getattr(self, name) is not None:
                chosen[name] = getattr(self, name)
        num_steps = chosen.pop("num_steps")
        ppo = PPO(**chosen)
        check_count("num_steps", num_steps)
        check_count("num_episodes", self.num_episodes)
        as_key(self.seed, "train")
        folder = new_folder(self.output, f"{self.id}-seed{self.seed}")

        try:
            start = time.perf_counter()
            agent, curve = ppo.train(env, self.seed, num_steps, progress=True)
            seconds = time.perf_counter() - start
            save_agent(folder / "agent.eqx", agent)
        except BaseException:
            with contextlib.suppress(OSError):  # It stays if anything is in it.
                folder.rmdir()
            raise
        print(f"Trained for {seconds:.1f} s, compilation included.")
        plot_learning_curve(folder / "learning_curve.png", {self.id: curve})
        # The largest seed has no successor.
        result = report(env, agent, (self.seed + 1) % 2**64, self.num_episodes)
        record = {
            "id": self.id,
            "parameters": parameters,
            "seed": self.seed,
            "num_steps": num_steps,
            "ppo": chosen,
            "mean_return": float(result.episode_return.mean()),
            "num_episodes": self.num_episodes,
            "versions": {"eqenvs": __version__}
            | {name: version(name) for name in ("jax", "jaxlib", "equinox")},
        }
        # Last, because it is what makes the folder a finished run.
        write_safely(folder / "run.json", json.dumps(record, indent=2).encode())
        print(f"Saved the agent and its learning curve in {folder}.")


def parse(assignments: Sequence[str]) -> dict[str, Any]:
    """Reads `name=value`: JSON where it is JSON, and otherwise a string."""
    parsed: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not name or not equals:
            raise ValueError(
                f"a parameter must be given as name=value; got {assignment!r}."
            )
        if name in parsed:
            raise ValueError(f"the parameter {name} is given twice.")
        try:
            parsed[name] = json.loads(value)
        except ValueError:
            parsed[name] = value
    return parsed
