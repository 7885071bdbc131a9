"""The wrappers that choose where, and in what, an episode begins."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from jaxtyping import Array, Float, Int32
from scipy import stats

from eqenvs import (
    AbstractEnvironment,
    CartPole,
    from_config,
    Pendulum,
    PointRobot,
    rollout,
    StickyAction,
    to_config,
    Transition,
    VectorEnvironment,
)
from eqenvs.environments.classic_control.cartpole import CartPoleState
from eqenvs.fields import real, time_limit
from eqenvs.spaces import Box
from eqenvs.wrappers import (
    DrawnEnvironment,
    EpisodeStatistics,
    RewardScale,
    StartFrom,
    Trial,
)


KEY = jr.key(1)


def states_of(env, count, key=KEY):
    return VectorEnvironment(env, count).reset(key)[1]


def starts(env, count):
    return jax.jit(jax.vmap(lambda key: env.initial_state(key)))(jr.split(KEY, count))


@pytest.mark.parametrize("weights", [None, [1.0, 0.0, 3.0, 0.0, 2.0]])
def test_states_are_drawn_by_their_weights(weights):
    buffer = states_of(CartPole(), 5)
    env = StartFrom(CartPole(), buffer, weights)
    drawn = starts(env, 3000)
    index = jnp.argmax(drawn.x[:, None] == buffer.x[None], axis=1)
    expected = jax.tree.map(lambda x: x[index], buffer)
    jax.tree.map(np.testing.assert_array_equal, drawn, expected)
    counts = np.bincount(index, minlength=5)
    expected = np.ones(5) if weights is None else np.asarray(weights)
    assert (counts[expected == 0] == 0).all()
    counts, expected = counts[expected > 0], expected[expected > 0]
    p = stats.chisquare(counts, expected / expected.sum() * 3000).pvalue
    assert p > 1e-6


@pytest.mark.parametrize("keep_time", [False, True])
def test_the_clock(keep_time):
    times = jnp.arange(4, 7, dtype=jnp.int32)
    buffer = eqx.tree_at(lambda s: s.time, states_of(CartPole(), 3), times)
    env = StartFrom(CartPole(max_steps=7), buffer, keep_time=keep_time)
    times = set(np.asarray(starts(env, 50).time).tolist())
    assert times == ({4, 5, 6} if keep_time else {0})


def test_the_clocks_within_a_state():
    inner = StickyAction(Trial(PointRobot(max_steps=5), 2))
    _, state = inner.reset(KEY)
    for t in range(3):
        state = inner.step(jr.fold_in(KEY, t), state, jnp.zeros(2)).state
    assert state.inner.time == state.inner.inner.time == 3
    buffer = jax.tree.map(lambda x: x[None], state)
    start = StartFrom(inner, buffer).initial_state(KEY)
    assert start.inner.time == start.inner.inner.time == 0
    np.testing.assert_array_equal(start.inner.inner.goal, state.inner.inner.goal)


def test_every_episode_begins_in_the_buffer():
    buffer = states_of(Pendulum(), 3)
    env = StartFrom(Pendulum(max_steps=2), buffer)
    _, state = env.reset(KEY)
    for t in range(6):
        step = env.step(jr.fold_in(KEY, t), state, jnp.zeros(1))
        state = step.state
        if step.truncated:
            assert (buffer.theta == state.theta).any()
    np.testing.assert_array_equal(env.states.theta, buffer.theta)


def test_statistics_of_episodes_from_a_buffer():
    """Around the buffer, they are those of the episodes; inside, they go on."""
    plain, counted = CartPole(max_steps=6), EpisodeStatistics(CartPole(max_steps=6))
    played = rollout(counted, None, KEY, num_steps=4, states=True).trajectory
    buffer = jax.tree.map(lambda x: x[-1:], played.next_state)
    around = EpisodeStatistics(StartFrom(plain, buffer.inner))
    inside = StartFrom(counted, buffer)
    for env, start in ((around, 0), (inside, 4)):
        states = rollout(env, None, KEY, num_steps=7, states=True).trajectory.state
        assert states.statistics.running_return.tolist()[0] == start
        assert states.statistics.running_return.tolist()[6] == start
        assert states.statistics.running_return.tolist()[5] == start + 5
    last = rollout(around, None, KEY, num_steps=7).state.statistics
    assert last.last_return == last.last_length == 6


def test_another_buffer_does_not_recompile():
    count = 0

    @eqx.filter_jit
    def start(env):
        nonlocal count
        count += 1
        return env.initial_state(KEY)

    for seed in range(3):
        buffer = states_of(CartPole(), 4, jr.key(seed))
        start(StartFrom(CartPole(), buffer, jnp.arange(4.0)))
    assert count == 1


def test_a_buffer_of_as_many_states_as_lanes_is_no_batch():
    gravities = jnp.array([8.0, 9.0, 10.0, 11.0])
    env = StartFrom(CartPole(), states_of(CartPole(), 4), [0.0, 0.0, 1.0, 0.0])
    batch = eqx.tree_at(lambda env: env.env.gravity, env, gravities)
    _, states = VectorEnvironment(batch, 4).reset(KEY)
    np.testing.assert_array_equal(states.x, jnp.full(4, env.states.x[2]))


def test_a_buffer_is_part_of_the_configuration():
    env = StartFrom(PointRobot(), states_of(PointRobot(), 3), weights=[1.0, 0.0, 2.0])
    config = to_config(env)
    assert config["states"][".goal"].shape == (3, 2) and "_rows" not in config
    # As JSON has it: lists.
    lists = {name: x.tolist() for name, x in config["states"].items()}
    for given in (config, {**config, "states": lists}):
        assert eqx.tree_equal(from_config(given), env)
    del lists[".time"]
    with pytest.raises(ValueError, match=r"dictionary of the arrays .*\.goal"):
        from_config({**config, "states": lists})


def draw(key):
    length, threshold = jr.uniform(key, (2,), minval=1.0, maxval=2.0)
    return CartPole(pole_half_length=length, x_threshold=threshold, max_steps=3)


def test_an_episode_is_one_of_the_environment_that_was_drawn():
    env = DrawnEnvironment(draw)
    _, state = env.reset(KEY)
    seen = set()
    for t in range(9):
        drawn = env.drawn(state)
        seen.add(float(drawn.pole_half_length))
        key = jr.fold_in(KEY, t)
        expected = drawn.advance(key, state.inner, 1)
        step = env.advance(key, state, 1)
        np.testing.assert_allclose(step.observation, expected.observation, rtol=1e-6)
        assert step.truncated == expected.truncated
        state = env.step(key, state, 1).state
    assert len(seen) == 3
    assert env.max_steps == 3


def test_the_spaces_hold_all_examples():
    env = DrawnEnvironment(draw)
    high = env.observation_space.high
    assert 3.9 < high[0] <= 4 and high[1] == jnp.inf
    given = DrawnEnvironment(draw, observations=Box(-jnp.inf, jnp.inf, (4,)))
    assert (given.observation_space.high == jnp.inf).all()


def draw_torque(key):
    return Pendulum(max_torque=jr.uniform(key, minval=0.5, maxval=2.0))


def test_an_action_outside_of_the_drawn_space_is_the_nearest():
    env = DrawnEnvironment(draw_torque)
    _, state = env.reset(KEY)
    torque = env.drawn(state).max_torque
    most = env.step(KEY, state, env.action_space.high)
    same = env.step(KEY, state, torque[None])
    np.testing.assert_array_equal(most.observation, same.observation)


def always(key):
    del key
    return RewardScale(CartPole(), 2.0)


def test_a_constant_draw_changes_nothing():
    env, bare = DrawnEnvironment(always), always(None)
    observation, state = env.reset(KEY)
    expected, bare_state = bare.reset(KEY)
    np.testing.assert_array_equal(observation, expected)
    step, bare_step = env.step(KEY, state, 1), bare.step(KEY, bare_state, 1)
    np.testing.assert_allclose(step.observation, bare_step.observation, rtol=1e-6)
    assert step.reward == 2


def test_gradients_reach_what_the_draw_is_made_of():
    @eqx.filter_grad
    def gradient(scale):
        env = DrawnEnvironment(lambda key: Pendulum(mass=scale * jr.uniform(key)))
        _, state = env.reset(KEY)
        return env.advance(KEY, state, jnp.ones(1)).observation.sum()

    assert gradient(jnp.array(2.0)) != 0


class Paid(AbstractEnvironment[CartPoleState, Array, Array]):
    """The action is the reward."""

    highest: Float[Array, ""] = real(1.0, "Highest action.")
    max_steps: Int32[Array, ""] = time_limit(20)

    def initial_state(self, key):
        return CartPole().initial_state(key)

    def transition(self, key, state, action):
        return Transition(eqx.tree_at(lambda s: s.time, state, state.time + 1), action)

    def observe(self, state):
        return state.x

    @property
    def action_space(self):
        return Box(0.0, self.highest, ())

    @property
    def observation_space(self):
        return Box(-jnp.inf, jnp.inf, ())


def draw_paid(key):
    limit = jr.randint(key, (), 2, 9, jnp.int32)
    return Paid(jr.uniform(key, minval=1.0, maxval=2.0), limit)


def test_the_limits_are_those_of_the_environment_that_was_drawn():
    env = DrawnEnvironment(draw_paid, Box(0.0, 3.0, ()))
    assert env.max_steps == 8
    limits = set()
    for key in jr.split(KEY, 6):
        _, state = env.reset(key)
        drawn = env.drawn(state)
        rewards, truncated = [], False
        while not truncated:
            step = env.advance(key, state, env.action_space.high)
            state, truncated = step.state, bool(step.truncated)
            rewards.append(float(step.reward))
        limits.add(len(rewards))
        assert len(rewards) == drawn.max_steps
        assert set(rewards) == {float(drawn.highest)}
    assert len(limits) > 1
