"""The wrappers that change actions."""

import equinox as eqx
import gymnasium.wrappers
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from gymnasium.wrappers import (
    ClipAction as GymnasiumClipAction,
    DiscretizeAction as GymnasiumDiscretizeAction,
    RescaleAction as GymnasiumRescaleAction,
    TransformAction as GymnasiumTransformAction,
)

from eqenvs import (
    CartPole,
    CliffWalking,
    ContinuousMountainCar,
    from_config,
    FrozenLake,
    Pendulum,
    PointRobot,
    to_config,
    VectorEnvironment,
)
from eqenvs._environment import NO_LIMIT
from eqenvs.spaces import Box, Dict, Discrete, MultiDiscrete, Tuple
from eqenvs.wrappers import (
    ActionRepeat,
    ClipAction,
    DiscretizeAction,
    FlattenAction,
    RescaleAction,
    TimeLimit,
    TransformAction,
)
from eqenvs.wrappers._spaces import digits

from .gymnasium_replay import play_both, Replay, to_gymnasium_space


KEY = jr.key(1)
RNG = np.random.default_rng(0)


def half(action):
    return action / 2


# A wrapper here, Gymnasium's, and actions for both.
CASES = {
    "clip": (ClipAction, GymnasiumClipAction, RNG.normal(size=(6, 1)) * 5),
    "rescale": (
        lambda env: RescaleAction(env, -0.5, 2.0),
        lambda env: GymnasiumRescaleAction(
            env, *env.action_space.dtype.type([-0.5, 2.0])
        ),
        np.linspace(-0.5, 2.0, 6)[:, None],
    ),
    "transform": (
        lambda env: TransformAction(env, half),
        lambda env: GymnasiumTransformAction(env, half, env.action_space),
        RNG.uniform(-2, 2, size=(6, 1)),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_as_in_gymnasium(case):
    wrap, reference, actions = CASES[case]
    env, replay = wrap(Pendulum()), Replay(Pendulum(), KEY)
    reference = reference(replay)
    list(play_both(env, reference, KEY, actions.astype(np.float32)))
    assert len(replay.taken) == 6
    np.testing.assert_array_equal(
        env.action_space.low, reference.action_space.low.astype(np.float32)
    )
    assert np.ptp(np.stack(replay.taken)) > 0


@pytest.mark.parametrize("multidiscrete", [False, True])
@pytest.mark.parametrize(
    "make, num_bins", [(Pendulum, 5), (PointRobot, 3), (PointRobot, (2, 5))]
)
def test_discretize_as_in_gymnasium(make, num_bins, multidiscrete):
    env = DiscretizeAction(make(), num_bins, multidiscrete)
    replay = Replay(make(), KEY)
    reference = GymnasiumDiscretizeAction(replay, num_bins, multidiscrete)
    sizes = np.broadcast_to(num_bins, replay.action_space.shape)
    if multidiscrete:
        actions = np.stack([np.arange(5)] * len(sizes), axis=1) % sizes
    else:
        actions = np.arange(np.prod(sizes))
    for action in actions.astype(np.int32):
        np.testing.assert_allclose(
            env.transform_action(jnp.asarray(action)),
            reference.action(action),
            rtol=1e-5,
            atol=1e-6,
        )
    assert to_gymnasium_space(env.action_space) == reference.action_space


def test_a_number_of_bins_for_each_number():
    env = DiscretizeAction(PointRobot(), [2, 5])
    assert env.action_space == Discrete(10)
    assert from_config(to_config(env)) == env
    assert DiscretizeAction(PointRobot(), (2, 5), True).action_space == (
        MultiDiscrete((2, 5))
    )
    with pytest.raises(TypeError, match=r"as many numbers as num_bins=\(2, 5, 3\)"):
        DiscretizeAction(PointRobot(), (2, 5, 3))
    with pytest.raises(ValueError, match="num_bins must be a Python integer, at leas"):
        DiscretizeAction(PointRobot(), (2, 0))


def test_bounds_for_each_number_of_an_action():
    env = RescaleAction(PointRobot(), [0.0, -1.0], jnp.array([1.0, 3.0]))
    space = env.env.action_space
    np.testing.assert_array_equal(env.action_space.low, [0, -1])
    np.testing.assert_array_equal(env.action_space.high, [1, 3])
    np.testing.assert_array_equal(env.transform_action(jnp.array([0, -1.0])), space.low)
    np.testing.assert_array_equal(env.transform_action(jnp.array([1, 3.0])), space.high)
    got = env.transform_action(jnp.array([0.5, 1.0]))
    np.testing.assert_allclose(got, (space.low + space.high) / 2, atol=1e-7)
    again = from_config(to_config(env))
    assert eqx.tree_equal(again, env)
    # One bound for all numbers, and one for each, are told from a batch of both.
    lows = jnp.array([[0.0, -1.0], [0.0, 0.0]])
    worlds = eqx.filter_vmap(lambda low: RescaleAction(PointRobot(), low, 5.0))(lows)
    envs = VectorEnvironment(worlds, 2)
    assert envs.is_batched
    np.testing.assert_array_equal(envs.action_space.low, lows)
    with pytest.raises(ValueError, match=r"minimum .*got the shape \(3,\)"):
        RescaleAction(PointRobot(), jnp.zeros(3))


def test_any_real_number_is_an_action():
    env = ClipAction(Pendulum())
    assert env.action_space.contains(jnp.array([1e9]))
    _, state = env.reset(KEY)
    huge = env.step(KEY, state, jnp.array([1e9]))
    largest = env.step(KEY, state, jnp.array([2.0]))
    np.testing.assert_array_equal(huge.observation, largest.observation)


def test_the_ends_are_exact():
    env = RescaleAction(ContinuousMountainCar(min_action=-0.3, max_action=0.7))
    for action, expected in ((-1.0, -0.3), (1.0, 0.7)):
        (got,) = env.transform_action(jnp.array([action]))
        assert got == jnp.array(expected)


def combination(action):
    """The number of a combination, for an environment with two actions."""
    first, second = action["b"], action["a"][1]
    return (first + second) % 2


def test_a_flat_action_is_each_combination_once():
    space = Dict({"b": Discrete(3), "a": Tuple([MultiDiscrete((2, 2)), Discrete(2)])})
    env = FlattenAction(TransformAction(CartPole(), combination, space))
    assert env.action_space.n == 3 * 4 * 2
    seen = [env.transform_action(jnp.int32(i)) for i in range(24)]
    assert all(space.contains(action) for action in seen)
    assert len({str(jax.tree.map(int_or_list, action)) for action in seen}) == 24
    # The parts in the order of their names, the last varying fastest.
    assert int(seen[1]["b"]) == 1 and int(seen[3]["a"][1]) == 1
    _, state = env.reset(KEY)
    assert env.step(KEY, state, 23).reward == 1


def int_or_list(x):
    return np.asarray(x).tolist()


def test_digits():
    sizes = (2, 3, 5)
    for i in range(30):
        got = tuple(int(digit) for digit in digits(jnp.int32(i), sizes))
        assert got == np.unravel_index(i, sizes)


def test_a_function_of_another_shape_is_refused():
    env = TransformAction(Pendulum(), jnp.sum, Box(-1.0, 1.0, (3,)))
    _, state = env.reset(KEY)
    with pytest.raises(ValueError, match="what `transform_action` of TransformAction"):
        env.step(KEY, state, jnp.zeros(3))


def repeat_by_hand(env, key, state, action, num_repeats, depth_key):
    """A plain Python loop over `advance`."""
    total, keys = 0.0, [key, *(jr.fold_in(depth_key, i) for i in range(1, num_repeats))]
    for k in keys:
        step = env.advance(k, state, action)
        state, total = step.state, total + float(step.reward)
        if step.terminated or step.truncated:
            break
    return step, total


@pytest.mark.parametrize("num_repeats", [1, 4])
def test_repeats(num_repeats):
    inner = CartPole(max_steps=23)
    env = ActionRepeat(inner, num_repeats)
    _observation, state = env.reset(KEY)
    for t in range(40):
        action = jnp.int32(t % 3 != 0)
        key = jr.fold_in(KEY, t)
        expected, reward = repeat_by_hand(
            inner, key, state.inner, action, num_repeats, env.own_key(key)
        )
        step = env.advance(key, state, action)
        np.testing.assert_allclose(step.observation, expected.observation, rtol=1e-5)
        assert float(step.reward) == reward
        assert step.terminated == expected.terminated
        assert step.truncated == expected.truncated
        assert step.state.time == t + 1
        state = step.state
        if step.terminated or step.truncated:
            break
    assert t == -(-int(state.inner.time) // num_repeats) - 1
    assert env.max_steps == {1: 23, 4: 6}[num_repeats]


@pytest.mark.skipif(
    not hasattr(gymnasium.wrappers, "RepeatAction"), reason="needs Gymnasium 1.3"
)
def test_repeats_as_in_gymnasium():
    """To the end of an episode, which comes in the middle of an action."""
    env = ActionRepeat(CartPole(), 4)
    reference = gymnasium.wrappers.RepeatAction(Replay(CartPole(), KEY), 4)
    steps = [step for step, _ in play_both(env, reference, KEY, np.ones(9, np.int32))]
    assert steps[-1].terminated and 0 < steps[-1].reward < 4


def test_a_time_limit_around_repeats_counts_actions():
    env = TimeLimit(ActionRepeat(Pendulum(), 5), 3)
    _, state = env.reset(KEY)
    for expected in (False, False, True):
        step = env.advance(KEY, state, jnp.zeros(1))
        state = step.state
        assert step.truncated == expected
    assert state.inner.time == 15


def test_one_repeat_changes_nothing():
    env = FrozenLake()
    for seed in range(9):
        state = env.reset(jr.key(seed))[1]
        step = env.advance(jr.key(seed), state, 2)
        repeated = ActionRepeat(env, 1)
        state = repeated.reset(jr.key(seed))[1]
        other = repeated.advance(jr.key(seed), state, 2)
        assert step.observation == other.observation


def test_no_time_limit_stays_none():
    """`evaluate` would otherwise go on for 2**29 steps."""
    assert ActionRepeat(CliffWalking(), 4).max_steps == NO_LIMIT
    assert ActionRepeat(Pendulum(max_steps=7), 4).max_steps == 2


def test_gradients_flow_through_repeats():
    env = ActionRepeat(Pendulum(), 3)
    _, state = env.reset(KEY)

    @eqx.filter_grad
    def gradient(action):
        return env.advance(KEY, state, action).reward

    assert gradient(jnp.array([0.3])) != 0
