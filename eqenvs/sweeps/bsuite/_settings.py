"""The 23 experiments of bsuite 0.3.6, and their 468 settings.

Osband et al., "Behaviour suite for reinforcement learning" (ICLR 2020);
https://github.com/google-deepmind/bsuite, `bsuite/sweep.py`.
"""

import dataclasses
import difflib
import functools as ft
import os
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ..._environment import AbstractEnvironment
from ...environments.bsuite import (
    BsuiteCartPole,
    BsuiteMountainCar,
    CartPoleSwingUp,
    Catch,
    DeepSea,
    DiscountingChain,
    MemoryChain,
    MNISTBandit,
    SimpleBandit,
    UmbrellaChain,
)
from ...wrappers import RewardNoise, RewardScale


@dataclasses.dataclass(frozen=True)
class Setting:
    """One of bsuite's settings: a task for one agent.

    - `experiment`: the experiment it belongs to, such as `"cartpole_noise"`.
    - `index`: its number within the experiment, from 0.
    - `parameters`: the arguments that bsuite's `load` function takes.
    - `num_episodes`: the number of episodes the agent plays.
    - `tags`: what the experiment measures, such as `("noise", "generalization")`.
    """

    experiment: str
    index: int
    parameters: Mapping[str, Any]
    num_episodes: int
    tags: tuple[str, ...]

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def id(self) -> str:
        """bsuite's name for the setting, such as `"cartpole_noise/3"`."""
        return f"{self.experiment}/{self.index}"

    def make(self) -> AbstractEnvironment:
        """The environment.

        **Returns:**

        An environment. In the experiments on noise and scale it is wrapped in
        [`eqenvs.wrappers.RewardNoise`][] or [`eqenvs.wrappers.RewardScale`][].

        **Raises:**

        `FileNotFoundError` for MNIST, if its files are missing and cannot be
        downloaded.
        """
        env = self.base()
        if "noise_scale" in self.parameters:
            return RewardNoise(env, scale=self.noise_scale)
        if "reward_scale" in self.parameters:
            return RewardScale(env, scale=self.reward_scale)
        return env

    def base(self) -> AbstractEnvironment:
        """The environment without noise or scaling of its rewards."""
        return _EXPERIMENTS[self.experiment].base(self.parameters)

    @property
    def noise_scale(self) -> float:
        """Standard deviation of the noise added to rewards; 0 in most settings."""
        return self.parameters.get("noise_scale", 0.0)

    @property
    def reward_scale(self) -> float:
        """Factor on every reward; 1 in most settings."""
        return self.parameters.get("reward_scale", 1.0)


class _Experiment:
    def __init__(
        self,
        base: Callable[[Mapping[str, Any]], AbstractEnvironment],
        num_episodes: int,
        settings: Sequence[Mapping[str, Any]],
        *tags: str,
    ):
        self.base = base
        self.num_episodes = num_episodes
        self.settings = settings
        self.tags = tags


def settings() -> tuple[Setting, ...]:
    """All 468 settings, in bsuite's order.

    ```python
    {setting.experiment for setting in settings() if "memory" in setting.tags}
    ```

    **Returns:**

    A tuple of [`eqenvs.sweeps.bsuite.Setting`][].
    """
    return tuple(_settings().values())


def setting(id: str) -> Setting:
    """One setting, by bsuite's name for it.

    **Arguments:**

    - `id`: a name such as `"cartpole_noise/3"`.

    **Returns:**

    An [`eqenvs.sweeps.bsuite.Setting`][].

    **Raises:**

    `ValueError` if there is no such setting.
    """
    known = _settings()
    if id in known:
        return known[id]
    experiment = str(id).partition("/")[0]
    if experiment in _EXPERIMENTS:
        last = len(_EXPERIMENTS[experiment].settings) - 1
        raise ValueError(
            f"the settings of {experiment} are {experiment}/0 to {experiment}/{last}; "
            f"got {id!r}."
        )
    close = difflib.get_close_matches(experiment, _EXPERIMENTS, n=3)
    hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
    raise ValueError(f"bsuite has no experiment {experiment!r}.{hint}")


def make(id: str, **parameters: Any) -> AbstractEnvironment:
    """The environment of a setting, as in `eqenvs.make("bsuite:cartpole_noise/3")`.

    **Arguments:**

    - `id`: a name such as `"cartpole_noise/3"`.
    - `**parameters`: none are allowed, since bsuite sets them.

    **Returns:**

    An environment.

    **Raises:**

    `ValueError` if there is no such setting; `TypeError` if parameters are given.
    """
    chosen = setting(id)
    if parameters:
        raise TypeError(
            f"bsuite:{id} takes no parameters, because bsuite sets them; got "
            f"{', '.join(parameters)}."
        )
    return chosen.make()


@ft.cache
def _settings() -> dict[str, Setting]:
    found = [
        Setting(
            experiment=name,
            index=index,
            parameters=MappingProxyType(dict(parameters)),
            num_episodes=experiment.num_episodes,
            tags=experiment.tags,
        )
        for name, experiment in _EXPERIMENTS.items()
        for index, parameters in enumerate(experiment.settings)
    ]
    return {setting.id: setting for setting in found}


# The environments, without those time limits of eqenvs that episodes would reach.


def _bandit(parameters: Mapping[str, Any]) -> AbstractEnvironment:
    return SimpleBandit(mapping_seed=parameters["mapping_seed"])


def _mnist(parameters: Mapping[str, Any]) -> AbstractEnvironment:
    del parameters
    return _mnist_from(os.environ.get("EQENVS_DATA"))


@ft.lru_cache(maxsize=1)
def _mnist_from(directory: str | None) -> MNISTBandit:
    # All settings share one copy of the images.
    del directory
    return MNISTBandit()


def _swing_up(parameters: Mapping[str, Any]) -> AbstractEnvironment:
    return CartPoleSwingUp(**parameters)


def _deep_sea(parameters: Mapping[str, Any]) -> AbstractEnvironment:
    return DeepSea(**parameters)


def _deep_sea_stochastic(parameters: Mapping[str, Any]) -> AbstractEnvironment:
    return DeepSea(**parameters, deterministic=False)


def _discounting_chain(parameters: Mapping[str, Any]) -> AbstractEnvironment:
    return DiscountingChain(mapping_seed=parameters["mapping_seed"])


def _memory_len(parameters: Mapping[str, Any]) -> AbstractEnvironment:
    return MemoryChain(memory_length=parameters["memory_length"], num_bits=1)


def _memory_size(parameters: Mapping[str, Any]) -> AbstractEnvironment:
    return MemoryChain(memory_length=2, num_bits=parameters["num_bits"])


def _umbrella(parameters: Mapping[str, Any]) -> AbstractEnvironment:
    return UmbrellaChain(
        chain_length=parameters.get("chain_length", 20),
        num_distractors=parameters["n_distractor"],
        max_steps=1000,
    )


def _without_parameters(
    environment: Callable[[], AbstractEnvironment],
) -> Callable[[Mapping[str, Any]], AbstractEnvironment]:
    return lambda parameters: environment()


def _seeds(count: int) -> list[dict[str, Any]]:
    return [{"mapping_seed": seed} for seed in range(count)]


def _of_each_level(
    name: str, levels: Sequence[float], *, mapping: bool = False
) -> list[dict[str, Any]]:
    """Four settings for each level of noise or scale."""
    return [
        {name: level, "seed": None, **({"mapping_seed": seed} if mapping else {})}
        for level in levels
        for seed in range(4)
    ]


_NOISES = (0.1, 0.3, 1.0, 3.0, 10.0)
_SCALES = (0.001, 0.03, 1.0, 30.0, 1000.0)
_UNSEEDED = [{"seed": None}] * 20
_SHORT = [*range(1, 11), 12, 14, 17, 20, 25]
_LONG = [*_SHORT, *range(30, 105, 10)]
_SIZES = [{"size": size, "mapping_seed": 42} for size in range(10, 51, 2)]


def _noise(mapping: bool = False) -> list[dict[str, Any]]:
    return _of_each_level("noise_scale", _NOISES, mapping=mapping)


def _scale(mapping: bool = False) -> list[dict[str, Any]]:
    return _of_each_level("reward_scale", _SCALES, mapping=mapping)


_cart_pole = _without_parameters(BsuiteCartPole)
_catch = _without_parameters(Catch)
_mountain_car = _without_parameters(BsuiteMountainCar)

_EXPERIMENTS = {
    "bandit": _Experiment(_bandit, 10_000, _seeds(20), "basic"),
    "bandit_noise": _Experiment(_bandit, 10_000, _noise(mapping=True), "noise"),
    "bandit_scale": _Experiment(_bandit, 10_000, _scale(mapping=True), "scale"),
    "cartpole": _Experiment(
        _cart_pole, 1000, _UNSEEDED, "basic", "credit_assignment", "generalization"
    ),
    "cartpole_noise": _Experiment(
        _cart_pole, 1000, _noise(), "noise", "generalization"
    ),
    "cartpole_scale": _Experiment(
        _cart_pole, 1000, _scale(), "scale", "generalization"
    ),
    "cartpole_swingup": _Experiment(
        _swing_up,
        1000,
        [
            {"height_threshold": n / 20, "x_reward_threshold": 1 - n / 20}
            for n in range(20)
        ],
        "exploration",
        "generalization",
    ),
    "catch": _Experiment(_catch, 10_000, _UNSEEDED, "basic", "credit_assignment"),
    "catch_noise": _Experiment(_catch, 10_000, _noise(), "noise", "credit_assignment"),
    "catch_scale": _Experiment(_catch, 10_000, _scale(), "scale", "credit_assignment"),
    "deep_sea": _Experiment(_deep_sea, 10_000, _SIZES, "exploration"),
    "deep_sea_stochastic": _Experiment(
        _deep_sea_stochastic, 10_000, _SIZES, "exploration", "noise"
    ),
    "discounting_chain": _Experiment(
        _discounting_chain, 1000, _seeds(20), "credit_assignment"
    ),
    "memory_len": _Experiment(
        _memory_len, 10_000, [{"memory_length": n} for n in _LONG], "memory"
    ),
    "memory_size": _Experiment(
        _memory_size,
        10_000,
        [{"num_bits": n} for n in (*_SHORT, 30, 40)],
        "memory",
    ),
    "mnist": _Experiment(_mnist, 10_000, _UNSEEDED, "basic", "generalization"),
    "mnist_noise": _Experiment(_mnist, 10_000, _noise(), "noise", "generalization"),
    "mnist_scale": _Experiment(_mnist, 10_000, _scale(), "scale", "generalization"),
    "mountain_car": _Experiment(
        _mountain_car, 1000, _UNSEEDED, "basic", "generalization"
    ),
    "mountain_car_noise": _Experiment(
        _mountain_car, 1000, _noise(), "noise", "generalization"
    ),
    "mountain_car_scale": _Experiment(
        _mountain_car, 1000, _scale(), "scale", "generalization"
    ),
    "umbrella_distract": _Experiment(
        _umbrella,
        10_000,
        [{"n_distractor": n} for n in _LONG],
        "credit_assignment",
        "noise",
    ),
    "umbrella_length": _Experiment(
        _umbrella,
        10_000,
        [{"chain_length": n, "n_distractor": 20} for n in _LONG],
        "credit_assignment",
        "noise",
    ),
}
EXPERIMENTS = tuple(_EXPERIMENTS)
