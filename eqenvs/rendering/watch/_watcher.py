"""Serves the page while an agent trains, without slowing training down.

Between two pieces of training, the current policy plays a few lanes for a few more
steps, which the page shows until the next piece arrives. The slower this is, the less
often it happens, so it takes at most a few percent of the time, and none while no page
is open. The server runs in its own thread and admits the same requests as `eqenvs
play`: see `play/_server.py`.
"""

import asyncio
import contextlib
import json
import math
import secrets
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..._registry import EnvironmentSpec, registered, spec
from ...wrappers import AbstractWrapper
from ..play._server import (
    listen,
    make_site,
    new_server,
    WebSocket,
    WebSocketDisconnect,
)
from ..viewer._pack import pack_scenes, Packer
from ..viewer._viewer import fill, font_data, read_asset
from ._lanes import Lanes


_HERE = Path(__file__).parent
_MOST_LANES = 16
_CLIP_SECONDS = 2.0  # of play, sent in one message
_SHARE = 0.03  # of the training time, at most
_MOST_WAITING = 8  # messages queued for a page that is too slow
_MOST_POINTS = 400  # of the learning curve that a new page gets


class Watcher:
    """Shows the current policy on a local page while an agent trains.

    ```python
    with Watcher(env, num_steps=500_000) as watcher:
        ...
        watcher.show(lambda: agent, steps=4096, mean_return=21.5)
    ```
    """

    def __init__(
        self,
        env: Any,
        *,
        num_steps: int,
        title: str = "",
        frames_per_second: float | int | None = None,
        browser: bool = True,
    ):
        """**Arguments:**

        - `env`: the environment, or a batch of them; it must have a picture.
        - `num_steps`: the total number of training steps.
        - `title`: the heading of the page; by default the environment's class.
        - `frames_per_second`: the number of steps the page shows per second; by default
            the number registered for the environment.
        - `browser`: whether to open the page in a browser.

        **Raises:**

        `NotImplementedError` if the environment has no picture.
        """
        cls = _innermost_class(env)
        if frames_per_second is None:
            frames_per_second = _frames_per_second(cls)
        clip_steps = max(int(_CLIP_SECONDS * frames_per_second), 1)
        self._lanes = Lanes(env, _MOST_LANES, clip_steps)
        self._about = {
            "type": "start",
            "title": title or cls.__name__,
            "framesPerSecond": frames_per_second,
            "lanes": self._lanes.envs.num_envs,
            "numSteps": num_steps,
        }
        self._browser = browser
        self._curve: list[tuple[int, float | None]] = []
        self._last_clip: str | None = None
        self._next_clip = 0.0
        self._is_compiled = False
        self._started_at = time.perf_counter()
        self._pages: set[asyncio.Queue[str | None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_up = threading.Event()
        self.url = ""

    def __enter__(self) -> "Watcher":
        self._listener = listen(0)
        port = self._listener.getsockname()[1]
        token = secrets.token_urlsafe(24)
        self.url = f"http://127.0.0.1:{port}/{token}/"
        self._server = new_server(make_app(self, token=token, port=port))
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._listener]}, daemon=True
        )
        self._thread.start()
        self._is_up.wait(timeout=10)
        print(f"Watch at {self.url}", file=sys.stderr, flush=True)
        if self._browser:
            webbrowser.open(self.url)
        return self

    def __exit__(self, *exception: Any) -> None:
        self._send({"type": "end"}, None)
        self._server.should_exit = True
        self._thread.join(timeout=5)
        self._listener.close()

    @property
    def is_watched(self) -> bool:
        """Whether a page is open."""
        return bool(self._pages)

    def show(
        self, agent: Callable[[], Any], steps: int, mean_return: float | int
    ) -> None:
        """Shows the progress of training and, from time to time, the agent at play.

        **Arguments:**

        - `agent`: returns the current policy; called only when the policy is shown.
        - `steps`: the number of steps so far.
        - `mean_return`: the mean return of the last episodes; NaN if there are none.
        """
        point = (steps, float(mean_return) if math.isfinite(mean_return) else None)
        self._remember(point)
        if not self.is_watched:
            return
        self._send({"type": "progress", **self._progress()})
        begin = time.perf_counter()
        if begin < self._next_clip:
            return
        self._last_clip = _write({"type": "clip", **self._clip(agent())})
        self._send(self._last_clip)
        now = time.perf_counter()
        # The first call also compiled.
        wait = (now - begin) / _SHARE if self._is_compiled else 0.0
        self._next_clip = now + max(wait - (now - begin), 0.8 * _CLIP_SECONDS)
        self._is_compiled = True

    def _remember(self, point: tuple[int, float | None]) -> None:
        self._curve.append(point)
        if len(self._curve) > 2 * _MOST_POINTS:
            self._curve = self._curve[::2]

    def _progress(self) -> dict[str, Any]:
        steps, mean_return = self._curve[-1] if self._curve else (0, None)
        seconds = time.perf_counter() - self._started_at
        return {"steps": steps, "return": mean_return, "seconds": seconds}

    def _clip(self, agent: Any) -> dict[str, Any]:
        played = self._lanes.play(agent)
        packer = Packer()
        # In the order in which `watch.js` reads them.
        scene = pack_scenes(packer, played.scenes)
        ended = packer.add(played.ended)
        returns = packer.add(played.episode_return)
        return {
            "frames": self._lanes.num_steps,
            "steps": self._curve[-1][0],
            "scene": scene,
            "ended": ended,
            "return": returns,
            "recording": packer.to_base64(level=1),
        }

    # Called by the server, in its own thread.

    def _send(self, *messages: Any) -> None:
        texts = [x if x is None or isinstance(x, str) else _write(x) for x in messages]

        def put() -> None:
            for page in self._pages:
                for text in texts:
                    # A page that does not keep up misses messages.
                    with contextlib.suppress(asyncio.QueueFull):
                        page.put_nowait(text)

        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(put)

    async def serve_page(self, socket: WebSocket) -> None:
        """Sends messages to a page until it closes or training ends."""
        await socket.accept()
        waiting: asyncio.Queue[str | None] = asyncio.Queue(_MOST_WAITING)
        first = {**self._about, **self._progress(), "curve": list(self._curve)}
        await socket.send_text(_write(first))
        if self._last_clip is not None:
            await socket.send_text(self._last_clip)
        self._pages.add(waiting)
        leaving = asyncio.create_task(_until_left(socket, waiting))
        try:
            while (text := await waiting.get()) is not None:
                await socket.send_text(text)
        except WebSocketDisconnect:
            pass
        finally:
            self._pages.discard(waiting)
            leaving.cancel()


def _innermost_class(env: Any) -> type:
    while isinstance(env, AbstractWrapper):
        env = env.env
    return type(env)


def _frames_per_second(cls: type) -> float:
    """The rate registered for a class, or the default."""
    for id in registered():
        facts = spec(id)
        # Importing all of them would take too long.
        if cls.__name__ in str(facts.entry_point) and facts.factory is cls:
            return facts.frames_per_second
    return EnvironmentSpec.frames_per_second


async def _until_left(socket: WebSocket, waiting: "asyncio.Queue[str | None]") -> None:
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await socket.receive_text()  # The page sends nothing.
    while not waiting.empty():
        waiting.get_nowait()
    waiting.put_nowait(None)


def make_app(watcher: Watcher, *, token: str, port: int) -> Any:
    """The application that serves the page.

    **Arguments:**

    - `watcher`: the watcher whose messages the page shows.
    - `token`: the token that the address must contain.
    - `port`: the port it is served on.

    **Returns:**

    An ASGI application.
    """

    def started() -> None:
        watcher._loop = asyncio.get_running_loop()
        watcher._is_up.set()

    talk = watcher.serve_page
    return make_site(_page, "watch", talk, started, token=token, port=port)


def _page(nonce: str) -> str:
    def read(name: str) -> str:
        return (_HERE / name).read_text(encoding="utf-8")

    return fill(
        read("watch.html").replace("NONCE", nonce),
        css=read_asset("viewer.css"),
        watch_css=read("watch.css"),
        font=json.dumps(font_data()),
        scene_js=read_asset("scene.js"),
        page_js=read_asset("page.js"),
        watch_js=read("watch.js"),
    )


def _write(message: Mapping[str, Any]) -> str:
    return json.dumps(message, allow_nan=False, separators=(",", ":"))
