"""One person's game: an environment, its current state, and the episode so far."""

import collections
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.random as jr
import numpy as np

from ..._checks import as_key
from .._recording import parameters_of, Recording, TERMINATED, TRUNCATED
from ..viewer._pack import plain_scene
from ..viewer._viewer import Viewer
from ._controls import controls_of
from ._sliders import changed, sliders_of


_MOST_FRAMES = 10_000
"""The number of steps of an episode that are kept for download."""


class _Frame(NamedTuple):
    """The result of one step, as in a `Recording`."""

    scene: Any
    action: float
    reward: float
    ended: int


@eqx.filter_jit
def _draw(env: Any, state: Any) -> Any:
    return env.draw(state)


@eqx.filter_jit
def _next_episode(env: Any, key: Any, last_state: Any) -> Any:
    state = env.next_initial_state(key, last_state)
    return env.observe(state), state


@eqx.filter_jit
def _observe(env: Any, state: Any) -> Any:
    return env.observe(state)


@eqx.filter_jit
def _act(agent: Any, key: Any, observation: Any, carry: Any) -> tuple[Any, Any]:
    """The action of an agent, and the carry of its memory, if it has one."""
    act = getattr(agent, "greedy", agent)
    if carry is None:
        return act(key, observation), None
    return act(key, observation, carry)


class Session:
    """A game. Its methods return what the page shows, ready to be written as JSON."""

    def __init__(
        self,
        env: Any,
        *,
        agent: Any = None,
        seed: int = 0,
        title: str = "",
        frames_per_second: float = 15.0,
    ):
        """**Arguments:**

        - `env`: an environment.
        - `agent`: a policy that can take over.
        - `seed`: seed for the random numbers.
        - `title`: the name to show.
        - `frames_per_second`: the number of steps per second.

        **Raises:**

        `NotImplementedError` if the environment has no picture; `ValueError` if a
        person cannot choose its actions.
        """
        self.env = env
        self.agent = agent
        self.title = title or type(env).__name__
        self.frames_per_second = frames_per_second
        self.controls = controls_of(env)
        self._key = as_key(seed, "play")
        self._draws = 0
        self.episode = 0
        self.state: Any = None
        self.ended = 0
        self.reset()

    def _new_key(self) -> Any:
        self._draws += 1
        return jr.fold_in(self._key, self._draws)

    def about(self) -> dict[str, Any]:
        """What stays the same during a game."""
        controls = self.controls
        summary = (type(self.env).__doc__ or "").strip().partition("\n")[0]
        return {
            "title": self.title,
            "summary": summary,
            "framesPerSecond": self.frames_per_second,
            "hasAgent": self.agent is not None,
            "controls": {
                "buttons": controls.buttons,
                "idle": controls.idle,
                "low": controls.low,
                "high": controls.high,
                "size": controls.size,
            },
            "parameters": sliders_of(self.env),
        }

    def view(self) -> dict[str, Any]:
        """The current state of the game."""
        last = self._frames[-1]
        return {
            "scene": plain_scene(last.scene),
            "step": self.step_number,
            "reward": _plain(last.reward),
            "return": _plain(self.total),
            "action": _plain(last.action),
            "episode": self.episode,
            "ended": [
                name
                for kind, name in ((TERMINATED, "terminated"), (TRUNCATED, "truncated"))
                if self.ended & kind
            ],
        }

    def reset(self) -> dict[str, Any]:
        """Starts the next episode if this one has ended, and otherwise starts over."""
        if self.ended:
            key = self._new_key()
            self.observation, self.state = _next_episode(self.env, key, self.state)
        else:
            self.observation, self.state = self.env.reset(self._new_key())
        self.episode += 1
        self._carry = getattr(self.agent, "initial_carry", None)
        self.total = 0.0
        self.step_number = 0
        self.ended = 0
        # A deque drops its oldest frames.
        self._frames: collections.deque[_Frame] = collections.deque(
            maxlen=_MOST_FRAMES + 1
        )
        self._frames.append(_Frame(self._scene(), np.nan, np.nan, 0))
        return self.view()

    def step(self, action: Any) -> dict[str, Any]:
        """Takes one step, or none if the episode has ended.

        **Arguments:**

        - `action`: a number, or `None` to let the agent act.

        **Raises:**

        `ValueError` if there is no such action.
        """
        if action is None and self.agent is None:
            raise ValueError("there is no agent to act.")
        chosen = None if action is None else self.controls.to_array(action)
        carry = self._carry
        if chosen is None or carry is not None:
            # A memory also follows a person's steps, so that it can take over.
            action, carry = _act(self.agent, self._new_key(), self.observation, carry)
            chosen = action if chosen is None else chosen
        if self.ended:
            return self.view()
        self._carry = carry
        step = self.env.advance(self._new_key(), self.state, chosen)
        self.observation, self.state = step.observation, step.state
        self.ended = TERMINATED * bool(step.terminated)
        self.ended += TRUNCATED * bool(step.truncated)
        reward = float(step.reward)
        self.total += reward
        self.step_number += 1
        number = float(np.asarray(chosen).reshape(()))
        self._frames.append(_Frame(self._scene(), number, reward, self.ended))
        return self.view()

    def change(self, path: list[str], value: Any) -> dict[str, Any]:
        """Changes a parameter, from the next step on.

        **Arguments:**

        - `path`: the path to the parameter, from `sliders_of`.
        - `value`: a number.

        **Raises:**

        `TypeError` or `ValueError` if there is no such parameter, or its value is not
        allowed.
        """
        known = {tuple(p["path"]): p for p in sliders_of(self.env)}
        if "step" not in known.get(tuple(path), {}):
            raise ValueError(f"{'.'.join(path)} cannot be changed here.")
        env = changed(self.env, path, value)
        controls = controls_of(env)
        observation = _observe(env, self.state)
        scene = jax.device_get(_draw(env, self.state))
        # Nothing above has raised, so the old parameters can be replaced.
        self.env, self.controls, self.observation = env, controls, observation
        self._frames[-1] = self._frames[-1]._replace(scene=scene)
        return self.view()

    def viewer_file(self) -> str:
        """The episode so far, as a viewer page."""
        frames = list(self._frames)
        is_whole = len(frames) == self.step_number + 1
        cut = "" if is_whole else f", the last {len(frames) - 1:,} steps"

        def over_time(values: Any, dtype: Any = np.float32) -> np.ndarray:
            return np.asarray(values, dtype)[:, None]

        rewards = [np.nan, *(frame.reward for frame in frames[1:])]
        actions = [np.nan, *(frame.action for frame in frames[1:])]
        recording = Recording(
            scenes=jax.tree.map(
                lambda *x: np.stack(x)[:, None], *(frame.scene for frame in frames)
            ),
            reward=over_time(rewards),
            action=over_time(actions)[..., None],
            value=None,
            ended=over_time([frame.ended for frame in frames], np.uint8),
            shows_last_state=True,
            parameters=parameters_of(self.env, 1, 1),
            all_lanes=1,
        )
        viewer = Viewer(
            self.env,
            recording,
            title=self.title + cut,
            frames_per_second=self.frames_per_second,
        )
        return viewer.to_html()

    def _scene(self) -> Any:
        return jax.device_get(_draw(self.env, self.state))


def _plain(number: float) -> float | None:
    return number if np.isfinite(number) else None
