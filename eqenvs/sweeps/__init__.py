"""Sweeps: many training runs that together measure an agent."""

from . import bsuite as bsuite
