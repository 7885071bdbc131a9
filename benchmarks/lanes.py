"""What a step costs with few and with many environments."""

import concurrent.futures
import statistics
import time
from typing import Any

import jax
import jax.random as jr
import numpy as np

from eqenvs.cli._measure import arrange, calls_needed, interleaved

from .case import Case, Settings, TOO_SLOW
from .rollouts import planned_bytes


LANES = {
    "vector": (1, 1_000, 10_000, 100_000, 1_000_000),
    "gymnax": (1_000,),
}
QUICK_LANES = {"vector": (1, 1_000, 100_000), "gymnax": (1_000,)}
# A measurement is repeated unless it takes longer.
LONG_SECONDS = 0.5
REPEATS = 3
# A program that needs more memory is not run.
MAX_BYTES = 4 * 2**30
# Lanes begin in states seen at different times, so many steps apart, that episodes of
# the same length do not all end together. (The number of steps is prime.)
SNAPSHOTS = 10
SNAPSHOT_LANES = 1_000
SNAPSHOT_STEPS = 97


class Player:
    """Plays on and on, some steps of all lanes a call."""

    def __init__(self, compiled: Any, carry: Any, actions: Any):
        self.compiled, self.carry, self.actions = compiled, carry, actions
        self.calls = 1

    def __call__(self) -> Any:
        for _ in range(self.calls):
            self.carry = self.compiled(self.carry, self.actions)
        return self.carry


def lanes(case: Case, settings: Settings, left_out: list[str]) -> dict[str, Any]:
    """Seconds of a step by contestant and number of lanes."""
    counts = QUICK_LANES if settings.quick else LANES
    contestants = ("vector", "gymnax")
    if case.id in TOO_SLOW:
        contestants = ("vector",)
        left_out.append(f"lanes of gymnax's {case.id}: it takes too long.")
    jobs = [(name, count) for name in contestants for count in counts[name]]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        programs = pool.map(lambda job: compile_play(case, *job), jobs)
        compiled = dict(zip(jobs, programs, strict=True))
    seen = {
        name: snapshots(case, name, compiled[name, SNAPSHOT_LANES])
        for name in contestants
    }
    found: dict[str, Any] = {name: {} for name in contestants}
    for count in counts["vector"]:
        actions = arrange(case.actions, steps_per_call(count), count)
        players = {}
        for name in contestants:
            if (name, count) not in compiled:
                continue
            needed = planned_bytes(compiled[name, count])["total"]
            if needed > MAX_BYTES:
                left_out.append(
                    f"{count:,} lanes of {name}'s {case.id}: they need "
                    f"{needed / 2**30:.1f} GiB, more than {MAX_BYTES / 2**30:.0f}."
                )
                continue
            carry = tile(seen[name], count)
            players[name] = Player(compiled[name, count], carry, actions)
        for name, each in measure(players).items():
            steps = steps_per_call(count) * count * players[name].calls
            found[name][str(count)] = {
                "steps": steps,
                "seconds": each,
                "seconds_per_step": statistics.median(each) / steps,
            }
    cost = {n: each["seconds_per_step"] for n, each in found["vector"].items()}
    if "100000" in cost:
        found["cost_100000_to_1000"] = cost["100000"] / cost["1000"]
    return found


def measure(players: dict[str, Player]) -> dict[str, list[float]]:
    """Seconds of every turn, each of as many calls as it takes."""
    longest = 0.0
    for player in players.values():
        start = time.perf_counter()
        player.calls = calls_needed(player)
        longest = max(longest, time.perf_counter() - start)
    return interleaved(players, 1 if longest > LONG_SECONDS else REPEATS)


def steps_per_call(count: int) -> int:
    """How many steps the program for so many lanes takes."""
    if count == SNAPSHOT_LANES:
        return SNAPSHOT_STEPS
    # Pages of memory cost most when they are first written to, in every new call: with
    # four steps that was a quarter to half of the time of 100,000 pictures. A million
    # lanes, of which 40 steps took too long, still pay for it.
    least = 40 if count <= 100_000 else 4
    return min(1_000, max(least, 100_000 // count))


def compile_play(case: Case, contestant: str, count: int) -> Any:
    """Compiles a few steps of so many lanes."""
    loop = case.loop(contestant, count)
    carry = jax.eval_shape(loop.start, jr.key(1))
    shape = (steps_per_call(count), count)
    actions = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct((*shape, *x.shape[1:]), x.dtype), case.actions
    )
    return jax.jit(loop.play).lower(carry, actions).compile()


def snapshots(case: Case, contestant: str, compiled: Any) -> tuple[Any, Any, Any]:
    """A carry whose lanes were seen at different times, as NumPy arrays."""
    carry = jax.jit(case.loop(contestant, SNAPSHOT_LANES).start)(jr.key(1))
    actions = arrange(case.actions, SNAPSHOT_STEPS, SNAPSHOT_LANES)
    seen = []
    for _ in range(SNAPSHOTS):
        carry = compiled(carry, actions)
        seen.append(jax.tree.map(np.asarray, carry[1]))
    envs = np.arange(SNAPSHOT_LANES)
    mixed = jax.tree.map(lambda *x: np.stack(x)[envs % SNAPSHOTS, envs], *seen)
    return carry[0], mixed, carry[2]


def tile(carry: tuple[Any, Any, Any], count: int) -> tuple[Any, Any, Any]:
    """The same lanes again and again, until there are `count`."""
    key, lanes, total = carry
    lanes = jax.tree.map(
        lambda x: jax.device_put(np.resize(x, (count, *x.shape[1:]))), lanes
    )
    return key, lanes, total
