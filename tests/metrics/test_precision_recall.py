"""Precision, recall, density and coverage, against brute force, closed forms and simulation."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evalsuite.metrics.distances import Pairs
from evalsuite.metrics.neighbourhoods import WithVariance
from evalsuite.metrics.precision_recall import (
    METRIC,
    _proportion_interval,
    compute,
    expected_coverage,
)
from evalsuite.metrics.subjects import Subjects, coded
from tests.caveats import sentences

NAMES = ("precision", "recall", "density", "coverage")


def normal(n, d, seed, *, scale=1.0, shift=0.0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((n, d)) * scale + shift)


def measure(real, synthetic, **options):
    return {e.name: e for e in compute(real, synthetic, **options)}


def values(real, synthetic, **options):
    return [measure(real, synthetic, **options)[name].value for name in NAMES]


def by_definition(real, synthetic, k):
    """Per-volume values of the four, loop by loop; their means are the statistics."""
    real, synthetic = np.asarray(real), np.asarray(synthetic)

    def radius(centre, cohort):
        apart = sorted(
            np.linalg.norm(cohort[centre] - cohort[i]) for i in range(len(cohort)) if i != centre
        )
        return apart[k - 1]

    m, n = len(real), len(synthetic)
    between = np.array([[np.linalg.norm(x - y) for y in synthetic] for x in real])
    real_radii = [radius(i, real) for i in range(m)]
    synthetic_radii = [radius(j, synthetic) for j in range(n)]
    in_real = np.array([[between[i, j] < real_radii[i] for j in range(n)] for i in range(m)])
    in_synthetic = np.array(
        [[between[i, j] < synthetic_radii[j] for j in range(n)] for i in range(m)]
    )
    return {
        "precision": in_real.any(axis=0).astype(float),
        "recall": in_synthetic.any(axis=1).astype(float),
        "density": in_real.sum(axis=0) / k,
        "coverage": in_real.any(axis=1).astype(float),
    }


def variance_by_definition(real, synthetic, k, name):
    """Leave out one volume after the other and measure anew."""
    full = by_definition(real, synthetic, k)[name]
    p = len(full)
    keep = [np.delete(np.arange(len(c)), i) for c in (real, synthetic) for i in range(len(c))]
    without_real = [by_definition(real[i], synthetic, k)[name] for i in keep[: len(real)]]
    without_synthetic = [by_definition(real, synthetic[i], k)[name] for i in keep[len(real) :]]
    on_real = name in ("recall", "coverage")
    own_runs, other_runs = (
        (without_real, without_synthetic) if on_real else (without_synthetic, without_real)
    )
    other = np.array(other_runs) - full
    other = other - other.mean(axis=0)
    c = len(other)
    centres = (c - 1) / c * sum(row.sum() ** 2 - (row**2).sum() for row in other) / (p * (p - 1))
    # Of its own cohort, the others change and the point itself is gone.
    own = np.array([run - np.delete(full, i) for i, run in enumerate(own_runs)])
    influence = full - own.sum(axis=1)
    points = influence.var(ddof=1) / p - (own**2).sum() / p**2
    return max(centres + points, full.var(ddof=1) / p)


@pytest.mark.parametrize(
    ("m", "n", "d", "k", "scale", "shift"),
    [
        (20, 25, 3, 3, 0.8, 0.5),
        (30, 12, 2, 5, 1.5, 0.0),
        (14, 14, 40, 5, 1.0, 0.1),
        (9, 8, 1, 1, 1, 1),
    ],
)
def test_agrees_with_the_definition(m, n, d, k, scale, shift):
    real, synthetic = normal(m, d, 1), normal(n, d, 2, scale=scale, shift=shift)
    found, expected = measure(real, synthetic, k=k), by_definition(real, synthetic, k)
    for name in NAMES:
        assert found[name].value == pytest.approx(expected[name].mean(), abs=1e-12)
        variance = variance_by_definition(real, synthetic, k, name)
        assert found[name].standard_error == pytest.approx(np.sqrt(variance), abs=1e-9)
        assert (found[name].n_real, found[name].n_synthetic) == (m, n)
        assert found[name].direction == "higher is better"


def test_by_hand_on_a_line():
    # k = 1. Real 0, 1, 10: radii 1, 1, 9. Synthetic 0.5, 12, 30: radii 11.5, 11.5, 18.
    # 0.5 lies in the balls of 0, of 1 and of 10 (9.5 < 9 is false: not), 12 in that of 10 (2 < 9),
    # 30 in none: precision 2/3, density (2 + 1 + 0) / 3 = 1, coverage 3/3.
    # Real 0 and 1 lie in the ball of 0.5, 10 in those of 0.5 and 12: recall 3/3.
    real = torch.tensor([[0.0], [1.0], [10.0]], dtype=torch.float64)
    synthetic = torch.tensor([[0.5], [12.0], [30.0]], dtype=torch.float64)
    assert values(real, synthetic, k=1) == pytest.approx([2 / 3, 1, 1, 1])


def test_balls_are_open():
    # k = 1: the real radii are 1. Synthetic volumes at a distance of 1 from the nearest real one
    # are on the border, and those are outside.
    real = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    synthetic = torch.tensor([[2.0], [-1.0]], dtype=torch.float64)
    assert values(real, synthetic, k=1)[0] == 0
    assert values(real, synthetic * 0.999, k=1)[0] == 1


@settings(max_examples=12)
@given(
    m=st.integers(8, 30),
    n=st.integers(8, 30),
    d=st.integers(1, 12),
    k=st.integers(1, 6),
    seed=st.integers(0, 10**6),
    scale=st.floats(0.01, 100),
)
def test_properties(m, n, d, k, seed, scale):
    real, synthetic = normal(m, d, seed), normal(n, d, seed + 1, scale=0.8, shift=0.4)
    found = values(real, synthetic, k=k)
    for estimate in compute(real, synthetic, k=k):
        assert estimate.interval.low <= estimate.value <= estimate.interval.high
        assert estimate.interval.low >= 0
        assert estimate.name == "density" or estimate.interval.high <= 1
    precision, recall, density, coverage = found
    assert values(synthetic, real, k=k)[:2] == pytest.approx([recall, precision])
    assert density * k >= precision - 1e-12
    assert coverage <= 1
    order = torch.randperm(m, generator=torch.manual_seed(seed))
    assert values(real[order], synthetic.flip(0), k=k) == pytest.approx(found)
    assert values(real * scale + 3, synthetic * scale + 3, k=k) == pytest.approx(found)
    assert values(real, synthetic + 1000, k=k) == [0, 0, 0, 0]


@settings(max_examples=20)
@given(n=st.integers(7, 60), d=st.integers(1, 300), seed=st.integers(0, 10**6))
def test_identical_cohorts_have_one_everywhere(n, d, seed):
    real = normal(n, d, seed, shift=50.0)
    assert values(real, real.clone()) == [1, 1, 1, 1]


def test_one_volume_repeated_is_precise_and_recalls_nothing():
    real = normal(90, 16, 0)
    found = measure(real, real[7].repeat(90, 1))
    assert found["precision"].value == 1
    assert found["recall"].value == 0
    assert found["coverage"].value < 0.3
    assert found["recall"].interval.high < 0.05
    assert sentences(found["recall"]) == (
        (
            "90 of 90 synthetic volumes have at least 5 exact copies by their features: their balls"
            " have no extent and hold nothing."
        ),
    )


def test_noise_costs_precision_and_a_missing_mode_costs_recall():
    two_modes = normal(100, 4, 0) + 20 * (torch.arange(100) % 2)[:, None]
    noisy = normal(100, 4, 1, scale=4.0) + 20 * (torch.arange(100) % 2)[:, None]
    one_mode = normal(100, 4, 2)
    precision, recall, density, coverage = values(two_modes, noisy)
    assert precision < 0.5
    assert recall > 0.9
    assert density < 0.5
    precision, recall, density, coverage = values(two_modes, one_mode)
    assert recall < 0.55
    assert precision > 0.9
    assert coverage < 0.55


@pytest.mark.parametrize(("m", "n", "k"), [(40, 40, 5), (60, 30, 3), (30, 60, 5)])
def test_coverage_and_density_have_their_known_expectation(m, n, k):
    repeats = 60
    found = np.array(
        [values(normal(m, 3, i), normal(n, 3, 10_000 + i), k=k)[2:] for i in range(repeats)]
    )
    error = found.std(axis=0) / np.sqrt(repeats)
    assert found[:, 0].mean() == pytest.approx(1, abs=4 * error[0])
    assert found[:, 1].mean() == pytest.approx(expected_coverage(m, n, k), abs=4 * error[1])


def test_expected_coverage_by_hand():
    # 1 - (3 - 1)(3 - 2) / ((3 + 4 - 1)(3 + 4 - 2)) = 1 - 2 / 30
    assert expected_coverage(3, 4, 2) == pytest.approx(28 / 30)
    method = measure(normal(60, 2, 0), normal(60, 2, 1))["coverage"].method
    assert f"expected {expected_coverage(60, 60, 5):.4f} at these sizes" in method


def test_intervals_cover_the_expectation():
    found = []
    for i in range(150):
        real, synthetic = normal(50, 4, i), normal(50, 4, 10_000 + i, scale=0.8, shift=0.6)
        found.append([(e.value, e.interval.low, e.interval.high) for e in compute(real, synthetic)])
    value, low, high = np.array(found).transpose(2, 0, 1)
    truth = value.mean(axis=0)
    covered = ((low <= truth) & (truth <= high)).mean(axis=0)
    # Nominally 0.95; the standard error of 150 trials is 0.018.
    assert (covered > 0.89).all(), covered
    assert ((high - low).mean(axis=0) < 4 * 1.7 * value.std(axis=0)).all()  # and not by being vast


def test_intervals_of_shares_are_exact_ones_of_clopper_and_pearson():
    # 29 of 30 hits that vary as independent ones: the exact interval of a printed table.
    hits = WithVariance(29 / 30, 29 / 30 / 30 / 30)
    found = _proportion_interval(hits, np.arange(30))
    assert (found.low, found.high) == pytest.approx((0.8278, 0.9992), abs=1e-4)
    all_hits = _proportion_interval(WithVariance(1.0, 0.0), np.arange(30))
    assert (all_hits.low, all_hits.high) == pytest.approx((0.025 ** (1 / 30), 1.0))


def test_interval_of_the_density_is_students():
    density = measure(normal(30, 3, 0), normal(8, 3, 1))["density"]
    # The 97.5 % point with 7 degrees of freedom, from a printed table.
    half = 2.3646 * density.standard_error
    assert density.interval.high == pytest.approx(density.value + half, rel=1e-4)


def test_distances_between_copies_are_exactly_zero():
    real = normal(30, 2048, 0, shift=1e4)
    squares = Pairs.of(real, real.clone()).squares(slice(0, 30))
    assert (squares.diagonal() == 0).all()


def test_smallest_cohorts_have_values_but_no_interval():
    found = measure(normal(6, 2, 0), normal(40, 2, 1))
    assert all(np.isfinite(e.value) for e in found.values())
    assert all(e.interval is None and e.standard_error is None for e in found.values())


def test_warnings():
    assert sentences(measure(normal(50, 2, 0), normal(100, 2, 1))["precision"]) == ()
    assert sentences(measure(normal(49, 2, 0), normal(99, 2, 1))["precision"]) == (
        (
            "Only 49 real and 99 synthetic volumes: below 50 of each, the balls fill the space between"
            " volumes poorly and the values are rough."
        ),
        (
            "The cohorts differ in size (49 real, 99 synthetic), which alone moves precision, recall"
            " and coverage: compare only with values at the same sizes."
        ),
    )


def test_options():
    assert METRIC.options() == {"k": 5}


@pytest.mark.parametrize(
    ("real", "synthetic", "k", "message"),
    [
        (
            normal(5, 2, 0),
            normal(9, 2, 1),
            5,
            (
                "The precision and recall metric with k = 5 needs at least 6 volumes in each set, "
                "but got 5 real and 9 synthetic."
            ),
        ),
        (
            normal(9, 2, 0),
            normal(9, 2, 1),
            0,
            "k: expected a whole number of at least 1, but found 0.",
        ),
        (
            normal(9, 2, 0),
            normal(9, 2, 1) / 0,
            5,
            (
                "9 of 9 synthetic volumes have NaN or infinite features, the first in row 0. Leave "
                "them out or mend the extractor."
            ),
        ),
    ],
)
def test_errors(real, synthetic, k, message):
    with pytest.raises(ValueError) as caught:
        compute(real, synthetic, k=k)
    assert str(caught.value) == message


def test_single_precision_features_are_taken_too():
    real, synthetic = normal(9, 2, 0), normal(9, 2, 1)
    names = [e.value for e in compute(real.float().double(), synthetic.float().double())]
    assert names == [e.value for e in compute(real.float(), synthetic.float())]


def test_a_density_without_spread_is_no_certainty():
    generator = torch.Generator().manual_seed(0)
    real = torch.randn(30, 3, generator=generator).double()
    found = {e.name: e for e in compute(real, real + 100)}
    assert found["density"].value == 0
    assert found["density"].interval is None
    assert found["density"].standard_error is None
    assert any("There is no interval" in warning for warning in sentences(found["density"]))
    assert found["precision"].interval.high > 0.05


CODES = st.lists(st.sampled_from(range(99)) | st.integers(0, 5), min_size=20, max_size=20)


@settings(max_examples=20)
@given(
    sizes=st.tuples(st.integers(8, 20), st.integers(8, 20)),
    d=st.integers(1, 3),
    seed=st.integers(0, 99),
    on_grid=st.booleans(),
    whose=st.tuples(CODES, CODES),
    memory=st.sampled_from([1, 60_000]),
)
def test_memory_changes_nothing(sizes, d, seed, on_grid, whose, memory):
    real, synthetic = (normal(n, d, seed + n, scale=2.0, shift=1e4) for n in sizes)
    if on_grid:  # so that many are equally far apart
        real, synthetic = real.round(), synthetic.round()
    copies = min(sizes) // 4
    synthetic[:copies] = real[:copies]
    subjects = Subjects(*(coded(codes[:n]) for codes, n in zip(whose, sizes, strict=True)))
    assume(all(len(c) - np.bincount(c).max() > 1 for c in (subjects.real, subjects.synthetic)))
    whole = compute(real, synthetic, subjects=subjects, k=2)
    parts = compute(real, synthetic, subjects=subjects, k=2, memory=memory)
    for one, other in zip(whole, parts, strict=True):
        assert other.value == one.value
        assert (other.standard_error is None) == (one.standard_error is None)
        if one.standard_error is not None:
            assert other.standard_error == pytest.approx(one.standard_error, rel=1e-9)
