"""`eqenvs list`"""

from .._registry import registered, spec
from ._arguments import command


@command
class List:
    """List the environments."""

    def run(self) -> None:
        for id in registered():
            print(f"{id:26} {spec(id).summary}".rstrip())
