"""Tests that run the packages of others: `make test-interop` installs them."""

import pathlib

import pytest


HERE = pathlib.Path(__file__).parent


def pytest_collection_modifyitems(items):
    """Marks the tests of this folder. Warnings of other packages are not ours."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.interop)
            item.add_marker(pytest.mark.filterwarnings("default"))
