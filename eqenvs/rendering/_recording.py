"""Recordings: scenes and numbers over time, which the viewer and videos show."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._checks import show, struct_of
from .._environment import AbstractEnvironment, is_no_limit
from .._parametric import batch_axes, map_leaves
from .scene import Scene


TERMINATED, TRUNCATED = 1, 2


@dataclasses.dataclass(frozen=True)
class Recording:
    """Some lanes over time. The leading axes of every array are `(frames, lanes)`.

    Frame 0 is the start of a lane. Every later frame shows the result of one step and
    holds its action and reward, which are NaN in frame 0.

    - `scenes`: a batch of scenes.
    - `reward`: the rewards, or `None` if they are not known.
    - `action`: the numbers of the actions, shape `(frames, lanes, numbers)`, or `None`.
    - `value`: an agent's value estimates, or `None`.
    - `ended`: the sum of `TERMINATED` and `TRUNCATED` where an episode ended.
    - `shows_last_state`: whether a frame in which an episode ended shows its final
        state rather than the first state of the next episode.
    - `parameters`: names, units and values of the environment's parameters; a value is
        an array over lanes if they differ.
    - `all_lanes`: the number of lanes played, of which these are the first.
    """

    scenes: Scene
    reward: np.ndarray | None
    action: np.ndarray | None
    value: np.ndarray | None
    ended: np.ndarray
    shows_last_state: bool
    parameters: list[tuple[str, str, Any]]
    all_lanes: int

    @property
    def num_frames(self) -> int:
        return self.scenes.batch_shape[0]

    @property
    def num_lanes(self) -> int:
        return self.scenes.batch_shape[1]


def record(env: Any, played: Any, value: Any = None, *, most_lanes: int) -> Recording:
    """Draws a rollout.

    **Arguments:**

    - `env`: anything with `draw(state) -> Scene`; its parameters may be batched over
        the lanes.
    - `played`: the result of `rollout`, its trajectory, a list of states, or states
        stacked along a leading axis, with or without an axis for lanes after that of
        time. A `Recording` is returned as it is.
    - `value`: an agent's value estimate at each step, in the shape of the rewards.
    - `most_lanes`: the largest number of lanes to draw.

    **Returns:**

    A `Recording`.

    **Raises:**

    `TypeError` or `ValueError` if an argument is not as described above.
    """
    if isinstance(played, Recording):
        return played
    env = _single(env)
    if not callable(getattr(env, "draw", None)):
        raise TypeError(
            f"{type(env).__name__} cannot be drawn: it has no method "
            "`draw(state) -> Scene`."
        )
    last = None
    if hasattr(played, "trajectory"):
        last = getattr(played, "state", None)
        played = played.trajectory
        if played is None:
            raise ValueError(
                "the rollout holds no trajectory; play it with `store=True`."
            )
    is_trajectory = hasattr(played, "reward")
    if is_trajectory:
        states = getattr(played, "state", None)
        if states is None:
            raise ValueError(
                "the trajectory holds no states to draw; play it with "
                "`rollout(..., states=True)`."
            )
    else:
        states = _stacked(played)
    leaves = jax.tree.leaves(states)
    if not leaves or any(np.asarray(x).dtype.kind in "OSU" for x in leaves):
        raise TypeError(
            "rollout must be what `rollout(..., states=True)` returns, its trajectory, "
            f"or states; got {played!r}."
        )
    states = jax.tree.map(jnp.asarray, states)
    has_lanes = _has_lanes(env, states, played if is_trajectory else None)

    def with_lanes(tree):
        if has_lanes:
            return jax.tree.map(lambda x: np.asarray(x)[:, :most_lanes], tree)
        return jax.tree.map(lambda x: np.asarray(x)[:, None], tree)

    all_lanes = jax.tree.leaves(states)[0].shape[1] if has_lanes else 1
    _check_states(env, states, all_lanes)
    states = with_lanes(states)
    if not is_trajectory:
        frames, lanes = jax.tree.leaves(states)[0].shape[:2]
        scenes = _draw(env, states, all_lanes)
        return Recording(
            scenes=scenes,
            reward=None,
            action=None,
            value=None,
            ended=np.zeros((frames, lanes), np.uint8),
            shows_last_state=True,
            parameters=parameters_of(env, all_lanes, lanes),
            all_lanes=all_lanes,
        )
    next_states = getattr(played, "next_state", None)
    if next_states is not None:
        next_states = with_lanes(next_states)
        states = jax.tree.map(
            lambda x, y: np.concatenate([x[:1], y]), states, next_states
        )
    elif last is not None:
        last = jax.tree.map(lambda x: np.asarray(x)[None], last)
        last = with_lanes(last)
        states = jax.tree.map(lambda x, y: np.concatenate([x, y]), states, last)
    frames = jax.tree.leaves(states)[0].shape[0]

    def behind(x, empty):
        # A frame holds the action and reward that led to it.
        x = with_lanes(x)
        first = np.full((1, *x.shape[1:]), empty, x.dtype)
        return np.concatenate([first, x])[:frames]

    ended = TERMINATED * np.asarray(played.terminated).astype(np.uint8)
    ended += TRUNCATED * np.asarray(played.truncated).astype(np.uint8)
    if value is None:
        value = getattr(played, "value", None)
    action = getattr(played, "action", None)
    lanes = jax.tree.leaves(states)[0].shape[1]
    return Recording(
        scenes=_draw(env, states, all_lanes),
        reward=behind(np.asarray(played.reward, np.float32), np.nan),
        action=None
        if action is None
        else behind(_numbers_of(action, has_lanes), np.nan),
        value=None if value is None else behind(np.asarray(value, np.float32), np.nan),
        ended=behind(ended, 0),
        shows_last_state=next_states is not None,
        parameters=parameters_of(env, all_lanes, lanes),
        all_lanes=all_lanes,
    )


_WRITERS = {
    ".html": "Viewer(...).save",
    ".gif": "save_gif",
    ".mp4": "save_mp4",
    ".png": "save_contact_sheet",
}


def as_path(path: str | os.PathLike[str], suffix: str) -> pathlib.Path:
    """The path of a file to write, checked before anything is drawn.

    **Raises:**

    - `TypeError` if it is not a path.
    - `ValueError` if its name says that it is of another format than that of `suffix`.
    - `OSError` if its folder does not exist, or it is itself a folder.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path must be a string or a `pathlib.Path`; got {show(path)}.")
    path = pathlib.Path(path)
    given = path.suffix.lower()
    if given in _WRITERS and given != suffix:
        raise ValueError(
            f"the name of a {suffix} file cannot end in {given}, which "
            f"`{_WRITERS[given]}` writes; got {str(path)!r}."
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"path must be a file in an existing folder; got {str(path)!r}, and "
            f"{str(path.parent)!r} is not a folder."
        )
    if path.is_dir():
        raise IsADirectoryError(
            f"path must be a file; got {str(path)!r}, which is a folder."
        )
    return path


def record_all(
    env: Any,
    played: Any,
    *,
    names: Sequence[str] | None = None,
    value: Any = None,
    policies: bool = False,
    most_lanes: int = 64,
) -> dict[str, Recording]:
    """Draws the rollouts of one or several policies, by name."""
    if isinstance(played, Mapping):
        values = value if isinstance(value, Mapping) else {}
        recordings = {
            str(name): record(env, one, values.get(name), most_lanes=most_lanes)
            for name, one in played.items()
        }
    elif policies:
        number = len(jax.tree.leaves(played)[0])
        named = names if names is not None else [f"policy {i}" for i in range(number)]
        if len(named) != number:
            raise ValueError(
                f"names must be one for each of the {number} policies; got {names!r}."
            )
        recordings = {
            str(name): record(
                env,
                jax.tree.map(lambda x: x[i], played),  # noqa: B023
                None if value is None else value[i],
                most_lanes=most_lanes,
            )
            for i, name in enumerate(named)
        }
        names = None
    else:
        recordings = {"": record(env, played, value, most_lanes=most_lanes)}
    if not recordings:
        raise ValueError("there is nothing to show: no policy was given.")
    return recordings


def _single(env: Any) -> Any:
    # A vector of environments is drawn lane by lane.
    is_vector = hasattr(env, "num_envs") and not hasattr(env, "draw")
    return env.env if is_vector else env


def _stacked(states: Any) -> Any:
    is_list = isinstance(states, Sequence) and not hasattr(states, "_fields")
    if not is_list:
        return states
    if len(states) == 0:
        raise ValueError("there is nothing to show: the list of states is empty.")
    structure = jax.tree.structure(states[0])
    if any(jax.tree.structure(state) != structure for state in states):
        raise TypeError("all states must have the same structure.")
    return jax.tree.map(lambda *x: np.stack([np.asarray(y) for y in x]), *states)


def _has_lanes(env: Any, states: Any, trajectory: Any) -> bool:
    if trajectory is not None:
        rank = np.ndim(trajectory.reward)
    elif hasattr(states, "time"):
        rank = np.ndim(states.time)
    elif hasattr(env, "initial_state"):
        one = eqx.filter_eval_shape(env.initial_state, jax.random.key(0))
        rank = jax.tree.leaves(states)[0].ndim - jax.tree.leaves(one)[0].ndim
    else:
        rank = _rank_that_can_be_drawn(env, states)
    if rank not in (1, 2):
        raise ValueError(
            "arrays must have a leading axis for time, optionally followed by one for "
            f"lanes; got {rank} leading axes. (For a batch of policies, use "
            "`policies=True`.)"
        )
    return rank == 2


def _rank_that_can_be_drawn(env: Any, states: Any) -> int:
    for rank in (1, 2):
        one = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape[rank:], x.dtype),  # noqa: B023
            states,
        )
        try:
            eqx.filter_eval_shape(env.draw, one)
        except (TypeError, ValueError):
            continue
        return rank
    raise ValueError(
        f"{type(env).__name__} cannot draw these states, neither with one leading axis "
        "for time nor with one more for lanes."
    )


def _check_states(env: Any, states: Any, all_lanes: int) -> None:
    """Raises `TypeError` if these are states of another environment."""
    if not isinstance(env, AbstractEnvironment):
        return
    axes = batch_axes(env, all_lanes, "the number of lanes, ")
    like = struct_of(map_leaves(lambda x: x[0], env, axes)).state
    if type(states) is not type(like):
        raise TypeError(
            f"{type(env).__name__} draws states of the class {type(like).__name__}; "
            f"got {show(states)}."
        )


def _draw(env: Any, states: Any, all_lanes: int) -> Scene:
    lanes = jax.tree.leaves(states)[0].shape[1]
    axes = batch_axes(env, all_lanes, "the number of lanes, ")
    env = map_leaves(lambda x: x[:lanes], env, axes)
    return jax.tree.map(np.asarray, _draw_lanes(env, states, axes))


@eqx.filter_jit
def _draw_lanes(env: Any, states: Any, axes: Any) -> Scene:
    lanes = eqx.filter_vmap(lambda env, state: env.draw(state), in_axes=(axes, 0))
    return eqx.filter_vmap(lanes, in_axes=(None, 0))(env, states)


def _numbers_of(action: Any, has_lanes: bool) -> np.ndarray:
    """The numbers of actions along a last axis; at most eight are shown."""
    rank = 2 if has_lanes else 1
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(action)]
    leaves = [leaf.reshape(*leaf.shape[:rank], -1) for leaf in leaves]
    return np.concatenate(leaves, -1).astype(np.float32)[..., :8]


def parameters_of(env: Any, all_lanes: int, lanes: int) -> list[tuple[str, str, Any]]:
    """The names, units and values of the numbers and names that describe `env`."""
    if not dataclasses.is_dataclass(env):
        return []
    axes = batch_axes(env, all_lanes)
    found: list[tuple[str, str, Any]] = []
    for field in dataclasses.fields(env):
        value = getattr(env, field.name)
        unit = getattr(field.metadata.get("converter"), "unit", "")
        if dataclasses.is_dataclass(value):
            found += parameters_of(value, all_lanes, lanes)
        elif eqx.is_array(value):
            is_batched = getattr(axes, field.name) is not None
            if value.ndim == is_batched:
                value = np.asarray(value)[:lanes] if is_batched else np.asarray(value)
                if np.all(value == value.flat[0]):  # It is the same in all lanes.
                    value = value.flat[0]
                    if is_no_limit(field.name, value):
                        value = "no limit"
                found.append((field.name, unit, value))
        elif isinstance(value, bool | int | float | str):
            found.append((field.name, unit, value))
    return found
