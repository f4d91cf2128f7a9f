"""Symbolic derivation of the geometry of a quotient from a group action."""

from quotient.symbolic.action import Chart, SymbolicAction
from quotient.symbolic.derivation import Derivation, derive
from quotient.symbolic.errors import SymbolicError
from quotient.symbolic.process import ProcessGenerator

__all__ = ["Chart", "Derivation", "ProcessGenerator", "SymbolicAction", "SymbolicError", "derive"]
