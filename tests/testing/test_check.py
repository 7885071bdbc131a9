import equinox as eqx
import jax
import pytest

from eqenvs import CartPole
from eqenvs.testing import (
    check_environment,
    CHECKS,
    EnvironmentCheckError,
    find_problems,
    Probe,
)

from .broken import BROKEN, Fine


# The checks that run the environment, which is what takes time.
OF_RUNS = list(CHECKS)[list(CHECKS).index("runs") :]
OF_CODE = [*list(CHECKS)[: len(CHECKS) - len(OF_RUNS)], "pytree", "configuration"]


class SmallProbe(Probe):
    walk_lanes = 3
    walk_steps = 30


def problems_of(env, checks=None):
    return find_problems(SmallProbe(env, num_lanes=3), checks)


def test_nothing_is_wrong():
    assert problems_of(Fine()) == ([], [])
    check_environment(CartPole())


@pytest.mark.parametrize(
    "check, words, cls", BROKEN, ids=[cls.__name__ for _, _, cls in BROKEN]
)
def test_each_problem_is_found_by_its_check(unchecked, check, words, cls):
    if check == "precision" and jax.config.jax_enable_x64:  # pyright: ignore
        pytest.skip("with 64 bits from the start, its observation is simply wrong")
    problems, _ = problems_of(cls(), OF_CODE if check in OF_CODE else None)
    found = [problem for problem in problems if problem.check == check]
    assert found and words in found[0].message, problems
    assert {problem.check for problem in problems} == {check}


def test_every_check_has_an_environment_that_breaks_it():
    # These depend on the loop, which an author does not write, or are for the rest.
    of_the_loop = {
        "runs",
        "structure",
        "actions",
        "time limit",
        "automatic reset",
        "final observation",
        "lanes",
        "batches",
        "recompilation",
        "pytree",
    }
    assert set(CHECKS) == {check for check, _, _ in BROKEN} | of_the_loop


def test_the_report():
    from .broken import MixedDtypes, RealTime

    with pytest.raises(EnvironmentCheckError) as raised:
        check_environment(RealTime())
    message = str(raised.value)
    assert message.startswith("RealTime does not keep the contract of an environment:")
    assert "- initial state: `time` of the state must be an int32 scalar" in message
    assert "Not checked as a result: observation, transition" in message
    problems, _ = problems_of(MixedDtypes(), OF_CODE)
    assert [problem.check for problem in problems] == ["promotion"]


def test_no_environment(unchecked):
    with pytest.raises(TypeError, match="must be an environment"):
        check_environment(jax)  # pyright: ignore
    assert eqx.is_array(Fine().step_size)
