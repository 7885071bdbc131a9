"""Clocks, and the programs to time: whole rollouts with random actions.

`benchmarks/` times other libraries with the same clocks.
"""

import importlib.metadata
import os
import pathlib
import platform
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jax.experimental.compilation_cache import compilation_cache

from .._environment import AbstractEnvironment
from .._vector import VectorEnvironment
from ..random import key as fast_key


# --- Clocks ---------------------------------------------------------------------------

# The shortest measurement, in seconds.
SECONDS = 0.02


def ignore_compilation_cache() -> None:
    """From here on, JAX compiles every program, even those that earlier processes left
    on disk."""
    jax.config.update("jax_enable_compilation_cache", False)
    compilation_cache.reset_cache()  # It may be in use, for something compiled before.


def compile_time(function: Callable, *args: Any) -> tuple[float, Any]:
    """Seconds to trace and compile with empty caches, and the compiled function."""
    jax.clear_caches()
    eqx.clear_caches()
    start = time.perf_counter()
    compiled = jax.jit(function).lower(*args).compile()
    return time.perf_counter() - start, compiled


def seconds(function: Callable[[], Any]) -> float:
    """Seconds for one call, until its result is ready."""
    start = time.perf_counter()
    jax.block_until_ready(function())
    return time.perf_counter() - start


def calls_needed(function: Callable[[], Any]) -> int:
    """How many calls in a row take long enough to be timed, estimated from one or
    two."""
    first = seconds(function)  # The first call is slower than the others.
    return 1 if first > 10 * SECONDS else max(1, round(SECONDS / seconds(function)))


def interleaved(
    functions: dict[str, Callable[[], Any]], repeats: int
) -> dict[str, list[float]]:
    """Seconds for every call of each function, taking turns."""
    turns = [
        {name: seconds(function) for name, function in functions.items()}
        for _ in range(repeats)
    ]
    return {name: [turn[name] for turn in turns] for name in functions}


def warm_and_interleaved(
    functions: dict[str, Callable[[], Any]], repeats: int
) -> dict[str, list[float]]:
    """Like `interleaved`, after one call of each function that is not timed."""
    return {
        name: times[1:] for name, times in interleaved(functions, repeats + 1).items()
    }


def rollout_times(
    programs: dict[str, Callable[[], Any]], repeats: int
) -> dict[str, list[float]]:
    """Seconds for one call of each program, taking turns. Short calls are averaged over
    several in a row."""
    calls = {name: calls_needed(program) for name, program in programs.items()}

    def turn(name: str) -> Callable[[], None]:
        def repeat() -> None:
            for _ in range(calls[name]):
                jax.block_until_ready(programs[name]())  # One after the other.

        return repeat

    times = interleaved({name: turn(name) for name in programs}, repeats)
    return {name: [x / calls[name] for x in each] for name, each in times.items()}


def steps_by_calls(
    step: Callable[[Any], Any], state: Any, num_calls: int
) -> Callable[[], Any]:
    """Makes a function that calls `step` from Python `num_calls` times."""

    def play() -> Any:
        current = state
        for _ in range(num_calls):
            current = step(current)
        return current

    return play


# --- Rollouts -------------------------------------------------------------------------


def total(*values: Any) -> jax.Array:
    """The sum of all numbers in some arrays.

    Booleans are added up as bytes; otherwise, XLA would first write a `float32` to
    memory for each of them.
    """

    def sum_of(x):
        x = x.astype(jnp.uint8) if x.dtype == bool else x
        return jnp.sum(x, dtype=jnp.float32)

    return sum(map(sum_of, jax.tree.leaves(values)), jnp.float32(0))


def as_float32(observation: Any) -> Any:
    """An observation, converted as for a network."""
    return jax.tree.map(lambda x: x.astype(jnp.float32), observation)


@dataclass(frozen=True)
class Use:
    """How a rollout uses observations.

    - `digest(observation, actions)`: a number added to the sum of rewards, so that the
        compiler cannot leave anything out.
    - `policy(observations)`: the actions of all lanes; `None` to play actions drawn
        beforehand.
    """

    digest: Callable[[Any, Any], Any]
    policy: Callable[[Any], Any] | None = None

    def actions(self, observations: Any, drawn: Any) -> Any:
        """The actions to play."""
        return drawn if self.policy is None else self.policy(observations)


KEPT = Use(lambda observation, _: observation)
FLOAT32 = Use(lambda observation, _: as_float32(observation))


@dataclass(frozen=True)
class Loop:
    """One way of playing many environments at once.

    The carry is the tuple `(key, lanes, total)`. Every leaf of `lanes` has a leading
    axis of environments; `total` is the sum of digests and rewards.

    - `start(key) -> carry`: starts an episode in every lane.
    - `advance(carry, actions) -> carry`: steps every lane.
    """

    start: Callable[[Any], Any]
    advance: Callable[[Any, Any], Any]

    def play(self, carry: Any, actions: Any) -> Any:
        """Takes one step for each entry of `actions`; returns the carry."""

        def body(carry, actions):
            return self.advance(carry, actions), None

        return jax.lax.scan(body, carry, actions)[0]

    def rollout(self, key: Any, actions: Any) -> jax.Array:
        """Plays from the start; returns the total."""
        return self.play(self.start(key), actions)[-1]


def vector_loop(env: AbstractEnvironment, num_envs: int, use: Use = KEPT) -> Loop:
    """`VectorEnvironment`, as `eqenvs.rollout` uses it."""
    envs = VectorEnvironment(env, num_envs)

    def start(key):
        reset_key, key = jr.split(key)
        _, states = envs.reset(reset_key)
        return key, states, jnp.float32(0)

    def advance(carry, actions):
        key, states, so_far = carry
        observation = envs.observe(states)
        actions = use.actions(observation, actions)
        key, step_key = jr.split(key)
        step = envs.step(step_key, states, actions)
        digest = use.digest(observation, actions)
        return key, step.state, so_far + total(digest, step.reward)

    return Loop(start, advance)


def vmap_loop(
    reset: Callable[[Any], tuple[Any, Any]],
    step: Callable[[Any, Any, Any], tuple],
    num_envs: int,
    use: Use = KEPT,
) -> Loop:
    """`jax.vmap` of a reset and a step, as gymnax users write it."""

    def start(key):
        reset_key, key = jr.split(key)
        return key, jax.vmap(reset)(jr.split(reset_key, num_envs)), jnp.float32(0)

    def advance(carry, actions):
        key, (observations, states), so_far = carry
        actions = use.actions(observations, actions)
        key, step_key = jr.split(key)
        observations, states, reward, *_ = jax.vmap(step)(
            jr.split(step_key, num_envs), states, actions
        )
        digest = use.digest(observations, actions)
        return key, (observations, states), so_far + total(digest, reward)

    return Loop(start, advance)


def draw_actions(env: AbstractEnvironment, count: int) -> Any:
    """Uniformly random actions, as NumPy arrays with a leading axis of size `count`."""
    keys = jr.split(jr.key(0), count)
    actions = jax.jit(jax.vmap(lambda key: env.action_space.sample(key)))(keys)
    return jax.tree.map(np.asarray, actions)


def arrange(actions: Any, num_steps: int, num_envs: int) -> Any:
    """Drawn actions, with leading axes of steps and environments; repeated if there are
    too few."""

    def leaf(x):
        return jnp.asarray(np.resize(x, (num_steps, num_envs, *x.shape[1:])))

    return jax.tree.map(leaf, actions)


# --- Environments of this library -----------------------------------------------------

# `jax.vmap(env.step)`; `VectorEnvironment`; and `VectorEnvironment` with keys of
# `eqenvs.random.key`.
WAYS = ("vmap", "vector", "fast")


def loop_of(way: str, env: AbstractEnvironment, num_envs: int, use: Use = KEPT) -> Loop:
    """The loop of one of the `WAYS`."""
    if way == "vmap":
        return vmap_loop(env.reset, env.step, num_envs, use)
    return vector_loop(env, num_envs, use)


def new_key(way: str) -> Any:
    """A key of the implementation that one of the `WAYS` uses."""
    return fast_key(1) if way == "fast" else jr.key(1)


def calls_of(env: AbstractEnvironment, num_calls: int) -> Callable[[], Any]:
    """Makes a function that calls the compiled `env.step` from Python."""
    key = jr.key(1)
    action = jax.tree.map(jax.device_put, env.action_space.sample(key))
    return steps_by_calls(
        lambda state: env.step(key, state, action).state, env.reset(key)[1], num_calls
    )


# --- The machine ----------------------------------------------------------------------


def machine() -> dict[str, Any]:
    """The processor, its cores, the memory, the operating system and JAX's device."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_bytes": _memory_bytes(),
        "os": platform.platform(),
        "device": jax.devices()[0].device_kind,
        "load_average_at_start": os.getloadavg()[0]
        if hasattr(os, "getloadavg")
        else None,
    }


def versions(packages: Iterable[str]) -> dict[str, str]:
    """The versions of Python and of the installed packages."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _cpu_model() -> str:
    """The processor's name, as precisely as the system reports it."""
    info = pathlib.Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_bytes() -> int | None:
    """The size of the memory, if the system reports it."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
