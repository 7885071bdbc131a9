"""Sweeps: many training runs that together measure an algorithm."""

from . import bsuite as bsuite
