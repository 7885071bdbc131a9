"""Computes the exact agents that come with the library.

Blackjack's comes from `tools/blackjack.py`, the others from value iteration. Their
model is that of `examples/value_iteration.py`: every state, action and outcome of the
environment. For each of several discount factors, value iteration finds a policy that
does not depend on the time; its expected return within the time limit follows from the
same model, and the best of them is saved and then played.

    python -m tools.exact_agents
"""

import math
import pathlib
from dataclasses import dataclass
from typing import Annotated

import jax
import jax.random as jr
import numpy as np
import tyro

import eqenvs
from eqenvs.agents import Run, TablePolicy, TupleTablePolicy
from eqenvs.agents._pretrained import FOLDER, save_pretrained
from eqenvs.cli._report import summary
from examples.value_iteration import model, TASKS

from . import blackjack
from .train_agents import evaluate


IDS = (
    "Blackjack-v1",
    "CliffWalking-v1",
    "CliffWalkingSlippery-v1",
    "FrozenLake8x8-v1",
    "Taxi-v4",
)
DISCOUNTS = (0.9, 0.95, 0.98, 0.99, 0.993, 0.995, 0.997, 0.999, 1.0)
# Where there is no time limit, returns are computed for this many steps.
HORIZON = 20_000


@dataclass
class ExactAgents:
    """Compute the exact agents that come with the library."""

    ids: Annotated[tuple[str, ...], tyro.conf.Positional] = IDS
    """Which environments."""
    output: pathlib.Path = FOLDER
    """Where to save the agents."""

    def run(self) -> None:
        for id in self.ids:
            self.compute(id)

    def compute(self, id: str) -> None:
        env = eqenvs.make(id)
        if id == "Blackjack-v1":
            actions = blackjack.optimal_actions()
            policy = TupleTablePolicy(actions.ravel(), actions.shape)
            solution = {"expected_return": blackjack.optimal_return()}
        else:
            policy, solution = solve(env, TASKS[id])
        facts = {
            "command": f"python -m tools.exact_agents {id}",
            **solution,
            "random_policy": summary(evaluate(env, None, 10_000, 1_000))["mean"],
            "evaluation": summary(evaluate(env, policy, 10_000, 1_000)),
            "versions": {"eqenvs": eqenvs.__version__, "jax": jax.__version__},
        }
        save_pretrained(id, Run(env, None, policy, {}, None, {}), facts, self.output)
        print(
            f"{id}: {solution['expected_return']:.6g} expected; {facts['evaluation']}",
            flush=True,
        )


def solve(env, states):
    """The best of the policies for several discount factors, and what it earns."""
    number, reward, terminated, probability = map(np.asarray, model(env, states))
    # In 32 bits their sums differ from 1, and undiscounted values would grow.
    probability = probability.astype(np.float64)
    probability /= probability.sum(axis=2, keepdims=True)
    tables = number, reward.astype(np.float64), terminated, probability
    start = initial_distribution(env, states)
    num_steps = min(int(env.max_steps), HORIZON)
    best, actions, discount = -math.inf, None, None
    for candidate in DISCOUNTS:
        found = optimal_actions(*tables, discount=candidate)
        value = expected_return(*tables, found, num_steps) @ start
        # Not for a difference that is only one of rounding.
        if value > best + 1e-9:
            best, actions, discount = value, found, candidate
    solution = {"discount": discount, "expected_return": float(best)}
    return TablePolicy(actions), solution


def optimal_actions(number, reward, terminated, probability, discount):
    """The best action in every state, by value iteration."""

    def action_values(values):
        later = np.where(terminated, 0.0, discount * values[number])
        return np.sum(probability * (reward + later), axis=2)

    values, change = np.zeros(number.shape[0]), np.inf
    while change > 1e-10 * (1 + np.abs(values).max()):
        new = action_values(values).max(axis=1)
        values, change = new, np.abs(new - values).max()
    # The first of actions that are equally good but for rounding.
    return np.argmax(np.round(action_values(values), 9), axis=1)


def expected_return(number, reward, terminated, probability, actions, num_steps):
    """The expected return of a policy in `num_steps` steps, from every state."""
    states = np.arange(number.shape[0])
    number, reward, terminated, probability = (
        x[states, actions] for x in (number, reward, terminated, probability)
    )
    values = np.zeros(states.size)
    for _ in range(num_steps):
        later = np.where(terminated, 0.0, values[number])
        new = np.sum(probability * (reward + later), axis=1)
        if np.array_equal(new, values):
            break
        values = new
    return values


def initial_distribution(env, states):
    """How often each state is the first one, in many draws."""
    keys = jr.split(jr.key(0), 100_000)
    first = jax.jit(jax.vmap(lambda key: env.observe(env.initial_state(key))))(keys)
    counts = np.bincount(first, minlength=jax.tree.leaves(states)[0].shape[0])
    if np.count_nonzero(counts) > 1:  # All are equally likely.
        counts = counts > 0
    return counts / counts.sum()


if __name__ == "__main__":
    tyro.cli(ExactAgents).run()
