"""eqenvs, and the references of its tests, beside recordings of the originals' code.

The references were written by reading the originals, so one misreading could be in both
a reference and an environment. These recordings were made by running the originals:
`recorded/README.md` says which ones, and what the arrays mean.

Each recording is replayed from its own starts with its own actions. Where the original
drew something, the replay offers the environment many possible draws, and goes on with
one that leads to what was recorded. If none does, the test fails.
"""

import dataclasses
import pathlib

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from eqenvs import (
    BernoulliBandit,
    FourRooms,
    GaussianBandit,
    MetaMaze,
    PointRobot,
    Pong,
    Reacher,
    Swimmer,
)

from .reference import (
    bernoulli_bandit,
    four_rooms,
    gaussian_bandit,
    meta_maze,
    point_robot,
    pong,
    reacher,
    swimmer,
)


FOLDER = pathlib.Path(__file__).parent / "recorded"

# Words in equal steps, so that each of up to 128 equally likely outcomes has one.
WORDS = np.arange(256, dtype=np.uint32) * np.uint32(2**24) + np.uint32(2**23)

# The environments of the recordings: what the originals call it, what we call it.


def make_four_rooms(data, name):
    return FourRooms(
        start=None,
        goal=None,
        map=np.where(data["open_cells"], 0, 1),
        goal_duration=int(data["goal_duration"]),
        goal_avoids_agent=name != "moving_goal_anywhere",
    )


def make_meta_maze(data):
    return MetaMaze(
        size=int(data["size"]),
        goal_reward=float(data["goal_reward"]),
        wall_penalty=float(data["wall_penalty"]),
        max_steps=int(data["length"]),
    )


def make_bernoulli_bandit(data, kind, reward_probability):
    return BernoulliBandit(
        reward_probability=reward_probability,
        kind=kind,
        num_arms=data["start_arms"].shape[1],
        max_steps=int(data["length"]),
    )


def make_gaussian_bandit(data):
    return GaussianBandit(
        prior_mean=float(data["prior_mean"]),
        prior_scale=float(data["prior_scale"]),
        reward_scale=float(data["reward_scale"]),
        max_steps=int(data["length"]),
        normalize_time=bool(data["normalize_time"]),
    )


def make_point_robot(data, name):
    return PointRobot(
        max_force=float(np.float32(0.1)),  # that of a box of 32-bit numbers
        goal_radius=float(data["goal_radius"]),
        max_steps=int(data["length"]),
        start="rectangle" if name == "dense" else name,
        dense_reward=name == "dense",
        observation="position",
    )


def make_pong(data):
    return Pong(
        width=int(data["parameter_width"]),
        height=int(data["parameter_height"]),
        paddle_half_height=int(data["parameter_paddle_half_height"]),
        paddle_speed=float(data["parameter_paddle_step"]),
        ball_speed=float(data["parameter_ball_x_speed"]),
        max_row_speed=float(data["parameter_ball_max_y_speed"]),
        right_player="agent",
    )


# Reading and replaying.


def load(name):
    """All arrays of a recording, and those that have an entry for each step."""
    with np.load(FOLDER / f"{name}.npz", allow_pickle=False) as file:
        data = dict(file)
    num_steps = len(data["episode"])
    steps = {
        key: array
        for key, array in data.items()
        if not key.startswith("start_") and array.shape[:1] == (num_steps,)
    }
    return data, steps


def episodes_of(steps):
    """For each episode: its number, and the numbers of its steps."""
    for episode in range(steps["episode"].max() + 1):
        yield episode, np.flatnonzero(steps["episode"] == episode)


def start_states(env, num_episodes, **fields):
    """An initial state of `env` for each episode, with some `fields` replaced."""
    state = jax.eval_shape(env.initial_state, jr.key(0))
    fields = {
        name: jnp.asarray(value, getattr(state, name).dtype)
        for name, value in fields.items()
    }

    def start(_, fields):
        return dataclasses.replace(env.initial_state(jr.key(0)), **fields)

    return jax.vmap(start)(jnp.arange(num_episodes), fields)


@eqx.filter_jit
def replay(env, starts, steps, draws_of=None, is_recorded=None):
    """The states before and after every step, and what the environment says of it."""

    def take(state, action, draw):
        with pytest.MonkeyPatch.context() as patch:
            if draw is not None:
                patch.setattr(type(env), "_draw", lambda self, key: draw)
            return env.transition(jr.key(0), state, action)

    def body(carry, step):
        last_episode, state = carry
        state = jax.tree.map(
            lambda x, y: jnp.where(
                step["episode"] == last_episode, x, y[step["episode"]]
            ),
            state,
            starts,
        )
        if draws_of is None or is_recorded is None:
            transition = take(state, step["action"], None)
        else:
            take_all = jax.vmap(lambda draw: take(state, step["action"], draw))
            transitions = take_all(draws_of(step))
            best = jnp.argmax(jax.vmap(is_recorded, (0, None))(transitions.state, step))
            transition = jax.tree.map(lambda x: x[best], transitions)
        after = jax.tree.map(lambda x, y: x.astype(y.dtype), transition.state, state)
        result = {
            "before": state,
            "after": after,
            "observation": env.observe(after),
            "reward": transition.reward,
            "terminated": transition.terminated,
            "truncated": env.truncated(after),
            "info": transition.info,
        }
        return (step["episode"], after), result

    first = jax.tree.map(lambda x: x[0], starts)
    steps = {name: jnp.asarray(array) for name, array in steps.items()}
    steps["episode"] = steps["episode"].astype(jnp.int32)
    return jax.lax.scan(body, (jnp.int32(-1), first), steps)[1]


def play(env, starts, steps, *args):
    result = jax.tree.map(np.asarray, replay(env, starts, steps, *args))
    first = jax.tree.map(np.asarray, jax.jit(jax.vmap(env.observe))(starts))
    return first, result


@pytest.fixture
def tolerance(either_precision):
    """How exactly real numbers agree after hundreds of steps."""
    return 1e-11 if either_precision else 1e-4


assert_equal = np.testing.assert_array_equal


def assert_close(ours, theirs, tolerance=1e-6):
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


def whole(array):
    return np.asarray(array, np.int32)


def real(array):
    return np.asarray(array, jnp.zeros(()).dtype)


# FourRooms


def draws_of_four_rooms(step):
    turn = jnp.full(WORDS.shape, (step["direction"] - step["action"]) % 4)
    return turn, jnp.asarray(WORDS)


def is_recorded_goal(state, step):
    return (state.goal_row == step["goal"][0]) & (state.goal_column == step["goal"][1])


FOUR_ROOMS = [
    "default",
    "no_slip",
    "always_slip",
    "other_map",
    "moving_goal",
    "moving_goal_anywhere",
]


@pytest.mark.parametrize("name", FOUR_ROOMS)
def test_four_rooms(name, either_precision):
    data, steps = load(f"four_rooms_{name}")
    starts = data["start_observation"]
    env = make_four_rooms(data, name)
    states = start_states(
        env,
        len(starts),
        row=starts[:, 0],
        column=starts[:, 1],
        goal_row=starts[:, 2],
        goal_column=starts[:, 3],
        time=data["start_count"],  # which goes on through the original's episodes
    )
    inputs = {k: whole(steps[k]) for k in ("episode", "action", "direction", "goal")}
    first, result = play(env, states, inputs, draws_of_four_rooms, is_recorded_goal)
    assert_equal(first, starts)
    observation, seen = result["observation"], steps["observation"]
    assert_equal(observation[:, :2], seen[:, :2])
    assert_equal(result["reward"], steps["reward"])
    assert_equal(result["terminated"], steps["done"])
    # The original shows a goal that has just moved one step late.
    before = result["before"]
    shown = np.stack([before.goal_row, before.goal_column], axis=1)
    assert_equal(shown, seen[:, 2:])
    # At the end of an episode it may put the next one's goal where the agent still is.
    goes_on = ~steps["done"]
    assert_equal(observation[goes_on, 2:], steps["goal"][goes_on])
    # What makes this recording worth replaying:
    moved = np.any(np.diff(seen[:, :2].astype(int), axis=0) != 0, axis=1)
    assert steps["reward"].sum() >= 2 and not moved.all()
    assert steps["slipped"].any() == (name != "no_slip")
    assert (steps["goal"] != seen[:, 2:]).any() == ("moving" in name)


@pytest.mark.parametrize("name", FOUR_ROOMS)
def test_reference_of_four_rooms(name):
    data, steps = load(f"four_rooms_{name}")
    rows = ["".join(" " if x else "x" for x in row) for row in data["open_cells"]]
    for episode, numbers in episodes_of(steps):
        start = data["start_observation"][episode].tolist()
        duration = int(data["goal_duration"])
        game = four_rooms.FourRooms(rows, tuple(start[:2]), tuple(start[2:]), duration)
        game.num_steps = int(data["start_count"][episode])
        for t in numbers:
            shown = game.goal
            goal = tuple(steps["goal"][t].tolist())
            seen, reward, reached = game.step(int(steps["direction"][t]), goal)
            assert (*seen[:2], *shown) == tuple(steps["observation"][t])
            assert (reward, reached) == (steps["reward"][t], steps["done"][t])
            assert reached or game.goal == goal


# MetaMaze


def rearranged(inputs):
    """The original's inputs in our order, without its constants 0 and 1."""
    assert (inputs[..., 9] == 0).all() and (inputs[..., 10] == 1).all()
    order = [*range(9), 13, 14, 15, 16, 12, 11]
    return inputs[..., order]


def is_recorded_position(state, step):
    return (state.row == step["position"][0]) & (state.column == step["position"][1])


META_MAZE = ["default", "wall_penalty", "free_middle"]


@pytest.mark.parametrize("name", META_MAZE)
def test_meta_maze(name, either_precision):
    data, steps = load(f"meta_maze_{name}")
    env = make_meta_maze(data)
    goals = data["start_goal"]
    states = start_states(
        env, len(goals), goal_row=goals[:, 0], goal_column=goals[:, 1]
    )
    assert_equal(np.stack([states.row, states.column], axis=1), data["start_position"])
    inputs = {k: whole(steps[k]) for k in ("episode", "action", "position")}
    words = jnp.asarray(WORDS)
    first, result = play(env, states, inputs, lambda _: words, is_recorded_position)
    assert_close(first, rearranged(data["start_inputs"]))
    position = np.stack([result["after"].row, result["after"].column], axis=1)
    assert_equal(position, steps["position"])
    assert_close(result["reward"], steps["reward"])
    assert not result["terminated"].any()
    # The original's network does not see what the last step leads to.
    is_last = np.isnan(steps["inputs"]).all(axis=1)
    assert_equal(result["truncated"], is_last)
    seen = rearranged(steps["inputs"][~is_last])
    assert_close(result["observation"][~is_last], seen)
    # What makes this recording worth replaying:
    assert (steps["reward"] > 1).sum() >= 5
    assert (steps["reward"] < 0).any() == (name != "default")


@pytest.mark.parametrize("name", META_MAZE)
def test_goals_of_meta_maze(name):
    """The recorded goals are among those that the environment draws."""
    data, _ = load(f"meta_maze_{name}")
    env = make_meta_maze(data)

    def goal(word):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(env), "_draw", lambda self, key: word)
            state = env.initial_state(jr.key(0))
        return state.goal_row, state.goal_column

    possible = {tuple(map(int, g)) for g in zip(*jax.vmap(goal)(WORDS), strict=True)}
    assert possible >= {tuple(map(int, goal)) for goal in data["start_goal"]}


@pytest.mark.parametrize("name", META_MAZE)
def test_reference_of_meta_maze(name):
    data, steps = load(f"meta_maze_{name}")
    settings = [data[k].item() for k in ("goal_reward", "wall_penalty", "length")]
    for episode, numbers in episodes_of(steps):
        goal = tuple(data["start_goal"][episode].tolist())
        game = meta_maze.MetaMaze(int(data["size"]), goal, *settings)
        seen = rearranged(data["start_inputs"][episode])
        assert_close(game.look(), seen)
        for t in numbers:
            position = tuple(steps["position"][t].tolist())
            look, reward, _ = game.step(int(steps["action"][t]), position)
            assert (game.row, game.column) == position
            assert reward == pytest.approx(steps["reward"][t])
            if not np.isnan(steps["inputs"][t]).all():
                seen = rearranged(steps["inputs"][t])
                assert_close(look, seen)


# BernoulliBandit


BERNOULLI_BANDITS = [
    ("independent_5", "independent", 0.1),
    ("independent_2", "independent", 0.1),
    ("dependent_uniform_2", "dependent-uniform", 0.1),
    ("dependent_easy_2", "dependent", 0.1),
    ("dependent_medium_2", "dependent", 0.25),
    ("dependent_hard_2", "dependent", 0.4),
]


def reordered(inputs):
    """The original sees reward, time, action; we see reward, action, time."""
    return np.concatenate([inputs[..., :1], inputs[..., 2:], inputs[..., 1:2]], axis=-1)


def is_recorded_reward(state, step):
    return state.last_reward == step["reward"]


@pytest.mark.parametrize("name, kind, reward_probability", BERNOULLI_BANDITS)
def test_bernoulli_bandit(name, kind, reward_probability, either_precision):
    data, steps = load(f"bernoulli_bandit_{name}")
    env = make_bernoulli_bandit(data, kind, reward_probability)
    arms = data["start_arms"]
    states = start_states(env, len(arms), reward_probabilities=arms)
    inputs = {k: whole(steps[k]) for k in ("episode", "action", "reward")}
    uniform = jnp.array([0.0, 1 - 2**-24])  # one that pays, one that does not
    first, result = play(env, states, inputs, lambda _: uniform, is_recorded_reward)
    assert_close(first, reordered(data["start_inputs"]))
    assert_equal(result["reward"], steps["reward"])
    seen = reordered(steps["inputs"])
    assert_close(result["observation"], seen)
    assert_equal(result["truncated"], steps["done"])
    assert not result["terminated"].any()
    assert set(steps["reward"]) == {0, 1}
    # The recorded arms are among those that the environment draws.
    draw = jax.jit(jax.vmap(env.initial_state))
    possible = draw(jr.split(jr.key(0), 100)).reward_probabilities
    assert possible.shape[1:] == arms.shape[1:]
    if kind != "independent":
        assert_close(possible.sum(axis=1), 1)
        assert_close(arms.sum(axis=1), 1)
    if kind == "dependent":
        pairs = [
            {tuple(pair) for pair in np.round(np.asarray(x, float), 4).tolist()}
            for x in (possible, arms)
        ]
        assert pairs[0] == pairs[1] and len(pairs[0]) == 2


@pytest.mark.parametrize("name", [name for name, *_ in BERNOULLI_BANDITS])
def test_reference_of_bernoulli_bandit(name):
    data, steps = load(f"bernoulli_bandit_{name}")
    for episode, numbers in episodes_of(steps):
        arms = data["start_arms"][episode]
        game = bernoulli_bandit.BernoulliBandit(arms, int(data["length"]))
        seen = reordered(data["start_inputs"][episode])
        assert_close(game.see(), seen)
        for t in numbers:
            draw = 0.0 if steps["reward"][t] else 1 - 2**-24
            outcome = game.pull(int(steps["action"][t]), draw)
            assert outcome == (steps["reward"][t], steps["done"][t])
            seen = reordered(steps["inputs"][t])
            assert_close(game.see(), seen)


# GaussianBandit


@pytest.mark.parametrize("name", ["default", "wide"])
def test_gaussian_bandit(name, either_precision):
    data, steps = load(f"gaussian_bandit_{name}")
    env = make_gaussian_bandit(data)
    means = data["start_mean"]

    def start(normal):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(env), "_draw", lambda self, key: normal)
            return env.initial_state(jr.key(0))

    drawn = jax.vmap(start)(real(data["start_normal"])).mean
    assert_close(drawn, means, 1e-5)
    states = start_states(env, len(means), mean=means)
    inputs = {k: whole(steps[k]) for k in ("episode", "action")}
    inputs["normal"] = real(steps["normal"])
    first, result = play(
        env,
        states,
        inputs,
        lambda step: step["normal"][None],
        lambda *_: jnp.array(True),
    )
    tolerance = 1e-5
    assert_close(first, data["start_observation"], tolerance)
    assert_close(result["reward"], steps["reward"], tolerance)
    assert_close(result["observation"], steps["observation"], tolerance)
    assert_equal(result["terminated"], steps["terminated"])
    assert_equal(result["truncated"], steps["truncated"])


@pytest.mark.parametrize("name", ["default", "wide"])
def test_reference_of_gaussian_bandit(name):
    data, steps = load(f"gaussian_bandit_{name}")
    scales = (data[k].item() for k in ("prior_mean", "prior_scale", "reward_scale"))
    mean, scale, reward_scale = scales
    for episode, numbers in episodes_of(steps):
        normal = float(data["start_normal"][episode])
        game = gaussian_bandit.GaussianBandit(
            mean,
            scale,
            reward_scale,
            int(data["length"]),
            normal,
            bool(data["normalize_time"]),
        )
        assert game.mean == pytest.approx(data["start_mean"][episode], rel=1e-5)
        tolerance = 1e-5
        for t in numbers:
            draw = float(steps["normal"][t])
            reward, is_over = game.pull(int(steps["action"][t]), draw)
            assert_close(reward, steps["reward"][t], tolerance)
            assert_close(game.see(), steps["observation"][t], tolerance)
            assert is_over == steps["truncated"][t]


# PointRobot


POINT_ROBOTS = ["rectangle", "off_circle", "center", "dense"]


@pytest.mark.parametrize("name", POINT_ROBOTS)
def test_point_robot(name, tolerance):
    data, steps = load(f"point_robot_{name}")
    env = make_point_robot(data, name)
    starts = data["start_observation"]
    states = start_states(env, len(starts), position=starts, goal=data["start_goal"])
    # The original maps actions in ± 1 to its box.
    inputs = {"episode": steps["episode"]}
    inputs["action"] = real(steps["action"] * float(np.float32(0.1)))
    first, result = play(env, states, inputs)
    assert_close(first, starts, tolerance)
    assert_close(result["observation"], steps["observation"], tolerance)
    assert_close(result["reward"], steps["reward"], tolerance)
    assert_equal(result["truncated"], steps["done"])
    assert not result["terminated"].any()
    # What makes this recording worth replaying:
    assert (np.abs(steps["action"]) > 1).any() and (np.abs(steps["action"]) < 1).any()
    assert name == "dense" or 50 < steps["reward"].sum() < len(steps["reward"])
    if name != "dense":  # whose goals and starts are another task's
        assert_close(np.hypot(*data["start_goal"].T), 1)
        assert (data["start_goal"][:, 1] >= 0).all()
        drawn = jax.jit(jax.vmap(env.initial_state))(jr.split(jr.key(0), 2000)).position
        low, high = starts.min(axis=0), starts.max(axis=0)
        assert (drawn.min(axis=0) <= low).all() and (drawn.max(axis=0) >= high).all()


@pytest.mark.parametrize("name", POINT_ROBOTS)
def test_reference_of_point_robot(name):
    data, steps = load(f"point_robot_{name}")
    reach = float(np.float32(0.1))
    for episode, numbers in episodes_of(steps):
        start, goal = (data[k][episode] for k in ("start_observation", "start_goal"))
        game = point_robot.PointRobot(
            start, goal, reach, float(data["goal_radius"]), name == "dense"
        )
        for t in numbers:
            position, _, reward = game.step(steps["action"][t] * reach)
            assert_close(position, steps["observation"][t], 1e-11)
            assert_close(reward, steps["reward"][t], 1e-11)


# Reacher and Swimmer


def test_reacher(tolerance):
    data, steps = load("reacher")
    states = start_states(
        env := Reacher(),
        len(data["start_goal_xy"]),
        angles=data["start_angles"],
        angular_velocities=data["start_angle_vels"],
        goal=data["start_goal_xy"],
    )
    inputs = {"episode": steps["episode"], "action": real(steps["action"])}
    first, result = play(env, states, inputs)
    assert_close(first, data["start_observation"], tolerance)
    assert_close(result["observation"], steps["observation"], tolerance)
    assert_close(result["reward"], steps["reward"], tolerance)
    assert not result["terminated"].any()
    assert steps["reward"].max() > 0.9 and steps["reward"].min() < 0.01


def test_reference_of_reacher():
    data, steps = load("reacher")
    for episode, numbers in episodes_of(steps):
        start = [
            data["start_" + k][episode] for k in ("angles", "angle_vels", "goal_xy")
        ]
        game = reacher.Reacher(*start)
        for t in numbers:
            look, reward = game.step(steps["action"][t])
            assert_close(look, steps["observation"][t], 1e-9)
            assert_close(reward, steps["reward"][t], 1e-9)


def test_swimmer(tolerance):
    data, steps = load("swimmer")
    states = start_states(
        env := Swimmer(),
        len(data["start_goal_xy"]),
        urchins=data["start_urchin_xys"],
        position=data["start_xy"],
        velocity=data["start_xy_vel"],
        goal=data["start_goal_xy"],
    )
    inputs = {"episode": steps["episode"], "action": real(steps["action"])}
    first, result = play(env, states, inputs)
    assert_close(first, data["start_observation"], tolerance)
    assert_close(result["observation"], steps["observation"], tolerance)
    assert_close(result["reward"], steps["reward"], tolerance)
    assert not result["terminated"].any()
    # Some of the fish come close to an urchin.
    urchins = data["start_urchin_xys"][steps["episode"]]
    position = steps["observation"][:, 10:12]
    distance = np.linalg.norm(urchins - position[:, None], axis=-1).min(axis=1)
    assert (distance < 0.1).sum() > 10 and steps["reward"].max() > 0.9


def test_reference_of_swimmer():
    data, steps = load("swimmer")
    for episode, numbers in episodes_of(steps):
        start = [data["start_" + k][episode] for k in ("urchin_xys", "xy", "goal_xy")]
        game = swimmer.Swimmer(*start)
        for t in numbers:
            look, reward = game.step(steps["action"][t])
            assert_close(look, steps["observation"][t], 1e-9)
            assert_close(reward, steps["reward"][t], 1e-9)


# Pong


def assert_same_picture(ours, original):
    """The original draws paddles (1) over the ball (2)."""
    assert_equal(ours[..., 0], original == 1)
    assert_equal(ours[..., 1] & ~ours[..., 0], original == 2)


@pytest.mark.parametrize("name", ["default", "small"])
def test_pong(name, tolerance):
    data, steps = load(f"pong_{name}")
    env = make_pong(data)
    paddles, ball, velocity = (
        data["start_" + k] for k in ("paddles", "ball", "velocity")
    )
    states = start_states(env, len(paddles))
    assert_equal(np.stack([states.row, states.column], axis=1), ball)
    ours = np.stack([states.left_paddle, states.right_paddle], axis=1)
    assert_equal(ours, paddles)
    ours = np.stack([states.row_velocity, states.column_velocity], axis=1)
    assert_equal(ours, velocity)
    inputs = {"episode": steps["episode"], "action": whole(steps["action"])}
    first, result = play(env, states, inputs)
    assert_same_picture(first, data["start_picture"])
    after = result["after"]
    for key, fields in {
        "paddles": (after.left_paddle, after.right_paddle),
        "ball": (after.row, after.column),
        "velocity": (after.row_velocity, after.column_velocity),
    }.items():
        assert_close(np.stack(fields, axis=1), steps[key], tolerance)
    assert_equal(result["reward"], steps["reward"])
    assert_equal(result["terminated"], steps["done"])
    assert_equal(result["info"]["winner"], steps["winner"])
    # At the end of a game, the original shows the start of the next.
    goes_on = ~steps["done"]
    assert_same_picture(result["observation"][goes_on], steps["picture"][goes_on])
    # Where the ball was is channel 2, which the original has not.
    continues = goes_on[:-1] & goes_on[1:]
    last, now = result["observation"][1:, ..., 2], result["observation"][:-1, ..., 1]
    assert_equal(last[continues], now[continues])
    # What makes this recording worth replaying:
    assert {1} <= set(steps["winner"]) - {0} and (
        name != "small" or 2 in steps["winner"]
    )
    turns = np.diff(np.sign(steps["velocity"]), axis=0) != 0
    assert (turns.sum(axis=0) > 10).all()
    limit = float(data["parameter_ball_max_y_speed"])
    assert np.abs(steps["velocity"][:, 0]).max() == limit
    assert steps["paddles"].min() < 0 or name == "small"


@pytest.mark.parametrize("name", ["default", "small"])
def test_reference_of_pong(name):
    data, steps = load(f"pong_{name}")
    for episode, numbers in episodes_of(steps):
        parameters = ("width", "height", "paddle_half_height", "paddle_step")
        parameters += ("ball_x_speed", "ball_max_y_speed")
        width, height, half, *rest = (data["parameter_" + k].item() for k in parameters)
        game = pong.Pong(int(width), int(height), int(half), *rest)
        assert_same_picture(game.draw(), data["start_picture"][episode])
        for t in numbers:
            outcome = game.step(steps["action"][t].tolist())
            assert outcome == (steps["reward"][t], steps["done"][t])
            assert game.winner == steps["winner"][t]
            assert_close(game.paddles, steps["paddles"][t], 1e-11)
            assert_close(game.ball, steps["ball"][t], 1e-11)
            assert_close(game.velocity, steps["velocity"][t], 1e-11)
            if not steps["done"][t]:
                assert_same_picture(game.draw(), steps["picture"][t])
