"""Animated GIFs, with Pillow."""

import io
from collections.abc import Iterable

import numpy as np


def as_gif(
    pictures: Iterable[np.ndarray],
    sample: np.ndarray,
    frames_per_second: int | float,
    *,
    optimize: bool = False,
) -> bytes:
    """The bytes of an animated GIF, which begins again at its end.

    **Arguments:**

    - `pictures`: its frames, of shape `(height, width, 3)` and dtype uint8.
    - `sample`: a picture with the colors of all frames, which have one palette, so that
        nothing flickers.
    - `frames_per_second`: at most 50, the limit of the format. A frame takes a whole
        number of hundredths of a second.
    - `optimize`: whether to leave out pixels that do not change, for a smaller file.
    """
    from PIL import Image  # in the extra `render`

    palette = Image.fromarray(sample).quantize(256, method=Image.Quantize.MEDIANCUT)
    quantized = (
        Image.fromarray(picture).quantize(palette=palette, dither=Image.Dither.NONE)
        for picture in pictures
    )
    buffer = io.BytesIO()
    next(quantized).save(
        buffer,
        "GIF",
        save_all=True,
        append_images=quantized,
        duration=max(round(100 / frames_per_second), 2) * 10,
        loop=0,
        optimize=optimize,
        disposal=1,
    )
    return buffer.getvalue()
