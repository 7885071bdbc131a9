"""Trains the agents that come with the library, as their facts say.

Each environment's first entry under `training` (see its `register`) names the algorithm
and its hyperparameters, and perhaps parameters of the environment to train in; agents
are always evaluated with its own. Several seeds are trained; the agent that does best
in a few hundred episodes is kept, and evaluated in a thousand others.

    python -m tools.train_agents CartPole-v1 Acrobot-v1

Training that was interrupted goes on when the command is given again, if `--runs`
names a folder for the runs. Agents with many weights are rounded to half precision
before they are evaluated, so that their files are small.
"""

import pathlib
import time
from dataclasses import dataclass
from typing import Annotated

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import tyro

import eqenvs
from eqenvs.agents import resume, Run
from eqenvs.agents._pretrained import FOLDER, save_pretrained
from eqenvs.cli._algorithms import find
from eqenvs.cli._report import summary

from .best_returns import best_possible


MANY_WEIGHTS = 40_000


@dataclass
class TrainAgents:
    """Train the agents that come with the library."""

    ids: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Which environments, such as CartPole-v1."""
    seeds: int = 5
    """Number of seeds to train."""
    output: pathlib.Path = FOLDER
    """Where to save the agents."""
    runs: pathlib.Path | None = None
    """Where to save the runs, from which training goes on after an interruption."""

    def run(self) -> None:
        for id in self.ids:
            self.train(id)

    def train(self, id: str) -> None:
        training = eqenvs.spec(id).training
        name, settings = next(iter(training.items()))
        settings = dict(settings)
        num_steps = settings.pop("num_steps")
        target_return = settings.pop("target_return", None)
        parameters = settings.pop("parameters", {})
        env, algorithm = eqenvs.make(id), find(name)(**settings)
        training_env = eqenvs.make(id, **parameters)
        agents, means, steps = [], [], []
        for seed in range(self.seeds):
            start = time.perf_counter()
            folder = None if self.runs is None else self.runs / f"{id}-seed{seed}"
            if folder is not None and folder.exists():
                agent, metrics, _ = resume(folder, checkpoint_seconds=30)
            else:
                agent, metrics, _ = algorithm.train(
                    training_env,
                    seed,
                    num_steps,
                    target_return=target_return,
                    folder=folder,
                    checkpoint_seconds=30,
                )
            seconds = time.perf_counter() - start
            steps.append(int(metrics["steps"][-1]))
            agent = rounded(agent)
            agents.append(agent)
            means.append(summary(evaluate(env, agent, 1_000 + seed, 200))["mean"])
            print(
                f"{id}, seed {seed}: {means[-1]:.4g} after {steps[-1]:,} steps, in "
                f"{seconds:.0f} s",
                flush=True,
            )
        best = int(np.argmax(means))
        found = summary(evaluate(env, agents[best], 10_000, 1_000))
        best_return = best_possible(env)
        facts = {
            "command": f"eqenvs train {id} --algorithm {name} --seed {best}",
            "num_steps": num_steps,
            "steps_of_seeds": steps,
            "means_of_seeds": means,
            "random_policy": summary(evaluate(env, None, 10_000, 1_000))["mean"],
            **({} if best_return is None else {"best_possible": best_return}),
            "evaluation": found,
            "versions": {"eqenvs": eqenvs.__version__, "jax": jax.__version__},
        }
        save_pretrained(
            id, Run(env, algorithm, agents[best], {}, None, {}), facts, self.output
        )
        print(f"{id}: {found}", flush=True)


def rounded(agent):
    """The agent in half precision if it has many weights. Their dtype stays."""
    weights, rest = eqx.partition(agent, eqx.is_inexact_array)
    if sum(x.size for x in jax.tree.leaves(weights)) <= MANY_WEIGHTS:
        return agent
    weights = jax.tree.map(lambda x: x.astype(jnp.float16).astype(x.dtype), weights)
    return eqx.combine(weights, rest)


def evaluate(env, agent, seed, num_episodes):
    policy = getattr(agent, "greedy", agent)
    return eqenvs.evaluate(env, policy, seed, num_episodes)


if __name__ == "__main__":
    tyro.cli(TrainAgents).run()
