"""Cohorts in which subjects have several volumes: each metric against leaving subjects out by hand."""

import itertools
import math

import numpy as np
import pytest
import torch

from evalsuite.metrics import anatomy, ms_ssim, precision_recall, privacy, realism, slices
from evalsuite.metrics.metric import UndefinedError, Views
from evalsuite.metrics.neighbourhoods import coverage, neighbourhoods, precision
from evalsuite.metrics.privacy import copies, membership
from evalsuite.metrics.privacy.distances import feature_distances
from evalsuite.metrics.slices.consistency import folds
from evalsuite.metrics.subjects import Subjects, coded
from evalsuite.records import Estimate, Scores
from evalsuite.volumes.labels import Segmentation
from tests.caveats import sentences
from tests.metrics.phantoms import smooth


def features(subjects, sizes, seed, d=4, noise=0.3):
    """Return rows of subjects that are alike within, and their codes."""
    random = np.random.default_rng(seed)
    codes = np.repeat(np.arange(subjects), sizes)
    rows = random.normal(size=(subjects, d))[codes] + noise * random.normal(size=(len(codes), d))
    return torch.from_numpy(rows), codes


def by_name(findings):
    return {getattr(f, "key", f.name): f for f in findings if isinstance(f, Estimate | Scores)}


# Precision, recall, density and coverage.


def radii_by_hand(rows, codes, k):
    apart = torch.cdist(rows, rows).numpy()
    return [np.sort(apart[i][codes != codes[i]])[k - 1] for i in range(len(rows))]


def test_another_volume_of_the_subject_is_no_neighbour():
    rows, codes = features(9, [1, 2, 3, 1, 2, 1, 4, 2, 1], seed=0)
    found = neighbourhoods(rows, 3, codes)
    assert found.squares.sqrt().tolist() == pytest.approx(radii_by_hand(rows, codes, 3))


def test_balls_after_a_subject_is_left_out_are_those_without_it():
    rows, codes = features(9, [1, 2, 3, 1, 2, 1, 4, 2, 1], seed=1)
    balls = neighbourhoods(rows, 3, codes, memory=1)
    for subject in range(9):
        left = balls.grown.subjects == subject
        kept = codes != subject
        expected = dict(
            zip(np.flatnonzero(kept), radii_by_hand(rows[kept], codes[kept], 3), strict=True)
        )
        before = radii_by_hand(rows, codes, 3)
        grown = {i: r for i, r in expected.items() if r > before[i] + 1e-12}
        found = zip(balls.grown.rows[left].tolist(), balls.grown.squares[left].sqrt(), strict=True)
        assert dict(found) == pytest.approx(grown)


def variance_by_hand(values, other, own, codes):
    """The docstring of `jackknife_variance`, pair by pair."""
    p, subjects = len(values), range(codes.max() + 1)
    centred = other - other.mean(axis=0)
    products = pairs = 0.0
    for i, j in itertools.product(range(p), repeat=2):
        if codes[i] != codes[j]:
            products += (centred[:, i] * centred[:, j]).sum()
            pairs += 1
    c = len(other)
    variance = (c - 1) / c * products / pairs

    def of_mean(totals):
        apart = [
            t - (codes == s).sum() * sum(totals) / p for s, t in zip(subjects, totals, strict=True)
        ]
        return sum(a * a for a in apart) * len(apart) / (len(apart) - 1) / p**2

    totals = [values[codes == s].sum() for s in subjects]
    influence = [totals[s] - own[s].sum() for s in subjects] if len(own) else totals
    noise = sum(own[s][codes == t].sum() ** 2 for s in range(len(own)) for t in subjects)
    return max(variance + of_mean(influence) - noise / p**2, of_mean(totals))


def test_the_variance_of_recall_and_coverage_is_that_of_leaving_subjects_out():
    real, first = features(8, [2, 1, 3, 2, 1, 2, 1, 2], seed=2)
    synthetic, second = features(9, [1, 2, 1, 1, 3, 1, 2, 1, 1], seed=3, noise=0.6)
    between = torch.cdist(real, synthetic)
    balls = neighbourhoods(real, 2, first)
    precise, _ = precision(real, balls, synthetic, second)
    covered = coverage(real, balls, synthetic, Subjects(first, second))

    def hits(kept):
        radii = torch.tensor(radii_by_hand(real[kept], first[kept], 2))
        return (between[kept] < radii[:, None]).any(dim=0).double().numpy()

    everyone = np.full(len(real), True)
    base = hits(everyone)
    changes = np.array([hits(first != s) - base for s in range(8)])
    none = np.zeros((0, len(base)))
    assert precise.variance == pytest.approx(variance_by_hand(base, changes, none, second))

    def reached(kept, columns):
        radii = radii_by_hand(real[kept], first[kept], 2)
        nearest = between[kept][:, columns].amin(dim=1).numpy()
        found = np.full(len(real), np.nan)
        found[kept] = nearest < radii
        return found

    full = reached(everyone, np.full(len(synthetic), True))
    other = np.array([reached(everyone, second != t) - full for t in range(9)])
    own = np.array([reached(first != s, np.full(len(synthetic), True)) - full for s in range(8)])
    expected = variance_by_hand(full, other, np.nan_to_num(own), first)
    assert covered.variance == pytest.approx(expected)


def test_too_few_other_subjects_are_told():
    rows, codes = features(3, [4, 1, 1], seed=4)
    subjects = Subjects(codes, np.arange(6))
    with pytest.raises(UndefinedError, match="too many of the real ones show one subject"):
        precision_recall.compute(rows, rows + 1, subjects=subjects, k=3)


# Realism.


def test_a_real_volume_is_scored_against_other_subjects_only():
    real = torch.tensor([[0.0], [0.1], [3.0], [7.0], [12.0], [18.0], [25.0]]).double()
    codes = np.array([0, 0, 1, 2, 3, 4, 5])
    found = by_name(
        realism.compute(
            real,
            torch.tensor([[0.05], [2.0]]).double(),
            subjects=Subjects(codes, np.arange(2)),
            seed=0,
            k=2,
        )
    )
    assert found["nearest_real_distance"].real[:3] == pytest.approx([3.0, 2.9, 2.9])
    assert found["nearest_real_distance"].synthetic == pytest.approx([0.05, 1.0])
    # 13 is the mean of 3, 7, 12, 18 and 25.
    assert found["distance_to_real_mean"].real[:2] == pytest.approx([13.0, 12.9])


# Privacy.


def test_no_training_volume_is_near_through_another_of_its_subject():
    rows = torch.tensor([[0.0], [1.0], [5.0], [9.0]]).double()
    codes = np.array([0, 0, 1, 2])
    found = feature_distances(rows, None, torch.tensor([[4.0]]).double(), codes, memory=1)
    assert found.training.distances[:, 0].tolist() == [5.0, 4.0, 4.0, 4.0]
    assert found.holdout is found.training
    # Of 4: the nearest is 1 away (the volume at 5), the next of another subject 3.
    assert copies.nearest_neighbour_ratio(found.synthetic) == pytest.approx([1 / 3])


def test_a_copy_of_a_subject_with_two_scans_is_seen_by_the_ratio():
    distances = np.array([[0.01, 0.02, 1.0, 2.0]])
    subjects = np.array([0, 0, 1, 2])
    found, _ = copies.near([distances], subjects)
    assert copies.nearest_neighbour_ratio(found) == pytest.approx([0.01])


def test_the_spread_of_the_nearest_is_that_over_all_ways_to_deal_subjects():
    random = np.random.default_rng(0)
    sizes = [2, 1, 3, 1, 2, 1, 2]
    owner = np.repeat(np.arange(7), sizes)
    apart = random.random((40, 12))
    t = int((owner < 3).sum())
    found = membership.nearest_is_training(
        copies.near([apart[:, :t]])[0],
        copies.near([apart[:, t:]])[0],
        owner[:t],
        coded(owner[t:].tolist()),
    )
    followers = np.bincount(apart.argmin(axis=1), minlength=12)
    excess = followers - followers.mean()
    sums = [
        sum(excess[owner == s].sum() for s in dealt) / 40
        for dealt in itertools.combinations(range(7), 3)
    ]
    assert found.expected == t / 12
    assert found.deviation == pytest.approx(np.std(sums))


def test_a_real_volume_of_a_training_subject_is_no_hold_out():
    def views(n, seed, subjects=None):
        random = np.random.default_rng(seed)
        volumes = [smooth((10, 11, 12), 100 * seed + i) for i in range(n)]
        names = [f"{seed}-{i}" for i in range(n)]
        rows = torch.from_numpy(random.normal(size=(n, 4)))
        return Views(names, {"numbers": rows}, volumes, (1.0, 1.0, 1.0), subjects=subjects)

    training = views(12, 1, [f"p{i}" for i in range(12)])
    held = views(14, 2, ["p3", "p5", *(f"q{i}" for i in range(12))])
    found = privacy.compute(held, views(10, 3), training=training)
    told = {w for f in found if isinstance(f, Estimate) for w in sentences(f)}
    assert any("2 of 14 real volumes are in the training cohort too, or show" in w for w in told)
    assert {f.n_real for f in found if isinstance(f, Estimate)} == {12}
    scores = by_name(found)["dcr"]
    assert np.isnan(scores.real[:2]).all()
    assert np.isfinite(scores.real[2:]).all()


# Slices, MS-SSIM and anatomy.


def test_a_volume_is_not_judged_by_another_of_its_subject():
    codes = np.array([0, 1, 0, 2, 1, 3])
    for part in folds(codes):
        assert not set(codes[part]) & set(np.delete(codes, part))
    assert sorted(np.concatenate(folds(codes))) == list(range(6))


def test_pairs_of_ms_ssim_are_of_different_subjects():
    first, second, third = (smooth((12, 12, 12), i) for i in range(3))
    cohort = [first, first, second, second, third, third]
    found = by_name(
        ms_ssim.compute(
            cohort, cohort, subjects=Subjects(np.repeat([0, 1, 2], 2), np.repeat([0, 1, 2], 2))
        )
    )
    alone = by_name(ms_ssim.compute([first, second, third], [first, second, third]))
    assert found["ms_ssim"].value == pytest.approx(alone["ms_ssim"].value)
    assert found["ms_ssim"].n_real == 3
    assert "of different subjects" in found["ms_ssim"].method
    # With each volume for a subject of its own, three of the fifteen pairs are the same volume.
    assert by_name(ms_ssim.compute(cohort, cohort))["ms_ssim"].value > found["ms_ssim"].value


def volumes_of(n, seed):
    return [smooth((14, 15, 16), 1000 * seed + i) for i in range(n)]


def label_maps(n, seed):
    random = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        labels = np.zeros((16, 16, 16), np.int64)
        a, b, c = random.integers(3, 7, 3)
        labels[2 : 2 + a, 2 : 2 + b, 2 : 2 + c] = 1
        found.append(Segmentation(labels, (1.0, 1.0, 1.0)))
    return found


def cohort_of(n, seed, copies_of_each):
    random = np.random.default_rng(seed)
    rows = torch.from_numpy(random.normal(size=(n, 3)))
    places = np.repeat(np.arange(n), copies_of_each)
    volumes, maps = volumes_of(n, seed), label_maps(n, seed)
    return Views(
        names=[f"{seed}-{i}-{j}" for i, j in enumerate(places)],
        features={"numbers": rows[places]},
        volumes=[volumes[i] for i in places],
        spacing=(1.0, 1.0, 1.0),
        labels=[maps[i] for i in places],
        subjects=[f"s{seed}-{i}" for i in places],
    )


METRICS = {
    "precision_recall": lambda a, b, s, n: precision_recall.compute(
        a.features["numbers"], b.features["numbers"], subjects=s, k=5 * n
    ),
    "ms_ssim": lambda a, b, s, _: ms_ssim.compute(a.volumes, b.volumes, subjects=s),
    "privacy": lambda a, b, *_: privacy.compute(a, b, training=cohort_of(16, 3, 1)),
    "slices": lambda a, b, *_: slices.compute(a, b),
    "anatomy": lambda a, b, *_: anatomy.compute(a, b, seed=0),
}


@pytest.mark.parametrize("metric", METRICS)
def test_volumes_said_twice_make_nothing_more_certain(metric):
    """Each volume of both cohorts twice under its subject: intervals are as wide as with it once."""

    def found(times):
        real, synthetic = cohort_of(18, 1, times), cohort_of(18, 2, times)
        subjects = Subjects(real.codes, synthetic.codes)
        return by_name(METRICS[metric](real, synthetic, subjects, times))

    once, twice = found(1), found(2)
    compared = 0
    for name, estimate in once.items():
        if not isinstance(estimate, Estimate) or not math.isclose(
            estimate.value, twice[name].value, rel_tol=0.05
        ):
            continue  # a score, or a quantile of real volumes that moves with their number
        pair = (estimate.interval, twice[name].interval)
        if all(pair) and pair[0].high > pair[0].low:
            before, after = (i.high - i.low for i in pair)
            assert after > 0.9 * before, name
            compared += 1
        if estimate.standard_error and math.isfinite(estimate.standard_error):
            assert twice[name].standard_error > 0.9 * estimate.standard_error, name
    assert compared > 1
