"""What the figures of all studies share: size, style, colours of the theory and of the machines."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import matplotlib as mpl

from sim_harness.report.plots import COLOURS, INK, STYLE, blank_figure, svg_text
from studies.study import Panel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.figure import Figure

__all__ = ["COLOURS", "INK", "SERIES", "Sheet", "sheet"]

#: Colours for what is no machine, in the order of use (Okabe & Ito 2008, adapted to white and near-black pages).
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#8a8a8a")


class Sheet:
    """A figure in the making, with ``axes`` in rows and columns; ``panel`` becomes the page's when the block ends."""

    def __init__(self, title: str, caption: str, figure: Figure, axes: Any) -> None:
        """See ``sheet``."""
        self.title, self.caption, self.figure, self.axes = title, caption, figure, axes
        self.panel = Panel(title, caption, "")

    def legend(self, columns: int = 4, **options: Any) -> None:
        """One legend below all axes, each label once."""
        handles: dict[str, Any] = {}
        for axes in self.figure.axes:
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
                handles.setdefault(label, handle)
        self.figure.legend(
            list(handles.values()), list(handles), loc="outside lower center", ncols=columns, fontsize=9, **options
        )


@contextmanager
def sheet(
    title: str, caption: str, rows: int = 1, columns: int = 1, height: float = 4.0, **options: Any
) -> Iterator[Sheet]:
    """A sheet of ``rows`` x ``columns`` axes (options as of Matplotlib's subplots), drawn in the house style."""
    with mpl.rc_context(STYLE):
        figure = blank_figure(9.5, height)
        result = Sheet(title, caption, figure, figure.subplots(rows, columns, **options))
        yield result
        result.panel = Panel(title, caption, svg_text(figure, title))
