"""Errors a user can cause; each is one line: "<Thing> must be <rule>, not <value>"."""

from __future__ import annotations


class HillockError(Exception):
    """A user's mistake or a missing prerequisite; the command line prints it in one line and exits with 2."""


class SpecError(HillockError):
    """A description (neuron, stimulus, format, experiment) that breaks a rule."""

    @classmethod
    def rule(cls, thing: str, rule: str, value: object) -> SpecError:
        """The project's one sentence for a broken rule."""
        return cls(f"{thing} must be {rule}, not {value}")


class QuantisationError(SpecError):
    """A value that the chosen fixed-point format cannot hold or cannot reach."""


class MissingToolError(HillockError):
    """An external tool that this job needs is not installed."""


class SimulationError(HillockError):
    """A simulator failed, timed out, or returned a result that its own checks reject."""
