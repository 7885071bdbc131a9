"""The loop, which is written once: advance, then reset what ended."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from jaxtyping import Array, Int32

from eqenvs import (
    AbstractEnvironment,
    AbstractState,
    CartPole,
    CliffWalking,
    evaluate,
    Pendulum,
    rollout,
    spaces,
    Transition,
    VectorEnvironment,
)
from eqenvs.fields import time_limit
from eqenvs.wrappers import TransformAction


class CountState(AbstractState):
    position: Int32[Array, ""]
    episode: Int32[Array, ""]
    time: Int32[Array, ""]


class Count(AbstractEnvironment[CountState, Int32[Array, ""], Int32[Array, ""]]):
    """A random walk that counts its episodes, and starts where the last one ended."""

    max_steps: Int32[Array, ""] = time_limit(4)

    def initial_state(self, key):
        zero = jnp.int32(0)
        return CountState(position=zero, episode=zero, time=zero)

    def next_initial_state(self, key, last_state):
        noise = jr.randint(key, (), 0, 2, dtype=jnp.int32)
        return CountState(
            position=last_state.position + noise,
            episode=last_state.episode + 1,
            time=jnp.int32(0),
        )

    def transition(self, key, state, action):
        position = state.position + action
        state = CountState(position, state.episode, state.time + 1)
        return Transition(state, jnp.float32(1))

    def observe(self, state):
        return state.position

    @property
    def action_space(self):
        return spaces.Discrete(3)

    @property
    def observation_space(self):
        return spaces.Box(-1000, 1000, dtype=jnp.int32)


def play(env, key, num_steps):
    """A Python loop over `advance`: what `step` should do."""
    _, state = env.reset(key)
    for t in range(num_steps):
        step_key = jr.fold_in(key, t)
        action = t % 2
        step = env.step(step_key, state, action)
        alone = env.advance(step_key, state, action)
        yield step, alone, step_key
        state = step.state


@pytest.mark.parametrize("env", [Count(), CartPole(max_steps=3)])
def test_step_is_advance_then_reset_what_ended(env):
    for step, alone, step_key in play(env, jr.key(0), 9):
        ended = alone.terminated | alone.truncated
        for name in ("reward", "terminated", "truncated"):
            assert getattr(step, name) == getattr(alone, name)
        assert "final_observation" not in alone.info
        np.testing.assert_array_equal(step.info["final_observation"], alone.observation)
        expected = alone.state
        if ended:
            reset_key = jr.fold_in(step_key, 2**32 - 1)
            expected = env.next_initial_state(reset_key, alone.state)
        for x, y in zip(
            jax.tree.leaves(step.state), jax.tree.leaves(expected), strict=True
        ):
            np.testing.assert_allclose(x, y, rtol=1e-6)
        np.testing.assert_allclose(step.observation, env.observe(step.state), 1e-6)


def test_what_survives_an_episode():
    states = [step.state for step, *_ in play(Count(), jr.key(1), 13)]
    assert [int(state.episode) for state in states] == [0] * 3 + [1] * 4 + [2] * 4 + [
        3,
        3,
    ]
    assert [int(state.time) for state in states] == [1, 2, 3, 0] * 3 + [1]
    positions = np.array([state.position for state in states])
    assert (np.diff(positions) >= 0).all() and positions[-1] > 4


@pytest.mark.parametrize("num_envs", [3, 300])
def test_what_survives_an_episode_in_every_lane(num_envs):
    """300 lanes are reset in chunks of those that ended."""
    limits = jnp.arange(num_envs, dtype=jnp.int32) % 4 + 1
    env = eqx.tree_at(lambda e: e.max_steps, Count(), limits)
    envs = VectorEnvironment(env, num_envs)
    _, states = envs.reset(jr.key(0))
    lanes = jnp.arange(num_envs)
    single = jax.jit(
        jax.vmap(
            lambda limit, key, state, action: Count(max_steps=limit).step(
                key, state, action
            )
        )
    )
    for t in range(5):
        key = jr.key(t)
        actions = jnp.full(num_envs, t % 3, jnp.int32)
        keys = jax.vmap(lambda lane, key=key: jr.fold_in(key, lane))(lanes)
        step = envs.step(key, states, actions)
        assert eqx.tree_equal(step, single(limits, keys, states, actions))
        states = step.state
    np.testing.assert_array_equal(states.episode, 5 // limits)


def test_advance_in_every_lane():
    envs = VectorEnvironment(CartPole(max_steps=2), 3)
    _, states = envs.reset(jr.key(0))
    for t in range(3):
        actions = jnp.ones(3, jnp.int32)
        step = envs.advance(jr.key(t), states, actions)
        keys = jax.vmap(lambda lane, t=t: jr.fold_in(jr.key(t), lane))(jnp.arange(3))
        expected = jax.vmap(envs.env.advance)(keys, states, actions)
        assert eqx.tree_equal(step, expected)
        states = step.state
        np.testing.assert_array_equal(states.time, np.full(3, t + 1))
        np.testing.assert_array_equal(step.truncated, np.full(3, t >= 1))


def test_terminated_is_false_unless_it_is_said():
    _, state = Count().reset(jr.key(0))
    step = Count().step(jr.key(1), state, 0)
    assert step.terminated.dtype == bool and not step.terminated


@pytest.mark.parametrize("num_envs", [3, 200])
def test_numbers_in_info_have_an_axis_for_the_lanes(num_envs):
    env = Broken(lambda state: (state, 1.0, False, {"a": 2, "b": {"c": True}}))
    envs = VectorEnvironment(env, num_envs)
    _, states = envs.reset(jr.key(0))
    actions = jnp.zeros(num_envs, jnp.int32)
    for call in (envs.step, envs.advance):
        info = call(jr.key(1), states, actions).info
        assert info["a"].shape == info["b"]["c"].shape == (num_envs,)
        assert info["a"].dtype == jnp.asarray(2).dtype and not info["a"].weak_type


class TestActions:
    @pytest.mark.parametrize("action", [2, -1, 2**40, np.int64(7), np.array(2)])
    def test_a_number_outside_the_space_is_refused(self, action):
        _, state = CartPole().reset(jr.key(0))
        for call in (CartPole().step, CartPole().advance):
            with pytest.raises(ValueError, match=r"of CartPole .*Discrete\(2\);"):
                call(jr.key(1), state, action)
        envs = VectorEnvironment(CartPole(), 2)
        _, states = envs.reset(jr.key(0))
        with pytest.raises(ValueError, match=r"must be in Discrete\(2\)"):
            envs.step(jr.key(1), states, np.array([0, 2]))

    def test_a_number_outside_a_part_of_the_space_is_refused(self):
        parts = {"a": spaces.Discrete(2), "b": spaces.Tuple((spaces.Discrete(3),))}
        env = TransformAction(
            CartPole(), lambda action: action["a"], spaces.Dict(parts)
        )
        _, state = env.reset(jr.key(0))
        env.step(jr.key(1), state, {"a": 1, "b": (np.int64(2),)})
        for action, message in (
            ({"a": 2, "b": (2,)}, r"action of TransformAction\['a'\].*Discrete\(2\);"),
            ({"a": 1, "b": (np.array(3),)}, r"\['b'\]\[0\] .*Discrete\(3\); got 3"),
        ):
            with pytest.raises(ValueError, match=message):
                env.step(jr.key(1), state, action)
        with pytest.raises(TypeError, match=r"got \{'a': i\d\d\[\]"):
            env.step(jr.key(1), state, {"a": 1})
        with pytest.raises(TypeError, match=r"'b'\] must be in Tuple.* got i\d\d\[\]"):
            env.step(jr.key(1), state, {"a": 1, "b": 2})
        envs = VectorEnvironment(env, 2)
        _, states = envs.reset(jr.key(0))
        with pytest.raises(ValueError, match=r"`actions\['a'\]` must have a leading"):
            envs.step(jr.key(1), states, {"a": 1, "b": (jnp.zeros(2, int),)})
        with pytest.raises(ValueError, match=r"\['a'\] must be in Discrete\(2\)"):
            envs.step(jr.key(1), states, {"a": np.array([0, 5]), "b": (np.zeros(2),)})

    def test_an_array_outside_the_space_stands_for_the_nearest_element(self):
        for env, outside, nearest in (
            (CartPole(), jnp.int32(7), jnp.int32(1)),
            (CartPole(), jnp.int32(-3), jnp.int32(0)),
            (Pendulum(), jnp.array([5.0]), jnp.array([2.0])),
        ):
            _, state = env.reset(jr.key(0))
            step = env.step(jr.key(1), state, outside)
            assert eqx.tree_equal(step, env.step(jr.key(1), state, nearest))


class Broken(AbstractEnvironment[CountState, Int32[Array, ""], Int32[Array, ""]]):
    """What `transition` returns is given."""

    returned: object = eqx.field(static=True)
    max_steps: Int32[Array, ""] = time_limit(4)
    initial_state = Count.initial_state
    observe = Count.observe
    action_space = Count.action_space
    observation_space = Count.observation_space

    def transition(self, key, state, action):
        return self.returned(state)


class TestAuthorsMistakes:
    @pytest.mark.parametrize(
        "returned, error, message",
        [
            (
                lambda state: state,
                TypeError,
                "Broken must return an `eqenvs.Tr",
            ),
            (lambda state: (state,), TypeError, "got a tuple of 1"),
            (lambda state: (state, 1.0, False, {}, 1), TypeError, "got a tuple of 5"),
            (
                lambda state: (3, 1.0),
                TypeError,
                "must return a CountState as its",
            ),
            (
                lambda state: (
                    CountState(state.position + 0.5, state.episode, state.time),
                    1.0,
                ),
                TypeError,
                r"`state\.position` of Broken.*dtype int32; got float",
            ),
            (
                lambda state: (
                    CountState(state.position[None], state.episode, state.time),
                    1.0,
                ),
                ValueError,
                r"`state\.position` of Broken.*shape \(\); got \(1,\)",
            ),
            (
                lambda state: (state, 1.0, False, {"final_observation": 1}),
                ValueError,
                "must not have the entry 'final_observation'",
            ),
            (lambda state: (state, 1.0, False, 3), TypeError, "must be a dictionary"),
        ],
    )
    def test_of_a_transition(self, returned, error, message, unchecked):
        env = Broken(returned)
        _, state = env.reset(jr.key(0))
        with pytest.raises(error, match=message):
            env.step(jr.key(1), state, 0)

    def test_three_values_are_a_transition_without_info(self):
        env = Broken(lambda state: (state, 2.0, True))
        _, state = env.reset(jr.key(0))
        step = env.step(jr.key(1), state, 0)
        assert step.reward == 2 and step.terminated

    def test_an_observation_outside_its_space(self):
        class Wrong(AbstractEnvironment[CountState, Array, Array]):
            max_steps = 4
            initial_state = Count.initial_state
            transition = Count.transition
            action_space = Count.action_space
            observation_space = Count.observation_space

            def observe(self, state):
                return jnp.zeros(3)

        with pytest.raises(ValueError, match=r"observe` .*shape \(\); got \(3,\).*Box"):
            Wrong().reset(jr.key(0))

    def test_an_episode_that_never_ends(self):
        class Endless(AbstractEnvironment[CountState, Array, Array]):
            max_steps = 6
            initial_state = Count.initial_state
            observe = Count.observe
            action_space = Count.action_space
            observation_space = Count.observation_space

            def transition(self, key, state, action):
                return Transition(state, jnp.float32(1))

        with pytest.raises(RuntimeError, match=r"2 of 2 .* max_steps=6 .*time \+ 1"):
            evaluate(Endless(), None, 0, 2)
        returns = jax.jit(lambda key: evaluate(Endless(), None, key, 2).episode_return)
        assert np.isnan(returns(jr.key(0))).all()

    def test_an_endless_episode_of_a_task_without_a_time_limit(self):
        with pytest.raises(RuntimeError, match=r"1,000,000 steps.*TimeLimit\(env, "):
            evaluate(CliffWalking(), lambda key, observation: 0, 0, 2)  # always up


class TestRollouts:
    def test_states(self):
        env = Count()
        result = rollout(env, None, 0, num_steps=9, num_envs=2, states=True)
        trajectory = result.trajectory
        assert trajectory is not None
        np.testing.assert_array_equal(trajectory.state.position, trajectory.observation)
        np.testing.assert_array_equal(
            trajectory.next_state.position, trajectory.next_observation
        )
        np.testing.assert_array_equal(trajectory.next_state.time[3], [4, 4])
        np.testing.assert_array_equal(trajectory.state.time[4], [0, 0])
        plain = rollout(env, None, 0, num_steps=9, num_envs=2).trajectory
        assert plain is not None and plain.state is None and plain.next_state is None

    def test_evaluation_plays_the_first_episode_of_the_rollout(self):
        result = rollout(CartPole(), None, 3, num_envs=16, store=False)
        evaluation = evaluate(CartPole(), None, 3, 16)
        assert result.finished.all()
        np.testing.assert_array_equal(evaluation.episode_return, result.episode_return)
        np.testing.assert_array_equal(evaluation.episode_length, result.episode_length)

    def test_a_network_is_no_policy(self):
        network = eqx.nn.MLP(4, 2, 8, 1, key=jr.key(0))
        with pytest.raises(TypeError, match=r"this MLP cannot .*lambda key, observ"):
            rollout(CartPole(), network, 0)

    def test_a_carry_that_changes(self):
        def policy(key, observation, carry):
            return jnp.int32(0), carry[None]

        with pytest.raises(TypeError, match=r"carry .* must be like its initial_carry"):
            rollout(CartPole(), policy, 0, initial_carry=jnp.zeros(2), num_steps=2)


def test_every_method_can_be_given_to_jax():
    env, envs = CartPole(), VectorEnvironment(CartPole(), 2)
    _, state = env.reset(jr.key(0))
    _, states = envs.reset(jr.key(0))
    assert jax.jit(env.observe)(state).shape == (4,)
    assert jax.jit(env.truncated)(state).shape == ()
    assert jax.jit(env.action_space.sample)(jr.key(0)).shape == ()
    assert jax.jit(env.observation_space.contains)(env.observe(state))
    assert jax.jit(envs.observe)(states).shape == (2, 4)
    actions = jnp.zeros(2, jnp.int32)
    step = jax.jit(envs.step)(jr.key(1), states, actions)
    assert eqx.tree_equal(step, envs.step(jr.key(1), states, actions))
    again = jax.checkpoint(env.advance)(jr.key(1), state, jnp.int32(0))
    assert eqx.tree_equal(again.state, env.advance(jr.key(1), state, 0).state)
    assert hash(env.step) == hash(env.step) and env.step == env.step
    assert env.step != CartPole().step and env.step != env.advance
    assert eqx.tree_equal(
        eqx.filter_jit(lambda f: f(jr.key(0)))(env.reset), env.reset(jr.key(0))
    )


def test_spaces_of_many_environments():
    envs = VectorEnvironment(CartPole(), 3)
    assert repr(envs.single_action_space) == "Discrete(2)"
    assert repr(envs.action_space) == "MultiDiscrete((2, 2, 2))"
    assert envs.single_observation_space.shape == (4,)
    assert envs.observation_space.shape == (3, 4)
    observations, _ = envs.reset(jr.key(0))
    assert envs.observation_space.contains(observations)
    assert envs.action_space.contains(envs.sample_actions(jr.key(1)))
    worlds = eqx.tree_at(lambda e: e.max_torque, Pendulum(), jnp.array([1.0, 2.0, 3.0]))
    envs = VectorEnvironment(worlds, 3)
    np.testing.assert_array_equal(envs.action_space.high[:, 0], [1, 2, 3])
    np.testing.assert_array_equal(envs.single_action_space.high, [3])
    assert envs.action_space.contains(envs.sample_actions(jr.key(1)))
