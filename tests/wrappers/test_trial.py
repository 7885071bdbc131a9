import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from eqenvs import (
    BernoulliBandit,
    CartPole,
    MetaMaze,
    PointRobot,
    StickyAction,
    VectorEnvironment,
)
from eqenvs._environment import NO_LIMIT
from eqenvs.wrappers import DrawnEnvironment, FrameStack, TimeLimit, Trial


KEY = jr.key(7)


def actions_of(env, count):
    keys = jr.split(jr.key(3), count)
    return jax.vmap(lambda key: env.action_space.sample(key))(keys)


def by_hand(env, task_of, with_task, key, num_episodes, actions):
    """A trial as a plain Python loop over `advance`: what it should give, step by
    step."""
    wrapper = Trial(env, num_episodes)
    state = env.initial_state(key)
    task = task_of(state)
    episode = 0
    for t, action in enumerate(actions):
        step_key = jr.fold_in(key, t)
        step = env.advance(step_key, state, action)
        ended = bool(step.terminated | step.truncated)
        episode += ended
        is_over = episode == num_episodes
        state = step.state
        if ended and not is_over:
            state = with_task(env.initial_state(wrapper.own_key(step_key)), task)
        yield env.observe(state), step, ended, is_over
        if is_over:
            return


def goal_of(state):
    return state.goal


def with_goal(state, goal):
    return eqx.tree_at(goal_of, state, goal)


def cell_of(state):
    return state.goal_row, state.goal_column


def arms_of(state):
    return state.reward_probabilities


CASES = {
    "PointRobot": (PointRobot(max_steps=4), goal_of),
    "MetaMaze": (MetaMaze(max_steps=5), cell_of),
    "BernoulliBandit": (BernoulliBandit(max_steps=3, normalize_time=False), arms_of),
}


@pytest.mark.parametrize("num_episodes", [1, 3])
@pytest.mark.parametrize("case", CASES)
def test_a_plain_loop(case, num_episodes):
    inner, task_of = CASES[case]
    env = Trial(inner, num_episodes)
    observation, state = env.reset(KEY)
    first = inner.observe(inner.initial_state(KEY))
    np.testing.assert_allclose(observation, first, rtol=1e-6)
    actions = actions_of(env, int(env.max_steps) + 1)

    def with_task(state, task):
        return eqx.tree_at(task_of, state, task)

    expected = list(by_hand(inner, task_of, with_task, KEY, num_episodes, actions))
    first_task = task_of(state.inner)
    for t, (observation, inner_step, ended, is_over) in enumerate(expected):
        step = env.advance(jr.fold_in(KEY, t), state, actions[t])
        np.testing.assert_allclose(step.observation, observation, rtol=1e-6)
        assert step.reward == inner_step.reward
        assert step.info["episode_ended"] == ended
        assert step.terminated == (bool(inner_step.terminated) and is_over)
        assert step.truncated == (bool(inner_step.truncated) and is_over)
        assert step.state.time == t + 1
        got_task = task_of(step.state.inner)
        jax.tree.map(np.testing.assert_array_equal, got_task, first_task)
        state = step.state
    assert expected[-1][-1] and t + 1 <= env.max_steps == inner.max_steps * num_episodes


def test_a_new_trial_has_a_new_task():
    env = Trial(PointRobot(max_steps=2), 2)
    envs = VectorEnvironment(env, 50)
    _, states = envs.reset(KEY)
    goals = [states.inner.goal]
    for t in range(4):
        step = envs.step(jr.fold_in(KEY, t), states, envs.sample_actions(KEY))
        states = step.state
        goals.append(states.inner.goal)
    assert step.truncated.all()
    for within in goals[1:4]:
        np.testing.assert_array_equal(within, goals[0])
    assert not jnp.any(goals[4] == goals[0])
    assert (states.time == 0).all() and (states.episode == 0).all()


def test_the_start_of_an_episode_is_drawn_again():
    env = Trial(PointRobot(max_steps=1, start_low=[-1, -1], start_high=[1, 1]), 5)
    _, state = env.reset(KEY)
    places = [np.asarray(state.inner.position)]
    for t in range(4):
        state = env.step(jr.fold_in(KEY, t), state, jnp.zeros(2)).state
        places.append(np.asarray(state.inner.position))
    assert len({tuple(place) for place in places}) == 5


@pytest.mark.parametrize(
    "wrap",
    [
        lambda env: FrameStack(env, 2),
        lambda env: StickyAction(env, 0.3),
        lambda env: TimeLimit(env, 2),
    ],
)
def test_wrappers_inside(wrap):
    """The task is in the innermost state, and what a wrapper makes of a state is made
    of one that has it."""
    env = Trial(wrap(PointRobot(max_steps=2)), 3)
    _, state = env.reset(KEY)
    goal = goal_in(state)
    for t in range(5):
        state = env.step(jr.fold_in(KEY, t), state, jnp.zeros(2)).state
        np.testing.assert_array_equal(goal_in(state), goal)
    state = env.step(KEY, state, jnp.zeros(2)).state
    assert not jnp.array_equal(goal_in(state), goal)


def goal_in(state):
    while not hasattr(state, "goal"):
        state = state.inner
    return state.goal


def draw(key):
    return CartPole(pole_half_length=jr.uniform(key, minval=0.2, maxval=2), max_steps=2)


def test_the_task_may_be_the_environment():
    env = Trial(DrawnEnvironment(draw), 3)
    _, state = env.reset(KEY)
    lengths = []
    for t in range(6):
        lengths.append(float(env.env.drawn(state.inner).pole_half_length))
        state = env.step(jr.fold_in(KEY, t), state, 0).state
    assert len(set(lengths)) == 1
    assert float(env.env.drawn(state.inner).pole_half_length) != lengths[0]


def test_an_environment_without_tasks():
    with pytest.raises(ValueError, match="names its `task_fields`; CartPole has none"):
        Trial(CartPole())
    with pytest.raises(ValueError, match="StickyAction has none"):
        Trial(StickyAction(CartPole()))


@pytest.mark.parametrize("max_steps", [NO_LIMIT, NO_LIMIT - 1, 2**30])
def test_the_time_limit_of_a_trial_fits_its_dtype(max_steps):
    env = Trial(PointRobot(max_steps=max_steps), 2)
    assert env.max_steps == NO_LIMIT
    assert Trial(PointRobot(max_steps=2**30 - 1), 2).max_steps == 2**31 - 2


def test_what_a_wrapper_keeps_survives_the_episodes_of_a_trial():
    env = Trial(StickyAction(PointRobot(max_steps=1), 0.0, carry_over=True), 3)
    _, state = env.reset(KEY)
    action = jnp.array([0.1, -0.1])
    step = env.advance(KEY, state, action)
    assert step.info["episode_ended"] and step.state.inner.time == 0
    np.testing.assert_array_equal(step.state.inner.last_action, action)
