"""Whole rollouts of eqenvs and of gymnax, in one process, interleaved.

    python -m benchmarks.side_by_side CartPole-v1 Pendulum-v1

Both sides run the same number of environments and steps, take the same actions (drawn
beforehand), use threefry keys and reset automatically; every observation and reward is
summed into one number, so that the compiler can leave nothing out. What is printed are
the medians over the repetitions, and their ratios, for two ways of using eqenvs:

- `vmap`: `jax.vmap(env.step)`, as a user of gymnax writes it;
- `vector`: `eqenvs.VectorEnvironment`, as `eqenvs.rollout` uses it.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

import eqenvs


def digest(observation: Any, reward: Any) -> jax.Array:
    """One number that depends on all of an observation and a reward."""
    leaves = [*jax.tree.leaves(observation), reward]
    return sum((jnp.sum(x, dtype=jnp.float32) for x in leaves), jnp.float32(0))


def draw_actions(env: eqenvs.AbstractEnvironment, num_steps: int, num_envs: int) -> Any:
    """Uniformly random actions, with leading axes of steps and environments."""
    keys = jr.split(jr.key(0), (num_steps, num_envs))
    return jax.jit(jax.vmap(jax.vmap(lambda key: env.action_space.sample(key))))(keys)


def eqenvs_vector(env: eqenvs.AbstractEnvironment, num_envs: int) -> Callable:
    """Our `VectorEnvironment`, as `eqenvs.rollout` uses it."""

    def run(key, actions):
        envs = eqenvs.VectorEnvironment(env, num_envs)
        reset_key, key = jr.split(key)
        _, states = envs.reset(reset_key)

        def body(carry, action):
            key, states, total = carry
            observation = envs.observe(states)
            key, step_key = jr.split(key)
            step = envs.step(step_key, states, action)
            total = total + digest(observation, step.reward)
            return (key, step.state, total), None

        return jax.lax.scan(body, (key, states, jnp.float32(0)), actions)[0][-1]

    return run


def eqenvs_vmap(env: eqenvs.AbstractEnvironment, num_envs: int) -> Callable:
    """Our `jax.vmap(env.step)`, written as a user of gymnax writes it."""

    def run(key, actions):
        reset_key, key = jr.split(key)
        observations, states = jax.vmap(env.reset)(jr.split(reset_key, num_envs))

        def body(carry, action):
            key, _, states, total = carry
            key, step_key = jr.split(key)
            keys = jr.split(step_key, num_envs)
            step = jax.vmap(env.step)(keys, states, action)
            total = total + digest(step.observation, step.reward)
            return (key, step.observation, step.state, total), None

        carry = (key, observations, states, jnp.float32(0))
        return jax.lax.scan(body, carry, actions)[0][-1]

    return run


def gymnax_vmap(id: str, num_envs: int) -> Callable:
    """gymnax's `jax.vmap(env.step)`."""
    import gymnax

    env, params = gymnax.make(id)

    def run(key, actions):
        reset_key, key = jr.split(key)
        reset_keys = jr.split(reset_key, num_envs)
        observations, states = jax.vmap(env.reset, (0, None))(reset_keys, params)

        def body(carry, action):
            key, _, states, total = carry
            key, step_key = jr.split(key)
            keys = jr.split(step_key, num_envs)
            observations, states, reward, *_ = jax.vmap(env.step, (0, 0, 0, None))(
                keys, states, action, params
            )
            total = total + digest(observations, reward)
            return (key, observations, states, total), None

        carry = (key, observations, states, jnp.float32(0))
        return jax.lax.scan(body, carry, actions)[0][-1]

    return run


def compile_time(function: Callable, *args: Any) -> tuple[float, Callable]:
    """Seconds to trace and compile, and the compiled function."""
    start = time.perf_counter()
    compiled = jax.jit(function).lower(*args).compile()
    return time.perf_counter() - start, compiled


def interleaved(functions: dict[str, Callable], repeats: int) -> dict[str, list[float]]:
    """Seconds of each repetition of each function, taken turn by turn."""
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for function in functions.values():
        jax.block_until_ready(function())
    for _ in range(repeats):
        for name, function in functions.items():
            start = time.perf_counter()
            jax.block_until_ready(function())
            seconds[name].append(time.perf_counter() - start)
    return seconds


def compare(
    id: str, num_envs: int, num_steps: int, repeats: int
) -> dict[str, dict[str, float]]:
    """Medians of the run time and the compile time, for every contestant."""
    env = eqenvs.make(id)
    key = jr.key(1)
    actions = draw_actions(env, num_steps, num_envs)
    contestants = {
        "gymnax": gymnax_vmap(id, num_envs),
        "vmap": eqenvs_vmap(env, num_envs),
        "vector": eqenvs_vector(env, num_envs),
    }
    return measure(contestants, key, actions, repeats)


def measure(
    contestants: dict[str, Callable], key: Any, actions: Any, repeats: int
) -> dict[str, dict[str, float]]:
    """Medians of the run time and the compile time of each contestant."""
    compiled, results = {}, {}
    for name, run in contestants.items():
        compile_seconds = []
        for _ in range(3):
            jax.clear_caches()
            eqx.clear_caches()
            seconds, function = compile_time(run, key, actions)
            compile_seconds.append(seconds)
        compiled[name] = lambda function=function: function(key, actions)
        results[name] = {"compile": statistics.median(compile_seconds)}
    for name, seconds in interleaved(compiled, repeats).items():
        results[name]["run"] = statistics.median(seconds)
    return results


def row(id: str, results: dict[str, dict[str, float]]) -> str:
    """One line of the table."""
    gymnax, vmap, vector = (results[name] for name in ("gymnax", "vmap", "vector"))
    cells = [
        *(f"{side['run']:8.3f}" for side in (gymnax, vmap, vector)),
        "  ",
        *(f"{gymnax['run'] / side['run']:8.2f}" for side in (vmap, vector)),
        "  ",
        *(f"{side['compile']:8.2f}" for side in (gymnax, vmap, vector)),
        f"{vector['compile'] / gymnax['compile']:8.2f}",
    ]
    return f"{id:26}" + "".join(cells)


CLASSIC_CONTROL = (
    "CartPole-v1",
    "Pendulum-v1",
    "Acrobot-v1",
    "MountainCar-v0",
    "MountainCarContinuous-v0",
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("ids", nargs="*", default=CLASSIC_CONTROL)
    parser.add_argument("--all", action="store_true", help="all that gymnax has")
    parser.add_argument("--num-envs", type=int, default=2_000)
    parser.add_argument("--num-steps", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    ids = arguments.ids
    if arguments.all:  # gymnax's MNISTBandit downloads its data set.
        ids = [id for id in eqenvs.registered() if id != "MNISTBandit-bsuite"]
    size = arguments.num_envs * arguments.num_steps
    print(f"{size:,} steps in {arguments.num_envs:,} environments; threefry keys")
    print(f"{'':26}{'seconds':>24}  {'times gymnax':>16}  {'seconds to compile':>32}")
    names = f"{'gymnax':>8}{'vmap':>8}{'vector':>8}"
    print(f"{'':26}{names}  {'vmap':>8}{'vector':>8}  {names}{'ratio':>8}")
    speedups, compile_ratios = [], []
    for id in ids:
        results = compare(
            id, arguments.num_envs, arguments.num_steps, arguments.repeats
        )
        print(row(id, results), flush=True)
        gymnax, vector = results["gymnax"], results["vector"]
        speedups.append(gymnax["run"] / vector["run"])
        compile_ratios.append(vector["compile"] / gymnax["compile"])
    print(
        "geometric means of vector to gymnax: "
        f"{statistics.geometric_mean(speedups):.2f} times as fast, "
        f"{statistics.geometric_mean(compile_ratios):.2f} times as long to compile"
    )


if __name__ == "__main__":
    main()
