"""Pong beside a NumPy reference."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from eqenvs import Pong, spaces

from ..reference import pong as reference


NUM_STEPS = 150


@eqx.filter_jit
def episode(env, actions):
    """An episode that goes on after its end."""
    observation, start = env.reset(jr.key(0))

    def body(state, action):
        state, reward, terminated, info = env.transition(jr.key(0), state, action)
        outputs = reward, terminated, env.truncated(state), info["winner"]
        return state, (env.observe(state), state, outputs)

    return observation, jax.lax.scan(body, start, actions)[1]


def make_original(env):
    return reference.Pong(
        env.width,
        env.height,
        env.paddle_half_height,
        float(env.paddle_speed),
        float(env.ball_speed),
        float(env.max_row_speed),
    )


def follow_ball(env, paddle, rng, skill):
    """Actions with which the left paddle plays, from a run of the reference."""
    original, actions = make_original(env), []
    for _ in range(NUM_STEPS):
        distance = original.ball[0] - original.paddles[paddle]
        good = 1 if distance < -0.5 else 2 if distance > 0.5 else 0
        action = good if rng.random() < skill else int(rng.integers(3))
        right = {"copy": action, "agent": original.follow()}
        right = right.get(env.right_player, original.follow())
        actions.append([action, right])
        original.step((action, right))
    return actions


def compare(env, actions, tolerance):
    """Returns how many hits there were before the ball was lost."""
    played = np.array(actions, np.int32)
    if env.right_player != "agent":
        played = played[:, 0]
    first, (observations, states, outputs) = jax.tree.map(
        np.asarray, episode(env, jnp.asarray(played))
    )
    original = make_original(env)
    np.testing.assert_array_equal(first, original.draw())
    num_hits = 0
    for t, (left, right) in enumerate(actions):
        if env.right_player == "copy":
            right = left
        elif env.right_player == "tracker":
            right = original.follow()
        column_velocity = original.velocity[1]
        expected_reward, expected_terminated = original.step((left, right))
        num_hits += original.velocity[1] != column_velocity
        reward, terminated, truncated, winner = (x[t] for x in outputs)
        ours = [
            *(states.left_paddle[t], states.right_paddle[t]),
            *(states.row[t], states.column[t]),
            *(states.row_velocity[t], states.column_velocity[t]),
            *(states.last_row[t], states.last_column[t]),
        ]
        expected = np.concatenate(
            [original.paddles, original.ball, original.velocity, original.last_ball]
        )
        np.testing.assert_allclose(ours, expected, **tolerance)
        np.testing.assert_array_equal(observations[t], original.draw())
        assert (reward, terminated) == (expected_reward, expected_terminated)
        assert winner == original.winner
        assert truncated == (t + 1 >= env.max_steps)
        if terminated:
            break
    return num_hits


# Numbers of which all sums are exact, so that no rounding decides where the ball is.
quarters = st.integers(0, 16).map(lambda n: n / 4)


@given(st.data())
@settings(max_examples=150)
def test_parity(data):
    width, height, half = data.draw(st.sampled_from([(40, 30, 2), (9, 13, 1)]))
    parameters = {
        "ball_speed": data.draw(st.sampled_from([1.0, 0.5, 1.25, 2.0, -1.0])),
        "max_row_speed": data.draw(quarters),
        "paddle_speed": data.draw(quarters),
        "max_steps": data.draw(st.integers(1, NUM_STEPS)),
        "width": width,
        "height": height,
        "paddle_half_height": half,
        "right_player": data.draw(st.sampled_from(["tracker", "copy", "agent"])),
    }
    skill = data.draw(st.sampled_from([1.0, 0.9, 0.5, 0.0]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**31)))
    with jax.enable_x64(True):
        env = Pong(**parameters)
        actions = follow_ball(env, 0, rng, skill)
        compare(env, actions, {"rtol": 1e-9, "atol": 1e-9})


def test_long_rallies():
    rng = np.random.default_rng(0)
    env = Pong(paddle_speed=2.0, max_row_speed=1.0, width=12)
    tolerance = {"rtol": 1e-5, "atol": 1e-5}
    hits = [
        compare(env, follow_ball(env, 0, rng, skill), tolerance)
        for skill in np.linspace(0.5, 1, 20)
    ]
    assert max(hits) > 8 and min(hits) < 5


def test_spaces():
    assert Pong().action_space == spaces.Discrete(3)
    assert Pong(right_player="agent").action_space == spaces.MultiDiscrete((3, 3))
    env = Pong(width=7, height=5, right_player="agent")
    observation, state = env.reset(jr.key(0))
    assert observation.shape == env.observation_space.shape == (5, 7, 3)
    step = env.step(jr.key(1), state, jnp.array([1, 2]))
    assert step.state.left_paddle == 1.5 and step.state.right_paddle == 3.5


def test_arguments_that_make_no_sense():
    with pytest.raises(ValueError, match=r"Pong\.width"):
        Pong(width=3)
    with pytest.raises(ValueError, match=r"Pong\.right_player"):
        Pong(right_player="human")
