"""Classic control against Gymnasium's own classes."""

import math

import equinox as eqx
import gymnasium.envs.classic_control as originals
import gymnasium.envs.classic_control.continuous_mountain_car as continuous_module
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from eqenvs import (
    Acrobot,
    CartPole,
    ContinuousMountainCar,
    MountainCar,
    Pendulum,
)


# How the original is built from our environment, how its state is set and read, and
# what of it Hypothesis draws. Our names on the left, the original's on the right.

CARTPOLE_NAMES = {
    "gravity": "gravity",
    "cart_mass": "masscart",
    "pole_mass": "masspole",
    "pole_half_length": "length",
    "force": "force_mag",
    "time_delta": "tau",
    "x_threshold": "x_threshold",
    "theta_threshold": "theta_threshold_radians",
}
PENDULUM_NAMES = {
    "gravity": "g",
    "mass": "m",
    "length": "l",
    "time_delta": "dt",
    "max_speed": "max_speed",
    "max_torque": "max_torque",
}
MOUNTAIN_CAR_NAMES = {
    "gravity": "gravity",
    "force": "force",
    "min_position": "min_position",
    "max_position": "max_position",
    "max_speed": "max_speed",
    "goal_position": "goal_position",
    "goal_velocity": "goal_velocity",
}
CONTINUOUS_NAMES = {
    "power": "power",
    "min_action": "min_action",
    "max_action": "max_action",
    "min_position": "min_position",
    "max_position": "max_position",
    "max_speed": "max_speed",
    "goal_position": "goal_position",
    "goal_velocity": "goal_velocity",
}
ACROBOT_NAMES = {
    "link_length_1": "LINK_LENGTH_1",
    "link_mass_1": "LINK_MASS_1",
    "link_mass_2": "LINK_MASS_2",
    "link_center_1": "LINK_COM_POS_1",
    "link_center_2": "LINK_COM_POS_2",
    "link_moment": "LINK_MOI",
    "time_delta": "dt",
    "max_speed_1": "MAX_VEL_1",
    "max_speed_2": "MAX_VEL_2",
}


def copy_parameters(original, names, parameters):
    for ours, theirs in names.items():
        if ours in parameters:
            setattr(original, theirs, parameters[ours])
    return original


def original_cartpole(integrator="euler", sutton_barto_reward=False, **parameters):
    original = originals.CartPoleEnv(sutton_barto_reward=sutton_barto_reward)
    original.kinematics_integrator = integrator
    copy_parameters(original, CARTPOLE_NAMES, parameters)
    original.total_mass = original.masspole + original.masscart
    original.polemass_length = original.masspole * original.length
    return original


def original_pendulum(**parameters):
    return copy_parameters(originals.PendulumEnv(), PENDULUM_NAMES, parameters)


def original_mountain_car(**parameters):
    return copy_parameters(originals.MountainCarEnv(), MOUNTAIN_CAR_NAMES, parameters)


def original_continuous_mountain_car(**parameters):
    original = originals.Continuous_MountainCarEnv()
    return copy_parameters(original, CONTINUOUS_NAMES, parameters)


def original_acrobot(book_or_nips="book", torques=(-1.0, 0.0, 1.0), **parameters):
    original = copy_parameters(originals.AcrobotEnv(), ACROBOT_NAMES, parameters)
    original.book_or_nips = book_or_nips
    original.AVAIL_TORQUE = list(torques)
    return original


@pytest.fixture(autouse=True)
def originals_in_double_precision(monkeypatch):
    """ContinuousMountainCar rounds its state to 32 bits at every step."""

    class NumPyWithoutSinglePrecision:
        float32 = np.float64

        def __getattr__(self, name):
            return getattr(np, name)

    monkeypatch.setattr(continuous_module, "np", NumPyWithoutSinglePrecision())


def between(low, high):
    return st.floats(low, high, allow_subnormal=False)


def numbers(**ranges):
    return st.fixed_dictionaries({name: between(*r) for name, r in ranges.items()})


CASES = {
    "CartPole": dict(
        environment=CartPole,
        original=original_cartpole,
        coordinates=("x", "x_dot", "theta", "theta_dot"),
        parameters=numbers(
            gravity=(1, 20), cart_mass=(0.2, 5), pole_mass=(0.02, 2),
            pole_half_length=(0.1, 3), force=(-30, 30), time_delta=(0.001, 0.1),
            x_threshold=(0.5, 4), theta_threshold=(0.05, 1),
        ),
        options=[
            {},
            {"integrator": "semi-implicit euler"},
            {"sutton_barto_reward": True},
        ],
        states=st.tuples(
            between(-4.2, 4.2), between(-5, 5), between(-1.1, 1.1), between(-5, 5)
        ),
        actions=st.integers(0, 1),
    ),
    "Pendulum": dict(
        environment=Pendulum,
        original=original_pendulum,
        coordinates=("theta", "theta_dot"),
        parameters=numbers(
            gravity=(0, 20), mass=(0.2, 5), length=(0.3, 3), time_delta=(0.001, 0.2),
            max_speed=(1, 20), max_torque=(0, 5),
        ),
        options=[{}],
        states=st.tuples(between(-20, 20), between(-20, 20)),
        actions=st.tuples(between(-8, 8)),
    ),
    "MountainCar": dict(
        environment=MountainCar,
        original=original_mountain_car,
        coordinates=("position", "velocity"),
        parameters=numbers(
            gravity=(0, 0.005), force=(0, 0.003), min_position=(-1.4, -1),
            max_position=(0.55, 0.8), max_speed=(0.01, 0.1), goal_position=(0.3, 0.55),
            goal_velocity=(-0.02, 0.05),
        ),
        options=[{}],
        states=st.tuples(
            st.one_of(between(-1.4, 0.8), between(-1.4, -1), between(0.4, 0.8)),
            between(-0.1, 0.1),
        ),
        actions=st.integers(0, 2),
    ),
    "ContinuousMountainCar": dict(
        environment=ContinuousMountainCar,
        original=original_continuous_mountain_car,
        coordinates=("position", "velocity"),
        parameters=numbers(
            power=(0, 0.003), min_action=(-2, -0.5), max_action=(0.5, 2),
            min_position=(-1.4, -1), max_position=(0.55, 0.8), max_speed=(0.01, 0.1),
            goal_position=(0.3, 0.55), goal_velocity=(-0.02, 0.05),
        ),
        options=[{}],
        states=st.tuples(
            st.one_of(between(-1.4, 0.8), between(-1.4, -1), between(0.3, 0.8)),
            between(-0.1, 0.1),
        ),
        actions=st.tuples(between(-3, 3)),
    ),
    "Acrobot": dict(
        environment=Acrobot,
        original=original_acrobot,
        coordinates=("theta_1", "theta_2", "theta_dot_1", "theta_dot_2"),
        parameters=numbers(
            link_length_1=(0.5, 2), link_mass_1=(0.5, 2), link_mass_2=(0.5, 2),
            link_center_1=(0.2, 1), link_center_2=(0.2, 1), link_moment=(0.5, 2),
            time_delta=(0.01, 0.3), max_speed_1=(3, 15), max_speed_2=(6, 30),
        ),
        options=[{}, {"book_or_nips": "nips"}, {"torques": (-2.0, 0.5, 3.0)}],
        states=st.tuples(
            between(-math.pi, math.pi), between(-math.pi, math.pi),
            between(-12, 12), between(-28, 28),
        ),
        actions=st.integers(0, 2),
        # With links that spin fast, one step of Runge-Kutta magnifies a rounding error
        # by thousands, which 32 bits do not have to spare.
        parameters_x32=numbers(
            link_length_1=(0.8, 1.25), link_mass_1=(0.8, 1.25), link_mass_2=(0.8, 1.25),
            link_center_1=(0.4, 0.6), link_center_2=(0.4, 0.6), link_moment=(0.8, 1.25),
            time_delta=(0.01, 0.2), max_speed_1=(3, 15), max_speed_2=(6, 30),
        ),
        states_x32=st.tuples(
            between(-math.pi, math.pi), between(-math.pi, math.pi),
            between(-6, 6), between(-9, 9),
        ),
    ),
}  # fmt: skip


def with_parameters(env, parameters):
    names = list(parameters)
    return eqx.tree_at(
        lambda e: [getattr(e, name) for name in names],
        env,
        [jnp.asarray(parameters[name], float) for name in names],
    )


def our_state(env, coordinates, values):
    _, state = env.reset(jr.key(0))
    return with_coordinates(state, coordinates, values)


def with_coordinates(state, coordinates, values):
    return eqx.tree_at(
        lambda s: [getattr(s, name) for name in coordinates],
        state,
        [jnp.asarray(value, float) for value in values],
    )


@eqx.filter_jit
def transition_and_observation(env, state, action):
    state, reward, terminated, _ = env.transition(jr.key(0), state, action)
    return state, reward, terminated, env.observe(state)


@eqx.filter_jit
def transition_from(env, state, parameters, values, coordinates, action):
    """A transition with other parameters, from the state of the coordinates."""
    env = with_parameters(env, parameters)
    state = with_coordinates(state, coordinates, values)
    return transition_and_observation(env, state, action)


def margins(name, original):
    """How far the original's state is from where its episode's end is decided."""
    state = np.asarray(original.state, float)
    if name == "CartPole":
        thresholds = (original.x_threshold, original.theta_threshold_radians)
        return np.abs(state[[0, 2]]) - thresholds
    if "MountainCar" in name:
        return state - (original.goal_position, original.goal_velocity)
    if name == "Acrobot":
        return -np.cos(state[0]) - np.cos(state[0] + state[1]) - 1
    return np.inf


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("precision", ["x64", "x32"])
def test_one_step_is_the_originals(name, precision):
    """Over 1,000 steps from drawn states, with drawn parameters and every option."""
    case = CASES[name]
    tolerance = {"x64": 1e-9, "x32": 1e-5}[precision]

    def compare(option, start, parameters, values, action):
        env, state = start
        # Cheaper as NumPy's than as JAX's, a thousand times.
        given = jax.tree.map(
            lambda x: np.asarray(x, jnp.result_type(float)), (parameters, values)
        )
        state, our_reward, our_terminated, observation = transition_from(
            env,
            state,
            *given,
            case["coordinates"],
            np.asarray(action, env.action_space.dtype),
        )
        if precision == "x32":  # Both start from the same numbers.
            parameters = {k: float(np.float32(v)) for k, v in parameters.items()}
            values = np.float32(values).astype(float)
            action = np.float32(action).astype(float) if np.ndim(action) else action
        original = case["original"](**option, **parameters)
        original.state = np.array(values)
        expected, reward, terminated, _, _ = original.step(
            np.array(action) if np.ndim(action) else action
        )
        theirs = np.asarray(original.state, float)
        ours = np.array([getattr(state, c) for c in case["coordinates"]], float)
        difference = np.abs(ours - theirs)
        if name == "Acrobot":  # π and -π are the same angle.
            difference[:2] = np.minimum(difference[:2], abs(difference[:2] - 2 * np.pi))
        scale = max(1.0, np.abs(theirs).max())
        assert difference.max() <= scale * tolerance
        # The original's observations have 32 bits in any case.
        np.testing.assert_allclose(observation, expected, rtol=1e-5, atol=1e-5)
        if precision == "x64" or np.abs(margins(name, original)).min() > 1e-5:
            assert bool(our_terminated) == terminated
            np.testing.assert_allclose(our_reward, reward, rtol=tolerance, atol=1e-7)
            return bool(our_terminated), float(reward)

    parameters, states = case["parameters"], case["states"]
    if precision == "x32":
        parameters = case.get("parameters_x32", parameters)
        states = case.get("states_x32", states)

    for option in case["options"]:
        outcomes = set()

        @settings(max_examples=1000 // len(case["options"]) + 50)
        @given(parameters=parameters, values=states, action=case["actions"])
        def one_step(parameters, values, action):
            outcome = compare(option, start, parameters, values, action)  # noqa: B023
            outcomes.add(outcome)  # noqa: B023

        with jax.enable_x64(precision == "x64"):
            env = case["environment"](**option)
            start = env, env.reset(jr.key(0))[1]
            one_step()
        assert len(outcomes - {None}) >= 2 or name == "MountainCar"


@eqx.filter_jit
def episode(env, state, actions):
    def body(state, action):
        state, reward, terminated, _ = env.transition(jr.key(0), state, action)
        return state, (state, reward, terminated)

    return jax.lax.scan(body, state, actions)[1]


# A pole that stands, and links that swing freely, make a rounding error ten times as
# large within 30 and 4 steps. So their episodes are followed in stretches that are
# shorter than the time limit, each from where the original is.
STRETCHES = {
    "CartPole": 100,
    "Pendulum": 200,
    "MountainCar": 500,
    "ContinuousMountainCar": 500,
    "Acrobot": 10,
}


def play(name, original, generator):
    """500 steps of the original: the actions, states, rewards and terminations."""
    if name in ("Pendulum", "ContinuousMountainCar"):
        actions = generator.uniform(-2, 2, (500, 1))
    else:  # Each is held for a while, so that something happens.
        actions = np.repeat(generator.integers(0, 3, 50), 10).astype(np.int32)
    states, rewards, terminated = [original.state], [], []
    for t in range(500):
        if name == "CartPole":  # A player who keeps the pole up all the time.
            x, x_dot, theta, theta_dot = original.state
            actions[t] = theta + 0.3 * theta_dot + 0.03 * x + 0.08 * x_dot > 0
        _, reward, is_over, _, _ = original.step(actions[t])
        states.append(np.array(original.state, float))
        rewards.append(reward)
        terminated.append(is_over)
    return actions, np.array(states), np.array(rewards), np.array(terminated)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("seed", range(3))
def test_whole_episodes_are_the_originals(name, seed, x64):
    """500 steps on end, with the process going on behind terminal states."""
    case = CASES[name]
    for option in case["options"]:
        env = case["environment"](**option)
        original = case["original"](**option)
        original.reset(seed=seed)
        original.state = np.asarray(original.state, float)
        generator = np.random.default_rng(seed)
        actions, states, rewards, terminated = play(name, original, generator)
        length = STRETCHES[name]
        for start in range(0, 500, length):
            stretch = slice(start, start + length)
            ours, our_rewards, our_terminated = episode(
                env,
                our_state(env, case["coordinates"], states[start]),
                jnp.asarray(actions[stretch], env.action_space.dtype),
            )
            ours = np.stack([getattr(ours, c) for c in case["coordinates"]], axis=1)
            theirs = states[1:][stretch]
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(
                our_rewards, rewards[stretch], rtol=1e-9, atol=1e-9
            )
            np.testing.assert_array_equal(our_terminated, terminated[stretch])
        if name == "CartPole":
            assert not np.any(terminated)


@pytest.mark.parametrize("name", CASES)
def test_time_limits_and_spaces(name):
    import gymnasium

    ids = {
        "CartPole": "CartPole-v1",
        "Pendulum": "Pendulum-v1",
        "MountainCar": "MountainCar-v0",
        "ContinuousMountainCar": "MountainCarContinuous-v0",
        "Acrobot": "Acrobot-v1",
    }
    env = CASES[name]["environment"]()
    assert env.max_steps == gymnasium.spec(ids[name]).max_episode_steps
    original = CASES[name]["original"]()
    space = env.observation_space
    np.testing.assert_allclose(space.low, original.observation_space.low, rtol=1e-6)
    np.testing.assert_allclose(space.high, original.observation_space.high, rtol=1e-6)
    if hasattr(original.action_space, "n"):
        assert env.action_space.n == original.action_space.n
    else:
        np.testing.assert_array_equal(env.action_space.low, original.action_space.low)
        np.testing.assert_array_equal(env.action_space.high, original.action_space.high)


@pytest.mark.parametrize("name", CASES)
def test_initial_states_are_uniform_in_the_originals_box(name):
    """Kolmogorov-Smirnov for each coordinate, at a significance of 1 in 10,000."""
    from scipy import stats

    case = CASES[name]
    env = case["environment"]()
    states = jax.vmap(env.initial_state)(jr.split(jr.key(7), 4000))
    box = {
        "CartPole": [(-0.05, 0.05)] * 4,
        "Pendulum": [(-math.pi, math.pi), (-1, 1)],
        "MountainCar": [(-0.6, -0.4), (0, 0)],
        "ContinuousMountainCar": [(-0.6, -0.4), (0, 0)],
        "Acrobot": [(-0.1, 0.1)] * 4,
    }[name]
    original = case["original"]()
    originals_ = np.array([np.copy(reset(original, seed)) for seed in range(300)])
    for i, (coordinate, (low, high)) in enumerate(
        zip(case["coordinates"], box, strict=True)
    ):
        ours = np.asarray(getattr(states, coordinate))
        if low == high:
            assert (ours == low).all() and (originals_[:, i] == low).all()
            continue
        uniform = stats.uniform(low, high - low)
        assert stats.kstest(ours, uniform.cdf).pvalue > 1e-4
        assert stats.kstest(originals_[:, i], uniform.cdf).pvalue > 1e-4
    assert (states.time == 0).all()


def reset(original, seed):
    original.reset(seed=seed)
    return original.state


def test_acrobot_torque_noise():
    """Uniform around the torque of the action, as in the original."""
    from scipy import stats

    original = originals.AcrobotEnv()
    original.torque_noise_max = 0.7
    env = Acrobot(torque_noise=0.7)
    keys = jr.split(jr.key(0), 3000)
    torque = jax.vmap(env._torque, in_axes=(0, None))(keys, jnp.int32(2))
    assert stats.kstest(np.asarray(torque), stats.uniform(0.3, 1.4).cdf).pvalue > 1e-4
    # One step with the same draw.
    _, state = env.reset(jr.key(0))

    class SameDraw:
        def uniform(self, low, high):
            assert (low, high) == (-0.7, 0.7)
            return float(torque[0]) - 1

    original.state = np.array(
        [state.theta_1, state.theta_2, state.theta_dot_1, state.theta_dot_2], float
    )
    original._np_random = SameDraw()
    expected, *_ = original.step(2)
    ours = env.transition(keys[0], state, jnp.int32(2)).state
    np.testing.assert_allclose(env.observe(ours), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("max_speed", [8.0, 1.0])
def test_gradients_of_pendulum_agree_with_finite_differences(x64, max_speed):
    actions = jnp.linspace(-1.5, 1.5, 20)[:, None]

    def total_reward(inputs):
        gravity, mass, length, theta, actions = inputs
        env = Pendulum(gravity=gravity, mass=mass, length=length, max_speed=max_speed)
        state = our_state(env, ("theta", "theta_dot"), (theta, jnp.zeros(())))

        def body(state, action):
            step = env.step(jr.key(0), state, action)
            return step.state, step.reward

        return jax.lax.scan(body, state, actions)[1].sum()

    one = jnp.ones(())
    check_gradients(total_reward, (10 * one, one, one, 2.5 * one, actions))


def test_gradients_of_cartpole_agree_with_finite_differences(x64):
    actions = jnp.array([0, 1, 1, 0, 1, 0, 0, 1, 0, 1])

    def final_angle(inputs):
        gravity, force, pole_mass, x_dot, theta = inputs
        env = CartPole(gravity=gravity, force=force, pole_mass=pole_mass)
        zero = jnp.zeros(())
        names = ("x", "x_dot", "theta", "theta_dot")
        state = our_state(env, names, (zero, x_dot, theta, zero))

        def body(state, action):
            step = env.step(jr.key(0), state, action)
            return step.state, step.observation

        observations = jax.lax.scan(body, state, actions)[1]
        return jnp.sum(observations**2)

    at = tuple(jnp.asarray(x) for x in (9.8, 10.0, 0.1, 0.02, 0.03))
    check_gradients(final_angle, at)


def check_gradients(function, at):
    from jax.test_util import check_grads

    check_grads(jax.jit(function), (at,), order=1, modes=("fwd", "rev"), rtol=1e-6)
    gradient = jax.tree.leaves(jax.grad(function)(at))
    assert all(np.any(np.asarray(g) != 0) for g in gradient)


@pytest.mark.parametrize(
    "cls, parameters, message",
    [
        (CartPole, {"pole_half_length": 0}, "pole_half_length.*greater than 0; got 0"),
        (CartPole, {"cart_mass": 0, "pole_mass": 0}, "cart_mass and pole_mass"),
        (Pendulum, {"mass": 0}, "Pendulum.mass.*greater than 0"),
        (Pendulum, {"length": 0}, "Pendulum.length.*greater than 0"),
        (Acrobot, {"link_moment": 0, "link_mass_2": 0}, "Acrobot.link_moment"),
        (Acrobot, {"link_moment": 0, "link_center_1": 0}, "Acrobot.link_moment"),
        (MountainCar, {"min_position": 0.6}, "MountainCar.min_position.*got 0.6 and"),
        (ContinuousMountainCar, {"max_position": -2}, "min_position must be less than"),
    ],
)
def test_what_the_dynamics_cannot_do_without(cls, parameters, message):
    with pytest.raises(ValueError, match=message):
        cls(**parameters)


@pytest.mark.parametrize(
    "cls, parameters",
    [
        (CartPole, {"cart_mass": 0}),
        (CartPole, {"pole_mass": 0}),
        (Acrobot, {"link_moment": 0}),
        (Acrobot, {"link_mass_1": 0, "link_mass_2": 0}),
    ],
)
def test_what_the_dynamics_can_do_without(cls, parameters):
    env = cls(**parameters)
    _, state = env.reset(jr.key(0))
    for action in (0, 1):
        observation, *_ = env.step(jr.key(1), state, action)
        assert np.isfinite(observation).all()


def test_parameters_that_are_not_known_yet_are_taken():
    masses = eqx.filter_vmap(lambda mass: CartPole(cart_mass=mass, pole_mass=mass))
    assert masses(jnp.array([0.0, 1.0])).cart_mass.shape == (2,)
