"""Devices for which XLA compiles programs without having them.

A GPU needs the packages `jax[cuda12-local]` and `nvidia-cuda-nvcc-cu12`, a TPU
`jax[tpu]`. Compiled programs can be read, and not run.
"""

import importlib.util
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np
from jax.experimental import topologies
from jax.sharding import Mesh, NamedSharding, PartitionSpec


# An NVIDIA H100, from its data sheet, in the format of XLA's `GpuTargetConfigProto`.
H100 = """
platform_name: "CUDA"
device_description_str: "NVIDIA H100 80GB HBM3"
dnn_version_info { major: 9 minor: 8 }
gpu_device_info {
  cuda_compute_capability { major: 9 minor: 0 }
  clock_rate_ghz: 1.98
  core_count: 132
  fpus_per_core: 128
  threads_per_warp: 32
  threads_per_block_limit: 1024
  threads_per_core_limit: 2048
  registers_per_core_limit: 65536
  registers_per_block_limit: 65536
  shared_memory_per_block: 49152
  shared_memory_per_block_optin: 232448
  shared_memory_per_core: 233472
  block_dim_limit_x: 2147483647
  block_dim_limit_y: 65535
  block_dim_limit_z: 65535
  memory_bandwidth: 3352320000000
  l2_cache_size: 52428800
  device_memory_size: 84978434048
}
"""
TPU = "v5e:2x4"
NAMES = {"gpu": "NVIDIA H100", "tpu": "TPU v5e"}


def devices(kind: str, count: int = 1) -> list[Any]:
    """Some devices of one kind.

    **Arguments:**

    - `kind`: `"gpu"` or `"tpu"`.
    - `count`: how many, at most eight.

    **Raises:**

    `ImportError` if a package is missing.
    """
    return (_gpus if kind == "gpu" else _tpus)()[:count]


def _gpus() -> list[Any]:
    try:
        found = topologies.get_topology_desc(
            platform="cuda", topology="1x1x8", target_config=H100
        )
    except NotImplementedError as error:
        raise ImportError(
            "GPUs need two packages: pip install 'jax[cuda12-local]' "
            "nvidia-cuda-nvcc-cu12."
        ) from error
    return list(found.devices)


def _tpus() -> list[Any]:
    # Otherwise, libtpu asks for the machine that it is part of, and refuses a second
    # process.
    os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")
    os.environ.setdefault("ALLOW_MULTIPLE_LIBTPU_LOAD", "1")
    if importlib.util.find_spec("libtpu") is None:
        raise ImportError("TPUs need a package: pip install 'jax[tpu]'.")
    return list(topologies.get_topology_desc(TPU, platform="tpu").devices)


def mesh(kind: str, count: int = 1) -> Mesh:
    """A mesh of some devices of one kind, whose axis is `"lanes"`."""
    return Mesh(np.asarray(devices(kind, count)), ("lanes",))


def compiled_text(function: Callable[..., Any], over: Mesh, *args: Any) -> str:
    """The program that a function of arrays compiles to, as XLA writes it.

    **Arguments:**

    - `function`: a function that `jax.jit` takes.
    - `over`: the devices, all of which have every argument and result.
    - `args`: pytrees of arrays, or of their shapes and dtypes.
    """
    everywhere = NamedSharding(over, PartitionSpec())
    shapes = jax.eval_shape(lambda: args)
    jitted = jax.jit(function, in_shardings=everywhere, out_shardings=everywhere)
    text = jitted.lower(*shapes).compile().as_text()
    assert text is not None
    return text


@contextmanager
def as_on_a_cpu() -> Iterator[None]:
    """Compiles what depends on the platform as for a CPU."""
    platform_dependent = jax.lax.platform_dependent
    jax.clear_caches()  # JAX keeps what it has traced
    jax.lax.platform_dependent = lambda *args, cpu, default: cpu(*args)
    try:
        yield
    finally:
        jax.lax.platform_dependent = platform_dependent
        jax.clear_caches()
