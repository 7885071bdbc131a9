import sys
from typing import get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from eqenvs import CartPole, evaluate, Pendulum, rollout, spec
from eqenvs.agents import EvolutionStrategy, resume, train, TrainingInterrupted
from eqenvs.agents.evolution import _ask, _play, _split, _tell, Strategy

from .walk import assert_equal


pytest.importorskip("evosax")

SMALL = dict(population_size=6, num_episodes=2, episode_steps=12, hidden_width=4)
UPDATE = 7 * 2 * 12  # steps


def new_learner(evolution, env):
    return eqx.filter_jit(evolution.init)(env, jr.key(0))


def test_a_generation_of_open_es(either_precision):
    """Against NumPy: Adam's first step goes along the signs of the gradient, which is
    the correlation of the weights with centered ranks."""
    evolution = EvolutionStrategy(
        learning_rate=0.3, initial_spread=0.2, hidden_depth=0, population_size=8
    )
    learner = new_learner(evolution, CartPole())
    center, _ = _split(learner.agent)
    population, distribution = _ask(evolution, learner, jr.key(1))
    assert population.shape == (8, 10)
    np.testing.assert_allclose(population.mean(axis=0), center, atol=1e-6)  # in pairs
    noise = (np.asarray(population) - np.asarray(center)) / 0.2
    assert 0.5 < noise.std() < 1.5
    returns = np.array([3.0, 1.0, 4.0, 1.5, 5.0, 9.0, 2.0, 6.0])
    agent, distribution = _tell(
        evolution,
        learner.agent,
        population,
        jnp.asarray(returns, float),
        distribution,
        jr.key(2),
    )
    ranks = np.argsort(np.argsort(returns)) / 7 - 0.5
    gradient = ranks @ noise / (8 * 0.2)
    expected = np.asarray(center) + 0.3 * np.sign(gradient)
    assert np.abs(gradient).min() > 1e-3
    np.testing.assert_allclose(_split(agent)[0], expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(distribution.mean, expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(distribution.std, 0.2, rtol=1e-6)


@pytest.mark.parametrize("strategy", ["PGPE", "CMA-ES", "SNES"])
def test_a_strategy_goes_where_returns_are_larger(strategy):
    evolution = EvolutionStrategy(
        strategy, learning_rate=0.1, hidden_depth=0, population_size=20
    )
    learner = new_learner(evolution, CartPole())
    center, _ = _split(learner.agent)
    goal = jnp.arange(10.0) / 10
    first, distribution = _ask(evolution, learner, jr.key(0))
    assert 0.05 < (first - center).std() < 0.2  # the initial spread is 0.1

    @jax.jit
    def generation(weights, distribution, key):
        _, with_weights = _split(learner.agent)
        before = eqx.tree_at(
            lambda l: (l.agent, l.distribution),
            learner,
            (with_weights(weights), distribution),
        )
        population, distribution = _ask(evolution, before, key)
        returns = -((population - goal) ** 2).sum(axis=1)
        agent, distribution = _tell(
            evolution, before.agent, population, returns, distribution, key
        )
        return _split(agent)[0], distribution

    weights, distribution = center, learner.distribution
    for i in range(40):
        weights, distribution = generation(weights, distribution, jr.key(i))
    assert jnp.linalg.norm(weights - goal) < 0.3 * jnp.linalg.norm(center - goal)


def test_everyone_plays_the_same_episodes():
    """The first is the agent; what follows the end of an episode does not count."""
    env, evolution = CartPole(), EvolutionStrategy(**SMALL)
    learner = new_learner(evolution, env)
    weights, with_weights = _split(learner.agent)
    always_left = jnp.zeros_like(weights)
    population = jnp.stack([weights, always_left])
    play = eqx.filter_jit(_play)
    played = play(evolution, env, learner.agent, population, jr.key(1))
    returns = played.episode_return
    assert returns.shape == (3, 2)
    np.testing.assert_array_equal(returns[0], returns[1])
    assert (returns[2] != returns[0]).any() and played.finished.any()
    assert (returns[played.finished] < 12).all() and (returns <= 12).all()
    alone = rollout(env, with_weights(always_left), jr.key(1), num_steps=12, num_envs=2)
    np.testing.assert_array_equal(alone.episode_return, returns[2])


def test_the_bounds_of_a_space_are_not_weights():
    """Nor is anything else that no generation should change."""
    evolution = EvolutionStrategy(learning_rate=0.5, **SMALL)
    agent, metrics, learner = evolution.train(Pendulum(), 0, 3 * UPDATE)
    low, high = (bound.value for bound in agent.bounds)
    assert float(low[0]) == -2 and float(high[0]) == 2
    assert _split(agent)[0].shape == (3 * 4 + 4 + 4 + 1,)
    first = evolution.init(Pendulum(), jr.fold_in(jr.key(0), 2**32 - 1)).agent
    assert not np.allclose(_split(first)[0], _split(agent)[0], atol=0.1)
    np.testing.assert_array_equal(learner.distribution.mean, _split(agent)[0])
    assert set(metrics) == {
        "steps", "return", "length", "population_return", "best_return", "spread",
    }  # fmt: skip
    np.testing.assert_array_equal(metrics["steps"], UPDATE * np.arange(1, 4))
    np.testing.assert_array_equal(metrics["length"], [12, 12, 12])
    assert (metrics["best_return"] >= metrics["population_return"]).all()


def test_it_maps_over_seeds_hyperparameters_and_worlds():
    def train_one(learning_rate, mass, key):
        evolution = EvolutionStrategy(learning_rate=learning_rate, **SMALL)
        return evolution.train(Pendulum(mass=mass), key, 2 * UPDATE)

    keys = jnp.stack([jr.key(0), jr.key(0), jr.key(1), jr.key(0)])
    rates, masses = jnp.array([0.1, 0, 0.1, 0.1]), jnp.array([1.0, 1.0, 1.0, 3.0])
    mapped = eqx.filter_vmap(train_one)(rates, masses, keys)
    weights = mapped.agent.network.layers[0].weight
    assert not np.allclose(weights[0], weights[2])
    # Without a step size the agent stays the same.
    first = eqx.filter_vmap(EvolutionStrategy(**SMALL).init, in_axes=(None, 0))(
        Pendulum(), jax.vmap(lambda key: jr.fold_in(key, 2**32 - 1))(keys)
    )
    is_same = jax.vmap(jnp.allclose)(first.agent.network.layers[0].weight, weights)
    np.testing.assert_array_equal(is_same, [False, True, False, False])
    returns = mapped.metrics["return"]
    assert returns[0, 0] == returns[1, 0] != returns[3, 0]


def test_a_resumed_run_ends_bit_for_bit_as_a_whole_one(tmp_path):
    env, evolution = Pendulum(), EvolutionStrategy(**SMALL)
    whole = train(evolution, env, 0, 3 * UPDATE)

    def interrupt(row):
        raise KeyboardInterrupt

    with pytest.raises(TrainingInterrupted) as error:
        train(evolution, env, 0, 3 * UPDATE, folder=tmp_path / "run", log=interrupt)
    assert error.value.trained.learner.num_updates == 1
    resumed = resume(tmp_path / "run")
    assert_equal(resumed.learner, whole.learner)


def test_nothing_is_promoted_or_broadcast_implicitly(either_precision):
    dtype = jnp.float64 if either_precision else jnp.float32

    def update(evolution, key):
        env = Pendulum()
        return evolution.update(env, evolution.init(env, key), key)[0]

    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        for strategy in get_args(Strategy):
            evolution = EvolutionStrategy(strategy, **SMALL)
            learner = eqx.filter_eval_shape(update, evolution, jr.key(0))
            arrays = eqx.filter(learner, lambda x: hasattr(x, "dtype"))
            for x in jax.tree.leaves(arrays):
                assert x.dtype == dtype or not jnp.issubdtype(x.dtype, jnp.floating)


def test_mistakes(unchecked, monkeypatch):
    with pytest.raises(
        ValueError, match=r"OpenES draws its population in pairs.*got 7"
    ):
        EvolutionStrategy(population_size=7)
    with pytest.raises(ValueError, match="strategy must be one of 'OpenES'"):
        EvolutionStrategy("ES")
    monkeypatch.setitem(sys.modules, "evosax", None)
    monkeypatch.setitem(sys.modules, "evosax.algorithms", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "eqenvs\[evolution\]"'):
        EvolutionStrategy()


@pytest.mark.trained
@pytest.mark.parametrize("strategy", ["OpenES", "CMA-ES"])
def test_it_solves_cartpole_from_several_seeds(strategy):
    settings = {**spec("CartPole-v1").training["es"], "strategy": strategy}
    num_steps = settings.pop("num_steps")
    if strategy == "CMA-ES":
        settings |= {"hidden_depth": 0, "initial_spread": 0.3}

    def solve(key):
        agent = EvolutionStrategy(**settings).train(CartPole(), key, num_steps).agent
        return evaluate(CartPole(), agent.greedy, key, 100).episode_return.mean()

    returns = eqx.filter_jit(eqx.filter_vmap(solve))(jr.split(jr.key(0), 4))
    assert np.median(returns) > 475 and np.min(returns) > 300
