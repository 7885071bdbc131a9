"""How much of what one core could do each environment reaches.

    python -m benchmarks.limit                 # all six
    python -m benchmarks.limit CartPole-v1     # some of them
    python -m benchmarks.limit --use-cores     # after `eqenvs.use_cores(1)`
    python -m benchmarks.limit --multi-output-fusion  # and with that argument
    python -m benchmarks.limit --each-lane     # every lane adds up on its own
    python -m benchmarks.limit --fast-keys     # keys of `eqenvs.random.key`

Builds `loops.c` with gcc, which knows nothing of this library, and plays the same
rollouts with it and with `VectorEnvironment`, turn by turn, on one core: 2,000 lanes,
500 steps, the same actions drawn beforehand, every observation and reward added up: all
into one number or, with `--each-lane`, into a number for each lane. The order in which
XLA adds up the former leaves little to vector instructions; the latter is how `rollout`
adds up returns.
"""

import argparse
import ctypes
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any


SOURCE = pathlib.Path(__file__).with_name("loops.c")
# The functions of `loops.c`.
FUNCTIONS = {
    "CartPole-v1": "cartpole",
    "Pendulum-v1": "pendulum",
    "Acrobot-v1": "acrobot",
    "MountainCar-v0": "mountain_car",
    "Catch-bsuite": "catch_ball",
    "Breakout-MinAtar": "breakout",
}
# Those with which `--each-lane` works.
FLAT = ("CartPole-v1", "Pendulum-v1", "Acrobot-v1", "MountainCar-v0")
NUM_ENVS, NUM_STEPS = 2_000, 500
FLAGS = (
    "-O3", "-march=native", "-ffast-math", "-fno-builtin-sinf", "-fno-builtin-cosf",
    "-shared", "-fPIC",
)  # fmt: skip
# The two play different random numbers, so their mean rewards differ by chance.
TOLERANCE = 0.05


def build(folder: str, *flags: str) -> ctypes.CDLL:
    """Compiles the loops, and loads them."""
    if shutil.which("gcc") is None:
        sys.exit("benchmarks.limit: gcc is not installed.")
    path = pathlib.Path(folder) / f"loops{''.join(flags)}.so"
    command = ["gcc", *FLAGS, *flags, str(SOURCE), "-o", str(path), "-lm"]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(path))


def c_player(function: Any, actions: Any) -> Callable[[], float]:
    """A rollout of a function of `loops.c`; returns the sum of its rewards."""
    function.restype = ctypes.c_double
    rewards, episodes = ctypes.c_double(), ctypes.c_int64()
    pointer = actions.ctypes.data_as(ctypes.c_void_p)

    def play() -> float:
        function(
            NUM_ENVS, NUM_STEPS, pointer, ctypes.byref(rewards), ctypes.byref(episodes)
        )
        return rewards.value

    return play


def measure(
    library: ctypes.CDLL,
    each_lane: ctypes.CDLL | None,
    id: str,
    seconds: float,
    fast_keys: bool,
) -> tuple[float, float]:
    """Steps a second in C and here.

    With `each_lane`, whose lanes add up on their own, that is what is timed.
    """
    # After the process was given one core.
    import jax
    import jax.numpy as jnp
    import numpy as np

    import eqenvs
    from eqenvs.cli._measure import arrange, draw_actions, new_key, Use, vector_loop

    env = eqenvs.make(id)
    drawn = draw_actions(env, NUM_ENVS * NUM_STEPS)
    actions = arrange(drawn, NUM_STEPS, NUM_ENVS)
    key = new_key("fast" if fast_keys else "vector")

    def compiled(use: Use) -> Any:
        rollout = vector_loop(env, NUM_ENVS, use).rollout
        return jax.jit(rollout).lower(key, actions).compile()

    def add_in_each_lane(key: Any, actions: Any) -> jax.Array:
        envs = eqenvs.VectorEnvironment(env, NUM_ENVS)
        reset_key, key = jax.random.split(key)
        _, states = envs.reset(reset_key)

        def body(carry: Any, actions: Any) -> Any:
            key, states, sums = carry
            seen = envs.observe(states).sum(axis=1)
            key, step_key = jax.random.split(key)
            step = envs.step(step_key, states, actions)
            return (key, step.state, sums + seen + step.reward), None

        carry = (key, states, jnp.zeros(NUM_ENVS))
        return jax.lax.scan(body, carry, actions)[0][-1].sum()

    only_rewards = compiled(Use(lambda *_: jnp.float32(0)))
    if each_lane is not None:
        ours = jax.jit(add_in_each_lane).lower(key, actions).compile()
    else:
        ours = compiled(Use(lambda observation, _: observation))
    in_rows = np.ascontiguousarray(np.asarray(actions).reshape(NUM_STEPS, NUM_ENVS))
    in_c = c_player(getattr(library, FUNCTIONS[id]), in_rows)
    count = NUM_ENVS * NUM_STEPS
    theirs, mine = in_c() / count, float(only_rewards(key, actions)) / count
    if abs(theirs - mine) > TOLERANCE * max(1.0, abs(mine)):
        sys.exit(f"benchmarks.limit: {id} plays another game in C: {theirs}, {mine}.")
    if each_lane is not None:
        in_c = c_player(getattr(each_lane, FUNCTIONS[id]), in_rows)

    programs = (in_c, lambda: ours(key, actions).block_until_ready())
    times: tuple[list[float], list[float]] = ([], [])
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[0]) < 5:
        for program, spent in zip(programs, times, strict=True):
            start = time.perf_counter()
            program()
            spent.append(time.perf_counter() - start)
    limit, reached = (count / statistics.median(spent) for spent in times)
    return limit, reached


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.limit")
    parser.add_argument("ids", nargs="*", metavar="id", choices=[*FUNCTIONS, []])
    parser.add_argument("--seconds", type=float, default=3.0, help="for each of them")
    parser.add_argument(
        "--use-cores", action="store_true", help="call eqenvs.use_cores(1) before"
    )
    parser.add_argument(
        "--multi-output-fusion",
        action="store_true",
        help="call eqenvs.use_cores(1, multi_output_fusion=True) before",
    )
    parser.add_argument(
        "--each-lane",
        action="store_true",
        help=f"every lane adds up on its own; for {', '.join(FLAT)}",
    )
    parser.add_argument("--fast-keys", action="store_true", help="not threefry's")
    arguments = parser.parse_args()
    known = FLAT if arguments.each_lane else tuple(FUNCTIONS)
    if unknown := set(arguments.ids) - set(known):
        parser.error(
            f"--each-lane works with {', '.join(FLAT)}; got "
            f"{', '.join(sorted(unknown))}."
        )
    # Before JAX starts its threads.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if arguments.use_cores or arguments.multi_output_fusion:
        import eqenvs

        eqenvs.use_cores(1, multi_output_fusion=arguments.multi_output_fusion)
    print(f"{'million steps/s on one core':28}{'C':>8}{'eqenvs':>8}{'share':>8}")
    with tempfile.TemporaryDirectory() as folder:
        library = build(folder)
        each_lane = build(folder, "-DEACH_LANE") if arguments.each_lane else None
        for id in arguments.ids or known:
            limit, reached = measure(
                library, each_lane, id, arguments.seconds, arguments.fast_keys
            )
            cells = f"{limit / 1e6:8.1f}{reached / 1e6:8.1f}{reached / limit:8.2f}"
            print(f"{id:28}{cells}", flush=True)


if __name__ == "__main__":
    main()
