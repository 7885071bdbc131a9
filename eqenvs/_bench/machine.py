"""What the figures were taken on."""

import importlib.metadata
import os
import pathlib
import platform
from typing import Any

import jax


PACKAGES = (
    "jax", "jaxlib", "equinox", "eqenvs", "gymnax", "numpy", "gymnasium", "MinAtar",
    "pgx", "pgx-minatar", "envpool",
)  # fmt: skip


def machine() -> dict[str, Any]:
    """The processor, its cores, the memory, the operating system, JAX's device."""
    return {
        "cpu": cpu_model(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_bytes": memory_bytes(),
        "os": platform.platform(),
        "device": jax.devices()[0].device_kind,
        "load_average_at_start": os.getloadavg()[0]
        if hasattr(os, "getloadavg")
        else None,
    }


def versions() -> dict[str, str]:
    """Of Python and of what is installed of the packages that are measured."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def cpu_model() -> str:
    """The processor's name, as exactly as the system tells it."""
    info = pathlib.Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def memory_bytes() -> int | None:
    """The size of the memory, where the system tells it."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
