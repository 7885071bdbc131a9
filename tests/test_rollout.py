import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import eqenvs
from eqenvs import CartPole, evaluate, Pendulum, population_rollout, rollout

from .trees import assert_close, assert_equal


class Balance(eqx.Module):
    """Pushes towards where the pole leans; with the right gain it never falls."""

    gain: jax.Array

    def __call__(self, key, observation):
        _, x_dot, theta, theta_dot = observation
        lean = theta + self.gain * theta_dot + 0.08 * x_dot
        return (lean > 0).astype(jnp.int32)


class Counter(eqx.Module):
    """A recurrent policy that counts the steps of an episode."""

    def __call__(self, key, observation, carry):
        action = (carry["steps"] % 2).astype(jnp.int32)
        return action, {"steps": carry["steps"] + 1}


good, bad = Balance(jnp.array(0.3)), Balance(jnp.array(-1.0))


def test_one_episode():
    env = CartPole(max_steps=60)
    result = rollout(env, good, jr.key(0))
    assert result.trajectory.observation.shape == (60, 4)
    assert result.trajectory.action.shape == (60,)
    assert result.episode_return == 60 and result.episode_length == 60
    assert result.finished and result.trajectory.truncated[-1]
    assert result.state.time == 0  # The next episode has begun.


def test_it_is_what_a_loop_gives():
    env = CartPole()
    result = rollout(env, None, jr.key(1), num_steps=50, num_envs=3)
    t = result.trajectory
    assert t.observation.shape == (50, 3, 4)
    ended = t.terminated | t.truncated
    for lane in range(3):
        length = int(np.argmax(ended[:, lane])) + 1
        assert ended[:, lane].any() and result.finished[lane]
        assert result.episode_length[lane] == length
        assert result.episode_return[lane] == t.reward[:length, lane].sum()
        assert length < 50  # So there was something to mask.

    # Every transition is one of the environment.
    def transition(observation, action):
        x, x_dot, theta, theta_dot = observation
        state = eqenvs.environments.classic_control.CartPoleState(
            x=x, x_dot=x_dot, theta=theta, theta_dot=theta_dot, time=jnp.int32(0)
        )
        return env.transition(jr.key(0), state, action)

    moved = jax.vmap(jax.vmap(transition))(t.observation, t.action)
    assert_close(jax.vmap(jax.vmap(env.observe))(moved.state), t.next_observation)
    np.testing.assert_array_equal(moved.terminated, t.terminated)
    follows = ~np.asarray(ended[:-1])
    np.testing.assert_array_equal(
        t.observation[1:][follows], t.next_observation[:-1][follows]
    )
    assert np.any(t.observation[1:][~follows] != t.next_observation[:-1][~follows])


def test_without_storing():
    env = CartPole()
    stored = rollout(env, None, jr.key(1), num_steps=50, num_envs=3)
    result = rollout(env, None, jr.key(1), num_steps=50, num_envs=3, store=False)
    assert result.trajectory is None
    assert_equal(result, stored._replace(trajectory=None))


def test_unfinished_episodes():
    result = rollout(CartPole(), good, jr.key(0), num_steps=20, num_envs=4)
    assert not result.finished.any()
    assert (result.episode_length == 20).all() and (result.episode_return == 20).all()


@pytest.mark.parametrize("num_envs", [None, 3])
@pytest.mark.parametrize("make_key", [jr.key, jr.PRNGKey])
def test_a_batch_of_keys(num_envs, make_key):
    env = CartPole()
    keys = jr.split(make_key(5), 4)
    results = rollout(env, bad, keys, num_steps=30, num_envs=num_envs)
    for i in range(4):
        alone = rollout(env, bad, keys[i], num_steps=30, num_envs=num_envs)
        assert_close(jax.tree.map(lambda x, i=i: x[i], results), alone)
    assert len(np.unique(results.trajectory.observation[:, 0])) > 4


def test_a_population():
    env = CartPole(max_steps=200)
    policies = Balance(jnp.array([0.3, -1.0, 0.25]))
    result = population_rollout(env, policies, jr.key(0), num_envs=5)
    assert result.episode_return.shape == (3, 5)
    assert (result.episode_return[0] == 200).all()
    assert (result.episode_return[1] < 100).all()
    for i, gain in enumerate([0.3, -1.0, 0.25]):
        alone = rollout(
            env, Balance(jnp.array(gain)), jr.key(0), num_envs=5, store=False
        )
        np.testing.assert_array_equal(result.episode_return[i], alone.episode_return)


def test_the_states_of_a_population():
    env = CartPole()
    gains = jnp.array([0.3, -1.0])
    kwargs = dict(num_steps=30, num_envs=3, store=True, states=True)
    result = population_rollout(env, Balance(gains), jr.key(0), **kwargs)
    for i in range(2):
        alone = rollout(env, Balance(gains[i]), jr.key(0), **kwargs)
        assert_close(jax.tree.map(lambda x, i=i: x[i], result), alone)
    assert result.trajectory.next_state.time.shape == (2, 30, 3)
    viewer = eqenvs.rendering.Viewer(env, result, policies=True)
    assert list(viewer.recordings) == ["policy 0", "policy 1"]


def test_a_recurrent_policy_starts_every_episode_anew():
    env = CartPole(max_steps=7)
    start = {"steps": jnp.int32(0)}
    result = rollout(
        env, Counter(), jr.key(0), num_steps=20, num_envs=2, initial_carry=start
    )
    expected = np.array([t % 7 % 2 for t in range(20)])
    np.testing.assert_array_equal(result.trajectory.action[:, 0], expected)
    np.testing.assert_array_equal(result.trajectory.action[:, 1], expected)
    assert (result.carry["steps"] == 20 % 7).all()
    single = rollout(env, Counter(), jr.key(0), num_steps=20, initial_carry=start)
    np.testing.assert_array_equal(single.trajectory.action, expected)


@pytest.mark.parametrize("num_episodes", [1, 7, 64])
def test_evaluate_plays_exactly_that_many_complete_episodes(num_episodes):
    env = CartPole()
    result = evaluate(env, None, jr.key(0), num_episodes)
    assert result.episode_return.shape == (num_episodes,)
    assert (result.episode_return == result.episode_length).all()
    assert (result.episode_length >= 5).all()
    if num_episodes == 64:  # Random episodes are of very different lengths.
        assert result.episode_length.max() > 2 * result.episode_length.min()
        assert 18 < result.episode_length.mean() < 28  # About 22, as in Gymnasium


def test_evaluate_has_no_bias_towards_short_episodes():
    """The same mean as that of episodes played one by one."""
    env = CartPole()
    together = evaluate(env, None, jr.key(0), 2000).episode_length
    keys = jr.split(jr.key(1), 2000)
    one_by_one = rollout(env, None, keys, num_steps=200, store=False)
    assert one_by_one.finished.all()
    error = np.hypot(together.std(), one_by_one.episode_length.std()) / np.sqrt(2000)
    difference = together.mean() - one_by_one.episode_length.mean()
    assert abs(difference) < 4 * error


def test_evaluate_a_policy_and_a_recurrent_one():
    assert (evaluate(CartPole(), good, 0, 8).episode_return == 500).all()
    assert (evaluate(CartPole(), bad, 0, 8).episode_return < 100).all()
    start = {"steps": jnp.int32(0)}
    result = evaluate(CartPole(), Counter(), 0, 8, initial_carry=start)
    assert (result.episode_return < 500).all()


def test_an_integer_is_a_seed_of_a_fast_key():
    key = eqenvs.random.key(3)
    assert_equal(
        rollout(CartPole(), None, 3, num_steps=5),
        rollout(CartPole(), None, key, num_steps=5),
    )
    assert_equal(evaluate(CartPole(), bad, 3, 4), evaluate(CartPole(), bad, key, 4))


def test_environments_with_different_parameters():
    env = eqx.filter_vmap(lambda n: CartPole(max_steps=n))(jnp.array([3, 5, 9]))
    result = rollout(env, good, jr.key(0), num_envs=3)
    assert result.trajectory.reward.shape == (9, 3)
    np.testing.assert_array_equal(result.episode_length, [3, 5, 9])
    random = rollout(env, None, jr.key(0), num_envs=3)
    np.testing.assert_array_equal(random.episode_length, [3, 5, 9])


def test_under_jit_and_grad():
    def episode_return(mass):
        env = Pendulum(mass=mass)
        policy = lambda key, observation: jnp.array([0.5]) * observation[2:]  # noqa: E731
        return rollout(
            env, policy, jr.key(0), num_steps=20, num_envs=4
        ).episode_return.sum()

    gradient = jax.jit(jax.grad(episode_return))(1.0)
    assert np.isfinite(gradient) and gradient != 0
    step = 1e-2
    difference = episode_return(1.0 + step) - episode_return(1.0 - step)
    np.testing.assert_allclose(gradient, difference / (2 * step), rtol=2e-2)


def test_other_weights_compile_nothing_anew():
    count = 0

    class Counting(eqx.Module):
        weight: jax.Array

        def __call__(self, key, observation):
            nonlocal count
            count += 1
            return (self.weight * observation[2] > 0).astype(jnp.int32)

    for weight in (1.0, 2.0, -1.0):
        rollout(CartPole(), Counting(jnp.array(weight)), jr.key(0), num_steps=5)
    assert count == 1


def test_mistakes(unchecked):
    env = CartPole()
    with pytest.raises(TypeError, match=r"policy must be a callable.*got 3"):
        rollout(env, 3, jr.key(0))
    with pytest.raises(ValueError, match="num_steps must be at least 1; got 0"):
        rollout(env, None, jr.key(0), num_steps=0)
    with pytest.raises(TypeError, match=r"num_steps must be an integer; got 2\.5"):
        rollout(env, None, jr.key(0), num_steps=2.5)
    with pytest.raises(ValueError, match="num_envs must be at least 1; got 0"):
        rollout(env, None, jr.key(0), num_envs=0)
    with pytest.raises(ValueError, match="num_episodes must be at least 1; got 0"):
        evaluate(env, None, jr.key(0), 0)
    with pytest.raises(TypeError, match="PRNG key"):
        rollout(env, None, "key")
    with pytest.raises(ValueError, match="one JAX PRNG key"):
        evaluate(env, None, jr.split(jr.key(0)), 2)
    with pytest.raises(TypeError, match=r"action of CartPole must be in Discrete\(2\)"):
        rollout(env, lambda key, observation: observation[0], jr.key(0))
    with pytest.raises(ValueError, match="leading axis for the members"):
        population_rollout(env, lambda key, observation: 0, jr.key(0))
    with pytest.raises(ValueError, match="num_steps must be given"):
        jax.jit(lambda n: rollout(CartPole(max_steps=n), None, jr.key(0)))(3)


def test_a_task_without_a_time_limit_has_no_default_number_of_steps():
    env = eqenvs.CliffWalking()
    match = "num_steps must be given: CliffWalking has no time limit"
    with pytest.raises(ValueError, match=match):
        rollout(env, None, 0)
    policies = jax.tree_util.Partial(lambda bias, key, observation: 0, jnp.zeros(2))
    with pytest.raises(ValueError, match=match):
        population_rollout(env, policies, 0)


def test_a_mesh_that_does_not_fit(unchecked):
    mesh = jax.make_mesh((1,), ("lanes",))
    with pytest.raises(TypeError, match=r"mesh must be a jax\.sharding\.Mesh"):
        rollout(CartPole(), None, 0, num_envs=2, mesh=jax.devices())
    with pytest.raises(ValueError, match="num_envs must be a multiple of the 1 dev"):
        rollout(CartPole(), None, 0, mesh=mesh)
