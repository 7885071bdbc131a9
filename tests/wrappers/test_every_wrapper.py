"""The contract, kept by every wrapper around three environments, and by stacks."""

import itertools
import pathlib

import equinox as eqx
import gymnasium.wrappers
import jax
import jax.numpy as jnp
import jax.random as jr
import pytest

from eqenvs import (
    AbstractEnvironment,
    BernoulliBandit,
    CartPole,
    Catch,
    FourRooms,
    from_config,
    FrozenLake,
    Pendulum,
    PointRobot,
    StickyAction,
    to_config,
    VectorEnvironment,
    wrappers,
)
from eqenvs.testing import CHECKS, find_problems, Probe
from eqenvs.wrappers import (
    ActionRepeat,
    ClipAction,
    ClipReward,
    DelayObservation,
    DiscretizeAction,
    DrawnEnvironment,
    EpisodeStatistics,
    FlattenAction,
    FlattenObservation,
    FrameStack,
    MaskObservation,
    NoisyObservation,
    NormalizeObservation,
    NormalizeReward,
    OneHotObservation,
    PixelObservation,
    PreviousActionAndReward,
    RescaleAction,
    RewardNoise,
    RewardScale,
    StartFrom,
    StopGradient,
    Strict,
    TimeAwareObservation,
    TimeLimit,
    TransformAction,
    TransformObservation,
    TransformReward,
    Trial,
)


def negative(x):
    return -x


def same(x):
    return x


def start_from(env):
    states = VectorEnvironment(env, 4).reset(jr.key(3))[1]
    return StartFrom(env, states, [1.0, 0.0, 2.0, 1.0])


def draw_cartpole(key):
    lengths, thresholds = jr.uniform(key, (2,), minval=1.0, maxval=2.0)
    return CartPole(pole_half_length=lengths, x_threshold=thresholds)


def draw_pendulum(key):
    return Pendulum(max_torque=jr.uniform(key, minval=1.0, maxval=2.0))


def draw_catch(key):
    return TransformReward(Catch(), negative)


# The discrete, the continuous and the picture one.
ENVIRONMENTS = [CartPole, Pendulum, Catch]
WRAPPERS = {
    "ActionRepeat": lambda env: ActionRepeat(env, 3),
    "ClipReward": lambda env: ClipReward(env, -0.5, 0.5),
    "DelayObservation": lambda env: DelayObservation(env, 2),
    "EpisodeStatistics": EpisodeStatistics,
    "FlattenObservation": FlattenObservation,
    "FrameStack": lambda env: FrameStack(env, 3),
    "MaskObservation": lambda env: MaskObservation(env, [2, 0]),
    "NoisyObservation": lambda env: NoisyObservation(env, 0.1),
    "NormalizeObservation": NormalizeObservation,
    "NormalizeReward": NormalizeReward,
    "PixelObservation": lambda env: PixelObservation(env, 8, grayscale=True),
    "PreviousActionAndReward": PreviousActionAndReward,
    "RewardNoise": lambda env: RewardNoise(env, 0.1),
    "RewardScale": lambda env: RewardScale(env, 2.0),
    "StartFrom": start_from,
    "StickyAction": lambda env: StickyAction(env, 0.5),
    "StopGradient": StopGradient,
    "Strict": Strict,
    "TimeAwareObservation": TimeAwareObservation,
    "TimeLimit": lambda env: TimeLimit(env, 9),
    "TransformAction": lambda env: TransformAction(env, same),
    "TransformObservation": lambda env: TransformObservation(env, same),
    "TransformReward": lambda env: TransformReward(env, negative),
}
CASES = {
    f"{name}-{env.__name__}": (WRAPPERS[name], env)
    for name in WRAPPERS
    for env in ENVIRONMENTS
}
# Those that are only for some environments.
CASES |= {
    "ClipAction-Pendulum": (ClipAction, Pendulum),
    "RescaleAction-Pendulum": (RescaleAction, Pendulum),
    "DiscretizeAction-Pendulum": (lambda env: DiscretizeAction(env, 5), Pendulum),
    "DiscretizeAction-PointRobot": (
        lambda env: DiscretizeAction(env, (2, 3)),
        PointRobot,
    ),
    "RescaleAction-PointRobot": (
        lambda env: RescaleAction(env, jnp.zeros(2), jnp.array([1.0, 2.0])),
        PointRobot,
    ),
    "FlattenAction-Pendulum": (
        lambda env: FlattenAction(DiscretizeAction(env, 3, multidiscrete=True)),
        Pendulum,
    ),
    "OneHotObservation-FrozenLake": (OneHotObservation, FrozenLake),
    "DrawnEnvironment-CartPole": (lambda _: DrawnEnvironment(draw_cartpole), CartPole),
    "DrawnEnvironment-Pendulum": (lambda _: DrawnEnvironment(draw_pendulum), Pendulum),
    "DrawnEnvironment-Catch": (lambda _: DrawnEnvironment(draw_catch), Catch),
    "Trial-PointRobot": (lambda env: Trial(env, 2), PointRobot),
    "Trial-BernoulliBandit": (
        lambda env: Trial(env, 2),
        lambda: BernoulliBandit(normalize_time=False),
    ),
    "Trial-FrameStack": (lambda env: Trial(FrameStack(env, 2), 2), PointRobot),
}
STACKS = {
    "six": lambda: FlattenObservation(
        PreviousActionAndReward(
            EpisodeStatistics(
                NormalizeReward(
                    StickyAction(TimeLimit(RescaleAction(Pendulum()), 20), 0.3)
                )
            )
        )
    ),
    "drawn": lambda: FrameStack(
        NoisyObservation(
            Trial(StickyAction(DrawnEnvironment(draw_cartpole), 0.3), 2), 0.1
        ),
        2,
    ),
    "picture": lambda: DelayObservation(
        ActionRepeat(start_from(FrameStack(RewardNoise(Catch(), 0.1), 2)), 2), 1
    ),
}


class SmallProbe(Probe):
    walk_lanes = 3
    walk_steps = 24


class WalkProbe(SmallProbe):
    """Takes a reset and a step from the walk, which is then all that is compiled."""

    @property
    def reset(self):
        return jax.tree.map(lambda x: x[0], self.walk[1].start)

    @property
    def step(self):
        return jax.tree.map(lambda x: x[0, 0], self.walk[1].step)


# Every wrapper passes these around each of its environments,
OF_PLAY = [name for name in CHECKS if CHECKS[name].after[:1] != ("keys",)]
for name in ("structure", "keys", "batches", "final observation", "gradients"):
    OF_PLAY.remove(name)
# and these, which compile more, around one.
AROUND_ONE = [name for name in CHECKS if name != "transformations"]


def is_around_one(case):
    wrapper, _, env = case.partition("-")
    if env == "PointRobot":
        return f"{wrapper}-Pendulum" not in CASES
    return env in ("Pendulum", "FrozenLake", "FrameStack")


@pytest.mark.parametrize("case", [*filter(is_around_one, CASES)])
def test_conformance(case):
    wrap, make = CASES[case]
    env = wrap(make())
    assert isinstance(env, AbstractEnvironment)
    assert find_problems(SmallProbe(env, num_lanes=3), AROUND_ONE) == ([], [])


@pytest.mark.exhaustive
@pytest.mark.parametrize("case", [*itertools.filterfalse(is_around_one, CASES)])
def test_conformance_around_other_environments(case):
    wrap, make = CASES[case]
    env = wrap(make())
    assert isinstance(env, AbstractEnvironment)
    assert find_problems(WalkProbe(env), OF_PLAY) == ([], [])


@pytest.mark.parametrize("stack", STACKS)
def test_stacks(stack):
    env = STACKS[stack]()
    assert find_problems(SmallProbe(env, num_lanes=130)) == ([], [])


CLASSES = {
    name
    for name, cls in vars(wrappers).items()
    if isinstance(cls, type)
    and issubclass(cls, AbstractEnvironment)
    and not name.startswith("Abstract")
}


def test_every_wrapper_is_here():
    assert {case.partition("-")[0] for case in CASES} == CLASSES


def test_gymnasiums_wrappers_of_the_same_names_are_references():
    """As some are that have another name there."""
    files = pathlib.Path(__file__).parent.glob("test_*.py")
    tests = "".join(path.read_text() for path in files)
    names = CLASSES & set(gymnasium.wrappers.__all__)
    assert len(names) >= 14
    others = {"FrameStackObservation", "RecordEpisodeStatistics", "RepeatAction"}
    for name in names | others:
        was_imported = f"{name} as Gymnasium{name}" in tests
        assert was_imported or f"gymnasium.wrappers.{name}(" in tests, name


@pytest.mark.parametrize("name", WRAPPERS)
def test_configurations(name, either_precision):
    env = WRAPPERS[name](Pendulum(max_steps=13))
    again = from_config(to_config(env))
    assert eqx.tree_equal(env, again)
    assert again.max_steps == env.max_steps


def test_the_time_limit_and_the_task_are_those_of_the_environment():
    for name, wrap in WRAPPERS.items():
        env = wrap(PointRobot(max_steps=12))
        expected = {"ActionRepeat": 4, "TimeLimit": 9}.get(name, 12)
        assert env.max_steps == expected, name
        assert env.task_fields == ("goal",)


@pytest.mark.parametrize("name", [n for n in WRAPPERS if n not in ("StartFrom",)])
def test_what_survives_an_episode_survives_it_in_a_wrapper(name):
    """`StickyAction(carry_over=True)` keeps its last action."""
    inner = StickyAction(CartPole(max_steps=1), 0.0, carry_over=True)
    env = WRAPPERS[name](inner)
    state = env.initial_state(jr.key(0))
    after = env.next_initial_state(
        jr.key(1), eqx.tree_at(lambda s: last_action(env, s), state, jnp.int32(1))
    )
    assert last_action(env, state) == 0
    assert last_action(env, after) == 1


def last_action(env, state):
    while not isinstance(env.env, CartPole):
        env, state = env.env, env.inner_state(state)
    return state.last_action


@pytest.mark.parametrize("name", WRAPPERS)
def test_the_picture_is_that_of_the_environment(name):
    env = WRAPPERS[name](Catch())
    state = inner = env.reset(jr.key(0))[1]
    while "inner" in inner.__dataclass_fields__:
        inner = inner.inner
    assert eqx.tree_equal(env.draw(state), Catch().draw(inner))


def test_the_picture_is_that_of_the_environment_that_was_drawn():
    env = DrawnEnvironment(draw_cartpole)
    _, state = env.reset(jr.key(0))
    expected = env.drawn(state).draw(state.inner)
    assert eqx.tree_equal(env.draw(state), expected)
    assert not eqx.tree_equal(expected, CartPole().draw(state.inner))


def test_a_batch_of_parameters_within_a_wrapper():
    """Statistics of 4 numbers are no batch where there are 4 lanes."""
    gravities = jnp.array([8.0, 9.0, 10.0, 11.0])
    env = NormalizeObservation(CartPole())
    env = env.update(jr.normal(jr.key(0), (100, 4)) * jnp.array([1.0, 2.0, 3.0, 4.0]))
    batch = eqx.tree_at(lambda env: env.env.gravity, env, gravities)
    envs = VectorEnvironment(batch, 4)
    _, states = envs.reset(jr.key(0))
    step = envs.step(jr.key(1), states, jnp.zeros(4, jnp.int32))
    for i in range(4):
        one = NormalizeObservation(
            CartPole(gravity=gravities[i]), env.mean, env.variance, env.count
        )
        state = jax.tree.map(lambda x, i=i: x[i], states)
        alone = one.step(jr.fold_in(jr.key(1), i), state, 0)
        assert jnp.allclose(step.observation[i], alone.observation)


def test_wrong_environments():
    for make, words in (
        (lambda: ClipAction(CartPole()), "a Box of real numbers"),
        (lambda: RescaleAction(CartPole()), "a bounded Box"),
        (lambda: RescaleAction(ClipAction(Pendulum())), "a bounded Box"),
        (lambda: DiscretizeAction(CartPole(), 3), "a bounded Box"),
        (lambda: DiscretizeAction(PointRobot(), 2**16), "multidiscrete=True"),
        (lambda: FlattenAction(Pendulum()), "Discrete and MultiDiscrete"),
        (lambda: OneHotObservation(CartPole()), "Discrete or MultiDiscrete"),
        (lambda: NoisyObservation(FrozenLake(), 1.0), "made of Boxes"),
        (lambda: NormalizeObservation(FrozenLake()), "made of Boxes"),
        (lambda: MaskObservation(FrozenLake(), [0]), "a Box of arrays"),
        (lambda: TransformObservation(CartPole(), same, 3), "None or a space"),
        (lambda: StartFrom(CartPole(), FourRooms().reset(jr.key(0))[1]), "must be sta"),
    ):
        with pytest.raises(TypeError, match=words):
            make()
    for make, words in (
        (lambda: MaskObservation(CartPole(), [4]), "from 0 to 3"),
        (lambda: MaskObservation(CartPole(), jnp.zeros(0, int)), r"shape \(0,\)"),
        (lambda: RescaleAction(Pendulum(), 1.0, 1.0), "must be greater"),
        (lambda: ClipReward(CartPole()), "a minimum or a maximum"),
        (lambda: ClipReward(CartPole(), 1.0, 0.0), "at most its maximum"),
        (lambda: NormalizeObservation(CartPole(), jnp.zeros(3)), "as many entries"),
        (lambda: StartFrom(CartPole(), CartPole().reset(jr.key(0))[1]), "shape"),
        (
            lambda: StartFrom(
                CartPole(), VectorEnvironment(CartPole(), 3).reset(jr.key(0))[1], [1.0]
            ),
            "one number for each of the 3",
        ),
    ):
        with pytest.raises(ValueError, match=words):
            make()
    with pytest.raises(TypeError, match="an environment; it returned"):
        DrawnEnvironment(lambda key: 3)
