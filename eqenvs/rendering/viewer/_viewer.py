"""One HTML file that replays a rollout, drawn from scenes."""

import functools as ft
import html
import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from ..._files import write_safely
from .. import _font
from .._recording import as_path, record_all
from ._pack import pack_recording, Packer


_HERE = pathlib.Path(__file__).parent


class Viewer:
    """A page that replays what happened in an environment.

    It is one HTML file that needs no network. It opens in any browser, and displays
    itself in Jupyter, Colab and VS Code. It holds scenes rather than frames, so it is
    small, and sharp at any size.

    ```python
    rollout = eqenvs.rollout(env, policy, key, num_envs=16, states=True)
    eqenvs.Viewer(env, rollout)                  # in a notebook
    eqenvs.Viewer(env, rollout).save("cartpole.html")
    eqenvs.Viewer(env, {"random": one, "trained": other})    # side by side
    eqenvs.Viewer(env, states)                   # a list of states, from your own loop
    ```
    """

    def __init__(
        self,
        env: Any,
        rollout: Any,
        *,
        title: str | None = None,
        names: Sequence[str] | None = None,
        value: Any = None,
        policies: bool = False,
        frames_per_second: int | float = 30,
        most_lanes: int = 64,
    ):
        """**Arguments:**

        - `env`: the environment that was played, or a batch of them over the lanes.
        - `rollout`: one of these.
            - The result of [`eqenvs.rollout`][] with `states=True`, or its trajectory;
                one lane or many.
            - A list of states, or states stacked along a leading axis for time, with or
                without a second axis for lanes.
            - A dictionary of these; its keys name the policies, which are shown side by
                side.
        - `title`: the heading; by default, the name of the environment's class.
        - `names`: with `policies=True`, a name for each of them.
        - `value`: an agent's value estimate at each step, an array with the shape of
            the rewards, which is plotted like them; or a dictionary of such arrays.
        - `policies`: whether every array in `rollout` has an additional first axis for
            the policies of a population.
        - `frames_per_second`: the number of steps per second at normal speed.
        - `most_lanes`: the largest number of lanes to keep; the page says if there were
            more.

        **Raises:**

        `TypeError` or `ValueError` if an argument does not match this description, or
        `rollout` has no states.
        """
        if not frames_per_second > 0:
            raise ValueError(
                f"frames_per_second must be positive; got {frames_per_second!r}."
            )
        self.recordings = record_all(
            env,
            rollout,
            names=names,
            value=value,
            policies=policies,
            most_lanes=most_lanes,
        )
        self.title = _name_of(env) if title is None else title
        self.frames_per_second = frames_per_second

    def to_html(self) -> str:
        """Returns the page.

        **Returns:**

        A complete HTML document, which loads nothing else.
        """
        return self._html

    @ft.cached_property
    def _html(self) -> str:
        packer = Packer()
        data = {
            "title": self.title,
            "framesPerSecond": self.frames_per_second,
            "font": font_data(),
            "groups": [
                {"name": name, **pack_recording(packer, recording)}
                for name, recording in self.recordings.items()
            ],
        }
        return fill(
            read_asset("page.html"),
            title=html.escape(self.title),
            css=read_asset("viewer.css"),
            # A `<` could end the element that holds the data.
            data=json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"),
            recording=packer.to_base64(),
            scene_js=read_asset("scene.js"),
            page_js=read_asset("page.js"),
            viewer_js=read_asset("viewer.js"),
        )

    def save(self, path: str | os.PathLike[str]) -> pathlib.Path:
        """Writes the page to a file, whole or not at all.

        **Arguments:**

        - `path`: the file; its name should end in `.html`. An existing one is replaced.

        **Returns:**

        The path.

        **Raises:**

        `OSError` if it cannot be written; `ValueError` if its name ends in that of
        another format, such as `.gif`.
        """
        path = as_path(path, ".html")
        write_safely(path, self.to_html().encode())
        return path

    def _repr_html_(self) -> str:
        # In a frame, neither page can affect the style of the other.
        source = html.escape(self.to_html(), quote=True)
        return (
            f'<iframe srcdoc="{source}" title="{html.escape(self.title, quote=True)}" '
            'style="width:100%;height:560px;border:1px solid #8884;border-radius:8px" '
            'loading="lazy" allowfullscreen></iframe>'
        )


def _name_of(env: Any) -> str:
    # Wrappers and vector environments hold the inner environment in this field.
    while hasattr(env, "env"):
        env = env.env
    return type(env).__name__


def read_asset(name: str) -> str:
    """One of the files beside this one."""
    return (_HERE / name).read_text(encoding="utf-8")


def fill(page: str, **contents: str) -> str:
    """Replaces the `{{names}}` in a page, each once, in the order given."""
    pieces = []
    for key, content in contents.items():
        before, page = page.split("{{" + key + "}}")
        pieces += [before, content]
    return "".join([*pieces, page])


def font_data() -> dict[str, Any]:
    """The font, as `scene.js` needs it."""
    return {
        "capitalHeight": _font.CAPITAL_HEIGHT,
        "advance": _font.ADVANCE,
        "width": _font.WIDTH,
        "middle": _font.MIDDLE,
        "stroke": _font.STROKE,
        "strokes": _font.STROKES,
    }
