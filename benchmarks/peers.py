"""Libraries that need not be installed.

But for pgx-minatar, which is JAX, they step by loops in Python, NumPy or C++. Their
actions are drawn beforehand too; each observation and reward is handed to Python, where
nothing is done with it.
"""

import contextlib
import importlib
import importlib.util
import io
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.random as jr
import numpy as np

from eqenvs.cli._measure import compile_time, warm_and_interleaved

from .case import Case, Settings
from .loops import PGX_GAMES, pgx_loop


MODULES = {
    "gymnasium": "gymnasium",
    "minatar": "minatar",
    "pgx": "pgx",
    "pgx_minatar": "pgx-minatar",
    "envpool": "envpool",
}
CLASSIC_CONTROL = (
    "CartPole-v1",
    "Pendulum-v1",
    "Acrobot-v1",
    "MountainCar-v0",
    "MountainCarContinuous-v0",
)
MINATAR_GAMES = {
    "Asterix-MinAtar": "asterix",
    "Breakout-MinAtar": "breakout",
    "Freeway-MinAtar": "freeway",
    "Seaquest-MinAtar": "seaquest",
    "SpaceInvaders-MinAtar": "space_invaders",
}
# One measurement plays for about so long.
SECONDS = 0.1


@dataclass(frozen=True)
class Entrant:
    """Someone else's environments.

    - `name`: whose.
    - `loop`: what they are stepped by.
    - `num_envs`: how many there are.
    - `num_steps`: how many steps `play()` takes in all of them together.
    - `compile_seconds`: how long that took to compile, if it is compiled.
    """

    name: str
    loop: str
    num_envs: int
    num_steps: int
    play: Callable[[], Any]
    compile_seconds: float | None = None


def is_installed(module: str) -> bool:
    """Whether a module could be imported."""
    return importlib.util.find_spec(module) is not None


def missing() -> list[str]:
    """A sentence for every peer that is not installed."""
    return [
        f"{package}: it is not installed."
        for module, package in MODULES.items()
        if not is_installed(module)
    ]


def others(case: Case, settings: Settings, _: list[str]) -> list[dict[str, Any]]:
    """Steps a second of everyone else, turn by turn with ours."""
    found = entrants(case, SECONDS / 10 if settings.quick else SECONDS)
    if not found:
        return []
    case.compile(("vector",))
    programs = {"eqenvs": case.program("vector")}
    programs.update({entrant.name: entrant.play for entrant in found})
    seconds = warm_and_interleaved(programs, settings.repeats)
    steps = case.num_envs * case.num_steps
    rate = steps / statistics.median(seconds["eqenvs"])
    results = []
    for entrant in found:
        spent = seconds[entrant.name]
        peer_rate = entrant.num_steps / statistics.median(spent)
        results.append(
            {
                "peer": entrant.name,
                "loop": entrant.loop,
                "num_envs": entrant.num_envs,
                "compile_seconds": entrant.compile_seconds,
                "steps": entrant.num_steps,
                "seconds": spent,
                "steps_per_second": peer_rate,
                "eqenvs_steps": steps,
                "eqenvs_seconds": seconds["eqenvs"],
                "eqenvs_steps_per_second": rate,
                "times_peer": rate / peer_rate,
            }
        )
    return results


def entrants(case: Case, target: float) -> list[Entrant]:
    """Everyone else who has an environment, and is installed."""
    id, num_envs = case.id, case.num_envs
    made = []
    if id in CLASSIC_CONTROL and is_installed("gymnasium"):
        gymnasium = importlib.import_module("gymnasium")
        envs = gymnasium.make_vec(id, num_envs=100, vectorization_mode="sync")
        made.append(vector_entrant("gymnasium sync", "Python", envs, 100, target))
        if gymnasium.spec(id).vector_entry_point is not None:
            mode = "vector_entry_point"
            envs = gymnasium.make_vec(id, num_envs=num_envs, vectorization_mode=mode)
            made.append(
                vector_entrant("gymnasium vector", "NumPy", envs, num_envs, target)
            )
    if id in CLASSIC_CONTROL and is_installed("envpool"):
        with contextlib.redirect_stdout(io.StringIO()):
            envpool = importlib.import_module("envpool")
        envs = envpool.make(id, env_type="gymnasium", num_envs=num_envs)
        made.append(vector_entrant("envpool", "C++ threads", envs, num_envs, target))
    if id in MINATAR_GAMES and is_installed("minatar"):
        made.append(minatar_entrant(MINATAR_GAMES[id], target))
    if id in PGX_GAMES and is_installed("pgx") and is_installed("pgx_minatar"):
        made.append(pgx_entrant(case))
    return made


def vector_entrant(
    name: str, loop: str, envs: Any, num_envs: int, target: float
) -> Entrant:
    """Environments with Gymnasium's vectorized interface."""
    envs.reset()
    space = getattr(envs, "single_action_space", envs.action_space)
    space.seed(0)
    drawn = [np.stack([space.sample() for _ in range(num_envs)]) for _ in range(8)]

    def play(num_calls: int) -> None:
        for i in range(num_calls):
            envs.step(drawn[i % len(drawn)])

    return timed_entrant(name, loop, num_envs, play, target)


def minatar_entrant(game: str, target: float) -> Entrant:
    """One environment of the `minatar` package."""
    env = importlib.import_module("minatar").Environment(game, sticky_action_prob=0.0)
    env.reset()
    actions = np.random.default_rng(0).integers(env.num_actions(), size=1_000)

    def play(num_calls: int) -> None:
        for i in range(num_calls):
            _, terminated = env.act(actions[i % len(actions)])
            env.state()
            if terminated:
                env.reset()

    return timed_entrant("minatar", "Python", 1, play, target)


def pgx_entrant(case: Case) -> Entrant:
    """pgx-minatar, which is JAX and plays the same rollout as ours."""
    key, actions = jr.key(1), case.rollout_actions
    rollout = pgx_loop(case.id, case.num_envs).rollout
    spent, compiled = compile_time(rollout, key, actions)
    return Entrant(
        "pgx-minatar",
        "jax.vmap",
        case.num_envs,
        case.num_envs * case.num_steps,
        lambda: compiled(key, actions),
        spent,
    )


def timed_entrant(
    name: str, loop: str, num_envs: int, play: Callable[[int], None], target: float
) -> Entrant:
    """An entrant whose `play` takes about `target` seconds."""
    num_calls, spent = 1, 0.0
    while spent < target / 2:
        num_calls *= 2
        start = time.perf_counter()
        play(num_calls)
        spent = time.perf_counter() - start
    return Entrant(name, loop, num_envs, num_calls * num_envs, lambda: play(num_calls))
