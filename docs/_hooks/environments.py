"""Makes a page for every registered environment, the gallery, and the picture wall.

Everything on these pages is written somewhere else: in the docstrings of an
environment's class and module, in its described fields, in its facts, in the tests of
gymnax's departures and in `benchmarks/results/`.
"""

import collections
import dataclasses
import functools as ft
import html
import inspect
import json
import pathlib
import re
import sys
import types
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files


ROOT = pathlib.Path(__file__).parent.parent.parent
for _folder in (ROOT, ROOT / "docs" / "_hooks"):
    if str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))

import fidelity  # noqa: E402
from results import folded, number, originals, results  # noqa: E402

import eqenvs  # noqa: E402
from eqenvs._environment import is_no_limit, NO_LIMIT  # noqa: E402
from eqenvs._parametric import described_fields  # noqa: E402
from eqenvs.rendering import rasterize, Scene, Text  # noqa: E402
from eqenvs.rendering.viewer._pack import pack_scenes, Packer  # noqa: E402
from eqenvs.rendering.viewer._viewer import font_data, read_asset  # noqa: E402


PICTURES = ROOT / "docs" / "pictures"
# Steps of random play before the picture is taken, so that something has happened.
NUM_STEPS = 150
# The heading of a column of sentences, which `site.css` keeps wide enough.
MEANING = '<span class="meaning">meaning</span>'
STEPS = {"classic control": 12, "MinAtar": 25, "arcade": 12, "mazes": 6}


def on_config(config: MkDocsConfig) -> None:
    families: dict[str, list[Any]] = {}
    for page in pages():
        families.setdefault(page.spec.family, []).append({page.id: page.path})
    for entry in config.nav or []:
        if "Environments" in entry:
            entry["Environments"] += [
                {title(family): entries} for family, entries in families.items()
            ]


def on_files(files: Files, config: MkDocsConfig) -> None:
    for page in pages():
        files.append(File.generated(config, page.path, content=page.markdown))
        if page.svg is not None:
            files.append(File.generated(config, page.picture, content=page.svg))
        if page.viewer is not None:
            path = f"viewers/{page.id}.html"
            files.append(File.generated(config, path, content=page.viewer.to_html()))
    files.append(File.generated(config, "assets/wall.json", content=wall_scenes()))
    scene_js = read_asset("scene.js")
    files.append(File.generated(config, "assets/scene.js", content=scene_js))


def on_page_markdown(markdown: str, **_: Any) -> str:
    for name, make in (("gallery", gallery), ("wall", wall)):
        marker = f"<!-- {name} -->"
        if marker in markdown:
            depth = "../" if name == "gallery" else ""
            markdown = markdown.replace(marker, make(depth))
    return markdown


def title(family: str) -> str:
    """A family's name as a heading."""
    return family if family == "bsuite" else family[:1].upper() + family[1:]


@dataclasses.dataclass(frozen=True)
class Page:
    """The page of a registered environment."""

    id: str

    @property
    def path(self) -> str:
        return f"environments/{self.id}.md"

    @property
    def spec(self) -> eqenvs.EnvironmentSpec:
        return eqenvs.spec(self.id)

    @ft.cached_property
    def cls(self) -> type:
        factory = self.spec.factory
        return factory if isinstance(factory, type) else type(self.env)

    @ft.cached_property
    def env(self) -> Any:
        if "images" in inspect.signature(self.spec.factory).parameters:
            # Those of its data set would be downloaded. Digits drawn here will do.
            return self.spec.make(images=digits(), labels=range(10))
        return self.spec.make()

    # What is written elsewhere.

    @property
    def module_doc(self) -> list[str]:
        """The paragraphs of the module's docstring, without its deviations."""
        doc, _ = fidelity.parts(sys.modules[self.cls.__module__])
        return re.split(r"\n\s*\n", doc)

    @property
    def lead(self) -> str:
        """What the environment is, in a sentence."""
        _, _, text = " ".join(self.module_doc[0].split()).partition(": ")
        return text[:1].upper() + text[1:] if text else self.spec.summary

    @property
    def source(self) -> str:
        """Where it comes from, as a paragraph."""
        text = self.module_doc[1] if len(self.module_doc) > 1 else ""
        if text.rstrip().endswith(":"):
            sentences = re.split(r"(?<=[.)]) (?=[A-Z])", " ".join(text.split()))
            whole = [s for s in sentences if not s.endswith(":")]
            text = " ".join(whole) or text.rstrip()[:-1] + "."
        return text

    @property
    def rules(self) -> str:
        """The rest of the module's docstring."""
        return "\n\n".join(self.module_doc[2:])

    @property
    def sections(self) -> dict[str, str]:
        """The sections of the class's docstring, by name; what precedes them is under
        the empty name."""
        doc = inspect.cleandoc(self.cls.__doc__ or "")
        parts = re.split(r"^\*\*([A-Z][\w ]*):\*\*", doc, flags=re.MULTILINE)
        sections = {"": parts[0].strip()}
        for name, text in zip(parts[1::2], parts[2::2], strict=True):
            text = text.strip()
            sections[name] = text[:1].upper() + text[1:]
        return sections

    @property
    def action_kind(self) -> str:
        return kind(self.env.action_space, {"vector": "continuous"})

    @property
    def observation_kind(self) -> str:
        return kind(self.env.observation_space, {})

    # The picture.

    @ft.cached_property
    def recorded(self) -> str | None:
        """A picture that was made before, if there is one."""
        for suffix in ("webp", "gif", "svg", "png"):
            if (PICTURES / f"{self.id}.{suffix}").exists():
                return f"pictures/{self.id}.{suffix}"
        return None

    @ft.cached_property
    def trained(self) -> Any:
        """The trained agent that comes with the library, if there is one."""
        agents = eqenvs.agents
        return agents.load(self.id) if self.id in agents.pretrained() else None

    @property
    def is_exact(self) -> bool:
        """Whether that agent was not trained, but computed from the transitions."""
        return self.trained is not None and self.trained.algorithm is None

    @property
    def agent(self) -> str:
        """What that agent is called."""
        return "optimal policy" if self.is_exact else "trained agent"

    @property
    def policy(self) -> Any:
        """What plays in the pictures; `None` for random actions."""
        if self.trained is not None:
            return getattr(self.trained.agent, "greedy", self.trained.agent)
        return nearest_digit if self.cls is eqenvs.MNISTBandit else None

    @property
    def player(self) -> str:
        """What plays in the pictures, in words."""
        if self.trained is not None:
            return f"the {self.agent}"
        return "a random policy" if self.policy is None else "a hand-written policy"

    @ft.cached_property
    def play(self) -> Any:
        """Three lanes of the policy; `None` if the environment has no picture."""
        _, state = self.env.reset(jr.key(0))
        try:
            jax.eval_shape(self.env.draw, state)
        except NotImplementedError:
            return None
        return eqenvs.rollout(
            self.env, self.policy, 0, num_steps=NUM_STEPS, num_envs=3, states=True
        )

    @ft.cached_property
    def svg(self) -> str | None:
        """The picture after a few steps."""
        if self.recorded is not None or self.play is None:
            return None
        time = STEPS.get(self.spec.family, 2)
        states = self.play.trajectory.state
        scene = self.env.draw(jax.tree.map(lambda x: x[time, 0], states))
        return eqenvs.rendering.to_svg(square(jax.device_get(scene)), size=320)

    @ft.cached_property
    def viewer(self) -> Any:
        """The viewer of what was played; `None` if the environment has no picture."""
        if self.play is None:
            return None
        return eqenvs.rendering.Viewer(
            self.env,
            self.play,
            title=self.id,
            frames_per_second=self.spec.frames_per_second,
        )

    @property
    def picture(self) -> str | None:
        """Where the picture is, from the root of the site."""
        if self.recorded is not None:
            return self.recorded
        return f"pictures/{self.id}.svg" if self.svg is not None else None

    @property
    def alt(self) -> str:
        return html.escape(f"{self.id}: {self.lead}", quote=True)

    # The page.

    @property
    def markdown(self) -> str:
        parts = [
            self._front(),
            f"# {self.id}",
            *self._anchors(),
            self.lead,
            self._head(),
            self._example(),
            self._watch(),
            *self._process(),
            self._parameters(),
            self._rules(),
            self._differences(),
            self._speed(),
            self._training(),
            self._source(),
            self._state(),
        ]
        return "\n\n".join(part for part in parts if part) + "\n"

    def _front(self) -> str:
        return f"---\ndescription: {json.dumps(f'{self.id}: {self.lead}')}\n---"

    def _anchors(self) -> list[str]:
        """The class's name leads here, on the first of its pages."""
        if first_page(self.cls).id != self.id:
            return []
        names = [f"eqenvs.{self.cls.__name__}", qualified(self.cls)]
        names = [n for n in names if hasattr_path(n)]
        return ["\n".join(f"[](){{#{name}}}" for name in dict.fromkeys(names))]

    def _head(self) -> str:
        """The facts, and the picture beside them."""
        if self.picture is None:
            return self._facts()
        picture = (
            f'<img class="env-picture" src="../../{self.picture}" alt="{self.alt}">'
        )
        return (
            '<div class="env-head" markdown>\n\n<div markdown>\n\n'
            f"{self._facts()}\n\n</div>\n\n{picture}\n\n</div>"
        )

    def _watch(self) -> str:
        if self.viewer is None:
            return ""
        return (
            "## Watch\n\n"
            f'<iframe class="viewer" style="--aspect: {self.aspect:.3g}" '
            f'src="../../viewers/{self.id}.html" '
            f'title="Viewer of {self.id}" loading="lazy"></iframe>\n\n'
            f"Three lanes of {self.player}, in a page that "
            "[`eqenvs.rendering.Viewer`][] makes from any rollout. To play it "
            f"yourself, run `eqenvs play {self.id}`." + self._images()
        )

    def _images(self) -> str:
        if self.cls is not eqenvs.MNISTBandit:
            return ""
        return (
            " The images here are drawn digits: those of MNIST are not part of eqenvs."
        )

    @property
    def aspect(self) -> float:
        """The height of the picture as a share of its width."""
        (recording,) = self.viewer.recordings.values()
        left, bottom, right, top = np.asarray(recording.scenes.view)[0, 0]
        return float((top - bottom) / (right - left))

    def _facts(self) -> str:
        rows = [
            ("Class", f"`{public_name(self.cls)}`"),
            ("Family", title(self.spec.family)),
            ("Actions", f"`{shown(self.env.action_space)}`"),
            ("Observations", f"`{shown(self.env.observation_space)}`"),
            ("Time limit", time_limit(int(self.env.max_steps))),
        ]
        if self.spec.solved_return is not None:
            rows.append(("Solved at a mean return of", f"{self.spec.solved_return:g}"))
        rows += self._agent()
        if self.spec.parameters:
            given = ", ".join(f"{k}={v!r}" for k, v in self.spec.parameters.items())
            rows.append(("Set by this id", f"`{given}`"))
        others = [p for p in pages() if p.cls is self.cls and p.id != self.id]
        if others:
            links = ", ".join(f"[{p.id}]({p.id}.md)" for p in others)
            rows.append(("Also registered as", links))
        return "\n".join(
            ["| | |", "| --- | --- |", *(f"| {a} | {b} |" for a, b in rows)]
        )

    def _agent(self) -> list[tuple[str, str]]:
        """What the agent on this page achieves, and what others do."""
        if self.trained is None:
            plays = f"none yet; {self.player} plays on this page"
            return [("Trained agent", plays), ("Random policy", self._random())]
        record = self.trained.record
        found = record["evaluation"]
        achieved = mean_return(
            found["mean"], found["standard_error"], found["num_episodes"]
        )
        rows = [(title(self.agent), achieved)]
        if self.is_exact:
            rows.append(("Expected return", digits_of(record["expected_return"])))
        elif len(record["means_of_seeds"]) > 1:
            means = "; ".join(map(digits_of, record["means_of_seeds"]))
            rows.append(("Mean returns by seed", means))
        rows.append(
            ("Random policy", f"mean return {digits_of(record['random_policy'])}")
        )
        if "best_possible" in record:
            best = record["best_possible"]
            how = f"mean return {digits_of(best['mean'])}: {best['how']}"
            rows.append(("Best possible", how))
        return rows

    def _random(self) -> str:
        """What a random policy achieves."""
        found = eqenvs.evaluate(self.env, None, 0, num_episodes=1_000)
        returns = np.asarray(found.episode_return)
        error = returns.std(ddof=1) / len(returns) ** 0.5
        return mean_return(returns.mean(), error, len(returns))

    def _example(self) -> str:
        return f'```python\nenv = eqenvs.make("{self.id}")\n```'

    def _process(self) -> list[str]:
        parts = []
        intro = self.sections[""].partition("\n")[2].strip()
        if intro:
            parts.append(intro)
        for name, text in self.sections.items():
            if name not in ("", "Arguments", "Source", "Raises"):
                parts.append(f"## {name}\n\n{text}")
        return parts

    def _parameters(self) -> str:
        fields = described_fields(self.cls)
        if not fields:
            return ""
        rows = [f"| parameter | default | unit | range | {MEANING} |"]
        rows.append("| --- | --- | --- | --- | --- |")
        for name, field in fields.items():
            parameter = field.parameter
            default = field.default_text
            if name in self.spec.parameters:
                default = repr(self.spec.parameters[name])
            shown_default = self._default(name, default)
            if is_no_limit(name, self.spec.parameters.get(name, field.default)):
                shown_default = "none"
            static = ' <span class="static">static</span>' if parameter.static else ""
            rows.append(
                f"| `{name}`{static} | {shown_default} | {parameter.unit} "
                f"| {allowed(parameter)} | {parameter.description} |"
            )
        text = "\n".join(rows).replace(" |  |", " | |")
        note = "Parameters are keyword arguments of the class and of `eqenvs.make`."
        if any(field.parameter.static for field in fields.values()):
            note += " Changing a *static* one recompiles; changing another does not."
        return f"## Parameters\n\n{note}\n\n{text}"

    def _default(self, name: str, text: str) -> str:
        """A default value as a cell of the table."""
        if not text:
            argument = inspect.signature(self.cls).parameters.get(name)
            is_optional = (
                argument is not None and argument.default is not argument.empty
            )
            return "optional" if is_optional else "required"
        if len(text) > 40:
            return f"`{text[:20].rpartition(',')[0]}, …`"
        return f"`{text}`"

    def _rules(self) -> str:
        return f"## Rules\n\n{linked(self.rules)}" if self.rules else ""

    def _differences(self) -> str:
        return (
            f"## Fidelity\n\n{fidelity.section(self.cls)}\n\n"
            f"[How it is compared with its original](../fidelity.md"
            f"#{fidelity.anchor(self.cls)})."
        )

    def _speed(self) -> str:
        return f"## Speed\n\n{self.speed}"

    @property
    def speed(self) -> str:
        """What was measured, in a paragraph."""
        link = "[How it is measured](../performance.md)."
        found = results().get("throughput", {}).get(self.id)
        if found and "vector" in found.get("steps_per_second", {}):
            rate, lanes = found["steps_per_second"]["vector"], found["num_envs"]
            times = found.get("times_gymnax", {}).get("vector")
            beside = f", {times:.3g} times as fast as gymnax" if times else ""
            return f"{speed_of(rate, lanes, results()['machine'])}{beside}. {link}"
        found = originals().get(self.id)
        if found:
            rate, lanes = found["steps_per_second"], found["num_envs"]
            peer = number_of(lanes["peer"], "lane")
            return (
                f"{speed_of(rate['eqenvs'], lanes['eqenvs'], found['machine'])}. "
                f"The original, {found['peer']}, steps {peer} in Python, at "
                f"{rate['peer']:,.0f} steps a second: eqenvs is "
                f"{found['times_peer']:,.0f} times as fast. {link}"
            )
        measured = {*results().get("throughput", {}), *originals()}
        same = [p.id for p in pages() if p.cls is self.cls and p.id in measured]
        if same:
            return (
                f"The same program as [{same[0]}]({same[0]}.md#speed), measured there."
            )
        if "images" in inspect.signature(self.spec.factory).parameters:
            return "Not measured: the images of its data set are not part of eqenvs."
        return f"Not measured. `eqenvs bench {self.id}` measures it on your machine."

    def _training(self) -> str:
        commands = [f"eqenvs info {self.id}"]
        command = f"eqenvs train {self.id}"
        if self.trained is not None:
            commands.append(f"eqenvs evaluate {self.id}")
            command = self.trained.record["command"]
        elif self.spec.training and "ppo" not in self.spec.training:
            command += f" --algorithm {next(iter(self.spec.training))}"
        text = "```\n" + "\n".join([*commands, command]) + "\n```"
        if self.trained is not None:
            made = "computed" if self.is_exact else "trained"
            text += f"\n\nThe last command {made} the agent that plays on this page."
        for algorithm, known in self.spec.training.items():
            text += f"\n\n`--algorithm {algorithm}` uses {settings(known)}."
        return f"## Training\n\n{text}"

    def _source(self) -> str:
        text = f"## Source\n\n{linked(self.source)}"
        entry = bibtex(self.source)
        if entry:
            text += f"\n\n```bibtex\n{folded(entry)}\n```"
        return text

    def _state(self) -> str:
        name = f"{self.cls.__name__}State"
        if first_page(self.cls).id != self.id or not hasattr_path(
            f"{qualified(self.cls)}State"
        ):
            return ""
        state = getattr(sys.modules[self.cls.__module__], name, None)
        if state is None:
            return ""
        rows = "\n".join(
            f"| `{field.name}` | `{annotation(field.type)}` |"
            for field in dataclasses.fields(state)
        )
        doc = inspect.cleandoc(state.__doc__ or "")
        return (
            f"## State\n\n[](){{#{qualified(self.cls)}State}}\n\n"
            f"`{qualified(self.cls)}State`: {doc[:1].lower() + doc[1:]}\n\n"
            f"| field | type |\n| --- | --- |\n{rows}"
        )


@ft.cache
def pages() -> tuple[Page, ...]:
    """All pages, by family; families that are not named here come last."""
    families = ["classic control", "MinAtar", "bsuite", "toy text", "bandits", "mazes"]

    def place(page: Page) -> int:
        family = page.spec.family
        return families.index(family) if family in families else len(families)

    return tuple(sorted((Page(id) for id in eqenvs.registered()), key=place))


@ft.cache
def digits() -> np.ndarray:
    """An image of 28 x 28 pixels of every digit, like those of MNIST."""
    white, black = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)
    scenes = [
        Scene(Text(str(digit), (0.5, 0.5), 0.7, white), (0, 0, 1, 1), black)
        for digit in range(10)
    ]
    return np.stack([np.asarray(rasterize(scene, 28))[..., 0] for scene in scenes])


def nearest_digit(key: Any, image: Any) -> Any:
    """Compares an image with all that there are."""
    del key
    return jnp.argmin(jnp.sum((image - digits() / 255) ** 2, axis=(1, 2)))


def digits_of(value: float) -> str:
    """Four digits, and thousands with commas."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def mean_return(mean: float, error: float, num_episodes: int) -> str:
    return (
        f"mean return {digits_of(mean)} (standard error {error:.2g}) in "
        f"{num_episodes:,} episodes"
    )


def settings(known: Any) -> str:
    """An algorithm's settings for an environment, in words."""
    changed = known.get("parameters", {})
    text = ", ".join(
        f"`{name}={x:_}`" if isinstance(x, int) else f"`{name}={x!r}`"
        for name, x in known.items()
        if name != "parameters"
    )
    given = ", ".join(f"`{name}={x!r}`" for name, x in changed.items())
    return f"{text}, and {given} in the environment" if given else text


def speed_of(rate: float, lanes: int, machine: dict[str, Any]) -> str:
    """How fast eqenvs steps an environment, and on what."""
    return (
        f"{number(rate / 1e6)} million steps a second: {lanes:,} lanes of "
        f"`VectorEnvironment` on {machine.get('cores', '?')} cores of an "
        f"{machine.get('cpu', 'unknown CPU')}"
    )


def first_page(cls: type) -> Page:
    return next(page for page in pages() if page.cls is cls)


def time_limit(max_steps: int) -> str:
    return "none" if max_steps == NO_LIMIT else number_of(max_steps, "step")


def number_of(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def public_name(cls: type) -> str:
    name = f"eqenvs.{cls.__name__}"
    return name if getattr(eqenvs, cls.__name__, None) is cls else qualified(cls)


def qualified(cls: type) -> str:
    """`eqenvs.environments.classic_control.CartPole`"""
    return f"{cls.__module__.rpartition('.')[0]}.{cls.__name__}"


def hasattr_path(path: str) -> bool:
    module, _, name = path.rpartition(".")
    return hasattr(sys.modules.get(module), name)


def square(scene: Any) -> Any:
    """A scene whose view is a square, so that the pictures fit side by side."""
    left, bottom, right, top = (float(edge) for edge in scene.view)
    x, y, half = (
        (left + right) / 2,
        (bottom + top) / 2,
        max(right - left, top - bottom) / 2,
    )
    view = np.array([x - half, y - half, x + half, y + half], np.float32)
    return eqx.tree_at(lambda scene: scene.view, scene, view)


def annotation(type_: Any) -> str:
    if isinstance(type_, types.GenericAlias):
        entries = ("..." if x is ... else annotation(x) for x in type_.__args__)
        return f"{type_.__origin__.__name__}[{', '.join(entries)}]"
    text = type_ if isinstance(type_, str) else getattr(type_, "__name__", str(type_))
    text = re.sub(r"\bjax\w*(\.\w+)*\.Array\b", "Array", text).replace("'", '"')
    return text.replace("|", "\\|")


def kind(space: Any, names: dict[str, str]) -> str:
    """What kind of space it is, in a word."""
    name = type(space).__name__.lower()
    if name == "box":
        rank = len(space.shape)
        name = "vector" if rank == 1 else "number" if rank == 0 else "grid"
    return names.get(name, name)


def shown(space: Any) -> str:
    """A space in one line."""
    text = " ".join(repr(space).split())
    text = re.sub(r"\[\s+", "[", re.sub(r"(\d)\s+,", r"\1,", text))
    if len(text) > 60 and type(space).__name__ == "Box":
        text = f"Box(shape={space.shape}, dtype={space.dtype})"
    return text


def allowed(parameter: Any) -> str:
    """The values that are allowed, in short."""
    text = parameter.allowed
    text = re.sub(
        r"^(None or )?an? (?:Python )?(real number|integer)(, |$)", r"\1\2\3", text
    )
    text = re.sub(r"^(None or )?real number(, )", r"\1", text)
    text = text.replace("real number", "any number")
    for words, sign in (
        ("at least ", "≥ "),
        ("at most ", "≤ "),
        ("greater than ", "> "),
    ):
        text = re.sub(rf"{words}(?=[-\d])", sign, text)
    text = re.sub(r"(?<!\w)'([^']*)'(?!\w)", r"`\1`", text)
    # Nor is a line broken before a number or within a short phrase.
    text = re.sub(r"([≥≤>]) ", "\\1\N{NO-BREAK SPACE}", text)
    for phrase in ("any number", "True or False", "None or"):
        text = text.replace(phrase, phrase.replace(" ", "\N{NO-BREAK SPACE}"))
    return text.replace("|", "\\|")


def linked(text: str) -> str:
    """Addresses as links."""
    text = re.sub(r"(?<![<(\[`\"])(https?://[^\s)>\]]*[^\s)>\].,;:])", r"<\1>", text)
    text = re.sub(r"\((https?://[^\s)>\]]*)\)", r"(<\1>)", text)
    return re.sub(
        r"arXiv:(\d{4}\.\d{4,5})", r"[arXiv:\1](https://arxiv.org/abs/\1)", text
    )


# Citations.


REFERENCES = ROOT / "docs" / "_hooks" / "references.bib"


@ft.cache
def references() -> dict[str, str]:
    """The entries of `references.bib`, by their titles as `_words` writes them."""
    entries = re.findall(r"^@.*?^}$", REFERENCES.read_text(), re.DOTALL | re.MULTILINE)
    titles = [re.search(r"title = \{\{(.*)\}\}", entry) for entry in entries]
    return {
        _words(title[1]): entry
        for title, entry in zip(titles, entries, strict=True)
        if title is not None
    }


def cited_title(source: str) -> str | None:
    """The title of the first work that a paragraph cites, in quotation marks before a
    year; Gymnasium's paper for tasks that have none of their own."""
    text = " ".join(source.split())
    cited = re.search(r'"([^"]+?),?" ?\(?[^()"]*\b(?:19|20)\d\d\b', text)
    if cited is not None:
        return cited[1]
    if "Gymnasium's" in text:
        return "Gymnasium: A Standard Interface for Reinforcement Learning Environments"
    return None


def bibtex(source: str) -> str | None:
    """The first work that a paragraph cites, as a BibTeX entry."""
    title = cited_title(source)
    return None if title is None else references().get(_words(title))


def _words(title: str) -> str:
    return " ".join(re.findall(r"[a-z]+", title.lower()))


# All of them together.


def gallery(root: str) -> str:
    """Cards of all environments, with a search box and filters."""
    cards = "\n".join(card(page, root) for page in pages())
    selects = "\n".join(
        select(name, label, values)
        for name, label, values in (
            ("family", "Family", [title(page.spec.family) for page in pages()]),
            ("action", "Actions", [page.action_kind for page in pages()]),
            ("observation", "Observations", [p.observation_kind for p in pages()]),
        )
    )
    return (
        '<form class="gallery-filters" role="search" id="gallery-filters">\n'
        '<label class="gallery-search">Search<input type="search" name="search" '
        'placeholder="pole, maze, MinAtar ..." autocomplete="off"></label>\n'
        f"{selects}\n"
        f'<output id="gallery-count">{len(pages())} environments</output>\n</form>\n'
        f'<div class="gallery" id="gallery">\n{cards}\n</div>\n'
        '<p id="gallery-empty" hidden>No environment matches.</p>'
    )


def select(name: str, label: str, values: list[str]) -> str:
    options = "".join(
        f"<option>{html.escape(v)}</option>" for v in dict.fromkeys(values)
    )
    return (
        f'<label>{label}<select name="{name}"><option value="">all</option>'
        f"{options}</select></label>"
    )


def card(page: Page, root: str) -> str:
    picture = (
        f'<img src="{root}{page.picture}" alt="" loading="lazy">'
        if page.picture
        else ""
    )
    words = f"{page.id} {page.cls.__name__} {page.lead} {page.spec.family}".lower()
    return (
        f'<a class="card" href="{root}environments/{page.id}/" '
        f'data-family="{title(page.spec.family)}" data-action="{page.action_kind}" '
        f'data-observation="{page.observation_kind}" '
        f'data-words="{html.escape(words, quote=True)}">{picture}'
        f"<strong>{breakable(page.id)}</strong>"
        f"<span>{html.escape(plain(page.lead))}</span></a>"
    )


def plain(text: str) -> str:
    return text.replace("`", "")


def breakable(id: str) -> str:
    """An id that a narrow card breaks between words."""
    name, hyphen, rest = id.partition("-")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "<wbr>", name) + hyphen + "<wbr>" + rest


@ft.cache
def tiles() -> tuple[Page, ...]:
    """The pages on the wall: one for every class, with a trained agent if there is
    one."""
    chosen: dict[type, Page] = {}
    for page in pages():
        shown = chosen.setdefault(page.cls, page)
        if shown.trained is None and page.trained is not None:
            chosen[page.cls] = page
    return tuple(page for page in chosen.values() if page.viewer is not None)


def players() -> str:
    """What plays on the wall, in words."""
    count = collections.Counter(page.player for page in tiles())
    trained = count.pop("the trained agent", 0)
    exact = count.pop("the optimal policy", 0)
    parts = [f"trained agents play {trained}"] if trained else []
    if exact:
        parts.append(f"optimal policies from value iteration {exact}")
    for name in ("a hand-written policy", "a random policy"):
        parts += [f"{name} {count[name]}"] if count[name] else []
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last


def wall(root: str) -> str:
    """The pictures of all environments, which `wall.js` sets in motion."""
    pictures = "\n".join(
        f'<a href="{root}environments/{page.id}/" title="{page.id}, played by '
        f'{page.player}">'
        f'<img src="{root}{page.picture}" alt="{page.alt}" width="320" height="320">'
        "</a>"
        for page in tiles()
    )
    return (
        f'<div class="wall" id="wall" data-scenes="{root}assets/wall.json">\n'
        f"{pictures}\n</div>\n"
        f'<p class="wall-caption">{len(tiles())} environments, drawn live from '
        f"recorded states: {players()}. "
        '<button type="button" id="wall-pause" hidden>Pause</button></p>\n'
        f'<script src="{root}assets/scene.js"></script>\n'
        f'<script src="{root}assets/wall.js"></script>'
    )


def wall_scenes() -> str:
    """One lane of every tile, packed as in the viewer's pages."""
    packer, packed = Packer(), []
    for page in tiles():
        (recording,) = page.viewer.recordings.values()
        scenes = jax.tree.map(lambda x: np.asarray(x)[:, :1], recording.scenes)
        packed.append(
            {
                "frames": recording.num_frames,
                "framesPerSecond": page.spec.frames_per_second,
                "scene": pack_scenes(packer, scenes),
            }
        )
    data = {"font": font_data(), "tiles": packed, "recording": packer.to_base64()}
    return json.dumps(data, separators=(",", ":"))
