"""The pictures of bsuite, the bandits, the mazes, planar control and toy text."""

import dataclasses
import functools as ft
import sys
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import eqenvs
from eqenvs.rendering import Polygon

from . import pictures


pytestmark = pytest.mark.exhaustive


def digits() -> eqenvs.AbstractEnvironment:
    """A one and a zero, as MNIST stores them: bytes that bsuite reads as signed."""
    images = np.zeros((2, 28, 28), np.uint8)
    images[0, 5:22, 12:16], images[0, 8, 8:12] = 200, 120
    images[1, 6:20, 8:20], images[1, 9:17, 11:17] = 255, 0
    return eqenvs.MNISTBandit(images.view(np.int8), np.array([1, 0]))


@dataclasses.dataclass
class Case:
    """An environment, what makes its telling states out of an initial one, and the
    changes to the second of them that a person must be able to see."""

    env: Any
    states: list[dict[str, Any]]
    visible: list[dict[str, Any]]


_HAND = dict(
    player_total=11,
    player_has_ace=True,
    player_cards=2,
    dealer_shows=1,
    dealer_total=8,
    dealer_has_ace=False,
    dealer_cards=2,
)

CASES = {
    "Catch-bsuite": Case(
        eqenvs.Catch,
        [
            dict(ball_x=1),
            dict(time=6, ball_x=1, paddle_x=3),
            dict(time=9, ball_x=4, paddle_x=4),
        ],
        [dict(ball_x=2), dict(paddle_x=2), dict(time=7)],
    ),
    "DeepSea-bsuite": Case(
        eqenvs.DeepSea,
        [{}, dict(time=4, column=3), dict(time=8, column=7)],
        [dict(time=5), dict(column=2)],
    ),
    "MemoryChain-bsuite": Case(
        ft.partial(eqenvs.MemoryChain, 5, num_bits=3),
        [
            dict(context=[1, 0, 1], query=2),
            dict(context=[1, 0, 1], query=2, time=3),
            dict(context=[1, 0, 1], query=2, time=5),
        ],
        [
            dict(context=[0, 0, 1]),
            dict(query=0),
            dict(time=4),
            dict(time=1),
            dict(time=6),
        ],
    ),
    "UmbrellaChain-bsuite": Case(
        ft.partial(eqenvs.UmbrellaChain, num_distractors=8),
        [
            dict(need_umbrella=False, distractors=[1, 0, 0, 1, 1, 0, 1, 0]),
            dict(need_umbrella=True, has_umbrella=True, time=4),
            dict(need_umbrella=True, has_umbrella=False, time=10),
        ],
        [
            dict(need_umbrella=False),
            dict(has_umbrella=False),
            dict(time=5),
            dict(distractors=True),
            dict(distractors=False),
        ],
    ),
    "DiscountingChain-bsuite": Case(
        ft.partial(eqenvs.DiscountingChain, mapping_seed=3),
        [{}, dict(context=2, time=4), dict(context=3, time=40)],
        [dict(context=1), dict(context=-1), dict(time=5)],
    ),
    "MNISTBandit-bsuite": Case(
        digits,
        [dict(index=0), dict(index=1), dict(index=1, time=1)],
        [dict(index=0), dict(time=1)],
    ),
    "SimpleBandit-bsuite": Case(
        eqenvs.SimpleBandit, [{}, {}, dict(time=1)], [dict(time=1)]
    ),
    "BernoulliBandit-misc": Case(
        eqenvs.BernoulliBandit,
        [
            dict(reward_probabilities=[0.9, 0.1]),
            dict(
                reward_probabilities=[0.9, 0.1],
                last_action=1,
                last_reward=1.0,
                time=12,
            ),
            dict(reward_probabilities=[0.9, 0.1], last_action=0, time=100),
        ],
        [
            dict(reward_probabilities=[0.9, 0.3]),
            dict(last_action=0),
            dict(last_reward=0.0),
            dict(time=40),
        ],
    ),
    "GaussianBandit-misc": Case(
        eqenvs.GaussianBandit,
        [
            dict(mean=-0.7),
            dict(mean=-1.9, last_action=1, last_reward=-1.8, time=12),
            dict(mean=0.6, last_action=0, last_reward=0.0, time=70),
        ],
        [
            dict(mean=-1.2),
            dict(last_action=0),
            dict(last_reward=-1.0),
            dict(time=40),
        ],
    ),
    "FourRooms-misc": Case(
        eqenvs.FourRooms,
        [{}, dict(row=6, column=2), dict(row=8, column=9)],
        [dict(row=5), dict(column=3), dict(goal_row=7), dict(goal_column=8)],
    ),
    "FrozenLake-misc": Case(
        eqenvs.FrozenLake,
        [dict(row=1, column=2), dict(row=1, column=3), dict(row=3, column=3)],
        [dict(row=0), dict(column=2)],
    ),
    "MetaMaze-misc": Case(
        eqenvs.MetaMaze,
        [
            dict(goal_row=9, goal_column=6),
            dict(row=1, column=2, last_action=2, time=30),
            dict(row=7, column=7, last_action=3, last_reward=10.0, time=190),
        ],
        [
            dict(row=2),
            dict(column=3),
            dict(goal_row=3),
            dict(goal_column=3),
            dict(last_reward=10.0),
            dict(time=60),
        ],
    ),
    "PointRobot-misc": Case(
        eqenvs.PointRobot,
        [
            dict(position=[-0.9, 0.3], goal=[0.6, 0.8]),
            dict(
                position=[0.5, 0.9],
                goal=[0.6, 0.8],
                last_action=[0.1, 0.05],
                last_reward=1.0,
            ),
            dict(position=[-2.4, 1], goal=[0.6, 0.8], last_action=[-0.1, -0.1]),
        ],
        [
            dict(position=[0.4, 0.9]),
            dict(goal=[0.8, 0.6]),
            dict(last_action=[-0.1, 0.05]),
            dict(last_reward=0.0),
        ],
    ),
    "Reacher-misc": Case(
        eqenvs.Reacher,
        [
            dict(angles=[0.5, 1.5], angular_velocities=[0.0, 0.0], goal=[-1.5, 1]),
            dict(angles=[0.4, 1.2], angular_velocities=[1.0, 0.4], goal=[0.9, 1.4]),
            dict(angles=[3, -1], angular_velocities=[0.0, -2.0], goal=[-1, -1]),
        ],
        [
            dict(angles=[0.4, 1.0]),
            dict(angles=[0.6, 1.2]),
            dict(angular_velocities=[-1.0, 0.4]),
            dict(goal=[1.2, 1.4]),
        ],
    ),
    "CartPole-bsuite": Case(
        eqenvs.BsuiteCartPole,
        [dict(x=0.02, theta=0.04), dict(x=-1.2, theta=0.4), dict(x=2.8, theta=5.0)],
        [dict(x=-0.8), dict(theta=0.1)],
    ),
    "CartPoleSwingUp-bsuite": Case(
        eqenvs.CartPoleSwingUp,
        [dict(x=0.02, theta=3.1), dict(x=-1.2, theta=2.0), dict(x=0.7, theta=0.3)],
        [dict(x=-0.8), dict(theta=1.6)],
    ),
    "MountainCar-bsuite": Case(
        eqenvs.BsuiteMountainCar,
        [dict(position=-0.5), dict(position=-1.1), dict(position=0.5)],
        [dict(position=-0.9)],
    ),
    "Taxi-v4": Case(
        eqenvs.Taxi,
        [
            dict(row=2, column=1, passenger=0, destination=3),
            dict(row=4, column=2, passenger=4, destination=3),
            dict(row=4, column=3, passenger=3, destination=3),
        ],
        [
            dict(row=3),
            dict(column=1),
            dict(passenger=1),
            dict(passenger=2),
            dict(destination=0),
        ],
    ),
    "CliffWalking-v1": Case(
        eqenvs.CliffWalking,
        [{}, dict(row=2, column=5), dict(row=3, column=11)],
        [dict(row=1), dict(column=6)],
    ),
    "Blackjack-v1": Case(
        ft.partial(eqenvs.Blackjack, sab=True),
        [
            dict(_HAND, dealer_shows=10, dealer_total=17),
            dict(_HAND, player_total=16, player_cards=3, player_has_ace=False),
            dict(
                _HAND,
                player_total=18,
                player_cards=4,
                dealer_total=23,
                dealer_cards=3,
                has_stopped=True,
            ),
        ],
        [
            dict(player_total=13),
            dict(player_cards=4),
            dict(dealer_shows=7),
            dict(has_stopped=True),
        ],
    ),
    "Swimmer-misc": Case(
        ft.partial(eqenvs.Swimmer, num_urchins=3),
        [
            dict(
                urchins=[[-0.7, 0.4], [0.8, 0.8], [0, -0.8]],
                position=[0.8, -0.9],
                goal=[-0.3, 0.0],
            ),
            dict(
                urchins=[[0.895, 0.957], [-0.335, -0.063], [0.14, -0.669]],
                position=[0.4, 0.3],
                velocity=[-0.4, 0.3],
                goal=[-0.3, 0.0],
            ),
            dict(
                urchins=[[0.895, 0.957], [-0.335, -0.063], [0.14, -0.669]],
                position=[-1.9, 0.3],
                velocity=[-0.9, 0.0],
                goal=[-0.3, 0.0],
            ),
        ],
        [
            dict(position=[0.3, 0.3]),
            dict(velocity=[0.4, 0.3]),
            dict(goal=[-0.5, 0.0]),
            dict(urchins=[[-0.7, 0.4], [0.8, 0.6], [0, -0.8]]),
        ],
    ),
}


@ft.cache
def example(id):
    """The environment, and its telling states."""
    case = CASES[id]
    env = case.env()
    initial = env.initial_state(jr.key(0))
    states = [pictures.edited(initial, **values) for values in case.states]
    return env, states


@ft.cache
def strip(id):
    return pictures.strip(*example(id))


@pytest.mark.parametrize("id", CASES)
def test_golden_pictures(id):
    """Look at a picture that has changed on purpose, then write it with
    `python -m tests.rendering.test_pictures_b`; it takes ids."""
    pictures.assert_golden(id, strip(id))


@pytest.mark.parametrize("id", CASES)
def test_a_batch_is_drawn_like_each_of_its_states(id):
    env, states = example(id)
    batch = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
    size = pictures.SIZE
    draw = eqx.filter_jit(jax.vmap(lambda state: env.render(state, size)))
    together = np.concatenate(np.asarray(draw(batch)).astype(int), axis=1)
    np.testing.assert_allclose(together, strip(id), atol=1)


@pytest.mark.parametrize("id", CASES)
def test_what_is_visible_changes_the_picture(id):
    env, states = example(id)
    before = pictures.draw(env, states[1])
    for values in CASES[id].visible:
        after = pictures.draw(env, pictures.edited(states[1], **values))
        pictures.assert_differ(before, after, f"{values} of {id}")


@pytest.mark.parametrize("id", CASES)
def test_extreme_states(id):
    env, states = example(id)
    for sign in (1, -1):
        scene = pictures.scene_of(env, pictures.extreme(states[0], sign))
        pictures.assert_sound(scene, finite=False)


# Parameters that change a picture, far from usual.
EXTREME = {
    "Catch-bsuite": [dict(rows=2, columns=1), dict(rows=3, columns=40)],
    "DeepSea-bsuite": [dict(size=1), dict(size=40)],
    "MemoryChain-bsuite": [dict(memory_length=1), dict(num_bits=40)],
    "UmbrellaChain-bsuite": [dict(chain_length=1), dict(num_distractors=0)],
    "DiscountingChain-bsuite": [
        dict(reward_timesteps=[1], episode_length=1),
        dict(episode_length=2**31 - 1),
    ],
    "SimpleBandit-bsuite": [
        dict(rewards=[0.0]),
        dict(rewards=[-1e30, 1e30]),
        dict(rewards=np.zeros(50)),
    ],
    "BernoulliBandit-misc": [
        dict(max_steps=1, kind="independent", num_arms=1),
        dict(max_steps=2**31 - 1, kind="independent", num_arms=60),
    ],
    "GaussianBandit-misc": [
        dict(prior_mean=0.0, prior_scale=0.0, reward_scale=0.0),
        dict(prior_scale=1e30),
    ],
    "FourRooms-misc": [dict(map=["xxxx", "x  x", "xxxx"], start=None, goal=None)],
    "FrozenLake-misc": [dict(map=["S"]), dict(map=["S" + 30 * "F" + "G"])],
    "MetaMaze-misc": [
        dict(size=3, receptive_field=1, max_steps=1),
        dict(size=31, receptive_field=21),
    ],
    "PointRobot-misc": [
        dict(circle_radius=0.0, goal_radius=0.0, start_low=(0, 0), start_high=(0, 0)),
        dict(circle_radius=1e6),
        dict(start="center"),
    ],
    "CartPole-bsuite": [dict(height_threshold=-2.0, pole_half_length=1e3)],
    "CartPoleSwingUp-bsuite": [dict(x_reward_threshold=1e9, x_threshold=1e-3)],
    "Reacher-misc": [dict(num_joints=1), dict(num_joints=30)],
    "Swimmer-misc": [dict(num_urchins=0), dict(num_urchins=40)],
}


@pytest.mark.parametrize("id", EXTREME)
def test_extreme_parameters(id):
    for parameters in EXTREME[id]:
        env = eqenvs.make(id, **parameters)
        scene = pictures.scene_of(env, env.initial_state(jr.key(0)))
        pictures.assert_sound(scene, finite=True)


@pytest.mark.parametrize("id", CASES)
def test_every_precision_and_strict_users(id, either_precision):
    del either_precision
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        env = CASES[id].env()
        state = jax.eval_shape(env.initial_state, jr.key(0))
        scene = jax.eval_shape(env.draw, state)
        batch = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct((2, *x.shape), x.dtype), state
        )
        scenes = jax.eval_shape(jax.vmap(env.draw), batch)
    assert scene.batch_shape == () and scenes.batch_shape == (2,)


def test_the_treasure_and_the_actions_of_deep_sea():
    """The numbers beside the diver are those of the mapping."""
    mapping = np.zeros((4, 4), int)
    mapping[1, 1] = 1
    env = eqenvs.DeepSea(action_mapping=mapping)
    state = env.initial_state(jr.key(0))
    for time, (left, right) in [(0, (1, 0)), (1, (0, 1))]:
        scene = env.draw(pictures.edited(state, time=time, column=time))
        (text,) = (s for s in scene.shapes if type(s).__name__ == "Text")
        assert text.number.tolist() == [left, right]


def test_the_brightness_of_a_digit_is_that_of_its_bytes():
    env = digits()
    state = pictures.edited(env.initial_state(jr.key(0)), index=0)
    cells = env.draw(state).shapes[0]
    np.testing.assert_allclose(cells.values.max(), 200 / 255, atol=1e-6)


@pytest.mark.parametrize("time", [1, 10])
def test_the_whole_umbrella_is_in_the_picture(time):
    env = eqenvs.UmbrellaChain()
    state = pictures.edited(env.initial_state(jr.key(0)), has_umbrella=True, time=time)
    scene = env.draw(state)
    [canopy] = [
        x for x in scene.shapes if isinstance(x, Polygon) and x.color[0, 0] > 0.7
    ]
    left, bottom, right, top = scene.view
    assert canopy.points[..., 0].min() > left and canopy.points[..., 0].max() < right
    assert canopy.points[..., 1].min() > bottom and canopy.points[..., 1].max() < top


if __name__ == "__main__":
    pictures.GOLDEN.mkdir(exist_ok=True)
    for name in sys.argv[1:] or CASES:
        pictures.write_golden(name, strip(name))
