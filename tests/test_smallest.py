"""The smallest complete environment, and how little an author has to write for it."""

import inspect

import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Int32

from eqenvs import AbstractEnvironment, AbstractState, evaluate, Transition
from eqenvs.spaces import Discrete


class ChainState(AbstractState):
    position: Int32[Array, ""]
    time: Int32[Array, ""]


class Chain(AbstractEnvironment[ChainState, Int32[Array, ""], Int32[Array, ""]]):
    max_steps = 10
    action_space = Discrete(2)
    observation_space = Discrete(2)

    def initial_state(self, key):
        return ChainState(position=jnp.int32(0), time=jnp.int32(0))

    def transition(self, key, state, action):
        next_state = ChainState(position=action, time=state.time + 1)
        return Transition(next_state, jnp.float32(state.position == 1))

    def observe(self, state):
        return state.position


def test_it_takes_at_most_23_lines():
    sources = [inspect.getsource(cls).strip() for cls in (ChainState, Chain)]
    assert len("\n".join(sources).splitlines()) <= 23


def test_it_is_complete():
    env = Chain(max_steps=4)
    _, state = env.reset(jr.key(0))
    rewards, truncated = [], []
    for t in range(4):
        step = env.step(jr.key(t), state, 1)
        rewards.append(float(step.reward))
        truncated.append(bool(step.truncated))
        state = step.state
    assert rewards == [0, 1, 1, 1] and truncated == [False, False, False, True]
    assert state.time == 0 and state.position == 0
    evaluation = evaluate(env, lambda key, observation: 1 - observation, 0, 3)
    assert (evaluation.episode_return == 2).all()
    assert (evaluation.episode_length == 4).all()
