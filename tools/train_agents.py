"""Trains the agents that come with the library, as their facts say.

Each environment's first entry under `training` (see its `register`) names the algorithm
and its hyperparameters. Several seeds are trained; the agent that does best in a few
hundred episodes is kept, and evaluated in a thousand others.

    python -m tools.train_agents CartPole-v1 Acrobot-v1
"""

import pathlib
import time
from dataclasses import dataclass
from typing import Annotated

import jax
import numpy as np
import tyro

import eqenvs
from eqenvs.agents import Run
from eqenvs.agents._pretrained import FOLDER, save_pretrained
from eqenvs.cli._algorithms import find
from eqenvs.cli._report import summary


@dataclass
class TrainAgents:
    """Train the agents that come with the library."""

    ids: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Which environments, such as CartPole-v1."""
    seeds: int = 5
    """Number of seeds to train."""
    output: pathlib.Path = FOLDER
    """Where to save the agents."""

    def run(self) -> None:
        for id in self.ids:
            self.train(id)

    def train(self, id: str) -> None:
        training = eqenvs.spec(id).training
        name, settings = next(iter(training.items()))
        settings = dict(settings)
        num_steps = settings.pop("num_steps")
        target_return = settings.pop("target_return", None)
        env, algorithm = eqenvs.make(id), find(name)(**settings)
        agents, means, seconds = [], [], []
        for seed in range(self.seeds):
            start = time.perf_counter()
            agent, _, _ = algorithm.train(
                env, seed, num_steps, target_return=target_return
            )
            seconds.append(time.perf_counter() - start)
            agents.append(agent)
            means.append(summary(evaluate(env, agent, 1_000 + seed, 200))["mean"])
            print(
                f"{id}, seed {seed}: {means[-1]:.4g} in {seconds[-1]:.0f} s", flush=True
            )
        best = int(np.argmax(means))
        found = summary(evaluate(env, agents[best], 10_000, 1_000))
        facts = {
            "command": f"eqenvs train {id} --algorithm {name} --seed {best}",
            "num_steps": num_steps,
            "means_of_seeds": means,
            "random_policy": summary(evaluate(env, None, 10_000, 1_000))["mean"],
            "evaluation": found,
            "versions": {"eqenvs": eqenvs.__version__, "jax": jax.__version__},
        }
        save_pretrained(
            id, Run(env, algorithm, agents[best], {}, None, {}), facts, self.output
        )
        print(f"{id}: {found}", flush=True)


def evaluate(env, agent, seed, num_episodes):
    policy = getattr(agent, "greedy", agent)
    return eqenvs.evaluate(env, policy, seed, num_episodes)


if __name__ == "__main__":
    tyro.cli(TrainAgents).run()
