import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import minatar
import numpy as np
import pytest
from gymnasium.wrappers import StickyAction as GymnasiumStickyAction
from hypothesis import given, settings, strategies as st
from scipy import stats

import eqenvs
from eqenvs import Breakout, CartPole, Pendulum, StickyAction, VectorEnvironment
from eqenvs.spaces import Box, Dict, Discrete, Tuple
from eqenvs.wrappers import AbstractWrapper
from eqenvs.wrappers._spaces import nearest_to_zero

from ..minatar_replay import ReplayedRandom
from .gymnasium_replay import play_both, Replay


@eqx.filter_jit
def run(env, key, actions):
    """The draws of repetitions and the steps of an episode that just goes on."""
    keys = jr.split(key, len(jax.tree.leaves(actions)[0]))
    start = env.initial_state(key)

    def body(state, inputs):
        key, action = inputs
        transition = env.transition(key, state, action)
        return transition.state, (env._draw(key), state, transition)

    return start, *jax.lax.scan(body, start, (keys, actions))[1]


@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**31 - 1),
    probability=st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]),
)
def test_the_original_rule(seed, probability):
    """The same repetitions as `minatar.Environment`, in whole episodes."""
    env = StickyAction(Breakout(minimal_actions=False), probability)
    rng = np.random.default_rng(seed)
    actions = rng.integers(6, size=60).astype(np.int32)
    start, repeats, _, transitions = run(env, jr.key(seed), jnp.asarray(actions))
    repeats, transitions = jax.tree.map(np.asarray, (repeats, transitions))
    game = minatar.Environment("breakout", sticky_action_prob=probability)
    game.env.random = ReplayedRandom()
    game.env.random.expect(randint=int(start.inner.x == 9))
    game.reset()
    game.random = ReplayedRandom()
    states = transitions.state
    for t, action in enumerate(actions):
        # A number below the probability, or one that is not.
        game.random.expect(rand=probability / 2 if repeats[t] else 0.5 + probability)
        if probability == 0.0:
            assert not repeats[t]
        if probability == 1.0:
            assert repeats[t]
        reward, terminal = game.act(action)
        assert states.last_action[t] == game.last_action
        assert transitions.reward[t] == reward
        assert transitions.terminated[t] == terminal
        assert states.inner.paddle_x[t] == game.env.pos
        assert [states.inner.x[t], states.inner.y[t]] == [
            game.env.ball_x,
            game.env.ball_y,
        ]
        if terminal:
            break
    game.random.finish()


def test_the_original_rule_from_one_episode_to_the_next():
    """`minatar.Environment.reset` leaves the last action as it is."""
    env = StickyAction(Breakout(minimal_actions=False), 0.3, carry_over=True)
    game = minatar.Environment("breakout", sticky_action_prob=0.3)
    game.env.random, game.random = ReplayedRandom(), ReplayedRandom()
    _, state = env.reset(jr.key(0))
    game.env.random.expect(randint=int(state.inner.x == 9))
    game.reset()
    num_episodes = carried = 0
    for t in range(300):
        key, action = jr.fold_in(jr.key(1), t), 1 + t % 4
        game.random.expect(rand=0.1 if env._draw(key) else 0.9)
        reward, terminal = game.act(action)
        step = env.step(key, state, action)
        state = step.state
        assert (step.reward, step.terminated) == (reward, terminal)
        assert state.last_action == game.last_action
        if terminal:
            num_episodes += 1
            carried += game.last_action != 0
            game.env.random.expect(randint=int(state.inner.x == 9))
            game.reset()
            assert state.inner.time == 0
            assert state.last_action == game.last_action
    assert num_episodes > 2 and carried > 2


class Draws:
    """A random generator that repeats actions when it is told to."""

    def __init__(self, repeats):
        self.repeats = iter(repeats)

    def uniform(self):
        return 0.0 if next(self.repeats) else 1.0

    def integers(self, low, high):
        return low


def test_as_in_gymnasium():
    """Except that there, the first action is never replaced."""
    env = StickyAction(CartPole(), 0.4)
    for key in jr.split(jr.key(4), 20):
        repeats = [bool(env._draw(jr.fold_in(key, t))) for t in range(8)]
        if not repeats[0] and 1 < sum(repeats) < 7:
            break
    assert not repeats[0] and 1 < sum(repeats) < 7
    reference = GymnasiumStickyAction(Replay(CartPole(), key), 0.4)
    reference.np_random = Draws(repeats[1:])
    actions = np.arange(8, dtype=np.int32) % 2
    assert len(list(play_both(env, reference, key, actions))) == 8
    assert (np.array(reference.env.taken) != actions).any()


# The last of them draws random numbers of its own in a transition.
@pytest.mark.parametrize(
    "inner", [CartPole(), Pendulum(), Breakout(), StickyAction(CartPole(), 0.5)]
)
def test_any_environment(inner):
    """What is taken is the given or the last action; all else is the inner process."""
    env = StickyAction(inner, 0.3)
    keys = jr.split(jr.key(0), 50)
    actions = jax.vmap(inner.action_space.sample)(keys)
    start, repeats, states, transitions = run(env, jr.key(1), actions)
    assert (start.last_action == 0).all()
    assert eqx.tree_equal(start.inner, inner.initial_state(jr.key(1)))
    last, repeats = np.zeros_like(actions[0]), np.asarray(repeats)
    for t in range(50):
        last = last if repeats[t] else np.asarray(actions[t])
        np.testing.assert_array_equal(transitions.state.last_action[t], last)
    assert 0 < repeats.sum() < 50

    @eqx.filter_jit
    def inner_steps(inner, keys, states, actions):
        inner_keys = jax.vmap(lambda key: jr.fold_in(key, 1))(keys)
        return jax.vmap(inner.transition)(inner_keys, states, actions)

    step_keys = jr.split(jr.key(1), 50)
    expected = inner_steps(
        inner, step_keys, states.inner, transitions.state.last_action
    )
    for x, y in zip(
        jax.tree.leaves(expected),
        jax.tree.leaves((transitions.state.inner, *transitions[1:])),
        strict=True,
    ):
        np.testing.assert_allclose(x, y, rtol=1e-6, atol=1e-6)
    observe = eqx.filter_jit(lambda env, state: env.observe(state))
    state = jax.tree.map(lambda x: x[7], states)
    assert eqx.tree_equal(observe(env, state), observe(inner, state.inner))
    assert env.max_steps == inner.max_steps
    assert repr(env.action_space) == repr(inner.action_space)
    assert repr(env.observation_space) == repr(inner.observation_space)
    assert env.inner_state(state) is state.inner


def test_how_often_and_independently():
    probability, n = 0.25, 200_000
    env = StickyAction(Breakout(), probability)
    keys = jr.split(jr.key(2), n)
    repeats = np.asarray(jax.jit(jax.vmap(env._draw))(keys))
    alpha = 1e-3
    assert stats.binomtest(int(repeats.sum()), n, probability).pvalue > alpha
    # Two stuck layers, and what the innermost environment draws, do not go together.
    inner_keys = jax.vmap(lambda key: jr.fold_in(key, 1))(keys)
    inner = np.asarray(jax.jit(jax.vmap(env._draw))(inner_keys))
    table = np.histogram2d(repeats, inner, bins=2)[0]
    assert stats.chi2_contingency(table).pvalue > alpha


def test_the_loop():
    """Time limit and automatic reset, alone and in a vector, as everywhere."""
    env = StickyAction(CartPole(max_steps=5), 0.5)
    assert env.max_steps == 5
    envs = VectorEnvironment(env, 12)
    _, states = envs.reset(jr.key(0))
    for t in range(1, 12):
        actions = jnp.full(12, t % 2)
        keys = jax.vmap(lambda i, t=t: jr.fold_in(jr.key(t), i))(jnp.arange(12))
        step = envs.step(jr.key(t), states, actions)
        expected = jax.vmap(env.step)(keys, states, actions)
        assert eqx.tree_equal(step, expected)
        states = step.state
        np.testing.assert_array_equal(states.time, np.full(12, t % 5))
        np.testing.assert_array_equal(step.truncated, np.full(12, t % 5 == 0))
        if t % 5 == 0:
            assert (states.last_action == 0).all()


def test_batches_of_probabilities_and_gradients():
    envs = eqx.filter_vmap(lambda p: StickyAction(Pendulum(), p))(jnp.array([0.0, 1.0]))
    _, state = Pendulum().reset(jr.key(0))
    state = eqenvs.wrappers.StickyActionState(inner=state, last_action=jnp.zeros(1))
    axes = (eqx.if_array(0), None, None, None)
    step = eqx.filter_vmap(StickyAction.step, in_axes=axes)
    action = jnp.ones(1)
    np.testing.assert_array_equal(
        step(envs, jr.key(1), state, action).state.last_action, [[1.0], [0.0]]
    )

    @eqx.filter_jit
    @jax.grad
    def gradient(action, probability):
        env = StickyAction(Pendulum(), probability)
        return env.transition(jr.key(1), state, action).reward

    assert gradient(action, jnp.float32(0)) != 0
    assert gradient(action, jnp.float32(1)) == 0


def test_last_action_of_any_space():
    spaces = Tuple([Dict({"a": Discrete(3), "b": Box(1.0, 2.0, (2,))}), Box(-1, 1)])
    inner, c = nearest_to_zero(spaces)
    a, b = inner["a"], inner["b"]
    assert a == 0 and a.dtype == jnp.int32
    np.testing.assert_array_equal(b, [1.0, 1.0])
    assert c == 0 and c.shape == ()


def test_x64(x64):
    env = StickyAction(CartPole())
    _, state = env.reset(jr.key(0))
    step = env.step(jr.key(1), state, 1)
    assert step.observation.dtype == jnp.float64
    assert step.state.last_action.dtype == jnp.int32
    assert step.state.time == 1


def test_messages():
    with pytest.raises(TypeError, match=r"StickyAction\.env must be an environment"):
        StickyAction(CartPole)
    with pytest.raises(ValueError, match="from 0 to 1"):
        StickyAction(CartPole(), 1.5)
    with pytest.raises(TypeError, match="Did you mean 'probability'"):
        StickyAction(CartPole(), probabilty=0.5)
    assert "`env`: The environment" in StickyAction.__doc__
    assert issubclass(StickyAction, AbstractWrapper)
