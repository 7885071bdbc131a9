"""The pictures of classic control, MinAtar and Pong."""

import functools as ft
import math
import pathlib

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import eqenvs
from eqenvs.environments.minatar._game import palette
from eqenvs.rendering import rasterize

from .states_a import IDS, states


pytestmark = pytest.mark.exhaustive

GOLDEN = pathlib.Path(__file__).parent / "golden"
SIZE = 64


@eqx.filter_jit
def draw(env, state):
    scene = env.draw(state)
    return rasterize(scene, SIZE), scene


def pixels(id, state):
    return np.asarray(draw(eqenvs.make(id), state)[0]).astype(int)


@ft.cache
def telling_pixels(id):
    return [pixels(id, state) for state in states(id)]


def strip(id):
    """The pictures of the three states, side by side."""
    return np.concatenate(telling_pixels(id), axis=1).astype(np.uint8)


@pytest.mark.parametrize("id", IDS)
def test_golden_pictures(id):
    """Look at a picture that has changed on purpose, then write it anew with
    `python -m tests.rendering.test_pictures_a`."""
    golden = np.asarray(Image.open(GOLDEN / f"{id}.png").convert("RGB"))
    np.testing.assert_allclose(strip(id).astype(int), golden.astype(int), atol=3)


@pytest.mark.parametrize("id", IDS)
def test_a_batch_is_drawn_like_each_of_its_states(id):
    batch = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states(id))
    together, _ = eqx.filter_vmap(draw, in_axes=(None, 0))(eqenvs.make(id), batch)
    np.testing.assert_allclose(
        np.asarray(together).astype(int), telling_pixels(id), atol=1
    )


# What a person sees of a state. Velocities and most timers are not to be seen, but
# those of MinAtar's cars are, in the color of their trails.
VISIBLE = {
    "CartPole-v1": ["x", "theta"],
    "Pendulum-v1": ["theta"],
    "Acrobot-v1": ["theta_1", "theta_2"],
    "MountainCar-v0": ["position"],
    "MountainCarContinuous-v0": ["position"],
    "Asterix-MinAtar": [
        "player_x", "player_y", "entities.x", "entities.is_present",
        "entities.is_gold", "entities.moves_right",
    ],
    "Breakout-MinAtar": ["paddle_x", "x", "y", "last_x", "last_y", "bricks"],
    "Freeway-MinAtar": ["chicken_y", "cars.x", "cars.pace"],
    "Seaquest-MinAtar": [
        "x", "y", "right", "oxygen", "num_divers", "swimmers.fish",
        "swimmers.submarine", "swimmers.diver", "swimmers.right",
        "bullets.0.flying", "swimmers.bullet",
    ],
    "SpaceInvaders-MinAtar": [
        "cannon_x", "cannon_bullets", "alien_bullets", "aliens", "aliens_move_right",
    ],
    "Pong-misc": [
        "left_paddle", "right_paddle", "row", "column", "last_row", "last_column",
        "time",
    ],
}  # fmt: skip


def leaf_at(state, path):
    for name in path.split("."):
        state = state[int(name)] if name.isdigit() else getattr(state, name)
    return state


def changed(path, leaf):
    """Another value that can be told from `leaf` in the picture."""
    if path in ("cannon_bullets", "alien_bullets", "aliens"):
        cells = 0b11 if path == "cannon_bullets" else 0b1  # of every row
        return jax.tree.map(lambda word: word ^ cells ^ cells << 10, leaf)
    if leaf.dtype == bool:
        return ~leaf
    if leaf.dtype == jnp.uint32:
        return ~leaf
    if jnp.issubdtype(leaf.dtype, jnp.floating):
        return leaf + 0.15 * (10 if path.endswith(("row", "column", "paddle")) else 1)
    if path == "time":
        return leaf + 55
    if path == "oxygen":
        return leaf + 20
    if path == "cars.pace":
        return jnp.where(leaf == 5, 1, leaf + 1) + (leaf == -1)
    return leaf ^ (3 if leaf.ndim == 1 else 1)


@pytest.mark.parametrize("id", IDS)
def test_what_is_visible_changes_the_picture(id):
    state = states(id)[1]
    for path in VISIBLE[id]:
        leaf = leaf_at(state, path)
        other = eqx.tree_at(
            lambda s, path=path: leaf_at(s, path), state, changed(path, leaf)
        )
        differs = np.abs(pixels(id, other) - telling_pixels(id)[1]).max(axis=-1) > 30
        assert differs.sum() >= 4, f"{path} of {id} is not to be seen"


# Parameters that change the size of something, far from usual.
EXTREME = {
    "CartPole-v1": [
        dict(x_threshold=100.0),
        dict(x_threshold=0.0),
        dict(pole_half_length=50.0),
        dict(pole_half_length=1e-3, x_threshold=1e-3),
        dict(theta_threshold=1e4),
    ],
    "Pendulum-v1": [dict(length=1e3), dict(length=1e-3)],
    "Acrobot-v1": [
        dict(link_length_1=1e3),
        dict(link_length_1=1e-3, link_length_2=50.0),
        dict(link_length_1=0.0, link_length_2=0.0),
    ],
    "MountainCar-v0": [
        dict(min_position=-100.0, max_position=100.0),
        dict(min_position=-0.52, max_position=-0.51),
    ],
    "MountainCarContinuous-v0": [dict(min_position=1e4, max_position=1e5)],
}


@pytest.mark.parametrize("id", EXTREME)
def test_extreme_parameters(id):
    for parameters in EXTREME[id]:
        env = eqenvs.make(id, **parameters)
        for state in states(id):
            picture, scene = draw(env, state)
            assert all(np.isfinite(x).all() for x in jax.tree.leaves(scene))
            left, bottom, right, top = scene.view
            assert left < right and bottom < top
            assert len(np.unique(np.asarray(picture).reshape(-1, 3), axis=0)) > 2


@pytest.mark.parametrize("id", IDS)
@pytest.mark.parametrize("value", [1e30, -1e30])
def test_extreme_states(id, value):
    def extreme(x):
        is_real = jnp.issubdtype(x.dtype, jnp.floating)
        return jnp.full_like(x, value) if is_real else x

    _, scene = draw(eqenvs.make(id), jax.tree.map(extreme, states(id)[0]))
    assert not any(np.isnan(x).any() for x in jax.tree.leaves(scene))


@pytest.mark.parametrize("id", IDS)
def test_strict_promotion(id, either_precision):
    """Also of the steps, which no picture is needed for."""
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        env = eqenvs.make(id)
        key = jax.random.key(0)
        _, state = jax.eval_shape(env.reset, key)
        jax.eval_shape(
            env.step, key, state, jax.eval_shape(env.action_space.sample, key)
        )
        scene = jax.eval_shape(env.draw, state)
    assert scene.batch_shape == ()


def test_the_pole_has_its_length():
    def height(half_length):
        env = eqenvs.make("CartPole-v1", pole_half_length=half_length)
        state = eqx.tree_at(lambda s: s.theta, states("CartPole-v1")[0], jnp.zeros(()))
        orange = np.asarray(env.render(state, 256)).astype(int) @ [1, 0, -1] > 100
        return orange.any(axis=1).sum()

    assert height(1.0) == pytest.approx(2 * height(0.5), rel=0.15)


def test_a_pole_that_may_hang_down_is_in_the_picture():
    env = eqenvs.make("CartPole-v1", theta_threshold=math.pi)
    state = eqx.tree_at(
        lambda s: s.theta, states("CartPole-v1")[0], jnp.asarray(math.pi)
    )
    scene = env.draw(state)
    tips = [shape.end for shape in scene.shapes if type(shape).__name__ == "Segment"]
    assert min(float(tip[..., 1].min()) for tip in tips) > scene.view[1]


def test_the_tip_of_acrobot_passes_the_line_when_the_episode_terminates():
    """Also if one link is longer than the other, when the line follows the elbow."""
    scene_of = eqx.filter_jit(lambda env, state: env.draw(state))
    angles = np.random.default_rng(0).uniform(-math.pi, math.pi, (40, 2))
    ended = []
    for lengths in ((1.0, 1.0), (0.5, 1.5), (2.0, 0.7)):
        env = eqenvs.make(
            "Acrobot-v1", link_length_1=lengths[0], link_length_2=lengths[1]
        )
        for theta_1, theta_2 in angles:
            state = eqx.tree_at(
                lambda s: (s.theta_1, s.theta_2),
                states("Acrobot-v1")[0],
                (jnp.asarray(theta_1, float), jnp.asarray(theta_2, float)),
            )
            line, _, link, _ = scene_of(env, state).shapes
            is_above = bool(link.end[0, 1] > line.start[0, 1])
            ended.append(-math.cos(theta_1) - math.cos(theta_1 + theta_2) > 1)
            assert is_above == ended[-1]
    assert 10 < sum(ended) < 110


@pytest.mark.parametrize("num_channels", [4, 6, 7, 10])
def test_the_channels_of_minatar_are_told_apart_in_grayscale(num_channels):
    luma = palette(num_channels) @ [0.299, 0.587, 0.114]
    player, others = luma[2:4], luma[4:].reshape(-1, 2)
    assert np.all(others[1:].min(axis=1) > others[:-1].max(axis=1) + 0.01)
    assert others.min() > 0.2 and others.max() < player.min() - 0.05


if __name__ == "__main__":
    for name in IDS:
        Image.fromarray(strip(name)).save(GOLDEN / f"{name}.png", optimize=True)
