import math
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import t as student

from evalsuite.metrics.distances import median
from evalsuite.metrics.kernels import median_distance
from evalsuite.metrics.mmd import METRIC, compute
from evalsuite.metrics.squared_mmd import jackknife, score_interval
from evalsuite.metrics.subjects import Subjects, coded
from tests.caveats import sentences
from tests.metrics.kernels import cubic, mmd_of, p_value_of, rbf, sums_of


def normal(n, d, seed):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)).double()


def by_name(real, synthetic, **options):
    return {estimate.name: estimate for estimate in compute(real, synthetic, **options)}


@st.composite
def pairs(draw):
    d = draw(st.integers(1, 6))
    real = normal(draw(st.integers(3, 9)), d, draw(st.integers(0, 2**20)))
    synthetic = normal(draw(st.integers(3, 9)), d, draw(st.integers(0, 2**20)))
    return real, synthetic * draw(st.floats(0.1, 3)) + draw(st.floats(-3, 3))


def test_rbf_by_hand():
    # Real 0, 2 and synthetic 1, 3; the median distance within the real cohort is 2, so a pair
    # at distance 1 has the kernel a = exp(-1/8), at 2 b = exp(-1/2), at 3 c = exp(-9/8).
    a, b, c = (math.exp(-(x**2) / 8) for x in (1, 2, 3))
    real, synthetic = torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [3.0]])
    # Within real b, within synthetic b, between (0,1) a, (0,3) c, (2,1) a, (2,3) a.
    expected = b + b - 2 * (3 * a + c) / 4
    estimate = by_name(real, synthetic, bandwidth=2.0)["mmd_rbf"]
    assert estimate.value == pytest.approx(expected, rel=1e-12)


def test_by_default_kernels_of_four_bandwidths_are_averaged():
    real, synthetic = torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [3.0]])
    # The median distance within the real cohort is 2, its multiples 2, 4, 8 and 16.
    single = [by_name(real, synthetic, bandwidth=b)["mmd_rbf"].value for b in (2.0, 4.0, 8.0, 16.0)]
    estimate = by_name(real, synthetic)["mmd_rbf"]
    assert estimate.value == pytest.approx(np.mean(single), rel=1e-12)
    assert "1, 2, 4 and 8 times sigma = 2, the median distance within the real" in estimate.method


def test_rbf_tells_bad_from_worse():
    real = normal(40, 50, seed=1)
    values = [
        by_name(real, normal(40, 50, seed=2) + shift, permutations=1)["mmd_rbf"].value
        for shift in (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
    ]
    assert values == sorted(values)


def test_kid_by_hand():
    # d = 1, (x y + 1)^3. Within real (0*1 + 1)^3 = 1, within synthetic (1*2 + 1)^3 = 27,
    # between 1, 1, (1*1 + 1)^3 = 8, (1*2 + 1)^3 = 27: 1 + 27 - 2 * 37 / 4 = 9.5.
    real, synthetic = torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [2.0]])
    assert by_name(real, synthetic)["kid"].value == pytest.approx(9.5, rel=1e-12)


@pytest.mark.filterwarnings("ignore:Metric `Kernel Inception Distance` will save")
def test_kid_agrees_with_torchmetrics():
    from torchmetrics.image.kid import KernelInceptionDistance, poly_mmd

    real, synthetic = normal(40, 16, seed=1), 1.2 * normal(40, 16, seed=2) + 0.1
    value = by_name(real, synthetic)["kid"].value
    assert value == pytest.approx(float(poly_mmd(real, synthetic)), rel=1e-9)
    metric = KernelInceptionDistance(feature=torch.nn.Flatten(), subsets=1, subset_size=40)
    metric.update(real, real=True)
    metric.update(synthetic, real=False)
    assert value == pytest.approx(float(metric.compute()[0]), rel=1e-9)


def test_rbf_agrees_with_a_double_loop():
    real, synthetic = normal(6, 3, seed=1).numpy(), 2 * normal(4, 3, seed=2).numpy()

    def k(x, y):
        return np.exp(-np.sum((x - y) ** 2) / (2 * 1.7**2))

    expected = (
        np.mean([k(x, y) for x, y in combinations(real, 2)])
        + np.mean([k(x, y) for x, y in combinations(synthetic, 2)])
        - 2 * np.mean([k(x, y) for x in real for y in synthetic])
    )
    estimates = by_name(torch.from_numpy(real), torch.from_numpy(synthetic), bandwidth=1.7)
    assert estimates["mmd_rbf"].value == pytest.approx(expected, rel=1e-12)
    assert "sigma = 1.7, as given" in estimates["mmd_rbf"].method


def test_median_is_that_of_the_pairs_within_the_real_cohort():
    # Distances 1, 3, 7, 2, 6, 4, of which the median is (3 + 4) / 2.
    assert median_distance(torch.tensor([[0.0], [1.0], [3.0], [7.0]])) == 3.5


def test_convention_real_sets_the_bandwidth():
    real, synthetic = normal(10, 3, seed=1), 5 * normal(8, 3, seed=2)
    sigma = f"sigma = {median_distance(real):.6g},"
    estimates = by_name(real, synthetic)
    assert sigma in estimates["mmd_rbf"].method
    assert sigma not in by_name(synthetic, real)["mmd_rbf"].method
    assert {(e.n_real, e.n_synthetic) for e in estimates.values()} == {(10, 8)}


@given(pairs())
def test_is_a_symmetric_function_of_sets(pair):
    real, synthetic = pair
    names = ("mmd_rbf", "kid")
    there = by_name(real, synthetic, bandwidth=1.0, permutations=1)
    back = by_name(synthetic.flip(0), real.roll(1, 0), bandwidth=1.0, permutations=1)
    for name in names:
        assert back[name].value == pytest.approx(there[name].value, rel=1e-9, abs=1e-9)
        assert back[name].standard_error == pytest.approx(
            there[name].standard_error, rel=1e-7, abs=1e-9
        )
    assert there["mmd_rbf"].value <= 2


@given(pairs(), st.floats(-20, 20), st.floats(0.01, 100), st.integers(0, 2**20))
def test_rbf_does_not_change_under_translation_rotation_and_scale(pair, shift, scale, seed):
    real, synthetic = pair
    d = real.shape[1]
    rotation = torch.linalg.qr(normal(d, d, seed)).Q
    plain = by_name(real, synthetic, permutations=1)["mmd_rbf"].value
    moved = by_name(
        scale * real @ rotation + shift, scale * synthetic @ rotation + shift, permutations=1
    )
    assert moved["mmd_rbf"].value == pytest.approx(plain, abs=1e-8)


@pytest.mark.parametrize("name", ["mmd_rbf", "kid"])
def test_grows_with_a_shift(name):
    real, synthetic = normal(40, 4, seed=1), normal(40, 4, seed=2)
    values = [
        by_name(real, synthetic + shift, permutations=1)[name].value for shift in (0.5, 1, 2, 4)
    ]
    assert values == sorted(values)
    assert values[0] > 0


@pytest.mark.parametrize("name", ["mmd_rbf", "kid"])
def test_is_unbiased(name):
    # Same distribution, so zero in expectation, with values on both sides of it.
    values = [
        by_name(normal(8, 3, seed), normal(8, 3, 1000 + seed), bandwidth=2.0, permutations=1)[
            name
        ].value
        for seed in range(200)
    ]
    assert abs(np.mean(values)) < 4 * np.std(values) / 200**0.5
    assert min(values) < 0 < max(values)


@given(pairs())
def test_standard_error_agrees_with_leaving_out_each_volume(pair):
    real, _synthetic = pair
    kernel, m = cubic(torch.cat(pair)), len(real)
    variance = 0.0
    for side in (range(m), range(m, len(kernel))):
        without = []
        for i in side:
            kept = [j for j in range(len(kernel)) if j != i]
            without.append(mmd_of(kernel[kept][:, kept], m - (i < m)))
        variance += (len(side) - 1) * np.var(without)
    assert standard_error(sums_of(kernel, m)) == pytest.approx(variance**0.5, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    ("shift", "lowest", "highest"),
    [
        (1.0, 0.85, 1.2),  # accurate where the distributions differ
        (0.0, 1.2, 1.7),  # 2^(1/2) too large where they are equal
    ],
)
def test_standard_error_against_simulation(shift, lowest, highest):
    values, variances = [], []
    for seed in range(300):
        rows = torch.cat([normal(40, 3, seed), normal(30, 3, 1000 + seed) + shift])
        kernel = rbf(rows, 2.0)
        values.append(mmd_of(kernel, 40))
        variances.append(standard_error(sums_of(kernel, 40)) ** 2)
    assert lowest < np.mean(variances) ** 0.5 / np.std(values) < highest


def standard_error(sums):
    return sum(float(of.square().sum()) for of in jackknife(sums)) ** 0.5


def test_ends_of_the_interval_solve_the_score_equation():
    estimate = by_name(normal(30, 3, seed=1), normal(30, 3, seed=2) + 1, level=0.9)["kid"]
    low, high = estimate.interval.low, estimate.interval.high
    assert estimate.interval.level == 0.9
    # The variance at an end: in proportion with the distance, |value - end| = t standard errors.
    ts = [
        abs(estimate.value - end) / (estimate.standard_error * (end / estimate.value) ** 0.5)
        for end in (low, high)
    ]
    assert ts[0] == pytest.approx(ts[1])
    # 58 degrees of freedom at most, 29 at least.
    assert student.ppf(0.95, 58) <= ts[0] <= student.ppf(0.95, 29)


def test_near_zero_the_variance_grows_no_faster_than_at_t_standard_errors():
    low, high = score_interval(0.0, np.array([0.5, 0.5]), (30, 30), 0.95)
    t = student.ppf(0.975, 58)
    # growth = 1 / t: theta^2 = t^2 (1 + theta / t)
    assert [low, high] == pytest.approx([t * (1 - 5**0.5) / 2, t * (1 + 5**0.5) / 2])
    assert score_interval(0.0, np.zeros(2), (30, 30), 0.95) == (0.0, 0.0)
    unequal = score_interval(5.0, np.array([1.0, 0.0]), (7, 3), 0.95)
    t = student.ppf(0.975, 6)
    assert unequal[1] - 5 == pytest.approx(t * (1 * unequal[1] / 5) ** 0.5)


def test_p_value_agrees_with_all_relabellings():
    rows = torch.cat([normal(4, 2, seed=1), normal(5, 2, seed=2) + 0.8])
    kernel = rbf(rows, 1.5)
    observed = mmd_of(kernel, 4)
    reached = []
    for chosen in combinations(range(9), 4):
        order = [*chosen, *(i for i in range(9) if i not in chosen)]
        reached.append(mmd_of(kernel[order][:, order], 4) >= observed - 1e-12)
    p = p_value_of(kernel, 4, permutations=20_000, seed=1)
    assert p == pytest.approx(np.mean(reached), abs=0.015)
    assert 0.02 < p < 0.98


def test_p_value_counts_the_observed_labelling():
    # Far apart, no relabelling of 20 + 20 reaches the observed value: (0 + 1) / (99 + 1).
    kernel = rbf(torch.cat([normal(20, 2, seed=1), normal(20, 2, seed=2) + 9]), 2.0)
    assert p_value_of(kernel, 20, permutations=99) == 0.01


def test_p_value_counts_ties_in_spite_of_rounding():
    # Swapping two cohorts of three changes the order of the sums but not the value.
    kernel = cubic(normal(6, 3, seed=2))
    values = []
    for chosen in combinations(range(6), 3):
        order = [*chosen, *(i for i in range(6) if i not in chosen)]
        values.append(mmd_of(kernel[order][:, order], 3))
    share = np.mean(np.array(values) >= values[0] - 1e-9)
    p = p_value_of(kernel, 3, permutations=20_000)
    assert p == pytest.approx(share, abs=0.015)


def test_type_one_error_of_the_permutation_test():
    p_values = [
        p_value_of(
            rbf(torch.cat([normal(10, 2, seed), normal(14, 2, 1000 + seed)]), 1.5),
            10,
            permutations=99,
            seed=seed,
        )
        for seed in range(400)
    ]
    # Uniform under the null: standard errors of these shares are 0.011, 0.015 and 0.025.
    assert np.mean(np.array(p_values) <= 0.05) == pytest.approx(0.05, abs=0.035)
    assert np.mean(np.array(p_values) <= 0.1) == pytest.approx(0.1, abs=0.045)
    assert np.mean(np.array(p_values) <= 0.5) == pytest.approx(0.5, abs=0.075)


def test_same_seed_same_result_and_other_seed_other_p_value():
    real, synthetic = normal(20, 3, seed=1), normal(20, 3, seed=2) + 0.1
    first, again, other = (compute(real, synthetic, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert [e.value for e in other if not e.name.endswith("p_value")] == [
        e.value for e in first if not e.name.endswith("p_value")
    ]
    assert [e.value for e in other] != [e.value for e in first]


def test_metric_record():
    assert METRIC.name == "mmd"
    assert METRIC.options() == {"bandwidth": None, "permutations": 1000, "level": 0.95}
    estimates = compute(normal(25, 3, seed=1), normal(25, 3, seed=2), permutations=10)
    assert [(e.name, e.direction) for e in estimates] == [
        ("mmd_rbf", "lower is better"),
        ("mmd_rbf_p_value", "higher is better"),
        ("kid", "lower is better"),
        ("kid_p_value", "higher is better"),
    ]
    assert all(sentences(e) == () and e.synthetic == e.extractor == "" for e in estimates)


def test_equal_real_volumes_leave_rbf_undefined_and_kid_defined():
    estimates = by_name(torch.ones(25, 3), normal(25, 3, seed=1))
    for name in ("mmd_rbf", "mmd_rbf_p_value"):
        assert math.isnan(estimates[name].value)
        assert estimates[name].interval is None
        assert sentences(estimates[name])[0] == (
            "The median distance between real volumes is 0, so the RBF kernel has no bandwidth. "
            "Set the option `bandwidth` or mend the extractor."
        )
    assert estimates["kid"].value > 0
    given_bandwidth = by_name(torch.ones(25, 3), normal(25, 3, seed=1), bandwidth=1.0)
    assert given_bandwidth["mmd_rbf"].value > 0


def test_warns_of_identical_sets_and_few_volumes():
    real = normal(25, 3, seed=1)
    same = compute(real, real.flip(0), permutations=10)
    assert {sentences(e) for e in same} == {("The two feature sets are identical.",)}
    few = by_name(normal(3, 3, seed=1), normal(3, 3, seed=2))
    assert sentences(few["kid"]) == (
        (
            "3 real and 3 synthetic volumes are few for the standard error and the interval, which "
            "held the truth in as few as 87 % of simulations with 12 and 60 subjects (at least 20 of "
            "each are advisable)."
        ),
    )
    # 6! / (3! 3!) = 20 labellings, of which swapped cohorts give equal values.
    assert sentences(few["kid_p_value"]) == (
        (
            "3 real and 3 synthetic volumes can be relabelled in so few ways that the p-value cannot "
            "fall below 0.1."
        ),
    )
    two = by_name(normal(2, 3, seed=1), normal(6, 3, seed=2))
    assert two["kid"].standard_error is None
    assert two["kid"].interval is None
    assert sentences(two["kid"]) == (
        "2 real and 6 synthetic volumes give no standard error: it needs 3 of each.",
    )


@pytest.mark.parametrize(
    ("real", "synthetic", "options", "message"),
    [
        (
            torch.zeros(1, 3),
            torch.zeros(5, 3),
            {},
            "MMD needs at least 2 volumes in each set, but got 1 real and 5 synthetic.",
        ),
        (
            torch.zeros(4, 3),
            torch.zeros(5, 2),
            {},
            (
                "The real volumes have 3 features and the synthetic ones 2. "
                "Extract both with the same extractor."
            ),
        ),
        (
            torch.tensor([[math.nan], [0.0], [1.0]]),
            torch.zeros(4, 1),
            {},
            (
                "1 of 3 real volumes have NaN or infinite features, the first in row 0. "
                "Leave them out or mend the extractor."
            ),
        ),
        (
            torch.zeros(4, 1),
            torch.zeros(4, 1),
            {"bandwidth": 0.0},
            "bandwidth: expected a number above 0 or null, but found 0.0.",
        ),
        (
            torch.zeros(4, 1),
            torch.zeros(4, 1),
            {"permutations": 0},
            "permutations: expected a whole number of at least 1, but found 0.",
        ),
        (
            torch.zeros(4, 1),
            torch.zeros(4, 1),
            {"level": 1.0},
            "level: expected a number above 0 and below 1, but found 1.0.",
        ),
    ],
)
def test_errors_are_sentences(real, synthetic, options, message):
    with pytest.raises(ValueError) as caught:
        compute(real, synthetic, **options)
    assert str(caught.value) == message


CODES = st.lists(st.integers(0, 5), min_size=9, max_size=9)


@settings(max_examples=12)
@given(
    pairs(),
    st.tuples(CODES, CODES) | st.just((range(9), range(9))),
    st.sampled_from([0.0, 10.0]),
    st.sampled_from([1, 700_000]),
)
def test_memory_changes_no_digit_but_the_last(pair, whose, shift, memory):
    real, synthetic = (cohort + shift for cohort in pair)
    synthetic[0] = real[1]
    subjects = Subjects(*(coded(c[: len(of)]) for c, of in zip(whose, pair, strict=True)))
    assume(min(subjects.counts) > 1)
    whole = compute(real, synthetic, subjects=subjects, permutations=50, seed=1)
    parts = compute(real, synthetic, subjects=subjects, permutations=50, seed=1, memory=memory)
    largest = float(cubic(torch.cat([real, synthetic])).abs().max())
    for one, other in zip(whole, parts, strict=True):
        rounding = 1e-12 * (largest if one.name == "kid" else 1)
        assert other.value == pytest.approx(one.value, abs=rounding)
        if one.standard_error is not None:
            assert other.standard_error == pytest.approx(one.standard_error, rel=1e-9, abs=rounding)


@given(
    st.lists(st.one_of(st.floats(0, 4, width=16), st.floats(0, 1e300)), min_size=1, max_size=60),
    st.integers(1, 9),
    st.sampled_from([1, 100, 10_000]),
)
def test_a_median_of_parts_is_that_of_the_whole(values, step, memory):
    whole = torch.tensor(values).double()
    found = median(lambda: iter(whole.split(step)), len(whole), memory)
    assert found == np.median(whole.numpy())


def test_distances_in_two_far_clusters_are_exact():
    # From the middle the clusters are 1e8 away, so that squared distances of products are rounded
    # to about 1; those within a cluster are 1e-6.
    real = torch.cat([normal(5, 3, seed=1) * 1e-3 + 1e8, normal(5, 3, seed=2) * 1e-3 - 1e8])
    apart = torch.cdist(real, real, compute_mode="donot_use_mm_for_euclid_dist")
    expected = torch.exp(-0.5 * (apart / 1e-3) ** 2)
    torch.testing.assert_close(rbf(real, 1e-3), expected, rtol=1e-9, atol=1e-12)
