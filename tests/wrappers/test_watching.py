"""The wrappers that only watch: statistics, checks, gradients."""

import os
import subprocess
import sys

import equinox as eqx
import gymnasium.wrappers
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from eqenvs import CartPole, Catch, evaluate, Pendulum, rollout, VectorEnvironment
from eqenvs.adapters import to_gymnasium
from eqenvs.agents import RandomAgent
from eqenvs.spaces import Box
from eqenvs.wrappers import (
    ClipAction,
    DiscretizeAction,
    EpisodeStatistics,
    PreviousActionAndReward,
    RescaleAction,
    StickyAction,
    StopGradient,
    Strict,
    TimeLimit,
    TransformAction,
    TransformObservation,
    TransformReward,
)

from .gymnasium_replay import play_both, Replay


KEY = jr.key(1)


def test_statistics_as_in_gymnasium():
    env = EpisodeStatistics(TimeLimit(Pendulum(), 6))
    reference = gymnasium.wrappers.RecordEpisodeStatistics(
        Replay(TimeLimit(Pendulum(), 6), KEY)
    )
    actions = np.zeros((8, 1), np.float32)
    steps = list(play_both(env, reference, KEY, actions))
    assert len(steps) == 6
    for step, _ in steps[:-1]:
        assert not step.info["is_episode_end"]
        assert jnp.isnan(step.info["episode_return"])
    step, info = steps[-1]
    assert step.info["is_episode_end"]
    np.testing.assert_allclose(
        step.info["episode_return"], info["episode"]["r"], rtol=1e-5
    )
    assert step.info["episode_length"] == info["episode"]["l"] == 6


def test_statistics_of_many_episodes():
    """The numbers of the last episode stay until the next one has ended."""
    env = EpisodeStatistics(CartPole())
    envs = VectorEnvironment(env, 5)
    _, states = envs.reset(KEY)
    total, length = np.zeros(5), np.zeros(5)
    last = np.full((2, 5), np.nan)
    for t in range(60):
        step = envs.step(jr.fold_in(KEY, t), states, jnp.full(5, t % 5 != 0, int))
        total, length = total + np.asarray(step.reward), length + 1
        ended = np.asarray(step.terminated | step.truncated)
        last[:, ended] = total[ended], length[ended]
        np.testing.assert_array_equal(step.info["is_episode_end"], ended)
        np.testing.assert_array_equal(step.info["episode_return"], last[0])
        np.testing.assert_array_equal(step.info["episode_length"], last[1])
        total[ended] = length[ended] = 0
        states = step.state
    assert not np.isnan(last).any()


def test_an_end_that_comes_from_outside():
    """A time limit around the wrapper ends an episode that it does not see the end
    of; the next one begins with nothing."""
    env = TimeLimit(EpisodeStatistics(Pendulum(max_steps=4)), 2)
    _, state = env.reset(KEY)
    for t in range(2):
        step = env.step(jr.fold_in(KEY, t), state, jnp.zeros(1))
        state = step.state
    assert step.truncated and not step.info["is_episode_end"]
    assert state.statistics.running_length == 0


def not_a_number(x):
    return x + jnp.nan


def one_too_far(action):
    return action + 1


@pytest.mark.parametrize(
    "env, action, words",
    [
        (Strict(CartPole()), jnp.int32(2), "the action of CartPole must be in"),
        (Strict(Pendulum()), jnp.array([2.1]), "the action of Pendulum must be in"),
        (Strict(Pendulum()), jnp.array([jnp.nan]), "the action of Pendulum"),
        # Within other wrappers, where an action comes through.
        (TimeLimit(Strict(CartPole()), 5), jnp.int32(-1), "the action of CartPole"),
        (
            TransformAction(Strict(CartPole()), one_too_far),
            jnp.int32(1),
            "the action of CartPole",
        ),
        (
            Strict(TransformReward(Pendulum(), not_a_number)),
            jnp.zeros(1),
            "the reward of TransformReward is not a number",
        ),
        (
            Strict(DiscretizeAction(Pendulum(), 3, multidiscrete=True)),
            jnp.array([3], jnp.int32),
            "the action of DiscretizeAction",
        ),
    ],
)
def test_strict(env, action, words):
    _, state = env.reset(KEY)
    with pytest.raises(RuntimeError, match=words):
        jax.block_until_ready(env.step(KEY, state, action))


def test_strict_about_none_of_the_actions_that_wrappers_make():
    """The nearest of the space, and the one nearest to zero."""
    clipped = ClipAction(Strict(Pendulum()))
    _, state = clipped.reset(KEY)
    step = clipped.step(KEY, state, jnp.array([7.0]))
    expected = ClipAction(Pendulum()).step(KEY, state, jnp.array([7.0]))
    assert eqx.tree_equal(step, expected)
    without_zero = Strict(RescaleAction(Pendulum(), 1.0, 2.0))
    for wrap in (StickyAction, PreviousActionAndReward):
        assert jnp.isfinite(wrap(without_zero).reset(KEY)[1].time)


def test_strict_about_observations():
    env = Strict(TransformObservation(CartPole(), not_a_number))
    with pytest.raises(RuntimeError, match="observation of TransformObservation is"):
        jax.block_until_ready(env.reset(KEY))


def test_strict_in_many_lanes():
    envs = VectorEnvironment(Strict(CartPole()), 3)
    _, states = envs.reset(KEY)
    fine = envs.step(KEY, states, jnp.array([0, 1, 1], jnp.int32))
    assert (fine.reward == 1).all()
    with pytest.raises(RuntimeError, match="the action of CartPole"):
        jax.block_until_ready(envs.step(KEY, states, jnp.array([0, 1, 2], jnp.int32)))


def test_strict_says_what_was_given_in_one_line(caplog):
    env = Strict(Pendulum())
    envs = VectorEnvironment(env, 3)
    _, state = env.reset(KEY)
    _, states = envs.reset(KEY)
    wrong, lanes = jnp.array([2.5]), jnp.array([[1.0], [2.5], [3.0]])
    mesh = jax.make_mesh((1,), ("lanes",))

    def policy(key, observation):
        return wrong

    def loss(action):
        return env.step(KEY, state, action).reward

    space = Pendulum().action_space  # of 32 or of 64 bits
    message = f"the action of Pendulum must be in {space}; got [2.5]."
    assert "low=-2, high=2" in message
    for call in (
        lambda: env.step(KEY, state, wrong),
        lambda: env.transition(KEY, state, wrong),
        lambda: envs.step(KEY, states, lanes),
        lambda: jax.vmap(env.step, (None, 0, 0))(KEY, states, lanes),
        lambda: jax.grad(loss)(wrong),
        lambda: jax.grad(lambda x: env.transition(KEY, state, x).reward)(wrong),
        lambda: rollout(env, policy, KEY, num_envs=2, num_steps=3),
        lambda: rollout(env, policy, KEY, num_envs=2, num_steps=3, mesh=mesh),
        lambda: evaluate(env, policy, KEY, 2),
    ):
        with pytest.raises(RuntimeError) as raised:
            jax.block_until_ready(call())
        assert str(raised.value) == message
        assert raised.value.__context__ is None
    # In training and in adapters, too.
    env = Strict(TransformReward(CartPole(), not_a_number))
    adapted = to_gymnasium(env)
    adapted.reset(seed=0)
    for call in (lambda: adapted.step(1), lambda: RandomAgent().train(env, KEY, 1)):
        with pytest.raises(
            RuntimeError, match=r"^the reward of \w+ is not a number\.$"
        ):
            call()
    # In a program of the user's own, JAX writes a traceback first.
    env = Strict(Pendulum())
    for jit in (jax.jit, eqx.filter_jit):
        with pytest.raises(RuntimeError) as raised:
            jax.block_until_ready(jit(env.step)(KEY, state, wrong))
        assert str(raised.value).strip().endswith(f"StrictError: {message}")
    assert not caplog.records


WITHOUT_ERRORS = """
import jax, jax.numpy as jnp
from eqenvs import Pendulum
from eqenvs.wrappers import Strict

env, key = Strict(Pendulum()), jax.random.key(0)
_, state = env.reset(key)
wrong = jnp.array([2.5])
assert jnp.isnan(env.step(key, state, wrong).reward)
assert jnp.isnan(env.transition(key, state, wrong).reward)
"""


def test_strict_leaves_other_reactions_to_equinox():
    subprocess.run(
        [sys.executable, "-c", WITHOUT_ERRORS],
        env={**os.environ, "EQX_ON_ERROR": "nan"},
        check=True,
    )


def first_number(action):
    return action[0, :1]


@pytest.mark.parametrize(
    ("space", "words"),
    [
        (Box(-1, 1, (2, 3)), "low=-1, high=1, shape=(2, 3), dtype="),
        (Box(-np.ones((2, 2)), np.eye(2)), "low=-1, high=[[1., 0.], [0., 1.]], "),
    ],
)
def test_strict_says_in_one_line_all_that_has_several_axes(space, words):
    env = Strict(TransformAction(Pendulum(), first_number, space))
    _, state = env.reset(KEY)
    wrong = jnp.full(space.shape, 2.0)
    for step in (env.step, env.transition):
        with pytest.raises(RuntimeError) as raised:
            jax.block_until_ready(step(KEY, state, wrong))
        message = str(raised.value)
        assert f"the action of TransformAction must be in Box({words}" in message
        assert "\n" not in message
        rows = ", ".join([str([2.0] * space.shape[1])] * 2).replace(".0", ".")
        assert message.endswith(f"; got [{rows}].")


def test_strict_says_which_single_number_was_given():
    env = Strict(TransformAction(Pendulum(), jnp.atleast_1d, Box(-1, 1, ())))
    _, state = env.reset(KEY)
    with pytest.raises(RuntimeError, match=r"; got 2\.0\.$"):
        jax.block_until_ready(env.step(KEY, state, jnp.array(2.0)))


class StrictError(ValueError):
    """An error of a user, which happens to have the same name."""


def test_the_errors_of_others_stay_whole():
    texts = "another", "the first line\nStrictError: the second\nthe third"
    like = jax.ShapeDtypeStruct((1,), jnp.float32)

    def fail(error):
        raise error

    def policy_with_callback(error):
        def policy(key, observation):
            return jax.pure_callback(
                lambda: fail(error), like, vmap_method="sequential"
            )

        return policy

    for error in (StrictError(texts[0]), ValueError(texts[1]), RuntimeError(texts[1])):
        with pytest.raises(RuntimeError) as raised:
            rollout(Pendulum(), policy_with_callback(error), KEY, num_steps=1)
        assert type(raised.value) is jax.errors.JaxRuntimeError
        assert str(error) in str(raised.value)
        with pytest.raises(type(error)) as raised:
            rollout(Pendulum(), lambda *_, error=error: fail(error), KEY, num_steps=1)
        assert raised.value is error


WAITING = """
import jax, jax.numpy as jnp
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from eqenvs import Pendulum, VectorEnvironment
from eqenvs.wrappers import Strict

mesh = jax.make_mesh((4,), ("lanes",), axis_types=(AxisType.Auto,))
lanes = NamedSharding(mesh, PartitionSpec("lanes"))
envs = VectorEnvironment(Strict(Pendulum()), 4)
key = jax.random.key(0)
_, states = jax.device_put(envs.reset(key), lanes)
envs.step(key, states, jax.device_put(jnp.full((4, 1), 2.5), lanes))
"""


def test_strict_says_what_is_wrong_even_where_other_devices_wait():
    flags = "--xla_force_host_platform_device_count=4"
    with subprocess.Popen(
        [sys.executable, "-c", WAITING],
        env={**os.environ, "XLA_FLAGS": flags},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            assert any(line.endswith("; got [2.5].\n") for line in process.stderr)
        finally:
            process.kill()


def test_strict_changes_nothing_else():
    env = Strict(RescaleAction(Pendulum()))
    assert isinstance(env.action_space, Box) and env.action_space.high == 1
    _, state = env.reset(KEY)
    step = env.step(KEY, state, jnp.array([0.5]))
    bare = RescaleAction(Pendulum()).step(KEY, state, jnp.array([0.5]))
    np.testing.assert_array_equal(step.observation, bare.observation)
    loss = [
        lambda action, env=env: env.step(KEY, state, action).reward
        for env in (env, RescaleAction(Pendulum()))
    ]
    action = jnp.array([0.5])
    np.testing.assert_allclose(*(jax.grad(f)(action) for f in loss), rtol=1e-5)
    mesh = jax.make_mesh((1,), ("lanes",))
    played = [
        rollout(env, None, KEY, num_envs=2, num_steps=5, mesh=mesh).trajectory.reward
        for env in (env, RescaleAction(Pendulum()))
    ]
    np.testing.assert_allclose(*played, rtol=1e-5)


def play(env, numbers, action):
    env = eqx.tree_at(lambda env: env.env.mass, env, numbers)
    _, state = env.reset(KEY)
    step = env.advance(KEY, state, action)
    return step.observation.sum() + step.reward + env.observe(state).sum()


def test_gradients_stop():
    args = jnp.array(1.3), jnp.array([0.4])
    for wrap, flows in ((StopGradient, False), (lambda env: TimeLimit(env, 9), True)):
        env = wrap(Pendulum())
        gradients = jax.grad(lambda args, env=env: play(env, *args))(args)
        for gradient in jax.tree.leaves(gradients):
            assert bool((gradient != 0).all()) == flows
    # Where there is none to stop.
    env = StopGradient(Catch())
    _, state = env.reset(KEY)
    assert env.step(KEY, state, 1).state.time == 1
