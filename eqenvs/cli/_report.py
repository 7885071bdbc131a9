"""The report of `eqenvs train` and `eqenvs evaluate`."""

from typing import Any

import numpy as np

from .._rollout import evaluate, Evaluation


def report(env: Any, agent: Any, seed: int, num_episodes: int) -> Evaluation:
    """Evaluates an agent, by its most likely actions if it has `greedy`, and prints the
    result."""
    result = evaluate(env, getattr(agent, "greedy", agent), seed, num_episodes)
    returns = np.asarray(result.episode_return)
    print(
        f"{num_episodes} evaluation episodes: mean return {returns.mean():.1f}, "
        f"from {returns.min():.1f} to {returns.max():.1f}; "
        f"mean length {np.asarray(result.episode_length).mean():.1f}."
    )
    return result
