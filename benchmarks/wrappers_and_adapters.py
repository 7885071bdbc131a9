"""What wrappers and adapters cost.

    python -m benchmarks.wrappers_and_adapters

1. A step of 1,000 CartPoles by the adapter to Gymnasium's `VectorEnv`, beside
   Gymnasium's own NumPy vector and, where it is installed, envpool's. All are given the
   same actions, and reset in the step after an episode ends.
2. A step of one CartPole by the adapter to Gymnasium's `Env`, beside a call of the
   compiled `advance`.
3. A rollout of CartPole in `NormalizeObservation`, beside one without it.
4. The time to compile a rollout of an environment in six wrappers, beside one without
   them.

The contestants take turns, so that what else the machine does slows all of them alike.
The best turn of each counts.
"""

import importlib.util
import time
from collections.abc import Callable
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from eqenvs import CartPole, Pendulum
from eqenvs.adapters import to_gymnasium, to_gymnasium_vector
from eqenvs.cli._measure import (
    arrange,
    compile_time,
    draw_actions,
    ignore_compilation_cache,
    vector_loop,
)
from eqenvs.wrappers import (
    EpisodeStatistics,
    FlattenObservation,
    FrameStack,
    NormalizeObservation,
    NormalizeReward,
    PreviousActionAndReward,
    RescaleAction,
    RewardScale,
    StickyAction,
    TimeLimit,
)


Clocks = tuple[float, float]


def turns(
    players: dict[str, Callable[[], Any]], count: int, calls: int
) -> dict[str, Clocks]:
    """The microseconds of each player's best turn, for one of `calls` calls: by the
    clock, and of the processors' time."""
    best = {name: (float("inf"), float("inf")) for name in players}
    for _ in range(count):
        for name, play in players.items():
            wall, cpu = time.perf_counter(), time.process_time()
            play()
            turn = (time.perf_counter() - wall, time.process_time() - cpu)
            best[name] = tuple(map(min, best[name], turn))  # pyright: ignore
    scale = 1e6 / calls
    return {name: (scale * wall, scale * cpu) for name, (wall, cpu) in best.items()}


# --- Adapters -------------------------------------------------------------------------


def vectors(num_envs: int = 1000, steps: int = 200) -> dict[str, Clocks]:
    """A step of many CartPoles in Gymnasium."""
    envs: dict[str, Any] = {
        "eqenvs": to_gymnasium_vector(CartPole(), num_envs),
        "Gymnasium's NumPy": gymnasium.make_vec(
            "CartPole-v1", num_envs, vectorization_mode="vector_entry_point"
        ),
    }
    for each in envs.values():
        each.reset(seed=0)
    if importlib.util.find_spec("envpool") is not None:
        import envpool  # pyright: ignore[reportMissingImports]

        made = envpool.make("CartPole-v1", env_type="gymnasium", num_envs=num_envs)
        made.reset()
        envs["envpool"] = made
    actions = np.random.default_rng(0).integers(0, 2, (steps, num_envs))

    def player(each: Any) -> Callable[[], None]:
        def play() -> None:
            for action in actions:
                each.step(action)

        return play

    players = {name: player(each) for name, each in envs.items()}
    return turns(players, 20, steps)


def single(steps: int = 2000) -> dict[str, Clocks]:
    """A step of one CartPole in Gymnasium, and of the compiled function."""
    env, adapted = CartPole(), to_gymnasium(CartPole())
    actions = np.random.default_rng(0).integers(0, 2, steps).tolist()
    on_device = [jnp.asarray(action, jnp.int32) for action in (0, 1)]
    key = jr.key(0)

    def bare() -> None:
        _, state = env.reset(key)
        for action in actions:
            step = env.advance(key, state, on_device[action])
            state = step.state
            step.reward.block_until_ready()

    def adapter() -> None:
        adapted.reset(seed=0)
        for action in actions:
            adapted.step(action)

    return turns({"bare": bare, "adapter": adapter}, 15, steps)


# --- Wrappers -------------------------------------------------------------------------


def normalized(num_envs: int = 2000, steps: int = 500) -> dict[str, Clocks]:
    """Rollouts of CartPole, without and with normalized observations."""
    actions = arrange(draw_actions(CartPole(), 10_000), steps, num_envs)
    players = {}
    for name, env in (
        ("bare", CartPole()),
        ("normalized", NormalizeObservation(CartPole())),
    ):
        _, compiled = compile_time(
            vector_loop(env, num_envs).rollout, jr.key(1), actions
        )
        players[name] = lambda compiled=compiled: jax.block_until_ready(
            compiled(jr.key(1), actions)
        )
    return turns(players, 40, 1)


# A few numbers go in and out; and everything changes: actions, observations, rewards.
STACKS = {
    "CartPole": (
        CartPole(),
        lambda env: NormalizeReward(
            NormalizeObservation(
                FrameStack(EpisodeStatistics(RewardScale(TimeLimit(env, 200), 0.1)), 4)
            )
        ),
    ),
    "Pendulum": (
        Pendulum(),
        lambda env: FlattenObservation(
            PreviousActionAndReward(
                EpisodeStatistics(
                    NormalizeReward(StickyAction(RescaleAction(env), 0.25))
                )
            )
        ),
    ),
}


def compilation(
    num_envs: int = 2000, steps: int = 500
) -> dict[str, tuple[float, float]]:
    """Seconds to trace and compile a rollout, without and with six wrappers: the best
    of three, nothing cached."""
    results = {}
    for name, (env, wrap) in STACKS.items():
        best = [float("inf")] * 2
        for _ in range(3):
            for i, each in enumerate((env, wrap(env))):
                actions = arrange(draw_actions(each, 100), steps, num_envs)
                loop = vector_loop(each, num_envs)
                best[i] = min(
                    best[i], compile_time(loop.rollout, jr.key(1), actions)[0]
                )
        results[name] = tuple(best)
    return results


def main() -> None:
    # A program that is read from a file takes no time to compile.
    ignore_compilation_cache()
    found = vectors()
    print("1,000 CartPoles, microseconds a step: by the clock, of the processors")
    for name, (wall, cpu) in found.items():
        times = wall / found["eqenvs"][0]
        print(f"  {name:20} {wall:7.1f} {cpu:7.1f}   {times:5.2f} times eqenvs")
    found = single()
    print("One CartPole, microseconds a step")
    for name, (wall, cpu) in found.items():
        print(f"  {name:20} {wall:7.1f} {cpu:7.1f}")
    print(f"  {'overhead':20} {found['adapter'][0] - found['bare'][0]:7.1f}")
    found = normalized()
    print("2,000 CartPoles x 500 steps, milliseconds")
    for name, (wall, cpu) in found.items():
        print(f"  {name:20} {wall / 1e3:7.2f} {cpu / 1e3:7.2f}")
    print(f"  normalization costs {found['normalized'][0] / found['bare'][0] - 1:.1%}")
    print("Seconds to compile a rollout: bare, in six wrappers")
    for name, (bare, wrapped) in compilation().items():
        print(f"  {name:20} {bare:7.2f} {wrapped:7.2f}   {wrapped / bare:5.2f} times")


if __name__ == "__main__":
    main()
