"""What does a step of a rollout compile to for a GPU and a TPU, beside gymnax?

    .accelerators/bin/python -m benchmarks.accelerators      # all, about half an hour
    .accelerators/bin/python -m benchmarks.accelerators --device gpu Pong-misc

No accelerator is needed: XLA compiles for devices that the machine does not have.
`make test-accelerators` installs the packages, into `.accelerators/`.

The rollouts are those of `make bench`, with 65,536 lanes. A GPU launches one kernel
after the other, which matters most with few lanes; with many, bytes do. A TPU runs a
step as part of one program, whose cycles its compiler estimates. None of these is a
time. The results go into `benchmarks/results/accelerators.json`, where those of
environments that were not measured now stay.
"""

import argparse
import datetime
import json
import os
import pathlib
from contextlib import nullcontext
from typing import Any


os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax

import eqenvs
from eqenvs.cli._measure import new_key, versions

from ..case import Case, Settings, why_not
from .devices import as_on_a_cpu, compiled_text, mesh, NAMES
from .program import Program


NUM_ENVS, NUM_STEPS = 65_536, 50
PACKAGES = ("jax", "jaxlib", "equinox", "eqenvs", "gymnax", "libtpu")
RESULTS = pathlib.Path(__file__).parents[1] / "results" / "accelerators.json"
# The last is `VectorEnvironment` as it compiles for a CPU, with resets in chunks and
# with conditionals. Some environments say enough.
AS_ON_A_CPU = "vector as on a CPU"
CONTESTANTS = ("gymnax", "vmap", "vector", AS_ON_A_CPU)
MEASURED_AS_ON_A_CPU = ("CartPole-v1", "Breakout-MinAtar", "Asterix-MinAtar")


def measure(id: str, kind: str) -> dict[str, Any]:
    """The cost of a step of each contestant's rollout."""
    case = Case(id, Settings((id,), (), 1, False, None))
    one = jax.eval_shape(case.env.action_space.sample, new_key("vector"))
    actions = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct((NUM_STEPS, NUM_ENVS, *x.shape), x.dtype), one
    )
    found = {}
    for name in CONTESTANTS:
        if name == "gymnax" and why_not(id) is not None:
            continue
        if name == AS_ON_A_CPU and (kind == "tpu" or id not in MEASURED_AS_ON_A_CPU):
            continue
        way = name.partition(" ")[0]
        rollout = case.loop(way, NUM_ENVS).rollout
        with as_on_a_cpu() if name == AS_ON_A_CPU else nullcontext():
            text = compiled_text(rollout, mesh(kind), new_key(way), actions)
        step = Program(text).step()
        found[name] = {
            "kernels": step.kernels,
            "bytes_per_lane": step.bytes / NUM_ENVS,
            "waits": len(step.waits),
            **({"cycles": step.cycles} if kind == "tpu" else {}),
        }
    return found


def main() -> None:
    known = [id for id in eqenvs.registered() if id != "MNISTBandit-bsuite"]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("ids", nargs="*", help="environments; by default, all")
    parser.add_argument("--device", choices=list(NAMES), help="by default, both")
    options = parser.parse_args()
    if unknown := set(options.ids) - set(known):
        parser.error(f"no such environment: {', '.join(sorted(unknown))}.")
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for kind in [options.device] if options.device else NAMES:
        for id in options.ids or known:
            found = measure(id, kind)
            results.setdefault(kind, {})[id] = {
                "date": datetime.date.today().isoformat(),
                "versions": versions(PACKAGES),
                **found,
            }
            print(f"{NAMES[kind]}, {id}", flush=True)
            for name, cost in found.items():
                print(f"    {name}: {line(cost)}", flush=True)
            ordered = {
                kind: {id: results[kind][id] for id in known if id in results[kind]}
                for kind in NAMES
                if kind in results
            }
            RESULTS.write_text(json.dumps(ordered, indent=1) + "\n")


def line(cost: dict[str, Any]) -> str:
    """One contestant's figures."""
    if "cycles" in cost:
        return f"{cost['cycles']:,} cycles"
    waits = f", waits {cost['waits']} times for the host" if cost["waits"] else ""
    return f"{cost['kernels']} kernels, {cost['bytes_per_lane']:,.0f} bytes{waits}"


if __name__ == "__main__":
    main()
