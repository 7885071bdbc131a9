"""Brax's wrappers and its PPO on environments of eqenvs."""

# pyright: reportMissingImports=false

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from eqenvs import CartPole, Catch, Pendulum, Taxi
from eqenvs.adapters import to_brax


envs = pytest.importorskip("brax.envs")


def test_an_episode_in_braxs_own_wrappers():
    env = CartPole()
    wrapped = envs.training.wrap(to_brax(env), episode_length=9)
    keys = jr.split(jr.PRNGKey(0), 3)
    state = wrapped.reset(keys)
    first = state.obs
    assert state.obs.shape == (3, 4) and wrapped.action_size == 2
    step = jax.jit(wrapped.step)
    for t in range(1, 10):
        right = jnp.tile(jax.nn.one_hot(t % 2, 2), (3, 1))
        state = step(state, right)
        np.testing.assert_array_equal(state.done, np.full(3, t == 9))
    assert (state.info["truncation"] == 1).all()
    # Brax goes back to where the lane began.
    np.testing.assert_array_equal(state.obs, first)


def test_actions():
    env = to_brax(Pendulum())
    state = env.reset(jr.PRNGKey(0))
    now, _ = jr.split(state.info["rng"])
    for number, torque in ((-1.0, -2.0), (0.25, 0.5), (1.0, 2.0)):
        step = env.step(state, jnp.array([number]))
        expected = env.env.advance(now, state.pipeline_state, jnp.array([torque]))
        np.testing.assert_array_equal(step.obs, expected.observation)
        np.testing.assert_array_equal(step.reward, expected.reward)


def test_observations_are_vectors():
    assert to_brax(Catch()).observation_size == 50
    env = to_brax(Taxi())
    assert env.reset(jr.PRNGKey(0)).obs.shape == (500,)


def replicated(tree, devices):
    """What JAX's guide says to write for what it removed, and Brax 0.14.2 calls."""
    mesh = jax.sharding.Mesh(np.array(devices), ("i",))
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("i"))
    return jax.tree.map(
        lambda x: jax.device_put(jnp.stack([x] * len(devices)), sharding), tree
    )


def test_ppo_runs(monkeypatch):
    try:
        jax.device_put_replicated  # noqa: B018
    except AttributeError:
        monkeypatch.setattr(jax, "device_put_replicated", replicated, raising=False)
    from brax.training.agents.ppo import train as ppo

    rewards = []
    make_policy, parameters, _ = ppo.train(
        to_brax(CartPole()),
        num_timesteps=20_000,
        episode_length=200,
        num_envs=64,
        unroll_length=16,
        batch_size=64,
        num_minibatches=4,
        num_updates_per_batch=4,
        num_evals=2,
        num_eval_envs=16,
        learning_rate=3e-3,
        max_devices_per_host=1,
        seed=0,
        progress_fn=lambda steps, metrics: rewards.append(
            float(metrics["eval/episode_reward"])
        ),
    )
    assert len(rewards) >= 2 and rewards[-1] > 1.5 * rewards[0]
    policy = make_policy(parameters, deterministic=True)
    state = to_brax(CartPole()).reset(jr.PRNGKey(0))
    action, _ = policy(state.obs[None], jr.PRNGKey(0))
    assert action.shape == (1, 2)


def test_mistakes(unchecked):
    with pytest.raises(TypeError, match="env must be an environment; got"):
        to_brax(CartPole)
