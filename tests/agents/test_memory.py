"""Recurrent cells and agents, beside Equinox's cells and step after step."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from eqenvs import evaluate, MemoryChain, population_rollout, rollout
from eqenvs.agents import ActorCritic
from eqenvs.agents.memory import CELLS
from eqenvs.wrappers import PreviousActionAndReward

from .walk import assert_equal


# Its episodes take four steps.
ENV = MemoryChain(memory_length=3)


def agent_of(env, memory, **options):
    return ActorCritic(
        env.observation_space,
        env.action_space,
        hidden_width=8,
        hidden_depth=1,
        memory=memory,
        key=jr.key(0),
        **options,
    )


@pytest.mark.parametrize("memory", ["gru", "lstm"])
def test_the_cells_are_those_of_equinox(memory, either_precision):
    cell = CELLS[memory](3, 5, key=jr.key(0))
    noise = lambda i, shape: jr.normal(jr.key(i), shape)  # noqa: E731
    biases = noise(1, cell.to_gates.bias.shape), noise(2, cell.recurrent.bias.shape)
    cell = eqx.tree_at(lambda c: (c.to_gates.bias, c.recurrent.bias), cell, biases)
    theirs = {"gru": eqx.nn.GRUCell, "lstm": eqx.nn.LSTMCell}[memory](
        3, 5, key=jr.key(0)
    )
    # Equinox's GRU has no second bias but for the new content.
    second = biases[1].at[10:].set(0) if memory == "gru" else biases[1]
    theirs = eqx.tree_at(
        lambda c: (c.weight_ih, c.weight_hh, c.bias),
        theirs,
        (cell.to_gates.weight, cell.recurrent.weight, biases[0] + second),
    )
    if memory == "gru":
        theirs = eqx.tree_at(lambda c: c.bias_n, theirs, biases[1][10:])
    input = noise(3, (3,))
    carry = jax.tree.map(lambda x: x + noise(4, (5,)), cell.initial_carry)
    output, new = cell(input, carry)
    expected = theirs(input, carry)
    np.testing.assert_allclose(
        output, expected if memory == "gru" else expected[0], rtol=1e-5, atol=1e-6
    )
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6),
        new,
        expected,
    )


@pytest.mark.parametrize("memory", ["gru", "lstm"])
def test_unrolling_is_stepping(memory, either_precision):
    """Episodes end in the middle, in each lane elsewhere."""
    agent = agent_of(ENV, memory)
    observations = jr.normal(jr.key(1), (6, 2, *ENV.observation_space.shape))
    ended = jnp.zeros((6, 2), bool).at[2, 0].set(True).at[3, 1].set(True)
    carry = jax.tree.map(
        lambda x: x + jr.normal(jr.key(2), x.shape), agent.initial_carries(2)
    )
    features, carries = eqx.filter_jit(agent.unroll)(observations, ended, carry)
    assert features.shape == (6, 2, 8)
    close = lambda x, y: np.testing.assert_allclose(x, y, atol=1e-5)  # noqa: E731
    remember = eqx.filter_jit(agent.remember)
    at = lambda tree, *index: jax.tree.map(lambda x: x[index], tree)  # noqa: E731
    for lane in range(2):
        one = at(carry, lane)
        for t in range(6):
            output, one = remember(observations[t, lane], one)
            close(output, features[t, lane])
            jax.tree.map(close, one, at(carries, t, lane))
            if ended[t, lane]:
                one = agent.initial_carry
    # What happened before an episode began says nothing about it.
    changed = observations.at[:3, 0].add(1.0)
    other, _ = eqx.filter_jit(agent.unroll)(changed, ended, carry)
    np.testing.assert_array_equal(other[3:], features[3:])
    assert (jnp.abs(other[:3, 0] - features[:3, 0]).max(1) > 1e-3).all()


@pytest.mark.parametrize("memory", ["gru", "lstm"])
def test_rollouts_carry_the_memory_from_step_to_step(memory):
    agent = agent_of(ENV, memory)
    result = rollout(ENV, agent.greedy, 0, num_steps=10, num_envs=3)
    steps = result.trajectory
    ended = steps.terminated | steps.truncated
    assert ended.sum() == 6
    features, carries = agent.unroll(steps.observation, ended, agent.initial_carries(3))
    actions = jax.vmap(jax.vmap(lambda x: agent.distribution(x).mode()))(features)
    np.testing.assert_array_equal(steps.action, actions)
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y[-1], atol=1e-5),
        result.carry,
        carries,
    )
    # A given carry counts for more than the agent's own.
    other = jax.tree.map(lambda x: x + 1.0, agent.initial_carry)
    given = rollout(ENV, agent.greedy, 0, num_steps=1, initial_carry=other)
    assert not np.allclose(jax.tree.leaves(given.carry)[0], 0, atol=0.1)


def test_every_way_to_play_finds_the_memory():
    agent = agent_of(ENV, "gru")
    assert evaluate(ENV, agent, 0, 3).episode_length.tolist() == [4, 4, 4]
    agents = eqx.filter_vmap(lambda key: agent_of(ENV, "gru"))(jr.split(jr.key(0), 2))
    result = population_rollout(ENV, agents, 0, num_steps=4)
    assert result.episode_length.tolist() == [4, 4]
    action, carry = agent(jr.key(0), jnp.zeros(3))
    assert action.shape == () and carry.shape == (8,)


def test_any_observation_is_remembered(either_precision):
    env = PreviousActionAndReward(ENV)
    agent = agent_of(env, "lstm")
    result = rollout(env, agent, 0, num_steps=2)
    output, _ = jax.tree.leaves(result.carry)
    assert output.dtype == (jnp.float64 if either_precision else jnp.float32)


def test_without_a_memory_nothing_is_carried():
    agent = agent_of(ENV, "none")
    assert agent.initial_carry is None and agent.encoder is None
    observations, ended = jnp.ones((2, 3, 3)), jnp.zeros((2, 3), bool)
    assert_equal(agent.unroll(observations, ended, None), (observations, None))
    assert agent(jr.key(0), jnp.ones(3)).shape == ()
