"""The cross-check as a page: one self-contained HTML file, vector graphics, readable in light and dark."""

from sim_harness.report.page import write_report

__all__ = ["write_report"]
