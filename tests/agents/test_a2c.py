"""A2C: its loss and gradients beside NumPy, and its memory beside stepping."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.special

from eqenvs import (
    BernoulliBandit,
    CartPole,
    evaluate,
    MemoryChain,
    Pendulum,
    spec,
    VectorEnvironment,
)
from eqenvs.agents import A2C, ActorCritic, load, PPO, resume, train, training
from eqenvs.agents._returns import lambda_returns
from eqenvs.agents.a2c import _loss, _play, _Step
from eqenvs.spaces import Box, Discrete, MultiDiscrete
from eqenvs.wrappers import PreviousActionAndReward, TransformAction, Trial

from .test_ppo import advantages_by_hand
from .walk import assert_equal


SMALL = dict(num_envs=4, rollout_steps=6, hidden_width=8, hidden_depth=1)
T, B = 5, 2


def steps_of(seed=0, draw=None):
    """A made-up rollout, in which episodes end in both ways."""
    generator = np.random.default_rng(seed)
    terminated = generator.random((T, B)) < 0.2
    truncated = (generator.random((T, B)) < 0.3) & ~terminated
    assert terminated.any() and truncated.any()
    numbers = lambda *shape: jnp.asarray(generator.normal(size=shape), float)  # noqa: E731
    steps = _Step(
        observation=numbers(T, B, 4),
        draw=jnp.asarray(generator.integers(0, 3, (T, B)), jnp.int32),
        reward=numbers(T, B),
        terminated=jnp.asarray(terminated),
        truncated=jnp.asarray(truncated),
        final_observation=numbers(T, B, 4),
    )
    return steps, numbers(B, 4)


def targets_by_hand(steps, value, next_value, gamma, lam):
    """The returns of every lane by the definition."""
    terminated, truncated = np.asarray(steps.terminated), np.asarray(steps.truncated)
    lanes = [
        advantages_by_hand(
            np.asarray(steps.reward)[:, i], value[:, i], next_value[:, i],
            terminated[:, i], (terminated | truncated)[:, i], gamma, lam,
        )
        for i in range(B)
    ]  # fmt: skip
    return np.stack(lanes, 1) + value


def test_the_gradient_is_that_of_the_paper(x64):
    """A softmax of a linear function, whose gradient is written down in NumPy."""
    a2c = A2C(entropy_coefficient=0.3, value_coefficient=0.7, gae_lambda=0.8)
    agent = ActorCritic(
        Box(-1.0, 1.0, (4,)), Discrete(3), hidden_width=1, hidden_depth=0, key=jr.key(0)
    )
    agent = eqx.tree_at(
        lambda a: a.actor.layers[0].weight, agent, replace_fn=lambda w: 100 * w
    )
    steps, last = steps_of()
    (loss, losses), gradient = eqx.filter_jit(
        eqx.filter_value_and_grad(
            lambda a: _loss(a2c, a, None, steps, last), has_aux=True
        )
    )(agent)

    x = np.asarray(steps.observation)
    actor, critic = (
        np.asarray(n.layers[0].weight) for n in (agent.actor, agent.critic)
    )
    value_of = lambda x: (x @ critic.T)[..., 0]  # noqa: E731
    value = value_of(x)
    next_value = np.concatenate([value[1:], value_of(np.asarray(last))[None]])
    is_truncated = np.asarray(steps.truncated & ~steps.terminated)
    final_value = value_of(np.asarray(steps.final_observation))
    next_value = np.where(is_truncated, final_value, next_value)
    advantage = targets_by_hand(steps, value, next_value, 0.99, 0.8) - value
    log_probs = scipy.special.log_softmax(x @ actor.T, axis=-1)
    probs, drawn = np.exp(log_probs), np.eye(3)[np.asarray(steps.draw)]
    entropy = -(probs * log_probs).sum(-1)
    expected = {
        "policy_loss": -((drawn * log_probs).sum(-1) * advantage).mean(),
        "value_loss": (advantage**2).mean() / 2,
        "entropy": entropy.mean(),
    }
    assert set(losses) == set(expected)
    for name, x_ in losses.items():
        np.testing.assert_allclose(x_, expected[name], rtol=1e-6, err_msg=name)
    np.testing.assert_allclose(
        loss,
        expected["policy_loss"]
        + 0.7 * expected["value_loss"]
        - 0.3 * expected["entropy"],
    )
    by_logits = -advantage[..., None] * (drawn - probs)
    by_logits += 0.3 * probs * (log_probs + entropy[..., None])
    np.testing.assert_allclose(
        gradient.actor.layers[0].weight,
        np.einsum("tba,tbi->ai", by_logits, x) / (T * B),
    )
    np.testing.assert_allclose(
        gradient.critic.layers[0].weight[0],
        -0.7 * np.einsum("tb,tbi->i", advantage, x) / (T * B),
    )


@pytest.mark.parametrize("memory", ["gru", "lstm"])
def test_the_gradient_through_the_memory_is_that_of_stepping(memory, x64):
    """Through every step back to where the episode began, and no further."""
    a2c = A2C(memory=memory)
    agent = ActorCritic(
        Box(-1.0, 1.0, (4,)),
        Discrete(3),
        hidden_width=5,
        hidden_depth=1,
        memory=memory,
        key=jr.key(0),
    )
    agent = eqx.tree_at(
        lambda a: a.actor.layers[-1].weight, agent, replace_fn=lambda w: 100 * w
    )
    steps, last = steps_of()
    carry = jax.tree.map(
        lambda x: x + jr.normal(jr.key(1), x.shape), agent.initial_carries(B)
    )

    def stepping(agent):
        ended = steps.terminated | steps.truncated
        log_probs, values, next_values, entropies = [], [], [], []
        one = carry
        remember = jax.vmap(agent.remember)
        for t in range(T):
            features, one = remember(steps.observation[t], one)
            distribution = jax.vmap(agent.distribution)(features)
            log_probs.append(
                jax.vmap(lambda d, a: d.log_prob(a))(distribution, steps.draw[t])
            )
            entropies.append(jax.vmap(lambda d: d.entropy())(distribution))
            values.append(jax.vmap(agent.value)(features))
            final, _ = remember(steps.final_observation[t], one)
            next_values.append(jax.vmap(agent.value)(final))
            one = agent.restart(one, ended[t])
        features, _ = remember(last, one)
        values.append(jax.vmap(agent.value)(features))
        log_prob, value, final_value, entropy = map(
            jnp.stack, (log_probs, values, next_values, entropies)
        )
        next_value = jnp.where(steps.truncated, final_value, value[1:])
        value = value[:-1]
        target = jax.lax.stop_gradient(
            lambda_returns(
                steps.reward, next_value, steps.terminated, steps.truncated,
                a2c.discount, a2c.gae_lambda,
            )
        )  # fmt: skip
        advantage = jax.lax.stop_gradient(target - value)
        return (
            -(log_prob * advantage).mean()
            + a2c.value_coefficient * ((target - value) ** 2).mean() / 2
            - a2c.entropy_coefficient * entropy.mean()
        )

    loss, gradient = eqx.filter_jit(
        eqx.filter_value_and_grad(lambda a: _loss(a2c, a, carry, steps, last)[0])
    )(agent)
    other_loss, expected = eqx.filter_jit(eqx.filter_value_and_grad(stepping))(agent)
    np.testing.assert_allclose(loss, other_loss, rtol=1e-9)
    leaves = jax.tree.leaves(gradient)
    assert all(jnp.abs(x).max() > 0 for x in leaves)
    for x, y in zip(leaves, jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-6, atol=1e-10)


CHAIN = MemoryChain(memory_length=3)
RECURRENT = A2C(memory="gru", reward_scale=0.5, **SMALL)


def test_playing_carries_the_memory_on():
    """The rollout after this one begins with what this one ended with."""
    learner = RECURRENT.init(CHAIN, jr.key(0))
    carry = learner.carry + 1
    learner = eqx.tree_at(lambda l: l.carry, learner, carry)
    envs = VectorEnvironment(CHAIN, 4)
    play = eqx.filter_jit(_play)
    _, after, episodes, steps = play(RECURRENT, envs, learner, jr.key(1))
    assert steps.terminated[3].all() and (episodes.last_length == 4).all()
    assert set(np.unique(steps.reward)) == {-0.5, 0.0, 0.5}
    assert all(0 < lanes.sum() < 4 for lanes in steps.draw[:5])  # Own keys.
    _, carries = learner.agent.unroll(steps.observation, steps.terminated, carry)
    np.testing.assert_allclose(after, carries[-1], atol=1e-6)


def test_the_learning_rate_falls_to_zero():
    learner = RECURRENT.init(CHAIN, jr.key(0))
    learner = eqx.tree_at(lambda l: l.num_updates, learner, jnp.int32(1))

    @eqx.filter_jit
    def change(planned):
        start = eqx.tree_at(lambda l: l.planned_updates, learner, planned)
        end, _ = RECURRENT.update(CHAIN, start, jr.key(1))
        before, after = start.agent.actor.layers, end.agent.actor.layers
        return jnp.abs(after[0].weight - before[0].weight).max()

    whole = change(jnp.array(jnp.inf))
    assert 0.5e-3 < whole < 1.01e-3
    np.testing.assert_allclose(change(jnp.array(2.0)), whole / 2, rtol=0.01)
    np.testing.assert_allclose(change(jnp.array(1.0)), 0)


def test_seeds_hyperparameters_and_worlds_are_lanes():
    """Every lane is a meta-learner in a world of its own."""

    def learner_of(payoff, key):
        bandit = BernoulliBandit(payoff, max_steps=3)
        env = PreviousActionAndReward(Trial(bandit, num_episodes=2))
        a2c = A2C(memory="lstm", learning_rate=payoff / 100, **SMALL)
        return a2c, env, key

    def train_one(payoff, key):
        a2c, env, key = learner_of(payoff, key)
        return train(a2c, env, key, 3 * a2c.steps_per_update)

    payoffs = jnp.array([0.0, 0.5, 0.0])
    keys = jnp.stack([jr.key(0), jr.key(0), jr.key(1)])
    agents, metrics, learners = eqx.filter_vmap(train_one)(payoffs, keys)
    assert metrics["return"].shape == (3, 3)
    np.testing.assert_array_equal(metrics["length"], 6)
    assert jax.tree.leaves(learners.carry)[0].shape == (3, 4, 8)
    weights = agents.actor.layers[0].weight
    a2c, env, key = learner_of(0.0, keys[0])
    start = a2c.init(env, jr.fold_in(key, 2**32 - 1)).agent.actor.layers[0].weight
    # Without a step size nothing is learned.
    np.testing.assert_allclose(weights[0], start, rtol=1e-6)
    assert not np.allclose(weights[1], start, atol=1e-3)
    assert not np.allclose(weights[2], start, atol=1e-3)


class Interrupted(Exception):
    pass


def test_a_run_with_a_memory_is_resumed_to_the_last_bit(tmp_path, monkeypatch):
    env, a2c = MemoryChain(memory_length=3), A2C(memory="lstm", **SMALL)
    whole = train(a2c, env, 0, 6 * 24)

    def interrupt(row):
        if row["steps"] == 3 * 24:
            raise Interrupted

    monkeypatch.setattr(training, "_MAX_PIECE", 3)
    with pytest.raises(Interrupted):
        train(a2c, env, 0, 6 * 24, folder=tmp_path, log=interrupt, checkpoint_seconds=0)
    monkeypatch.undo()
    assert 0 < load(tmp_path).learner.num_updates < 6
    assert any(jnp.abs(x).max() > 0 for x in load(tmp_path).learner.carry)
    assert_equal(resume(tmp_path).learner, whole.learner)
    assert load(tmp_path).algorithm.memory == "lstm"


@pytest.mark.parametrize("memory", ["none", "gru"])
def test_all_actions_in_both_precisions(memory, either_precision):
    two = TransformAction(CartPole(), lambda a: a[0] ^ a[1], MultiDiscrete((2, 2)))
    a2c = A2C(memory=memory, **SMALL)
    for env in (CartPole(), Pendulum(max_steps=2), two):
        with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
            agent, metrics, _ = eqx.filter_eval_shape(train, a2c, env, jr.key(0), 24)
        dtype = jnp.float64 if either_precision else jnp.float32
        assert agent.actor.layers[0].weight.dtype == dtype
        assert metrics["return"].dtype == dtype


def returns_of(algorithm, env, num_steps):
    """Those of agents that were trained from four seeds."""

    def train_one(key):
        agent = train(algorithm, env, key, num_steps).agent
        return evaluate(env, agent.greedy, key, 100).episode_return.mean()

    return eqx.filter_jit(eqx.filter_vmap(train_one))(jr.split(jr.key(0), 4))


@pytest.mark.trained
def test_it_solves_cartpole_from_several_seeds():
    settings = dict(spec("CartPole-v1").training["a2c"])
    num_steps, _ = settings.pop("num_steps"), settings.pop("target_return")
    returns = returns_of(A2C(**settings), CartPole(), num_steps)
    assert np.median(returns) > 475 and np.min(returns) > 300


@pytest.mark.trained
@pytest.mark.parametrize("algorithm", [A2C, PPO])
@pytest.mark.parametrize("memory", ["gru", "lstm"])
def test_a_memory_solves_memory_chain(algorithm, memory):
    settings = dict(spec("MemoryChain-bsuite").training[algorithm.__name__.lower()])
    num_steps = settings.pop("num_steps")
    agents = algorithm(**settings | {"memory": memory})
    returns = returns_of(agents, MemoryChain(memory_length=12), num_steps)
    np.testing.assert_array_equal(returns, 1)


@pytest.mark.trained
def test_without_a_memory_nobody_solves_memory_chain():
    settings = dict(spec("MemoryChain-bsuite").training["a2c"])
    num_steps = settings.pop("num_steps")
    agents = A2C(**settings | {"memory": "none"})
    returns = returns_of(agents, MemoryChain(memory_length=12), num_steps)
    assert (abs(returns) < 0.5).all()
