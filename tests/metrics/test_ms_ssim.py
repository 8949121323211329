"""MS-SSIM within a cohort, against arithmetic by hand and simulation."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import jaxtyping
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.metrics.ms_ssim import (
    HEAVY,
    METRIC,
    Mean,
    compute,
    draw_pairs,
    interval_of_pairs,
    mean_of_pairs,
    pair_mean_variance,
    pair_similarities,
)
from evalsuite.metrics.structural_similarity import Settings, pyramid, similarity
from evalsuite.metrics.subjects import dominated
from tests.caveats import sentences
from tests.metrics.phantoms import smooth

HIPPOCAMPUS = Path(__file__).resolve().parents[3] / "shared/data/hippocampus/images"


def by_name(estimates):
    return {estimate.name: estimate for estimate in estimates}


class Counted(Sequence):
    def __init__(self, volumes):
        self.volumes = volumes
        self.loads = 0

    def __len__(self):
        return len(self.volumes)

    def __getitem__(self, index):
        self.loads += 1
        return self.volumes[index]


@given(volumes=st.integers(2, 40), pairs=st.integers(1, 300), seed=st.integers(0, 99))
def test_drawn_pairs(volumes, pairs, seed):
    drawn = draw_pairs(volumes, pairs, (seed, 0))
    assert len(drawn) == min(pairs, volumes * (volumes - 1) // 2)
    assert len({tuple(pair) for pair in drawn.tolist()}) == len(drawn)
    assert (drawn[:, 0] < drawn[:, 1]).all()
    assert drawn.min() >= 0
    assert drawn.max() < volumes
    np.testing.assert_array_equal(drawn, draw_pairs(volumes, pairs, (seed, 0)))
    degree = np.bincount(drawn.ravel(), minlength=volumes)
    assert len(drawn) < volumes or degree.max() - degree.min() <= 2  # balanced


def test_every_pair_is_equally_likely():
    counts = np.zeros((6, 6))
    for seed in range(3000):
        pairs = draw_pairs(6, 4, (seed, 0))
        counts[pairs[:, 0], pairs[:, 1]] += 1
    frequency = counts[np.triu_indices(6, 1)] / 3000
    # 4 of 15 pairs; the standard error of a frequency is sqrt(0.267 * 0.733 / 3000) = 0.008
    np.testing.assert_allclose(frequency, 4 / 15, atol=4 * 0.0081)


@pytest.mark.parametrize(("volumes", "pairs", "block"), [(30, 45, 20), (24, 276, 4), (40, 40, 2)])
def test_visiting_order_makes_few_loads_and_does_not_change_values(volumes, pairs, block):
    chosen = Settings(kernel_size=3, scales=1)
    pyramids = [pyramid(smooth((5, 5, 5), seed), chosen) for seed in range(volumes)]
    recent: list[int] = []
    loads = 0

    def load(index):
        nonlocal loads
        if index in recent:
            recent.remove(index)
        else:
            loads += 1
        recent.append(index)
        del recent[: -2 * block]
        return pyramids[index]

    drawn = draw_pairs(volumes, pairs, (0, 0))
    values = pair_similarities(load, drawn, chosen, 1.0, block)
    for row, (first, second) in zip(values, drawn, strict=True):
        assert tuple(row) == similarity(pyramids[first], pyramids[second], chosen, 1.0)
    blocks = -(-volumes // block)
    most = {(30, 45): 30, (24, 276): 2 * block * blocks * (blocks + 1) // 2, (40, 40): 60}
    assert loads <= most[volumes, pairs]


def simulate(pairs, volumes, rng, main, noise):
    effect = main * rng.standard_normal(volumes)
    return effect[pairs].sum(axis=1) + noise * rng.standard_normal(len(pairs))


@pytest.mark.parametrize("pairs", [12, 20, 66])
@pytest.mark.parametrize(("main", "noise", "excess"), [(1, 0, 0.06), (1, 1, 0.06), (0.1, 1, 0.45)])
def test_variance_of_the_mean_is_that_of_repeated_cohorts(pairs, main, noise, excess):
    volumes = 12
    drawn = draw_pairs(volumes, pairs, (1, 0))
    degree = np.bincount(drawn.ravel(), minlength=volumes)
    truth = (main**2 * np.sum(degree**2) + noise**2 * len(drawn)) / len(drawn) ** 2
    rng = np.random.default_rng(5)
    estimated = [
        pair_mean_variance(simulate(drawn, volumes, rng, main, noise), drawn) for _ in range(3000)
    ]
    # Unbiased, but for the lower bound where volumes hardly matter, which errs on the safe side.
    assert 0.92 * truth < np.mean(estimated) < (1 + excess) * truth


def test_variance_equals_its_definition_and_is_unknown_without_disjoint_pairs():
    drawn = draw_pairs(7, 21, (0, 0))
    values = simulate(drawn, 7, np.random.default_rng(0), 1, 0.3)
    deviations = values - values.mean()
    disjoint = [
        deviations[e] * deviations[f]
        for e, f in itertools.product(range(21), repeat=2)
        if not set(drawn[e]) & set(drawn[f])
    ]
    assert pair_mean_variance(values, drawn) == pytest.approx(-np.mean(disjoint), rel=1e-9)
    triangle = np.array([[0, 1], [0, 2], [1, 2]])
    assert np.isnan(pair_mean_variance(np.array([0.1, 0.2, 0.4]), triangle))


def test_means_of_all_pairs_of_small_cohorts():
    real = [smooth((24, 22, 23), seed) for seed in range(5)]
    synthetic = [smooth((24, 22, 23), seed) * 0.2 for seed in range(10, 14)]
    found = by_name(compute(real, synthetic, data_range=1.0))
    pairs = {"real": itertools.combinations(real, 2), "syn": itertools.combinations(synthetic, 2)}
    chosen = Settings(scales=2)
    expected = {
        role: np.mean(
            [similarity(pyramid(x, chosen), pyramid(y, chosen), chosen, 1.0) for x, y in some],
            axis=0,
        )
        for role, some in pairs.items()
    }
    for column, name in enumerate(["ms_ssim", "ssim"]):
        estimate = found[name]
        assert estimate.value == pytest.approx(expected["syn"][column], abs=1e-6)
        assert estimate.reference == pytest.approx(expected["real"][column], abs=1e-6)
        assert (estimate.n_real, estimate.n_synthetic) == (10, 6)
        assert estimate.interval.low <= estimate.value <= estimate.interval.high
    difference = found["ms_ssim_difference"]
    assert difference.value == pytest.approx(expected["syn"][0] - expected["real"][0], abs=1e-6)
    assert difference.value > 0  # less contrast, so less diverse
    assert difference.interval.low < difference.value < difference.interval.high
    method = found["ms_ssim"].method
    assert "2 of 5 scales with weights 0.1356, 0.8644 (the first standard ones, renorm" in method
    assert "window of 11 voxels with sigma 1.5" in method
    assert "data range 1 (as given)" in method
    assert sentences(found["ms_ssim"]) == (
        "Only 4 volumes of a cohort are compared: too few for a firm conclusion.",
    )


def test_one_volume_repeated_is_exposed():
    real = [smooth((24, 24, 24), seed) for seed in range(90)]
    found = by_name(compute(real, [real[3].clone() for _ in range(90)]))
    assert found["ms_ssim"].value == pytest.approx(1, abs=1e-7)
    assert found["ms_ssim"].reference < 0.5
    assert found["ms_ssim_difference"].interval.low > 0.5
    assert sentences(found["ms_ssim"]) == (
        "All 100 pairs of synthetic volumes are identical: the cohort has collapsed to one volume.",
    )


def test_some_repeats_are_counted():
    real = [smooth((12, 12, 12), seed) for seed in range(12)]
    synthetic = [*real[:10], real[0], real[0]]  # three copies of one make three identical pairs
    found = compute(real, synthetic)
    assert sentences(found[0]) == ("3 of 66 pairs of synthetic volumes are identical.",)


def test_the_seed_decides():
    real = [smooth((12, 12, 12), seed) for seed in range(30)]
    first = compute(real, real, seed=1, pairs=20)
    assert first == compute(real, real, seed=1, pairs=20)
    assert first[0].value != compute(real, real, seed=2, pairs=20)[0].value
    assert first[0].value != first[0].reference  # drawn independently of the real pairs


def test_loads_each_volume_once_and_measures_the_range_on_the_way(monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # it loads volumes, too
    real = Counted([smooth((12, 12, 12), seed) for seed in range(40)])
    synthetic = Counted([smooth((12, 12, 12), seed) for seed in range(40, 80)])
    found = compute(real, synthetic, pairs=60)
    assert real.loads == 40 + 1  # one more to learn the shape
    assert synthetic.loads == 40
    extent = max(v.max() for v in real.volumes) - min(v.min() for v in real.volumes)
    assert f"data range {extent:.6g} (max - min of the real volumes drawn)" in found[0].method


def test_a_small_cache_changes_nothing():
    real = [smooth((12, 12, 12), seed) for seed in range(9)]
    expected = compute(real, real)
    assert compute(real, real, memory=1) == expected


def test_window_shrinks_for_small_volumes_and_says_so():
    real = [smooth((8, 12, 12), seed) for seed in range(12)]
    found = compute(real, real)
    assert sentences(found[0]) == (
        "The window was shrunk from 11 to 7 voxels to fit volumes of 8 x 12 x 12.",
    )
    assert "Gaussian window of 7 voxels" in found[0].method


def test_two_volumes_have_a_value_but_no_interval():
    found = compute(
        [smooth((12, 12, 12), 0), smooth((12, 12, 12), 1)] * 1,
        [
            smooth((12, 12, 12), 2),
            smooth((12, 12, 12), 3),
        ],
    )
    assert all(0 <= abs(e.value) <= 1 and e.interval is None for e in found)
    assert all(e.standard_error is None for e in found)


def test_intervals_are_students_over_volumes_and_the_difference_has_both_cohorts_in_it():
    real = [smooth((12, 12, 12), seed) for seed in range(6)]
    synthetic = [smooth((12, 12, 12), seed) for seed in range(10, 15)]
    options = {"pairs": 100, "data_range": 1.0}  # all pairs, whichever cohort is called real
    multi, difference, _ = compute(real, synthetic, **options)
    other = compute(synthetic, real, **options)[0]
    both = np.hypot(multi.standard_error, other.standard_error)
    assert difference.standard_error == pytest.approx(both)
    # Without skewness 2.7764, the 97.5 % point with 4 degrees of freedom, on both sides.
    for estimate in (multi, difference):
        wide = (estimate.interval.high - estimate.interval.low) / estimate.standard_error
        assert wide == pytest.approx(2 * 2.7764, rel=0.2)


def test_ends_of_an_interval_are_where_halls_transformation_is_at_students_quantiles():
    mean = Mean(np.zeros(3), 0.5, 0.01, -0.4 * 0.1**3, 10, np.zeros(10))
    found, t = interval_of_pairs(mean, 0.0), 2.2622  # of 9 degrees of freedom
    for end, quantile in ((found.low, t), (found.high, -t)):
        apart = (0.5 - end) / 0.1
        transformed = apart - 0.4 * apart**2 / 3 + 0.16 * apart**3 / 27 - 0.4 / 6
        assert transformed == pytest.approx(quantile, abs=1e-4)
    even = interval_of_pairs(mean._replace(cumulant=0.0), 0.0)
    assert (even.low, even.high) == pytest.approx((0.5 - t / 10, 0.5 + t / 10), abs=1e-4)
    assert interval_of_pairs(mean._replace(variance=0.0), 0.0).low == 0.5


def test_the_third_cumulant_of_a_mean_over_pairs_is_that_of_repeated_cohorts():
    # Of all pairs of x_i + x_j the mean is twice that of x: its third cumulant 8 * 2 / n^2.
    rng, drawn = np.random.default_rng(0), draw_pairs(20, 190, (0,))
    found = [
        mean_of_pairs(rng.exponential(size=20)[drawn].sum(axis=1), drawn).cumulant
        for _ in range(400)
    ]
    assert np.mean(found) == pytest.approx(8 * 2 / 20**2, rel=0.3)


def test_a_volume_unlike_all_others_is_told():
    alike = np.full(20, 0.01) * (-1.0) ** np.arange(20)
    drawn = draw_pairs(20, 190, (0,))
    for unlike, told in ((0.0, False), (1.0, True)):
        subjects = alike + unlike * (np.arange(20) == 0)
        mean = mean_of_pairs(0.5 + subjects[drawn].sum(axis=1) / 4, drawn)
        assert dominated(mean.contributions) is told
    real = [smooth((12, 12, 12), seed) for seed in range(11)]
    odd = [*(real[0] + 1e-3 * volume for volume in real[1:]), -real[0]]
    found = by_name(compute(real, odd))
    assert HEAVY in found["ms_ssim"].warnings
    assert HEAVY not in by_name(compute(real, real))["ms_ssim"].warnings


def test_options():
    assert METRIC.options() == {
        "pairs": 100,
        "kernel_size": 11,
        "sigma": 1.5,
        "data_range": None,
        "k1": 0.01,
        "k2": 0.03,
        "scales": None,
        "convention": "wang",
    }


GOOD = [smooth((12, 12, 12), seed) for seed in range(3)]


@pytest.mark.parametrize(
    ("real", "synthetic", "options", "message"),
    [
        (
            GOOD[:1],
            GOOD,
            {},
            (
                "MS-SSIM compares volumes within a cohort and needs at least 2 volumes in each, but got"
                " 1 real and 3 synthetic."
            ),
        ),
        (
            GOOD,
            [smooth((12, 13, 12), 0)] * 2,
            {},
            (
                "Synthetic volume 0 is 12 x 13 x 12 voxels, but a real one is 12 x 12 x 12. MS-SSIM"
                " needs one shape: set it in the preprocessing."
            ),
        ),
        (
            GOOD,
            [torch.full((12, 12, 12), float("nan"))] * 2,
            {},
            "Synthetic volume 0 holds NaN or infinite values.",
        ),
        (
            [torch.ones(12, 12, 12)] * 2,
            GOOD,
            {},
            (
                "The real volumes all have one and the same intensity, so that MS-SSIM finds no data"
                " range; check them, or set data_range."
            ),
        ),
        (
            [torch.ones(2, 12, 12)] * 2,
            [torch.ones(2, 12, 12)] * 2,
            {},
            "MS-SSIM needs at least 3 voxels along each axis, but the volumes are 2 x 12 x 12.",
        ),
        (
            GOOD,
            GOOD,
            {"scales": 3},
            (
                "3 scales with a window of 11 voxels need at least 44 voxels along each axis, but the"
                " volumes are 12 x 12 x 12. Use at most 1, or leave scales unset."
            ),
        ),
        (
            GOOD,
            GOOD,
            {"scales": 6},
            "scales: expected a whole number from 1 to 5 or null, but found 6.",
        ),
        (GOOD, GOOD, {"pairs": 0}, "pairs: expected a whole number of at least 1, but found 0."),
        (GOOD, GOOD, {"kernel_size": 4}, "kernel_size: must be odd, but is 4."),
        (
            GOOD,
            GOOD,
            {"data_range": -1.0},
            "data_range: expected a number above 0 or null, but found -1.0.",
        ),
        (
            GOOD,
            GOOD,
            {"sigma": 0.0},
            "sigma: expected a number above 0, but found 0.0.",
        ),
    ],
)
def test_errors(real, synthetic, options, message):
    with pytest.raises(ValueError) as caught:
        compute(real, synthetic, **options)
    assert str(caught.value) == message


@pytest.mark.skipif(not HIPPOCAMPUS.is_dir(), reason="../shared/data/hippocampus is absent")
def test_blur_and_collapse_raise_ms_ssim_of_real_hippocampi():
    nibabel = pytest.importorskip("nibabel")
    volumes = []
    for path in sorted(HIPPOCAMPUS.glob("*.nii.gz"))[:40]:
        voxels = torch.from_numpy(nibabel.load(path).get_fdata(dtype=np.float32))[:30, :40, :24]
        if voxels.shape == (30, 40, 24):
            volumes.append((voxels / voxels.quantile(0.99)).clamp(0, 1))
    half, other = volumes[::2], volumes[1::2]
    blurred = [torch.nn.functional.avg_pool3d(v[None], 3, 1, 1)[0] for v in other]
    halves = by_name(compute(half, other))["ms_ssim_difference"]
    blurry = by_name(compute(half, blurred))["ms_ssim_difference"]
    collapsed = by_name(compute(half, [other[0]] * len(other)))["ms_ssim_difference"]
    assert halves.interval.low < 0 < halves.interval.high
    assert halves.value < blurry.value < collapsed.value
