"""MNISTBandit beside the `bsuite` package, and the files that it reads."""

import gzip
import struct
import sys
import types

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from bsuite.environments import mnist
from bsuite.utils import datasets
from hypothesis import given, settings, strategies as st
from scipy import stats

import eqenvs
from eqenvs import MNISTBandit
from eqenvs.agents import PPO
from eqenvs.environments.bsuite import _mnist_files

from .bsuite_replay import compare
from .laws import SIGNIFICANCE


NUM_STEPS = 60
TRAIN = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
TEST = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def idx(array):
    array = np.asarray(array, np.uint8)
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


def write(folder, names, images, labels, compress=True):
    for name, array in zip(names, (images, labels), strict=True):
        data = idx(array)
        path = folder / (name + (".gz" if compress else ""))
        path.write_bytes(gzip.compress(data) if compress else data)


def some_digits(n, seed=0, shape=(4, 3)):
    rng = np.random.RandomState(seed)
    images = rng.randint(0, 256, (n, *shape)).astype(np.uint8)
    return images, rng.randint(0, 10, n).astype(np.uint8)


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """No files in the cache, and no way to download them."""
    cache = tmp_path / "cache"
    monkeypatch.setenv("EQENVS_DATA", str(cache))
    monkeypatch.setitem(sys.modules, "pooch", None)
    return cache


# The environment


@settings(max_examples=40, deadline=None)
@given(
    n=st.sampled_from([1, 2, 7]),
    fraction=st.sampled_from([1.0, 0.5]),
    seed=st.integers(0, 2**31 - 1),
    actions=st.lists(st.integers(0, 9), min_size=NUM_STEPS, max_size=NUM_STEPS),
    signed=st.booleans(),
)
def test_mnist_bandit(n, fraction, seed, actions, signed):
    n = max(n, int(1 / fraction))
    images, labels = some_digits(n, seed=seed % 5)
    if signed:
        images = images.view(np.int8)  # what bsuite reads
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets, "load_mnist", lambda: ((images, labels), None))
        original = mnist.MNISTBandit(fraction, seed=0)
    kept = int(fraction * n)
    env = MNISTBandit(images[:kept], labels[:kept], max_steps=1_000_000)
    episodes = compare(
        env,
        original,
        seed,
        actions,
        feed_reset=lambda replay, state: replay.feed("randint", state.index),
    )
    assert episodes == NUM_STEPS
    assert env.action_space.n == original.action_spec().num_values
    assert env.observation_space.shape == original.observation_spec().shape


def test_the_images_are_drawn_uniformly():
    n, draws = 7, 20_000
    images, labels = some_digits(n)
    env = MNISTBandit(images, labels)
    state = jax.jit(jax.vmap(env.initial_state))(jr.split(jr.key(0), draws))
    counts = np.bincount(state.index, minlength=n)
    assert len(counts) == n
    assert stats.chisquare(counts).pvalue > SIGNIFICANCE


def test_images_of_several_kinds():
    images, labels = some_digits(5)
    env = MNISTBandit(images, labels)
    assert env.images.dtype == jnp.uint8  # a quarter of the memory of floats
    assert eqx.tree_equal(MNISTBandit(images.astype(int), labels), env)
    same = eqenvs.make("MNISTBandit-bsuite", images=jnp.asarray(images), labels=labels)
    assert eqx.tree_equal(same, env)
    floats = MNISTBandit(images / 255, labels)
    observation, state = env.reset(jr.key(3))
    np.testing.assert_allclose(floats.observe(state), observation, rtol=1e-6)
    np.testing.assert_allclose(observation, images[state.index] / 255, rtol=1e-6)
    for signed in (False, True):
        space = MNISTBandit(images.view(np.int8) if signed else images, labels)
        space = space.observation_space
        assert space.low.min() == pytest.approx(-128 / 255 if signed else 0)
        assert space.high.max() == pytest.approx(127 / 255 if signed else 1)


def test_the_images_are_no_constants_of_the_compiled_program():
    images, labels = some_digits(4)
    jaxpr = eqx.filter_make_jaxpr(lambda env, key: env.reset(key))(
        MNISTBandit(images, labels), jr.key(0)
    )[0]
    assert not [x for x in jaxpr.consts if np.shape(x) == images.shape]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"images": np.zeros((2, 3, 3))}, "both images and labels, or neither"),
        ({"images": np.zeros((2, 3)), "labels": [1, 2]}, "got the shape \\(2, 3\\)"),
        ({"images": np.zeros((0, 3, 3)), "labels": []}, "at least one image"),
        ({"images": np.zeros((3, 3, 3)), "labels": [1, 2]}, "one entry for each"),
        ({"images": np.full((1, 1, 1), 256), "labels": [1]}, "from 256 to 256"),
        ({"images": np.zeros((1, 1, 1), bool), "labels": [1]}, "got the dtype bool"),
        ({"images": np.zeros((1, 1, 1)), "labels": [10]}, "from 0 to 9; got"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        MNISTBandit(**arguments)


# The files


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("split, names", [("train", TRAIN), ("test", TEST)])
def test_load(tmp_path, offline, compress, split, names):
    images, labels = some_digits(6, shape=(28, 28))
    write(tmp_path, names, images, labels, compress)
    env = MNISTBandit.load(tmp_path, split=split, signed=False, max_steps=3)
    np.testing.assert_array_equal(env.images, images)
    np.testing.assert_array_equal(env.labels, labels)
    assert env.max_steps == 3
    half = MNISTBandit.load(str(tmp_path), split=split, fraction=0.5)
    np.testing.assert_array_equal(half.images, images[:3].view(np.int8))
    np.testing.assert_array_equal(half.labels, labels[:3])


def test_load_reads_what_bsuite_reads(tmp_path, offline):
    images, labels = some_digits(6, shape=(28, 28))
    write(tmp_path, TRAIN, images, labels)
    write(tmp_path, TEST, images[:2], labels[:2])
    (theirs, their_labels), _ = datasets.load_mnist(str(tmp_path))
    env = MNISTBandit.load(tmp_path)
    np.testing.assert_array_equal(env.images, theirs)
    np.testing.assert_array_equal(env.labels, their_labels)


def test_files_in_the_cache(offline):
    images, labels = some_digits(6)
    offline.mkdir()
    write(offline, TRAIN, images, labels)
    expected = MNISTBandit(images.view(np.int8), labels)
    assert eqx.tree_equal(MNISTBandit.load(), expected)
    assert eqx.tree_equal(eqenvs.make("MNISTBandit-bsuite"), expected)


def test_offline_without_files(offline):
    with pytest.raises(FileNotFoundError) as error:
        eqenvs.make("MNISTBandit-bsuite")
    message = str(error.value)
    for part in (*TRAIN, str(offline), "EQENVS_DATA", "pooch is not installed"):
        assert part in message
    with pytest.raises(FileNotFoundError) as error:
        MNISTBandit.load(offline / "elsewhere", split="test")
    message = str(error.value)
    for part in (*TEST, "elsewhere", "EQENVS_DATA"):
        assert part in message
    assert "pooch" not in message  # Nothing is downloaded into a directory of yours.


def test_the_default_cache(monkeypatch, tmp_path):
    monkeypatch.delenv("EQENVS_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert _mnist_files.cache_directory() == tmp_path / "eqenvs" / "mnist"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert _mnist_files.cache_directory() == tmp_path / ".cache" / "eqenvs" / "mnist"


def test_download(monkeypatch, offline):
    images, labels = some_digits(6)
    asked = []

    def retrieve(url, known_hash, fname, path):
        asked.append((url, known_hash))
        path.mkdir(parents=True, exist_ok=True)
        write(path, TRAIN, images, labels)
        return str(path / fname)

    monkeypatch.setitem(sys.modules, "pooch", types.SimpleNamespace(retrieve=retrieve))
    env = MNISTBandit.load(signed=False)
    np.testing.assert_array_equal(env.images, images)
    assert [url.rsplit("/")[-1] for url, _ in asked] == [f"{n}.gz" for n in TRAIN]
    for url, known_hash in asked:
        name = url.rsplit("/")[-1]
        assert known_hash == f"sha256:{_mnist_files.SHA256[name]}"
        assert len(known_hash) == len("sha256:") + 64
    asked.clear()
    MNISTBandit.load()
    assert not asked  # the second time the files are there


def test_a_download_that_fails(monkeypatch, offline):
    def retrieve(url, known_hash, fname, path):
        raise OSError("no route to host")

    monkeypatch.setitem(sys.modules, "pooch", types.SimpleNamespace(retrieve=retrieve))
    with pytest.raises(FileNotFoundError, match="failed: no route to host"):
        MNISTBandit.load()


def damaged(folder, change):
    """Two good files, of which `change` replaces one."""
    images, labels = some_digits(6)
    write(folder, TRAIN, images, labels, compress=False)
    change(folder / TRAIN[0], folder / TRAIN[1])


def cut(path, size):
    path.write_bytes(path.read_bytes()[:size])


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda images, labels: cut(images, -1), "should hold 72 .* but holds 71"),
        (lambda images, labels: cut(images, 10), "cut off in its header"),
        (lambda images, labels: cut(labels, 0), "begins with the bytes of nothing"),
        (
            lambda images, labels: images.write_bytes(images.read_bytes() + b"x"),
            "should hold 72 .* but holds 73",
        ),
        (
            lambda images, labels: images.write_bytes(labels.read_bytes()),
            "images-idx3-ubyte is not an IDX file of unsigned bytes with 3 axes",
        ),
        (
            lambda images, labels: labels.write_bytes(
                b"\0\0\x0d\1" + labels.read_bytes()[4:]
            ),
            "begins with the bytes 00 00 0d 01, not 00 00 08 01",
        ),
        (
            lambda images, labels: labels.write_bytes(idx([1, 2, 3])),
            "has 6 images, but .* has 3 labels",
        ),
        (
            lambda images, labels: labels.write_bytes(idx([1, 2, 3, 4, 5, 11])),
            "labels must be .* from 0 to 9",
        ),
        (
            lambda images, labels: images.write_bytes(
                gzip.compress(images.read_bytes())[:-9]
            ),
            "is not a whole gzip file",
        ),
        (
            lambda images, labels: images.write_bytes(
                gzip.compress(images.read_bytes())[:-8] + b"\0" * 8
            ),
            "is not a whole gzip file",
        ),
        (lambda images, labels: images.write_bytes(b"<html>"), "is not an IDX file"),
    ],
)
def test_damaged_files(tmp_path, offline, change, message):
    damaged(tmp_path, change)
    with pytest.raises(ValueError, match=message):
        MNISTBandit.load(tmp_path)


def test_bad_arguments_of_load(tmp_path):
    with pytest.raises(ValueError, match="fraction must be above 0"):
        MNISTBandit.load(tmp_path, fraction=0.0)
    write(tmp_path, TRAIN, *some_digits(3))
    with pytest.raises(ValueError, match="keeps none of the 3 images"):
        MNISTBandit.load(tmp_path, fraction=0.1)


@pytest.mark.slow
def test_ppo_learns_to_tell_images_apart():
    """In noisy copies of ten images; it is evaluated in other copies."""
    rng = np.random.default_rng(0)
    originals = rng.integers(0, 256, (10, 28, 28))

    def copies(n):
        labels = rng.integers(0, 10, n)
        images = originals[labels] + rng.normal(0, 80, (n, 28, 28))
        return np.clip(images, 0, 255).astype(np.uint8), labels

    recipe = dict(eqenvs.spec("MNISTBandit-bsuite").training["ppo"])
    num_steps = recipe.pop("num_steps") // 10
    agent, *_ = PPO(**recipe).train(MNISTBandit(*copies(500)), 0, num_steps)
    result = eqenvs.evaluate(MNISTBandit(*copies(500)), agent.greedy, 1, 500)
    assert result.episode_return.mean() > 0.9  # Random guesses get -0.8.
