import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats

from eqenvs import CartPole, Catch, evaluate, Pendulum, spec, VectorEnvironment
from eqenvs._episodes import EpisodeStatistics
from eqenvs.agents import ActorCritic, PPO
from eqenvs.agents._critic import append, evaluate as evaluate_states
from eqenvs.agents._minibatches import random_order, shuffle
from eqenvs.agents.ppo import (
    _Batch,
    _collect,
    _loss,
    _Step,
    advantages,
    PPOLearner,
)
from eqenvs.wrappers import FrameStack, PixelObservation


SMALL = dict(num_envs=8, rollout_steps=8, num_minibatches=2, num_epochs=2)


def advantages_by_hand(rewards, values, next_values, terminated, ended, gamma, lam):
    """The definition: a sum of discounted errors up to the end of the episode."""
    result = []
    for t in range(len(rewards)):
        total, weight = 0.0, 1.0
        for k in range(t, len(rewards)):
            future = 0.0 if terminated[k] else next_values[k]
            total += weight * (rewards[k] + gamma * future - values[k])
            weight *= gamma * lam
            if ended[k]:
                break
        result.append(total)
    return np.array(result)


def test_advantages_are_those_of_the_definition(either_precision):
    generator = np.random.default_rng(0)
    rewards, values, next_values = generator.normal(size=(3, 30))
    terminated = generator.random(30) < 0.1
    truncated = (generator.random(30) < 0.1) & ~terminated
    assert terminated.any() and truncated.any()
    ended = terminated | truncated
    nothing = jnp.zeros((30, 1))
    steps = _Step(
        observation=nothing,
        draw=nothing,
        log_prob=nothing,
        reward=jnp.asarray(rewards, float)[:, None],
        terminated=jnp.asarray(terminated)[:, None],
        truncated=jnp.asarray(truncated)[:, None],
        final_observation=nothing,
    )
    ours = advantages(
        steps,
        jnp.asarray(values, float)[:, None],
        jnp.asarray(next_values, float)[:, None],
        jnp.array(0.9),
        jnp.array(0.8),
    )[:, 0]
    expected = advantages_by_hand(
        rewards, values, next_values, terminated, ended, 0.9, 0.8
    )
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("max_steps", [1, 5, 1000])
def test_the_critic_is_asked_about_where_an_episode_was_cut_off(max_steps):
    """With a time limit of one step, every value learned is that of one more step: it
    can be learned only from the final observation, which the next episode hides."""
    env = CartPole(max_steps=max_steps)
    ppo = PPO(reward_scale=0.5, **SMALL)
    envs = VectorEnvironment(env, 8)
    _, states = envs.reset(jr.key(0))
    agent = ActorCritic(env.observation_space, env.action_space, key=jr.key(1))
    learner = PPOLearner(
        agent=agent,
        optimizer_state=None,
        states=states,
        carry=None,
        episodes=EpisodeStatistics.start(8),
        num_updates=jnp.int32(0),
        planned_updates=jnp.array(1.0),
    )
    states, _, _, steps = eqx.filter_jit(_collect)(ppo, envs, learner, jr.key(2))
    assert (steps.reward == 0.5).all()
    assert all(0 < lanes.sum() < 8 for lanes in steps.draw)  # Each has its own key.
    _, value, next_value = eqx.filter_jit(evaluate_states)(
        agent,
        None,
        append(steps.observation, envs.observe(states)),
        steps.final_observation,
        steps.terminated,
        steps.truncated,
    )
    value_of = jax.jit(jax.vmap(jax.vmap(agent.value)))
    np.testing.assert_allclose(value, value_of(steps.observation), atol=1e-6)
    # What a terminated episode ended on has no value, whatever is written there.
    expected = jnp.where(
        steps.terminated, next_value, value_of(steps.final_observation)
    )
    np.testing.assert_allclose(next_value, expected, atol=1e-6)
    if max_steps == 1:
        assert steps.truncated.all() and not steps.terminated.any()
        next_starts = value[1:]
        assert not np.allclose(next_value[:-1], next_starts, atol=1e-4)


def test_minibatches_are_random():
    orders = jax.vmap(lambda key: random_order(key, 6))(jr.split(jr.key(0), 6000))
    np.testing.assert_array_equal(jnp.sort(orders, axis=1), [list(range(6))] * 6000)
    _, counts = np.unique(orders, axis=0, return_counts=True)
    assert len(counts) == 720  # Every order, about equally often.
    assert scipy.stats.chisquare(counts).pvalue > 1e-3
    large = np.asarray(random_order(jr.key(1), 2**20 + 1))
    np.testing.assert_array_equal(np.sort(large), np.arange(2**20 + 1))


@pytest.mark.parametrize("num_steps, group_size", [(6, 1), (3, 2), (1, 4)])
def test_steps_are_dealt_out_evenly(num_steps, group_size):
    """And a device with some of the lanes deals its own steps out as one with all."""
    key, lanes = jr.key(0), jnp.arange(8, dtype=jnp.uint32)
    num_minibatches = {6: 3, 3: 2, 1: 4}[num_steps]
    deal = eqx.filter_jit(shuffle)
    order = np.asarray(deal(key, lanes, num_steps, num_minibatches))
    assert (np.sort(order.ravel()) == np.arange(8 * num_steps)).all()
    for minibatch in order:
        groups, counts = np.unique(minibatch % 8 // group_size, return_counts=True)
        assert len(groups) == 8 // group_size and len(set(counts)) == 1
    step, lane = order // 8, order % 8
    here = np.asarray(deal(key, lanes[4:], num_steps, num_minibatches))
    for minibatch, *whole in zip(here, step, lane, strict=True):
        expected = {(t, i) for t, i in zip(*whole, strict=True) if i >= 4}
        assert {(x // 4, 4 + x % 4) for x in minibatch} == expected
    with pytest.raises(ValueError, match="must be a multiple of 5; got 8"):
        shuffle(key, lanes, num_steps=4, num_minibatches=5)


def test_the_loss_is_that_of_the_paper(either_precision):
    """Against NumPy and SciPy, for a policy with two actions and for a normal one."""
    generator = np.random.default_rng(0)
    ppo = PPO(clip_epsilon=0.1, entropy_coefficient=0.3, value_coefficient=0.7)
    advantage, target = generator.normal(size=(2, 64))
    old_log_prob = np.log(0.5) + 0.3 * generator.normal(size=64)
    for env in (CartPole(), Pendulum()):
        size = env.observation_space.shape[0]
        observation = generator.normal(size=(64, size))
        agent = ActorCritic(env.observation_space, env.action_space, key=jr.key(1))
        agent = eqx.tree_at(
            lambda a: a.actor.layers[-1].weight, agent, replace_fn=lambda w: 50 * w
        )
        output = np.asarray(jax.vmap(agent.actor)(jnp.asarray(observation, float)))
        value = np.asarray(jax.vmap(agent.critic)(jnp.asarray(observation, float)))
        if env.action_space.shape == ():
            draw = generator.integers(0, 2, 64)
            probs = np.exp(output) / np.exp(output).sum(1, keepdims=True)
            log_prob = np.log(probs[np.arange(64), draw])
            entropy = scipy.stats.entropy(probs, axis=1)
            draw = jnp.asarray(draw, jnp.int32)
        else:
            draw = generator.normal(size=(64, 1))
            log_prob = scipy.stats.norm(output, 1).logpdf(draw)[:, 0]
            entropy = np.full(64, scipy.stats.norm.entropy(0, 1))
            draw = jnp.asarray(draw, float)
        batch = _Batch(
            jnp.asarray(observation, float),
            draw,
            *(jnp.asarray(x, float) for x in (old_log_prob, advantage, target)),
            ended=jnp.zeros(64, bool),
            carry=None,
        )
        loss, losses = eqx.filter_jit(_loss)(ppo, agent, batch)
        scaled = (advantage - advantage.mean()) / advantage.std()
        ratio = np.exp(log_prob - old_log_prob)
        clipped = np.clip(ratio, 0.9, 1.1)
        expected = {
            "policy_loss": -np.minimum(ratio * scaled, clipped * scaled).mean(),
            "value_loss": np.mean((value - target) ** 2) / 2,
            "entropy": entropy.mean(),
            "approximate_kl": np.mean(ratio - 1 - np.log(ratio)),
            "clip_fraction": np.mean((ratio < 0.9) | (ratio > 1.1)),
        }
        assert set(losses) == set(expected)
        for name, x in losses.items():
            np.testing.assert_allclose(x, expected[name], rtol=1e-4, err_msg=name)
        np.testing.assert_allclose(
            loss,
            expected["policy_loss"]
            + 0.7 * expected["value_loss"]
            - 0.3 * expected["entropy"],
            rtol=1e-4,
        )


@pytest.mark.slow
def test_it_solves_cartpole():
    options = spec("CartPole-v1").training["ppo"]
    agent, metrics, _ = PPO(**drop(options)).train(
        CartPole(), 0, options["num_steps"], target_return=options["target_return"]
    )
    returns = np.asarray(metrics["return"])
    reached = int(np.nanargmax(returns >= 495))
    assert np.isnan(returns[reached + 1 :]).all()  # It stopped there.
    assert metrics["steps"][reached] < 400_000
    result = evaluate(CartPole(), agent.greedy, 1, 100)
    assert result.episode_return.mean() > 490


@pytest.mark.exhaustive
@pytest.mark.slow
def test_it_learns_pendulum():
    options = spec("Pendulum-v1").training["ppo"]
    agent, *_ = PPO(**drop(options)).train(Pendulum(), 0, 400_000)
    result = evaluate(Pendulum(), agent.greedy, 1, 100)
    assert result.episode_return.mean() > -300  # Random actions get about -1200.


def drop(options):
    return {k: v for k, v in options.items() if k not in ("num_steps", "target_return")}


@pytest.mark.trained
def test_it_learns_from_stacked_pixels():
    env = FrameStack(PixelObservation(Catch(), (20, 10), grayscale=True), 2)
    ppo = PPO(
        num_envs=128,
        rollout_steps=36,
        num_epochs=2,
        num_minibatches=4,
        learning_rate=2e-3,
        activation="relu",
    )
    agent = ppo.train(env, 0, 400_000).agent
    assert agent.actor.convolution is not None
    assert evaluate(env, agent.greedy, 1, 200).episode_return.mean() > 0.95


def test_vmap_over_seeds_and_hyperparameters():
    def train(learning_rate, key):
        ppo = PPO(learning_rate=learning_rate, **SMALL)
        return ppo.train(CartPole(), key, 3 * 64)

    keys = jnp.stack([jr.key(0), jr.key(0), jr.key(1)])
    rates = jnp.array([1e-3, 0.0, 1e-3])
    agents, metrics, _ = eqx.filter_vmap(train)(rates, keys)
    assert metrics["return"].shape == (3, 3)
    weights = agents.actor.layers[0].weight
    assert not np.allclose(weights[0], weights[1])
    assert not np.allclose(weights[0], weights[2])
    alone, *_ = train(rates[0], keys[0])
    np.testing.assert_allclose(
        weights[0], alone.actor.layers[0].weight, rtol=1e-3, atol=1e-4
    )
    # Without a step size nothing is learned.
    untrained = PPO(**SMALL).init(CartPole(), jr.fold_in(jr.key(0), 2**32 - 1)).agent
    np.testing.assert_allclose(weights[1], untrained.actor.layers[0].weight)


@pytest.mark.parametrize("memory", ["none", "lstm"])
def test_metrics(memory):
    """Without a step size, the policy that learns stays the policy that plays; and a
    memory that goes over a rollout once more remembers what it did when it played."""
    ppo = PPO(learning_rate=0, memory=memory, **SMALL)
    # Rollouts begin in the middle of episodes.
    _, metrics, learner = ppo.train(CartPole(max_steps=3), 0, 3 * 64)
    np.testing.assert_array_equal(metrics["steps"], [64, 128, 192])
    np.testing.assert_array_equal(metrics["return"], [3, 3, 3])
    np.testing.assert_array_equal(metrics["length"], [3, 3, 3])
    np.testing.assert_allclose(metrics["approximate_kl"], 0, atol=1e-6)
    np.testing.assert_array_equal(metrics["clip_fraction"], 0)
    np.testing.assert_allclose(metrics["policy_loss"], 0, atol=1e-6)
    np.testing.assert_allclose(metrics["entropy"], np.log(2), atol=1e-3)
    assert (metrics["value_loss"] > 0).all()
    assert (metrics["explained_variance"] < 1).all()
    assert learner.num_updates == 3 and learner.planned_updates == 3


def test_the_learning_rate_falls_to_zero():
    def change(first, num_steps):
        """How far the second update moves the weights, if `num_steps` are planned."""
        trained = PPO(**SMALL).train(
            CartPole(), 0, num_steps, learner=first, target_return=-1
        )
        assert trained.learner.num_updates == 2
        before, after = first.agent.actor.layers, trained.agent.actor.layers
        return jnp.abs(after[0].weight - before[0].weight).max()

    first = PPO(**SMALL).train(CartPole(), 0, 64).learner
    half = change(first, 2 * 64) / change(first, 10**6 * 64)
    assert 0.4 < half < 0.6
    assert float(first.remaining()) == 0


def test_one_agent_in_many_worlds():
    """Lane `i` is in world `i`: with gravity the only difference, each has its own."""
    torques = jnp.linspace(1.0, 4.0, 8)
    worlds = eqx.filter_vmap(lambda t: Pendulum(max_torque=t, max_steps=5))(torques)
    agent, metrics, _ = PPO(**SMALL).train(worlds, 0, 2 * 64)
    assert metrics["length"][-1] == 5
    low, high = (bound.value for bound in agent.bounds)
    assert float(low[0]) == -4 and float(high[0]) == 4
    with pytest.raises(ValueError, match="num_envs=4"):
        PPO(num_envs=4, rollout_steps=4).train(worlds, 0, 64)


def test_mistakes(unchecked):
    with pytest.raises(ValueError, match=r"multiple of num_minibatches; got 5 \* 7"):
        PPO(num_envs=5, rollout_steps=7, num_minibatches=2)
    with pytest.raises(ValueError, match=r"with a memory, .* got 6 and 4"):
        PPO(num_envs=6, rollout_steps=4, num_minibatches=4, memory="gru")
    with pytest.raises(TypeError, match="PPO has no parameter 'lr'"):
        PPO(lr=1)
    with pytest.raises(ValueError, match=r"PPO\.discount.*from 0 to 1; got 2"):
        PPO(discount=2)
    with pytest.raises(ValueError, match="num_steps must be at least 1; got 0"):
        PPO().train(CartPole(), 0, 0)


def test_nothing_is_promoted_or_broadcast_implicitly():
    ppo = PPO(**SMALL)
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        for env in (CartPole(), Pendulum()):
            jax.eval_shape(lambda key, env=env: ppo.train(env, key, 64)[1:], jr.key(0))


def test_both_precisions(either_precision):
    """One continuous and one image environment's worth of dtypes."""
    agent, metrics, _ = PPO(**SMALL).train(Pendulum(max_steps=5), 0, 64)
    dtype = jnp.float64 if either_precision else jnp.float32
    assert agent.actor.layers[0].weight.dtype == dtype
    assert metrics["return"].dtype == dtype
    assert jax.tree.leaves(agent)
