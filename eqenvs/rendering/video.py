"""Files of pictures: GIF, MP4 and PNG contact sheets."""

import importlib
import io
import itertools
import math
import os
import pathlib
import secrets
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._checks import check_count
from .._files import write_safely
from ._gif import as_gif
from ._recording import as_path, record
from .colors import SILVER
from .raster import check_size, rasterize
from .scene import Scene


_TOGETHER = 64
"""The number of frames that one call draws."""


def frames(
    env: Any,
    rollout: Any,
    *,
    size: int | tuple[int, int] = 256,
    most_lanes: int = 1,
    gap: int = 4,
) -> Iterator[np.ndarray]:
    """The pictures of a rollout, one after another.

    **Arguments:**

    - `env`, `rollout`: as in [`eqenvs.rendering.Viewer`][].
    - `size`: the height and width of one lane's picture in pixels: one number for both,
        or a pair.
    - `most_lanes`: the largest number of lanes to show, as a grid.
    - `gap`: number of pixels between the lanes.

    **Returns:**

    An iterator over arrays of shape `(height, width, 3)` and dtype uint8.

    **Raises:**

    `TypeError` or `ValueError` if an argument is not as described above.
    """
    size = check_size(size)
    scenes = record(env, rollout, most_lanes=most_lanes).scenes
    return _tiled(scenes, size, gap)


def _tiled(scenes: Scene, size: tuple[int, int], gap: int) -> Iterator[np.ndarray]:
    number = scenes.batch_shape[0]
    for start in range(0, number, _TOGETHER):
        # The last group is padded, so that one program draws all of them.
        index = np.minimum(np.arange(start, start + _TOGETHER), number - 1)
        index = index[: max(number, 1)]
        pictures = np.asarray(_pictures(scenes[index], size))
        for picture in pictures[: number - start]:
            yield tile(picture, gap)


@eqx.filter_jit
def _pictures(scenes: Scene, size: tuple[int, int]) -> Any:
    draw = jax.vmap(jax.vmap(lambda scene: rasterize(scene, size)))
    return draw(jax.tree.map(jnp.asarray, scenes))


def tile(pictures: Any, gap: int = 4, *, columns: int | None = None) -> np.ndarray:
    """Several pictures of one size as a grid, on gray.

    **Arguments:**

    - `pictures`: an array of shape `(pictures, height, width, 3)`.
    - `gap`: number of pixels between them.
    - `columns`: number of columns; by default, enough to make the grid about square.

    **Returns:**

    One picture.
    """
    pictures = np.asarray(pictures)
    number, height, width = pictures.shape[:3]
    if columns is None:
        columns = min(max(math.ceil(math.sqrt(number * height / width)), 1), number)
    rows = math.ceil(number / columns)
    shape = (rows * (height + gap) - gap, columns * (width + gap) - gap, 3)
    sheet = np.broadcast_to(np.round(255 * SILVER).astype(np.uint8), shape).copy()
    for i, picture in enumerate(pictures):
        y, x = i // columns * (height + gap), i % columns * (width + gap)
        sheet[y : y + height, x : x + width] = picture
    return sheet


def save_gif(
    env: Any,
    rollout: Any,
    path: str | os.PathLike[str],
    *,
    size: int | tuple[int, int] = 256,
    frames_per_second: int | float = 30,
    most_lanes: int = 1,
    progress: bool = True,
) -> pathlib.Path:
    """Writes a rollout as an animated GIF, whole or not at all.

    It needs Pillow, which `pip install "eqenvs[render]"` installs.

    **Arguments:**

    - `env`, `rollout`: as in [`eqenvs.rendering.Viewer`][].
    - `path`: the file. An existing one is replaced.
    - `size`: the height and width of one lane's picture in pixels: one number for both,
        or a pair.
    - `frames_per_second`: at most 50, the limit of the format. A frame takes a whole
        number of hundredths of a second.
    - `most_lanes`: the largest number of lanes to show, as a grid.
    - `progress`: whether to show a progress bar.

    **Returns:**

    The path.

    **Raises:**

    - `ImportError` if Pillow is not installed.
    - `TypeError` or `ValueError` if an argument is not as described above.
    - `OSError` if the file cannot be written.
    """
    _import("PIL.Image")
    if not 0 < frames_per_second <= 50:
        raise ValueError(
            "frames_per_second of a GIF must be positive and at most 50; got "
            f"{frames_per_second!r}."
        )
    size = check_size(size)
    path = as_path(path, ".gif")
    recording = record(env, rollout, most_lanes=most_lanes)
    pictures = _tiled(recording.scenes, size, 4)
    pictures = _with_progress(pictures, recording.num_frames, path, progress)
    sample = np.linspace(0, recording.num_frames - 1, 8).astype(int)
    sample = np.asarray(_pictures(recording.scenes[sample], size))
    sample = sample.reshape(-1, *sample.shape[-2:])
    write_safely(path, as_gif(pictures, sample, frames_per_second))
    return path


def save_mp4(
    env: Any,
    rollout: Any,
    path: str | os.PathLike[str],
    *,
    size: int | tuple[int, int] = 512,
    frames_per_second: int | float = 30,
    most_lanes: int = 1,
    progress: bool = True,
) -> pathlib.Path:
    """Writes a rollout as a video (H.264), whole or not at all.

    It needs imageio-ffmpeg, which `pip install "eqenvs[render]"` installs.

    **Arguments:**

    As in [`eqenvs.rendering.save_gif`][], except that `frames_per_second` may be any
    positive number. An odd width or height gets one more column or row of pixels,
    because the format requires even sizes.

    **Returns:**

    The path.

    **Raises:**

    - `ImportError` if imageio-ffmpeg is not installed.
    - `TypeError` or `ValueError` if an argument is not as described above.
    - `OSError` if the file cannot be written.
    """
    ffmpeg = _import("imageio_ffmpeg")
    if not frames_per_second > 0:
        raise ValueError(
            f"frames_per_second must be positive; got {frames_per_second!r}."
        )
    size = check_size(size)
    path = as_path(path, ".mp4")
    recording = record(env, rollout, most_lanes=most_lanes)
    pictures = _tiled(recording.scenes, size, 4)
    pictures = _with_progress(pictures, recording.num_frames, path, progress)
    first = next(pictures)
    height, width = first.shape[:2]
    # The encoder writes to a file of its own, which then takes the place of `path`.
    temporary = path.with_name(f".{path.stem}-{secrets.token_hex(4)}.mp4")
    command = [
        *(ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-y"),
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"),
        *("-r", str(frames_per_second), "-i", "-"),
        # Even sizes and a format that every player knows.
        *("-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p"),
        *("-c:v", "libx264", "-crf", "18", "-movflags", "+faststart"),
        str(temporary),
    ]
    try:
        temporary.touch(exist_ok=False)
        _encode(command, itertools.chain([first], pictures), path)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _encode(
    command: list[str], pictures: Iterable[np.ndarray], path: pathlib.Path
) -> None:
    with tempfile.TemporaryFile() as messages:
        encoder = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=messages, stderr=messages
        )
        assert encoder.stdin is not None
        try:
            with encoder.stdin:
                for picture in pictures:
                    encoder.stdin.write(np.ascontiguousarray(picture).data)
        except BrokenPipeError:
            pass  # The reason is reported below.
        except BaseException:
            encoder.kill()
            raise
        finally:
            code = encoder.wait()
        if code != 0:
            messages.seek(0)
            reason = messages.read().decode(errors="replace").strip()
            raise OSError(f"{path} could not be encoded: {reason}")


def save_contact_sheet(
    env: Any,
    rollout: Any,
    path: str | os.PathLike[str],
    *,
    size: int | tuple[int, int] = 192,
    num_pictures: int = 12,
    most_lanes: int = 1,
) -> pathlib.Path:
    """Writes moments of a rollout as one PNG picture, whole or not at all.

    It needs Pillow, which `pip install "eqenvs[render]"` installs.

    **Arguments:**

    - `env`, `rollout`: as in [`eqenvs.rendering.Viewer`][].
    - `path`: the file. An existing one is replaced.
    - `size`: the height and width of one picture in pixels: one number for both, or a
        pair.
    - `num_pictures`: the number of moments of a lane to show, evenly spaced, including
        the first and the last.
    - `most_lanes`: the largest number of lanes to show. A single lane is shown as a
        grid; otherwise each lane is a row.

    **Returns:**

    The path.

    **Raises:**

    - `ImportError` if Pillow is not installed.
    - `TypeError` or `ValueError` if an argument is not as described above.
    - `OSError` if the file cannot be written.
    """
    image = _import("PIL.Image")
    check_count("num_pictures", num_pictures)
    size = check_size(size)
    path = as_path(path, ".png")
    recording = record(env, rollout, most_lanes=most_lanes)
    number = min(num_pictures, recording.num_frames)
    moments = np.round(np.linspace(0, recording.num_frames - 1, number)).astype(int)
    pictures = np.asarray(_pictures(recording.scenes[moments], size))
    if recording.num_lanes == 1:
        sheet = tile(pictures[:, 0])
    else:
        rows = [
            tile(pictures[:, lane], columns=number)
            for lane in range(recording.num_lanes)
        ]
        sheet = tile(np.stack(rows), columns=1)
    buffer = io.BytesIO()
    image.fromarray(sheet).save(buffer, "PNG")
    write_safely(path, buffer.getvalue())
    return path


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"This needs {name.split('.')[0]}, which is not installed; "
            'pip install "eqenvs[render]" installs it.'
        ) from error


def _with_progress(
    pictures: Iterator[np.ndarray], number: int, path: pathlib.Path, progress: bool
) -> Iterator[np.ndarray]:
    if not progress:
        return pictures
    bar = _import("tqdm.auto").tqdm
    return iter(bar(pictures, total=number, desc=path.name, unit="frame"))
