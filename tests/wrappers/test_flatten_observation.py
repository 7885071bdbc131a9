import gymnasium
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from gymnasium.wrappers import FlattenObservation as GymnasiumFlattenObservation

from eqenvs import CartPole, Catch, FrozenLake
from eqenvs.spaces import Box, Dict, Discrete, MultiDiscrete, Tuple
from eqenvs.wrappers import (
    FlattenObservation,
    PreviousActionAndReward,
    TransformObservation,
)

from .gymnasium_replay import play_both, Replay


KEY = jr.key(1)


@pytest.mark.parametrize("make", [CartPole, Catch, FrozenLake])
def test_as_in_gymnasium(make):
    env = FlattenObservation(make())
    reference = GymnasiumFlattenObservation(Replay(make(), KEY))
    actions = np.random.default_rng(0).integers(make().action_space.n, size=12)
    steps = list(play_both(env, reference, KEY, actions.astype(np.int32)))
    assert len(steps) >= 5
    space = reference.observation_space
    np.testing.assert_array_equal(env.observation_space.low, space.low)
    np.testing.assert_array_equal(env.observation_space.high, space.high)


def nested(observation):
    return {
        "z": observation,
        "a": (jnp.int32(1), jnp.array([2, 0], jnp.int32)),
    }


def test_nested_observations():
    space = Dict(
        {
            "z": CartPole().observation_space,
            "a": Tuple([Discrete(3), MultiDiscrete((3, 2))]),
        }
    )
    env = FlattenObservation(TransformObservation(CartPole(), nested, space))
    observation, state = env.reset(KEY)
    np.testing.assert_array_equal(observation[:8], [0, 1, 0, 0, 0, 1, 1, 0])
    np.testing.assert_array_equal(observation[8:], CartPole().observe(state))
    assert env.observation_space.contains(observation)
    reference = gymnasium.spaces.Dict(
        {
            "z": gymnasium.spaces.Box(-1, 1, (4,)),
            "a": gymnasium.spaces.Tuple(
                [gymnasium.spaces.Discrete(3), gymnasium.spaces.MultiDiscrete([3, 2])]
            ),
        }
    )
    value = {"z": np.asarray(observation[8:]), "a": (1, np.array([2, 0]))}
    flat = gymnasium.spaces.flatten(reference, value)
    np.testing.assert_allclose(observation, flat, rtol=1e-6)


def test_booleans():
    env = FlattenObservation(PreviousActionAndReward(CartPole()))
    observation, _ = env.reset(KEY)
    assert observation.shape == (4 + 2 + 1 + 1,) and observation[-1] == 1
    assert isinstance(env.observation_space, Box)
