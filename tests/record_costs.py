"""What a batched step costs by XLA's own account, and the file it is recorded in.

    python -m tests.record_costs                 # every registered environment
    python -m tests.record_costs CartPole-v1     # some of them

`recorded_costs.json` holds figures of the compiled programs of two batched steps of
every registered environment. They are counted, not timed: two runs with the same
versions of JAX and of eqenvs give the same numbers, however busy the machine is.
`test_cost.py` compares them with those of the code as it is.

**When to record again.** When a step is meant to cost what it costs now: it has become
cheaper, an environment is new, a missing rule or output was added, or the versions of
JAX in `constraints.txt` have changed (then without other changes, so that the new
numbers are those of the old code). Commit the file together with the change. **When
not to.** When a figure has risen and nobody knows why: find out first.

Without arguments, all is recorded again; with some ids, only theirs.
"""

import argparse
import importlib.metadata
import json
import os
import pathlib
import platform
import re
import tempfile
from collections import Counter
from collections.abc import Callable
from typing import Any

import jax
import jax.random as jr

import eqenvs

from .examples import example


PATH = pathlib.Path(__file__).with_name("recorded_costs.json")
NUM_ENVS = 256

Costs = dict[str, dict[str, int]]  # program -> figure -> value


def toolchain() -> dict[str, str]:
    """What the figures depend on besides eqenvs."""
    return {
        "jax": importlib.metadata.version("jax"),
        "jaxlib": importlib.metadata.version("jaxlib"),
        "machine": platform.machine(),
    }


def program_costs(function: Callable[..., Any], *args: Any) -> dict[str, int]:
    """The figures of `function`, compiled for a CPU; it is not run.

    - `flops`: elementwise operations and additions, of integers too. What is computed
        again in several fused kernels counts several times. The body of a loop counts
        once, and of a conditional's branches the dearest.
    - `transcendentals`: exponentials, sines and the like, which `flops` leaves out.
    - `bytes accessed`: by the kernels, in their arguments and results.
    - `loops`, `conditionals`, `gathers` (and scatters), `sorts`: how many such
        operations there are. Next to nothing by the figures above, each can take
        longer than all the rest of a step.
    - `instructions`: of the optimised program. What compiling takes grows with them.

    **Arguments:**

    - `function`: any function of arrays.
    - `args`: its arguments, or `jax.ShapeDtypeStruct`s in their places.

    **Returns:**

    A dictionary of the figures above.
    """
    lowered = jax.jit(function).lower(*args)
    # What LLVM does comes after all that is counted, and takes longer than that.
    # The HLO is what users get, whatever the tests' flags are.
    options = {
        "xla_backend_optimization_level": "0",
        "xla_cpu_use_fusion_emitters": True,
    }
    compiled = lowered.compile(options)
    analysis, text = compiled.cost_analysis(), compiled.as_text()
    if analysis is None or text is None:
        raise RuntimeError("JAX gives no account of what it compiled.")
    # `  %name = shape opcode(operands)`, where a shape may be a tuple of shapes.
    pattern = r"^ +(?:ROOT )?\S+ = .*? ([a-z][a-z-]*)\("
    opcodes = Counter(re.findall(pattern, text, re.MULTILINE))
    return {
        "flops": int(analysis.get("flops", 0)),
        "transcendentals": int(analysis.get("transcendentals", 0)),
        "bytes accessed": int(analysis.get("bytes accessed", 0)),
        "loops": opcodes["while"],
        "conditionals": opcodes["conditional"],
        "gathers": opcodes["gather"] + opcodes["scatter"],
        "sorts": opcodes["sort"],
        "instructions": opcodes.total(),
    }


def step_costs(id: str) -> Costs:
    """The figures of one step in `NUM_ENVS` lanes, in both ways to write it.

    The parameters of the environment are constants of the programs, and the keys are
    threefry's.
    """
    cpu = jax.local_devices(backend="cpu")[0]
    with jax.enable_x64(False), jax.default_device(cpu):
        env = example(id)
        key = jr.key(0, impl="threefry2x32")
        keys = jax.eval_shape(lambda key: jr.split(key, NUM_ENVS), key)
        _, states = jax.eval_shape(jax.vmap(env.reset), keys)
        actions = jax.eval_shape(jax.vmap(env.action_space.sample), keys)
        envs = eqenvs.VectorEnvironment(env, NUM_ENVS)
        return {
            "VectorEnvironment.step": program_costs(
                lambda *args: envs.step(*args), key, states, actions
            ),
            "jax.vmap(env.step)": program_costs(
                jax.vmap(env.step), keys, states, actions
            ),
        }


def read() -> tuple[dict[str, str], dict[str, Costs]]:
    """The toolchain that was recorded with, and the figures by id."""
    if not PATH.exists():
        return toolchain(), {}
    content = json.loads(PATH.read_text())
    return content["recorded_with"], content["costs"]


def write(costs: dict[str, Costs]) -> None:
    """Replaces the file as a whole; one line for a figure, sorted."""
    content = {"recorded_with": toolchain(), "costs": costs}
    with tempfile.NamedTemporaryFile(
        "w", dir=PATH.parent, prefix=PATH.name, delete=False
    ) as file:
        try:
            file.write(json.dumps(content, indent=1, sort_keys=True) + "\n")
            file.close()
            os.chmod(file.name, 0o644)
            os.replace(file.name, PATH)
        except BaseException:
            os.unlink(file.name)
            raise


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.record_costs",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("ids", nargs="*", metavar="id")
    ids = parser.parse_args().ids
    if unknown := sorted(set(ids) - set(eqenvs.registered())):
        parser.error(
            f"no such id: {', '.join(unknown)}. Registered are "
            f"{', '.join(eqenvs.registered())}."
        )
    recorded_with, old = read()
    if ids and recorded_with != toolchain():
        parser.error(
            f"the figures were recorded with {recorded_with}, and this is "
            f"{toolchain()}: record all of them, without naming any id."
        )
    new = dict(old) if ids else {}
    for id in ids or eqenvs.registered():
        new[id] = step_costs(id)
        print(id, "as before" if new[id] == old.get(id) else "recorded")
    write(new)


if __name__ == "__main__":
    main()
