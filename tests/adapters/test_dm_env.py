"""dm_env: its own contract tests, and the same episodes as the environment's."""

import dm_env
import numpy as np
import pytest
from absl.testing import absltest
from dm_env import test_utils

from eqenvs import CartPole, Catch, Pendulum, UmbrellaChain
from eqenvs.adapters import to_dm_env


def contract(make):
    class Contract(test_utils.EnvironmentTestMixin, absltest.TestCase):
        def make_object_under_test(self):
            return to_dm_env(make())

        def make_action_sequence(self):
            spec = self.environment.action_spec()
            return [spec.generate_value() for _ in range(25)]

    return Contract


TestCartPole = contract(lambda: CartPole(max_steps=7))
TestPendulum = contract(lambda: Pendulum(max_steps=7))
TestCatch = contract(Catch)


def test_both_ends_of_an_episode():
    env = to_dm_env(CartPole(max_steps=3))
    steps = [env.reset(), *(env.step(1) for _ in range(4))]
    assert [step.step_type for step in steps] == [
        dm_env.StepType.FIRST,
        dm_env.StepType.MID,
        dm_env.StepType.MID,
        dm_env.StepType.LAST,
        dm_env.StepType.FIRST,
    ]
    assert steps[3].discount == 1 and steps[3].reward == 1
    env = to_dm_env(CartPole())
    step = env.reset()
    while not step.last():
        step = env.step(1)
    assert step.discount == 0 and env.state.time > 5


def test_seeds():
    first, same, other = (to_dm_env(CartPole(), seed) for seed in (1, 1, 2))
    observation = first.reset().observation
    np.testing.assert_array_equal(observation, same.reset().observation)
    assert (observation != other.reset().observation).any()
    assert (observation != first.reset().observation).any()


def test_an_episode_that_ends_in_both_ways_is_terminated():
    env = to_dm_env(CartPole(max_steps=1, theta_threshold=1e-9))
    env.reset()
    step = env.step(0)
    assert step.last() and step.discount == 0


def test_specifications():
    env = to_dm_env(Pendulum())
    assert env.action_spec().maximum == 2 and env.observation_spec().shape == (3,)
    env = to_dm_env(UmbrellaChain())
    assert env.action_spec().num_values == 2
    env.observation_spec().validate(env.reset().observation)


def test_mistakes(unchecked):
    with pytest.raises(TypeError, match="env must be an environment; got"):
        to_dm_env(CartPole)
    env = to_dm_env(CartPole())
    env.reset()
    with pytest.raises(ValueError, match=r"CartPole must be in Discrete\(2\); got 2"):
        env.step(2)
