"""The density of a population of noisy LIF neurons in time: the Fokker-Planck equation with time-varying input.

    dp/dt = -dJ/dV + r(t - t_ref) delta(V - V_reset),   J = (mu - V) p / tau - sigma^2 / (2 tau) dp/dV,   r = J(V_th)

Finite volumes: in each cell the mass changes by what flows through its faces, so mass is kept to rounding.  The flux is
Scharfetter and Gummel's (IEEE Trans. Electron Devices 16, 1969), exact for a constant drift, so densities do not ripple
however small the noise; the last cell's face at V_th absorbs, over half a cell.  Time steps are Crank and Nicolson's
with the input at mid-step, after a start or a jump two of two implicit half steps each (Rannacher, Numer. Math. 43,
1984).  What leaves in a step waits in a queue and enters V_reset's cell after t_ref, shared between two steps when
that is no whole number of them.  Second order in space and time.

Valid where a cell is a fraction of sigma (``Grid.of`` makes it a fortieth of the smallest) and a step a fraction of tau
and of every change of the input.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from golden.errors import SpecError
from golden.theory.fokker_planck_kernel import advance, bernoulli
from golden.theory.neuron import finite

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from golden.neurons.lif import FloatArray
    from golden.theory.neuron import Neuron

#: A constant, one value a step, or a function of an array of times [s].
Input: TypeAlias = "float | FloatArray | Callable[[FloatArray], ArrayLike]"

#: Cells of a sigma; sigmas below the lowest of mean and reset; most cells.
_FINE, _BELOW, _MOST = 40, 7.0, 100_000
#: Steps between two reports of the progress.
_CHUNK = 2048


@dataclass(frozen=True)
class Grid:
    """Cells of ``width`` [V]: V_th is the upper face of the last, V_reset the centre of cell ``reset``."""

    width: float
    cells: int
    reset: int
    top: float

    @classmethod
    def of(cls, neuron: Neuron, mu: ArrayLike, sigma: ArrayLike, per_sigma: int = _FINE) -> Grid:
        """A grid for inputs within ``mu`` and ``sigma`` (any arrays), ``per_sigma`` cells a smallest sigma."""
        m, s = finite("mu", mu, "V"), finite("sigma", sigma, "V")
        if (s <= 0).any():
            raise SpecError.rule("Input sigma", "positive", f"{s.min():g} V")
        if per_sigma < 2:
            raise SpecError.rule("Cells of a sigma", "at least 2", per_sigma)
        above = math.ceil(neuron.span / s.min() * per_sigma)
        width = neuron.span / (above + 0.5)
        low = min(neuron.V_reset, float(m.min())) - _BELOW * float(s.max())
        cells = math.ceil((neuron.V_th - low) / width)
        if cells > _MOST:
            raise SpecError.rule("Grid", f"of at most {_MOST} cells (less input range, or more noise)", cells)
        return cls(width, cells, cells - 1 - above, neuron.V_th)

    @property
    def centres(self) -> FloatArray:
        """(cells,) [V], ascending."""
        centres: FloatArray = self.top - self.width * (self.cells - 0.5 - np.arange(self.cells, dtype=np.float64))
        return centres


@dataclass(frozen=True, eq=False)
class Evolution:
    """What a population did.

    times     (steps,) [s]: middle of each step
    rate      (steps,) [Hz]: mean rate in each step
    grid      cells; ``density`` (records, cells) [1/V] at ``recorded`` (records,) [s], the ends of steps
    mass      (records,): integral of the density and of what waits in the queue
    """

    times: FloatArray
    rate: FloatArray
    grid: Grid
    recorded: FloatArray
    density: FloatArray
    mass: FloatArray


def evolve(
    neuron: Neuron,
    mu: Input,
    sigma: Input,
    duration: float,
    dt: float,
    *,
    grid: Grid | None = None,
    initial: str | float | ArrayLike = "stationary",
    jumps: ArrayLike = (),
    record: ArrayLike = (),
    progress: Callable[[float], None] | None = None,
) -> Evolution:
    """The population from ``initial`` on, over ``duration`` [s] in whole steps of ``dt`` [s].

    ``mu``, ``sigma``  [V]: constants, arrays with a value for every step, or functions of time, taken at mid-step
    ``initial``        "stationary": that of the input at time 0; a potential [V]: all are there and none is
                       refractory; an array (cells,) [1/V] of integral 1, none refractory
    ``jumps``          times [s] at which the input jumps: there the steps are damped, as at a start
    ``record``         times [s] whose densities are kept, each at the nearest end of a step (0 is the start)

    SpecError for a dt above t_ref > 0, a sigma that is not positive, and arrays of another length.
    """
    if not (math.isfinite(dt) and dt > 0):
        raise SpecError.rule("Time step dt", "positive", f"{dt:g} s")
    if not (math.isfinite(duration) and duration >= dt):
        raise SpecError.rule("Duration", f"at least one step ({dt:g} s)", f"{duration:g} s")
    if 0 < neuron.t_ref < dt * (1 - 1e-9):
        raise SpecError.rule("Time step dt", f"at most t_ref ({neuron.t_ref:g} s), unless that is 0", f"{dt:g} s")
    steps = round(duration / dt)
    middles = dt * (np.arange(steps, dtype=np.float64) + 0.5)
    m, s = (_sampled(name, value, middles) for name, value in (("mu", mu), ("sigma", sigma)))
    cells = Grid.of(neuron, m, s) if grid is None else grid
    if (s <= 0).any():
        raise SpecError.rule("Input sigma", "positive", f"{s.min():g} V")
    start = np.zeros(1)
    mu_0 = _sampled("mu", mu, start)[0] if callable(mu) else m[0]
    sigma_0 = _sampled("sigma", sigma, start)[0] if callable(sigma) else s[0]
    p, start_rate = _initial(neuron, cells, initial, float(mu_0), float(sigma_0))
    whole = neuron.t_ref / dt
    late = int(np.floor(whole + 1e-9))
    part = max(whole - late, 0.0) if late else 0.0
    left = np.full(late + 1 + steps, start_rate * dt)  # what has left in each step; before the start, at its rate
    kept = np.unique(np.clip(np.rint(finite("record", record, "s") / dt), 0, steps)).astype(np.int64)
    damped = np.zeros(steps, dtype=np.bool_)
    for jump in (0.0, *finite("jumps", jumps, "s").ravel().tolist()):
        damped[max(math.floor(jump / dt + 1e-9), 0) :][:2] = True
    if isinstance(initial, str):
        damped[:2] = False  # already smooth
    densities: list[FloatArray] = []
    mass: list[float] = []
    begin = 0
    for end in (*kept.tolist(), steps):
        for first in range(begin, end, _CHUNK):
            last = min(first + _CHUNK, end)
            place = cells.width, cells.top, cells.reset
            advance(p, left, first, last, dt, neuron.tau, m, s, damped, *place, late, part)
            if progress is not None:
                progress(last / steps)
        if end in kept and len(densities) < kept.size:
            densities.append(p.copy())
            waiting = left[end + 1 : end + 1 + late].sum() + part * left[end] if late else 0.0
            mass.append(p.sum() * cells.width + waiting)
        begin = end
    density = np.array(densities).reshape(-1, cells.cells)
    return Evolution(
        middles, left[late + 1 :] / dt, cells, np.asarray(kept * dt, dtype=np.float64), density, np.array(mass)
    )


def stationary(neuron: Neuron, mu: float, sigma: float, grid: Grid | None = None) -> tuple[Grid, FloatArray, float]:
    """The scheme's own steady state: grid, density (cells,) [1/V] and rate [Hz].

    Its integral is 1 - rate t_ref.  The flux is the rate above the reset and 0 below, which gives the density cell by
    cell from the threshold down; nothing is solved.
    """
    cells = Grid.of(neuron, mu, sigma) if grid is None else grid
    d = sigma**2 / (2 * neuron.tau)
    faces = cells.centres[:-1] + cells.width / 2
    z = (mu - faces) / neuron.tau * cells.width / d
    forward, back = bernoulli(-z), bernoulli(z)
    half = cells.width / 2
    edge = (mu - (cells.top - half / 2)) / neuron.tau * half / d
    p = np.zeros(cells.cells)
    p[-1] = half / d / bernoulli(np.array([-edge]))[0]  # for a rate of 1
    for k in range(cells.cells - 2, -1, -1):
        flux = 1.0 if k >= cells.reset else 0.0
        p[k] = (flux * cells.width / d + back[k] * p[k + 1]) / forward[k]
        if p[k] > 1e200:
            raise SpecError.rule(
                "Input", "one at which the neuron fires now and then", f"mu = {mu:g} V, sigma = {sigma:g} V"
            )
    rate = 1 / (p.sum() * cells.width + neuron.t_ref)
    return cells, rate * p, float(rate)


def _initial(
    neuron: Neuron, grid: Grid, initial: str | float | ArrayLike, mu: float, sigma: float
) -> tuple[FloatArray, float]:
    """Density at the start, and the rate before it, whose spikes are still on the way."""
    if isinstance(initial, str):
        if initial != "stationary":
            raise SpecError.rule("Initial density", '"stationary", a potential or an array', repr(initial))
        _, p, rate = stationary(neuron, mu, sigma, grid)
        return p, rate
    values = finite("initial", initial, "V" if np.ndim(initial) == 0 else "1/V")
    if values.ndim == 0:
        place = (float(values) - grid.centres[0]) / grid.width
        if not -0.5 <= place < grid.cells - 0.5:
            low = grid.centres[0] - grid.width / 2
            raise SpecError.rule("Initial potential", f"within {low:g} to {grid.top:g} V", f"{values:g} V")
        p = np.zeros(grid.cells)
        k = int(np.clip(np.floor(place + 1e-9), 0, grid.cells - 2))
        share = min(max(place - k, 0.0), 1.0)
        p[k], p[k + 1] = (1 - share) / grid.width, share / grid.width  # keeps the mean
        return p, 0.0
    if values.shape != (grid.cells,):
        raise SpecError.rule("Initial density", f"of shape ({grid.cells},)", f"of shape {values.shape}")
    if (values < 0).any() or abs(values.sum() * grid.width - 1) > 1e-9:
        raise SpecError.rule(
            "Initial density", "not negative, of integral 1", f"of integral {values.sum() * grid.width:g}"
        )
    return values.copy(), 0.0


def _sampled(name: str, value: Input, times: FloatArray) -> FloatArray:
    """(steps,) values at mid-step."""
    array = finite(name, value(times) if callable(value) else value, "V")
    if array.shape not in ((), times.shape):
        raise SpecError.rule(f"Input {name}", f"one value or {times.size}, one a step", f"of shape {array.shape}")
    return np.ascontiguousarray(np.broadcast_to(array, times.shape))
