import ctypes
import gc
import importlib.metadata
import math
import os
import pathlib


# One cache of compiled programs for all tests and all workers. Set before JAX starts.
_cache = pathlib.Path(__file__).parent.parent / ".jax_cache"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_cache))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Tests run each of many programs only a few times, so the compiler optimizes little:
# that takes a third of the time. `make test-optimized` runs the tests of exactness
# without these flags. AVX has no fused multiply-add: without it, a lane of a batch
# still gives the bits that it gives alone. Without Eigen's threads, those that share a
# matrix product on a machine with few cores cannot wait for each other forever.
_flags = [
    "--xla_backend_optimization_level=0",
    "--xla_cpu_parallel_codegen_split_count=1",
    "--xla_cpu_max_isa=AVX",
    "--xla_cpu_multi_thread_eigen=false",
]
_jaxlib = importlib.metadata.version("jaxlib").split(".")
if [int(x) for x in _jaxlib[:2]] < [0, 11]:  # later versions do not know it
    _flags.append("--xla_cpu_use_fusion_emitters=false")
os.environ.setdefault("XLA_FLAGS", " ".join(_flags))

import jax  # noqa: E402
import jaxtyping  # noqa: E402
import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402


settings.register_profile(
    "eqenvs",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("eqenvs")

# Tracing makes many objects that live on; to look through the young ones less often
# saves more than a percent of the time.
gc.set_threshold(20_000, 10, 10)


@pytest.fixture
def x64():
    """Runs a test with 64-bit numbers."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(params=[False, True], ids=["x32", "x64"])
def either_precision(request):
    """Runs a test with 32-bit numbers, then with 64-bit numbers."""
    with jax.enable_x64(request.param):
        yield request.param


@pytest.fixture
def unchecked():
    """Turns the run-time type checker off, to see what a user's mistake runs into."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


# What the quick part of the tests leaves out: these files and folders, tests with these
# markers, and of the tests of all environments, those that are not of these.
_NOT_QUICK = {
    "accelerators",
    "environments",
    "interop",
    "test_benchmarks.py",
    "test_code.py",
    "test_cost.py",
    "test_examples.py",
    "test_recorded.py",
}
_NOT_QUICK_MARKERS = ("exhaustive", "slow", "trained", "interop", "browser", "site")
_QUICK_IDS = {"Breakout-MinAtar", "CartPole-v1", "FrozenLake-misc", "Pendulum-v1"}
# Environments of the same class as another, with other parameters.
_VARIANTS = {
    "CartPole-v0",
    "CliffWalkingSlippery-v1",
    "FrozenLake-v1",
    "FrozenLake8x8-v1",
}


def pytest_collection_modifyitems(items):
    """Marks the quick tests. One worker takes the tests of one file, or of one
    environment where a test goes over all of them: what they compile and cache, they
    share."""
    for item in items:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        id = parameters.get("id")
        is_conformance = item.path.name == "test_conformance.py"
        item.add_marker(
            pytest.mark.xdist_group(id if is_conformance else str(item.path))
        )
        is_left_out = (
            any(item.get_closest_marker(name) for name in _NOT_QUICK_MARKERS)
            or not _NOT_QUICK.isdisjoint(item.path.parts)
            or (is_conformance and id is not None and id not in _QUICK_IDS)
        )
        if is_conformance:
            item.add_marker(pytest.mark.conformance)
            if id in _VARIANTS:
                item.add_marker(pytest.mark.exhaustive)
        if not is_left_out:
            item.add_marker(pytest.mark.quick)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Hides from the garbage collector what there was before a test. JAX collects
    garbage whenever it looks for leaked tracers, and would go over millions of objects
    of earlier tests each time."""
    gc.freeze()
    try:
        return (yield)
    finally:
        gc.unfreeze()


def pytest_runtest_teardown(item, nextitem):
    """Drops compiled programs once they take gigabytes, and gives the memory back.
    Where that is impossible, it waits for the end of a group of tests, which share
    them."""
    is_last = nextitem is None or _group(nextitem) != _group(item)
    if (_give_back or is_last) and _memory() > 3 * 2**30:
        jax.clear_caches()
        gc.collect()
        if _give_back:
            _give_back(0)


# GNU's allocator keeps what is freed, which would count as taken forever.
_libc = ctypes.CDLL(None) if os.name == "posix" else None
_give_back = getattr(_libc, "malloc_trim", None)


def _memory():
    """The memory that this process takes, in bytes."""
    if not os.path.exists("/proc/self/statm"):  # not on Linux
        return math.inf
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _group(item):
    return item.get_closest_marker("xdist_group").args[0]


def pytest_terminal_summary(terminalreporter):
    """Prints the notes of tests that passed, which `record_property` collected."""
    for report in terminalreporter.stats.get("passed", []):
        for name, text in report.user_properties:
            if name == "note":
                terminalreporter.write_line(text)
