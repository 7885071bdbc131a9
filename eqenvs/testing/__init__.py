"""Tools for testing environments.

[`eqenvs.testing.check_environment`][] lists everything that is wrong with an
environment. `eqenvs.testing.strategies` has Hypothesis strategies, and needs the extra
`testing`: `pip install "eqenvs[testing]"`.
"""

from ._check import (
    check_environment as check_environment,
    CHECKS as CHECKS,
    EnvironmentCheckError as EnvironmentCheckError,
    find_problems as find_problems,
    Problem as Problem,
)
from ._probe import Probe as Probe
