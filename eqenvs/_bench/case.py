"""One environment, and the programs that whole rollouts of it compile to."""

import functools as ft
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.random as jr

import eqenvs

from .loops import (
    arrange,
    draw_actions,
    eqenvs_vector,
    eqenvs_vmap,
    gymnax_vmap,
    Loop,
)
from .timing import compile_time


# Who plays rollouts: gymnax; `jax.vmap(env.step)`; `VectorEnvironment`; and
# `VectorEnvironment` with keys of `eqenvs.random.key`.
CONTESTANTS = ("gymnax", "vmap", "vector", "fast")
# What gymnax needs data from the network for.
NEEDS_DATA = {
    "MNISTBandit-bsuite": "gymnax downloads its data set, and ours has to be given one"
}
# Where gymnax takes more than 1 µs a step (Seaquest: 50), both sides take fewer steps.
FEWER_STEPS = {
    "Asterix-MinAtar": 100,
    "Freeway-MinAtar": 100,
    "Pong-misc": 100,
    "Seaquest-MinAtar": 20,
    "SimpleBandit-bsuite": 100,
    "SpaceInvaders-MinAtar": 100,
}
# Not played with 100,000 lanes.
TOO_SLOW = ("Seaquest-MinAtar",)


@dataclass(frozen=True)
class Settings:
    """What to measure, and how thoroughly.

    - `ids`: names of environments, all of them registered.
    - `sections`: names of sections.
    - `repeats`: how many turns medians are of.
    - `quick`: whether to play few steps, for figures that mean little.
    - `minutes`: what would begin later than this is left out; `None` for no limit.
    """

    ids: tuple[str, ...]
    sections: tuple[str, ...]
    repeats: int
    quick: bool
    minutes: float | None

    @property
    def num_envs(self) -> int:
        return 200 if self.quick else 2_000

    @property
    def num_steps(self) -> int:
        return 20 if self.quick else 500


class Case:
    """One environment.

    - `actions`: enough of them for one rollout, as NumPy arrays.
    - `compiled`, `compile_seconds`: by contestant, what `compile` found.
    """

    def __init__(self, id: str, settings: Settings):
        self.id = id
        self.env = eqenvs.make(id)
        self.num_envs = settings.num_envs
        self.num_steps = min(
            settings.num_steps, FEWER_STEPS.get(id, settings.num_steps)
        )
        self.compiled: dict[str, Any] = {}
        self.compile_seconds: dict[str, float] = {}

    @ft.cached_property
    def actions(self) -> Any:
        return draw_actions(self.env, self.num_envs * self.num_steps)

    @ft.cached_property
    def rollout_actions(self) -> Any:
        return arrange(self.actions, self.num_steps, self.num_envs)

    def loop(self, contestant: str, num_envs: int) -> Loop:
        """How a contestant plays this environment."""
        if contestant == "gymnax":
            return gymnax_vmap(self.id, num_envs)
        if contestant == "vmap":
            return eqenvs_vmap(self.env, num_envs)
        return eqenvs_vector(self.env, num_envs)

    def compile(self, contestants: tuple[str, ...] = CONTESTANTS) -> None:
        """Compiles the rollouts of contestants, unless that has been done."""
        for name in contestants:
            if name in self.compiled:
                continue
            rollout = self.loop(name, self.num_envs).rollout
            self.compile_seconds[name], self.compiled[name] = compile_time(
                rollout, new_key(name), self.rollout_actions
            )

    def program(self, contestant: str) -> Callable[[], Any]:
        """A compiled rollout."""
        compiled, key = self.compiled[contestant], new_key(contestant)
        return lambda: compiled(key, self.rollout_actions)


def new_key(contestant: str) -> Any:
    """A key of the implementation that a contestant draws its random numbers by."""
    return eqenvs.random.key(1) if contestant == "fast" else jr.key(1)


def why_not(id: str) -> str | None:
    """Why an environment cannot be measured beside gymnax; `None` if it can."""
    if id in NEEDS_DATA:
        return NEEDS_DATA[id]
    if id not in importlib.import_module("gymnax").registered_envs:
        return "gymnax has no such environment"
    return None
