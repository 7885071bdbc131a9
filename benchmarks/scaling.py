"""Weak scaling: what does training cost on more devices, with as many lanes on each?

`python -m benchmarks.scaling [--devices 1 2 4 8] [--lanes 64]`

The devices are the host's accelerators, or else parts of its CPU that JAX pretends to
be devices. These share the host's cores: with more devices than cores, the best that
can be expected is that the time grows with the work. So each figure stands beside that
of one device with as many lanes as all devices have: what this costs more is the price
of spreading. Two processes with one device each, which `jax.distributed` connects by
Gloo, are the last row.
"""

import argparse
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import time


UPDATES = 40


def measure(num_devices: int, num_lanes: int, process: int, port: int) -> list[float]:
    """Seconds for an update: of several trainings of `UPDATES` updates each."""
    import jax

    if process >= 0:
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        jax.distributed.initialize(
            f"127.0.0.1:{port}", num_processes=2, process_id=process
        )
    from eqenvs import CartPole
    from eqenvs.agents import PPO

    mesh = None
    if num_devices > 1:
        mesh = jax.make_mesh((num_devices,), ("lanes",))
    ppo = PPO(num_envs=num_lanes, anneal_learning_rate=False)
    learner, seconds = None, []
    for i in range(5):
        start = time.perf_counter()
        num_steps = (i + 1) * UPDATES * ppo.steps_per_update
        learner = ppo.train(CartPole(), 0, num_steps, mesh=mesh, learner=learner)[-1]
        jax.block_until_ready(learner)
        seconds.append((time.perf_counter() - start) / UPDATES)
    return seconds[2:]


def run(num_devices: int, num_lanes: int, num_processes: int = 1) -> float:
    """The median time of an update, in a process of its own or in two."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    file = pathlib.Path(__file__).resolve()
    flags = f"--xla_force_host_platform_device_count={num_devices // num_processes}"
    processes = [
        subprocess.Popen(
            [sys.executable, str(file), "--measure"]
            + [str(x) for x in (num_devices, num_lanes, process, port)],
            stdout=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "PYTHONPATH": str(file.parents[1]),
                "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} {flags}",
            },
        )
        for process in (range(num_processes) if num_processes > 1 else [-1])
    ]
    outputs = [process.communicate()[0] for process in processes]
    return statistics.median(json.loads(outputs[0].splitlines()[-1]))


def main() -> None:
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(*map(int, sys.argv[2:]))))
        return
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--devices", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--lanes", type=int, default=64, help="lanes on each device")
    options = parser.parse_args()
    print(
        f"{os.cpu_count()} cores; PPO on CartPole, {options.lanes} lanes on each device"
    )
    print("devices  lanes  ms/update  one device, as many lanes  ratio")
    for count in options.devices:
        num_lanes = count * options.lanes
        alone, spread = run(1, num_lanes), run(count, num_lanes)
        show(str(count), num_lanes, spread, alone)
    num_lanes = 2 * options.lanes
    show("2 proc.", num_lanes, run(2, num_lanes, 2), run(1, num_lanes))


def show(name: str, num_lanes: int, spread: float, alone: float) -> None:
    print(
        f"{name:7}  {num_lanes:5}  {1e3 * spread:9.1f}  {1e3 * alone:26.1f}  "
        f"{spread / alone:5.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
