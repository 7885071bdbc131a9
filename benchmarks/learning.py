"""How long does PPO take to learn, beside PureJaxRL and rejax?

```
python -m benchmarks.learning --purejaxrl FOLDER --python PEER_PYTHON
```

`FOLDER` is PureJaxRL's `purejaxrl/`, which has `ppo.py`. `PEER_PYTHON` is the Python of
a virtual environment of its own with rejax 0.1.3 and gymnax 0.0.9, the last that rejax
works with; PureJaxRL runs there too. Without these options, eqenvs is measured alone.

All train with the same settings and the same networks, each in a process of its own,
which compiles its program first. They take turns, seed by seed. What is timed is
training alone, without evaluation. What was learned is the mean return of the last
episode of every lane; rejax does not keep these, and plays 128 episodes afterwards.

The result is the ratio of the times, with a 95 % interval from a bootstrap over the
seeds, and the returns of all seeds.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np


SETTINGS = {
    "num_steps": 499_712,  # whole updates
    "num_envs": 64,
    "rollout_steps": 64,
    "num_epochs": 4,
    "num_minibatches": 8,
    "learning_rate": 1e-3,
}
ENVIRONMENTS = {"cartpole": "CartPole-v1", "breakout": "Breakout-MinAtar"}

# From a seed to the seconds that training took, and the return in the end.
Trainer = Callable[[int], tuple[float, float]]


def timed(program: Callable[[Any], Any], argument: Any) -> tuple[Any, float]:
    """The result of a program, and the seconds that it took."""
    import jax

    jax.block_until_ready(argument)
    start = time.perf_counter()
    result = jax.block_until_ready(program(argument))
    return result, time.perf_counter() - start


def eqenvs_trainer(id: str) -> Trainer:
    """PPO of this library."""
    import jax
    import jax.random as jr

    import eqenvs
    from eqenvs.agents import PPO

    settings = dict(SETTINGS)
    num_steps = settings.pop("num_steps")
    ppo, env = PPO(torso="mlp", **settings), eqenvs.make(id)
    keys = jr.split(eqenvs.random.key(0), 1_000)
    train = jax.jit(lambda key: ppo.train(env, key, num_steps)[:2])
    train = train.lower(keys[0]).compile()

    def run(seed):
        (_, metrics), seconds = timed(train, keys[seed])
        return seconds, float(metrics["return"][-1])

    return run


def rejax_trainer(id: str) -> Trainer:
    """PPO of rejax, without the evaluations that it makes during training."""
    import jax
    import rejax

    num_steps = SETTINGS["num_steps"]
    ppo = rejax.PPO.create(
        env=id,
        agent_kwargs={"activation": "tanh"},
        num_envs=SETTINGS["num_envs"],
        num_steps=SETTINGS["rollout_steps"],
        num_epochs=SETTINGS["num_epochs"],
        num_minibatches=SETTINGS["num_minibatches"],
        learning_rate=SETTINGS["learning_rate"],
        max_grad_norm=0.5,
        total_timesteps=num_steps,
        eval_freq=num_steps,
        skip_initial_evaluation=True,
    )
    ppo = ppo.replace(eval_callback=lambda *_: ())
    keys = jax.random.split(jax.random.key(0), 1_000)
    train = jax.jit(lambda key: ppo.train(key)[0]).lower(keys[0]).compile()

    @jax.jit
    def play(state, key):
        act = ppo.make_act(state)
        return rejax.evaluate.evaluate(
            act, key, ppo.env, ppo.env_params, 128, ppo.env_params.max_steps_in_episode
        )[1]

    def run(seed):
        state, seconds = timed(train, keys[seed])
        return seconds, float(play(state, keys[-seed - 1]).mean())

    return run


def purejaxrl_trainer(id: str, folder: str) -> Trainer:
    """PureJaxRL's script, as it is but for its settings."""
    import types

    import jax

    # Other scripts of its folder use these.
    for name in ("brax", "brax.envs", "brax.envs.wrappers", "navix"):
        sys.modules.setdefault(name, types.ModuleType(name))
    training = types.ModuleType("brax.envs.wrappers.training")
    training.EpisodeWrapper = training.AutoResetWrapper = object  # pyright: ignore
    sys.modules.setdefault(training.__name__, training)
    sys.modules["brax"].envs = sys.modules["brax.envs"]  # pyright: ignore
    sys.path.insert(0, folder)
    import ppo  # pyright: ignore

    config = {
        "LR": SETTINGS["learning_rate"],
        "NUM_ENVS": SETTINGS["num_envs"],
        "NUM_STEPS": SETTINGS["rollout_steps"],
        "TOTAL_TIMESTEPS": SETTINGS["num_steps"],
        "UPDATE_EPOCHS": SETTINGS["num_epochs"],
        "NUM_MINIBATCHES": SETTINGS["num_minibatches"],
        "GAMMA": 0.99,
        "GAE_LAMBDA": 0.95,
        "CLIP_EPS": 0.2,
        "ENT_COEF": 0.01,
        "VF_COEF": 0.5,
        "MAX_GRAD_NORM": 0.5,
        "ACTIVATION": "tanh",
        "ENV_NAME": id,
        "ANNEAL_LR": True,
    }
    make_train = ppo.make_train(config)

    def train(key):
        result = make_train(key)
        info = result["metrics"]
        returns = info["returned_episode_returns"][-1, -1]
        return result["runner_state"][0].params, returns

    keys = jax.random.split(jax.random.key(0), 1_000)
    train = jax.jit(train).lower(keys[0]).compile()

    def run(seed):
        (_, returns), seconds = timed(train, keys[seed])
        return seconds, float(returns.mean())

    return run


# Processes.


def serve(name: str, id: str, folder: str) -> None:
    """Trains with the seeds that it reads, one a line, and writes what came of it."""
    trainers = {
        "eqenvs": lambda: eqenvs_trainer(id),
        "rejax": lambda: rejax_trainer(id),
        "PureJaxRL": lambda: purejaxrl_trainer(id, folder),
    }
    output, sys.stdout = sys.stdout, sys.stderr
    start = time.perf_counter()
    run = trainers[name]()
    print(json.dumps(time.perf_counter() - start), file=output, flush=True)
    for line in sys.stdin:
        print(json.dumps(run(int(line))), file=output, flush=True)


class Entrant:
    """A process that trains when it is told to."""

    def __init__(self, name: str, python: str, id: str, folder: str):
        self.name = name
        file = pathlib.Path(__file__).resolve()
        self.process = subprocess.Popen(
            [python, str(file), "--serve", name, id, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(file.parents[1])},
        )
        self.runs: list[tuple[float, float]] = []

    def read(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended early.")
        return json.loads(line)

    def train(self, seed: int) -> None:
        assert self.process.stdin is not None
        print(seed, file=self.process.stdin, flush=True)
        self.runs.append(tuple(self.read()))


def interval(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float, float]:
    """The ratio of the mean times, and its 95 % interval over the seeds."""
    generator = np.random.default_rng(0)
    samples = generator.integers(0, len(ours), (10_000, len(ours)))
    ratios = theirs[samples].mean(1) / ours[samples].mean(1)
    low, high = np.quantile(ratios, (0.025, 0.975))
    return float(theirs.mean() / ours.mean()), float(low), float(high)


def main() -> None:
    if sys.argv[1:2] == ["--serve"]:
        serve(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--purejaxrl", default="", help="the folder that has its ppo.py"
    )
    parser.add_argument("--python", help="Python with rejax and gymnax 0.0.9")
    parser.add_argument("--environment", choices=ENVIRONMENTS, default="cartpole")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--runs", help="a JSON file of earlier runs, to add to")
    options = parser.parse_args()
    id = ENVIRONMENTS[options.environment]
    entrants = [Entrant("eqenvs", sys.executable, id, "")]
    if options.python:
        entrants.append(Entrant("rejax", options.python, id, ""))
        if options.purejaxrl:
            folder = str(pathlib.Path(options.purejaxrl).resolve())
            entrants.append(Entrant("PureJaxRL", options.python, id, folder))
    for entrant in entrants:
        print(f"{entrant.name}: {entrant.read():.1f} s to import and compile")
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for entrant in entrants:
            entrant.train(seed)
    runs = {entrant.name: entrant.runs for entrant in entrants}
    if options.runs:
        path = pathlib.Path(options.runs)
        earlier = json.loads(path.read_text()) if path.exists() else {}
        runs = {name: earlier.get(name, []) + new for name, new in runs.items()}
        path.write_text(json.dumps(runs))
    report(runs)


def report(runs: dict[str, list[tuple[float, float]]]) -> None:
    seconds, returns = (
        {name: np.array(x)[:, column] for name, x in runs.items()} for column in (0, 1)
    )
    for name, times in seconds.items():
        found = returns[name]
        print(
            f"{name}: {np.median(times):.3f} s (median of {len(times)}), return "
            f"{found.mean():.1f} on average over the seeds, from {found.min():.1f} to "
            f"{found.max():.1f}, standard error "
            f"{found.std(ddof=1) / np.sqrt(len(found)):.1f}"
        )
        if name != "eqenvs":
            ratio, low, high = interval(seconds["eqenvs"], times)
            print(f"  {ratio:.2f} times as long as eqenvs ({low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
