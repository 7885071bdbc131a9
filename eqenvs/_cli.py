"""The command `eqenvs`: `pip install eqenvs[cli]`."""

import importlib.util
import json
import os
import pathlib
import re
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import Annotated, Any, get_args, Literal

import equinox as eqx
import jax
import numpy as np
import tyro

import eqenvs

from ._checks import check_count
from ._parameters import describe_default, parameters_of
from ._registry import entry_point


Id = Annotated[str, tyro.conf.Positional]


@dataclass
class List:
    """List the environments."""

    def run(self) -> None:
        for id in eqenvs.registered():
            summary = (entry_point(id).__doc__ or "").strip().splitlines()
            print(f"{id:26} {summary[0] if summary else ''}".rstrip())


@dataclass
class Info:
    """Show what an environment's observations, actions and parameters are."""

    id: Id
    """Which environment, such as CartPole-v1."""

    def run(self) -> None:
        cls = entry_point(self.id)
        doc = (cls.__doc__ or "").partition("**Arguments:**")[0].strip()
        print(f"{self.id}: {doc}")
        if not isinstance(cls, type):
            return
        print("\nParameters:")
        for name, field in parameters_of(cls).items():
            parameter = field.metadata["converter"]
            unit = f" [{parameter.unit}]" if parameter.unit else ""
            default = describe_default(field)
            print(f"  {name} = {default}{unit}")
            print(f"      {parameter.description} ({parameter.allowed})")


@dataclass
class Train:
    """Train an agent by PPO, and save it with its learning curve."""

    id: Id
    """Which environment, such as CartPole-v1."""
    num_steps: int | None = None
    """How many steps to take in all environments together; by default 1,000,000, or
    what is known to be enough for this environment."""
    seed: int = 0
    """Where the random numbers start from."""
    learning_rate: float | None = None
    """Step size at the beginning."""
    discount: float | None = None
    """What a reward one step later is worth."""
    num_envs: int | None = None
    """Number of environments played at once."""
    num_episodes: int = 100
    """Number of episodes to evaluate the agent on at the end."""
    output: pathlib.Path = pathlib.Path("runs")
    """The folder in which a new one is made for this run."""

    def run(self) -> None:
        from .agents import PPO
        from .agents.settings import settings

        env = eqenvs.make(self.id)
        chosen: dict[str, Any] = {"num_steps": 1_000_000, **settings(self.id)}
        for name in ("num_steps", "learning_rate", "discount", "num_envs"):
            if getattr(self, name) is not None:
                chosen[name] = getattr(self, name)
        num_steps = chosen.pop("num_steps")
        ppo = PPO(**chosen)
        start = time.perf_counter()
        agent, curve = ppo.train(env, self.seed, num_steps, progress=True)
        print(f"Trained for {time.perf_counter() - start:.1f} s, compilation included.")
        result = report(env, agent, self.seed + 1, self.num_episodes)
        folder = new_folder(self.output, f"{self.id}-seed{self.seed}")
        record = {
            "id": self.id,
            "seed": self.seed,
            "num_steps": num_steps,
            "ppo": chosen,
            "mean_return": float(result.episode_return.mean()),
            "num_episodes": self.num_episodes,
            "eqenvs": eqenvs.__version__,
        }
        write_safely(folder / "run.json", json.dumps(record, indent=2).encode())
        save_agent(folder / "agent.eqx", agent)
        plot_learning_curve(folder / "learning_curve.png", {self.id: curve})
        print(f"Saved the agent and its learning curve in {folder}.")


@dataclass
class Evaluate:
    """Play episodes with an agent that `eqenvs train` saved."""

    folder: Annotated[pathlib.Path, tyro.conf.Positional]
    """Where the agent was saved, such as runs/CartPole-v1-seed0."""
    num_episodes: int = 100
    """Number of episodes."""
    seed: int = 1
    """Where the random numbers start from."""

    def run(self) -> None:
        env, agent = load_agent(self.folder)
        report(env, agent, self.seed, self.num_episodes)


Section = Literal[
    "throughput", "compile", "memory", "lanes", "overhead", "import", "others"
]


@dataclass
class Bench:
    """Measure speed beside gymnax, and beside others that are installed."""

    ids: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Which environments, such as CartPole-v1; by default all."""
    output: pathlib.Path = pathlib.Path("runs/bench")
    """The folder for results.json, results.md and results.png. Those of an earlier run
    are replaced."""
    repeats: int = 5
    """How many turns the medians are of."""
    sections: tuple[Section, ...] = get_args(Section)
    """What to measure."""
    quick: bool = False
    """Play few steps, to see that everything runs. The figures mean little."""
    minutes: float | None = None
    """Leave out what has not begun after so many minutes."""

    def run(self) -> None:
        for id in self.ids:
            entry_point(id)
        check_count("repeats", self.repeats)
        if self.minutes is not None and not self.minutes > 0:
            raise ValueError(f"minutes must be positive; got {self.minutes}.")
        for module in ("gymnax", "six", "matplotlib", "tqdm"):
            if importlib.util.find_spec(module) is None:
                raise ValueError(
                    f"the benchmark needs the package {module}, which is not "
                    "installed: pip install eqenvs[bench]"
                )
        from . import _bench

        ids = tuple(dict.fromkeys(self.ids)) or eqenvs.registered()
        settings = _bench.Settings(
            ids, self.sections, self.repeats, self.quick, self.minutes
        )
        chosen = _bench.choose(settings)
        self.output.mkdir(parents=True, exist_ok=True)
        results = _bench.measure(settings, *chosen)
        tables = _bench.tables(results)
        print("\n".join(table.text() for table in tables))
        if results["interrupted"]:
            sys.exit("eqenvs: interrupted; nothing was saved.")
        contents = {
            "results.json": json.dumps(results, indent=1).encode(),
            "results.md": _bench.markdown(tables).encode(),
            "results.png": _bench.chart(results),
        }
        for name, content in contents.items():
            if content is None:
                (self.output / name).unlink(missing_ok=True)
            else:
                write_safely(self.output / name, content)
                print(f"Saved {self.output / name}.")


Command = List | Info | Train | Evaluate | Bench


def main() -> None:
    """Runs the command line."""
    command = tyro.cli(
        Command,  # pyright: ignore[reportArgumentType]
        prog="eqenvs",
        description="Reinforcement-learning environments for JAX.",
    )
    try:
        command.run()
    except (ValueError, TypeError, OSError) as error:
        sys.exit(f"eqenvs: {error}")


def report(env: Any, agent: Any, seed: int, num_episodes: int) -> eqenvs.Evaluation:
    """Evaluates an agent's most likely actions, and prints the result."""
    result = eqenvs.evaluate(env, agent.greedy, seed, num_episodes)
    returns = np.asarray(result.episode_return)
    print(
        f"{num_episodes} evaluation episodes: mean return {returns.mean():.1f}, "
        f"from {returns.min():.1f} to {returns.max():.1f}; "
        f"mean length {np.asarray(result.episode_length).mean():.1f}."
    )
    return result


def new_folder(parent: pathlib.Path, name: str) -> pathlib.Path:
    """Makes a folder that did not exist, so that no earlier run is overwritten."""
    name = re.sub(r"[^\w.-]", "_", name)
    parent.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        folder = parent / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            number += 1


def write_safely(path: pathlib.Path, content: bytes) -> None:
    """Writes a file so that it is there whole or not at all."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def save_agent(path: pathlib.Path, agent: Any) -> None:
    """Saves the arrays of an agent."""
    import io

    buffer = io.BytesIO()
    eqx.tree_serialise_leaves(buffer, agent)
    write_safely(path, buffer.getvalue())


def load_agent(folder: pathlib.Path) -> tuple[eqenvs.AbstractEnvironment, Any]:
    """The environment and the agent that `eqenvs train` saved in a folder."""
    from .agents import ActorCritic, PPO

    for name in ("run.json", "agent.eqx"):
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"there is no saved agent in {folder}: {folder / name} is missing. "
                "`eqenvs train` prints the folder that it saves an agent in."
            )
    record = json.loads((folder / "run.json").read_text())
    env = eqenvs.make(record["id"])
    ppo = PPO(**record["ppo"])
    like = eqx.filter_eval_shape(
        lambda key: ActorCritic(
            env.observation_space,
            env.action_space,
            (ppo.hidden_width, ppo.hidden_depth),
            key=key,
        ),
        jax.random.key(0),
    )
    return env, eqx.tree_deserialise_leaves(folder / "agent.eqx", like)


def plot_learning_curve(path: pathlib.Path, curves: dict[str, Any]) -> None:
    """Draws the return of training episodes against the steps taken."""
    import io

    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for name, curve in curves.items():
        axes.plot(np.asarray(curve.steps), np.asarray(curve.episode_return), label=name)
    axes.set_xlabel("environment steps")
    axes.set_ylabel("mean return of the last episodes")
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    plt.close(figure)
    write_safely(path, buffer.getvalue())
