"""A page on this machine in which a person plays: `pip install "eqenvs[play]"`."""

from ._server import serve as serve
