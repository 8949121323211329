"""MMD where a subject has several volumes."""

from itertools import product

import numpy as np
import pytest
import torch

from evalsuite.metrics.kernels import median_distance
from evalsuite.metrics.metric import UndefinedError
from evalsuite.metrics.mmd import compute
from evalsuite.metrics.squared_mmd import (
    jackknife,
    permutation_p_value,
    relabellings,
    sign_flip_p_value,
    signs,
    squared_mmd,
)
from evalsuite.metrics.subjects import Subjects, coded, each_its_own
from tests.caveats import sentences
from tests.metrics.kernels import cubic, rbf, sums_of


def clustered(rng, subjects, volumes, d=4, within=0.7):
    """Return standard normal features, correlated by `within` among volumes of a subject."""
    own = rng.standard_normal((subjects, 1, d))
    rest = rng.standard_normal((subjects, volumes, d))
    rows = np.sqrt(within) * own + np.sqrt(1 - within) * rest
    return torch.from_numpy(rows.reshape(-1, d))


def scans(m, real_each, n, synthetic_each):
    return Subjects(np.repeat(np.arange(m), real_each), np.repeat(np.arange(n), synthetic_each))


def by_name(real, synthetic, **options):
    return {estimate.name: estimate for estimate in compute(real, synthetic, **options)}


@pytest.fixture
def uneven():
    """Subjects of one to three volumes in no order."""
    rng = np.random.default_rng(5)
    subjects = Subjects(coded("abacbdda"), coded("xyzzyw"))
    return clustered(rng, 8, 1), clustered(rng, 6, 1) + 0.4, subjects


def test_numbers_without_subjects_are_those_from_before_there_were_subjects():
    generator = torch.Generator().manual_seed(1)
    real = torch.randn(30, 4, generator=generator).double()
    generator.manual_seed(2)
    synthetic = torch.randn(25, 4, generator=generator).double() * 1.2 + 0.3
    found = compute(real, synthetic, seed=3, permutations=300)
    # From the commit before.
    expected = (
        0.024247635474852203,
        0.013289036544850499,
        1.7236099641718554,
        0.006644518272425249,
    )
    assert [e.value for e in found] == pytest.approx(expected, rel=1e-11)
    errors = (0.018298018415602454, 1.1283432573619676)
    assert [found[i].standard_error for i in (0, 2)] == pytest.approx(errors, rel=1e-9)
    told = compute(real, synthetic, seed=3, permutations=300, subjects=each_its_own(30, 25))
    assert told == found


def test_pairs_of_one_subject_do_not_count():
    # d = 1, (x y + 1)^3. Real: one subject at 0 and 1, one at 2; (0, 2) 1, (1, 2) 27, mean 14.
    # Synthetic: (1, 2) 27. Between: 1, 1, 8, 27, 27, 125, mean 31.5. 14 + 27 - 63 = -22.
    real, synthetic = torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([[1.0], [2.0]])
    subjects = Subjects(np.array([0, 0, 1]), np.array([0, 1]))
    assert by_name(real, synthetic, subjects=subjects)["kid"].value == pytest.approx(-22)
    # Of 0, 1 and 2, the pairs of different subjects are 1 and 2 apart.
    assert median_distance(real, subjects.real) == 1.5


def by_loops(kernel, real, synthetic, without=(None, None)):
    """Return the squared MMD over pairs of different subjects, one pair after the other."""
    ours = [(i, s) for i, s in enumerate(real) if s != without[0]]
    theirs = [(len(real) + j, s) for j, s in enumerate(synthetic) if s != without[1]]

    def mean(first, second, *, same):
        return np.mean(
            [kernel[i, j] for (i, s), (j, t) in product(first, second) if same or s != t]
        )

    return (
        mean(ours, ours, same=False)
        + mean(theirs, theirs, same=False)
        - 2 * mean(ours, theirs, same=True)
    )


def test_value_and_error_agree_with_loops(uneven):
    real, synthetic, subjects = uneven
    kernel = rbf(torch.cat([real, synthetic]), 2.0)
    codes = subjects.real.tolist(), subjects.synthetic.tolist()
    found = by_name(real, synthetic, subjects=subjects, bandwidth=2.0)["mmd_rbf"]
    assert found.value == pytest.approx(by_loops(kernel, *codes), rel=1e-12)
    left = [by_loops(kernel, *codes, without=(s, None)) for s in range(4)]
    right = [by_loops(kernel, *codes, without=(None, s)) for s in range(4)]
    variance = 3 * np.var(left) + 3 * np.var(right)
    assert found.standard_error == pytest.approx(np.sqrt(variance), rel=1e-10)
    assert found.interval.method == "score limits by Student's t, jackknife over subjects"
    assert "Over pairs of different subjects." in found.method
    assert (found.n_real, found.n_synthetic) == (8, 6)


def test_sign_flips_agree_with_loops_over_all_signs(uneven):
    real, synthetic, subjects = uneven
    kernel = cubic(torch.cat([real, synthetic]))
    s, m = 8, 4
    codes = np.concatenate([subjects.real, m + subjects.synthetic])
    sizes = np.bincount(codes)
    members = (codes == np.arange(s)[:, None]).astype(float)
    K = members @ kernel.numpy() @ members.T / np.outer(sizes, sizes)
    np.fill_diagonal(K, 0)
    centred = np.zeros((s, s))
    for i, j in product(range(s), range(s)):
        if i != j:
            centred[i, j] = (
                K[i, j]
                - K[i].sum() / (s - 2)
                - K[:, j].sum() / (s - 2)
                + K.sum() / ((s - 1) * (s - 2))
            )
    volumes, observed = sizes, squared_mmd(sums_of(kernel, subjects))
    reached = []
    for flips in product([-1, 1], repeat=s):
        value = 0.0
        for own in (range(m), range(m, s)):
            pairs = [(i, j) for i, j in product(own, own) if i != j]
            total = sum(volumes[i] * volumes[j] for i, j in pairs)
            value += sum(
                volumes[i] * volumes[j] * flips[i] * flips[j] * centred[i, j] / total
                for i, j in pairs
            )
        pairs = list(product(range(m), range(m, s)))
        total = sum(volumes[i] * volumes[j] for i, j in pairs)
        value -= 2 * sum(
            volumes[i] * volumes[j] * flips[i] * flips[j] * centred[i, j] / total for i, j in pairs
        )
        reached.append(value * np.sqrt(7 / 5) >= observed)
    p = sign_flip_p_value(sums_of(kernel, subjects, signs(4, 4, 20_000, 0)))
    assert p == pytest.approx(np.mean(reached), abs=0.015)
    assert 0.02 < p < 0.98


def test_order_of_rows_does_not_matter(uneven):
    real, synthetic, subjects = uneven
    p, q = (np.random.default_rng(1).permutation(len(rows)) for rows in (real, synthetic))
    shuffled = Subjects(coded(subjects.real[p].tolist()), coded(subjects.synthetic[q].tolist()))
    there = by_name(real, synthetic, subjects=subjects, permutations=4000)
    back = by_name(real[p], synthetic[q], subjects=shuffled, permutations=4000)
    for name in ("mmd_rbf", "kid"):
        assert back[name].value == pytest.approx(there[name].value, rel=1e-9)
        assert back[name].standard_error == pytest.approx(there[name].standard_error, rel=1e-9)
        p_name = f"{name}_p_value"
        assert back[p_name].value == pytest.approx(there[p_name].value, abs=0.035)


def test_a_second_copy_of_every_volume_changes_nothing():
    rng = np.random.default_rng(2)
    real, synthetic = clustered(rng, 20, 1), clustered(rng, 25, 1) + 0.5
    once = by_name(real, synthetic)
    doubled = real.repeat_interleave(2, dim=0), synthetic.repeat_interleave(2, dim=0)
    twice = by_name(*doubled, subjects=scans(20, 2, 25, 2))
    real_twice = by_name(doubled[0], synthetic, subjects=scans(20, 2, 25, 1))
    for name, estimate in once.items():
        assert twice[name].value == pytest.approx(estimate.value, rel=1e-9)
        # Another test, by signs in place of relabelling, of the same data.
        tolerance = 0.05 if name.endswith("p_value") else 1e-9
        assert real_twice[name].value == pytest.approx(estimate.value, abs=tolerance)
    for name in ("mmd_rbf", "kid"):
        assert twice[name].standard_error == pytest.approx(once[name].standard_error)
        assert real_twice[name].standard_error == pytest.approx(once[name].standard_error)
    assert 0.01 < once["mmd_rbf_p_value"].value < 0.9


@pytest.mark.parametrize(
    ("m", "real_each", "n", "synthetic_each"), [(15, 2, 15, 2), (30, 5, 15, 1), (15, 5, 30, 1)]
)
def test_type_one_error_with_several_volumes_of_a_subject(m, real_each, n, synthetic_each):
    rng = np.random.default_rng(3)
    subjects = scans(m, real_each, n, synthetic_each)
    rejected = []
    for seed in range(400):
        rows = [clustered(rng, m, real_each), clustered(rng, n, synthetic_each)]
        alike = real_each == synthetic_each
        labels = (relabellings if alike else signs)(m, n, 99, seed)
        sums = sums_of(rbf(torch.cat(rows), 2.0), subjects, labels)
        p = permutation_p_value(sums) if alike else sign_flip_p_value(sums)
        rejected.append(p <= 0.05)
    # To relabel the 30 + 30 volumes of the first rejects in more than 20 %; the standard error of
    # a share of 5 % of 400 is 1.1 %.
    assert np.mean(rejected) == pytest.approx(0.05, abs=0.03)


def test_the_test_is_told():
    rng = np.random.default_rng(4)
    pair = clustered(rng, 20, 2), clustered(rng, 40, 1)
    relabelled = by_name(*pair, subjects=scans(20, 2, 20, 2), permutations=50)
    assert relabelled["kid_p_value"].method.startswith(
        "Permutation test of kid: how often a random relabelling of all subjects gives"
    )
    assert sentences(relabelled["kid_p_value"]) == ()
    flipped = by_name(*pair, subjects=scans(20, 2, 40, 1), permutations=50)
    assert flipped["mmd_rbf_p_value"].method.startswith("Wild bootstrap test of mmd_rbf")
    assert sentences(flipped["mmd_rbf_p_value"]) == ()
    assert sentences(flipped["kid_p_value"])[0].startswith("Subjects differ in numbers of volumes")


def test_few_subjects_are_told_as_subjects():
    rng = np.random.default_rng(6)
    pair = clustered(rng, 2, 5), clustered(rng, 3, 4)
    two = by_name(*pair, subjects=scans(2, 5, 3, 4))
    assert two["kid"].interval is None
    assert sentences(two["kid"]) == (
        "2 real and 3 synthetic subjects give no standard error: it needs 3 of each.",
    )
    with pytest.raises(UndefinedError) as caught:
        compute(*pair, subjects=scans(1, 10, 3, 4))
    assert str(caught.value) == (
        "MMD compares volumes of different subjects and needs at least 2 subjects in each set, "
        "but got 1 real and 3 synthetic."
    )


def standard_error(sums):
    return sum(float(of.square().sum()) for of in jackknife(sums)) ** 0.5


def test_error_of_clustered_volumes_is_near_the_standard_deviation_over_cohorts():
    rng = np.random.default_rng(7)
    subjects = scans(25, 3, 40, 1)
    values, variances, naive = [], [], []
    for _ in range(200):
        rows = torch.cat([clustered(rng, 25, 3), clustered(rng, 40, 1) + 1])
        kernel = rbf(rows, 2.0)
        sums = sums_of(kernel, subjects)
        values.append(squared_mmd(sums))
        variances.append(standard_error(sums) ** 2)
        naive.append(standard_error(sums_of(kernel, 75)) ** 2)
    assert 0.88 < np.mean(variances) ** 0.5 / np.std(values) < 1.15
    assert np.mean(naive) ** 0.5 / np.std(values) < 0.85
