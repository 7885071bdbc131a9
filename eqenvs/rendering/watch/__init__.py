"""A local page that shows the current policy while an agent trains:
`pip install "eqenvs[play]"`."""

from ._watcher import Watcher as Watcher
