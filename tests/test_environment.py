"""The loop, and what a user's mistakes run into. See also test_conformance.py."""

import subprocess
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from jaxtyping import Array, Bool, Float, Int32

import eqenvs
from eqenvs import (
    AbstractEnvironment,
    AbstractState,
    CartPole,
    Pendulum,
    spaces,
    TimeStep,
    Transition,
)


class WalkState(AbstractState):
    position: Int32[Array, ""]
    time: Int32[Array, ""]


class RandomWalk(AbstractEnvironment[WalkState, Int32[Array, ""], Int32[Array, ""]]):
    """A walk on the integers that draws at every step, and ends at 3 in either way."""

    max_steps: Int32[Array, ""] = eqenvs.fields.time_limit(5)

    def initial_state(self, key):
        start = jr.randint(key, (), -1, 2, dtype=jnp.int32)
        return WalkState(position=start, time=jnp.int32(0))

    def transition(self, key, state, action):
        noise = jr.randint(key, (), 0, 2, dtype=jnp.int32)
        position = state.position + 2 * action - 1 + noise
        state = WalkState(position=position, time=state.time + 1)
        return Transition(state, position, jnp.abs(position) >= 3, {"noise": noise})

    def observe(self, state):
        return state.position

    @property
    def action_space(self):
        return spaces.Discrete(2)

    @property
    def observation_space(self):
        return spaces.Box(-10, 10, dtype=jnp.int32)


def test_both_ends_of_an_episode_may_come_together():
    env = RandomWalk(max_steps=1)
    both = neither = False
    for seed in range(20):
        _, state = env.reset(jr.key(seed))
        step = env.step(jr.key(seed + 100), state, 1)
        assert step.truncated
        both |= bool(step.terminated)
        neither |= not step.terminated
        assert step.terminated == (abs(int(step.info["final_observation"])) >= 3)
    assert both and neither


def test_info_of_a_transition_is_kept():
    env = RandomWalk()
    _, state = env.reset(jr.key(0))
    info = env.step(jr.key(1), state, 0).info
    assert set(info) == {"noise", "final_observation"}
    assert info["noise"] in (0, 1)


def test_reward_is_a_float_whatever_the_author_returns():
    _, state = RandomWalk().reset(jr.key(0))
    assert RandomWalk().step(jr.key(1), state, 0).reward.dtype == jnp.result_type(float)


def test_the_transition_and_the_reset_draw_from_different_keys():
    """Noise and the next episode's start are independent (chi-square, 1 in 10,000)."""
    from scipy import stats

    env = RandomWalk(max_steps=1)
    _, state = env.reset(jr.key(0))
    steps = jax.vmap(lambda key: env.step(key, state, 1))(jr.split(jr.key(1), 6000))
    table = np.zeros((2, 3))
    np.add.at(
        table,
        (np.asarray(steps.info["noise"]), np.asarray(steps.state.position) + 1),
        1,
    )
    assert table.min() > 500
    assert stats.chi2_contingency(table).pvalue > 1e-4


def test_a_time_step_unpacks_in_the_documented_order():
    env = CartPole()
    _, state = env.reset(jr.key(0))
    step = env.step(jr.key(1), state, 1)
    observation, state, reward, terminated, truncated, info = step
    assert isinstance(step, TimeStep)
    assert step._fields == (
        "observation", "state", "reward", "terminated", "truncated", "info",
    )  # fmt: skip
    assert observation is step.observation and info is step.info
    assert (reward, terminated, truncated) == (1, False, False)
    assert type(state).__name__ == "CartPoleState"


def test_a_scalar_will_do_where_the_action_is_one_number():
    env = Pendulum()
    _, state = env.reset(jr.key(0))
    expected = env.step(jr.key(1), state, jnp.array([1.0]))
    for action in (1.0, 1, np.float32(1), np.float64(1), np.int64(1)):
        step = env.step(jr.key(1), state, action)
        np.testing.assert_array_equal(step.observation, expected.observation)
    cartpole = CartPole()
    _, state = cartpole.reset(jr.key(0))
    expected = cartpole.step(jr.key(1), state, jnp.array(1))
    for action in (1, np.int32(1), np.uint8(1), np.array(1), jnp.uint8(1)):
        step = cartpole.step(jr.key(1), state, action)
        np.testing.assert_array_equal(step.observation, expected.observation)


def test_a_fresh_value_with_tree_at():
    env = CartPole()
    _, state = env.reset(jr.key(0))
    heavy = eqx.tree_at(lambda e: e.pole_mass, env, jnp.array(5.0))
    assert not np.allclose(
        heavy.step(jr.key(0), state, 1).observation,
        env.step(jr.key(0), state, 1).observation,
    )


def test_what_counts_as_no_time_limit():
    from eqenvs._environment import is_no_limit, NO_LIMIT

    env = eqenvs.make("Blackjack-v1")
    for value in (NO_LIMIT, env.max_steps, np.asarray(env.max_steps)):
        assert is_no_limit("max_steps", value)
    assert not is_no_limit("max_steps", 500)
    assert not is_no_limit("max_steps", None)
    assert not is_no_limit("size", NO_LIMIT)


def test_repr_shows_the_parameters():
    assert "gravity=3.5" in repr(CartPole(gravity=3.5))
    assert "gravity=[1., 2.]" in repr(eqx.filter_vmap(CartPole)(jnp.array([1.0, 2.0])))


def test_render_says_that_there_is_no_picture():
    _, state = RandomWalk().reset(jr.key(0))
    with pytest.raises(NotImplementedError, match="RandomWalk has no picture"):
        RandomWalk().render(state)


class TestMistakes:
    """A clear exception at the call that says what was given and what is allowed."""

    @pytest.fixture(autouse=True)
    def _(self, unchecked):
        pass

    def start(self):
        env = CartPole()
        return env, env.reset(jr.key(0))[1]

    @pytest.mark.parametrize(
        "key, got",
        [
            (0, "got 0"),
            (np.int64(3), "dtype int"),
            (None, "got None"),
            ("a", "got 'a'"),
            (jnp.array([0, 1]), "dtype int"),
            (jnp.zeros(2), "dtype float"),
            (np.uint32(3), "got a number"),
            (jnp.uint32(3), "got a number"),
            (jnp.zeros(5, jnp.uint32), r"shape \(5,\)"),
        ],
    )
    def test_keys(self, key, got):
        env, state = self.start()
        with pytest.raises(TypeError, match=rf"reset.*PRNG key.*{got}"):
            env.reset(key)
        with pytest.raises(TypeError, match=rf"step.*PRNG key.*{got}"):
            env.step(key, state, 1)

    def test_many_keys(self):
        env, state = self.start()
        for keys in (jr.split(jr.key(0), 3), jr.split(jr.PRNGKey(0), 3)):
            with pytest.raises(ValueError, match=r"array of keys of shape \(3,\)"):
                env.reset(keys)
            with pytest.raises(ValueError, match=r"array of keys of shape \(3,\)"):
                env.step(keys, state, 1)

    @pytest.mark.parametrize(
        "action, error, got",
        [
            (jnp.zeros(2, jnp.int32), ValueError, r"shape \(2,\)"),
            (jnp.zeros((1,), jnp.int32), ValueError, r"shape \(1,\)"),
            (jnp.array(1.0), TypeError, "dtype float"),
            (1.0, TypeError, "dtype float"),
            (True, TypeError, "dtype bool"),
            (jnp.array(True), TypeError, "dtype bool"),
            (None, TypeError, "got None"),
            ("left", TypeError, "got 'left'"),
            ([1], TypeError, "got a list"),
        ],
    )
    def test_discrete_actions(self, action, error, got):
        env, state = self.start()
        with pytest.raises(error, match=rf"action of CartPole.*Discrete\(2\).*{got}"):
            env.step(jr.key(0), state, action)

    @pytest.mark.parametrize(
        "action, error, got",
        [
            (jnp.zeros(()), ValueError, r"shape \(\)"),
            (jnp.zeros(2), ValueError, r"shape \(2,\)"),
            (jnp.zeros(1, jnp.int32), TypeError, "dtype int32"),
            (False, TypeError, "dtype bool"),
        ],
    )
    def test_continuous_actions(self, action, error, got):
        env = Pendulum()
        _, state = env.reset(jr.key(0))
        with pytest.raises(error, match=rf"action of Pendulum.*Box.*{got}"):
            env.step(jr.key(0), state, action)

    def test_states(self):
        env, state = self.start()
        observation, other = Pendulum().reset(jr.key(0))
        with pytest.raises(TypeError, match="must be a CartPoleState; got a Pendulum"):
            env.step(jr.key(0), other, 1)
        with pytest.raises(TypeError, match="must be a CartPoleState; got"):
            env.step(jr.key(0), observation, 1)
        with pytest.raises(TypeError, match="CartPoleState; got a tuple of 2"):
            env.step(jr.key(0), env.reset(jr.key(0)), 1)
        with pytest.raises(TypeError, match="CartPole must be a CartPoleState; got an"):
            env.render(observation)
        batch = jax.tree.map(lambda x: jnp.stack([x, x]), state)
        with pytest.raises(ValueError, match=r"state\.\w+.*shape \(\); got \(2,\)"):
            env.step(jr.key(0), batch, 1)
        wrong = eqx.tree_at(lambda s: s.time, state, jnp.float32(0))
        with pytest.raises(TypeError, match=r"state\.time.*int32; got float32"):
            env.step(jr.key(0), wrong, 1)
        wrong = eqx.tree_at(lambda s: s.x, state, 0.5)
        with pytest.raises(TypeError, match=r"state\.x.*float\d\d; got 0\.5"):
            env.step(jr.key(0), wrong, 1)

    @pytest.mark.parametrize(
        "parameters, error, message",
        [
            ({"gravty": 1.0}, TypeError, "no parameter 'gravty'. Did you mean 'grav"),
            ({"wind": 1.0}, TypeError, "no parameter 'wind'.*are: gravity, cart_mass"),
            ({"gravity": "9.8"}, TypeError, "gravity must be a real number; got"),
            ({"gravity": None}, TypeError, "gravity must be a real number; got"),
            ({"gravity": 1j}, TypeError, "gravity must be a real number; got"),
            ({"gravity": True}, TypeError, "gravity must be a real number; got"),
            ({"gravity": [1, [2, 3]]}, TypeError, "gravity must be a real number"),
            ({"gravity": jnp.ones(3)}, ValueError, r"gravity.*got .*shape \(3,\)"),
            ({"cart_mass": -1}, ValueError, "cart_mass.*at least 0; got -1"),
            ({"max_steps": 10.0}, TypeError, "max_steps must be an integer"),
            ({"max_steps": 0}, ValueError, "max_steps.*at least 1; got 0"),
            ({"integrator": "rk4"}, ValueError, "integrator.*'euler'.*got 'rk4'"),
            ({"sutton_barto_reward": 1}, TypeError, "True or False; got 1"),
        ],
    )
    def test_parameters(self, parameters, error, message):
        with pytest.raises(error, match=f"CartPole.*{message}"):
            CartPole(**parameters)
        with pytest.raises(error, match=message):
            eqenvs.make("CartPole-v1", **parameters)

    def test_nothing_is_compiled_first(self, monkeypatch):
        env, state = self.start()

        def transition(*_):
            raise AssertionError("the mistake was not noticed before the transition")

        monkeypatch.setattr(CartPole, "transition", transition)
        with pytest.raises(TypeError, match="PRNG key"):
            env.step(0, state, 1)
        with pytest.raises(TypeError, match="CartPoleState"):
            env.step(jr.key(0), "state", 1)
        with pytest.raises(ValueError, match="action"):
            env.step(jr.key(0), state, jnp.zeros(2, jnp.int32))

    def test_a_concrete_class_is_final(self):
        with pytest.raises(TypeError, match="MyCartPole cannot subclass CartPole"):

            class MyCartPole(CartPole):
                pass


def test_a_reward_that_is_no_scalar_is_the_authors_mistake():
    class Wrong(AbstractEnvironment[WalkState, Int32[Array, ""], Float[Array, ""]]):
        max_steps: Int32[Array, ""]
        initial_state = RandomWalk.initial_state
        observe = RandomWalk.observe
        action_space = RandomWalk.action_space
        observation_space = RandomWalk.observation_space

        def transition(self, key, state, action):
            terminated: Bool[Array, ""] = jnp.array(False)
            return Transition(state, jnp.zeros(2), terminated)

    env = Wrong(max_steps=jnp.int32(3))
    _, state = env.reset(jr.key(0))
    with pytest.raises(ValueError, match=r"reward of Wrong.*scalar; got.*\(2,\)"):
        env.step(jr.key(0), state, 0)


def test_import_is_light():
    code = (
        "import sys, eqenvs; "
        "heavy = {'matplotlib', 'gymnasium', 'optax', 'tyro', 'tqdm', 'distreqx', "
        "'minatar', 'bsuite', 'pooch', 'scipy.stats'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
