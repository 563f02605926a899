"""The harness: engines, comparison, reports, command line; the only package that knows all the others."""

from __future__ import annotations

__version__ = "0.1.0"
