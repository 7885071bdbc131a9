"""A palette for pictures that everybody can read.

The eight hues differ for people with each of the three kinds of color blindness, and
their lightness alone tells them apart, so they survive a grayscale print. Each stands
out on `PAPER` or on `INK`: take the dark half for light pictures, the light half for
dark ones. `L*` is the CIE lightness, from 0 (black) to 100 (white); `Y` is the relative
luminance, from 0 to 1.

| name | hex | L* | Y |
| --- | --- | --- | --- |
| `INK` | `#1f2937` | 16 | 0.02 |
| `BLUE` | `#2458a6` | 38 | 0.10 |
| `RED` | `#c5402f` | 47 | 0.16 |
| `GREEN` | `#2a9a72` | 57 | 0.25 |
| `PURPLE` | `#c28ae0` | 66 | 0.35 |
| `ORANGE` | `#f5a13a` | 73 | 0.46 |
| `SKY` | `#86d3f5` | 81 | 0.58 |
| `YELLOW` | `#f7e463` | 90 | 0.76 |

Grays for everything that is not the point of the picture:

| name | hex | L* | Y |
| --- | --- | --- | --- |
| `BLACK` | `#000000` | 0 | 0.00 |
| `SLATE` | `#4f5967` | 38 | 0.10 |
| `GRAY` | `#8a93a0` | 61 | 0.29 |
| `SILVER` | `#d5d9de` | 86 | 0.69 |
| `PAPER` | `#fafaf7` | 98 | 0.95 |
| `WHITE` | `#ffffff` | 100 | 1.00 |
"""

import numpy as np


Color = np.ndarray


def _from_hex(code: str) -> Color:
    # Arrays, so that `jnp.where(is_hit, RED, BLUE)` and `palette[index]` work.
    color = np.array([int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)], np.float32)
    color.flags.writeable = False
    return color


INK = _from_hex("#1f2937")
BLUE = _from_hex("#2458a6")
RED = _from_hex("#c5402f")
GREEN = _from_hex("#2a9a72")
PURPLE = _from_hex("#c28ae0")
ORANGE = _from_hex("#f5a13a")
SKY = _from_hex("#86d3f5")
YELLOW = _from_hex("#f7e463")

BLACK = _from_hex("#000000")
SLATE = _from_hex("#4f5967")
GRAY = _from_hex("#8a93a0")
SILVER = _from_hex("#d5d9de")
PAPER = _from_hex("#fafaf7")
WHITE = _from_hex("#ffffff")
