"""Where gymnax departs from the originals, demonstrated on gymnax.

Each test shows what gymnax does and that eqenvs does otherwise. That eqenvs does as the
original does is what the other tests are for. A test that fails after an update of
gymnax means that its docstring is out of date.

The documentation's tables are made from the docstrings. They say which environments the
test is about and what gymnax does; what happens here, as in the original; and what
gymnax's departure changes for a learner.
"""

import dataclasses
import functools as ft
import gzip
import struct

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats

import eqenvs

from .environments.test_seaquest import describe_game, describe_state, set_up


with jax.enable_x64(False):  # for the arrays that gymnax makes on import
    gymnax = pytest.importorskip("gymnax")

KEY = jr.key(0)
SIGNIFICANCE = 1e-3  # of every statistical test; the seeds are fixed

# Every environment of eqenvs that takes part, with its parameters.
OURS = {
    "Acrobot, book": lambda: eqenvs.Acrobot(book_or_nips="book"),
    "Acrobot, nips": lambda: eqenvs.Acrobot(book_or_nips="nips"),
    "Acrobot-v1": eqenvs.Acrobot,
    "CartPole-v1": eqenvs.CartPole,
    "CartPole, semi-implicit": lambda: eqenvs.CartPole(
        integrator="semi-implicit euler"
    ),
    "CartPole, other rewards": lambda: eqenvs.CartPole(sutton_barto_reward=True),
    "CartPole, heavy pole": lambda: eqenvs.CartPole(pole_mass=1.0),
    "MountainCar-v0": eqenvs.MountainCar,
    "MountainCarContinuous-v0": eqenvs.ContinuousMountainCar,
    "Pendulum-v1": eqenvs.Pendulum,
    "Asterix-MinAtar": eqenvs.Asterix,
    "Breakout-MinAtar": eqenvs.Breakout,
    "Freeway-MinAtar": eqenvs.Freeway,
    "Seaquest-MinAtar": eqenvs.Seaquest,
    "SpaceInvaders-MinAtar": eqenvs.SpaceInvaders,
    "SimpleBandit-bsuite": eqenvs.SimpleBandit,
    "Catch-bsuite": eqenvs.Catch,
    "DeepSea-bsuite": eqenvs.DeepSea,
    "DiscountingChain-bsuite": eqenvs.DiscountingChain,
    "DiscountingChain, 50 steps": lambda: eqenvs.DiscountingChain(max_steps=50),
    "DiscountingChain, seed 7": lambda: eqenvs.DiscountingChain(mapping_seed=7),
    "MemoryChain-bsuite": eqenvs.MemoryChain,
    "UmbrellaChain-bsuite": eqenvs.UmbrellaChain,
    "BernoulliBandit-misc": eqenvs.BernoulliBandit,
    "BernoulliBandit, 50 steps": lambda: eqenvs.BernoulliBandit(max_steps=50),
    "BernoulliBandit, independent": lambda: eqenvs.BernoulliBandit(kind="independent"),
    "BernoulliBandit, uniform": lambda: eqenvs.BernoulliBandit(
        kind="dependent-uniform"
    ),
    "GaussianBandit-misc": eqenvs.GaussianBandit,
    "GaussianBandit, 50 steps": lambda: eqenvs.GaussianBandit(max_steps=50),
    "FrozenLake, firm": lambda: eqenvs.FrozenLake(is_slippery=False),
    "FrozenLake, two starts": lambda: eqenvs.FrozenLake(map=["SS", "FG"]),
    "FrozenLake, two goals": lambda: eqenvs.FrozenLake(map=["SG", "FG"]),
    "FourRooms, image": lambda: eqenvs.FourRooms(observation="image"),
    "FourRooms, any goal": lambda: eqenvs.FourRooms(goal=None),
    "FourRooms, goal in agent": lambda: eqenvs.FourRooms(
        goal=None, goal_avoids_agent=False
    ),
    "FourRooms, goal moves": lambda: eqenvs.FourRooms(goal_duration=5),
    "MetaMaze-misc": eqenvs.MetaMaze,
    "MetaMaze, penalty": lambda: eqenvs.MetaMaze(wall_penalty=1.0),
    "MetaMaze, 7": lambda: eqenvs.MetaMaze(size=7),
    "MetaMaze, 3": lambda: eqenvs.MetaMaze(size=3),
    "MetaMaze, field 5": lambda: eqenvs.MetaMaze(receptive_field=5),
    "MetaMaze, steps": lambda: eqenvs.MetaMaze(normalize_time=False),
    "PointRobot-misc": eqenvs.PointRobot,
    "PointRobot, half disc": lambda: eqenvs.PointRobot(start="half_disc"),
    "PointRobot, center": lambda: eqenvs.PointRobot(start="center"),
    "PointRobot, 50 steps": lambda: eqenvs.PointRobot(max_steps=50),
    "Reacher, three joints": lambda: eqenvs.Reacher(num_joints=3),
    "Pong-misc": eqenvs.Pong,
    "Pong, odd height": lambda: eqenvs.Pong(height=13),
    "StickyAction": lambda: eqenvs.StickyAction(
        env=eqenvs.CartPole(),
        probability=0.1,
    ),  # pyright: ignore[reportCallIssue]
    "StickyAction, carry over": lambda: eqenvs.StickyAction(
        env=eqenvs.CartPole(),
        probability=0.1,
        carry_over=True,
    ),  # pyright: ignore[reportCallIssue]
}


def make_mnist_bandit(folder):
    return eqenvs.MNISTBandit.load(folder)


@pytest.fixture(autouse=True)
def x32():
    """Much of gymnax does not run with 64-bit numbers."""
    with jax.enable_x64(False):
        yield


# Steps and starts of both. States are changed with `replace`, theirs and ours.


# Single steps are not compiled: that takes longer than to run them once.


def step_theirs(env, key, state, action, params):
    """One step without reset: observation, state, reward, terminated, info."""
    return env.step_env(key, state, jnp.asarray(action), params)


def step_ours(env, key, state, action):
    """One step without reset: state, reward, terminated, info."""
    return env.transition(key, state, action)


@ft.partial(jax.jit, static_argnums=0)
def steps_of_theirs(env, keys, state, action, params):
    """The same step with many keys."""
    return jax.vmap(step_theirs, (None, 0, None, None, None))(
        env, keys, state, action, params
    )


@eqx.filter_jit
def steps_of_ours(env, keys, state, action):
    return jax.vmap(step_ours, (None, 0, None, None))(env, keys, state, action)


def start(name, **changes):
    """Our environment and a state."""
    env = OURS[name]()
    state = env.reset(KEY)[1]
    changes = {
        name: jnp.asarray(value, getattr(state, name).dtype)
        for name, value in changes.items()
    }
    return env, dataclasses.replace(state, **changes)


make = ft.cache(gymnax.make)  # so that one environment compiles once


def start_theirs(name, *, params=None, **changes):
    """gymnax's environment, its parameters and a state."""
    env, defaults = make(name)
    params = defaults.replace(**(params or {}))
    state = env.reset_env(KEY, params)[1].replace(**changes)
    return env, params, jax.tree.map(jnp.asarray, state)


@ft.partial(jax.jit, static_argnums=(0, 2))
def starts_of_theirs(env, params, number):
    return jax.vmap(lambda key: env.reset_env(key, params)[1])(jr.split(KEY, number))


@eqx.filter_jit
def starts_of_ours(env, number):
    return jax.vmap(env.initial_state)(jr.split(KEY, number))


def space_of_theirs(name):
    env, params = make(name)
    return env.observation_space(params)


def assert_frequency(outcomes, probability):
    test = scipy.stats.binomtest(int(np.sum(outcomes)), np.size(outcomes), probability)
    assert test.pvalue > SIGNIFICANCE


i32 = jnp.int32


# Classic control


def test_continuous_mountain_car_stops_at_the_goal_and_not_at_the_wall():
    """ContinuousMountainCar: the car stops dead at the *goal* when it moves left
    there, and nothing stops it at the wall.

    Here: it stops dead at the wall on the left.

    Effect: at the wall, gymnax's car keeps its speed to the left and needs longer
    to come back.
    """
    name = "MountainCarContinuous-v0"

    def velocities(**place):
        env, params, theirs = start_theirs(name, **jax.tree.map(jnp.float32, place))
        theirs = step_theirs(env, KEY, theirs, jnp.zeros(1), params)[1]
        env, ours = start(name, **place)
        ours = step_ours(env, KEY, ours, jnp.zeros(1)).state
        assert theirs.position == ours.position
        return theirs.velocity, ours.velocity

    theirs, ours = velocities(position=-1.19, velocity=-0.05)
    assert theirs < -0.04 and ours == 0
    theirs, ours = velocities(position=0.55, velocity=-0.03)
    assert theirs == 0 and ours < -0.02


def test_acrobot_has_only_the_dynamics_of_the_book():
    """Acrobot: only the dynamics of the book.

    Here: also those of the NIPS paper, `book_or_nips="nips"`.

    Effect: results with the paper's dynamics cannot be reproduced.
    """
    angles = dict(zip(("joint_angle1", "joint_angle2"), (0.4, -1.0), strict=True))
    speeds = dict(zip(("velocity_1", "velocity_2"), (2.0, -3.0), strict=True))
    env, params, state = start_theirs("Acrobot-v1", **angles, **speeds)
    theirs = step_theirs(env, KEY, state, 2, params)[0]

    def ours(name):
        env, state = start(name, theta_1=0.4, theta_2=-1, theta_dot_1=2, theta_dot_2=-3)
        return env.observe(step_ours(env, KEY, state, i32(2)).state)

    np.testing.assert_allclose(theirs, ours("Acrobot, book"), rtol=1e-5, atol=1e-6)
    assert np.abs(theirs - ours("Acrobot, nips")).max() > 0.01


def step_cart_pole(name, **params):
    """What theirs and ours see after a step from a state that makes a difference."""
    place = dict(x=0.1, x_dot=0.5, theta=0.2, theta_dot=-1.0)
    env, params, state = start_theirs("CartPole-v1", params=params, **place)
    theirs = step_theirs(env, KEY, state, 1, params)
    env, state = start(name, **place)
    ours = step_ours(env, KEY, state, i32(1))
    return np.abs(theirs[0] - env.observe(ours.state)).max()


def test_cart_pole_has_only_eulers_method():
    """CartPole: only Euler's method.

    Here: also the semi-implicit method.

    Effect: the pole moves a little differently with that method.
    """
    assert step_cart_pole("CartPole-v1") < 1e-6
    assert step_cart_pole("CartPole, semi-implicit") > 1e-3


def test_cart_pole_has_only_rewards_of_1():
    """CartPole: every reward is 1.

    Here: also the rewards of `sutton_barto_reward=True`: 0, and -1 at the end.

    Effect: that variant of the task is missing.
    """
    env, params, state = start_theirs("CartPole-v1", theta=0.2, theta_dot=3.0)
    _, _, reward, terminated, _ = step_theirs(env, KEY, state, 1, params)
    assert terminated and reward == 1
    for name, expected in [("CartPole-v1", 1), ("CartPole, other rewards", -1)]:
        env, state = start(name, theta=0.2, theta_dot=3.0)
        _, reward, terminated, _ = step_ours(env, KEY, state, i32(1))
        assert terminated and reward == expected


def test_a_mass_of_cart_pole_is_three_parameters():
    """CartPole: mass and length appear twice (`total_mass`, `polemass_length`), so
    changing `masspole` alone gives an inconsistent system.

    Here: sums and products are computed.

    Effect: changing a mass has its full effect here.
    """
    assert step_cart_pole("CartPole, heavy pole", masspole=1.0) > 1e-3
    consistent = dict(masspole=1.0, total_mass=2.0, polemass_length=0.5)
    assert step_cart_pole("CartPole, heavy pole", **consistent) < 1e-6


@pytest.mark.parametrize(
    "name, field, our_field, action, can_be_on",
    [
        ("CartPole-v1", "theta", "theta", 1, False),
        ("Acrobot-v1", "joint_angle1", "theta_1", 1, False),
        ("MountainCar-v0", "position", "position", 1, False),
        ("MountainCarContinuous-v0", "position", "position", [0.5], True),
        ("Pendulum-v1", "theta", "theta", [0.5], True),
    ],
)
def test_gradients_are_stopped(name, field, our_field, action, can_be_on):
    """CartPole, Acrobot, MountainCar, ContinuousMountainCar, Pendulum: the gradient
    is stopped in CartPole, Acrobot and MountainCar, and must be switched on in the
    others.

    Here: it flows.

    Effect: only learners that differentiate the dynamics notice.
    """
    env, params, state = start_theirs(name)
    action = jnp.asarray(action)

    def gradient(env):
        def seen(value):
            changed = state.replace(**{field: value})
            return step_theirs(env, KEY, changed, action, params)[0].sum()

        return jax.grad(seen)(0.1)

    assert gradient(env) == 0
    assert env.supports_transition_gradients == can_be_on
    if can_be_on:
        assert gradient(env.with_transition_gradients()) != 0
    ours, our_state = start(name)

    def seen(value):
        changed = dataclasses.replace(our_state, **{our_field: value})
        return ours.observe(step_ours(ours, KEY, changed, action).state).sum()

    assert jax.grad(seen)(jnp.float32(0.1)) != 0


# MinAtar


def spawn_in_asterix(num_taken):
    """How many rows are taken after a spawn with the first `num_taken` of them taken,
    with many keys, there and here."""
    row = np.arange(8)
    taken = row < num_taken
    entities = np.stack([0 * row, row + 1, 0 * row + 1, 0 * row, 0 * row + 1], axis=1)
    env, params, state = start_theirs(
        "Asterix-MinAtar",
        entities=jnp.asarray(np.where(taken[:, None], entities, 0), int),
        spawn_timer=0,
    )
    keys = jr.split(KEY, 1000)
    theirs = steps_of_theirs(env, keys, state, 0, params)[1].entities[:, :, 4]
    env, state = start("Asterix-MinAtar", spawn_timer=0)
    is_present, moves_right = jnp.asarray(taken), jnp.ones(8, bool)
    entities = dataclasses.replace(
        state.entities, is_present=is_present, moves_right=moves_right
    )
    state = dataclasses.replace(state, entities=entities)
    ours = steps_of_ours(env, keys, state, i32(0)).state.entities.is_present
    return np.asarray(theirs).sum(axis=1), np.asarray(ours).sum(axis=1)


def test_a_spawn_in_a_full_asterix_removes_an_entity():
    """Asterix: a spawn while all eight rows are taken removes the entity of a
    random row.

    Here: nothing happens.

    Effect: the hardest part of the game is easier: enemies vanish.
    """
    theirs, ours = spawn_in_asterix(8)
    assert (theirs == 7).all() and (ours == 8).all()


def test_a_spawn_in_a_nearly_full_asterix_may_fail_and_remove_an_entity():
    """Asterix: a spawn while one row is free fails one time in eight, and then
    removes the entity of a taken row.

    Here: it always succeeds, in the free row.

    Effect: again, enemies vanish.
    """
    theirs, ours = spawn_in_asterix(7)
    assert set(theirs) == {6, 8} and (ours == 8).all()
    assert_frequency(theirs == 6, 1 / 8)


def test_freeway_never_terminates():
    """Freeway: the game never terminates.

    Here: it terminates in step 2501.

    Effect: nothing, unless the time limit is longer than that.
    """
    env, params, state = start_theirs("Freeway-MinAtar", time=2500)
    assert not step_theirs(env, KEY, state, 0, params)[3]
    env, state = start("Freeway-MinAtar", time=2500)
    assert step_ours(env, KEY, state, i32(0)).terminated


def step_seaquest(*, submarines=(), divers=(), **attributes):
    """The states of gymnax, the package and eqenvs after one step from a state.

    Submarines and divers are `[x, y, right, move timer]`; submarines are about to fire.
    """
    attributes = {
        "ramping": True,
        "f_bullets": [],
        "sub_x": 2,
        "sub_y": 8,
        "sub_or": False,
        "diver_count": 0,
        "oxygen": 100,
        "surface": False,
        "e_spawn_speed": 20,
        "move_speed": 5,
        "ramp_index": 0,
        "e_spawn_timer": 9,
        "d_spawn_timer": 9,
        "shot_timer": 3,
    } | attributes
    names = ("x", "y", "right", "move_timer")
    slots = [
        (
            slot,
            dict(zip(names, thing, strict=True))
            | {"kind": kind, "shot_timer": 0, "bullet": False, "bullet_x": 0},
        )
        for kind, first_slot, things in (
            ("submarine", 28, submarines),
            ("diver", 30, divers),
        )
        for slot, thing in enumerate(things, first_slot)
    ]
    game, ours = set_up(slots, attributes)
    assert describe_state(jax.tree.map(np.asarray, ours)) == describe_game(game)
    game.act(0)
    ours = step_ours(OURS["Seaquest-MinAtar"](), KEY, ours, i32(0)).state

    env, params, theirs = start_theirs("Seaquest-MinAtar")
    for name, count, things in (
        ("f_bullets", "f_bullet_count", attributes.pop("f_bullets")),
        ("e_subs", "e_subs_count", [[*thing, 0] for thing in submarines]),
        ("divers", "divers_count", list(divers)),
    ):
        if things:
            rows = getattr(theirs, name).at[: len(things)].set(jnp.array(things, int))
            theirs = theirs.replace(**{name: rows, count: i32(len(things))})
    del attributes["ramping"]
    flags = ("sub_or", "surface")
    attributes = {
        name: jnp.asarray(value, bool if name in flags else int)
        for name, value in attributes.items()
    }
    theirs = step_theirs(env, KEY, theirs.replace(**attributes), 0, params)[1]
    return theirs, game, describe_state(jax.tree.map(np.asarray, ours))


def test_a_submarine_of_seaquest_that_is_struck_does_not_fire():
    """Seaquest: an enemy submarine that moves into a bullet while its gun is ready
    does not fire.

    Here: it does.

    Effect: slightly fewer enemy bullets.
    """
    theirs, game, ours = step_seaquest(
        submarines=[[4, 5, True, 0]], f_bullets=[[6, 5, False]]
    )
    # It is gone in all three.
    assert theirs.e_subs_count == 0 and not game.e_subs and not ours["submarines"]
    assert theirs.e_bullet_count == 0
    assert len(game.e_bullets) == len(ours["enemy_bullets"]) == 1


def test_the_earlier_diver_of_seaquest_comes_aboard():
    """Seaquest: of two divers at the player's position, with room for one, the
    earlier comes aboard.

    Here: the later one does.

    Effect: almost nothing.
    """
    theirs, game, ours = step_seaquest(
        divers=[[2, 8, True, 3], [2, 8, False, 3]], diver_count=5
    )
    assert theirs.diver_count == game.diver_count == ours["num_divers"] == 6
    assert theirs.divers_count == len(game.divers) == len(ours["divers"]) == 1
    is_earlier = True  # which goes to the right
    assert theirs.divers[0, 2] != is_earlier
    assert game.divers[0][2] == ours["divers"][0][2] == is_earlier


@pytest.mark.parametrize(
    "name",
    [
        "Asterix-MinAtar",
        "Breakout-MinAtar",
        "Freeway-MinAtar",
        "Seaquest-MinAtar",
        "SpaceInvaders-MinAtar",
    ],
)
def test_observations_of_minatar_are_floats(name):
    """Asterix, Breakout, Freeway, Seaquest, SpaceInvaders: observations are
    float32, four times as large.

    Here: they are booleans.

    Effect: the memory that a replay buffer takes.
    """
    env, params = make(name)
    theirs = jax.eval_shape(env.reset_env, KEY, params)[0]
    ours = jax.eval_shape(OURS[name]().reset, KEY)[0]
    assert theirs.shape == ours.shape
    assert theirs.dtype == jnp.float32 and ours.dtype == bool


# bsuite


def test_simple_bandit_shuffles_the_arms_at_every_reset():
    """SimpleBandit: the arms are shuffled at every reset, hence after every step.

    Here: they are shuffled once.

    Effect: in gymnax no policy earns more than 0.5 on average, so there is nothing
    to learn.
    """
    env, params, state = start_theirs("SimpleBandit-bsuite")
    after = env.step(KEY, state, 0, params)[1]
    assert (after.rewards != state.rewards).any()
    env, state = start("SimpleBandit-bsuite")
    keys = jr.split(KEY, 50)
    assert len(np.unique(steps_of_ours(env, keys, state, i32(3)).reward)) == 1


def test_the_last_step_of_discounting_chain_is_not_terminal():
    """DiscountingChain: the last step is truncated and never terminated.

    Here: it is terminated.

    Effect: an agent that bootstraps at truncations expects rewards after the end.
    """
    env, params, state = start_theirs(
        "DiscountingChain-bsuite", time=99, context=i32(1)
    )
    _, _, _, terminated, truncated, _ = env.step(KEY, state, 0, params)
    assert truncated and not terminated
    env, state = start("DiscountingChain-bsuite", time=99, context=1)
    step = env.step(KEY, state, 0)
    assert step.truncated and step.terminated


def test_the_time_of_discounting_chain_depends_on_the_time_limit():
    """DiscountingChain: the observed time is divided by the time limit.

    Here: it is divided by the length of an episode.

    Effect: a different time limit changes the observations.
    """
    env, params, state = start_theirs(
        "DiscountingChain-bsuite", params=dict(max_steps_in_episode=50)
    )
    assert step_theirs(env, KEY, state, 1, params)[0][1] == pytest.approx(1 / 50)
    env, state = start("DiscountingChain, 50 steps")
    state = step_ours(env, KEY, state, i32(1)).state
    assert env.observe(state)[1] == pytest.approx(1 / 100)


def test_a_large_mapping_seed_of_discounting_chain_chooses_no_chain():
    """DiscountingChain: with a `mapping_seed` of 5 or more, no chain pays more.

    Here: `mapping_seed` modulo 5 chooses the chain.

    Effect: all chains are alike, so there is nothing to learn.
    """
    env, params = make("DiscountingChain-bsuite", mapping_seed=7)
    assert (env.reset_env(KEY, params)[1].rewards == 1).all()
    expected = [1, 1, 1.1, 1, 1]
    ours = OURS["DiscountingChain, seed 7"]()
    np.testing.assert_allclose(ours.rewards, expected, rtol=1e-6)


def test_the_mapping_of_deep_sea_is_another():
    """DeepSea: the mapping is drawn by JAX from key 0; `sample_action_map` draws
    one for each episode.

    Here: it is drawn once, by NumPy from `mapping_seed`.

    Effect: it is another instance of the task; with `sample_action_map`, the
    treasure cannot be found again.
    """
    env, params, state = start_theirs("DeepSea-bsuite")
    theirs = jr.bernoulli(jr.key(0), 0.5, (8, 8))
    np.testing.assert_array_equal(state.action_mapping, theirs)
    ours = np.random.RandomState(42).binomial(1, 0.5, (8, 8))
    np.testing.assert_array_equal(OURS["DeepSea-bsuite"]().action_mapping, ours)
    assert (theirs != ours).any()
    params = params.replace(sample_action_map=True)
    mappings = [env.reset_env(jr.key(i), params)[1].action_mapping for i in range(3)]
    assert len(np.unique(mappings, axis=0)) == 3


def test_rewards_of_umbrella_chain_are_integers():
    """UmbrellaChain: rewards are integers.

    Here: they are floats.

    Effect: nothing, once they are converted.
    """
    env, params, state = start_theirs("UmbrellaChain-bsuite")
    reward = jax.eval_shape(env.step_env, KEY, state, i32(1), params)[2]
    assert jnp.issubdtype(reward.dtype, jnp.integer)
    env, state = start("UmbrellaChain-bsuite")
    assert step_ours(env, KEY, state, i32(1)).reward.dtype == jnp.float32


def test_the_space_of_memory_chain_lacks_a_bit():
    """MemoryChain: the space says 0 to `2 num_bits`.

    Here: it includes both bits, which are observed as -1 and 1.

    Effect: an agent that scales by the space's bounds clips the bits.
    """
    space = space_of_theirs("MemoryChain-bsuite")
    env, params = make("MemoryChain-bsuite")
    bits = {float(env.reset(jr.key(i), params)[0][2]) for i in range(10)}
    assert bits == {-1, 1}
    assert (space.low, space.high) == (0, 2)
    ours = OURS["MemoryChain-bsuite"]().observation_space
    assert (ours.low[2], ours.high[2]) == (-1, 1)


@pytest.fixture
def mnist_folder(tmp_path):
    """Four files like those of MNIST, with two images: of 0 and 255 only."""
    images = np.stack([np.zeros((28, 28), np.uint8), np.full((28, 28), 255, np.uint8)])
    for split in ("train", "t10k"):
        for name, header, data in (
            ("images-idx3", struct.pack(">IIII", 2051, 2, 28, 28), images),
            ("labels-idx1", struct.pack(">II", 2049, 2), np.array([3, 4], np.uint8)),
        ):
            file = tmp_path / f"{split}-{name}-ubyte.gz"
            file.write_bytes(gzip.compress(header + data.tobytes()))
    return tmp_path


def test_the_space_of_mnist_bandit_lacks_half_of_the_brightness(
    mnist_folder, monkeypatch
):
    """MNISTBandit: the space says 0 to 1, although half of the brightnesses are
    negative.

    Here: it says -128/255 to 127/255.

    Effect: an agent that scales by the space's bounds clips the image.
    """
    from gymnax.utils import load_mnist

    read = load_mnist.load_mnist
    monkeypatch.setattr(load_mnist, "load_mnist", lambda: read(str(mnist_folder)))
    env, params = make("MNISTBandit-bsuite")
    space = env.observation_space(params)
    assert (space.low, space.high) == (0, 1)
    seen = jax.vmap(lambda key: env.reset_env(key, params)[0])(jr.split(KEY, 20))
    ours = make_mnist_bandit(mnist_folder)
    our_seen = jax.vmap(lambda key: ours.reset(key)[0])(jr.split(KEY, 20))
    for images in (seen, our_seen):
        np.testing.assert_allclose(np.unique(images), [-1 / 255, 0], rtol=1e-6)
    assert ours.observation_space.low.min() == pytest.approx(-128 / 255)


def test_the_space_of_catch_is_of_integers():
    """Catch: the space has the dtype int32.

    Here: it is float32, as the observations are.

    Effect: nothing.
    """
    assert space_of_theirs("Catch-bsuite").dtype == jnp.int32
    env, params, _ = start_theirs("Catch-bsuite")
    assert jax.eval_shape(env.reset_env, KEY, params)[0].dtype == jnp.float32
    assert OURS["Catch-bsuite"]().observation_space.dtype == jnp.float32


# Bandits


@pytest.mark.parametrize("name", ["BernoulliBandit", "GaussianBandit"])
def test_bandits_show_the_time_as_if_the_limit_were_100(name):
    """BernoulliBandit, GaussianBandit: the observed time runs from -1 to 1 over 100
    steps, whatever the time limit.

    Here: it does over `max_steps` steps, as in the released code.

    Effect: with another time limit, gymnax's agent cannot tell when the end is
    near.
    """
    env, params, state = start_theirs(
        f"{name}-misc", params=dict(max_steps_in_episode=50), time=50.0
    )
    assert env.is_truncated(state, params)
    assert env.get_obs(state, params)[-1] == pytest.approx(0)
    env, state = start(f"{name}, 50 steps", time=50)
    assert env.truncated(state)
    assert env.observe(state)[-1] == pytest.approx(1)


def test_bernoulli_bandit_is_dependent():
    """BernoulliBandit: only the dependent bandit with a given probability.

    Here: the paper's uniform and independent bandits too.

    Effect: only one of the paper's tasks can be trained on.
    """
    env, params, _ = start_theirs("BernoulliBandit-misc")
    arms = starts_of_theirs(env, params, 200).reward_probs
    assert len(np.unique(np.round(arms, 4), axis=0)) == 2
    for name, total_is_1 in (("independent", False), ("uniform", True)):
        env = OURS[f"BernoulliBandit, {name}"]()
        arms = starts_of_ours(env, 200).reward_probabilities
        assert len(np.unique(arms, axis=0)) == 200
        assert np.allclose(arms.sum(axis=1), 1) == total_is_1


def test_rewards_of_bernoulli_bandit_are_integers():
    """BernoulliBandit: rewards are integers, and the space says they are at most 2.

    Here: they are floats, at most 1.

    Effect: nothing, once they are converted.
    """
    env, params, state = start_theirs("BernoulliBandit-misc")
    reward = jax.eval_shape(env.step_env, KEY, state, i32(1), params)[2]
    assert jnp.issubdtype(reward.dtype, jnp.integer)
    assert env.observation_space(params).high[0] == 2
    env, state = start("BernoulliBandit-misc")
    assert step_ours(env, KEY, state, i32(1)).reward.dtype == jnp.float32
    assert env.observation_space.high[0] == 1


def test_the_space_of_gaussian_bandit_has_no_negative_rewards():
    """GaussianBandit: the space says that rewards are from 0 to 2, and times from
    0.

    Here: rewards are unbounded, and times start at -1.

    Effect: an agent that clips to the space never sees a negative reward.
    """
    space = space_of_theirs("GaussianBandit-misc")
    assert (space.low[0], space.high[0], space.low[-1]) == (0, 2, 0)
    env, params, state = start_theirs("GaussianBandit-misc", mu=-1.0)
    observation, _, reward, *_ = step_theirs(env, KEY, state, 1, params)
    assert reward < 0 and observation[0] < space.low[0]
    assert observation[-1] < space.low[-1]
    space = OURS["GaussianBandit-misc"]().observation_space
    assert (space.low[0], space.high[0], space.low[-1]) == (-np.inf, np.inf, -1)


# Mazes


@pytest.mark.skipif(
    jax.config.jax_enable_x64,  # pyright: ignore
    reason="gymnax's table of directions is made when it is imported, with 64 bits",
)
@pytest.mark.parametrize("row, column, back", [(1, 1, 0), (3, 3, 3)])
def test_an_agent_of_frozen_lake_walks_on_after_the_end(row, column, back):
    """FrozenLake: an agent in a hole or at the goal walks on.

    Here: it stays there, with a reward of 0.

    Effect: only planning from such states.
    """
    env, params = make("FrozenLake-misc", is_slippery=False)
    state = env.reset_env(KEY, params)[1].replace(position=i32(4 * row + column))
    assert env.is_terminated(state, params)
    _, after, _, _, _ = step_theirs(env, KEY, state, back, params)
    assert after.position != state.position
    env, state = start("FrozenLake, firm", row=row, column=column)
    after, reward, terminated, _ = step_ours(env, KEY, state, i32(back))
    assert (after.row, after.column, reward) == (row, column, 0)
    assert terminated


@pytest.mark.parametrize(
    "desc, ours, message",
    [
        (("SS", "FG"), "FrozenLake, two starts", "exactly one start"),
        (("SG", "FG"), "FrozenLake, two goals", "exactly one goal"),
    ],
)
def test_frozen_lake_has_one_start_and_one_goal(desc, ours, message):
    """FrozenLake: a map has a single start and a single goal.

    Here: it may have any number.

    Effect: fewer maps are possible.
    """
    with pytest.raises(ValueError, match=message):
        gymnax.make("FrozenLake-misc", desc=desc)
    assert starts_of_ours(OURS[ours](), 3).row.shape == (3,)


def test_the_image_of_four_rooms_is_transposed_and_lacks_the_goal():
    """FourRooms: the image has the agent's row and column swapped, and does not
    show the goal.

    Here: the agent is where it is, and the goal has a channel.

    Effect: the observation does not match the walls, and a random goal must be
    searched for.
    """
    env, params = make("FourRooms-misc", use_visual_obs=True)
    seen, state = env.reset_env(KEY, params)
    row, column = map(int, state.pos)
    assert row != column and seen.shape == (13, 13, 2)
    assert seen[column, row, 1] == 1 and seen[row, column, 1] == 0
    env, state = start("FourRooms, image")
    seen = env.observe(state)
    assert (int(state.row), int(state.column)) == (row, column)
    assert seen[row, column, 1] and not seen[column, row, 1]
    assert seen[state.goal_row, state.goal_column, 2] and seen[..., 2].sum() == 1


def test_a_goal_of_four_rooms_may_be_drawn_where_the_agent_starts():
    """FourRooms: a goal that is drawn may lie where the agent starts.

    Here: it never does, unless `goal_avoids_agent=False`.

    Effect: one episode in 104 starts at its goal.
    """
    env, params, _ = start_theirs("FourRooms-misc", params=dict(resample_goal_pos=True))
    state = starts_of_theirs(env, params, 10_000)
    assert_frequency((state.pos == state.goal).all(axis=1), 1 / 104)
    for name, probability in (("any goal", 0), ("goal in agent", 1 / 104)):
        state = starts_of_ours(OURS[f"FourRooms, {name}"](), 10_000)
        meets = (state.row == state.goal_row) & (state.column == state.goal_column)
        assert_frequency(meets, probability)


def test_the_goal_of_four_rooms_stays():
    """FourRooms: a goal cannot move within an episode.

    Here: `goal_duration` moves it.

    Effect: that variant of the task is missing.
    """
    env, params, theirs = start_theirs("FourRooms-misc")
    ours, our_state = start("FourRooms, goal moves")
    goals = set()
    for t in range(11):
        key, goal = jr.key(t), theirs.goal
        theirs = step_theirs(env, key, theirs, 0, params)[1]
        assert (theirs.goal == goal).all()
        our_state = step_ours(ours, key, our_state, i32(0)).state
        goals.add((int(our_state.goal_row), int(our_state.goal_column)))
    assert len(goals) == 3


def next_to_the_goal():
    """Both MetaMazes, with the goal above the agent."""
    theirs = start_theirs(
        "MetaMaze-misc", pos=jnp.array([4, 1]), goal=jnp.array([3, 1])
    )
    ours = start("MetaMaze-misc", row=4, column=1, goal_row=3, goal_column=1)
    return theirs, ours


def test_a_teleport_of_meta_maze_may_lead_to_the_goal():
    """MetaMaze: the teleport may lead onto the goal, and then the episode
    terminates.

    Here: it leads to another cell, and an episode never terminates.

    Effect: one find in 65 ends the episode, so finding the goal has a cost.
    """
    (env, params, state), (ours, our_state) = next_to_the_goal()
    keys = jr.split(KEY, 5000)
    _, after, reward, terminated, _ = steps_of_theirs(env, keys, state, 0, params)
    assert (reward == 10).all()
    np.testing.assert_array_equal(terminated, (after.pos == state.goal).all(axis=1))
    assert_frequency(terminated, 1 / 65)
    after, reward, terminated, _ = steps_of_ours(ours, keys, our_state, i32(0))
    assert (reward == 10).all() and not terminated.any()
    assert not ((after.row == 3) & (after.column == 1)).any()


def test_the_goal_of_meta_maze_may_be_in_the_middle():
    """MetaMaze: the goal may be in the middle, where the agent starts.

    Here: it never is.

    Effect: one episode in 65 starts on its goal.
    """
    env, params, _ = start_theirs("MetaMaze-misc")
    state = starts_of_theirs(env, params, 5000)
    assert_frequency((state.goal == state.pos).all(axis=1), 1 / 65)
    state = starts_of_ours(OURS["MetaMaze-misc"](), 5000)
    assert not (
        (state.goal_row == state.row) & (state.goal_column == state.column)
    ).any()


def test_the_actions_of_meta_maze_have_another_order():
    """MetaMaze: actions are up, right, down, left.

    Here: they are up, down, left, right.

    Effect: only the numbers of the actions.
    """
    middle = np.array([5, 5])
    directions = {"up": (-1, 0), "right": (0, 1), "down": (1, 0), "left": (0, -1)}
    env, params, state = start_theirs("MetaMaze-misc", goal=jnp.array([1, 1]))
    ours, our_state = start("MetaMaze-misc", goal_row=1, goal_column=1)
    for action, (theirs, mine) in enumerate(
        [("up", "up"), ("right", "down"), ("down", "left"), ("left", "right")]
    ):
        after = step_theirs(env, KEY, state, action, params)[1]
        np.testing.assert_array_equal(after.pos - middle, directions[theirs])
        after = step_ours(ours, KEY, our_state, i32(action)).state
        after = np.array([after.row, after.column])
        np.testing.assert_array_equal(after - middle, directions[mine])


def test_the_punishment_of_meta_maze_is_added():
    """MetaMaze: `punishment` is added to the reward.

    Here: `wall_penalty` is subtracted.

    Effect: the sign of the parameter, which is 0 by default in both.
    """
    env, params, state = start_theirs(
        "MetaMaze-misc", params=dict(punishment=1.0), pos=jnp.array([1, 1])
    )
    state = state.replace(goal=jnp.array([9, 9]))
    assert step_theirs(env, KEY, state, 0, params)[2] == 1
    env, state = start("MetaMaze, penalty", row=1, column=1, goal_row=9, goal_column=9)
    assert step_ours(env, KEY, state, i32(0)).reward == -1


@pytest.mark.parametrize("size", [3, 7])
def test_the_middle_of_meta_maze_may_be_a_pillar(size):
    """MetaMaze: with 7 or 3 cells a side, the middle is a pillar, and the agent
    starts inside it.

    Here: the middle is free.

    Effect: the first observation.
    """
    env, params = make("MetaMaze-misc", maze_size=size)
    seen, state = env.reset_env(KEY, params)
    middle = size // 2 + 1
    assert state.pos.tolist() == [middle, middle]
    assert seen[4] == 1
    seen, state = OURS[f"MetaMaze, {size}"]().reset(KEY)
    assert (state.row, state.column) == (middle, middle)
    assert seen[4] == 0


def test_a_large_receptive_field_moves_the_start_of_meta_maze():
    """MetaMaze: with a receptive field of 5 or more, the agent does not start in
    the middle.

    Here: it does.

    Effect: with 9 cells a side and a field of 5, gymnax's agent starts inside a
    pillar.
    """
    env, params = make("MetaMaze-misc", rf_size=5)
    seen, state = env.reset_env(KEY, params)
    middle = env.env_map.shape[0] // 2
    assert state.pos.tolist() == [middle + 1, middle + 1]
    assert seen[12] == 1  # a pillar
    seen, state = OURS["MetaMaze, field 5"]().reset(KEY)
    assert (state.row, state.column) == (5, 5) and seen[12] == 0


def test_the_time_of_meta_maze():
    """MetaMaze: time is the number of steps; normalized, it runs from -1 to 1 over
    100 steps.

    Here: it is the fraction of the episode, from 0 to 1.

    Effect: an input of up to 200 beside others of at most 10; normalized, it
    reaches 3.
    """
    env, params, state = start_theirs("MetaMaze-misc", time=200.0)
    assert env.get_obs(state, params)[-1] == 200
    assert env.get_obs(state, params.replace(normalize_time=True))[-1] == 3
    env, state = start("MetaMaze-misc", time=200)
    assert env.observe(state)[-1] == 1
    env, state = start("MetaMaze, steps", time=200)
    assert env.observe(state)[-1] == 200


# Planar control


def step_point_robots(name, position, action, **changes):
    goal = jnp.array([0.0, 1.0])
    position, action = jnp.array(position, float), jnp.array(action, float)
    env, params, theirs = start_theirs("PointRobot-misc", pos=position, goal=goal)
    theirs = step_theirs(env, KEY, theirs, action, params)
    env, ours = start(name, position=position, goal=goal)
    return theirs, step_ours(env, KEY, ours, action)


def test_a_point_robot_at_the_goal_is_put_elsewhere():
    """PointRobot: a robot that reaches the goal is moved elsewhere.

    Here: it stays.

    Effect: in gymnax the best policy must find the way back again and again, and
    earns far less.
    """
    theirs, ours = step_point_robots("PointRobot-misc", [0.05, 1.0], [0.0, 0.0])
    assert theirs[2] == ours.reward == 1
    assert np.abs(theirs[1].pos - jnp.array([0.05, 1.0])).max() > 0.1
    np.testing.assert_array_equal(ours.state.position, jnp.array([0.05, 1.0]))


def test_the_reward_of_point_robot_is_for_the_position_before():
    """PointRobot: the reward is for the position before the move.

    Here: it is for the position after the move.

    Effect: the reward for a move comes one step late.
    """
    theirs, ours = step_point_robots("PointRobot-misc", [0.25, 1.0], [-0.1, 0.0])
    np.testing.assert_allclose(theirs[1].pos, ours.state.position)
    assert theirs[2] == 0 and ours.reward == 1


def test_starts_of_point_robot():
    """PointRobot: starts are uniform in angle and radius in the half disc.

    Here: they are uniform in a rectangle around it.

    Effect: the distribution of starts; `start="half_disc"` is gymnax's,
    `start="center"` its `center_init`.
    """

    env, params, _ = start_theirs("PointRobot-misc")
    theirs = starts_of_theirs(env, params, 5000).pos
    half_disc = starts_of_ours(OURS["PointRobot, half disc"](), 5000).position
    for x, y in (theirs.T, half_disc.T):
        for numbers, bound in ((np.hypot(x, y), 1), (np.arctan2(y, x), np.pi)):
            test = scipy.stats.kstest(numbers / bound, "uniform")
            assert test.pvalue > SIGNIFICANCE
    x, y = starts_of_ours(OURS["PointRobot-misc"](), 5000).position.T
    assert (np.hypot(x, y) > 1).mean() > 0.4 and (y < 0).mean() > 0.2
    for low, size, numbers in ((-1.5, 3, x), (-0.5, 2, y)):
        test = scipy.stats.kstest((numbers - low) / size, "uniform")
        assert test.pvalue > SIGNIFICANCE
    env, params, state = start_theirs("PointRobot-misc", params=dict(center_init=True))
    assert (state.pos == 0).all()
    assert (start("PointRobot, center")[1].position == 0).all()


def test_point_robot_sees_an_action_that_is_not_clipped():
    """PointRobot: the observed last action is not clipped.

    Here: it is the move that was made.

    Effect: nothing for actions in the space.
    """
    theirs, ours = step_point_robots("PointRobot-misc", [0.5, 0.0], [3.0, -2.0])
    np.testing.assert_allclose(theirs[1].pos, ours.state.position)
    np.testing.assert_allclose(theirs[0][3:5], [3, -2])
    seen = OURS["PointRobot-misc"]().observe(ours.state)
    np.testing.assert_allclose(seen[3:5], [0.1, -0.1])


def test_point_robot_shows_the_time_as_if_the_limit_were_100():
    """PointRobot: the observed time is divided by 100, whatever the time limit.

    Here: it is divided by `max_steps`.

    Effect: with another time limit it leaves ± 1.
    """
    env, params, state = start_theirs(
        "PointRobot-misc", params=dict(max_steps_in_episode=200), time=200.0
    )
    assert env.get_obs(state, params)[-1] == 3
    env, state = start("PointRobot, 50 steps", time=50)
    assert env.observe(state)[-1] == 1


def test_reacher_can_only_be_seen_with_two_joints():
    """Reacher: observations exist only for two joints.

    Here: they exist for any number.

    Effect: arms with more joints cannot be trained on.
    """
    env, params = make("Reacher-misc", num_joints=3)
    with pytest.raises(TypeError, match="concatenate"):
        env.reset(KEY, params)
    env = OURS["Reacher, three joints"]()
    assert env.reset(KEY)[0].shape == (11,)


# Pong


def step_pongs(action, **places):
    """A step of both from this place: `ball` and `velocity` are rows first."""
    ball, velocity = places["ball"], places["velocity"]
    paddles = places.get("paddles", (15, 15))
    env, params, theirs = start_theirs(
        "Pong-misc",
        ball_position=jnp.array(ball, float),
        ball_velocity=jnp.array(velocity, int),
        paddle_centers=jnp.array(paddles, float),
    )
    theirs = step_theirs(env, KEY, theirs, i32(action), params)
    env, ours = start(
        "Pong-misc",
        row=ball[0],
        column=ball[1],
        row_velocity=velocity[0],
        column_velocity=velocity[1],
        left_paddle=paddles[0],
        right_paddle=paddles[1],
    )
    return theirs[1], step_ours(env, KEY, ours, i32(action)).state


def test_the_ball_of_pong_leaves_at_the_top():
    """Pong: a ball that leaves the screen at the top goes on there.

    Here: it is reflected.

    Effect: no paddle can reach such a ball, so the episode is about to end.
    """
    theirs, ours = step_pongs(0, ball=(0.5, 20.0), velocity=(-1, 1))
    assert (theirs.ball_position[0], theirs.ball_velocity[0]) == (-0.5, -1)
    assert (ours.row, ours.row_velocity) == (0.5, 1)


def test_the_vertical_speed_of_pong_is_rounded():
    """Pong: the vertical speed of the ball is rounded to an integer.

    Here: it is a fraction.

    Effect: where on the paddle the ball is hit matters less.
    """
    theirs, ours = step_pongs(0, ball=(16.0, 1.5), velocity=(0, -1))
    np.testing.assert_allclose(theirs.ball_position, [ours.row, ours.column])
    assert theirs.ball_velocity[1] == ours.column_velocity == 1
    assert (theirs.ball_velocity[0], ours.row_velocity) == (0, 0.5)
    assert jnp.issubdtype(theirs.ball_velocity.dtype, jnp.integer)


def test_the_paddles_of_pong_stay_on_the_screen():
    """Pong: the paddles stay on the screen.

    Here: they can leave it and come back.

    Effect: here a paddle can be moved too far.
    """
    theirs, ours = step_pongs(1, ball=(9, 20), velocity=(0, 1), paddles=(2, 15))
    assert (theirs.paddle_centers[0], ours.left_paddle) == (2, 1)
    theirs, ours = step_pongs(1, ball=(9, 20), velocity=(0, 1), paddles=(-4, 15))
    assert ours.left_paddle == -4


def test_positions_of_paddles_of_pong_are_cut_off():
    """Pong: paddle positions are truncated to integers.

    Here: they stay as they are.

    Effect: nothing for an even height and an integer speed.
    """
    env, params = make("Pong-misc", height=13)
    state = env.reset_env(KEY, params)[1]
    assert state.paddle_centers[0] == 6.5
    assert step_theirs(env, KEY, state, i32(0), params)[1].paddle_centers[0] == 6
    env, state = start("Pong, odd height")
    assert step_ours(env, KEY, state, i32(0)).state.left_paddle == 6.5


# Wrappers


def test_sticky_actions_outlive_an_episode():
    """StickyAction: the last action is remembered beyond the end of an episode, as
    in the package.

    Here: it is forgotten, unless `carry_over` is on.

    Effect: the first action of an episode may repeat one of the episode before.
    """
    from gymnax.wrappers import StickyActionWrapper

    env, params = make("CartPole-v1")
    wrapped = StickyActionWrapper(env, sticky_action_prob=0.1)
    state = wrapped.reset(KEY, params)[1]
    last = state.env_state.replace(theta=jnp.float32(0.2), theta_dot=jnp.float32(3))
    state = state.replace(env_state=last)
    _, state, _, terminated, _, _ = wrapped.step(KEY, state, 1, params)
    assert terminated and state.last_action == 1
    for name, expected in (("StickyAction", 0), ("StickyAction, carry over", 1)):
        env = OURS[name]()
        state = env.reset(KEY)[1]
        inner = dataclasses.replace(
            state.inner, theta=jnp.float32(0.2), theta_dot=jnp.float32(3)
        )
        step = env.step(KEY, dataclasses.replace(state, inner=inner), 1)
        assert step.terminated and step.state.last_action == expected
