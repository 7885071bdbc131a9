"""Nothing public is left without a docstring, a meaning, or a page."""

import importlib
import inspect
import pathlib
import re
import sys

import pytest

import eqenvs
from eqenvs._parametric import AbstractParametric, described_fields


ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs" / "_hooks"))
api = pytest.importorskip("api", reason="needs the packages of the extra `docs`")
environments = pytest.importorskip("environments")

# Internal, but without an underscore.
UNLISTED = ("eqenvs.cli", "eqenvs.environments")


def public_names():
    for module in api.public_modules():
        if not module.startswith("eqenvs.cli"):
            for name, value in api.public(importlib.import_module(module)).items():
                yield f"{module}.{name}", value


def test_every_public_name_has_a_docstring():
    missing = [name for name, value in public_names() if not inspect.getdoc(value)]
    assert missing == []


def test_every_public_method_has_a_docstring():
    missing = []
    for path, cls in public_names():
        if inspect.isclass(cls):
            for name, member in vars(cls).items():
                is_method = inspect.isfunction(member) or isinstance(
                    member, property | classmethod | staticmethod
                )
                is_field = any(
                    name in inspect.get_annotations(base) for base in cls.__mro__
                )
                if not is_method or is_field or name.startswith("_"):
                    continue
                if not inspect.getdoc(getattr(cls, name)):
                    missing.append(f"{path}.{name}")
    assert missing == []


def test_every_described_field_has_a_meaning():
    for path, cls in public_names():
        if inspect.isclass(cls) and issubclass(cls, AbstractParametric):
            for name, field in described_fields(cls).items():
                description = field.parameter.description
                assert description.endswith("."), f"{path}.{name}: {description!r}"


def test_every_module_is_in_the_reference():
    text = "\n".join(page.read_text() for page in (ROOT / "docs" / "api").glob("*.md"))
    covered = set(api.listed()) | set(api.explicit())
    packages = re.findall(r"^<!-- submodules: (\S+) -->$", text, re.MULTILINE)
    for module in api.public_modules():
        is_covered = module in covered or any(
            module.startswith(f"{package}.") for package in packages
        )
        if not is_covered and not module.startswith(UNLISTED):
            assert api.undocumented(module) == [], f"no page of docs/api has {module}"


@pytest.mark.parametrize("id", eqenvs.registered())
def test_every_environment_has_a_page(id):
    page = environments.Page(id)
    for name in ("Observation", "Action", "Reward", "Start", "Episode end"):
        assert page.sections.get(name), f"{page.cls.__name__} lacks **{name}:**"
    assert page.lead.endswith((".", "?"))
    assert len(page.source) > 20
    assert page.rules, f"the module of {page.cls.__name__} gives no rules"


def test_citations():
    moore = environments.bibtex(
        'The task is from Andrew Moore\'s thesis, "Efficient memory-based learning" '
        "(University of Cambridge, 1990), as in Gymnasium."
    )
    assert moore is not None
    assert moore.startswith("@phdthesis{moore1990efficient,")
    assert "author = {Andrew Moore}" in moore
    assert "school = {University of Cambridge}" in moore
    osband = environments.bibtex(
        'The rules are those of bsuite (Osband et al., "Behaviour suite for '
        'reinforcement learning", ICLR 2020; https://example.org).'
    )
    assert osband is not None
    assert "author = {Osband and others}" in osband
    assert "booktitle = {ICLR}" in osband
    young = environments.bibtex(
        'The game is that of Young & Tian, "MinAtar: a testbed" (2019, '
        "arXiv:1903.03176)."
    )
    assert young is not None
    assert "author = {Young and Tian}" in young
    assert "eprint = {1903.03176}" in young
    assert environments.bibtex("A task with no paper of its own.") is None
