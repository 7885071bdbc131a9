"""What `eqenvs bench` measures. Imported only when that command runs."""

from .case import Settings as Settings
from .chart import chart as chart
from .report import markdown as markdown, tables as tables
from .suite import choose as choose, measure as measure
