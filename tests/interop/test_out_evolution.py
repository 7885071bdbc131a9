"""EvoJAX and evosax on environments of eqenvs."""

# pyright: reportMissingImports=false

import logging

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from eqenvs import CartPole, Pendulum
from eqenvs.adapters import to_evojax


class TestEvoJax:
    def test_a_task_is_a_batch_of_environments(self):
        pytest.importorskip("evojax")
        env = CartPole(max_steps=4)
        task = to_evojax(env)
        assert (task.max_steps, task.obs_shape, task.act_shape) == (4, (4,), (2,))
        keys = jr.split(jr.PRNGKey(0), 3)
        state = task.reset(keys)
        now, later = jr.split(keys[1])
        observation, own = env.reset(now)
        np.testing.assert_array_equal(state.obs[1], observation)
        for t in range(6):
            now, later = jr.split(later)
            state, reward, done = task.step(state, jnp.tile(jnp.eye(2)[t % 2], (3, 1)))
            step = env.step(now, own, t % 2)
            own = step.state
            # The two are different programs.
            np.testing.assert_allclose(state.obs[1], step.observation, rtol=1e-5)
            assert reward[1] == step.reward
            assert done[1] == (step.terminated | step.truncated)

    def test_its_trainer_finds_a_policy(self):
        pytest.importorskip("evojax")
        from evojax.algo import PGPE
        from evojax.policy import MLPPolicy
        from evojax.sim_mgr import SimManager

        task = to_evojax(CartPole(max_steps=100))
        quiet = logging.getLogger("quiet")
        policy = MLPPolicy(4, (8,), 2, logger=quiet)
        solver = PGPE(32, policy.num_params, seed=0, optimizer="adam", logger=quiet)
        simulator = SimManager(1, 1, 32, 4, policy, task, task, logger=quiet)
        scores = []
        for _ in range(12):
            fitness, _ = simulator.eval_params(solver.ask(), test=False)
            solver.tell(fitness)
            scores.append(float(jnp.mean(fitness)))
        assert max(scores) > 1.5 * scores[0]


def test_evosax_finds_a_swing():
    evosax = pytest.importorskip("evosax.algorithms")
    env = Pendulum(max_steps=60)

    @jax.jit
    def fitness(population, key):
        """What one episode costs, for each of the population."""

        def episode(weights):
            observation, state = env.reset(key)

            def body(carry, key):
                observation, state = carry
                action = 2 * jnp.tanh(observation @ weights)[None]
                step = env.step(key, state, action)
                return (step.observation, step.state), step.reward

            keys = jr.split(key, 60)
            return -jax.lax.scan(body, (observation, state), keys)[1].sum()

        return jax.vmap(episode)(population)

    algorithm = evosax.CMA_ES(population_size=16, solution=jnp.zeros(3))
    params = algorithm.default_params
    state = algorithm.init(jr.key(0), jnp.zeros(3), params)
    costs = []
    for generation in range(15):
        keys = jr.split(jr.key(generation), 2)
        population, state = algorithm.ask(keys[0], state, params)
        values = fitness(population, jr.key(5))
        state, _ = algorithm.tell(keys[1], population, values, state, params)
        costs.append(float(values.min()))
    assert min(costs) < 0.8 * float(fitness(jnp.zeros((1, 3)), jr.key(5))[0])
