"""Nothing public is left without a docstring, a meaning, a page, a picture or a source;
the citations are read from the docstrings."""

import pathlib
import re
import sys

import pytest

import eqenvs
from eqenvs.fields import real


ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs" / "_hooks"))
complete = pytest.importorskip("complete", reason="needs the packages of `docs`")
environments, fidelity = complete.environments, complete.fidelity


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
    page, source, row, picture = complete.of_environment("Nothing-v0")
    assert page.startswith("Nothing-v0 has no complete page: TimeLimit lacks ['Observ")
    assert source.startswith("Nothing-v0 has no source")
    assert row.startswith("Nothing-v0 has no row in docs/fidelity.md")
    assert picture == "Nothing-v0 has no picture: TimeLimit does not define `draw`."


def test_what_differs_is_read_from_the_docstrings():
    text, sections = fidelity.parts(eqenvs.environments.minatar.freeway)
    assert text.startswith("Freeway: ") and "**" not in text
    assert list(sections) == ["Deviations", "Kept"]
    assert len(sections["Deviations"]) == 2
    page = fidelity.section(eqenvs.Freeway)
    for found in (
        "It matters only if `max_steps` is raised",
        "Sticky actions are not part of the games",
        "| The game never terminates | It terminates in step 2501 |",
    ):
        assert found.lower() in page.lower()
    assert fidelity.section(eqenvs.Pendulum).startswith("Nothing differs")


def test_every_test_of_gymnax_has_a_row_and_every_environment_too():
    rows = "\n".join(fidelity.tables(family) for family in fidelity.headings())
    for found in fidelity.departures():
        assert f"| {fidelity.cell(found.gymnax)} |" in rows
    for id in eqenvs.registered():
        name = environments.Page(id).cls.__name__
        assert f"| {fidelity.linked(name)} |" in rows


def test_a_departure_that_cannot_be_read_is_found(monkeypatch):
    with pytest.raises(ValueError, match="names \\['Nothing'\\]"):
        fidelity.departure("test", "Nothing: a. Here: b. Effect: c.")
    with pytest.raises(ValueError, match="docstring of test_it must be"):
        fidelity.departure("test_it", "CartPole: something else.")
    monkeypatch.setattr(fidelity, "DEPARTURES", pathlib.Path(__file__))
    fidelity.departures.cache_clear()
    (problem,) = complete.of_departures()
    fidelity.departures.cache_clear()
    assert problem.startswith("the docstring of test_everything_public_is_described")


def test_citations():
    moore = environments.bibtex(
        'From Moore, "Efficient memory-based\nlearning for robot control" (1990).'
    )
    assert moore is not None
    assert moore.startswith("@phdthesis{moore1990efficient,")
    assert moore.endswith("\n}")
    young = environments.bibtex(
        'The game is that of Young & Tian, "MinAtar: An Atari-Inspired Testbed for '
        'Thorough and Reproducible Reinforcement Learning Experiments" (2019, '
        "arXiv:1903.03176)."
    )
    assert young is not None
    assert "author = {Young, Kenny and Tian, Tian}" in young
    assert "Towers" in (environments.bibtex("It is Gymnasium's `Pendulum-v1`.") or "")
    assert environments.bibtex("A task with no paper of its own.") is None


def test_a_citation_without_an_entry_is_found(monkeypatch):
    monkeypatch.setattr(
        environments.Page, "source", 'From Nobody, "A paper unknown to us" (2020).'
    )
    (problem,) = complete.of_environment("CartPole-v1")
    assert problem.endswith("has no entry for 'A paper unknown to us'.")


def test_a_rule_in_the_middle_of_a_line_is_found(monkeypatch):
    monkeypatch.setattr(environments.Page, "rules", "1. It moves. 2.\nIt stops.")
    (problem,) = complete.of_environment("CartPole-v1")
    assert problem == "a rule of CartPole-v1 does not begin on a line of its own."


def test_every_reference_is_cited_and_named_after_its_first_author():
    cited = {
        environments.bibtex(environments.Page(id).source) for id in eqenvs.registered()
    }
    assert set(environments.references().values()) <= cited
    for entry in environments.references().values():
        key = re.match(r"@\w+\{([a-z]+)(\d{4})", entry)
        author = re.search(r"author = \{([\w-]+),", entry)
        assert key is not None and author is not None
        assert key[1] == author[1].lower() and f"year = {{{key[2]}}}" in entry


def test_a_module_says_what_of_it_is_public():
    api = complete.api
    assert set(api.public(eqenvs.spaces)) == set(eqenvs.spaces.__all__)
    assert api.undocumented("eqenvs.agents.checkpoint") == ["annotate"]
    assert api.undocumented("eqenvs.rendering.raster") == []
