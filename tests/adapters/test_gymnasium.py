"""Environments in Gymnasium: its own checks, its own vectors, its own modes."""

import re
import warnings
from typing import Any

import equinox as eqx
import gymnasium
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

import eqenvs
from eqenvs import CartPole, FrozenLake, Pendulum, rollout, spaces
from eqenvs.adapters import to_gymnasium, to_gymnasium_vector
from eqenvs.adapters.gymnasium import to_gymnasium_space
from eqenvs.wrappers import EpisodeStatistics

from ..examples import example


IDS = [
    "CartPole-v1",
    "Pendulum-v1",
    "Breakout-MinAtar",
    "FrozenLake-misc",
    "Catch-bsuite",
    "PointRobot-misc",
]


@pytest.mark.parametrize("id", IDS)
def test_gymnasiums_own_check(id):
    with warnings.catch_warnings():
        # About unbounded and unnormalized spaces, which are those of the originals.
        warnings.filterwarnings("ignore", message=".*Box (observation|action) space.*")
        warnings.filterwarnings("ignore", message=".*For Box action spaces.*")
        check_env(to_gymnasium(example(id)), skip_render_check=True)


def play(env, seed, actions):
    observation, info = env.reset(seed=seed)
    assert info == {}
    steps = []
    for action in actions:
        steps.append(env.step(action))
        if steps[-1][2] or steps[-1][3]:
            break
    return observation, steps


class TestOneEnvironment:
    def test_a_seed_gives_the_same_episode_again(self):
        actions = np.random.default_rng(0).integers(0, 2, 60)
        first, second, other = (
            play(to_gymnasium(CartPole()), seed, actions) for seed in (3, 3, 4)
        )
        np.testing.assert_array_equal(first[0], second[0])
        assert len(first[1]) == len(second[1])
        for x, y in zip(first[1], second[1], strict=True):
            np.testing.assert_array_equal(x[0], y[0])
            assert x[1:4] == y[1:4]
        assert not np.array_equal(first[0], other[0])

    def test_an_episode_is_that_of_the_environment(self):
        """Gymnasium's CartPole, set to the same state, goes the same way."""
        env = to_gymnasium(CartPole())
        original: gymnasium.Env = gymnasium.make("CartPole-v1").unwrapped
        observation, _ = env.reset(seed=0)
        original.reset(seed=0)
        original.state = observation.astype(np.float64)
        for t in range(500):
            action = int(observation[2] + 0.3 * observation[3] > 0) if t < 60 else 1
            observation, reward, terminated, truncated, _ = env.step(action)
            expected = original.step(action)
            np.testing.assert_allclose(observation, expected[0], atol=1e-4)
            assert (reward, terminated) == expected[1:3]
            assert type(reward) is float and type(terminated) is bool
            if terminated:
                break
        assert t > 60 and terminated and not truncated

    def test_the_time_limit_truncates_and_nothing_resets(self):
        env = to_gymnasium(CartPole(max_steps=3))
        _, steps = play(env, 0, [0, 1, 0])
        assert [step[3] for step in steps] == [False, False, True]
        assert env.state.time == 3
        env.step(1)
        assert env.state.time == 4
        _, info = env.reset()
        assert env.state.time == 0 and info == {}

    def test_episodes_without_a_seed_differ(self):
        env = to_gymnasium(CartPole())
        first, _ = env.reset(seed=0)
        second, _ = env.reset()
        assert not np.array_equal(first, second)

    def test_integers_and_booleans(self):
        env = to_gymnasium(FrozenLake())
        observation, _ = env.reset(seed=0)
        assert isinstance(observation, np.int64) and observation == 0
        assert env.observation_space == gymnasium.spaces.Discrete(16)
        info = env.step(np.int64(2))[4]
        np.testing.assert_allclose(info["prob"], 1 / 3, rtol=1e-6)
        env = to_gymnasium(eqenvs.Breakout())
        observation, _ = env.reset(seed=0)
        assert isinstance(env.observation_space, gymnasium.spaces.MultiBinary)
        assert observation.dtype == np.int8 and observation.sum() == 33

    def test_pictures(self):
        env = to_gymnasium(CartPole(), render_mode="rgb_array", render_size=(40, 60))
        with pytest.raises(gymnasium.error.ResetNeeded):
            env.render()
        env.reset(seed=0)
        first = env.render()
        assert first.shape == (40, 60, 3) and first.dtype == np.uint8
        for _ in range(5):
            env.step(1)
        assert (env.render() != first).any()
        assert env.metadata["render_fps"] == 50

    def test_mistakes(self, unchecked):
        with pytest.raises(TypeError, match="env must be an environment; got"):
            to_gymnasium(CartPole)
        with pytest.raises(ValueError, match="'rgb_array' or None; got 'human'"):
            to_gymnasium(CartPole(), render_mode="human")
        with pytest.raises(gymnasium.error.ResetNeeded, match="call `reset`"):
            to_gymnasium(CartPole()).step(0)


def test_ids():
    env = gymnasium.make("eqenvs.adapters.gymnasium:eqenvs/CartPole-v1", gravity=5.0)
    assert env.unwrapped.env.gravity == 5
    for id in eqenvs.registered():
        assert f"eqenvs/{id}" in gymnasium.registry
    envs = gymnasium.make_vec("eqenvs/CartPole-v1", num_envs=3, gravity=5.0)
    assert envs.num_envs == 3 and envs.envs.env.gravity == 5


NUM_ENVS = 5


def vector(mode, env=None, **kwargs):
    env = CartPole(max_steps=4) if env is None else env
    return to_gymnasium_vector(env, NUM_ENVS, autoreset_mode=mode, **kwargs)


def reference(mode):
    """Gymnasium's own vector of single environments: what resets when."""
    return gymnasium.vector.SyncVectorEnv(
        [lambda: to_gymnasium(CartPole(max_steps=4))] * NUM_ENVS, autoreset_mode=mode
    )


class TestManyEnvironments:
    @pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
    def test_resets_come_when_gymnasiums_do(self, mode):
        ours, theirs = vector(mode), reference(mode)
        assert ours.metadata["autoreset_mode"] == mode
        assert ours.single_observation_space == theirs.single_observation_space
        assert ours.observation_space == theirs.observation_space
        assert ours.action_space == theirs.action_space
        observations, _ = ours.reset(seed=0)
        theirs.reset(seed=0)
        assert ours.observation_space.contains(observations)
        for t in range(1, 12):
            actions = np.full(NUM_ENVS, t % 2)
            step, expected = ours.step(actions), theirs.step(actions)
            for x, y in zip(step[1:4], expected[1:4], strict=True):
                np.testing.assert_array_equal(x, y)
            assert step[0].shape == expected[0].shape
            assert step[0].dtype == expected[0].dtype
            assert set(step[4]) == set(expected[4])
            if "final_obs" in step[4]:
                final, mask = step[4]["final_obs"], step[4]["_final_obs"]
                np.testing.assert_array_equal(mask, expected[4]["_final_obs"])
                assert final.dtype == object and final[0].shape == (4,)
                assert (final[0] != step[0][0]).any()

    def test_a_next_step_ignores_the_action_and_pays_nothing(self):
        envs = vector("NextStep", CartPole(max_steps=1))
        envs.reset(seed=0)
        _, reward, _, truncated, _ = envs.step(np.ones(NUM_ENVS, int))
        assert truncated.all() and (reward == 1).all()
        observations, reward, terminated, truncated, _ = envs.step(
            np.ones(NUM_ENVS, int)
        )
        assert not (terminated | truncated).any() and (reward == 0).all()
        assert (np.abs(observations) <= 0.05).all()
        assert (envs.states.time == 0).all()

    def test_disabled_resets_what_it_is_told_to(self):
        envs = vector("Disabled", CartPole(max_steps=2))
        envs.reset(seed=0)
        envs.step(np.zeros(NUM_ENVS, int))
        *_, truncated, _ = envs.step(np.zeros(NUM_ENVS, int))
        assert truncated.all()
        with pytest.raises(gymnasium.error.ResetNeeded, match="5 lanes have ended"):
            envs.step(np.zeros(NUM_ENVS, int))
        mask = np.array([True, False, True, True, False])
        envs.reset(options={"reset_mask": mask})
        np.testing.assert_array_equal(envs.states.time, np.where(mask, 0, 2))
        with pytest.raises(gymnasium.error.ResetNeeded, match="2 lanes have ended"):
            envs.step(np.zeros(NUM_ENVS, int))
        envs.reset(options={"reset_mask": ~mask})
        envs.step(np.zeros(NUM_ENVS, int))
        np.testing.assert_array_equal(envs.states.time, np.ones(NUM_ENVS))
        with pytest.raises(ValueError, match="must be 5 booleans; got"):
            envs.reset(options={"reset_mask": np.ones(3, bool)})

    def test_the_first_reset_is_of_all_lanes(self):
        mask = np.array([True, False, True, True, False])
        first, second = vector("Disabled"), vector("Disabled")
        observations, _ = first.reset(seed=1, options={"reset_mask": mask})
        np.testing.assert_array_equal(observations, second.reset(seed=1)[0])

    def test_seeds(self):
        first, second = vector("SameStep"), vector("SameStep")
        np.testing.assert_array_equal(first.reset(seed=1)[0], second.reset(seed=1)[0])
        for _ in range(6):
            actions = np.ones(NUM_ENVS, int)
            np.testing.assert_array_equal(
                first.step(actions)[0], second.step(actions)[0]
            )
        assert (first.reset()[0] != second.reset(seed=1)[0]).any()
        with pytest.raises(ValueError, match="one integer seed"):
            first.reset(seed=[1, 2, 3, 4, 5])

    def test_a_different_world_in_every_lane(self):
        worlds = eqx.tree_at(lambda e: e.gravity, Pendulum(), jnp.arange(5.0))
        envs = vector("NextStep", worlds)
        envs.reset(seed=0)
        observations, *_ = envs.step(np.zeros((NUM_ENVS, 1)))
        assert envs.observation_space.contains(observations)

    def test_pictures(self):
        envs = vector("NextStep", render_mode="rgb_array", render_size=16)
        envs.reset(seed=0)
        frames = envs.render()
        assert len(frames) == NUM_ENVS and frames[0].shape == (16, 16, 3)

    def test_information_has_masks(self):
        envs = vector("SameStep", FrozenLake(is_slippery=False, max_steps=1))
        envs.reset(seed=0)
        info = envs.step(np.zeros(NUM_ENVS, int))[4]
        np.testing.assert_array_equal(info["prob"], np.ones(NUM_ENVS))
        assert info["_prob"].all() and info["final_info"]["_prob"].all()

    def test_a_step_that_resets_has_no_information(self):
        """An episode that ended would count twice, the second time with the rewards
        of a step that nobody took."""
        envs = vector("NextStep", EpisodeStatistics(CartPole(max_steps=3)))
        envs.reset(seed=0)
        counts, returns = [], []
        for _ in range(8):
            info = envs.step(np.ones(NUM_ENVS, int))[4]
            assert (info["_is_episode_end"] == info["_episode_return"]).all()
            assert not info["is_episode_end"][~info["_is_episode_end"]].any()
            ended = info["is_episode_end"]
            counts.append(ended.sum())
            returns += info["episode_return"][ended].tolist()
        assert counts == [0, 0, NUM_ENVS, 0, 0, 0, NUM_ENVS, 0]
        assert set(returns) == {3.0}


@pytest.mark.parametrize(
    "space",
    [
        spaces.Discrete(3),
        spaces.MultiDiscrete((2, 3)),
        spaces.Box(-1, jnp.array([1.0, 2.0])),
        spaces.Box(0, 255, (2, 2), jnp.uint8),
        spaces.Box(False, True, (3,), bool),
        spaces.Tuple((spaces.Discrete(2), spaces.Box(0, 1))),
        spaces.Dict({"a": spaces.Discrete(2), "b": spaces.Box(0, 1)}),
    ],
)
def test_spaces(space):
    from eqenvs.adapters._actions import to_arrays
    from eqenvs.adapters.gymnasium import _to_numpy

    back = to_arrays(space, "value")
    theirs = to_gymnasium_space(space)
    ours = space.sample(jax.random.key(0))
    value = _to_numpy(space)(ours)
    assert theirs.contains(value)
    again = space.check(back(value))
    assert eqx.tree_equal(jax.tree.map(jnp.asarray, again), ours)
    theirs.seed(0)
    assert space.contains(space.check(back(theirs.sample())))


@pytest.mark.parametrize("action", [None, 3, (0,), (0, 0.5, 1), {"a": 0}])
def test_other_parts_than_those_of_the_space(action):
    from eqenvs.adapters._actions import to_arrays

    pair = spaces.Tuple((spaces.Discrete(2), spaces.Box(0, 1)))
    named = spaces.Dict({"a": spaces.Discrete(2), "b": spaces.Box(0, 1)})
    for space in (pair, named):
        message = re.escape(f"the action must be in {space}; got {action!r}")
        with pytest.raises(TypeError, match=message):
            to_arrays(space, "the action")(action)
    to_arrays(pair, "the action")([0, 0.5])


def test_a_vector_plays_like_a_rollout():
    """Returns of random play have the same mean (Welch's test, 1 in 10,000)."""
    from scipy import stats

    envs = to_gymnasium_vector(CartPole(), 200, autoreset_mode="SameStep")
    envs.reset(seed=0)
    rng, lengths, length = np.random.default_rng(0), [], np.zeros(200)
    finished = np.zeros(200, bool)
    for _ in range(120):
        *_, terminated, truncated, _ = envs.step(rng.integers(0, 2, 200))
        length += 1
        ended = (terminated | truncated) & ~finished
        lengths += list(length[ended])
        finished |= ended
    expected = rollout(CartPole(), None, 1, num_envs=400, num_steps=120, store=False)
    assert len(lengths) > 195
    assert stats.ttest_ind(lengths, expected.episode_length).pvalue > 1e-4


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="is about XLA on a CPU")
def test_a_step_runs_in_one_thread():
    # To wake up another one takes longer than the step. XLA does so for a long loop,
    # which it splits, and where more than nine loops could run at once.
    env = to_gymnasium_vector(CartPole(), 1000)
    env.reset(seed=0)
    program, action = env._program, np.zeros(1000, np.int32)
    step: Any = program._compiled.step
    lowered = step.lower(program._loop, program._arrays, action)
    text = lowered.compile().as_text()
    assert "outer_dimension_partitions" not in text
    entry = text.split("ENTRY ")[1]
    given = set(re.findall(r"%(\S+) = .*? (?:parameter|constant)\(", entry))
    loops = re.findall(r" (?:fusion|copy|call|conditional|while)\((.*?)\)", entry)
    assert len(loops) > 9
    assert sum(given.issuperset(re.findall(r"%([^\s,]+)", x)) for x in loops) <= 9


@pytest.mark.parametrize(
    "env, action, message",
    [
        (CartPole(), 2, r"the action of CartPole must be in Discrete\(2\); got 2"),
        (CartPole(), -1, "got -1"),
        (CartPole(), 0.5, r"must be in Discrete\(2\); got 0.5"),
        (CartPole(), None, "got None"),
        (CartPole(), "left", "got 'left'"),
        (Pendulum(), np.array(["a"]), "got the dtype <U1"),
        (Pendulum(), np.array([True]), "got the dtype bool"),
    ],
)
def test_actions_that_are_none(env, action, message, unchecked):
    one, many = to_gymnasium(env), to_gymnasium_vector(env, 3)
    one.reset(seed=0)
    with pytest.raises((TypeError, ValueError), match=message):
        one.step(action)
    if isinstance(action, int):
        return  # In a batch, it becomes the nearest element.
    many.reset(seed=0)
    good = np.asarray(env.action_space.sample(jr.key(0)))
    batch = [good, action, good] if good.ndim == 0 else np.stack([action] * 3)
    with pytest.raises((TypeError, ValueError), match="the action of"):
        many.step(batch)
