"""The density of a population of noisy LIF neurons in time: the Fokker-Planck equation with time-varying input.

    dp/dt = -dJ/dV + r(t - t_ref) delta(V - V_reset),   J = (mu - V) p / tau - sigma^2 / (2 tau) dp/dV,   r = J(V_th)

Finite volumes: in each cell the mass changes by what flows through its faces, so mass is kept to rounding.  The flux is
Scharfetter and Gummel's (IEEE Trans. Electron Devices 16, 1969), exact for a constant drift, so densities do not ripple
however small the noise; the last cell's face at V_th absorbs, over half a cell.  Time steps are Crank and Nicolson's
with the input at mid-step, after a start or a jump two of two implicit half steps each (Rannacher, Numer. Math. 43,
1984).  What leaves in a step waits in a queue and enters V_reset's cell after t_ref, shared between two steps when
that is no whole number of them.  Second order in space and time.

Valid where cells are small beside sigma, and small beside sigma^2 / |mu - V|: the flux has a noise of its own, which
makes sigma^2 larger by z^2 / 12 for small z = 2 width |mu - V| / sigma^2, and by |z| / 2 for large.  ``Grid.of`` makes
a cell at most a fortieth of the smallest sigma, and z at most 1/2 between mean and reset (2 % of sigma^2 there, which
is where V moves fastest).  A step is a fraction of tau, of every change of the input, and of the time
sigma tau / |mu - V| in which the density moves by its own width.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from golden.errors import SpecError
from golden.theory.fokker_planck_kernel import absorption, advance, bernoulli
from golden.theory.neuron import finite, number

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from golden.neurons.lif import FloatArray
    from golden.theory.neuron import Neuron

#: A constant, one value a step, or a function of an array of times [s].
Input: TypeAlias = "float | FloatArray | Callable[[FloatArray], ArrayLike]"

#: Cells of a sigma; sigmas below the lowest of mean and reset, and the fewest for a given grid; most cells.
_FINE, _BELOW, _LEAST, _MOST = 40, 7.0, 4.0, 100_000
#: Sigmas between mean and reset beyond which the drift, not sigma, says how fine a cell must be.
_FAR = 10.0
#: Steps between two reports of the progress; where a steady state on its way down is scaled.
_CHUNK, _HUGE = 2048, 1e200


@dataclass(frozen=True)
class Grid:
    """Cells of ``width`` [V]: V_th is the upper face of the last, V_reset the centre of cell ``reset``."""

    width: float
    cells: int
    reset: int
    top: float

    @classmethod
    def of(cls, neuron: Neuron, mu: ArrayLike, sigma: ArrayLike, per_sigma: int = _FINE) -> Grid:
        """A grid for inputs within ``mu`` and ``sigma`` (any arrays), ``per_sigma`` cells a smallest sigma.

        More of them where a mean is farther than 10 sigma from the reset, for the drift's sake.
        """
        m, s = _range("mu", mu), _range("sigma", sigma)
        if not per_sigma >= 2:
            raise SpecError.rule("Cells of a sigma", "at least 2", per_sigma)
        widest = _widest(neuron, m, s) / per_sigma
        low = min(neuron.V_reset, m[0]) - _BELOW * s[1]
        needed = (neuron.V_th - low) / widest if widest > 0 else math.inf
        if needed > _MOST:
            raise SpecError.rule("Grid", f"of at most {_MOST} cells (less input range, or more noise)", f"{needed:.6g}")
        above = math.ceil(neuron.span / widest)
        width = neuron.span / (above + 0.5)
        cells = math.ceil((neuron.V_th - low) / width)
        return cls(width, cells, cells - 1 - above, neuron.V_th)

    def check(self, neuron: Neuron, mu: ArrayLike, sigma: ArrayLike) -> None:
        """SpecError unless it is this neuron's, fine enough (2 cells a sigma) and goes down far enough (4 sigma)."""
        m, s = _range("mu", mu), _range("sigma", sigma)
        reset = self.top - self.width * (self.cells - 0.5 - self.reset)
        if max(abs(self.top - neuron.V_th), abs(reset - neuron.V_reset)) > 1e-9 * neuron.span:
            raise SpecError.rule(
                "Grid",
                f"that of the neuron (V_th {neuron.V_th:g}, V_reset {neuron.V_reset:g} V)",
                f"one of V_th {self.top:g}, V_reset {reset:g} V",
            )
        widest = _widest(neuron, m, s) / 2
        if self.width > widest:
            raise SpecError.rule("Width of the grid's cells", f"at most {widest:.3g} V here", f"{self.width:.3g} V")
        low, bottom = min(neuron.V_reset, m[0]) - _LEAST * s[1], self.top - self.width * self.cells
        if bottom > low:
            raise SpecError.rule("Lower end of the grid", f"at most {low:.3g} V here", f"{bottom:.3g} V")

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
    initial: str | float | tuple[float, float] | ArrayLike = "stationary",
    jumps: ArrayLike = (),
    record: ArrayLike = (),
    progress: Callable[[float], None] | None = None,
) -> Evolution:
    """The population from ``initial`` on, over ``duration`` [s] in whole steps of ``dt`` [s].

    ``mu``, ``sigma``  [V]: constants, arrays with a value for every step, or functions of time, taken at mid-step
    ``initial``        "stationary": that of the input at time 0; a tuple (mu, sigma) [V]: that of this input, which
                       jumps at time 0; a potential [V]: all are there and none is refractory; an array (cells,) [1/V]
                       of integral 1, none refractory
    ``jumps``          times [s], at best ends of steps, at which the input jumps: there the steps are damped, as at a
                       start that is not stationary
    ``record``         times [s] whose densities are kept, each at the nearest end of a step (0 is the start), in order
                       and once each

    SpecError for a dt above t_ref > 0, a sigma that is not positive, arrays of another length, a record outside the
    duration, and a grid of another neuron, too coarse or too short for the input.
    """
    duration, dt = number("duration", duration, "s"), number("dt", dt, "s")
    if dt <= 0:
        raise SpecError.rule("Time step dt", "positive", f"{dt:g} s")
    if duration < dt:
        raise SpecError.rule("Duration", f"at least one step ({dt:g} s)", f"{duration:g} s")
    if 0 < neuron.t_ref < dt * (1 - 1e-9):
        raise SpecError.rule("Time step dt", f"at most t_ref ({neuron.t_ref:g} s), unless that is 0", f"{dt:g} s")
    steps = round(duration / dt)
    middles = dt * (np.arange(steps, dtype=np.float64) + 0.5)
    m, s = (_sampled(name, value, middles) for name, value in (("mu", mu), ("sigma", sigma)))
    asked = finite("record", record, "s").ravel()
    if (outside := np.abs(asked - steps * dt / 2) > (steps + 1) * dt / 2).any():
        raise SpecError.rule("Times to record", f"within 0 to {steps * dt:g} s", f"{asked[outside][0]:g} s")
    kept = np.unique(np.clip(np.rint(asked / dt), 0, steps)).astype(np.int64)
    cells, p, start_rate = _start(neuron, grid, initial, (mu, sigma), (m, s))
    whole = neuron.t_ref / dt
    late = int(np.floor(whole + 1e-9))
    part = max(whole - late, 0.0) if late else 0.0
    left = np.full(late + 1 + steps, start_rate * dt)  # what has left in each step; before the start, at its rate
    damped = np.zeros(steps, dtype=np.bool_)
    damped[:2] = not isinstance(initial, str)  # a stationary start is smooth already
    for jump in finite("jumps", jumps, "s").ravel().tolist():
        if jump >= 0:
            damped[math.floor(jump / dt + 1e-9) :][:2] = True
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
        if len(densities) < kept.size:
            densities.append(p.copy())
            waiting = left[end + 1 : end + 1 + late].sum() + part * left[end] if late else 0.0
            mass.append(p.sum() * cells.width + waiting)
        begin = end
    density = np.array(densities).reshape(-1, cells.cells)
    return Evolution(
        middles, left[late + 1 :] / dt, cells, np.asarray(kept * dt, dtype=np.float64), density, np.array(mass)
    )


def stationary(neuron: Neuron, mu: float, sigma: float, grid: Grid | None = None) -> tuple[Grid, FloatArray, float]:
    """The scheme's own steady state: grid, density (cells,) [1/V] and rate [Hz], 0 where that is below float64.

    The integral is 1 - rate t_ref.  The flux is the rate above the reset and 0 below, which gives the density cell by
    cell from the threshold down; nothing is solved.
    """
    mu, sigma = (float(_sampled(name, value, np.zeros(1))[0]) for name, value in (("mu", mu), ("sigma", sigma)))
    cells = Grid.of(neuron, mu, sigma) if grid is None else grid
    cells.check(neuron, mu, sigma)
    d = sigma**2 / (2 * neuron.tau)
    faces = cells.centres[:-1] + cells.width / 2
    z = (mu - faces) * (cells.width / (neuron.tau * d))
    small = np.array([bernoulli(abs(x)) for x in z.tolist()])
    forward, back = small + np.maximum(z, 0), small + np.maximum(-z, 0)
    p = np.zeros(cells.cells)
    flux = 1.0
    p[-1] = flux / (absorption(mu, d, neuron.tau, cells.width, cells.top) * cells.width)
    for k in range(cells.cells - 2, -1, -1):
        if forward[k] < 1 / _HUGE:  # what is above is nothing beside what is below
            p[k + 1 :], flux, p[k] = 0.0, 0.0, 1.0
            continue
        p[k] = ((flux if k >= cells.reset else 0.0) * cells.width / d + back[k] * p[k + 1]) / forward[k]
        if p[k] > _HUGE:
            p[k:] /= _HUGE
            flux /= _HUGE
    total = float(p.sum()) * cells.width + flux * neuron.t_ref
    return cells, p / total, flux / total


def _start(
    neuron: Neuron,
    grid: Grid | None,
    initial: str | float | tuple[float, float] | ArrayLike,
    inputs: tuple[Input, Input],
    sampled: tuple[FloatArray, FloatArray],
) -> tuple[Grid, FloatArray, float]:
    """Grid, density at the start, and the rate before it, whose spikes are still on the way."""
    (mu, sigma), (m, s) = inputs, sampled
    before: tuple[float, float] | None = None
    values = np.zeros(0)
    if isinstance(initial, str):
        if initial != "stationary":
            raise SpecError.rule(
                "Initial density", '"stationary", a tuple (mu, sigma), a potential or an array', repr(initial)
            )
        zero = np.zeros(1)
        before = (
            float(_sampled("mu", mu, zero)[0] if callable(mu) else m[0]),
            float(_sampled("sigma", sigma, zero)[0] if callable(sigma) else s[0]),
        )
    elif isinstance(initial, tuple):
        pair = finite("initial", initial, "V")
        if pair.shape != (2,):
            raise SpecError.rule("Initial tuple", "(mu, sigma)", repr(initial))
        before = float(pair[0]), float(pair[1])
    else:
        values = finite("initial", initial, "V" if np.ndim(initial) == 0 else "1/V")
    if before is not None:
        m, s = np.append(m, before[0]), np.append(s, before[1])
    elif values.ndim == 0:
        m = np.append(m, min(float(values), neuron.V_th))
    cells = Grid.of(neuron, m, s) if grid is None else grid
    cells.check(neuron, m, s)
    if before is not None:
        return stationary(neuron, *before, cells)
    return cells, _given(values, cells), 0.0


def _given(values: FloatArray, grid: Grid) -> FloatArray:
    """(cells,) [1/V]: all at one potential, or an array as it is."""
    if values.ndim == 0:
        place = (float(values) - grid.centres[0]) / grid.width
        if not -0.5 <= place < grid.cells - 0.5:
            low = grid.centres[0] - grid.width / 2
            raise SpecError.rule("Initial potential", f"within {low:g} to {grid.top:g} V", f"{values:g} V")
        p = np.zeros(grid.cells)
        k = int(np.clip(np.floor(place + 1e-9), 0, grid.cells - 2))
        share = min(max(place - k, 0.0), 1.0)
        p[k], p[k + 1] = (1 - share) / grid.width, share / grid.width  # keeps the mean
        return p
    if values.shape != (grid.cells,):
        raise SpecError.rule("Initial density", f"of shape ({grid.cells},)", f"of shape {values.shape}")
    if (values < 0).any() or abs(values.sum() * grid.width - 1) > 1e-9:
        raise SpecError.rule(
            "Initial density", "not negative, of integral 1", f"of integral {values.sum() * grid.width:g}"
        )
    return values.copy()


def _widest(neuron: Neuron, mu: tuple[float, float], sigma: tuple[float, float]) -> float:
    """Sigma [V], or less where the drift from the reset to the mean asks for finer cells (module's head)."""
    far = max(abs(end - neuron.V_reset) for end in mu)
    return sigma[0] * min(1.0, _FAR * sigma[0] / far) if far > 0 else sigma[0]


def _range(name: str, value: ArrayLike) -> tuple[float, float]:
    """Smallest and largest [V]; a sigma must be positive."""
    array = finite(name, value, "V")
    if array.size == 0:
        raise SpecError.rule(f"Input {name}", "of at least one value", "empty")
    low, high = float(array.min()), float(array.max())
    if name == "sigma" and low <= 0:
        raise SpecError.rule("Input sigma", "positive", f"{low:g} V")
    return low, high


def _sampled(name: str, value: Input, times: FloatArray) -> FloatArray:
    """(steps,) values at mid-step."""
    array = finite(name, value(times) if callable(value) else value, "V")
    if array.shape not in ((), times.shape):
        raise SpecError.rule(f"Input {name}", f"one value or {times.size}, one a step", f"of shape {array.shape}")
    return np.ascontiguousarray(np.broadcast_to(array, times.shape))
