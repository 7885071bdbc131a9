"""Is every environment as fast as at an earlier commit, and does it compile as fast?

```
python -m benchmarks.earlier COMMIT                 # all environments it had
python -m benchmarks.earlier COMMIT CartPole-v1     # some of them
```

The earlier code is checked out into a temporary folder and runs with the same packages,
in a process of its own. The two processes share one core and take turns. Each plays
2,000 lanes with actions drawn beforehand and adds up every observation and reward. The
least CPU time counts: another program on the machine can only add to it.
"""

import argparse
import contextlib
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any


ROOT = pathlib.Path(__file__).resolve().parents[1]
NUM_ENVS, NUM_STEPS, TURNS, COMPILATIONS = 2_000, 500, 9, 3
# Where a million steps take a second, fewer are played.
FEWER_STEPS = {
    "Asterix-MinAtar": 100,
    "Freeway-MinAtar": 100,
    "Pong-misc": 100,
    "Seaquest-MinAtar": 20,
    "SpaceInvaders-MinAtar": 100,
}
# It has to be given data.
LEFT_OUT = ("MNISTBandit-bsuite",)


# --- In the process of one version: only what both versions have ----------------------


def serve() -> None:
    """Answers the questions `["ids"]`, `["load", id]` and `["play"]`, one a line."""
    import eqenvs

    program = None
    for line in sys.stdin:
        question, *arguments = json.loads(line)
        if question == "ids":
            answer: Any = eqenvs.registered()
        elif question == "load":
            program, answer = load(*arguments)
        else:
            answer, _ = cpu_seconds(program)
        print(json.dumps(answer), flush=True)


def load(id: str) -> tuple[Any, float]:
    """A function that plays a rollout, and the CPU seconds to compile it."""
    import jax
    import jax.numpy as jnp
    import jax.random as jr

    import eqenvs

    env, num_steps = eqenvs.make(id), FEWER_STEPS.get(id, NUM_STEPS)
    envs = eqenvs.VectorEnvironment(env, NUM_ENVS)
    keys = jr.split(jr.key(1), (num_steps, NUM_ENVS))
    actions = jax.jit(jax.vmap(jax.vmap(env.action_space.sample)))(keys)

    def total(x):
        return jnp.sum(x.astype(jnp.uint8) if x.dtype == bool else x, dtype=float)

    def rollout(key, actions):
        def body(carry, inputs):
            states, so_far = carry
            step = envs.step(inputs[0], states, inputs[1])
            totals = map(total, jax.tree.leaves((step.observation, step.reward)))
            return (step.state, sum(totals, so_far)), None

        start = (envs.reset(key)[1], jnp.zeros(()))
        inputs = (jr.split(key, num_steps), actions)
        return jax.lax.scan(body, start, inputs)[0][1]

    def build():
        jax.clear_caches()
        return jax.jit(rollout).lower(jr.key(0), actions).compile()

    seconds, compiled = min(
        (cpu_seconds(build) for _ in range(COMPILATIONS)), key=lambda pair: pair[0]
    )

    def play():
        return compiled(jr.key(0), actions).block_until_ready()

    play()
    return play, seconds


def cpu_seconds(function: Any) -> tuple[float, Any]:
    """The CPU seconds of a call, in all threads, and its result."""
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


# --- In the process that compares them ------------------------------------------------


class Version:
    """The process of one version."""

    def __init__(self, folder: pathlib.Path):
        self.process = subprocess.Popen(
            [sys.executable, str(pathlib.Path(__file__).resolve()), "--serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env={
                **os.environ,
                "PYTHONPATH": str(folder),
                "JAX_ENABLE_COMPILATION_CACHE": "false",
            },
        )

    def ask(self, *question: str) -> Any:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit("benchmarks.earlier: one of the versions failed; see above.")
        return json.loads(answer)


@contextlib.contextmanager
def checked_out(commit: str) -> Iterator[pathlib.Path]:
    """A temporary folder with the code of a commit."""
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(
            ["git", "archive", commit, "eqenvs"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            check=False,
        )
        if archive.returncode != 0:
            sys.exit(f"benchmarks.earlier: there is no code at commit {commit}.")
        subprocess.run(["tar", "-x"], input=archive.stdout, cwd=folder, check=True)
        yield pathlib.Path(folder)


def compare(earlier: Version, now: Version, id: str) -> tuple[float, float]:
    """Time now by time earlier: of a rollout, and of compiling it."""
    before, after = earlier.ask("load", id), now.ask("load", id)
    turns = [(earlier.ask("play"), now.ask("play")) for _ in range(TURNS)]
    played = [min(times) for times in zip(*turns, strict=True)]
    return played[1] / played[0], after / before


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("commit")
    parser.add_argument("ids", nargs="*")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with checked_out(options.commit) as folder:
        earlier, now = Version(folder), Version(ROOT)
        both = set(now.ask("ids"))
        ids = [id for id in earlier.ask("ids") if id in both and id not in LEFT_OUT]
        if unknown := set(options.ids) - set(ids):
            names = ", ".join(sorted(unknown))
            sys.exit(f"benchmarks.earlier: cannot compare {names}.")
        print("time now by time earlier  rollout  compilation")
        ratios = []
        for id in options.ids or ids:
            ratios.append(compare(earlier, now, id))
            show(id, *ratios[-1])
        means = (
            math.prod(column) ** (1 / len(ratios))
            for column in zip(*ratios, strict=True)
        )
        show("geometric mean", *means)
        for version in (earlier, now):
            version.process.kill()


def show(name: str, rollout: float, compilation: float) -> None:
    print(f"{name:24}  {rollout:7.2f}  {compilation:11.2f}", flush=True)


if __name__ == "__main__":
    serve() if sys.argv[1:] == ["--serve"] else main()
