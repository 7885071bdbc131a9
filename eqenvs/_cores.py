"""Some or all cores of a CPU."""

import os

import jax
from jax.sharding import Mesh

from ._checks import check_count, check_flag


# By default, XLA runs each operation of a loop's body by itself and hands some to a
# pool of threads, which spin while they wait and hinder other devices. Loops of less
# than so many bytes become one function.
_SMALL_LOOPS = "xla_cpu_small_while_loop_byte_threshold=1000000000"
# By default, every output takes a loop of its own, which computes again what it shares
# with others: a transition once for every field of the next state.
_MULTI_OUTPUT_FUSION = "xla_cpu_use_multi_output_fusion=true"


def use_cores(
    num_cores: int | None = None, *, multi_output_fusion: bool = False
) -> Mesh:
    """Makes cores of the CPU devices of their own, and returns a mesh of them.

    ```python
    mesh = eqenvs.use_cores()
    result = eqenvs.rollout(
        env, None, 0, num_steps=500, num_envs=2_000, mesh=mesh
    )
    ```

    Call it before anything else uses JAX. It changes JAX for the whole program: the
    number of its CPU devices, and how XLA compiles loops for them (it appends to the
    environment variable `XLA_FLAGS`), which makes most rollouts faster even on one
    core. Their results do not change.

    **Arguments:**

    - `num_cores`: how many; by default all that this process may use.
    - `multi_output_fusion`: whether XLA computes once what several outputs share, such
        as the fields of the next state. Half of the environments are then 1.5 to 13
        times as fast on each core. But this option of XLA is experimental: compiling
        some programs ends the process (`Check failed: GetNumDims()`), so leave it out
        for those. Random numbers stay the same. Real numbers may be rounded in another
        way: CartPole, Acrobot and Pendulum can differ in the last bit of a step.

    **Returns:**

    A mesh with the axis `"lanes"`, for the argument `mesh` of [`eqenvs.rollout`][],
    [`eqenvs.evaluate`][] and `train`. The number of lanes must be a multiple of the
    number of cores, which is `mesh.size`.

    **Raises:**

    `RuntimeError` if JAX has started already, in another way; `ValueError` or
    `TypeError` if an argument is not as described above.
    """
    if num_cores is None:
        num_cores = count_cores()
    check_count("num_cores", num_cores)
    check_flag("multi_output_fusion", multi_output_fusion)
    options = [_SMALL_LOOPS]
    if multi_output_fusion:
        options.append(_MULTI_OUTPUT_FUSION)
    flags = os.environ.get("XLA_FLAGS", "")
    are_set = all(option in flags for option in options)
    try:
        jax.config.update("jax_num_cpu_devices", int(num_cores))
    except RuntimeError:
        if not are_set or len(jax.devices("cpu")) != num_cores:
            fusion = ", multi_output_fusion=True" if multi_output_fusion else ""
            raise RuntimeError(
                f"use_cores({num_cores}{fusion}) must be called before anything else "
                "uses JAX, which has started already."
            ) from None
    if not are_set:
        option = f"--xla_backend_extra_options={','.join(options)}"
        os.environ["XLA_FLAGS"] = f"{flags} {option}"
    return jax.make_mesh((num_cores,), ("lanes",), devices=jax.devices("cpu"))


def count_cores() -> int:
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
