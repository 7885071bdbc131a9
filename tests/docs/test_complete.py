"""Nothing public is left without a docstring, a meaning, a page, a picture or a source;
the citations are read from the docstrings."""

import pathlib
import sys

import pytest

import eqenvs
from eqenvs.fields import real


ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs" / "_hooks"))
complete = pytest.importorskip("complete", reason="needs the packages of `docs`")
environments = complete.environments


def test_everything_public_is_described():
    assert complete.problems() == []


def test_a_name_without_a_docstring_is_found():
    class Thing:
        def method(self):
            pass

    def function(size):
        """Makes something of a given extent."""

    assert complete.of_name("eqenvs.Thing", Thing) == [
        "eqenvs.Thing has no docstring.",
        "eqenvs.Thing.method has no docstring.",
    ]
    assert complete.of_name("eqenvs.function", function) == [
        "the docstring of eqenvs.function does not say what `size` is."
    ]
    function.__doc__ = "Makes a thing.\n\n- `size`: its size."
    assert complete.of_name("eqenvs.function", function) == []


def test_a_parameter_without_a_meaning_is_found():
    class Slope(eqenvs.wrappers.AbstractStatelessWrapper):
        """A wrapper."""

        env: eqenvs.AbstractEnvironment = eqenvs.fields.environment()
        steepness: float = real(1.0)

    (problem,) = complete.of_name("eqenvs.Slope", Slope)
    assert "eqenvs.Slope.steepness has no meaning" in problem


def test_an_environment_without_a_page_a_picture_or_a_source_is_found(monkeypatch):
    known = dict(eqenvs._registry._registry)
    monkeypatch.setattr(eqenvs._registry, "_registry", known)
    eqenvs.register("Nothing-v0", eqenvs.wrappers.TimeLimit)
    monkeypatch.setattr(environments.Page, "source", "")
    monkeypatch.setattr(
        eqenvs.wrappers.TimeLimit, "draw", eqenvs.AbstractEnvironment.draw
    )
    page, source, picture = complete.of_environment("Nothing-v0")
    assert page.startswith("Nothing-v0 has no complete page: TimeLimit lacks ['Observ")
    assert source.startswith("Nothing-v0 has no source")
    assert picture == "Nothing-v0 has no picture: TimeLimit does not define `draw`."


def test_citations():
    moore = environments.bibtex(
        'The task is from Andrew Moore\'s thesis, "Efficient memory-based learning" '
        "(University of Cambridge, 1990), as in Gymnasium."
    )
    assert moore is not None
    assert moore.startswith("@phdthesis{moore1990efficient,")
    assert "author = {Moore, Andrew W.}" in moore
    assert "school = {University of Cambridge}" in moore
    osband = environments.bibtex(
        'The rules are those of bsuite (Osband et al., "Behaviour suite for '
        'reinforcement learning", ICLR 2020; https://example.org).'
    )
    assert osband is not None
    assert "author = {Osband, Ian and others}" in osband
    assert "booktitle = {ICLR}" in osband
    young = environments.bibtex(
        'The game is that of Young & Tian, "MinAtar: a testbed" (2019, '
        "arXiv:1903.03176)."
    )
    assert young is not None
    assert "author = {Young, Kenny and Tian, Tian}" in young
    assert "eprint = {1903.03176}" in young
    assert "title = {{MinAtar: a testbed}}" in young
    assert environments.bibtex("A task with no paper of its own.") is None
    assert "Towers" in environments.bibtex("The task is Gymnasium's `Pendulum-v1`.")
