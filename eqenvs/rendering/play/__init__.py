"""A local page on which a person plays: `pip install "eqenvs[play]"`."""

from ._server import serve as serve
