"""Pictures: scenes that are values, and everything that draws, shows and saves them."""

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
from .video import (
    frames as frames,
    save_contact_sheet as save_contact_sheet,
    save_gif as save_gif,
    save_mp4 as save_mp4,
    tile as tile,
)
from .viewer import Viewer as Viewer
