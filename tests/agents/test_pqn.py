import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from eqenvs import CartPole, evaluate, make, spec, VectorEnvironment
from eqenvs._episodes import EpisodeStatistics
from eqenvs.agents import (
    PQN,
    PQNLearner,
    QNetwork,
    resume,
    train,
    TrainingInterrupted,
)
from eqenvs.agents._layers import LayerNorm
from eqenvs.agents._returns import lambda_returns
from eqenvs.agents.pqn import _Batch, _collect, _epsilon, _loss, _next_values

from .walk import assert_equal


SMALL = dict(
    num_envs=8, rollout_steps=8, num_minibatches=2, num_epochs=2, hidden_width=16
)


def returns_by_hand(rewards, next_values, terminated, truncated, gamma, lam):
    """The definition: a weighted mean of returns after n steps, for every n."""
    count, result = len(rewards), []
    for t in range(count):
        total, discounted, mean, weight = 0.0, 1.0, 0.0, 1.0
        for k in range(t, count):
            total += discounted * rewards[k]
            discounted *= gamma
            future = 0.0 if terminated[k] else next_values[k]
            is_last = terminated[k] or truncated[k] or k == count - 1
            share = weight if is_last else weight * (1 - lam)
            mean += share * (total + discounted * future)
            weight *= lam
            if is_last:
                break
        result.append(mean)
    return np.array(result)


@pytest.mark.parametrize("lam", [0.0, 0.8, 1.0])
def test_lambda_returns_are_those_of_the_definition(lam, either_precision):
    generator = np.random.default_rng(0)
    rewards, next_values = generator.normal(size=(2, 40))
    terminated, truncated = generator.random((2, 40)) < 0.15
    assert (terminated & truncated).any() and (terminated ^ truncated).any()
    ours = lambda_returns(
        *(jnp.asarray(x, float)[:, None] for x in (rewards, next_values)),
        *(jnp.asarray(x)[:, None] for x in (terminated, truncated)),
        jnp.array(0.9),
        jnp.array(lam),
    )[:, 0]
    expected = returns_by_hand(rewards, next_values, terminated, truncated, 0.9, lam)
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)


def test_layer_norm(either_precision):
    generator = np.random.default_rng(0)
    x, scale, shift = generator.normal(3, 2, (5, 7)), *generator.normal(size=(2, 5))
    norm = eqx.tree_at(
        lambda n: (n.scale, n.shift),
        LayerNorm(5),
        (jnp.asarray(scale, float), jnp.asarray(shift, float)),
    )
    expected = (x - x.mean(0)) / x.std(0) * scale[:, None] + shift[:, None]
    np.testing.assert_allclose(norm(jnp.asarray(x, float)), expected, rtol=1e-4)
    alone = norm(jnp.asarray(x[:, 2], float))
    np.testing.assert_allclose(alone, expected[:, 2], rtol=1e-4)


def test_the_loss_and_its_gradient(either_precision):
    """Against NumPy, for a network without hidden layers."""
    generator = np.random.default_rng(0)
    env = CartPole()
    agent = QNetwork(
        env.observation_space,
        env.action_space,
        hidden_width=1,
        hidden_depth=0,
        key=jr.key(0),
    )
    observation, target = generator.normal(size=(16, 4)), generator.normal(size=16)
    action = generator.integers(0, 2, 16)
    batch = _Batch(
        jnp.asarray(observation, float),
        jnp.asarray(action, jnp.int32),
        jnp.asarray(target, float),
    )
    [layer] = agent.network.layers
    weight = np.asarray(layer.weight, float)
    value = (observation @ weight.T)[np.arange(16), action]
    gradient, losses = eqx.filter_grad(_loss, has_aux=True)(agent, batch)
    np.testing.assert_allclose(
        losses["loss"], ((value - target) ** 2).mean() / 2, rtol=1e-5
    )
    np.testing.assert_allclose(losses["action_value"], value.mean(), atol=1e-6)
    one_hot = np.eye(2)[action]
    expected = (one_hot * (value - target)[:, None]).T @ observation / 16
    found = gradient.network.layers[0].weight
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def collect(env, epsilon, key, pqn):
    envs = VectorEnvironment(env, 8)
    agent = QNetwork(
        env.observation_space,
        env.action_space,
        hidden_width=16,
        hidden_depth=2,
        key=jr.key(1),
    )
    states = envs.reset(jr.key(0))[1]
    learner = PQNLearner(
        agent, None, states, EpisodeStatistics.start(8), jnp.int32(0), jnp.array(1.0)
    )
    states, _, steps = _collect(pqn, envs, learner, epsilon, key)
    return agent, steps, _next_values(agent, steps, envs.observe(states))


collect_jit = eqx.filter_jit(collect)


@pytest.mark.parametrize("max_steps", [1, 1000])
def test_the_values_of_the_next_states(max_steps):
    """With a time limit of one step, only the final observation tells them."""
    env, pqn = CartPole(max_steps=max_steps), PQN(reward_scale=0.5, **SMALL)
    agent, steps, next_value = collect_jit(env, jnp.array(1.0), jr.key(2), pqn)
    assert (steps.reward == 0.5).all()
    assert steps.truncated.all() == (max_steps == 1)
    value_of = jax.vmap(jax.vmap(lambda x: agent.values(x).max()))
    # What a terminated episode ended on has no value, whatever is written there.
    expected = jnp.where(
        steps.terminated, next_value, value_of(steps.final_observation)
    )
    np.testing.assert_allclose(next_value, expected, atol=1e-6)


def test_exploration():
    env, pqn = CartPole(), PQN(**{**SMALL, "rollout_steps": 200})
    shares = []
    for epsilon in (0.0, 0.5, 1.0):
        agent, steps, _ = collect_jit(env, jnp.array(epsilon), jr.key(2), pqn)
        policy = jax.vmap(jax.vmap(agent, in_axes=(None, 0)), in_axes=(None, 0))
        best = policy(jr.key(0), steps.observation)
        shares.append(float((best == steps.action).mean()))
    assert shares[0] == 1
    assert 0.7 < shares[1] < 0.8 and 0.45 < shares[2] < 0.55  # half of the random ones
    assert (steps.action[:, :1] != steps.action).any()  # Each lane has its own key.


def test_the_probability_of_random_actions_falls_linearly(unchecked):
    pqn = PQN(initial_epsilon=0.9, final_epsilon=0.1, exploration_fraction=0.5)

    def at(done, planned=10.0):
        learner = PQNLearner(
            None, None, None, None, jnp.int32(done), jnp.array(planned)
        )
        return float(_epsilon(pqn, learner))

    found = [at(done) for done in (0, 1, 5, 9)]
    np.testing.assert_allclose(found, [0.9, 0.74, 0.1, 0.1], rtol=1e-5)
    assert at(1000, jnp.inf) == pytest.approx(0.9)


def test_it_maps_over_seeds_hyperparameters_and_worlds():
    def train_one(learning_rate, gravity, key):
        pqn = PQN(learning_rate=learning_rate, **SMALL)
        return pqn.train(CartPole(gravity=gravity, max_steps=9), key, 2 * 64)

    keys = jnp.stack([jr.key(0), jr.key(0), jr.key(1), jr.key(0)])
    rates, gravities = jnp.array([1e-3, 0, 1e-3, 1e-3]), jnp.array([9.8, 9.8, 9.8, 5])
    mapped = eqx.filter_vmap(train_one)(rates, gravities, keys)
    weights = mapped.agent.network.layers[0].weight
    for other in (1, 2, 3):
        assert not np.allclose(weights[0], weights[other])
    # Without a step size nothing is learned.
    untrained = eqx.filter_jit(PQN(**SMALL).init)(
        CartPole(), jr.fold_in(jr.key(0), 2**32 - 1)
    )
    np.testing.assert_allclose(weights[1], untrained.agent.network.layers[0].weight)
    assert set(mapped.metrics) == {
        "steps", "return", "length", "loss", "action_value", "epsilon",
    }  # fmt: skip


def test_a_resumed_run_ends_bit_for_bit_as_a_whole_one(tmp_path):
    """For images: the convolution is normalized too."""
    env, pqn = make("Breakout-MinAtar"), PQN(**SMALL)
    whole = train(pqn, env, 0, 3 * 64)
    assert len(whole.agent.network.norms) == 3

    def interrupt(row):
        raise KeyboardInterrupt

    with pytest.raises(TrainingInterrupted) as error:
        train(pqn, env, 0, 3 * 64, folder=tmp_path / "run", log=interrupt)
    assert error.value.trained.learner.num_updates == 1
    resumed = resume(tmp_path / "run")
    assert_equal(resumed.learner, whole.learner)


def test_nothing_is_promoted_or_broadcast_implicitly(either_precision):
    pqn = PQN(**SMALL)
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        for id in ("CartPole-v1", "Breakout-MinAtar"):
            trained = eqx.filter_eval_shape(pqn.train, make(id), jr.key(0), 64)
            dtype = jnp.float64 if either_precision else jnp.float32
            weights = eqx.filter(trained.learner, lambda x: hasattr(x, "dtype"))
            for x in jax.tree.leaves(weights):
                assert x.dtype == dtype or not jnp.issubdtype(x.dtype, jnp.floating)


def test_mistakes(unchecked):
    with pytest.raises(ValueError, match=r"multiple of num_minibatches; got 5 \* 7"):
        PQN(num_envs=5, rollout_steps=7, num_minibatches=2)
    with pytest.raises(TypeError, match=r"needs a Discrete action space.*got Box"):
        PQN(**SMALL).train(make("Pendulum-v1"), 0, 64)


@pytest.mark.trained
def test_it_solves_cartpole_from_several_seeds():
    settings = dict(spec("CartPole-v1").training["pqn"])
    num_steps = settings.pop("num_steps")

    def solve(key):
        agent = PQN(**settings).train(CartPole(), key, num_steps).agent
        return evaluate(CartPole(), agent.greedy, key, 100).episode_return.mean()

    returns = eqx.filter_jit(eqx.filter_vmap(solve))(jr.split(jr.key(0), 4))
    assert np.median(returns) > 475 and np.min(returns) > 300
