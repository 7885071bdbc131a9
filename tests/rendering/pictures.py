"""What the tests of pictures share: telling states, and golden pictures of them.

A golden picture is a strip of the states of one environment, side by side. It is
written by `python -m tests.rendering.test_pictures_b` or its siblings, after somebody
has looked at it.
"""

import functools as ft
import pathlib
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

import eqenvs
from eqenvs.rendering import rasterize, Scene


GOLDEN = pathlib.Path(__file__).parent / "golden"
SIZE = 64


def edited(state: Any, **values: Any) -> Any:
    """The state with other values in some of its fields."""
    for name, value in values.items():
        old = getattr(state, name)
        new = jnp.broadcast_to(jnp.asarray(value, old.dtype), old.shape)
        state = eqx.tree_at(lambda s, name=name: getattr(s, name), state, new)
    return state


@eqx.filter_jit
def _draw(env: eqenvs.AbstractEnvironment, state: Any, size: int):
    return rasterize(env.draw(state), size)


@eqx.filter_jit
def scene_of(env: eqenvs.AbstractEnvironment, state: Any) -> Scene:
    """The scene of a state, compiled."""
    return env.draw(state)


def draw(env: eqenvs.AbstractEnvironment, state: Any, size: int = SIZE) -> np.ndarray:
    """The picture of a state, as an array of integers."""
    return np.asarray(_draw(env, state, size)).astype(int)


def strip(env: eqenvs.AbstractEnvironment, states: list[Any], size: int = SIZE):
    """The pictures of several states, side by side."""
    return np.concatenate([draw(env, state, size) for state in states], axis=1)


def assert_golden(name: str, picture: np.ndarray) -> None:
    """Compares with a golden picture, up to rounding."""
    golden = np.asarray(_golden(name))
    assert picture.shape == golden.shape
    np.testing.assert_allclose(picture, golden, atol=3)


def write_golden(name: str, picture: np.ndarray) -> None:
    image = Image.fromarray(picture.astype(np.uint8))
    image.save(GOLDEN / f"{name}.png", optimize=True)


@ft.cache
def _golden(name: str) -> np.ndarray:
    return np.asarray(Image.open(GOLDEN / f"{name}.png").convert("RGB")).astype(int)


def assert_differ(one: np.ndarray, other: np.ndarray, what: str) -> None:
    """A person can tell one picture from the other."""
    differs = np.abs(one - other).max(axis=-1) > 30
    assert differs.sum() >= 4, f"{what} does not change the picture"


def assert_sound(scene: Scene, *, finite: bool) -> None:
    """Nothing in a scene is NaN, or infinite either if `finite`; its view is one."""
    for x in jax.tree.leaves(scene):
        assert np.all(np.isfinite(x)) if finite else not np.any(np.isnan(x))
    left, bottom, right, top = np.asarray(scene.view)
    assert left < right and bottom < top


def extreme(state: Any, sign: int) -> Any:
    """A state all of whose numbers are huge."""

    def far(x):
        if x.dtype == bool:
            return x
        is_real = jnp.issubdtype(x.dtype, jnp.floating)
        return jnp.full_like(x, sign * (1e30 if is_real else 2**30))

    return jax.tree.map(far, state)
