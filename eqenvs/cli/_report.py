"""The report of `eqenvs train` and `eqenvs evaluate`."""

from typing import Any

import numpy as np

from .._rollout import evaluate, Evaluation


def report(env: Any, agent: Any, seed: int, num_episodes: int) -> Evaluation:
    """Evaluates an agent and prints the result. It takes its most likely actions if it
    has `greedy`."""
    result = evaluate(env, getattr(agent, "greedy", agent), seed, num_episodes)
    found = summary(result)
    low, median, high = found["quartiles"]
    episodes = "episode" if num_episodes == 1 else "episodes"
    print(
        f"{num_episodes} evaluation {episodes}: mean return {found['mean']:.4g} "
        f"(standard error {found['standard_error']:.2g}), "
        f"quartiles {low:.4g}, {median:.4g} and {high:.4g}, "
        f"from {found['minimum']:.4g} to {found['maximum']:.4g}; "
        f"mean length {found['mean_length']:.4g}."
    )
    return result


def summary(result: Evaluation) -> dict[str, Any]:
    """A summary of the returns and lengths of episodes."""
    returns = np.asarray(result.episode_return, float)
    spread = returns.std(ddof=1) if returns.size > 1 else 0.0
    return {
        "num_episodes": returns.size,
        "mean": float(returns.mean()),
        "standard_error": float(spread / np.sqrt(returns.size)),
        "quartiles": np.quantile(returns, (0.25, 0.5, 0.75)).tolist(),
        "minimum": float(returns.min()),
        "maximum": float(returns.max()),
        "mean_length": float(np.asarray(result.episode_length).mean()),
    }
