"""The Python code on every page runs, from top to bottom, as a reader would type it.

Numbers that only decide how long a reader waits are smaller here: see `SMALLER`. Pages
that compile a training loop of their own run with the site's tests.
"""

import pathlib

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser
from sybil.region import Lexeme

import eqenvs


ROOT = pathlib.Path(__file__).parents[2]
# For each page, what is replaced in its code before it runs. Equal programs are shared
# between pages, so the agents of README and of the tutorial are of one size.
SMALLER = {
    "README.md": {
        "PPO()": "PPO(num_envs=16, rollout_steps=32)",
        "num_steps=20_000": "num_steps=2_048",
        "num_envs=100": "num_envs=20",
        "num_episodes=100": "num_episodes=20",
    },
    "docs/bsuite.md": {
        "rollout_steps=32": "rollout_steps=32, hidden_width=8, hidden_depth=1",
    },
    "docs/moving/brax.md": {
        "num_envs=64": "num_envs=8",
        "rollout_steps=64": "rollout_steps=16",
        "num_epochs=8": "num_epochs=2",
        "num_steps=500_000": "num_steps=512",
    },
    "docs/moving/gymnasium.md": {
        "150_000": "1_000",
        "10_000": "100",
    },
    "docs/moving/gymnax.md": {"env, 128, 16, 1e-3, 100, 42": "env, 8, 16, 1e-3, 5, 42"},
    "docs/moving/purejaxrl.md": {
        "num_envs=4,\n    rollout_steps=128": "num_envs=4,\n    rollout_steps=32",
        "num_steps=1_024": "num_steps=256",
        '"NUM_STEPS": 128': '"NUM_STEPS": 32',
        "5e5": "256",
    },
    "docs/tutorials/training.md": {
        "num_episodes=5": "num_episodes=20",
        "num_envs=4, rollout_steps=32": "num_envs=4, rollout_steps=32, num_epochs=1",
    },
}
SITE = {"docs/moving/brax.md", "docs/moving/gymnax.md", "docs/moving/purejaxrl.md"}


def pages():
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        if "```python" in path.read_text():
            name = str(path.relative_to(ROOT))
            marks = [pytest.mark.site] if name in SITE else []
            yield pytest.param(path, id=name, marks=marks)


@pytest.mark.parametrize("page", list(pages()))
def test_the_code_on_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    known = dict(eqenvs._registry._registry)
    monkeypatch.setattr(eqenvs._registry, "_registry", known)
    document = Sybil(parsers=[PythonCodeBlockParser()], path=str(ROOT)).parse(page)
    examples = list(document.examples())
    assert examples
    smaller = SMALLER.get(str(page.relative_to(ROOT)), {})
    replaced = set()
    for example in examples:
        for large, small in smaller.items():
            if large in example.parsed:
                replaced.add(large)
                code = example.parsed.replace(large, small)
                example.parsed = Lexeme(code, 0, example.parsed.line_offset)
        example.evaluate()
    assert replaced == set(smaller)
