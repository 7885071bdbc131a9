import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from eqenvs import CartPole, evaluate, make, Pendulum, spec, VectorEnvironment
from eqenvs.agents import APG, resume, train, TrainingInterrupted
from eqenvs.agents.apg import _improve_actor, _play
from eqenvs.spaces import Box
from eqenvs.wrappers import StopGradient, TimeLimit, TransformObservation

from .walk import assert_equal


SMALL = dict(num_envs=4, rollout_steps=6, num_minibatches=2, num_epochs=2)
SMALL |= dict(hidden_width=8, hidden_depth=1)
UPDATE = 4 * 6  # steps


def play(apg, env, learner, agent, key):
    return _play(apg, VectorEnvironment(env, 4), agent, learner, key)


play_jit = eqx.filter_jit(play)


def objective_by_hand(steps, discount):
    """The definition: the rewards of every episode, and a critic's value where it was
    cut off, be it by the time limit or because the rollout ends."""
    reward, next_value, terminated, truncated = (
        np.asarray(x)
        for x in (steps.reward, steps.next_value, steps.terminated, steps.truncated)
    )
    num_steps, num_envs = reward.shape
    total = 0.0
    for lane in range(num_envs):
        weight = 1.0
        for t in range(num_steps):
            total += weight * reward[t, lane]
            weight *= discount
            ended = terminated[t, lane] or truncated[t, lane]
            if (ended or t == num_steps - 1) and not terminated[t, lane]:
                total += weight * next_value[t, lane]
            if ended:
                weight = 1.0
    return total / num_envs


@pytest.mark.parametrize("max_steps", [4, 200])
def test_the_objective_is_that_of_the_paper(max_steps):
    env = Pendulum(max_steps=max_steps)
    apg = APG(discount=0.9, reward_scale=0.5, **SMALL)
    learner = eqx.filter_jit(apg.init)(env, jr.key(0))
    played = play_jit(apg, env, learner, learner.agent, jr.key(1))
    assert played.steps.truncated.any() == (max_steps == 4)
    expected = objective_by_hand(played.steps, 0.9)
    np.testing.assert_allclose(played.objective, expected, rtol=1e-5)
    # The value of where a step led to, which the next episode hides.
    final = played.steps.observation[1:][~played.steps.truncated[:-1]]
    value = played.steps.next_value[:-1][~played.steps.truncated[:-1]]
    np.testing.assert_allclose(value, jax.vmap(learner.critic)(final), atol=1e-5)


def test_the_gradient_goes_through_the_environment(x64):
    """It is the slope that differences of the objective have, for every weight."""
    env, apg = Pendulum(max_steps=4), APG(**SMALL)
    learner = eqx.filter_jit(apg.init)(env, jr.key(0))
    # Larger weights, so that actions depend on observations.
    learner = eqx.tree_at(
        lambda l: l.agent.network.layers[-1].weight,
        learner,
        replace_fn=lambda w: 50 * w,
    )
    weights, rest = eqx.partition(learner.agent, eqx.is_inexact_array)
    vector, restore = jax.flatten_util.ravel_pytree(weights)

    @jax.jit
    def objective(vector):
        agent = eqx.combine(restore(vector), rest)
        return play(apg, env, learner, agent, jr.key(1)).objective

    gradient = jax.grad(objective)(vector)
    for direction in jr.normal(jr.key(2), (3, vector.size)):
        direction = direction / jnp.linalg.norm(direction)
        ahead, behind = (objective(vector + h * direction) for h in (1e-5, -1e-5))
        slope = (ahead - behind) / 2e-5
        np.testing.assert_allclose(gradient @ direction, slope, rtol=1e-4)

    envs = VectorEnvironment(env, 4)
    improve = eqx.filter_jit(_improve_actor)
    agent, _, _, norm = improve(apg, envs, learner, jr.key(1))
    np.testing.assert_allclose(norm, jnp.linalg.norm(gradient), rtol=1e-6)
    # Adam's first step goes along the signs, and uphill.
    moved = jax.flatten_util.ravel_pytree(eqx.filter(agent, eqx.is_inexact_array))[0]
    expected = apg.learning_rate * jnp.sign(gradient)
    np.testing.assert_allclose(moved - vector, expected, rtol=1e-3, atol=1e-6)


def test_it_maps_over_seeds_hyperparameters_and_worlds():
    def train_one(learning_rate, mass, key):
        apg = APG(learning_rate=learning_rate, **SMALL)
        return apg.train(Pendulum(mass=mass, max_steps=5), key, 2 * UPDATE)

    keys = jnp.stack([jr.key(0), jr.key(0), jr.key(1), jr.key(0)])
    rates, masses = jnp.array([1e-2, 0, 1e-2, 1e-2]), jnp.array([1.0, 1.0, 1.0, 3.0])
    mapped = eqx.filter_vmap(train_one)(rates, masses, keys)
    weights = mapped.agent.network.layers[0].weight
    for other in (1, 2, 3):
        assert not np.allclose(weights[0], weights[other])
    # Without a step size the actor stays the same, and the critic does not.
    untrained = eqx.filter_jit(APG(**SMALL).init)(
        Pendulum(), jr.fold_in(jr.key(0), 2**32 - 1)
    )
    np.testing.assert_allclose(weights[1], untrained.agent.network.layers[0].weight)
    critics = mapped.learner.critic.layers[0].weight
    assert not np.allclose(critics[1], untrained.critic.layers[0].weight)
    assert set(mapped.metrics) == {
        "steps", "return", "length", "objective", "gradient_norm", "value_loss",
    }  # fmt: skip
    np.testing.assert_array_equal(mapped.metrics["length"], 5)


def test_a_resumed_run_ends_bit_for_bit_as_a_whole_one(tmp_path):
    env, apg = Pendulum(max_steps=5), APG(**SMALL)
    whole = train(apg, env, 0, 3 * UPDATE)

    def interrupt(row):
        raise KeyboardInterrupt

    with pytest.raises(TrainingInterrupted) as error:
        train(apg, env, 0, 3 * UPDATE, folder=tmp_path / "run", log=interrupt)
    assert error.value.trained.learner.num_updates == 1
    resumed = resume(tmp_path / "run")
    assert_equal(resumed.learner, whole.learner)


def test_nothing_is_promoted_or_broadcast_implicitly(either_precision):
    dtype = jnp.float64 if either_precision else jnp.float32
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        trained = eqx.filter_eval_shape(
            APG(**SMALL).train, make("Pendulum-v1"), jr.key(0), UPDATE
        )
        arrays = eqx.filter(trained.learner, lambda x: hasattr(x, "dtype"))
        for x in jax.tree.leaves(arrays):
            assert x.dtype == dtype or not jnp.issubdtype(x.dtype, jnp.floating)


def is_upright(observation):
    return observation[:1] > 0


def test_what_cannot_be_differentiated_is_refused(unchecked):
    apg = APG(**SMALL)
    with pytest.raises(TypeError, match=r"action space of CartPole .*Discrete\(2"):
        apg.train(CartPole(), 0, UPDATE)
    space = Box(jnp.array([False]), jnp.array([True]), (1,), jnp.bool_)
    rounded = TransformObservation(Pendulum(), is_upright, space)
    with pytest.raises(TypeError, match=r"must be floats; got the dtype bool"):
        apg.train(rounded, 0, UPDATE)
    stopped = TimeLimit(StopGradient(Pendulum()), max_steps=5)
    with pytest.raises(TypeError, match="neither the reward of TimeLimit nor"):
        apg.train(stopped, 0, UPDATE)
    with pytest.raises(ValueError, match=r"multiple of num_minibatches; got 5 \* 7"):
        APG(num_envs=5, rollout_steps=7, num_minibatches=2)


@pytest.mark.trained
def test_it_solves_pendulum_from_several_seeds():
    settings = dict(spec("Pendulum-v1").training["apg"])
    del settings["num_steps"]  # Fewer are enough.

    def solve(key):
        agent = APG(**settings).train(Pendulum(), key, 300_000).agent
        return evaluate(Pendulum(), agent.greedy, key, 100).episode_return.mean()

    returns = eqx.filter_jit(eqx.filter_vmap(solve))(jr.split(jr.key(0), 8))
    assert np.median(returns) > -200 and np.sum(returns > -250) >= 7
