"""All cores of a CPU."""

import os

import jax
from jax.sharding import Mesh


# XLA hands parts of a loop's body to a pool of threads, which spin while they wait and
# take turns with the other devices. Loops of less than so many bytes are one function.
_OPTION = "xla_cpu_small_while_loop_byte_threshold=1000000000"


def use_all_cores() -> Mesh:
    """Makes every core of the CPU a device, and returns a mesh of them.

    ```python
    mesh = eqenvs.use_all_cores()
    result = eqenvs.rollout(
        env, None, 0, num_steps=500, num_envs=2_000, mesh=mesh
    )
    ```

    Call it before anything else uses JAX. It changes JAX for the whole program: the
    number of its CPU devices, and how XLA compiles loops for them (it appends to the
    environment variable `XLA_FLAGS`). The results of a rollout do not change.

    **Returns:**

    A mesh with the axis `"lanes"`, for the argument `mesh` of [`eqenvs.rollout`][],
    [`eqenvs.evaluate`][] and `train`. The number of lanes must be a multiple of the
    number of cores, which is `mesh.size`.

    **Raises:**

    `RuntimeError` if JAX has started with another number of CPU devices.
    """
    if hasattr(os, "sched_getaffinity"):
        num_cores = len(os.sched_getaffinity(0))
    else:
        num_cores = os.cpu_count() or 1
    try:
        jax.config.update("jax_num_cpu_devices", num_cores)
    except RuntimeError:
        num_devices = len(jax.devices("cpu"))
        if num_devices != num_cores:
            raise RuntimeError(
                "use_all_cores() must be called before JAX is used; it has started "
                f"already, with CPU devices: {num_devices}, for {num_cores} cores."
            ) from None
    else:
        flags = os.environ.get("XLA_FLAGS", "")
        if _OPTION not in flags:
            os.environ["XLA_FLAGS"] = f"{flags} --xla_backend_extra_options={_OPTION}"
    return jax.make_mesh((num_cores,), ("lanes",), devices=jax.devices("cpu"))
