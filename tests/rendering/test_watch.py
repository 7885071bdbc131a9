"""Watching an agent while it trains: the same result, one page, and nobody else."""

import json
import shutil
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import eqenvs
from eqenvs import CartPole
from eqenvs.agents import train
from eqenvs.rendering._recording import TERMINATED
from eqenvs.wrappers import TimeLimit

from ..agents.walk import assert_equal, Walk


pytest.importorskip("starlette", reason='pip install "eqenvs[play]"')

from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from eqenvs.rendering.watch import Watcher
from eqenvs.rendering.watch._lanes import Lanes
from eqenvs.rendering.watch._watcher import make_app


PORT, TOKEN = 8124, "a-token"
HOST = f"127.0.0.1:{PORT}"


class Push(eqx.Module):
    """An agent that pushes one way."""

    action: jax.Array

    def __call__(self, key, observation):
        del key, observation
        return self.action


LEFT, RIGHT = Push(jnp.int32(0)), Push(jnp.int32(1))


class Remember(eqx.Module):
    """An agent with a memory: it pushes to the other side each time."""

    initial_carry: jax.Array

    def __call__(self, key, observation, carry):
        del key, observation
        return carry, 1 - carry


@pytest.fixture
def watcher():
    return Watcher(CartPole(), num_steps=1000, frames_per_second=4, browser=False)


@pytest.fixture
def client(watcher):
    app = make_app(watcher, token=TOKEN, port=PORT)
    with TestClient(app, base_url=f"http://{HOST}") as client:
        yield client


# The lanes.


def test_lanes_go_on_where_they_were():
    lanes = Lanes(CartPole(), 3, 8)
    states = []
    for _ in range(3):
        played = lanes.play(RIGHT)
        assert played.ended.shape == played.episode_return.shape == (8, 3)
        assert played.scenes.batch_shape == (8, 3)
        states.append(played)
    ended = np.concatenate([played.ended for played in states])
    returns = np.concatenate([played.episode_return for played in states])
    assert set(np.unique(ended)) == {0, TERMINATED}
    for lane in range(3):
        expected = 0
        for step in range(24):
            expected += 1
            assert returns[step, lane] == expected
            if ended[step, lane]:
                expected = 0
    # An episode of pushes to one side ends after about ten steps, in another clip.
    assert 1 <= np.argmax(ended[:, 0] > 0) + 1 <= 12


def test_the_end_of_an_episode_is_shown_and_not_the_next_start():
    env = TimeLimit(CartPole(), 4)
    played = Lanes(env, 1, 4).play(RIGHT)
    (time_of_end,) = np.flatnonzero(played.ended[:, 0])
    cart = next(x for x in played.scenes.shapes if type(x).__name__ == "Rectangle")
    x = np.asarray(cart.center)[:, 0, 0, 0]
    assert time_of_end == 3 and x[3] > x[2] > x[1]


def test_an_agent_with_a_memory():
    played = Lanes(CartPole(), 2, 30).play(Remember(jnp.int32(0)))
    assert played.ended[:15].max() == 0  # It balances for a while, as pushing does not.


def test_a_batch_of_environments_is_shown_lane_by_lane():
    lengths = jnp.array([0.3, 0.6, 0.9])
    env = eqx.filter_vmap(lambda x: CartPole(pole_half_length=x))(lengths)
    lanes = Lanes(env, 2, 2)
    assert lanes.envs.num_envs == 2
    played = lanes.play(RIGHT)
    assert played.scenes.batch_shape == (2, 2)


def test_an_environment_without_a_picture():
    from ..wrappers.test_pixel_observation import Unseen

    with pytest.raises(NotImplementedError, match="Unseen has no picture"):
        train(Walk(), Unseen(), 0, 20, watch=True)


# The page.


@pytest.mark.parametrize(
    "path, headers, status",
    [
        (f"/{TOKEN}/", {}, 200),
        (f"/{TOKEN}/", {"origin": f"http://{HOST}"}, 200),
        (f"/{TOKEN}/", {"origin": "http://example.com"}, 403),
        (f"/{TOKEN}/", {"host": f"example.com:{PORT}"}, 403),
        ("/wrong/", {}, 403),
        ("/", {}, 403),
    ],
)
def test_who_may_see_the_page(client, path, headers, status):
    assert client.get(path, headers=headers).status_code == status


@pytest.mark.parametrize(
    "path, headers",
    [
        ("wrong/watch", {}),
        (f"{TOKEN}/watch", {"origin": "http://example.com"}),
        (f"{TOKEN}/watch", {"host": f"example.com:{PORT}"}),
    ],
)
def test_who_may_watch(client, path, headers):
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect(f"ws://{HOST}/{path}", headers=headers),
    ):
        pass


def test_what_a_page_is_sent(watcher, client):
    made = []

    def agent():
        made.append(1)
        return RIGHT

    watcher.show(agent, 10, np.nan)
    assert not made and not watcher.is_watched  # nobody is there
    with client.websocket_connect(f"ws://{HOST}/{TOKEN}/watch") as page:
        start = json.loads(page.receive_text())
        assert start["type"] == "start" and start["title"] == "CartPole"
        assert start["numSteps"] == 1000 and start["lanes"] == 16
        assert start["curve"] == [[10, None]]
        wait_until(lambda: watcher.is_watched)
        watcher.show(agent, 20, 12.5)
        progress = json.loads(page.receive_text())
        assert (progress["steps"], progress["return"]) == (20, 12.5)
        clip = json.loads(page.receive_text())
        assert clip["type"] == "clip" and clip["frames"] == 8 and clip["steps"] == 20
        # Not another one at once: that would take more than a few percent of the time.
        watcher.show(agent, 30, 13)
        assert json.loads(page.receive_text())["steps"] == 30
        assert len(made) == 1
        with client.websocket_connect(f"ws://{HOST}/{TOKEN}/watch") as other:
            assert json.loads(other.receive_text())["steps"] == 30
            assert json.loads(other.receive_text()) == clip
    wait_until(lambda: not watcher.is_watched)
    watcher._next_clip = 0.0
    watcher.show(agent, 40, 14)
    assert len(made) == 1


def wait_until(condition):
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen within five seconds")


# Training.


def test_watching_changes_nothing(monkeypatch):
    """Also while a page is open, which it is from the beginning here."""
    shown, opened = [], []
    monkeypatch.setattr(Watcher, "is_watched", True)
    monkeypatch.setattr(
        Lanes,
        "play",
        lambda self, agent, play=Lanes.play: shown.append(agent) or play(self, agent),
    )
    monkeypatch.setattr("webbrowser.open", opened.append)
    watched = train(Walk(), CartPole(), 0, 200, watch=True)
    alone = train(Walk(), CartPole(), 0, 200)
    assert_equal(watched, alone)
    assert shown
    (url,) = opened
    assert url.startswith("http://127.0.0.1:") and len(url.split("/")[3]) > 20


def test_watching_is_refused_within_a_program():
    with pytest.raises(ValueError, match="`watch` works only outside"):
        jax.jit(lambda key: train(Walk(), CartPole(), key, 20, watch=True).metrics)(
            jr.key(0)
        )


def test_a_title_and_a_speed_that_are_registered():
    watcher = Watcher(TimeLimit(eqenvs.make("Breakout-MinAtar"), 9), num_steps=1)
    assert watcher._about["title"] == "Breakout"
    facts = eqenvs.spec("Breakout-MinAtar")
    assert watcher._about["framesPerSecond"] == facts.frames_per_second


# The page, in a real browser.

DESKTOP, PHONE = (1280, 800), (390, 844)


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium (apt-get install chromium)")
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="there is no playwright (pip install playwright)"
    )
    with playwright.sync_playwright() as driver:
        flags = ["--headless", "--no-sandbox", "--disable-gpu"]
        browser = driver.chromium.launch(executable_path=chromium, args=flags)
        yield browser
        browser.close()


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_page_shows_the_lanes_while_training_goes_on(browser, watcher, size):
    problems = []
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("websocket", lambda opened: check(opened.url))
    page.on("request", lambda request: check(request.url))

    def check(url):
        allowed = (watcher.url, watcher.url.replace("http", "ws", 1), "data:", "blob:")
        if not url.startswith(allowed):
            problems.append(url)

    def until(expression):
        # The page lets nobody evaluate strings in it: `wait_for_function` cannot.
        for _ in range(400):
            if page.evaluate(expression):
                return
            page.wait_for_timeout(25)
        raise TimeoutError(expression)

    def pictures():
        return page.evaluate("pictures.map(({ canvas }) => canvas.toDataURL())")

    with watcher:
        page.goto(watcher.url)
        page.wait_for_selector("html[data-ready]")
        wait_until(lambda: watcher.is_watched)
        watcher.show(lambda: RIGHT, 100, 9.5)
        until("pictures.length === 16 && frame > 0")
        before = pictures()
        assert page.locator("#steps").inner_text() == "100"
        assert page.locator("#return").inner_text() == "9.5"
        assert page.locator("#age").inner_text() == "100 steps"
        watcher._next_clip = 0.0
        watcher.show(lambda: LEFT, 500, 9)
        assert page.locator("#bar").get_attribute("aria-valuenow") in ("10", "50")
        until("clip.steps === 500")
        assert pictures() != before
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        small = page.locator(".card canvas").first.bounding_box()
        page.locator(".card").nth(5).click()
        assert page.locator(".card").count() == 1
        assert "lane 5" in page.locator(".card").inner_text()
        large = page.locator(".card canvas").bounding_box()
        assert large["width"] > 1.5 * small["width"]
        page.keyboard.press("Escape")
        assert page.locator(".card").count() == 16
    until("training.isOver")
    assert "ended" in page.locator("#about").inner_text()
    page.close()
    assert problems == []
