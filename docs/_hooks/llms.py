"""Writes `llms.txt`, a page for language models: what the library is, its contract, and
where every page is; and `llms-full.txt`, the text of all of them."""

import pathlib
import re
from typing import Any

from mkdocs.config.defaults import MkDocsConfig


# In the order of the navigation.
_texts: dict[str, tuple[str, str, str]] = {}

GROUPS = {
    "tutorials": "Tutorials",
    "walkthroughs": "Walk-throughs",
    "moving": "Moving here",
    "environments": "Environments",
    "api": "API reference",
    "": "About",
}


def on_nav(nav: Any, **_: Any) -> None:
    _texts.update({page.url: ("", "", "") for page in nav.pages})


def on_page_content(html: str, *, page: Any, **_: Any) -> None:
    summary = page.meta.get("description") or _first_sentence(html)
    _texts[page.url] = (page.title or "", summary, page.markdown or "")


def on_post_build(config: MkDocsConfig) -> None:
    base = config.site_url or ""
    lines = [
        f"# {config.site_name}",
        "",
        f"> {config.site_description}",
        "",
        "An environment is an `equinox.Module` whose fields are its parameters: "
        '`env = eqenvs.CartPole(gravity=9.8)` or `eqenvs.make("CartPole-v1")`. '
        "`observation, state = env.reset(key)`; `observation, state, reward, "
        "terminated, truncated, info = env.step(key, state, action)`. `step` resets "
        'by itself; `info["final_observation"]` is what the episode ended on. Pass '
        "one JAX key per call, first. `VectorEnvironment(env, num_envs)` steps many "
        "lanes with one key.",
    ]
    groups: dict[str, list[str]] = {heading: [] for heading in GROUPS.values()}
    for url, (title, summary, _) in _texts.items():
        heading = GROUPS.get(url.partition("/")[0], GROUPS[""])
        entry = f"- [{title}]({base}{url})" + (f": {summary}" if summary else "")
        groups[heading].append(entry)
    for heading, entries in groups.items():
        lines += ["", f"## {heading}", "", *entries]
    site = pathlib.Path(config.site_dir)
    (site / "llms.txt").write_text("\n".join(lines) + "\n")
    full = "\n\n".join(
        f"<!-- {url or '/'} -->\n\n{md}" for url, (*_, md) in _texts.items()
    )
    (site / "llms-full.txt").write_text(full + "\n")


def _first_sentence(content: str) -> str:
    paragraph = re.search(r"<p>(.*?)</p>", content, re.DOTALL)
    if paragraph is None:
        return ""
    text = " ".join(re.sub(r"<[^>]+>", "", paragraph[1]).split())
    return re.split(r"(?<=[.!?]) ", text)[0].replace("&gt;", ">").replace("&lt;", "<")
