"""The fixed-point advisor against integer neurons in plain Python ints, and against golden's own quantiser."""

from __future__ import annotations

import math
import random
import re
from dataclasses import replace
from typing import Any

import pytest

from golden.errors import QuantisationError, SpecError
from golden.fixed import Format
from golden.network import Network
from golden.neurons.lif import LIFNeuron
from golden.neurons.lif_fixed import LIFFormat
from golden.quantise import quantise
from golden.theory import fixed_point
from golden.theory.neuron import Neuron

TAU = 20e-3
NEURON = Neuron(tau=TAU, V_th=20e-3, V_reset=0.0)
ROUNDINGS: tuple[Any, ...] = ("nearest", "floor", "toward_zero")


def product(x: int, bits: int, rounding: str, rng: random.Random) -> int:
    """x / 2^bits as an integer."""
    match rounding:
        case "nearest":
            return (x + (1 << (bits - 1))) >> bits
        case "floor":
            return x >> bits
        case "toward_zero":
            return x >> bits if x >= 0 else -(-x >> bits)
    return (x + rng.getrandbits(bits)) >> bits


def interval(
    alpha: int, bits: int, reset: int, threshold: int, given: int, rounding: str, form: str, rng: random.Random
) -> float:
    """Steps from reset to threshold; inf at rest. ``given``: input of the distance's form, drive of the potential's."""
    v = reset
    for n in range(1, 200_000):
        before = v
        if form == "distance":
            v = given - product(alpha * (given - v), bits, rounding, rng)
        else:
            v = product(alpha * v, bits, rounding, rng) + given
        if v >= threshold:
            return n
        if v == before and rounding != "stochastic":
            break
    return math.inf


def outside(n: float, dt: float, exact: float, error: float) -> bool:
    """Whether n steps are no interval of a rate within ``error`` of the exact one, rounded up to a step."""
    shortest = 1 / ((1 + error) * exact) if error < math.inf else 0.0
    longest = 1 / ((1 - error) * exact) if error < 1 else math.inf
    return not shortest - 1e-12 <= n * dt <= longest + dt + 1e-12


@pytest.mark.parametrize("form", ["distance", "potential"])
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_no_integer_neuron_is_further_off_than_advised(rounding: Any, form: Any) -> None:
    """Random words, factors, steps, potentials, inputs; those scaled as the quantiser does, or by the stored factor."""
    rng = random.Random(7)
    tested = near = 0
    for _ in range(160):
        fraction, bits, dt = rng.randint(3, 13), rng.randint(8, 18), rng.choice([1e-4, 2e-4, 5e-4, 1e-3])
        threshold, scaling = rng.uniform(5e-3, 30e-3), rng.choice(["ideal", "stored"])
        neuron = Neuron(tau=TAU, V_th=threshold, V_reset=rng.choice([0.0, rng.uniform(0, 0.8)]) * threshold)
        mu = threshold * rng.uniform(1.005, 3)
        alpha = round(math.exp(-dt / TAU) * 2**bits)
        volts = 1e3 * 2**fraction
        low, high = round(neuron.V_reset * volts), round(threshold * volts)
        if alpha == 2**bits or low >= high:
            continue
        advice = fixed_point.advise(
            neuron, dt, unit=1e-3, fraction=fraction, decay_bits=bits, rounding=rounding, form=form,
            scaling=scaling,  # type: ignore[arg-type]  # one of the two
        )  # fmt: skip
        assert advice.alpha == alpha / 2**bits
        share = 1 - math.exp(-dt / TAU) if scaling == "ideal" else 1 - alpha / 2**bits
        given = round(mu * volts * (1.0 if form == "distance" else share))
        n = interval(alpha, bits, low, high, given, rounding, form, rng)
        exact = 1 / (TAU * math.log((mu - neuron.V_reset) / (mu - threshold)))
        error = fixed_point.rate_error(neuron, mu, advice)
        assert not outside(n, dt, exact, error)
        tested += error < 1
        near += error < 1 and outside(n, dt, exact, error / 3)
    assert tested > 70
    assert near > 15  # a bound of a third would be too small: it is no vacuous one


def test_an_input_rounded_to_a_few_bits_a_step_is_counted() -> None:
    """16 bits at dt 0.1 ms: 31.38 mV is 2.5 bits of 1/16 mV a step; as 2 they come to 25.06 mV, and rest."""
    neuron = Neuron(tau=TAU, V_th=20e-3, V_reset=0.0)
    advice = fixed_point.advise(neuron, 1e-4, unit=1e-3, fraction=4, decay_bits=11, rounding="nearest")
    alpha = round(math.exp(-1 / 200) * 2**11)
    drive = round(31.3e-3 * 1e3 * 16 * (1 - math.exp(-1 / 200)))
    assert drive == 2
    assert math.isinf(interval(alpha, 11, 0, 320, drive, "nearest", "potential", random.Random(0)))
    assert fixed_point.rate_error(neuron, 31.3e-3, advice) == math.inf
    assert advice.mean_input(31.3e-3) == pytest.approx(2 / 16e3 / (1 - alpha / 2**11))


def test_potentials_are_stored_to_a_last_bit() -> None:
    """In units of 1/8 mV 20.06 mV is 20 and 10.05 mV is 10; with so exact a factor little else is off."""
    neuron = Neuron(tau=TAU, V_th=20.06e-3, V_reset=10.05e-3)
    settings: dict[str, Any] = {"unit": 1e-3, "fraction": 3, "decay_bits": 30, "form": "distance"}
    advice = fixed_point.advise(neuron, 5e-3, rounding="floor", **settings)
    exact = math.log((40e-3 - 10.05e-3) / (40e-3 - 20.06e-3))
    shift = 1e-3 / 8 / (1 - math.exp(-0.25))
    rates = [1 / math.log((40e-3 + x - 10e-3) / (40e-3 + x - 20e-3)) for x in (0.0, shift)]
    assert fixed_point.rate_error(neuron, 40e-3, advice) == pytest.approx(
        max(abs(r * exact - 1) for r in rates), rel=1e-6
    )


def test_the_noise_of_stochastic_rounding_is_counted() -> None:
    """Just above rheobase: Siegert's rate by quadrature at p = 1/2 in every step, sigma^2 = 2 (1/4) / (1 - alpha^2)."""
    from mpmath import erfc, exp, mp, mpf, pi, quad, sqrt

    alpha = round(math.exp(-1 / 200) * 2**16) / 2**16
    neuron, mu = Neuron(tau=TAU, V_th=20e-3, V_reset=0.0), 20e-3 + 2**-8 * 1e-3
    settings: dict[str, Any] = {"unit": 1e-3, "fraction": 8, "decay_bits": 16, "form": "distance"}
    advice = fixed_point.advise(neuron, 1e-4, rounding="stochastic", **settings)
    with mp.workdps(20):
        sigma = sqrt(mpf("0.5") / (1 - mpf(alpha) ** 2)) * mpf(2) ** -8 * mpf("1e-3")
        low, high = -mpf(mu) / sigma, (mpf("20e-3") - mpf(mu)) / sigma
        mean = -mpf("1e-4") / mp.log(alpha) * sqrt(pi) * quad(lambda s: exp(s * s) * erfc(-s), [low, -5, -1, high])
        exact = mpf(TAU) * mp.log(mpf(mu) / (mpf(mu) - mpf("20e-3")))
        wanted = float(exact / mean - 1)
    assert wanted > 0.1  # without the noise it would be the 0.0 of a right time constant
    assert fixed_point.rate_error(neuron, mu, advice) == pytest.approx(wanted, rel=1e-6)


def test_what_scaling_by_the_stored_factor_repairs() -> None:
    """9 bits of factor, dt 0.2 ms: 1 - alpha is 5/512, 0.00977 instead of 0.00995. Inputs come out 1.9 % too large."""
    settings: dict[str, Any] = {"unit": 1e-3, "fraction": 20, "decay_bits": 9, "rounding": "nearest"}
    ideal = fixed_point.advise(NEURON, 2e-4, **settings)
    stored = fixed_point.advise(NEURON, 2e-4, **settings, scaling="stored")
    ratio = (1 - math.exp(-0.01)) / (5 / 512)
    assert ideal.gain == pytest.approx(ratio, rel=1e-12)
    assert stored.gain == 1
    first = {}
    for name, share in (("ideal", 1 - math.exp(-0.01)), ("stored", 5 / 512)):
        # By bisection: the smallest drive that fires, as a mean input.
        low, high = 0, 2**24
        while high - low > 1:
            middle = (low + high) // 2
            fires = math.isfinite(interval(507, 9, 0, 20 << 20, middle, "nearest", "potential", random.Random(0)))
            low, high = (low, middle) if fires else (middle, high)
        first[name] = high / 2**20 * 1e-3 / share
    assert first["ideal"] - 20e-3 == pytest.approx(ideal.rheobase_shift, abs=ideal.input_step)
    assert first["stored"] - 20e-3 == pytest.approx(stored.rheobase_shift, abs=stored.input_step)
    assert ideal.rheobase_shift < -0.3e-3 < stored.rheobase_shift


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize(("fraction", "bits", "dt"), [(8, 16, 1e-4), (8, 12, 1e-3), (5, 10, 2e-4), (8, 9, 2e-4)])
def test_rheobase_and_dead_band_are_the_quantisers(rounding: Any, fraction: int, bits: int, dt: float) -> None:
    """golden.quantise finds them by search in its own update rule."""
    cell = LIFNeuron(C_m=200e-12, g_L=10e-9, E_L=0.0, V_th=20e-3, V_reset=0.0)
    fmt = LIFFormat(v=Format(16, fraction), input_width=16, decay_bits=bits, leak_rounding=rounding)
    found = quantise(Network(cell), dt, fmt, rounding="nearest")
    advice = fixed_point.advise_format(NEURON, dt, fmt.v, unit=1e-3, decay_bits=bits, rounding=rounding)
    share = 1 - math.exp(-dt / TAU)
    assert int(found.rheobase_drive[0]) * advice.lsb / share == pytest.approx(
        20e-3 + advice.rheobase_shift, abs=1.001 * advice.lsb / share
    )
    assert max(abs(found.dead_band[0])) == pytest.approx(advice.dead_band, abs=advice.lsb)
    assert found.effective() is not None
    assert float(found.effective().tau_m[0]) == pytest.approx(advice.tau_eff, rel=1e-12)  # type: ignore[union-attr,index]  # an array


@pytest.mark.parametrize("form", ["distance", "potential"])
@pytest.mark.parametrize("rounding", [*ROUNDINGS, "stochastic"])
def test_the_dead_band_is_what_a_relaxation_leaves(rounding: Any, form: Any) -> None:
    """From both sides, without input: the larger remainder is the band, to a last bit."""
    bits, alpha = 14, round(math.exp(-1 / 100) * 2**14)
    advice = fixed_point.advise(
        NEURON, 2e-4, unit=1e-3, fraction=10, decay_bits=bits, rounding=rounding, form=form, scaling="stored"
    )
    rng, left = random.Random(3), []
    for x in (-3000, 3000):
        for _ in range(3000):
            x = product(alpha * x, bits, rounding, rng)
        left.append(abs(x))
    if rounding == "stochastic":
        assert advice.dead_band == 0
        assert max(left) * advice.lsb < 6 * advice.noise  # it wanders about 0
    else:
        assert max(left) * advice.lsb == pytest.approx(advice.dead_band, abs=1.001 * advice.lsb)


def test_the_contracts_s16_15_by_simulation() -> None:
    """dt 0.01 ms, tau 20 ms: tau_eff 2.4 % off; nearest: silent 1024 last bits above rheobase; down: too fast."""
    settings: dict[str, Any] = {"unit": 1e-3, "fraction": 15, "decay_bits": 15, "form": "distance"}
    alpha = round(math.exp(-1 / 2000) * 2**15)
    advice = fixed_point.advise(NEURON, 1e-5, rounding="nearest", **settings)
    assert advice.tau_eff == pytest.approx(-1e-5 / math.log(alpha / 2**15), rel=1e-12)
    assert round(advice.tau_eff / TAU - 1, 3) == 0.024
    band = round(advice.dead_band / advice.lsb)
    assert band == 1024 == 2**15 // (2 * (2**15 - alpha))
    threshold, rng = 20 << 15, random.Random(0)
    for above, fires in ((1023, False), (1026, True)):
        n = interval(alpha, 15, 0, threshold, threshold + above, "nearest", "distance", rng)
        assert math.isfinite(n) == fires
    target = threshold + (threshold >> 5)
    exact = 2000 * math.log(target / (target - threshold)) * advice.tau_eff / TAU
    assert interval(alpha, 15, 0, threshold, target, "floor", "distance", rng) < 0.99 * exact
    down = fixed_point.advise(NEURON, 1e-5, rounding="floor", **settings)
    shifted = target + down.bias / down.lsb
    biased = 2000 * math.log(shifted / (shifted - threshold)) * advice.tau_eff / TAU
    assert interval(alpha, 15, 0, threshold, target, "floor", "distance", rng) == pytest.approx(biased, rel=2e-3)


@pytest.mark.parametrize("form", ["distance", "potential"])
def test_stochastic_rounding_is_right_on_average_and_noisy(form: Any) -> None:
    """Mean and variance of 2000 free potentials after half a tau, of a chance p = frac(7 .. 4.2) that goes round."""
    bits, steps, cells, drive = 16, 100, 2000, 7
    alpha, rng = round(math.exp(-1 / 200) * 2**bits), random.Random(11)
    factor = alpha / 2**bits
    target = round(drive / (1 - factor))
    wanted = (target if form == "distance" else drive / (1 - factor)) * (1 - factor**steps)
    ends = []
    for _ in range(cells):
        v = 0
        for _ in range(steps):
            if form == "distance":
                v = target - product(alpha * (target - v), bits, "stochastic", rng)
            else:
                v = product(alpha * v, bits, "stochastic", rng) + drive
        ends.append(v)
    mean = sum(ends) / cells
    variance = sum((v - mean) ** 2 for v in ends) / cells
    assert mean == pytest.approx(wanted, abs=4 * math.sqrt(variance / cells))
    advice = fixed_point.advise(
        NEURON, 1e-4, unit=1e-3, fraction=6, decay_bits=bits, rounding="stochastic", form=form, scaling="stored"
    )
    # The largest is p = 1/2 throughout; p (1 - p) averages to 1/6 instead of 1/4.
    largest = (advice.noise / advice.lsb) ** 2 / 2 * (1 - factor ** (2 * steps))
    assert variance == pytest.approx(largest * 2 / 3, rel=0.15)


@pytest.mark.parametrize("form", ["distance", "potential"])
@pytest.mark.parametrize("above", [1.004, 1.03, 1.3])
def test_stochastic_rates_are_within_what_is_advised_for_the_average(form: Any, above: float) -> None:
    bits, fraction, dt, drive = 16, 8, 1e-4, 40
    alpha, rng = round(math.exp(-1 / 200) * 2**bits), random.Random(5)
    given = round(drive / (1 - alpha / 2**bits)) if form == "distance" else drive
    mu = (given if form == "distance" else drive / (1 - alpha / 2**bits)) / 2**fraction * 1e-3
    threshold = round(mu / above * 1e3 * 2**fraction)
    neuron = replace(NEURON, V_th=threshold / 2**fraction * 1e-3)
    settings: dict[str, Any] = {"unit": 1e-3, "fraction": fraction, "decay_bits": bits, "form": form}
    advice = fixed_point.advise(neuron, dt, rounding="stochastic", scaling="stored", **settings)
    bound = fixed_point.rate_error(neuron, mu, advice)
    counts = [interval(alpha, bits, 0, threshold, given, "stochastic", form, rng) for _ in range(100)]
    mean = sum(counts) / 100
    error = math.sqrt(sum((n - mean) ** 2 for n in counts)) / 100 / mean
    exact = 1 / (TAU * math.log(mu / (mu - neuron.V_th)))
    assert abs(1 / (mean * dt) / exact - 1) < bound + dt * exact + 3 * error
    # Near rheobase, rounding to nearest is silent: stochastic rounding is not.
    nearest = fixed_point.advise(neuron, dt, rounding="nearest", scaling="stored", **settings)
    silent = math.isinf(interval(alpha, bits, 0, threshold, given, "nearest", form, rng))
    assert silent == (above < 1.01)
    assert math.isinf(fixed_point.rate_error(neuron, mu, nearest)) == silent


@pytest.mark.parametrize("form", ["distance", "potential"])
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_every_word_from_the_least_on_keeps_the_error(rounding: Any, form: Any) -> None:
    mu, dt, error = 22.3e-3, 2e-4, 0.02
    exact = 1 / (TAU * math.log(mu / (mu - 20e-3)))
    least = fixed_point.least_bits(NEURON, mu, dt, error, unit=1e-3, rounding=rounding, form=form)

    def steps(bits: int) -> float:
        alpha = round(math.exp(-dt / TAU) * 2**bits)
        share = 1.0 if form == "distance" else 1 - math.exp(-dt / TAU)
        given = round(mu * 1e3 * 2**bits * share)
        return interval(alpha, bits, 0, 20 << bits, given, rounding, form, random.Random(0))

    for bits in range(least, least + 8):
        assert not outside(steps(bits), dt, exact, error)
    # A few bits less, and the integer neuron itself is off.
    assert any(outside(steps(bits), dt, exact, error) for bits in range(least - 4, least))
    # A word a thousand times as exact is some ten bits longer: the factor's own rounding may be lucky.
    finer = fixed_point.least_bits(NEURON, mu, dt, error / 1000, unit=1e-3, rounding=rounding, form=form)
    assert 6 <= finer - least <= 14


def test_the_whole_word() -> None:
    """20 mV in units of 1 mV: 5 integer bits and a sign; 35 mV of input take a sixth in the distance's form."""
    settings: dict[str, Any] = {"unit": 1e-3, "rounding": "nearest"}
    for form, integer in (("potential", 5), ("distance", 6)):
        bits = fixed_point.least_bits(NEURON, 35e-3, 2e-4, 0.01, form=form, **settings)  # type: ignore[arg-type]  # one of the two
        word = fixed_point.least_format(NEURON, 35e-3, 2e-4, 0.01, form=form, **settings)  # type: ignore[arg-type]  # one of the two
        assert word == Format(1 + integer + bits, bits)
        assert word.max * word.lsb > (20 if form == "potential" else 35)
    with pytest.raises(SpecError, match=r"^Format width must be 1 to 32 bits, not "):
        fixed_point.least_format(NEURON, 20.1e-3, 1e-6, 1e-6, **settings)


def test_format_by_its_name() -> None:
    settings: dict[str, Any] = {"unit": 1e-3, "decay_bits": 12, "rounding": "floor"}
    by_name = fixed_point.advise_format(NEURON, 1e-3, "14.8", **settings)
    assert by_name == fixed_point.advise(NEURON, 1e-3, fraction=8, **settings)
    with pytest.raises(
        QuantisationError, match=r"^V_th in units of 0.001 V in format 12.8 must be within -8 to 7.99609, not 20$"
    ):
        fixed_point.advise_format(NEURON, 1e-3, "12.8", **settings)


def advised(neuron: Neuron = NEURON, **changed: Any) -> fixed_point.Advice:
    """The advice for s16.15 with something changed."""
    usual: dict[str, Any] = {"dt": 1e-4, "unit": 1e-3, "fraction": 15, "decay_bits": 15, "rounding": "nearest"}
    return fixed_point.advise(neuron, **(usual | changed))


def least(**changed: Any) -> int:
    """The least bits for 1 % with something changed."""
    usual: dict[str, Any] = {"mu": 25e-3, "dt": 1e-4, "error": 0.01, "unit": 1e-3, "rounding": "nearest"}
    return fixed_point.least_bits(NEURON, **(usual | changed))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: advised(rounding="up"), "Rounding must be one of nearest, floor, toward_zero, stochastic, not 'up'"),
        (lambda: advised(form="both"), "Form must be one of potential, distance, not 'both'"),
        (lambda: advised(scaling="none"), "Scaling must be one of ideal, stored, not 'none'"),
        (lambda: advised(fraction=49), "Fraction bits must be within 1 to 48, not 49"),
        (lambda: advised(fraction=10.5), "Fraction bits must be a whole number, not 10.5"),
        (lambda: advised(decay_bits="x"), "Decay bits must be a whole number, not np.str_('x')"),
        (lambda: advised(dt=0.0), "Time step dt must be positive, not 0 s"),
        (lambda: advised(dt=math.nan), "Input dt must be finite, not nan s"),
        (lambda: advised(fraction=0), "Fraction bits must be within 1 to 48, not 0"),
        (lambda: advised(unit=0.0), "Unit must be positive, not 0 V"),
        (lambda: advised(dt=1e-9), "Decay factor must be above 0 and below 1 in 15 bits, not 1"),
        (lambda: advised(dt=10.0), "Decay factor must be above 0 and below 1 in 15 bits, not 0"),
        (
            lambda: advised(Neuron(tau=TAU, V_th=-50e-3, V_reset=-65e-3)),
            "V_th of a potential's machine must be above E_L, which is its 0, not -0.05 V",
        ),
        (lambda: advised().mean_input(math.inf), "Input mu must be finite, not inf V"),
        (
            lambda: fixed_point.rate_error(NEURON, 20e-3, advised()),
            "Input mu must be above threshold (0.02 V), not 0.02 V",
        ),
        (lambda: fixed_point.rate_error(NEURON, math.nan, advised()), "Input mu must be finite, not nan V"),
        (lambda: least(error=1.0), "Rate error must be above 0 and below 1, not 1"),
        (lambda: least(error=1e-15), "Rate error must be one that 48 bits can keep, not 1e-15"),
        (lambda: least(mu=[25e-3, 26e-3]), "Input mu must be one number, not an array of shape (2,)"),
        (lambda: least(mu=20e-3), "Input mu must be above threshold (0.02 V), not 0.02 V"),
        (
            lambda: fixed_point.advise_format(NEURON, 1e-4, "u16.8", unit=1e-3, decay_bits=15, rounding="floor"),
            "Format of v must be signed, not u16.8",
        ),
    ],
)  # fmt: skip
def test_fixed_point_mistakes(call: Any, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        call()


def test_the_contracts_s16_15() -> None:
    """dt = 0.01 ms, tau = 20 ms: tau_eff 2.4 % off, dead band LSB / (2 (1 - alpha)) = 1024 last bits."""
    advice = fixed_point.advise(
        NEURON, 1e-5, unit=1e-3, fraction=15, decay_bits=15, rounding="nearest", form="distance"
    )
    assert advice.alpha == 32752 / 32768
    assert advice.tau_eff == pytest.approx(20e-3 * 1.024, rel=1e-3)
    assert advice.dead_band == pytest.approx(1024 * 2**-15 * 1e-3)
    assert advice.rheobase_shift == advice.dead_band
    down = fixed_point.advise(NEURON, 1e-5, unit=1e-3, fraction=15, decay_bits=15, rounding="floor", form="distance")
    assert down.bias > 0  # too fast
    assert down.rheobase_shift == 0
    fair = fixed_point.advise(
        NEURON, 1e-5, unit=1e-3, fraction=15, decay_bits=15, rounding="stochastic", form="distance"
    )
    assert (fair.bias, fair.dead_band, fair.rheobase_shift) == (0, 0, 0)


def fixed_interval(
    advice: Any, mu: float, fraction: int, bits: int, rounding: str, form: str, intervals: int = 8
) -> float:
    """Mean steps between spikes of a fixed-point neuron reset to 0, threshold 20 mV; inf if it comes to rest."""
    alpha = round(advice.alpha * 2**bits)
    threshold, target = round(20 * 2**fraction), round(mu * 1e3 * 2**fraction)
    drive = target - product(target * alpha, bits, "nearest", random.Random(0))
    exact_drive = target * ((1 << bits) - alpha) / (1 << bits)
    assert abs(drive - exact_drive) <= 0.5
    rng, v, steps, spikes = random.Random(1), 0, 0, 0
    while spikes < intervals:
        before = v
        if form == "distance":
            v = target - product(alpha * (target - v), bits, rounding, rng)
        else:
            v = product(alpha * v, bits, rounding, rng) + drive
        steps += 1
        if v >= threshold:
            spikes, v = spikes + 1, 0
        elif v == before and rounding != "stochastic":
            return math.inf
    return steps / spikes


@pytest.mark.parametrize("form", ["distance", "potential"])
@pytest.mark.parametrize("rounding", ["nearest", "floor", "toward_zero", "stochastic"])
def test_rates_are_within_what_is_advised(rounding: Any, form: Any) -> None:
    neuron, dt, bits, fraction = Neuron(tau=20e-3, V_th=20e-3, V_reset=0.0), 1e-4, 16, 10
    advice = fixed_point.advise(neuron, dt, unit=1e-3, fraction=fraction, decay_bits=bits, rounding=rounding, form=form)
    # For the potential's form an input is a whole number of last bits a step: choose those that are.
    alpha = round(advice.alpha * 2**bits)
    per_bit = 2**bits / (2**bits - alpha) / 2**fraction * 1e-3
    for k in (106, 110, 125, 160):
        mu = k * per_bit if form == "potential" else 20e-3 * k / 102.4
        if mu - advice.rheobase_shift <= 20.05e-3:
            continue
        exact = 1 / (20e-3 * math.log(mu / (mu - 20e-3)))
        found = 1 / (fixed_interval(advice, mu, fraction, bits, rounding, form) * dt)
        # Its own bound, and half a step of the grid (rates are read from whole steps).
        assert abs(found / exact - 1) <= fixed_point.rate_error(neuron, mu, advice) + dt * exact
        if rounding == "floor":
            # The bias has the right sign and size: nearer than without it, by far.
            biased = 1 / (20e-3 * math.log((mu + advice.bias) / (mu + advice.bias - 20e-3)))
            assert abs(found / biased - 1) < max(0.35 * abs(biased / exact - 1), 1.5 * dt * exact)


@pytest.mark.parametrize("form", ["distance", "potential"])
@pytest.mark.parametrize("rounding", ["nearest", "floor"])
def test_the_rheobase_is_where_it_is_advised(rounding: Any, form: Any) -> None:
    neuron, dt, bits, fraction = Neuron(tau=20e-3, V_th=20e-3, V_reset=0.0), 1e-4, 16, 12
    advice = fixed_point.advise(neuron, dt, unit=1e-3, fraction=fraction, decay_bits=bits, rounding=rounding, form=form)
    alpha = round(advice.alpha * 2**bits)
    step = 2**bits / (2**bits - alpha) / 2**fraction * 1e-3 if form == "potential" else 2.0**-fraction * 1e-3
    first = next(
        k for k in range(int(19e-3 / step), int(22e-3 / step))
        if math.isfinite(fixed_interval(advice, k * step, fraction, bits, rounding, form, intervals=1))
    )  # fmt: skip
    assert first * step == pytest.approx(20e-3 + advice.rheobase_shift, abs=1.01 * step)


@pytest.mark.parametrize("rounding", ["nearest", "floor", "stochastic"])
def test_the_least_word_length(rounding: Any) -> None:
    neuron = Neuron(tau=20e-3, V_th=20e-3, V_reset=0.0)
    settings: dict[str, Any] = {"unit": 1e-3, "rounding": rounding, "form": "distance"}
    bits = fixed_point.least_bits(neuron, 22e-3, 1e-4, 0.01, **settings)

    def error(b: int) -> float:
        advice = fixed_point.advise(neuron, 1e-4, fraction=b, decay_bits=b, **settings)
        return fixed_point.rate_error(neuron, 22e-3, advice)

    assert all(error(b) <= 0.01 for b in range(bits, 30))
    assert error(bits - 1) > 0.01
    assert fixed_point.least_bits(neuron, 22e-3, 1e-4, 0.001, **settings) > bits
    # The simulated neuron keeps what is promised, to the grid of time.
    advice = fixed_point.advise(neuron, 1e-4, fraction=bits, decay_bits=bits, **settings)
    found = 1 / (fixed_interval(advice, 22e-3, bits, bits, rounding, "distance") * 1e-4)
    exact = 1 / (20e-3 * math.log(11))
    assert abs(found / exact - 1) < 0.01 + 1e-4 * exact
