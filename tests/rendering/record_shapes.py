"""Pictures that were looked at, and that drawing must keep giving.

To record them again, after looking at what changed:
`python -m tests.rendering.record_shapes`.
"""

import pathlib

import jax
import numpy as np

from eqenvs.rendering import rasterize, tile

from .scenes import Cart, cart_states, every_shape, shape_zoo


FOLDER = pathlib.Path(__file__).parent / "shapes"


def pictures() -> dict[str, np.ndarray]:
    """The pictures, by the names of their files."""
    zoo = [np.asarray(rasterize(scene, (48, 64))) for scene in shape_zoo().values()]
    states = cart_states(3)
    carts = jax.vmap(lambda state: rasterize(Cart().draw(state), (57, 156)))(states)
    return {
        "shapes.png": tile(np.stack(zoo)),
        "cart.png": tile(carts, columns=1),
        "every_shape.png": np.asarray(rasterize(every_shape(), (240, 400))),
    }


if __name__ == "__main__":
    from PIL import Image

    FOLDER.mkdir(exist_ok=True)
    for name, picture in pictures().items():
        Image.fromarray(picture).save(FOLDER / name, optimize=True)
        print(FOLDER / name)
