"""Environments of other libraries by their names."""

import sys

import pytest

import eqenvs
from eqenvs import from_config, to_config


def test_a_prefix_makes_it():
    env = eqenvs.make("gymnax:Catch-bsuite", max_steps=5)
    assert type(env).__name__ == "FromGymnax" and env.max_steps == 5
    env = eqenvs.make("gymnasium:CartPole-v1", max_steps=7, sutton_barto_reward=True)
    assert env.max_steps == 7
    config = to_config(env)
    assert config["original"] == {
        "make": "gymnasium:CartPole-v1",
        "parameters": {"sutton_barto_reward": True},
    }
    again = from_config(config)
    assert again.original == env.original and again.max_steps == 7
    assert again.original != eqenvs.make("gymnasium:CartPole-v1").original


def test_a_specification_imports_nothing(monkeypatch):
    monkeypatch.setitem(sys.modules, "brax", None)
    spec = eqenvs.spec("brax:ant")
    assert spec.family == "Brax" and spec.summary == "ant of Brax."


def test_unknown_prefixes():
    message = "no environment with the id 'bracks:ant'.*one of brax, envelope, gymnas"
    for function in (eqenvs.spec, eqenvs.make):
        with pytest.raises(ValueError, match=message):
            function("bracks:ant")
    with pytest.raises(ValueError, match="'PREFIX:NAME'"):
        eqenvs.make("brax:")


@pytest.mark.parametrize(
    ("id", "package"),
    [
        ("brax:ant", "brax"),
        ("envelope:gymnax::CartPole-v1", "envelope"),
        ("gymnasium:CartPole-v1", "gymnasium"),
        ("gymnax:CartPole-v1", "gymnax"),
        ("jumanji:Snake-v1", "jumanji"),
        ("navix:Navix-Empty-5x5-v0", "navix"),
        ("pgx:go_9x9", "pgx"),
        ("playground:CartpoleBalance", "mujoco_playground"),
    ],
)
def test_a_missing_library_is_named(id, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    prefix = id.partition(":")[0]
    monkeypatch.delitem(sys.modules, f"eqenvs.adapters.{prefix}", raising=False)
    message = rf"needs the package '{package}'.*pip install 'eqenvs\[{prefix}\]'"
    with pytest.raises(ModuleNotFoundError, match=message):
        eqenvs.make(id)


@pytest.mark.parametrize(
    ("name", "package"), [("brax", "brax"), ("evojax", "evojax"), ("stoa", "stoa")]
)
def test_a_missing_library_out(name, package, monkeypatch):
    from eqenvs import adapters

    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"eqenvs.adapters._to_{name}", raising=False)
    with pytest.raises(
        ModuleNotFoundError, match=rf"`eqenvs.adapters.to_{name}` needs"
    ):
        getattr(adapters, f"to_{name}")(eqenvs.CartPole())
