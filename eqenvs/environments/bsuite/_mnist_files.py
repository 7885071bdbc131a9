"""The files of the MNIST data set: where they are, and how they are read.

LeCun, Bottou, Bengio & Haffner, "Gradient-based learning applied to document
recognition" (Proceedings of the IEEE, 1998). The files have the IDX format: four bytes
that name the type of the entries and the number of axes, the length of each axis as a
big-endian 32-bit integer, and then the entries.
"""

import gzip
import importlib
import math
import os
import pathlib
import struct
import zlib
from typing import Literal

import numpy as np


ENVIRONMENT_VARIABLE = "EQENVS_DATA"
URL = "https://storage.googleapis.com/cvdf-datasets/mnist/"
SHA256 = {
    "train-images-idx3-ubyte.gz": (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
    ),
    "train-labels-idx1-ubyte.gz": (
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
    ),
    "t10k-images-idx3-ubyte.gz": (
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
    ),
}
_PREFIX = {"train": "train", "test": "t10k"}
_UNSIGNED_BYTE = 0x08


def load(
    directory: str | os.PathLike[str] | None, split: Literal["train", "test"]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the images and the labels of a split, as arrays of unsigned bytes."""
    if split not in _PREFIX:
        raise ValueError(f"split must be 'train' or 'test'; got {split!r}.")
    names = [
        f"{_PREFIX[split]}-images-idx3-ubyte.gz",
        f"{_PREFIX[split]}-labels-idx1-ubyte.gz",
    ]
    images_path, labels_path = _find(names, directory)
    images, labels = read_idx(images_path, 3), read_idx(labels_path, 1)
    if len(images) != len(labels):
        raise ValueError(
            f"{images_path} has {len(images)} images, but {labels_path} has "
            f"{len(labels)} labels."
        )
    return images, labels


def read_idx(path: pathlib.Path, num_axes: int) -> np.ndarray:
    """Reads an IDX file of unsigned bytes, compressed by gzip or not.

    **Raises:**

    `ValueError` if the file is not exactly that, and whole.
    """
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(f"{path} is not a whole gzip file: {error}.") from error
    header_size = 4 * (1 + num_axes)
    magic = bytes([0, 0, _UNSIGNED_BYTE, num_axes])
    if data[:4] != magic:
        raise ValueError(
            f"{path} is not an IDX file of unsigned bytes with {num_axes} "
            f"{'axes' if num_axes > 1 else 'axis'}: it begins with the bytes "
            f"{data[:4].hex(' ') or 'of nothing'}, not {magic.hex(' ')}."
        )
    if len(data) < header_size:
        raise ValueError(f"{path} is cut off in its header.")
    shape = struct.unpack(f">{num_axes}I", data[4:header_size])
    size = len(data) - header_size
    if size != math.prod(shape):
        raise ValueError(
            f"{path} should hold {math.prod(shape)} entries, for an array of shape "
            f"{shape}, but holds {size}."
        )
    return np.frombuffer(data, np.uint8, offset=header_size).reshape(shape)


def _find(
    names: list[str], directory: str | os.PathLike[str] | None
) -> list[pathlib.Path]:
    """Where the files are; downloads them if no directory was given."""
    folder = pathlib.Path(directory) if directory is not None else cache_directory()
    paths = [_existing(folder, name) for name in names]
    missing = [name for name, path in zip(names, paths, strict=True) if path is None]
    if not missing:
        return [path for path in paths if path is not None]
    failure: Exception | None = None
    if directory is None:
        try:
            return [
                path or _download(name, folder)
                for name, path in zip(names, paths, strict=True)
            ]
        except Exception as error:  # pooch raises what its downloader raises
            failure = error
    if directory is not None:
        reason = ""
    elif isinstance(failure, ImportError):
        reason = (
            " They were not downloaded, since pooch is not installed: pip install "
            "'eqenvs[data]'."
        )
    else:
        reason = f" Downloading them from {URL} failed: {failure}"
    raise FileNotFoundError(
        f"MNIST needs the files {' and '.join(missing)} (or without .gz) in the "
        f"directory {folder}. Put them there, or name their directory with "
        f"`MNISTBandit.load(directory)` or in the environment variable "
        f"{ENVIRONMENT_VARIABLE}.{reason}"
    ) from failure


def cache_directory() -> pathlib.Path:
    """The directory in `EQENVS_DATA`, or else one in the user's cache."""
    directory = os.environ.get(ENVIRONMENT_VARIABLE)
    if directory:
        return pathlib.Path(directory).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    folder = pathlib.Path(cache) if cache else pathlib.Path.home() / ".cache"
    return folder / "eqenvs" / "mnist"


def _existing(folder: pathlib.Path, name: str) -> pathlib.Path | None:
    for path in (folder / name, folder / name.removesuffix(".gz")):
        if path.is_file():
            return path
    return None


def _download(name: str, folder: pathlib.Path) -> pathlib.Path:
    pooch = importlib.import_module("pooch")  # optional
    return pathlib.Path(
        pooch.retrieve(
            URL + name, known_hash=f"sha256:{SHA256[name]}", fname=name, path=folder
        )
    )
