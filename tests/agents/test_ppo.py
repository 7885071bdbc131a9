import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from eqenvs import CartPole, evaluate, Pendulum, spaces, VectorEnvironment
from eqenvs.agents import ActorCritic, PPO
from eqenvs.agents.networks import flatten
from eqenvs.agents.ppo import _collect, _Learner, _Transition, advantages
from eqenvs.agents.settings import settings


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


def test_advantages_are_those_of_the_definition():
    generator = np.random.default_rng(0)
    rewards, values, next_values = generator.normal(size=(3, 30))
    terminated = generator.random(30) < 0.1
    truncated = (generator.random(30) < 0.1) & ~terminated
    assert terminated.any() and truncated.any()
    ended = terminated | truncated
    nothing = jnp.zeros((30, 1))
    transitions = _Transition(
        observation=nothing,
        draw=nothing,
        log_prob=nothing,
        value=jnp.asarray(values)[:, None],
        next_value=jnp.asarray(next_values)[:, None],
        reward=jnp.asarray(rewards)[:, None],
        terminated=jnp.asarray(terminated)[:, None],
        ended=jnp.asarray(ended)[:, None],
    )
    ours = advantages(transitions, jnp.array(0.9), jnp.array(0.8))[:, 0]
    expected = advantages_by_hand(
        rewards, values, next_values, terminated, ended, 0.9, 0.8
    )
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)


def test_the_critic_is_asked_about_where_an_episode_was_cut_off():
    """With a time limit of one step, every value learned is that of one more step: it
    can be learned only from the final observation, which the next episode hides."""
    env = CartPole(max_steps=1)
    ppo = PPO(**SMALL)
    envs = VectorEnvironment(env, 8)
    _, states = envs.reset(jr.key(0))
    agent = ActorCritic(env.observation_space, env.action_space, key=jr.key(1))
    zeros = jnp.zeros(8)
    learner = _Learner(agent, None, states, zeros, zeros.astype(int), zeros, zeros)
    _, transitions = eqx.filter_jit(_collect)(ppo, envs, learner, jr.key(2))
    assert transitions.ended.all() and not transitions.terminated.any()
    next_starts = transitions.value[1:]
    assert not np.allclose(transitions.next_value[:-1], next_starts, atol=1e-4)


@pytest.mark.slow
def test_it_solves_cartpole():
    options = settings("CartPole-v1")
    agent, curve = PPO(**drop(options)).train(CartPole(), 0, options["num_steps"])
    returns = np.asarray(curve.episode_return)
    reached = int(np.nanargmax(returns >= 495))
    assert np.isnan(returns[reached + 1 :]).all()  # It stopped there.
    assert curve.steps[reached] < 400_000
    result = evaluate(CartPole(), agent.greedy, 1, 100)
    assert result.episode_return.mean() > 490


@pytest.mark.slow
def test_it_learns_pendulum():
    options = settings("Pendulum-v1")
    agent, _ = PPO(**drop(options)).train(Pendulum(), 0, 400_000)
    result = evaluate(Pendulum(), agent.greedy, 1, 100)
    assert result.episode_return.mean() > -300  # Random actions get about -1200.


def drop(options):
    return {k: v for k, v in options.items() if k != "num_steps"}


def test_vmap_over_seeds_and_hyperparameters():
    def train(learning_rate, key):
        ppo = PPO(learning_rate=learning_rate, **SMALL)
        return ppo.train(CartPole(), key, 3 * 64)

    keys = jnp.stack([jr.key(0), jr.key(0), jr.key(1)])
    rates = jnp.array([1e-3, 0.0, 1e-3])
    agents, curves = eqx.filter_vmap(train)(rates, keys)
    assert curves.episode_return.shape == (3, 3)
    weights = agents.actor.layers[0].weight
    assert not np.allclose(weights[0], weights[1])
    assert not np.allclose(weights[0], weights[2])
    alone, _ = train(rates[0], keys[0])
    np.testing.assert_allclose(
        weights[0], alone.actor.layers[0].weight, rtol=1e-3, atol=1e-4
    )
    # Without a step size nothing is learned.
    untrained = ActorCritic(
        CartPole().observation_space,
        CartPole().action_space,
        key=jr.split(jr.key(0), 3)[0],
    )
    np.testing.assert_allclose(weights[1], untrained.actor.layers[0].weight)


def test_the_progress_bar_changes_nothing(capsys):
    ppo = PPO(**SMALL)
    quiet, curve = ppo.train(CartPole(), 0, 5 * 64)
    shown, same_curve = ppo.train(CartPole(), 0, 5 * 64, progress=True)
    np.testing.assert_allclose(
        quiet.actor.layers[0].weight, shown.actor.layers[0].weight, rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(curve.episode_return, same_curve.episode_return)
    written = capsys.readouterr().err
    assert "return" in written and "steps/s" in written and "320/320" in written


def test_the_curve_counts_episodes():
    ppo = PPO(**SMALL)
    _, curve = ppo.train(CartPole(max_steps=4), 0, 3 * 64)
    np.testing.assert_array_equal(curve.steps, [64, 128, 192])
    np.testing.assert_array_equal(curve.episode_return, [4, 4, 4])
    np.testing.assert_array_equal(curve.episode_length, [4, 4, 4])


def test_actions_reach_the_bounds_and_no_further():
    space = spaces.Box(jnp.array([-2.0, 0.0]), jnp.array([2.0, 10.0]))
    agent = ActorCritic(spaces.Box(-1.0, 1.0, (3,)), space, key=jr.key(0))
    to_action = lambda *x: np.asarray(agent.to_action(jnp.array(x)))  # noqa: E731
    np.testing.assert_allclose(to_action(0.0, 0.0), [0, 5])
    np.testing.assert_allclose(to_action(-1.0, 1.0), [-2, 10])
    np.testing.assert_allclose(to_action(-3.0, 3.0), [-2, 10])


def test_any_observation_becomes_a_vector():
    space = spaces.Dict(
        {
            "image": spaces.Box(False, True, (2, 2), bool),
            "place": spaces.Discrete(3),
            "rest": spaces.Tuple((spaces.MultiDiscrete((2, 2)), spaces.Box(0.0, 1.0))),
        }
    )
    value = {
        "image": jnp.array([[True, False], [False, True]]),
        "place": jnp.array(2),
        "rest": (jnp.array([0, 1]), jnp.array(0.5)),
    }
    np.testing.assert_array_equal(
        flatten(space, value), [1, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0.5]
    )


def test_mistakes(unchecked):
    with pytest.raises(ValueError, match=r"multiple of num_minibatches; got 5 \* 7"):
        PPO(num_envs=5, rollout_steps=7, num_minibatches=2)
    with pytest.raises(TypeError, match="PPO has no parameter 'lr'"):
        PPO(lr=1)
    with pytest.raises(ValueError, match=r"PPO\.discount.*from 0 to 1; got 2"):
        PPO(discount=2)
    with pytest.raises(ValueError, match="num_steps must be at least 1; got 0"):
        PPO().train(CartPole(), 0, 0)
    with pytest.raises(TypeError, match="action space must be a Discrete space or a"):
        ActorCritic(spaces.Discrete(2), spaces.MultiDiscrete((2, 2)), key=jr.key(0))


def test_x64(x64):
    agent, curve = PPO(**SMALL).train(Pendulum(max_steps=5), 0, 64)
    assert agent.actor.layers[0].weight.dtype == jnp.float64
    assert curve.episode_return.dtype == jnp.float64
    assert jax.tree.leaves(agent)
