"""Runs bsuite's environments on given random outcomes.

Every environment of ours is run for some steps, resets included, in one compiled scan.
The original is then driven through the same actions, with a generator that hands out
what ours drew, and everything that it returns is compared.
"""

import collections

import equinox as eqx
import jax
import jax.random as jr
import numpy as np


class Replay:
    """Stands in for the `RandomState` of an environment; hands out given numbers.

    Numbers are fed under the name of the method that has to ask for them. The coins and
    the integers all have to be asked for; what a step of DeepSea asks for depends on
    where the diver is.
    """

    def __init__(self):
        self.queues = collections.defaultdict(collections.deque)

    def feed(self, method, *values):
        self.queues[method].extend(values)

    @property
    def is_used_up(self):
        return not self.queues["binomial"] and not self.queues["randint"]

    def binomial(self, n, p, size=None):
        assert (n, p) == (1, 0.5)
        value = self.queues["binomial"].popleft()
        if size is None:
            assert np.shape(value) == ()
            return int(value)
        assert np.shape(value) == (size,)
        return np.asarray(value, int)

    def randint(self, n):
        value = int(self.queues["randint"].popleft())
        assert 0 <= value < n
        return value

    def rand(self):
        return float(self.queues["rand"][-1])

    def randn(self):
        return float(self.queues["randn"][-1])


@eqx.filter_jit
def run(env, key, actions):
    """Steps through `actions`; returns the first observation and state, the keys of
    the steps, and the steps."""
    reset_key, key = jr.split(key)
    keys = jr.split(key, actions.shape[0])
    observation, state = env.reset(reset_key)

    def body(state, key_and_action):
        key, action = key_and_action
        step = env.step(key, state, action)
        return step.state, step

    _, steps = jax.lax.scan(body, state, (keys, actions))
    return observation, state, keys, steps


def at(tree, i):
    return jax.tree.map(lambda x: x[i], tree)


def compare(
    env,
    original,
    seed,
    actions,
    *,
    feed_reset=lambda replay, state: None,
    draw=lambda key: (),
    feed_step=lambda replay, outcomes, is_last: None,
):
    """Compares `env` with `original` along `actions`.

    `feed_reset(replay, state)` feeds what leads to the initial state `state`;
    `feed_step(replay, draw(key), is_last)` feeds what leads from a state to the next.
    Returns the number of whole episodes that were compared.
    """
    actions = np.asarray(actions, np.int32)
    observation, state, keys, steps = run(env, jr.key(seed), actions)
    drawn = jax.tree.map(np.asarray, jax.vmap(draw)(keys))
    observation, state, steps = jax.tree.map(np.asarray, (observation, state, steps))
    replay = original._rng = Replay()

    feed_reset(replay, state)
    assert_close(observation, original.reset().observation)
    assert replay.is_used_up
    episodes = 0
    for t, action in enumerate(actions):
        step = at(steps, t)
        feed_step(replay, at(drawn, t), step.terminated)
        theirs = original.step(int(action))
        assert replay.is_used_up
        assert_close(step.info["final_observation"], theirs.observation)
        assert_close(step.reward, np.float32(theirs.reward))
        assert step.terminated == theirs.last()
        assert not step.truncated
        if step.terminated:
            assert theirs.discount == 0
            episodes += 1
            feed_reset(replay, step.state)
            theirs = original.reset()
            assert replay.is_used_up
        assert_close(step.observation, theirs.observation)
    return episodes


def assert_close(ours, theirs):
    """Compares two arrays of 32-bit floats; the original has an axis of size 1 more."""
    assert ours.dtype == theirs.dtype == np.float32
    assert ours.size == theirs.size
    np.testing.assert_allclose(ours, theirs.reshape(ours.shape), rtol=2e-6, atol=2e-7)
