"""A batched step does no more work than it did: counted by XLA, so that no other load
on the machine can disturb it.

`record_costs.py` says what the figures are, and when to record them again. A figure
that has fallen is no failure; the end of the test run says how to record it.
"""

import pathlib
import re

import jax
import jax.numpy as jnp
import jax.random as jr
import pytest

import eqenvs

from . import record_costs


TOLERANCE = 0.05

HINT = """
To record what it is now:

    python -m tests.record_costs {id}

Do so if the change is meant: the environment is new, or it does something that it has
to do and did not. Commit tests/recorded_costs.json together with the change that
explains it.

Do not if you do not know why the figure has risen: every user pays for each additional
number drawn, key split, lookup, loop or observation at every step. Running the test
again does not help, because the figures do not depend on the load of the machine.
"""


def differences(
    recorded: record_costs.Costs, present: record_costs.Costs
) -> tuple[list[str], list[str]]:
    """A line for every figure that is above the recorded one, or was never recorded,
    and one for every figure below; neither for those within `TOLERANCE`."""
    above, below = [], []
    for program, figures in present.items():
        for figure, new in figures.items():
            old = recorded.get(program, {}).get(figure)
            if old is None:
                above.append(f"{program}: {figure} is {new:,}; none is recorded")
            elif abs(new - old) > TOLERANCE * old:
                moved, lines = ("up", above) if new > old else ("down", below)
                ratio = f" ({new / old - 1:+.0%})" if old else ""
                lines.append(
                    f"{program}: {figure} {moved} from {old:,} to {new:,}{ratio}"
                )
    return above, below


@pytest.mark.parametrize("id", eqenvs.registered())
def test_a_step_costs_no_more_than_is_recorded(id, record_property):
    recorded_with, costs = record_costs.read()
    if recorded_with != record_costs.toolchain():
        pytest.skip(
            f"the costs were recorded with {recorded_with}, and other versions compile "
            f"other programs; these are {record_costs.toolchain()}"
        )
    above, below = differences(costs.get(id, {}), record_costs.step_costs(id))
    title = f"The cost of a step of {id}, in {record_costs.NUM_ENVS} lanes:"
    if above:
        lines = "\n    ".join([title, *above, *below])
        pytest.fail(lines + "\n" + HINT.format(id=id), pytrace=False)
    if below:
        command = f"Keep it so: python -m tests.record_costs {id}"
        # `conftest.py` prints it at the end, whichever process the test ran in.
        record_property("note", "\n    ".join([title, *below, command]))


def test_recorded_are_the_registered_environments():
    _, costs = record_costs.read()
    assert sorted(costs) == sorted(eqenvs.registered()), (
        "run `python -m tests.record_costs`"
    )


@pytest.mark.parametrize("package", ["jax", "jaxlib"])
def test_recorded_with_the_versions_that_are_pinned(package):
    """Otherwise the comparison would be skipped from then on, and nobody would see."""
    constraints = pathlib.Path(__file__).parent.parent / "constraints.txt"
    if not constraints.exists():
        pytest.skip("constraints.txt is not part of a source distribution")
    pins = dict(re.findall(r"^(\S+)==(\S+)$", constraints.read_text(), re.MULTILINE))
    recorded_with, _ = record_costs.read()
    assert recorded_with[package] == pins[package], (
        "install what constraints.txt says and run `python -m tests.record_costs`"
    )


@pytest.mark.parametrize(
    "old, new, is_above, is_below",
    [
        (1000, 1050, False, False),
        (1000, 950, False, False),
        (1000, 1051, True, False),
        (1000, 949, False, True),
        (0, 0, False, False),
        (0, 1, True, False),
        (1, 0, False, True),
        (None, 0, True, False),
    ],
)
def test_what_is_reported(old, new, is_above, is_below):
    recorded = {} if old is None else {"step": {"flops": old}}
    above, below = differences(recorded, {"step": {"flops": new}})
    assert (len(above), len(below)) == (is_above, is_below)


@pytest.mark.parametrize(
    "figure, value, function",
    [
        ("flops", 256, lambda x, i: x * x),
        ("transcendentals", 256, lambda x, i: jnp.exp(x)),
        ("bytes accessed", 3 * 4 * 256, lambda x, i: x + i),
        ("loops", 1, lambda x, i: jax.lax.while_loop(jnp.any, lambda x: x & 1, i)),
        ("conditionals", 1, lambda x, i: jax.lax.cond(jnp.all(x), jnp.sin, jnp.cos, x)),
        ("gathers", 1, lambda x, i: x[i]),
        ("gathers", 1, lambda x, i: x.at[i].set(0.0)),
        ("sorts", 1, lambda x, i: jnp.argsort(x)),
        ("instructions", 2, lambda x, i: x),
    ],
)
def test_what_is_counted(figure, value, function):
    x = jax.ShapeDtypeStruct((256,), jnp.float32)
    i = jax.ShapeDtypeStruct((256,), jnp.int32)
    costs = record_costs.program_costs(function, x, i)
    assert costs[figure] == value


def test_numbers_drawn_are_counted():
    def draw(num_words):
        return lambda keys: jax.vmap(lambda key: jr.bits(key, (num_words,)).sum())(keys)

    keys = jax.eval_shape(lambda key: jr.split(key, 256), jr.key(0))
    one, two = (record_costs.program_costs(draw(n), keys)["flops"] for n in (1, 2))
    assert two > 1.5 * one
