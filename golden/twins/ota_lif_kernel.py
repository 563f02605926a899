"""The OTA twin under any input, compiled: classical Runge-Kutta between the input's corners, crossings by secants.

The membrane follows `golden.twins.ota_lif`'s equation; above V_th the comparator's pole follows too,

    tau_x dx/dt = (V - V_th) - x,      x >= 0,      the comparator fires at x = v_x,

whose answer to a ramp is that module's delay.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from golden.compiled import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

#: Steps for each of the shortest time constants.
STEPS = 32
#: [2 n U_T] by which the membrane may move in a step.
KNEE = 0.25
#: Secant steps for a crossing, which converges in three or four.
_SECANTS = 12


@kernel
def step(V: float, x: float, current: float, slope: float, syn: float, h: float, p: Any) -> tuple[float, float]:
    """(V, x) after ``h`` [s] from a current current + slope t + syn e^(-t / tau_syn); ``p`` as in `run`."""
    C, I_leak, V_leak, width, g_out, V_th, tau_x, tau_syn = p
    v, y, dV, dx = V, x, 0.0, 0.0
    for stage in range(4):
        at = 0.0 if stage == 0 else (h if stage == 3 else h / 2)
        above = v - V_leak
        total = current + slope * at + syn * math.exp(-at / tau_syn)
        a = (total - I_leak * math.tanh(above / width) - g_out * above) / C
        b = (v - V_th - y) / tau_x if tau_x > 0 else 0.0
        part = h if stage == 2 else h / 2
        v, y = V + a * part, x + b * part
        weight = 1.0 if stage in (0, 3) else 2.0
        dV += weight * a
        dx += weight * b
    return V + dV * h / 6, x + dx * h / 6


@kernel
def reach(
    V: float, x: float, current: float, slope: float, syn: float, h: float, p: Any, level: float, pole: bool
) -> float:
    """When [s] within a step of ``h`` the membrane (or, with ``pole``, x) rises through ``level``."""
    low, high = 0.0, h
    before = (x if pole else V) - level
    last = step(V, x, current, slope, syn, h, p)
    after = (last[1] if pole else last[0]) - level
    t = h
    for _ in range(_SECANTS):
        t = low + (high - low) * before / (before - after) if before != after else high
        found = step(V, x, current, slope, syn, t, p)
        value = (found[1] if pole else found[0]) - level
        if abs(value) < 1e-13 or high - low < 1e-15 * h:
            break
        # Illinois: halving the end that stays keeps the secant from creeping.
        if value < 0:
            low, before, after = t, value, after / 2
        else:
            high, after, before = t, value, before / 2
    return t


@kernel
def run(
    p: Any,
    reset: Any,
    inputs: Any,
    h_max: float,
    end: float,
    spikes: FloatArray,
) -> tuple[int, FloatArray]:
    """Fill ``spikes`` [s] and return their number (its size + 1 when there were more) and V at the samples.

    ``p``        C, I_leak, V_leak, 2 n U_T, g_out, V_th, tau_x, tau_syn
    ``reset``    V_0, t_ref, v_x, V at time 0
    ``inputs``   arrays: corners and currents of a piecewise-linear current [A] from time 0, constant after its last
                 corner; ascending events [s] at which V jumps by jumps [V], syn by weights [A]; ascending samples [s]
    """
    V_0, t_ref, v_x, V = reset
    corners, currents, events, jumps, weights, samples = inputs
    V_th, tau_x, tau_syn = p[5], p[6], p[7]
    level = v_x if tau_x > 0 else V_th + v_x
    found = np.empty(samples.size)
    x, syn, t, released = 0.0, 0.0, 0.0, 0.0
    c, e, k, n = 0, 0, 0, 0
    while t < end:
        while e < events.size and events[e] <= t:
            if t >= released:
                V += jumps[e]
            syn += weights[e]
            e += 1
        while c + 1 < corners.size and corners[c + 1] <= t:
            c += 1
        until = end
        if c + 1 < corners.size:
            until = min(until, corners[c + 1])
            slope = (currents[c + 1] - currents[c]) / (corners[c + 1] - corners[c])
        else:
            slope = 0.0
        if e < events.size:
            until = min(until, events[e])
        if t < released:
            # Held at the reset potential; only the synapse decays.
            until = min(until, released)
            while k < samples.size and samples[k] <= until:
                found[k] = V_0
                k += 1
            syn *= math.exp(-(until - t) / tau_syn)
            V, x, t = V_0, 0.0, until
            continue
        h = min(until - t, h_max)
        if tau_x > 0 and (x > 0 or V_th < V):
            h = min(h, tau_x / 8)
        current = currents[c] + slope * (t - corners[c])
        # tanh bends over a few 2 n U_T: no step may cross its knee at once.
        speed = abs(current + syn - p[1] * math.tanh((V - p[2]) / p[3]) - p[4] * (V - p[2])) / p[0]
        if speed * h > KNEE * p[3]:
            h = KNEE * p[3] / speed
        next_V, next_x = step(V, x, current, slope, syn, h, p)
        fired = False
        if tau_x > 0:
            if x <= 0 and V_th > V:
                next_x = 0.0
                if next_V > V_th:  # stop at the crossing: the pole starts there
                    h = max(reach(V, x, current, slope, syn, h, p, V_th, False), 1e-18)
                    next_V, next_x = V_th + 1e-15, 0.0
            elif next_x >= level:
                h = reach(V, x, current, slope, syn, h, p, level, True) if x < level else 0.0
                fired = True
            elif next_V < V_th and next_x < 0:
                next_x = 0.0
        elif next_V >= level:
            h = reach(V, x, current, slope, syn, h, p, level, False) if level > V else 0.0
            fired = True
        while k < samples.size and samples[k] <= t + h:
            found[k] = step(V, x, current, slope, syn, samples[k] - t, p)[0]
            k += 1
        syn *= math.exp(-h / tau_syn)
        # A step shorter than the clock's resolution must not stop it.
        t = until if t + h == t and not fired else t + h
        V, x = next_V, next_x
        if fired:
            if n == spikes.size:
                return n + 1, found
            spikes[n] = t
            n += 1
            released = t + t_ref
            V, x = V_0, 0.0
    while k < samples.size:
        found[k] = V
        k += 1
    return n, found
