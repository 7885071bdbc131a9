from .test_cli import run


FINE = """
from eqenvs import CartPole

class_like = CartPole
number = lambda: 3
three = 3
"""

BROKEN = """
import jax.numpy as jnp
from tests.testing.broken import RealTime as Broken
"""


def test_an_environment_that_keeps_the_contract(tmp_path):
    (tmp_path / "mine.py").write_text(FINE)
    status, output, errors = run("check", "mine:class_like", cwd=tmp_path)
    assert (status, errors) == (0, "")
    assert output.startswith("CartPole keeps the contract: ")


def test_an_environment_that_does_not(tmp_path):
    (tmp_path / "broken.py").write_text(BROKEN)
    status, output, _ = run("check", "broken:Broken", cwd=tmp_path)
    assert status == 1
    assert "RealTime does not keep the contract of an environment:\n- initial" in output


def test_what_is_no_environment(tmp_path):
    (tmp_path / "mine.py").write_text(FINE)
    for path, words in (
        ("mine:number", "must return an environment; it returned 3"),
        ("mine:three", "must be an environment or return one; got 3"),
        ("mine:nothing", "'mine' has no attribute 'nothing'"),
        ("nothing:Mine", "begin with brax:, "),
        ("Cartpole", "there is no environment with the id"),
    ):
        status, _, errors = run("check", path, cwd=tmp_path)
        assert status == 1 and words in errors, errors
