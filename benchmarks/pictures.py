"""How fast are pictures, beside Gymnasium's renderer and gymnax's figures?

    python -m benchmarks.pictures              # all of it, a few minutes
    python -m benchmarks.pictures cartpole     # one question

| question | what is timed |
| --- | --- |
| `cartpole` | 1,000 frames of CartPole as arrays: 96 x 96 here, 1,000 calls of Gymnasium's `render()`, which draws 400 x 600 |
| `breakout` | frames of Breakout as arrays: 80 x 80 here, gymnax's figure, drawn by matplotlib's Agg |
| `gif` | an episode of 500 steps of CartPole as a GIF: `save_gif` here, gymnax's `Visualizer.animate` |
| `pixels` | `PixelObservation` in 2,000 lanes: frames per second, playing included |
| `watch` | training with `watch=True` and a page open, beside training without |

Both sides draw the same states in one process, turn by turn; the times are medians
after a first turn that is not counted, in which programs are compiled. Needs Gymnasium,
pygame, gymnax, seaborn and matplotlib; `watch` needs `eqenvs[play]`.
"""  # noqa: E501

import os
import pathlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import eqenvs
from eqenvs.rendering import rasterize, save_gif
from eqenvs.wrappers import FrameStack, PixelObservation


os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
os.environ.setdefault("MPLBACKEND", "agg")


def measure(players: dict[str, Callable[[], Any]], turns: int) -> dict[str, float]:
    """Median seconds of each, turn by turn, after one turn that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in players}
    for turn in range(turns + 1):
        for name, play in players.items():
            begin = time.perf_counter()
            play()
            if turn:
                seconds[name].append(time.perf_counter() - begin)
    return {name: statistics.median(times) for name, times in seconds.items()}


def balance(key: jax.Array, observation: jax.Array) -> jax.Array:
    """A policy that keeps CartPole's pole up for 500 steps."""
    del key
    x, x_dot, theta, theta_dot = observation
    return (theta + 0.3 * theta_dot + 0.02 * x + 0.05 * x_dot > 0).astype(jnp.int32)


def played(id: str, policy: Any, num_steps: int, num_envs: int | None = None) -> Any:
    env = eqenvs.make(id)
    return env, eqenvs.rollout(
        env, policy, 0, num_steps=num_steps, num_envs=num_envs, states=True
    )


def frames_of(env: Any, states: Any, size: int) -> Callable[[], np.ndarray]:
    draw = eqx.filter_jit(eqx.filter_vmap(lambda s: rasterize(env.draw(s), size)))
    return lambda: np.asarray(draw(states))


def cartpole() -> None:
    import gymnasium

    env, result = played("CartPole-v1", balance, 1000)
    states = result.trajectory.state
    theirs = gymnasium.make("CartPole-v1", render_mode="rgb_array").unwrapped
    theirs.reset(seed=0)
    rows = np.stack([states.x, states.x_dot, states.theta, states.theta_dot], -1)

    def draw_by_gymnasium() -> list[Any]:
        frames = []
        for row in rows.astype(float):
            theirs.state = row  # pyright: ignore
            frames.append(theirs.render())
        return frames

    players = {
        "eqenvs": frames_of(env, states, 96),
        "eqenvs, 400 wide": frames_of(env, states, 400),
        "Gymnasium": draw_by_gymnasium,
    }
    report("1,000 frames of CartPole", measure(players, 3), "Gymnasium")


def breakout() -> None:
    import gymnax
    from gymnax.visualize import Visualizer

    num_frames, num_theirs = 1000, 50
    env, result = played("Breakout-MinAtar", None, num_frames)
    other, params = gymnax.make("Breakout-MinAtar")
    key = jr.key(0)
    _, state = other.reset(key, params)
    states = [state]
    for i in range(num_theirs - 1):
        _, state, *_ = other.step(jr.fold_in(key, i), state, i % 3, params)
        states.append(state)
    figure = Visualizer(other, params, states)
    figure.init()

    def draw_by_gymnax() -> list[Any]:
        frames = []
        for i in range(num_theirs):
            figure.update(i)
            figure.fig.canvas.draw()
            frames.append(np.asarray(figure.fig.canvas.buffer_rgba()))  # pyright: ignore
        return frames

    players = {
        "eqenvs": frames_of(env, result.trajectory.state, 80),
        "gymnax": draw_by_gymnax,
    }
    times = measure(players, 3)
    times["gymnax"] *= num_frames / num_theirs
    title = f"1,000 frames of Breakout ({num_theirs} of gymnax, times 20)"
    report(title, times, "gymnax")


def gif() -> None:
    import gymnax
    from gymnax.visualize import Visualizer

    env, result = played("CartPole-v1", balance, 500)
    states = result.trajectory.state
    assert not np.any(result.trajectory.terminated)
    other, params = gymnax.make("CartPole-v1")
    _, first = other.reset(jr.key(0), params)
    names = ("x", "x_dot", "theta", "theta_dot", "time")
    columns = {name: np.asarray(getattr(states, name)) for name in names}
    sequence = [
        first.replace(**{name: column[i] for name, column in columns.items()})
        for i in range(500)
    ]
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = (pathlib.Path(folder) / name for name in ("a.gif", "b.gif"))

        def write() -> None:
            save_gif(env, result, ours, size=(400, 600), progress=False)

        def write_by_gymnax() -> None:
            Visualizer(other, params, sequence).animate(str(theirs))

        write()
        times, processor = {}, {}
        for name, play in (("eqenvs", write), ("gymnax", write_by_gymnax)):
            begin, begin_processor = time.perf_counter(), time.process_time()
            play()
            times[name] = time.perf_counter() - begin
            processor[name] = time.process_time() - begin_processor
        sizes = [f"{path.stat().st_size / 1e3:.0f} kB" for path in (ours, theirs)]
    report(f"a GIF of 500 steps of CartPole ({' and '.join(sizes)})", times, "gymnax")
    report("    its processor time, all cores together", processor, "gymnax")


def pixels() -> None:
    num_envs, num_steps = 2000, 10
    cases = {
        "CartPole 64 x 64": PixelObservation(eqenvs.make("CartPole-v1"), 64),
        "CartPole 64 x 64, gray, stack of 4": FrameStack(
            PixelObservation(eqenvs.make("CartPole-v1"), 64, grayscale=True), 4
        ),
        "Breakout 80 x 80": PixelObservation(eqenvs.make("Breakout-MinAtar"), 80),
        "Pong 84 x 84, gray": PixelObservation(
            eqenvs.make("Pong-misc"), 84, grayscale=True
        ),
    }

    @eqx.filter_jit
    def play(env: Any, states: Any, key: Any) -> Any:
        envs = eqenvs.VectorEnvironment(env, num_envs)

        def body(carry: Any, time: Any) -> Any:
            states, total = carry
            step_key = jr.fold_in(key, time)
            actions = envs.sample_actions(step_key)
            observation, states, reward, *_ = envs.step(step_key, states, actions)
            # Every pixel is used, or the compiler would leave some out.
            brightness = jnp.sum(observation.astype(jnp.uint32))
            return (states, total + brightness + reward.sum().astype(jnp.uint32)), None

        start = (states, jnp.uint32(0))
        return jax.lax.scan(body, start, jnp.arange(num_steps, dtype=jnp.uint32))[0]

    key = eqenvs.random.key(0)
    for name, env in cases.items():
        _, states = eqenvs.VectorEnvironment(env, num_envs).reset(key)
        player = {
            "": lambda env=env, s=states: jax.block_until_ready(play(env, s, key))
        }
        seconds = measure(player, 3)[""]
        print(f"{name}: {num_envs * num_steps / seconds:,.0f} frames/s", flush=True)


def watch() -> None:
    """Chromium shows the page on the same cores."""
    import webbrowser

    from playwright.sync_api import sync_playwright

    from eqenvs.agents import PPO
    from eqenvs.rendering.watch import Watcher

    env = eqenvs.make("CartPole-v1")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--headless", "--no-sandbox", "--disable-gpu"],
        )
        page = browser.new_page()

        def open_page(url: str) -> bool:
            page.goto(url)
            page.wait_for_selector("html[data-ready]")
            return True

        webbrowser.open = open_page  # pyright: ignore
        spent = []
        show = Watcher.show

        def timed_show(self: Any, *args: Any) -> None:
            begin = time.perf_counter()
            show(self, *args)
            spent.append(time.perf_counter() - begin)

        Watcher.show = timed_show  # pyright: ignore

        def train(watch: bool) -> float:
            begin = time.perf_counter()
            PPO().train(env, 0, 1_000_000, watch=watch)
            return time.perf_counter() - begin

        train(False)
        train(True)  # compiles what plays the lanes
        spent.clear()
        times = {"without": [], "with": []}
        for _ in range(2):
            times["without"].append(train(False))
            times["with"].append(train(True))
        seconds = {name: min(x) for name, x in times.items()}
        print(
            f"1,000,000 steps of PPO in CartPole: {seconds['without']:.2f} s without a "
            f"page, {seconds['with']:.2f} s with one open; playing the lanes and "
            f"sending them took {sum(spent) / sum(times['with']):.1%} of the time"
        )
        browser.close()


def report(title: str, seconds: dict[str, float], peer: str) -> None:
    print(title)
    for name, time_ in seconds.items():
        ratio = "" if name == peer else f", {seconds[peer] / time_:.1f} times as fast"
        print(f"    {name}: {time_:.4f} s{ratio}", flush=True)


QUESTIONS = {
    "cartpole": cartpole,
    "breakout": breakout,
    "gif": gif,
    "pixels": pixels,
    "watch": watch,
}


if __name__ == "__main__":
    for question in sys.argv[1:] or QUESTIONS:
        QUESTIONS[question]()
