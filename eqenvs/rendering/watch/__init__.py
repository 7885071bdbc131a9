"""A page on this machine that shows the current policy while an agent is training:
`pip install "eqenvs[play]"`."""

from ._watcher import Watcher as Watcher
