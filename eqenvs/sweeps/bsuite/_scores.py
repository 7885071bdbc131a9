"""bsuite's scores: from counts to 23 scores from 0 to 1, and to seven abilities.

The rules are those of `bsuite/experiments/*/analysis.py` and of `summary_analysis.py`
in bsuite 0.3.6.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from ._settings import Setting, setting, settings


Columns = Mapping[str, Float[np.ndarray, " rows"]]
Results = Mapping[str, Columns]

TAGS = (
    "basic",
    "credit_assignment",
    "exploration",
    "generalization",
    "memory",
    "noise",
    "scale",
)


def scores(results: Results) -> dict[str, float]:
    """The score of every experiment that has results.

    As in bsuite, a run that ended early is scored by the episodes it played. There is
    one exception, the final accuracy in MNIST: bsuite takes it from the last tenth of
    10,000 episodes, this function from the last tenth of the episodes played.

    **Arguments:**

    - `results`: a dictionary from settings, such as `"catch/3"`, to the columns of
        their files.

    **Returns:**

    A dictionary from experiments to scores from 0 to 1.
    """
    found: dict[str, dict[Setting, Columns]] = {}
    for id, columns in results.items():
        found.setdefault(setting(id).experiment, {})[setting(id)] = columns
    experiments = dict.fromkeys(s.experiment for s in settings())
    return {
        experiment: float(_score(experiment, found[experiment]))
        for experiment in experiments
        if experiment in found
    }


def abilities(scores: Mapping[str, float]) -> dict[str, float]:
    """The mean score of the experiments with each of bsuite's seven tags.

    **Arguments:**

    - `scores`: the scores that [`eqenvs.sweeps.bsuite.scores`][] returns.

    **Returns:**

    A dictionary from tags to numbers from 0 to 1, or NaN for a tag without scores.
    """
    tags = {s.experiment: s.tags for s in settings()}
    found = {}
    for tag in TAGS:
        values = [score for name, score in scores.items() if tag in tags[name]]
        found[tag] = float(np.mean(values)) if values else float("nan")
    return found


_Part = Mapping[Setting, Columns]


def _score(experiment: str, part: _Part) -> Any:
    for suffix, parameter in (("_noise", "noise_scale"), ("_scale", "reward_scale")):
        if experiment.endswith(suffix):
            score = _SCORES[experiment.removesuffix(suffix)]
            return _score_by_level(part, score, parameter)
    return _SCORES[experiment](part)


def _score_by_level(part: _Part, score: Callable[[_Part], Any], parameter: str) -> Any:
    """The mean over the levels of noise or scale, averaged with the mean less one
    standard deviation."""
    levels = [score(level) for level in _grouped(part, parameter)]
    mean, deviation = np.mean(levels), np.std(levels)
    return 0.5 * (np.clip(mean, 0, 1) + np.clip(mean - deviation, 0, 1))


def _grouped(part: _Part, parameter: str) -> list[_Part]:
    values = dict.fromkeys(s.parameters[parameter] for s in part)
    return [
        {s: columns for s, columns in part.items() if s.parameters[parameter] == value}
        for value in sorted(values)
    ]


def _num_episodes(part: _Part) -> int:
    """The number of episodes that count: that of the setting with the most."""
    most = max(int(columns["episode"].max()) for columns in part.values())
    return min(most, next(iter(part)).num_episodes)


def _mean_at_the_end(part: _Part, column: Callable[[Columns], np.ndarray]) -> Any:
    """The mean of a column after the last episode that counts, per episode."""
    end = _num_episodes(part)
    values = [column(c)[c["episode"] == end] for c in part.values()]
    return np.concatenate(values).mean() / end


def _regret_score(
    part: _Part, column: Callable[[Columns], np.ndarray], baseline: float | int
) -> Any:
    regret = _mean_at_the_end(part, column)
    return np.clip((baseline - regret) / baseline, 0, 1)


def _total_regret(columns: Columns) -> np.ndarray:
    return columns["total_regret"]


def _share_with_best_episode_above(part: _Part, threshold: float | int) -> Any:
    episodes = [
        c["best_episode"][c["episode"] <= s.num_episodes].max() for s, c in part.items()
    ]
    return np.mean(np.array(episodes) > threshold)


def _bandit(part: _Part) -> Any:
    return _regret_score(part, _total_regret, 0.5)


def _catch(part: _Part) -> Any:
    return _regret_score(part, _total_regret, 1.6)


def _mnist(part: _Part) -> Any:
    regret_score = _regret_score(part, _total_regret, 1.8)
    end = _num_episodes(part)
    accuracies = []
    for columns in part.values():
        lost = np.diff(columns["total_regret"], prepend=np.nan)
        mean_return = 1 - lost / np.diff(columns["episode"], prepend=np.nan)
        is_late = columns["episode"] > 0.9 * end
        accuracies.append((mean_return[is_late] + 1) / 2)
    return 0.5 * (regret_score + np.mean(np.concatenate(accuracies)))


def _mountain_car(part: _Part) -> Any:
    return _regret_score(part, lambda c: -100 * c["episode"] - c["raw_return"], 1000)


def _cartpole(part: _Part) -> Any:
    regret_score = _regret_score(
        part, lambda c: 1000 * c["episode"] - c["raw_return"], 1000
    )
    return 0.5 * (regret_score + _share_with_best_episode_above(part, 500))


def _cartpole_swingup(part: _Part) -> Any:
    def score(level: _Part) -> Any:
        regret_score = _regret_score(
            level, lambda c: 700 * c["episode"] - c["total_return"], 700
        )
        return 0.5 * (regret_score + _share_with_best_episode_above(level, 100))

    return np.mean([score(level) for level in _grouped(part, "height_threshold")])


def _discounting_chain(part: _Part) -> Any:
    mean_return = _mean_at_the_end(part, lambda c: c["total_return"])
    return np.clip(1 - 10 * (1.1 - mean_return), 0, 1)


def _memory(part: _Part) -> Any:
    # A random agent is right in half the episodes.
    return np.mean(
        [
            _mean_at_the_end(
                {s: c}, lambda c: (c["episode"] - c["total_perfect"]) / 0.5
            )
            < 0.75
            for s, c in part.items()
        ]
    )


def _umbrella(part: _Part) -> Any:
    return np.mean(
        [_mean_at_the_end({s: c}, _total_regret) < 0.5 for s, c in part.items()]
    )


def _share_of_solved_seas(part: _Part, threshold: float, first_episode: int) -> Any:
    """A sea is solved at the first episode by which few enough were bad, unless that is
    much later than a random agent would need."""
    solved = []
    for chosen, columns in part.items():
        episode = columns["episode"]
        counts = (episode >= first_episode) & (episode <= chosen.num_episodes)
        is_good = columns["total_bad_episodes"] / episode < threshold
        found = episode[counts & is_good]
        solved.append(
            found.size > 0 and found.min() < 2 ** chosen.parameters["size"] + 100
        )
    return np.mean(solved)


def _deep_sea(part: _Part) -> Any:
    return _share_of_solved_seas(part, 0.9, 1)


def _deep_sea_stochastic(part: _Part) -> Any:
    return _share_of_solved_seas(part, 0.8, 100)


_SCORES: dict[str, Callable[[_Part], Any]] = {
    "bandit": _bandit,
    "cartpole": _cartpole,
    "cartpole_swingup": _cartpole_swingup,
    "catch": _catch,
    "deep_sea": _deep_sea,
    "deep_sea_stochastic": _deep_sea_stochastic,
    "discounting_chain": _discounting_chain,
    "memory_len": _memory,
    "memory_size": _memory,
    "mnist": _mnist,
    "mountain_car": _mountain_car,
    "umbrella_distract": _umbrella,
    "umbrella_length": _umbrella,
}
