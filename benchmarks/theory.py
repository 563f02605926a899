"""How fast the theory is: responses by threshold integration against closed forms, rates against quadrature.

    python benchmarks/theory.py                 a thousand frequencies, a hundred thousand rates
    python benchmarks/theory.py --frequencies 100

CPU time, one process.  Agreement is the largest relative difference over the frequencies that both ways were asked for.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.integrate import quad
from scipy.special import erfcx

from golden.theory import closed_form
from golden.theory.fokker_planck import Grid, evolve
from golden.theory.neuron import Neuron
from golden.theory.rate import rate
from golden.theory.threshold_integration import response_mu

NEURON = Neuron(tau=20e-3, V_th=20e-3, V_reset=10e-3, t_ref=2e-3)


def timed(work: Callable[[], object]) -> float:
    """CPU seconds of the second of two runs: the first one compiles."""
    work()
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frequencies", type=int, default=1000)
    count = parser.parse_args().frequencies
    console, table = Console(), Table(box=None, pad_edge=False)
    for column in ("what", "time each", "the other way", "ratio", "agreement"):
        table.add_column(column)
    f = np.linspace(1.0, 1000.0, count)
    few = f[:: max(count // 8, 1)]
    for mu, sigma in ((15e-3, 5e-3), (25e-3, 0.5e-3)):
        ours = timed(lambda mu=mu, sigma=sigma: response_mu(NEURON, mu, sigma, f)) / count
        start = time.process_time()
        closed = np.array([closed_form.response_mu(NEURON, mu, sigma, float(x)) for x in few])
        theirs = (time.process_time() - start) / few.size
        gap = np.abs(response_mu(NEURON, mu, sigma, few) / closed - 1).max()
        name = f"chi at mu {1e3 * mu:g}, sigma {1e3 * sigma:g} mV"
        table.add_row(
            name, f"{1e3 * ours:.3f} ms", f"{1e3 * theirs:.0f} ms (mpmath)", f"{theirs / ours:.0f}", f"{gap:.0e}"
        )
    means = np.linspace(0.0, 40e-3, 100_000)
    ours = timed(lambda: rate(NEURON, means, 5e-3)) / means.size
    some = means[::500]
    start = time.process_time()
    written = np.array([_by_quadrature(float(m), 5e-3) for m in some])
    theirs = (time.process_time() - start) / some.size
    gap = np.abs(rate(NEURON, some, 5e-3) / written - 1).max()
    row = f"{1e6 * ours:.2f} us", f"{1e6 * theirs:.0f} us (quad)", f"{theirs / ours:.0f}", f"{gap:.0e}"
    table.add_row("Siegert's rate", *row)
    grid = Grid.of(NEURON, 15e-3, 5e-3)
    steps = 5000
    seconds = timed(lambda: evolve(NEURON, 15e-3, 5e-3, steps * 1e-4, 1e-4, grid=grid))
    table.add_row(f"Fokker-Planck, a step of {grid.cells} cells", f"{1e6 * seconds / steps:.1f} us", "", "", "")
    console.print(table)


def _by_quadrature(mu: float, sigma: float) -> float:
    low, high = (NEURON.V_reset - mu) / sigma, (NEURON.V_th - mu) / sigma
    integral = quad(lambda s: erfcx(-s), low, high, epsrel=1e-12, limit=200)[0]
    return 1 / (NEURON.t_ref + NEURON.tau * np.sqrt(np.pi) * float(integral))


if __name__ == "__main__":
    main()
