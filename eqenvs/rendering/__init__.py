"""Pictures: scenes that are values, and everything that makes something of them."""

from . import colors as colors
from .raster import rasterize as rasterize
from .scene import (
    AbstractShape as AbstractShape,
    Cells as Cells,
    Disc as Disc,
    Polygon as Polygon,
    polyline as polyline,
    Rectangle as Rectangle,
    Scene as Scene,
    Segment as Segment,
    Text as Text,
)
from .svg import to_svg as to_svg
