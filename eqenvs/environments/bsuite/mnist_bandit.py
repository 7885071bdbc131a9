"""MNISTBandit: name the digit in an image, and learn only whether the guess was right.

The rules are those of `bsuite/environments/mnist.py` in bsuite 0.3.6 (Osband et al.,
"Behaviour suite for reinforcement learning", ICLR 2020;
https://github.com/google-deepmind/bsuite).

1. An episode draws one of the labeled images, and shows it.
2. The action names a digit. It pays 1 if that is the label and -1 if it is not.
3. The episode terminates after this one step, on an image of zeros.

**Deviations:** none.

**Kept:**

- `MNISTBandit.load` reads the bytes of the images as signed: a brightness from 128 to
  255 becomes a number from -128 to -1, and observations lie in [-128/255, 127/255].
  `signed=False` reads them as intended.
"""

import os
from collections.abc import Sequence
from typing import Any, cast, Literal

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int32, Key, Num

from ..._environment import AbstractEnvironment, AbstractState, Transition
from ..._parametric import converted
from ...fields import AbstractParameter, integer, time_limit
from ...random import below
from ...rendering import Cells, Rectangle, Scene, Text
from ...rendering.colors import INK, PAPER
from ...spaces import Box, Discrete
from . import _mnist_files


_NUM_LABELS = 10


class _Images(AbstractParameter):
    """Images as they are stored: bytes, or numbers that need no scaling."""

    rank = 3

    @property
    def allowed(self) -> str:
        return (
            "an array of shape (images, height, width) with at least one image, of "
            "floats or of integers from 0 to 255"
        )

    def __call__(self, value: Any) -> Array:
        if not isinstance(value, jax.Array):
            value = np.asarray(value)
        if len(value.shape) != 3 or 0 in value.shape:
            raise ValueError(
                f"{self.name} must be {self.allowed}; got the shape {value.shape}."
            )
        if jnp.issubdtype(value.dtype, jnp.floating):
            return jnp.asarray(value, float)
        if not jnp.issubdtype(value.dtype, jnp.integer):
            raise TypeError(
                f"{self.name} must be {self.allowed}; got the dtype {value.dtype}."
            )
        if value.dtype in (jnp.uint8, jnp.int8):
            return jnp.asarray(value)
        if not isinstance(value, jax.core.Tracer):
            lowest, highest = np.min(value), np.max(value)
            if lowest < 0 or highest > 255:
                raise ValueError(
                    f"{self.name} must be {self.allowed}; got integers from {lowest} "
                    f"to {highest}."
                )
        return jnp.asarray(value).astype(jnp.uint8)


class MNISTBanditState(AbstractState):
    """Which image is shown."""

    index: Int32[Array, ""]
    time: Int32[Array, ""]


class MNISTBandit(
    AbstractEnvironment[
        MNISTBanditState, Int32[Array, ""], Float[Array, "height width"]
    ]
):
    """Classify images of digits from rewards.

    **Observation:** an image of shape `(height, width)`: `images[index] / 255` if the
    images are integers, `images[index]` if they are floats. Zeros when the episode is
    over.

    **Action:** `Discrete(10)`: the label to guess.

    **Reward:** 1 if the guess is the label of the image, otherwise -1.

    **Start:** an image drawn uniformly.

    **Episode end:** terminates after one step; truncated after `max_steps`.

    **Images:** without `images` and `labels` those of `MNISTBandit.load()` are used.
    bsuite reads the bytes of the files as signed, so that brightnesses from 128 to 255
    become -128 to -1, and observations lie between -128/255 and 127/255; so does
    `load` by default.

    **Source:** bsuite 0.3.6, `bsuite/environments/mnist.py`; LeCun, Bottou, Bengio &
    Haffner (1998).
    """

    images: Num[Array, "images height width"] = _Images("The images.").field()
    labels: Int32[Array, " images"] = integer(
        description="The label of each image.",
        minimum=0,
        maximum=_NUM_LABELS - 1,
        shape=(None,),
    )
    max_steps: Int32[Array, ""] = time_limit(1)

    def __init__(
        self,
        images: ArrayLike | Sequence[Any] | None = None,
        labels: ArrayLike | Sequence[Any] | None = None,
        *,
        max_steps: ArrayLike = 1,
    ):
        max_steps = converted(MNISTBandit, "max_steps", max_steps)
        if images is None and labels is None:
            images, labels = _read(None, "train", 1.0, signed=True)
        if images is None or labels is None:
            given = "labels" if images is None else "images"
            raise TypeError(
                f"MNISTBandit takes both images and labels, or neither; got {given}."
            )
        images = converted(MNISTBandit, "images", images)
        labels = converted(MNISTBandit, "labels", labels)
        images_shape = np.shape(cast(Any, images))
        labels_shape = np.shape(cast(Any, labels))
        if labels_shape != images_shape[:1]:
            raise ValueError(
                "MNISTBandit.labels must have one entry for each image; got images of "
                f"shape {images_shape} and labels of shape {labels_shape}."
            )
        self.images = cast(Array, images)
        self.labels = cast(Array, labels)
        self.max_steps = cast(Array, max_steps)

    @classmethod
    def load(
        cls,
        directory: str | os.PathLike[str] | None = None,
        *,
        split: Literal["train", "test"] = "train",
        fraction: float = 1.0,
        signed: bool = True,
        max_steps: ArrayLike = 1,
    ) -> "MNISTBandit":
        """Reads the images from the four files in which MNIST is distributed.

        They are `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`,
        `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`, compressed (`.gz`) or
        not; the two of the split are enough.

        **Arguments:**

        - `directory`: the folder of the files. By default, it is the one that the
            environment variable `EQENVS_DATA` names, or else `eqenvs/mnist` in the
            user's cache. Missing files are downloaded, which needs the extra
            `eqenvs[data]`.
        - `split`: `"train"`, as in bsuite, or `"test"`.
        - `fraction`: the fraction of the split to keep, from its beginning.
        - `signed`: whether to read bytes as signed integers, as bsuite does.
        - `max_steps`: as for the class.

        **Returns:**

        An [`eqenvs.MNISTBandit`][].

        **Raises:**

        `FileNotFoundError` if a file is missing and could not be downloaded;
        `ValueError` if one is damaged.
        """
        images, labels = _read(directory, split, fraction, signed=signed)
        return cls(images, labels, max_steps=max_steps)

    def initial_state(self, key: Key[Array, ""]) -> MNISTBanditState:
        index = below(key, self.labels.shape[0])
        return MNISTBanditState(index=index, time=jnp.int32(0))

    def transition(
        self, key: Key[Array, ""], state: MNISTBanditState, action: Int32[Array, ""]
    ) -> Transition[MNISTBanditState]:
        del key
        reward = jnp.where(action == self.labels[state.index], 1.0, -1.0)
        state = MNISTBanditState(index=state.index, time=state.time + 1)
        return Transition(state, reward, jnp.array(True))

    def observe(self, state: MNISTBanditState) -> Float[Array, "height width"]:
        image = self.images[state.index]
        if jnp.issubdtype(image.dtype, jnp.integer):
            image = image.astype(float) / 255
        return jnp.where(state.time == 0, image, 0)

    @property
    def action_space(self) -> Discrete:
        return Discrete(_NUM_LABELS)

    @property
    def observation_space(self) -> Box:
        shape = self.images.shape[1:]
        if jnp.issubdtype(self.images.dtype, jnp.floating):
            return Box(-jnp.inf, jnp.inf, shape)
        low, high = (-128, 127) if self.images.dtype == jnp.int8 else (0, 255)
        return Box(low / 255, high / 255, shape)

    def draw(self, state: MNISTBanditState) -> Scene:
        image = self.images[state.index]
        if jnp.issubdtype(image.dtype, jnp.integer):
            # bsuite reads bytes as signed; the picture is that of the bytes.
            brightness = image.astype(jnp.uint8).astype(float) / 255
        else:
            darkest, range_ = jnp.min(image), jnp.max(image) - jnp.min(image)
            brightness = (image - darkest) / jnp.where(range_ > 0, range_, 1.0)
        rows, columns = image.shape
        is_over = state.time > 0
        number = self.labels[state.index]
        gray = jnp.broadcast_to(brightness[..., None], (rows, columns, 3))
        return Scene(
            (
                Cells(gray),
                Rectangle(
                    (columns / 2, rows / 2),
                    (columns, rows),
                    PAPER,
                    jnp.where(is_over, 0.7, 0.0),
                ),
                Text(
                    "label {}",
                    (columns / 2, -0.1 * rows),
                    0.08 * rows,
                    INK,
                    number=number,
                    digits=1,
                ),
            ),
            view=(0, -0.2 * rows, columns, rows),
        )


def _read(
    directory: str | os.PathLike[str] | None,
    split: Literal["train", "test"],
    fraction: float,
    *,
    signed: bool,
) -> tuple[np.ndarray, np.ndarray]:
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction must be above 0 and at most 1; got {fraction!r}.")
    images, labels = _mnist_files.load(directory, split)
    size = int(fraction * len(labels))
    if size == 0:
        raise ValueError(
            f"fraction={fraction!r} keeps none of the {len(labels)} images."
        )
    images = images[:size].view(np.int8) if signed else images[:size]
    return images, labels[:size]
