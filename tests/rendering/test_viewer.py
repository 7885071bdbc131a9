import base64
import json
import re
import zlib
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqenvs
from eqenvs import CartPole, Pendulum, rollout
from eqenvs.rendering import Viewer
from eqenvs.rendering._recording import record, TERMINATED, TRUNCATED
from eqenvs.rendering.viewer._pack import _varints, pack_scenes, Packer, plain_scene

from .scenes import Cart, cart_states, CartState, every_shape


class Played(NamedTuple):
    """As much of a trajectory as the viewer reads."""

    state: Any
    action: Any
    reward: Any
    terminated: Any
    truncated: Any
    next_state: Any = None
    value: Any = None


def played(steps=6, lanes=None, *, next_state=True, value=False) -> Played:
    """Lanes whose episodes terminate every three steps, or are truncated after five."""
    rng = np.random.default_rng(0)
    shape = (steps,) if lanes is None else (steps, lanes)
    time = np.arange(steps).reshape(-1, *[1] * (len(shape) - 1))

    def states(shift):
        x, angle = rng.uniform(-1, 1, (2, *shape)).astype(np.float32)
        return CartState(jnp.asarray(x + shift), jnp.asarray(angle), np.zeros(shape))

    return Played(
        state=states(0),
        action=rng.integers(0, 2, shape).astype(np.int32),
        reward=np.ones(shape, np.float32),
        terminated=np.broadcast_to(time % 3 == 2, shape),
        truncated=np.broadcast_to(time % 5 == 4, shape),
        next_state=states(10) if next_state else None,
        value=rng.normal(size=shape).astype(np.float32) if value else None,
    )


class Rolled(NamedTuple):
    trajectory: Any
    state: Any


def x_of(recording) -> np.ndarray:
    return recording.scenes.shapes[2].center[..., 0, 0]


@pytest.mark.parametrize("lanes", [None, 3])
def test_a_frame_shows_what_a_step_led_to(lanes):
    run = played(lanes=lanes, value=True)
    recording = record(Cart(), run, most_lanes=64)
    assert (recording.num_frames, recording.num_lanes) == (7, lanes or 1)
    x = np.concatenate([run.state.x[:1], run.next_state.x]).reshape(7, -1)
    np.testing.assert_array_equal(x_of(recording), x)
    assert np.isnan(recording.reward[0]).all() and (recording.reward[1:] == 1).all()
    np.testing.assert_array_equal(recording.action[1:, :, 0], run.action.reshape(6, -1))
    np.testing.assert_array_equal(recording.value[1:], run.value.reshape(6, -1))
    ends = [0, 0, 0, TERMINATED, 0, TRUNCATED, TERMINATED]
    np.testing.assert_array_equal(recording.ended[:, 0], ends)
    assert recording.shows_last_state


def test_without_next_states_the_last_state_of_a_rollout_is_the_last_frame():
    run = played(next_state=False)
    last = CartState(jnp.float32(7), jnp.float32(0))
    recording = record(Cart(), Rolled(run, last), most_lanes=64)
    x = [*run.state.x.tolist(), 7]
    np.testing.assert_allclose(x_of(recording)[:, 0], x)
    assert not recording.shows_last_state
    alone = record(Cart(), run, most_lanes=64)
    assert alone.num_frames == 6 and alone.reward.shape == (6, 1)


def test_states_alone_can_be_shown():
    states = cart_states(6)
    as_list = [jax.tree.map(lambda x: x[i], states) for i in range(6)]  # noqa: B023
    for given in (states, as_list, tuple(as_list)):
        recording = record(Cart(), given, most_lanes=64)
        np.testing.assert_allclose(x_of(recording)[:, 0], states.x, rtol=1e-6)
        assert recording.reward is None and not recording.ended.any()
    lanes = jax.tree.map(lambda x: x.reshape(3, 2), states)
    recording = record(Cart(), lanes, most_lanes=1)
    assert (recording.num_frames, recording.num_lanes) == (3, 1)
    assert recording.all_lanes == 2


def test_a_real_rollout_and_a_batch_of_worlds():
    class Drawn(eqx.Module):
        env: Any

        def draw(self, state):
            cart = Cart(2 * self.env.pole_half_length)
            return cart.draw(CartState(state.x, state.theta))

    env = CartPole()
    run = rollout(env, None, 0, num_steps=4, num_envs=3, states=True)
    recording = record(Drawn(env), run, most_lanes=64)
    assert (recording.num_frames, recording.num_lanes) == (5, 3)
    assert ("gravity", "m/s²", np.float32(9.8)) in [
        (name, unit, np.float32(value))
        for name, unit, value in recording.parameters
        if name == "gravity"
    ]


def test_states_of_another_environment_are_refused(unchecked):
    # Both have an angle and its velocity.
    run = rollout(CartPole(), None, 0, num_steps=4, states=True)
    message = "Pendulum draws states of the class PendulumState; got a CartPoleState"
    with pytest.raises(TypeError, match=message):
        Viewer(Pendulum(), run)
    worlds = eqx.filter_vmap(CartPole)(jnp.ones(2))
    run = rollout(CartPole(), None, 0, num_steps=4, num_envs=2, states=True)
    assert Viewer(worlds, run).recordings


def test_worlds_of_their_own():
    lengths = jnp.array([0.5, 1.0, 1.5])
    env = eqx.filter_vmap(Cart)(lengths)
    states = jax.tree.map(lambda x: x.reshape(2, 3), cart_states(6))
    recording = record(env, states, most_lanes=2)
    tips = recording.scenes.shapes[3].end[0, :, 0]
    for lane in range(2):
        state = jax.tree.map(lambda x: x[0, lane], states)  # noqa: B023
        alone = Cart(lengths[lane]).draw(state).shapes[3].end[0]
        np.testing.assert_allclose(tips[lane], alone, rtol=1e-6)
    names = {name: value for name, _, value in recording.parameters}
    np.testing.assert_array_equal(names["length"], [0.5, 1.0])


def test_only_parameters_that_differ_have_a_value_for_each_lane():
    env = eqx.filter_vmap(CartPole)(jnp.array([1.6, 3.7, 9.8]))
    run = rollout(env, None, 0, num_steps=4, num_envs=3, states=True)
    recording = record(env, run, most_lanes=64)
    values = {name: value for name, _, value in recording.parameters}
    assert [name for name, value in values.items() if np.ndim(value)] == ["gravity"]
    assert (values["cart_mass"], values["max_steps"]) == (1, 500)


def test_no_time_limit_is_named():
    env = eqenvs.make("Blackjack-v1")
    run = rollout(env, None, 0, num_steps=4, states=True)
    recording = record(env, run, most_lanes=64)
    values = {name: value for name, _, value in recording.parameters}
    assert values["max_steps"] == "no limit"


@pytest.mark.parametrize(
    "numbers",
    [[0], [-1, 1, 63, -64, 64], [2**31 - 1, -(2**31)], list(range(-300, 300, 7))],
)
def test_small_numbers_take_few_bytes(numbers):
    def read(data):
        values, value, shift = [], 0, 0
        for byte in data:
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                values.append(-(value + 1) // 2 if value % 2 else value // 2)
                value = shift = 0
        return values

    written = _varints(np.array(numbers))
    assert read(written) == numbers
    assert len(_varints(np.array([5, -5, 63]))) == 3


def unpacked(packer: Packer, packed) -> Any:
    """What `scene.js` reads, in Python: the arrays of a recording by their path."""
    data = zlib.decompress(base64.b64decode(packer.to_base64()))
    offset = 0

    def read(about):
        nonlocal offset
        count = int(np.prod(about["shape"], dtype=int)) * about["lanes"]
        columns = np.empty((count, about["frames"]))
        for column in range(count):
            value = 0
            for frame in range(about["frames"]):
                if about["step"]:
                    folded = shift = 0
                    while True:
                        byte = data[offset]
                        offset += 1
                        folded |= (byte & 127) << shift
                        shift += 7
                        if byte < 128:
                            break
                    value += -(folded + 1) // 2 if folded % 2 else folded // 2
                    columns[column, frame] = value * about["step"]
                else:
                    columns[column, frame] = np.frombuffer(data, "<f4", 1, offset)[0]
                    offset += 4
        shape = (about["frames"], about["lanes"], *about["shape"])
        return np.moveaxis(columns, 1, 0).reshape(shape)

    def walk(value):
        if isinstance(value, dict) and "frames" in value and "step" in value:
            return read(value)
        if isinstance(value, dict):
            return {name: walk(inside) for name, inside in value.items()}
        return [walk(inside) for inside in value] if isinstance(value, list) else value

    result = walk(packed)
    assert offset == len(data)
    return result


def test_what_is_packed_is_what_is_read():
    lanes, frames = 2, 5
    numbers = np.linspace(-20, 3000, lanes * frames).reshape(frames, lanes)
    scenes = jax.vmap(jax.vmap(every_shape))(jnp.asarray(numbers))
    shaken = jax.tree.map(
        lambda x: (
            np.asarray(x + np.linspace(0, 0.4, x.size).reshape(x.shape)).astype(x.dtype)
            if x.dtype == np.float32
            else np.asarray(x)
        ),
        scenes,
    )
    packer = Packer()
    read = unpacked(packer, pack_scenes(packer, shaken))
    coarse = 2**-9  # of the view of 10 by 6
    np.testing.assert_allclose(read["view"], shaken.view, atol=coarse)
    for shape, packed in zip(shaken.shapes, read["shapes"], strict=True):
        assert packed["type"] == type(shape).__name__
        for name, value in vars(shape).items():
            if eqx.is_array(value):
                number = name == "number"
                got = np.broadcast_to(packed[name], value.shape)
                np.testing.assert_allclose(got, value, atol=0 if number else coarse)
            else:
                assert packed[name] == value


def test_extreme_numbers_stay_what_they_are():
    scenes = jax.vmap(jax.vmap(every_shape))(jnp.array([[0.0], [jnp.nan], [jnp.inf]]))
    packer = Packer()
    read = unpacked(packer, pack_scenes(packer, jax.tree.map(np.asarray, scenes)))
    number = next(
        shape["number"]
        for shape in read["shapes"]
        if shape["type"] == "Text" and "at" in shape["text"]
    )
    np.testing.assert_array_equal(number[:, 0, 0], [0, np.nan, np.inf])


def test_an_episode_is_small():
    rng = np.random.default_rng(0)
    walk = np.cumsum(rng.normal(0, 0.01, (2, 501)), 1).astype(np.float32)
    states = CartState(*jnp.asarray(walk), np.arange(501))
    assert len(Viewer(Cart(), states).to_html()) < 100_000


def test_a_page_refers_to_nothing_else():
    page = Viewer(Cart(), played(lanes=2)).to_html()
    assert page.startswith("<!DOCTYPE html>")
    assert not re.findall(r"https?://|src=|href=|@import|url\(", page)
    assert "{{" not in page.replace("{{1", "")


def test_titles_and_names_cannot_break_the_page():
    evil = "</script><b>&"
    page = Viewer(Cart(), {evil: played()}, title=evil).to_html()
    assert "</script><b>" not in page
    data = re.search(r'id="data">(.*?)</script>', page, re.S)
    assert data is not None
    data = json.loads(data[1])
    assert data["title"] == evil and data["groups"][0]["name"] == evil


def test_policies_are_groups():
    one, other = played(lanes=2), played(4, lanes=1)
    viewer = Viewer(Cart(), {"random": one, "trained": other})
    assert list(viewer.recordings) == ["random", "trained"]
    assert viewer.recordings["trained"].num_frames == 5
    stacked = jax.tree.map(lambda x: np.stack([x, x]), one)
    viewer = Viewer(Cart(), stacked, policies=True, names=["a", "b"])
    assert list(viewer.recordings) == ["a", "b"]
    assert viewer.recordings["b"].num_lanes == 2


def test_it_is_saved_whole_and_shows_itself(tmp_path):
    viewer = Viewer(Cart(), played())
    path = viewer.save(tmp_path / "page.html")
    assert path.read_text(encoding="utf-8") == viewer.to_html()
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]
    assert viewer._repr_html_().startswith("<iframe srcdoc=")
    with pytest.raises(OSError, match="missing"):
        viewer.save(tmp_path / "missing" / "page.html")
    with pytest.raises(ValueError, match=r"cannot end in \.gif, which `save_gif`"):
        viewer.save(tmp_path / "page.gif")


def test_one_scene_can_be_sent_as_json():
    scene = every_shape(np.nan)
    sent = json.loads(json.dumps(plain_scene(scene), allow_nan=False))
    assert [shape["type"] for shape in sent["shapes"]] == [
        type(shape).__name__ for shape in scene.shapes
    ]
    assert sent["shapes"][0]["rows"] == 3
    assert "NaN" in json.dumps(sent)


@pytest.mark.parametrize(
    "env, run, message",
    [
        (object(), cart_states(2), "object cannot be drawn"),
        (Cart(), [], "is empty"),
        (Cart(), None, "must be what `rollout"),
        (Cart(), "x.gif", "must be what `rollout"),
        (Cart(), {}, "no policy was given"),
        (Cart(), Rolled(None, None), "store=True"),
        (Cart(), played()._replace(state=None), "states=True"),
        (Cart(), [cart_states(2), 3], "same structure"),
        (
            Cart(),
            jax.tree.map(lambda x: x[None, None], cart_states(2)),
            "leading axis for time",
        ),
        (Cart(), jax.tree.map(lambda x: x[None], played(lanes=2)), "policies=True"),
    ],
)
def test_mistakes_are_named(env, run, message, unchecked):
    del unchecked
    with pytest.raises((TypeError, ValueError), match=message):
        Viewer(env, run)
