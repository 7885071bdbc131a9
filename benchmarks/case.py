"""One environment, and the programs that whole rollouts of it compile to."""

import functools as ft
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr

import eqenvs
from eqenvs.cli._measure import (
    arrange,
    compile_time,
    draw_actions,
    FLOAT32,
    KEPT,
    Loop,
    loop_of,
    new_key,
    WAYS,
)

from .loops import by_network, gymnax_loop


# Who plays rollouts: gymnax, and this library in each of its ways.
CONTESTANTS = ("gymnax", *WAYS)
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
# A network takes longer than most environments.
NETWORK_STEPS = 20
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
    - `compiled`, `compile_seconds`: what `compile` found, by use of the observations
        (`"kept"`, `"float32"` or `"network"`) and contestant.
    """

    def __init__(self, id: str, settings: Settings):
        self.id = id
        self.env = eqenvs.make(id)
        self.num_envs = settings.num_envs
        self.num_steps = min(
            settings.num_steps, FEWER_STEPS.get(id, settings.num_steps)
        )
        self.compiled: dict[tuple[str, str], Any] = {}
        self.compile_seconds: dict[tuple[str, str], float] = {}

    @ft.cached_property
    def actions(self) -> Any:
        return draw_actions(self.env, self.num_envs * self.num_steps)

    @ft.cached_property
    def rollout_actions(self) -> Any:
        return arrange(self.actions, self.num_steps, self.num_envs)

    @ft.cached_property
    def is_converted(self) -> bool:
        """Whether any contestant's observations are other than `float32`."""
        found = []
        for name in ("gymnax", "vmap"):
            start = self.loop(name, 1).start
            _, (observations, _), _ = jax.eval_shape(start, jr.key(1))
            found += [x.dtype for x in jax.tree.leaves(observations)]
        return any(dtype != jnp.float32 for dtype in found)

    def steps(self, use: str) -> int:
        """How many steps every lane takes in one rollout."""
        return (
            min(self.num_steps, NETWORK_STEPS) if use == "network" else self.num_steps
        )

    def loop(self, contestant: str, num_envs: int, use: str = "kept") -> Loop:
        """How a contestant plays this environment."""
        uses = {"kept": KEPT, "float32": FLOAT32}
        how = uses[use] if use in uses else by_network(self.env.action_space)
        if contestant == "gymnax":
            return gymnax_loop(self.id, num_envs, how)
        return loop_of(contestant, self.env, num_envs, how)

    def compile(
        self, contestants: tuple[str, ...] = CONTESTANTS, use: str = "kept"
    ) -> None:
        """Compiles the rollouts of contestants, unless that has been done."""
        actions = jax.tree.map(lambda x: x[: self.steps(use)], self.rollout_actions)
        for name in contestants:
            if (use, name) in self.compiled:
                continue
            rollout = self.loop(name, self.num_envs, use).rollout
            self.compile_seconds[use, name], self.compiled[use, name] = compile_time(
                rollout, new_key(name), actions
            )

    def program(self, contestant: str, use: str = "kept") -> Callable[[], Any]:
        """A compiled rollout."""
        compiled, key = self.compiled[use, contestant], new_key(contestant)
        actions = jax.tree.map(lambda x: x[: self.steps(use)], self.rollout_actions)
        return lambda: compiled(key, actions)


def why_not(id: str) -> str | None:
    """Why an environment cannot be compared with gymnax; `None` if it can."""
    if id in NEEDS_DATA:
        return NEEDS_DATA[id]
    if id not in importlib.import_module("gymnax").registered_envs:
        return "gymnax has no such environment"
    return None
