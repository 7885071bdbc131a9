"""Observations in pixels."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from PIL import Image

from eqenvs import (
    AbstractEnvironment,
    AbstractState,
    CartPole,
    from_config,
    rollout,
    to_config,
    Transition,
    VectorEnvironment,
)
from eqenvs.environments.minatar import Breakout
from eqenvs.spaces import Discrete
from eqenvs.wrappers import FrameStack, PixelObservation


def test_the_observation_is_the_picture():
    env = PixelObservation(Breakout(), (20, 30))
    observation, state = env.reset(jr.key(0))
    expected = Breakout().render(state, (20, 30))
    np.testing.assert_array_equal(observation, expected)
    space = env.observation_space
    assert space.shape == (20, 30, 3) and space.dtype == np.uint8
    assert space.contains(observation)


def test_gray_is_the_gray_of_other_programs():
    env = PixelObservation(Breakout(), 20, grayscale=True)
    observation, state = env.reset(jr.key(0))
    picture = np.asarray(Breakout().render(state, 20))
    gray = np.asarray(Image.fromarray(picture).convert("L")).astype(int)
    assert observation.shape == env.observation_space.shape == (20, 20, 1)
    assert np.abs(np.asarray(observation)[..., 0].astype(int) - gray).max() <= 1
    assert len(np.unique(gray)) > 2


def test_a_stack_of_pictures_in_many_lanes():
    """The last pictures of each lane, where episodes end at different times."""
    stack = FrameStack(PixelObservation(CartPole(), 12, grayscale=True), 3)
    envs = VectorEnvironment(stack, 4)
    assert envs.observation_space.shape == (4, 3, 12, 12, 1)
    played = rollout(
        stack, None, jr.key(0), num_envs=4, num_steps=30, states=True, store=True
    ).trajectory
    assert played.observation.dtype == jnp.uint8
    assert np.asarray(played.terminated).sum(0).max() >= 1
    states = played.state.inner
    draw = jax.jit(jax.vmap(jax.vmap(stack.env.observe)))
    pictures = np.asarray(draw(states))
    np.testing.assert_array_equal(played.observation[:, :, -1], pictures)
    ended = np.asarray(played.terminated | played.truncated)
    for step in range(1, 30):
        before = np.where(
            ended[step - 1][:, None, None, None], pictures[step], pictures[step - 1]
        )
        np.testing.assert_array_equal(played.observation[step, :, -2], before)


def test_every_lane_draws_with_its_own_parameters():
    """Lanes with longer poles show longer poles."""
    env = PixelObservation(CartPole(), 24)
    lengths = jnp.array([0.3, 1.0])
    batch = eqx.tree_at(lambda env: env.env.pole_half_length, env, lengths)
    envs = VectorEnvironment(batch, 2)
    observation, states = envs.reset(jr.key(0))
    for i in range(2):
        state = jax.tree.map(lambda x, i=i: x[i], states)
        alone = CartPole(pole_half_length=lengths[i]).render(state, 24)
        np.testing.assert_array_equal(observation[i], alone)
    assert np.any(observation[0] != observation[1])


def test_its_size_is_saved_with_it():
    env = PixelObservation(CartPole(), (8, 9), grayscale=True)
    config = to_config(env)
    assert config["size"] == [8, 9]
    assert from_config(config).size == (8, 9)
    assert PixelObservation(CartPole(), np.int64(8)).size == (8, 8)


@pytest.mark.parametrize("size", [0, -1, (8, 0), (8,), (8, 8, 3), 8.0, "8", True])
def test_wrong_sizes(size, unchecked):
    with pytest.raises(ValueError, match=r"PixelObservation\.size must be a number of"):
        PixelObservation(CartPole(), size)


class Nowhere(AbstractState):
    time: jax.Array


class Unseen(AbstractEnvironment):
    """An environment without a picture."""

    max_steps = 5

    def initial_state(self, key):
        del key
        return Nowhere(jnp.int32(0))

    def transition(self, key, state, action):
        del key, action
        return Transition(state, 0.0)

    def observe(self, state):
        return state.time

    @property
    def action_space(self):
        return Discrete(2)

    @property
    def observation_space(self):
        return Discrete(2)


def test_an_environment_without_a_picture():
    with pytest.raises(NotImplementedError, match="Unseen has no picture"):
        PixelObservation(Unseen(), 8)
