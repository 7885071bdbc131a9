"""Playing by hand: the game, the server that nobody else may use, and the page."""

import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqenvs
from eqenvs import CartPole, Pendulum, Reacher
from eqenvs.environments.minatar import Breakout
from eqenvs.rendering.play._controls import controls_of
from eqenvs.rendering.play._session import Session
from eqenvs.rendering.play._sliders import changed, sliders_of
from eqenvs.wrappers import StickyAction

from .pictures import edited


pytest.importorskip("starlette", reason='pip install "eqenvs[play]"')

import uvicorn
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from eqenvs.rendering.play import serve
from eqenvs.rendering.play._server import make_app


PORT, TOKEN = 8123, "a-token"
HOST = f"127.0.0.1:{PORT}"


class Lean(eqx.Module):
    """An agent: it pushes to where the pole leans."""

    def __call__(self, key, observation):
        del key
        return (observation[2] > 0).astype(jnp.int32)


class Push(eqx.Module):
    """An agent: it pushes to the right."""

    def greedy(self, key, observation):
        del key, observation
        return jnp.int32(1)


def new_session(env=None, **options):
    return Session(CartPole() if env is None else env, title="CartPole-v1", **options)


@pytest.fixture
def client():
    app = make_app(lambda: new_session(agent=Lean()), token=TOKEN, port=PORT)
    with TestClient(app, base_url=f"http://{HOST}") as client:
        yield client


@pytest.fixture
def game(client):
    with client.websocket_connect(f"ws://{HOST}/{TOKEN}/game") as socket:
        yield socket


def ask(game, **message):
    game.send_text(json.dumps(message))
    return json.loads(game.receive_text())


# The server.


def test_the_page_refers_to_nothing_else(client):
    answer = client.get(f"/{TOKEN}/")
    assert answer.status_code == 200
    assert not re.findall(r"https?://|src=|@import|url\(|\{\{", answer.text)
    policy = answer.headers["content-security-policy"]
    nonce = re.search(r"script-src 'nonce-([^']+)'", policy)
    assert nonce and f'<script nonce="{nonce[1]}">' in answer.text
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert nonce[1] not in client.get(f"/{TOKEN}/").text
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path, headers, status",
    [
        (f"/{TOKEN}/", {}, 200),
        (f"/{TOKEN}/", {"host": f"localhost:{PORT}"}, 200),
        (f"/{TOKEN}/", {"origin": f"http://{HOST}"}, 200),
        (f"/{TOKEN}/", {"origin": "http://example.com"}, 403),
        (f"/{TOKEN}/", {"origin": "null"}, 403),
        (f"/{TOKEN}/", {"origin": f"http://localhost:{PORT}"}, 403),
        (f"/{TOKEN}/", {"origin": "http://127.0.0.1:1"}, 403),
        (f"/{TOKEN}/", {"host": "example.com"}, 403),
        (f"/{TOKEN}/", {"host": f"example.com:{PORT}"}, 403),
        (f"/{TOKEN}/", {"host": "127.0.0.1"}, 403),
        (f"/{TOKEN}x/", {}, 403),
        (f"/{TOKEN[:-1]}/", {}, 403),
        ("/", {}, 403),
        ("/favicon.ico", {}, 403),
        ("/é/", {}, 403),
        (f"/{TOKEN}/other", {}, 404),
    ],
)
def test_who_may_see_the_page(client, path, headers, status):
    assert client.get(path, headers=headers).status_code == status


@pytest.mark.parametrize(
    "path, headers",
    [
        ("wrong/game", {}),
        (f"{TOKEN}/game", {"origin": "http://example.com"}),
        (f"{TOKEN}/game", {"host": f"example.com:{PORT}"}),
    ],
)
def test_who_may_play(client, path, headers):
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect(f"ws://{HOST}/{path}", headers=headers),
    ):
        pass


def test_a_game(game):
    start = json.loads(game.receive_text())
    assert start["type"] == "start" and start["title"] == "CartPole-v1"
    assert start["summary"] == "Balance a pole on a cart."
    assert start["step"] == 0 and start["reward"] is None and start["ended"] == []
    view = ask(game, type="step", action=1)
    assert view["type"] == "view"
    assert (view["step"], view["reward"], view["return"]) == (1, 1, 1)
    assert view["action"] == 1 and view["scene"] != start["scene"]
    view = ask(game, type="step", action=None)
    assert view["step"] == 2 and view["action"] in (0, 1)
    answer = ask(game, type="change", path=["gravity"], value=25)
    assert answer["type"] == "changed"
    assert answer["parameters"][0]["value"] == 25
    view = ask(game, type="reset")
    assert (view["step"], view["return"], view["episode"]) == (0, 0, 2)
    ask(game, type="step", action=0)
    file = ask(game, type="download")
    assert file["name"] == "CartPole-v1-episode-2.html"
    assert file["content"].startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    "message, error",
    [
        ({"type": "step", "action": 2}, "from 0 to 1; got 2"),
        ({"type": "step", "action": 0.5}, "from 0 to 1; got 0.5"),
        ({"type": "step", "action": True}, "got True"),
        ({"type": "step", "action": "left"}, "got 'left'"),
        ({"type": "change", "path": ["gravity"], "value": "high"}, "a real number"),
        ({"type": "change", "path": ["cart_mass"], "value": -1}, "at least 0"),
        ({"type": "change", "path": ["color"], "value": 1}, "cannot be changed"),
        ({"type": "change", "path": ["integrator"], "value": 1}, "cannot be changed"),
        ({"type": "change", "path": [1], "value": 1}, "cannot be changed"),
        ({"type": "dance"}, "unknown message"),
        ([], "unknown message"),
    ],
)
def test_a_wrong_message_is_answered_and_changes_nothing(game, message, error):
    start = json.loads(game.receive_text())
    game.send_text(json.dumps(message))
    answer = json.loads(game.receive_text())
    assert answer["type"] == "error" and error in answer["message"]
    game.send_text("{")
    assert json.loads(game.receive_text())["type"] == "error"
    view = ask(game, type="step", action=0)
    assert view["step"] == start["step"] + 1


def test_every_page_has_a_game_of_its_own(client):
    address = f"ws://{HOST}/{TOKEN}/game"
    with client.websocket_connect(address) as one:
        one.receive_text()
        ask(one, type="step", action=0)
        with client.websocket_connect(address) as other:
            assert json.loads(other.receive_text())["step"] == 0
        assert ask(one, type="step", action=0)["step"] == 2


# The game.


def test_a_session_plays_what_the_environment_does():
    env = CartPole()
    session = new_session(env)
    state = session.state
    session.step(1)
    # CartPole's transition draws nothing.
    expected = env.advance(eqenvs.random.key(0), state, 1)
    np.testing.assert_array_equal(session.state.x_dot, expected.state.x_dot)


def test_a_slider_changes_the_dynamics_and_not_the_state():
    session = new_session()
    before = session.state
    fresh = changed(session.env, ["force"], 30.0)
    session.change(["force"], 30)
    assert session.state is before
    session.step(1)
    expected = fresh.advance(eqenvs.random.key(0), before, 1)
    np.testing.assert_array_equal(session.state.x_dot, expected.state.x_dot)
    usual = CartPole().advance(eqenvs.random.key(0), before, 1)
    assert session.state.x_dot > 2 * usual.state.x_dot


def test_a_slider_compiles_nothing():
    session = new_session()
    session.step(0)
    # Once, for what checks the numbers.
    session.change(["gravity"], 5)
    session.step(1)
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, _, **__: compiled.append(event)
    )
    try:
        for value in (1, 2.5, 30):
            session.change(["gravity"], value)
            session.step(1)
    finally:
        jax.monitoring.clear_event_listeners()
    assert [event for event in compiled if "compile" in event] == []


def test_an_episode_ends_once():
    session = new_session()
    while not session.ended:
        view = session.step(0)
    assert view["ended"] == ["terminated"] and 5 < view["step"] < 20
    assert view["return"] == view["step"]
    assert session.step(0) == view
    assert session.reset()["ended"] == []
    session.change(["max_steps"], 1)
    assert session.step(0)["ended"] == ["truncated"]


def test_games_with_one_seed_are_the_same():
    def play(seed):
        session = new_session(seed=seed)
        session.step(0)
        session.reset()
        return session.view()["scene"]

    assert play(1) == play(1) != play(2)


class Count(eqx.Module):
    """An agent with a memory: it pushes to the right in its first two steps."""

    initial_carry: Any = eqx.field(default_factory=lambda: jnp.int32(0))

    def __call__(self, key, observation, carry):
        return (carry < 2).astype(jnp.int32), carry + 1


def test_the_memory_of_an_agent_follows_the_game():
    session = new_session(agent=Count())
    assert [session.step(None)["action"] for _ in range(3)] == [1, 1, 0]
    session.reset()
    assert session.step(0)["action"] == 0  # A person's step counts as well.
    assert [session.step(None)["action"] for _ in range(2)] == [1, 0]


def test_the_agent_acts_on_what_it_sees():
    session = new_session(agent=Lean())
    for _ in range(5):
        leans = session.state.theta > 0
        assert session.step(None)["action"] == leans
    with pytest.raises(ValueError, match="no agent"):
        new_session().step(None)


def test_the_downloaded_episode_is_what_was_seen():
    session = new_session()
    seen = [session.view()["scene"]]
    for action in (0, 1, 1):
        seen.append(session.step(action)["scene"])
        session.change(["pole_half_length"], 1.0)
        seen[-1] = session.view()["scene"]
    page = session.viewer_file()
    data = re.search(r'id="data">(.*?)</script>', page, re.S)
    assert data is not None
    group = json.loads(data[1])["groups"][0]
    assert (group["frames"], group["lanes"]) == (4, 1)
    values = {p["name"]: p["value"] for p in group["parameters"]}
    assert values["pole_half_length"] == 1
    # Every frame has the parameters with which it was drawn.
    assert seen[0]["shapes"][-2] != seen[1]["shapes"][-2]
    frames = list(session._frames)
    assert [frame.action for frame in frames[1:]] == [0, 1, 1]


def test_only_the_end_of_a_very_long_episode_is_kept(monkeypatch):
    monkeypatch.setattr("eqenvs.rendering.play._session._MOST_FRAMES", 2)
    session = new_session()
    for action in (0, 1, 0):
        session.step(action)
    page = session.viewer_file()
    assert "<title>CartPole-v1, the last 2 steps</title>" in page


# Sliders.


def test_sliders_come_from_the_fields():
    sliders = {".".join(s["path"]): s for s in sliders_of(CartPole())}
    gravity = sliders["gravity"]
    assert gravity["description"] == "Acceleration due to gravity."
    assert (gravity["unit"], gravity["value"]) == ("m/s²", 9.8)
    assert gravity["low"] == 0 and gravity["high"] == 29.4
    assert sliders["max_steps"]["step"] == 1 and sliders["max_steps"]["low"] == 1
    assert "step" not in sliders["integrator"]
    wrapped = {".".join(s["path"]): s for s in sliders_of(StickyAction(CartPole()))}
    assert "env.gravity" in wrapped
    sticky = wrapped["probability"]
    assert (sticky["low"], sticky["high"]) == (0, 1)


def test_a_task_without_a_time_limit_has_no_slider_for_it():
    [limit] = [
        slider
        for slider in sliders_of(eqenvs.make("Blackjack-v1"))
        if slider["path"] == ["max_steps"]
    ]
    assert limit["value"] == "no limit" and "step" not in limit


def describe(env):
    shapes = [(x.shape, x.dtype, x.weak_type) for x in jax.tree.leaves(env)]
    return jax.tree.structure(env), shapes


@pytest.mark.parametrize("id", eqenvs.registered())
def test_what_a_slider_can_have_is_allowed(id):
    if id == "MNISTBandit-bsuite":
        pytest.skip("needs the images")
    env = eqenvs.make(id)
    for slider in sliders_of(env):
        if "step" not in slider:
            continue
        assert slider["low"] < slider["high"] and slider["step"] > 0
        assert slider["low"] <= slider["value"] <= slider["high"]
        described = env
        for name in slider["path"][:-1]:
            described = getattr(described, name)
        name = slider["path"][-1]
        parameter = type(described).__dataclass_fields__[name].metadata["converter"]
        for end in ("low", "high"):
            number = slider[end]
            parameter(int(number) if isinstance(slider["value"], int) else number)
        other = changed(env, slider["path"], slider["value"])
        assert describe(other) == describe(env)


def test_a_changed_environment_is_checked_and_has_the_same_structure():
    env = StickyAction(CartPole())
    other = changed(env, ["env", "gravity"], 3)
    assert other.env.gravity == 3 and env.env.gravity == CartPole().gravity
    assert jax.tree.structure(other) == jax.tree.structure(env)
    with pytest.raises(ValueError, match="no parameter 'grvity'"):
        changed(env, ["env", "grvity"], 3)


# Controls.


def keys_of(env):
    controls = controls_of(env)
    return {b["action"]: (b["name"], b["keys"][0]) for b in controls.buttons}


def test_keys():
    assert keys_of(CartPole()) == {0: ("left", "ArrowLeft"), 1: ("right", "ArrowRight")}
    assert controls_of(CartPole()).idle == [0, 1]
    assert keys_of(Breakout())[1] == ("left", "ArrowLeft")
    assert controls_of(Breakout()).idle == [0]
    six = keys_of(Breakout(minimal_actions=False))
    assert six[3] == ("right", "ArrowRight") and six[5] == ("fire", " ")
    lake = keys_of(eqenvs.make("FrozenLake-misc"))
    assert lake[3] == ("up", "ArrowUp") and lake[1] == ("down", "ArrowDown")
    assert controls_of(eqenvs.make("FrozenLake-misc")).idle == []
    arms = keys_of(eqenvs.make("DiscountingChain-bsuite"))
    assert arms[4] == ("4", "4")
    assert keys_of(StickyAction(CartPole())) == keys_of(CartPole())
    taxi = keys_of(eqenvs.make("Taxi-v4"))
    assert taxi[0] == ("down", "ArrowDown") and taxi[3] == ("left", "ArrowLeft")
    assert taxi[4] == ("pick up", "e") and taxi[5] == ("drop off", "q")
    assert keys_of(eqenvs.make("Blackjack-v1"))[1] == ("hit", "ArrowRight")


# What a key does: which number of the state it moves, and whether up.
MOVES = {
    "CartPole-bsuite": ("ArrowRight", "x_dot", 1),
    "CartPoleSwingUp-bsuite": ("ArrowLeft", "x_dot", -1),
    "MountainCar-bsuite": ("ArrowRight", "velocity", 1),
    "MountainCar-v0": ("ArrowRight", "velocity", 1),
    "CliffWalking-v1": ("ArrowUp", "row", -1),
    "Taxi-v4": ("ArrowDown", "row", 1),
}


@pytest.mark.parametrize("id", MOVES)
def test_a_key_does_what_it_says(id):
    key, name, sign = MOVES[id]
    env = eqenvs.make(id)
    (action,) = (b["action"] for b in controls_of(env).buttons if key in b["keys"])
    state = env.initial_state(eqenvs.random.key(0))
    if hasattr(state, "row"):
        state = edited(state, row=2)
    after = env.advance(eqenvs.random.key(1), state, action).state
    assert np.sign(getattr(after, name) - getattr(state, name)) == sign


def test_continuous_actions():
    controls = controls_of(Pendulum())
    assert (controls.low, controls.high, controls.idle) == (-2, 2, [0])
    assert controls.to_array(0.5).shape == (1,)
    assert controls.to_array(1) == 1
    with pytest.raises(ValueError, match="finite"):
        controls.to_array(float("nan"))
    with pytest.raises(ValueError, match="a person can play"):
        controls_of(Reacher())


# The command.


def test_a_port_that_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"cannot listen on port {port}"):
            serve(CartPole(), port=port, browser=False)
    for port in (-1, 2**16):
        with pytest.raises(ValueError, match="from 0 to 65535"):
            serve(CartPole(), port=port, browser=False)


MINE = '''
import jax.numpy as jnp
from jaxtyping import Array, Float, Int32

from eqenvs import AbstractEnvironment, AbstractState, Transition, spaces
from eqenvs.fields import real, time_limit
from eqenvs.rendering import Disc, Scene


class Here(AbstractState):
    x: Float[Array, ""]
    time: Int32[Array, ""]


class Line(AbstractEnvironment):
    """Walk along a line."""

    action_names = ("left", "stay", "right")
    stride: Float[Array, ""] = real(0.5, "Length of a step.")
    max_steps: Int32[Array, ""] = time_limit(20)

    def initial_state(self, key):
        return Here(jnp.zeros(()), jnp.int32(0))

    def transition(self, key, state, action):
        x = state.x + self.stride * (action - 1).astype(state.x.dtype)
        return Transition(Here(x, state.time + 1), x)

    def observe(self, state):
        return state.x

    @property
    def action_space(self):
        return spaces.Discrete(3)

    @property
    def observation_space(self):
        return spaces.Box(-jnp.inf, jnp.inf, ())

    def draw(self, state):
        return Scene((Disc((state.x, 0), 0.2, (0, 0, 1)),), view=(-3, -1, 3, 1))
'''


def start_command(*arguments, cwd=None):
    from tests.cli.test_cli import VARIABLES

    return subprocess.Popen(
        [sys.executable, "-m", "eqenvs", "play", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env=VARIABLES,
    )


@pytest.mark.slow
def test_the_command_plays_an_environment_of_ones_own_until_it_is_interrupted(tmp_path):
    import signal

    (tmp_path / "mine.py").write_text(MINE)
    arguments = ("mine:Line", "--no-browser", "--parameters", "stride=0.25")
    process = start_command(*arguments, cwd=tmp_path)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert re.match(r"Playing at http://127\.0\.0\.1:\d+/[\w-]{32}/ ", line), (
        process.communicate()
    )
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, output) == (0, "Stopped.\n")
    assert errors == "Compiling ...\n"


def test_the_environment_of_a_saved_agent(tmp_path):
    from eqenvs.agents import PPO
    from eqenvs.cli.play import Play

    ppo = PPO(num_envs=2, rollout_steps=4, num_minibatches=1, num_epochs=1)
    notes = {"id": "CartPole-v1"}
    ppo.train(CartPole(force=7.0), 0, 8, folder=tmp_path, notes=notes)
    play = Play(agent=tmp_path, parameters=("gravity=3",))
    facts, env, agent = play._environment()
    assert (facts.id, facts.frames_per_second) == ("CartPole-v1", 50)
    assert (env.force, env.gravity) == (7, 3)
    session = new_session(env, agent=agent)
    assert session.step(None)["step"] == 1
    with pytest.raises(ValueError, match="trained in CartPole-v1, not in Acrobot-v1"):
        Play(id="Acrobot-v1", agent=tmp_path)._environment()
    with pytest.raises(TypeError, match="Did you mean 'gravity'"):
        Play(agent=tmp_path, parameters=("grvity=3",))._environment()


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments, status, error",
    [
        ((), 2, "which environment should be played?"),
        (("CartPole-v2",), 1, "no environment with the id 'CartPole-v2'"),
        (("nowhere:Thing",), 1, "cannot be imported: No module named 'nowhere'"),
        (("Reacher-misc",), 1, "a person can play"),
        (("CartPole-v1", "--parameters", "grvity=3"), 1, "Did you mean 'gravity'?"),
        (("--agent", "nowhere"), 1, "there is no saved agent in nowhere"),
    ],
)
def test_mistakes_are_named(arguments, status, error, tmp_path):
    process = start_command(*arguments, cwd=tmp_path)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == status
    assert error in errors and "Traceback" not in errors


def test_without_the_extra_its_name_is_said():
    code = (
        "import sys; sys.modules['starlette'] = sys.modules['starlette.applications'] "
        "= None; sys.argv = ['eqenvs', 'play', 'CartPole-v1']; "
        "from eqenvs.cli import main; main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert result.returncode == 1
    assert 'pip install "eqenvs[play]"' in result.stderr
    assert "Traceback" not in result.stderr


# The page, in a real browser.


class Running:
    """A server in a thread."""

    def __init__(self, session):
        self.sessions = []

        def new():
            self.sessions.append(session())
            return self.sessions[-1]

        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        port = self.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/{TOKEN}/"
        app = make_app(new, token=TOKEN, port=port)
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
        self.server = uvicorn.Server(config)
        run = self.server.run
        self.thread = threading.Thread(target=run, kwargs={"sockets": [self.socket]})
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)

    def stop(self):
        self.server.should_exit = True
        self.thread.join(20)
        self.socket.close()


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


DESKTOP, PHONE = (1280, 800), (390, 844)


@pytest.fixture
def open_game(browser):
    """Opens a game, and checks at the end that nothing went wrong in the page."""
    problems, opened = [], []

    def open_game(env=None, size=DESKTOP, scheme="light", **options):
        server = Running(lambda: new_session(env, **options))
        page = browser.new_page(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            has_touch=size == PHONE,
            is_mobile=size == PHONE,
        )
        opened.append((page, server))
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("websocket", lambda ws: check(ws.url))
        page.on("request", lambda request: check(request.url))
        allowed = server.url.removeprefix("http")

        def check(url):
            if not url.startswith(("blob:", "data:", f"http{allowed}", f"ws{allowed}")):
                problems.append(url)

        page.goto(server.url)
        page.wait_for_selector("html[data-ready]")
        return page, server.sessions[-1]

    yield open_game
    for page, server in opened:
        page.close()
        server.stop()
    assert problems == []


def picture(page):
    return page.locator("#picture").evaluate("canvas => canvas.toDataURL()")


def until(page, expression):
    # The page lets nobody evaluate strings in it, so `wait_for_function` cannot.
    for _ in range(400):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(25)
    raise TimeoutError(expression)


def step_number(page):
    return int(page.locator("#step-number").inner_text())


in_browser = [pytest.mark.browser, pytest.mark.slow]


class TestPage:
    pytestmark = in_browser

    def test_a_key_takes_a_step_and_changes_the_picture(self, open_game):
        page, session = open_game()
        before = picture(page)
        page.locator("#mode").click()  # one step for each key press
        assert page.locator("#play").is_disabled()
        for number, key in enumerate(["ArrowRight", "ArrowLeft", "d", "0"], 1):
            page.keyboard.press(key)
            until(page, f"game.view.step === {number}")
        actions = [frame.action for frame in session._frames][1:]
        assert actions == [1, 0, 1, 0]
        assert picture(page) != before
        assert page.locator("#return").inner_text() == "4"
        page.wait_for_timeout(150)
        assert step_number(page) == 4

    def test_in_real_time_the_clock_runs_from_the_first_key_on(self, open_game):
        page, session = open_game()
        page.wait_for_timeout(150)
        assert step_number(page) == 0
        assert "first action" in page.locator("#hint").inner_text()
        page.keyboard.down("ArrowLeft")
        until(page, "game.view.ended.length > 0")
        page.keyboard.up("ArrowLeft")
        assert {frame.action for frame in session._frames if frame.action == 1} == set()
        assert page.locator("#badge").inner_text() == "terminated"
        ended_at = step_number(page)
        page.keyboard.press("ArrowLeft")
        page.wait_for_timeout(100)
        assert step_number(page) == ended_at
        page.keyboard.press("Enter")
        until(page, "game.view.episode === 2")
        assert step_number(page) == 0
        assert page.locator("#badge.shown").count() == 0

    def test_pause_and_single_steps(self, open_game):
        page, session = open_game(Pendulum())
        page.keyboard.press("p")
        until(page, "game.view.step > 2")
        page.keyboard.press("p")
        until(page, "!game.isPlaying && waiting.length === 0")
        stopped = step_number(page)
        page.wait_for_timeout(200)
        assert step_number(page) == stopped
        page.keyboard.press("n")
        until(page, f"game.view.step === {stopped + 1}")
        assert session._frames[-1].action == 0
        page.keyboard.press("ArrowRight")
        until(page, f"game.view.step === {stopped + 2}")
        assert session._frames[-1].action == 2
        page.keyboard.press("r")
        until(page, "game.view.step === 0")

    def test_a_slider_changes_the_dynamics(self, open_game):
        page, session = open_game()
        slider = page.locator("[data-parameter=gravity] [type=range]")
        slider.focus()
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        until(page, "game.about.parameters[0].value > 9.8")
        assert session.env.gravity > 9.8
        assert step_number(page) == 0  # The arrow keys were the slider's.
        number = page.locator("[data-parameter=gravity] [type=text]")
        number.fill("50")
        number.press("Enter")
        until(page, "game.about.parameters[0].value === 50")
        assert float(session.env.gravity) == 50
        number.fill("much")
        number.press("Enter")
        page.wait_for_selector("#problem:not([hidden])")
        assert "a real number" in page.locator("#problem").inner_text()
        assert number.input_value() == "50"
        page.locator(".undo-all").click()
        until(page, "game.about.parameters[0].value === 9.8")
        assert float(session.env.gravity) == pytest.approx(9.8)

    def test_a_slider_that_is_seen(self, open_game):
        page, _ = open_game()
        before = picture(page)
        number = page.locator("[data-parameter=pole_half_length] [type=text]")
        number.fill("0.7")
        number.press("Enter")
        until(page, "game.view.type === 'changed'")
        assert picture(page) != before

    def test_the_agent_takes_over_and_gives_back(self, open_game):
        page, session = open_game(agent=Push())
        page.keyboard.press("g")
        until(page, "game.view.step > 3")
        assert page.locator("#agent").get_attribute("aria-pressed") == "true"
        page.keyboard.down("ArrowLeft")
        assert page.locator("#agent").get_attribute("aria-pressed") == "false"
        until(page, "game.view.action === 0")
        page.keyboard.up("ArrowLeft")
        page.keyboard.press("p")
        actions = [frame.action for frame in session._frames][1:]
        assert actions[:4] == [1, 1, 1, 1] and 0 in actions

    def test_without_an_agent_there_is_no_button_for_it(self, open_game):
        page, _ = open_game()
        assert not page.locator("#agent").is_visible()

    def test_the_episode_is_downloaded(self, open_game, browser, tmp_path):
        page, _ = open_game()
        assert page.locator("#download").is_disabled()
        page.locator("#mode").click()
        for number in (1, 2, 3):
            page.keyboard.press("ArrowRight")
            until(page, f"game.view.step === {number}")
        with page.expect_download() as download:
            page.locator("#download").click()
        assert download.value.suggested_filename == "CartPole-v1-episode-1.html"
        path = tmp_path / "episode.html"
        download.value.save_as(path)
        viewer = browser.new_page()
        viewer.goto(path.as_uri())
        viewer.wait_for_selector("html[data-ready]")
        assert viewer.locator("#clock").inner_text() == "0 / 3"
        viewer.close()

    def test_a_phone_has_buttons_to_touch(self, open_game):
        page, session = open_game(eqenvs.make("FrozenLake-misc"), PHONE)
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        right = page.locator(".action", has_text="right")
        box, footer = right.bounding_box(), page.locator("footer").bounding_box()
        assert box["height"] >= 44 and box["y"] + box["height"] < footer["y"]
        right.tap()
        until(page, "game.view.step === 1")
        assert session._frames[-1].action == 2
        for selector in ("#reset", "#play", "#step", "#mode", "#speed", "#download"):
            box = page.locator(selector).bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= 390

    def test_a_continuous_action_has_a_lever(self, open_game):
        page, session = open_game(Pendulum(), PHONE)
        page.locator("#mode").click()
        box = page.locator("#lever").bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + box["height"] / 2)
        page.mouse.up()
        until(page, "game.view.step === 1")
        assert session._frames[-1].action == pytest.approx(1, abs=0.15)
        assert float(page.locator("#lever").input_value()) == 0

    def test_the_page_says_when_the_server_stops(self, open_game, browser):
        page, session = open_game()
        del session
        page.evaluate("socket.close()")
        page.wait_for_selector("#problem:not([hidden])")
        assert "has stopped" in page.locator("#problem").inner_text()
        assert page.locator("#reset").is_disabled()
