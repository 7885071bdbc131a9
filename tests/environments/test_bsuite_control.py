"""bsuite's cart-poles and its mountain car beside the `bsuite` package: single steps
from drawn states with drawn parameters, and whole episodes."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats
from bsuite.environments import cartpole, mountain_car
from bsuite.experiments.cartpole_swingup import cartpole_swingup, sweep

import eqenvs
from eqenvs import BsuiteCartPole, BsuiteMountainCar, CartPoleSwingUp
from eqenvs.environments.bsuite import (
    BsuiteCartPoleState,
    CartPoleSwingUpState,
)
from eqenvs.environments.classic_control import MountainCarState

from .laws import SIGNIFICANCE


NUM_STATES = 1500
COORDINATES = ("x", "x_dot", "theta", "theta_dot")

CART_POLES = {
    "CartPole-bsuite": (BsuiteCartPole, BsuiteCartPoleState, cartpole.Cartpole),
    "CartPoleSwingUp-bsuite": (
        CartPoleSwingUp,
        CartPoleSwingUpState,
        cartpole_swingup.CartpoleSwingup,
    ),
}


def drawn_states():
    """Of a cart and a pole: many of them near to what decides a reward."""
    random = np.random.default_rng(0)
    return {
        "x": random.uniform(-3.2, 3.2, NUM_STATES)
        * random.choice([0.3, 1], NUM_STATES),
        "x_dot": random.normal(0, 1.5, NUM_STATES),
        "theta": (random.normal(0, 0.8, NUM_STATES)) % (2 * np.pi),
        "theta_dot": random.normal(0, 1.2, NUM_STATES),
        "time": random.integers(0, 11, NUM_STATES) * 100,
    }


def original_state(values, i, time_delta):
    motion = {name: values[name][i] for name in COORDINATES}
    return cartpole.CartpoleState(**motion, time_elapsed=values["time"][i] * time_delta)


@pytest.mark.parametrize("id", CART_POLES)
@pytest.mark.parametrize("is_default", [True, False])
def test_single_steps_of_the_cart_poles(id, is_default, either_precision):
    cls, state_cls, original_cls = CART_POLES[id]
    ours, theirs = {}, {}
    if not is_default:
        theirs = {"x_threshold": 2.0, "timescale": 0.02, "max_time": 7.0}
        theirs |= {"height_threshold": 0.9}
        if id == "CartPoleSwingUp-bsuite":
            theirs |= {"theta_dot_threshold": 0.7, "x_reward_threshold": 0.6}
            theirs |= {"move_cost": 0.3}
        ours = theirs | {"time_delta": 0.02}
        del ours["timescale"]
    env, original = cls(**ours), original_cls(**theirs)
    values = drawn_states()
    actions = np.arange(NUM_STATES) % 3

    @jax.jit
    @jax.vmap
    def step(values, action):
        step = env.transition(jr.key(0), state_cls(**values), action)
        return env.observe(step.state), step.reward, step.terminated

    dtype = np.float64 if either_precision else np.float32
    given = {name: jnp.asarray(values[name], dtype) for name in COORDINATES}
    given["time"] = jnp.asarray(values["time"], jnp.int32)
    observations, rewards, ends = map(
        np.asarray, step(given, jnp.asarray(actions, jnp.int32))
    )
    seen = set()
    num_differing = 0
    for i in range(NUM_STATES):
        original._state = original_state(values, i, theirs.get("timescale", 0.01))
        original._reset_next_step = False
        timestep = original.step(int(actions[i]))
        # In 32 bits, a threshold may lie between the two.
        same = rewards[i] == pytest.approx(timestep.reward) and (
            ends[i] == timestep.last()
        )
        if not same:
            num_differing += 1
            continue
        np.testing.assert_allclose(
            observations[i], timestep.observation[0], rtol=2e-5, atol=2e-5
        )
        seen.add((round(timestep.reward, 3), timestep.last()))
    assert num_differing <= (0 if either_precision else 5)
    assert len(seen) >= 3


def test_angles_and_velocities_are_exact(x64):
    """bsuite rounds what is observed to 32 bits; these are its states."""
    del x64
    env, original = BsuiteCartPole(), cartpole.Cartpole()
    values = drawn_states()
    actions = np.arange(NUM_STATES) % 3
    step = jax.jit(jax.vmap(lambda s, a: env.transition(jr.key(0), s, a).state))
    states = step(
        jax.vmap(lambda v: BsuiteCartPoleState(**v))(
            {k: jnp.asarray(v, jnp.int32 if k == "time" else float)
             for k, v in values.items()}
        ),
        jnp.asarray(actions, jnp.int32),
    )  # fmt: skip
    for i in range(NUM_STATES):
        original._state = original_state(values, i, 0.01)
        original._reset_next_step = False
        original.step(int(actions[i]))
        for name in COORDINATES:
            expected = getattr(original._state, name)
            assert getattr(states, name)[i] == pytest.approx(expected, abs=1e-9)


def run(env, state, actions):
    """Steps without any reset: observations, rewards and ends."""

    @jax.jit
    def scan(state, actions):
        def body(state, action):
            step = env.transition(jr.key(0), state, action)
            outputs = env.observe(step.state), step.reward, step.terminated
            return step.state, outputs

        return jax.lax.scan(body, state, actions)[1]

    return jax.tree.map(np.asarray, scan(state, jnp.asarray(actions, jnp.int32)))


@pytest.mark.parametrize("id", CART_POLES)
@pytest.mark.parametrize("balances", [True, False])
def test_episodes_of_the_cart_poles(id, balances, x64):
    """Whole episodes, either to the end of their time or until something falls."""
    del x64
    cls, state_cls, original_cls = CART_POLES[id]
    env, original = cls(gravity=0.0 if balances else 9.8), original_cls(seed=1)
    if balances:
        original._cartpole_config = original._cartpole_config._replace(gravity=0.0)
    first = original.reset()
    start = {name: jnp.asarray(getattr(original._state, name)) for name in COORDINATES}
    state = state_cls(**start, time=jnp.int32(0))
    np.testing.assert_allclose(env.observe(state), first.observation[0], atol=1e-6)
    actions = np.ones(1100, int)
    if not balances:
        actions = np.random.default_rng(0).choice(3, 1100, p=[0.2, 0.3, 0.5])
    observations, rewards, ends = run(env, state, actions)
    for t, action in enumerate(actions):
        timestep = original.step(int(action))
        np.testing.assert_allclose(
            observations[t], timestep.observation[0], rtol=1e-5, atol=1e-5
        )
        assert rewards[t] == pytest.approx(timestep.reward)
        assert ends[t] == timestep.last()
        if timestep.last():
            break
    assert ends[t]
    assert (t + 1 == 1001) == balances


def test_an_episode_takes_as_long_in_32_bits():
    """The time is counted, not added up."""
    env = BsuiteCartPole(gravity=0.0, initial_bound=0.0)
    actions = np.ones(1001, int)
    *_, ends = run(env, env.initial_state(jr.key(0)), actions)
    assert ends[-1] and not ends[:-1].any()


@pytest.mark.parametrize("setting", sweep.SETTINGS[::5])
def test_settings_of_the_sweep(setting):
    env = eqenvs.make("CartPoleSwingUp-bsuite", **setting)
    original = cartpole_swingup.CartpoleSwingup(**setting)
    assert env.height_threshold == pytest.approx(original._height_threshold)
    assert env.x_reward_threshold == pytest.approx(original._x_reward_threshold)


@pytest.mark.parametrize("seed", range(3))
def test_episodes_of_the_mountain_car(seed, x64):
    del x64
    length = 1000 if seed == 0 else 400
    env = BsuiteMountainCar(episode_length=length)
    original = mountain_car.MountainCar(max_steps=length, seed=seed)
    first = original.reset()
    state = MountainCarState(
        position=jnp.asarray(original._position),
        velocity=jnp.zeros(()),
        time=jnp.int32(0),
    )
    np.testing.assert_allclose(env.observe(state), first.observation[0], atol=1e-6)
    # With the swing until the goal; or to the left, to the wall; or at random.
    random = np.random.default_rng(seed)
    actions = random.integers(3, size=length)
    if seed == 1:
        actions = np.repeat([2, 0, 2, 0, 2, 0, 2], 60)[:length]
    observations, rewards, ends = run(env, state, actions)
    for t, action in enumerate(actions):
        timestep = original.step(int(action))
        np.testing.assert_allclose(observations[t], timestep.observation[0], atol=1e-6)
        assert rewards[t] == timestep.reward == -1
        assert ends[t] == timestep.last()
        if timestep.last():
            break
    assert ends[t]


def test_single_steps_of_the_mountain_car(x64):
    del x64
    env, original = BsuiteMountainCar(), mountain_car.MountainCar()
    random = np.random.default_rng(0)
    position = random.uniform(-1.25, 0.6, NUM_STATES).clip(-1.2)
    velocity = random.uniform(-0.07, 0.07, NUM_STATES)
    time = random.integers(0, 1000, NUM_STATES)
    actions = np.arange(NUM_STATES) % 3

    @jax.jit
    @jax.vmap
    def step(position, velocity, time, action):
        state = MountainCarState(position, velocity, time)
        state, reward, terminated, _ = env.transition(jr.key(0), state, action)
        return state.position, state.velocity, reward, terminated

    integers = jnp.asarray(time, jnp.int32), jnp.asarray(actions, jnp.int32)
    results = step(jnp.asarray(position), jnp.asarray(velocity), *integers)
    results = np.asarray(results[:3]).T, np.asarray(results[3])
    num_walls = 0
    for i in range(NUM_STATES):
        original._position, original._velocity = position[i], velocity[i]
        original._timestep, original._reset_next_step = int(time[i]), False
        timestep = original.step(int(actions[i]))
        expected = original._position, original._velocity, timestep.reward
        np.testing.assert_allclose(results[0][i], expected, atol=1e-12)
        assert results[1][i] == timestep.last()
        num_walls += original._position == -1.2
    assert num_walls > 10 and 10 < results[1].sum() < NUM_STATES / 2


def test_initial_states():
    keys = jr.split(jr.key(0), 4000)
    for id, (cls, *_) in CART_POLES.items():
        states = jax.jit(jax.vmap(cls().initial_state))(keys)
        middle = np.pi if id == "CartPoleSwingUp-bsuite" else 0.0
        for name in COORDINATES:
            x = np.asarray(getattr(states, name)) - (name == "theta") * middle
            uniform = scipy.stats.uniform(-0.05, 0.1)
            assert scipy.stats.kstest(x, uniform.cdf).pvalue > SIGNIFICANCE
    states = jax.jit(jax.vmap(BsuiteMountainCar().initial_state))(keys)
    uniform = scipy.stats.uniform(-0.6, 0.2)
    assert scipy.stats.kstest(states.position, uniform.cdf).pvalue > SIGNIFICANCE
    assert (states.velocity == 0).all()


@pytest.mark.parametrize(
    "id, original",
    [
        ("CartPole-bsuite", cartpole.Cartpole),
        ("CartPoleSwingUp-bsuite", cartpole_swingup.CartpoleSwingup),
        ("MountainCar-bsuite", mountain_car.MountainCar),
    ],
)
def test_spaces(id, original):
    env, original = eqenvs.make(id), original()
    assert env.action_space.n == original.action_spec().num_values
    assert (1, *env.observation_space.shape) == original.observation_spec().shape
