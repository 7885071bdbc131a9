"""`eqenvs list`"""

from dataclasses import dataclass

from .._registry import registered, spec


@dataclass
class List:
    """List the environments."""

    def run(self) -> None:
        for id in registered():
            print(f"{id:26} {spec(id).summary}".rstrip())
