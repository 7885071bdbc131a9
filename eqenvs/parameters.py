"""Descriptions of parameters, for the fields of environments of your own."""

from ._parameters import (
    Choice as Choice,
    Count as Count,
    Flag as Flag,
    Integer as Integer,
    Real as Real,
)
