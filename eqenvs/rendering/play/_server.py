"""The server of the page. Only the user who started it, on this machine, can reach it.

Other pages in the same browser can send requests to this machine, too. Three things
keep them out: a random token in the address; the header Host, which must be an address
of this machine (in a "DNS rebinding" attack, it is the attacker's host name); and the
header Origin, which must be that of this page.
"""

import contextlib
import functools as ft
import hmac
import json
import re
import secrets
import socket
import sys
import webbrowser
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from ..viewer._viewer import fill, font_data, read_asset
from ._session import Session


try:
    import uvicorn
    import websockets as websockets  # which uvicorn imports when it is first needed
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import HTTPConnection, Request
    from starlette.responses import HTMLResponse, PlainTextResponse
    from starlette.routing import Route, WebSocketRoute
    from starlette.websockets import WebSocket, WebSocketDisconnect
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"this page needs the package {error.name}, which is not installed: "
        'pip install "eqenvs[play]"',
        name=error.name,
    ) from None


_HERE = Path(__file__).parent
_MOST_BYTES = 2**16  # of a message from the page


def serve(
    env: Any,
    *,
    agent: Any = None,
    seed: int = 0,
    title: str = "",
    frames_per_second: float = 15.0,
    port: int = 0,
    browser: bool = True,
) -> None:
    """Serves a page on which a person plays an environment, until interrupted.

    It listens on 127.0.0.1 only. Each time the page is loaded, a new game starts.

    **Arguments:**

    - `env`: an environment with a picture, whose actions are discrete or a single
        number. If its class has an attribute `action_names`, that names its discrete
        actions: "left", "right", "up" and "down" get the arrow keys, "fire" gets the
        space bar, and "stay" is taken while no key is held.
    - `agent`: a policy that can take over, a callable `agent(key, observation)`. If it
        has a method `greedy`, that one is used.
    - `seed`: seed for the random numbers.
    - `title`: the name to show; by default, the name of the environment's class.
    - `frames_per_second`: the number of steps per second.
    - `port`: the port to listen on; 0 for any free port.
    - `browser`: whether to open the page in a browser.

    **Raises:**

    `ModuleNotFoundError` if the extra `play` is not installed; `OSError` if the port is
    in use; `ValueError` or `NotImplementedError` if the environment cannot be played.
    """
    new_session = ft.partial(
        Session,
        env,
        agent=agent,
        seed=seed,
        title=title,
        frames_per_second=frames_per_second,
    )
    print("Compiling ...", file=sys.stderr, flush=True)
    _rehearse(new_session())
    with listen(port) as listener:
        port = listener.getsockname()[1]
        token = secrets.token_urlsafe(24)
        url = f"http://127.0.0.1:{port}/{token}/"

        def started() -> None:
            print(f"Playing at {url} (Ctrl-C stops)", flush=True)
            if browser:
                webbrowser.open(url)

        app = make_app(new_session, token=token, port=port, started=started)
        # By then, uvicorn has closed its connections.
        with contextlib.suppress(KeyboardInterrupt):
            new_server(app).run(sockets=[listener])
    print("Stopped.")


def new_server(app: Any) -> Any:
    """A server for an application, which `run(sockets=[listener])` starts."""
    config = uvicorn.Config(
        app,
        log_config=None,  # Not ours to change: there may be a training around this.
        log_level="warning",
        access_log=False,  # The token is in the address.
        server_header=False,
        ws_max_size=_MOST_BYTES,
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)


def _rehearse(session: Session) -> None:
    """Compiles what a game needs, and finds errors before there is a page."""
    buttons = session.controls.buttons
    session.step(buttons[0]["action"])
    if session.agent is not None:
        session.step(None)


def listen(port: int) -> socket.socket:
    """A socket on a port of this machine, which no other machine can reach."""
    if isinstance(port, bool) or not 0 <= port < 2**16:
        raise ValueError(f"the port must be from 0 to 65535; got {port!r}.")
    listener = socket.socket()
    if sys.platform != "win32":  # where this would let two servers share a port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise OSError(
            f"cannot listen on port {port}: {error.strerror}. Choose another port, or "
            "leave out --port to use any free one."
        ) from None
    return listener


def make_app(
    new_session: Callable[[], Session],
    *,
    token: str,
    port: int,
    started: Callable[[], None] = lambda: None,
) -> Any:
    """The application that serves the page.

    **Arguments:**

    - `new_session`: starts a game.
    - `token`: the token that the address must contain.
    - `port`: the port it is served on.
    - `started`: called when the server is ready.

    **Returns:**

    An ASGI application.
    """

    return make_site(
        _page, "game", ft.partial(_play, new_session), started, token=token, port=port
    )


def make_site(
    page: Callable[[str], str],
    name: str,
    talk: Callable[[WebSocket], Awaitable[None]],
    started: Callable[[], None],
    *,
    token: str,
    port: int,
) -> Any:
    """An application that serves one page and what it is connected to.

    **Arguments:**

    - `page`: returns the page, given the nonce of its scripts and styles.
    - `name`: the name of the web socket that the page opens.
    - `talk`: what happens at the other end of it.
    - `started`: called when the server is ready.
    - `token`, `port`: as for `make_app`.

    **Returns:**

    An ASGI application.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        del app
        started()
        yield

    async def answer(request: Request) -> HTMLResponse:
        nonce = secrets.token_urlsafe(16)
        headers = _page_headers(request.headers["host"], nonce)
        return HTMLResponse(page(nonce), headers=headers)

    routes = [
        Route("/{token}/", answer),
        WebSocketRoute(f"/{{token}}/{name}", talk),
    ]
    app = Starlette(routes=routes, lifespan=lifespan)
    return _Guard(app, token=token, port=port)


class _Guard:
    """Answers every request that does not come from the page itself with status 403."""

    def __init__(self, app: Any, *, token: str, port: int):
        self.app = app
        self.token = token.encode()
        self.hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan" or self._is_ours(HTTPConnection(scope)):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            # Closing before accepting sends status 403.
            await WebSocket(scope, receive, send).close()
        else:
            refusal = PlainTextResponse(
                "403: open the address that eqenvs printed.\n", status_code=403
            )
            await refusal(scope, receive, send)

    def _is_ours(self, connection: HTTPConnection) -> bool:
        headers = connection.headers
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        path = connection.scope["path"]
        token = path.removeprefix("/").partition("/")[0].encode()
        return (
            len(hosts) == 1
            and hosts[0] in self.hosts
            # Browsers send the origin wherever it matters; other programs need not.
            and all(origin == f"http://{hosts[0]}" for origin in origins)
            and hmac.compare_digest(token, self.token)
        )


def _page(nonce: str) -> str:
    def read(name: str) -> str:
        return (_HERE / name).read_text(encoding="utf-8")

    return fill(
        read("play.html").replace("NONCE", nonce),
        css=read_asset("viewer.css"),
        play_css=read("play.css"),
        font=json.dumps(font_data()),
        scene_js=read_asset("scene.js"),
        page_js=read_asset("page.js"),
        play_js=read("play.js"),
    )


def _page_headers(host: str, nonce: str) -> dict[str, str]:
    policy = {
        "default-src": "'none'",
        "script-src": f"'nonce-{nonce}'",
        "style-src": f"'nonce-{nonce}'",
        "img-src": "data:",
        "connect-src": f"ws://{host}",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{k} {v}" for k, v in policy.items()),
        "Cache-Control": "no-store",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


async def _play(new_session: Callable[[], Session], socket: WebSocket) -> None:
    """One game, from loading the page to leaving it."""
    await socket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        session = await run_in_threadpool(new_session)
        first = {"type": "start", **session.about(), **session.view()}
        await socket.send_text(_write(first))
        while True:
            message = await socket.receive_text()
            answer = await run_in_threadpool(_answer, session, message)
            await socket.send_text(_write(answer))


def _write(answer: dict[str, Any]) -> str:
    return json.dumps(answer, allow_nan=False, separators=(",", ":"))


def _answer(session: Session, message: str) -> dict[str, Any]:
    """The answer to any message from the page."""
    try:
        match json.loads(message):
            case {"type": "step", "action": action}:
                return {"type": "view", **session.step(action)}
            case {"type": "reset"}:
                return {"type": "view", **session.reset()}
            case {"type": "change", "path": [*path], "value": value}:
                view = session.change([str(x) for x in path], value)
                about = session.about()
                return {
                    "type": "changed",
                    "parameters": about["parameters"],
                    "controls": about["controls"],
                    **view,
                }
            case {"type": "download"}:
                name = re.sub(r"[^\w.-]+", "-", session.title).strip("-") or "episode"
                return {
                    "type": "file",
                    "name": f"{name}-episode-{session.episode}.html",
                    "content": session.viewer_file(),
                }
        return {"type": "error", "message": "unknown message."}
    except Exception as error:  # The author of an environment wants to see them all.
        text = " ".join(str(error).split()) or type(error).__name__
        return {"type": "error", "message": text}
