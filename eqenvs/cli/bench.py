"""`eqenvs bench`"""

import datetime
import json
import pathlib
import statistics
from typing import Any

from .._checks import check_count
from .._files import write_safely
from .._registry import registered
from . import _measure
from ._arguments import command, Ids
from ._environments import find
from ._measure import WAYS


LEGEND = """\
Whole rollouts with random actions, in millions of steps per second:
  vmap     jax.vmap(env.step)
  vector   VectorEnvironment
  fast     VectorEnvironment with keys of eqenvs.random.key
and:
  compile  seconds to trace and compile the rollout of VectorEnvironment
  call     microseconds for one call of the compiled env.step from Python
"""


@command
class Bench:
    """Measure the speed of environments on this machine."""

    ids: Ids = ()
    """Environments to measure, such as CartPole-v1, or your own, written
    mymodule:MyEnvironment; by default, all those that come with eqenvs."""
    output: pathlib.Path = pathlib.Path("runs/bench")
    """Folder for results.json. An existing file is replaced."""
    num_envs: int = 2_000
    """Number of environments to play at once."""
    num_steps: int = 500
    """Number of steps in each of them."""
    repeats: int = 5
    """Number of measurements. The results are medians."""

    def run(self) -> None:
        for name in ("num_envs", "num_steps", "repeats"):
            check_count(name, getattr(self, name))
        for id in self.ids:
            find(id)
        self.output.mkdir(parents=True, exist_ok=True)
        _measure.ignore_compilation_cache()
        results: dict[str, Any] = {
            "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "machine": _measure.machine(),
            "versions": _measure.versions(("eqenvs", "jax", "jaxlib", "equinox")),
            "num_envs": self.num_envs,
            "num_steps": self.num_steps,
            "environments": {},
        }
        print(LEGEND)
        print(_row("environment", *WAYS, "compile", "call"))
        for id in dict.fromkeys(self.ids or registered()):
            try:
                env = find(id).make()
            except OSError as error:
                if self.ids:
                    raise
                print(f"{id:26} skipped: {str(error).partition('. ')[0]}.")
                continue
            found = self.measure(env)
            results["environments"][id] = found
            rates = [found["steps_per_second"][way] / 1e6 for way in WAYS]
            print(
                _row(
                    id,
                    *(f"{rate:#.3g}" for rate in rates),
                    f"{found['compile_seconds']['vector']:.2f}",
                    f"{found['seconds_per_call'] * 1e6:.1f}",
                ),
                flush=True,
            )
        path = self.output / "results.json"
        write_safely(path, json.dumps(results, indent=1).encode())
        print(f"Saved {path}.")

    def measure(self, env: Any) -> dict[str, Any]:
        """Times one environment."""
        num_steps = self.num_envs * self.num_steps
        actions = _measure.arrange(
            _measure.draw_actions(env, num_steps), self.num_steps, self.num_envs
        )
        programs, compile_seconds = {}, {}
        for way in WAYS:
            rollout = _measure.loop_of(way, env, self.num_envs).rollout
            key = _measure.new_key(way)
            compile_seconds[way], compiled = _measure.compile_time(
                rollout, key, actions
            )
            programs[way] = lambda run=compiled, key=key: run(key, actions)
        seconds = _measure.rollout_times(programs, self.repeats)
        num_calls = min(500, num_steps)
        calls = _measure.warm_and_interleaved(
            {"step": _measure.calls_of(env, num_calls)}, self.repeats
        )
        return {
            "seconds": seconds,
            "steps_per_second": {
                way: num_steps / statistics.median(seconds[way]) for way in WAYS
            },
            "compile_seconds": compile_seconds,
            "seconds_per_call": statistics.median(calls["step"]) / num_calls,
        }


def _row(id: str, *cells: str) -> str:
    return f"{id:26}" + "".join(f"{cell:>9}" for cell in cells)
