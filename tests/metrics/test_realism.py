import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from evalsuite.metrics.realism import compute


def scores(real, synthetic, **options):
    real, synthetic = (torch.as_tensor(v, dtype=torch.float64) for v in (real, synthetic))
    return {score.name: score for score in compute(real, synthetic, seed=0, **options)}


def test_on_a_line_by_hand():
    # Real at 0, 1, 3, 6, 10 and 15; with k = 1 the radii are 1, 1, 2, 3, 4, 5, their (lower)
    # median is 2, so the balls of 0, 1 and 3 count. A volume at 2 is 1 away from 1 and from 3:
    # the ratios are 1 / 2, 1 / 1 and 2 / 1.
    real = np.array([[0.0], [1], [3], [6], [10], [15]])
    found = scores(real, np.array([[2.0], [8.0]]), k=1)
    np.testing.assert_allclose(found["realism"].synthetic, [2.0, 2 / 5])
    np.testing.assert_allclose(found["nearest_real_distance"].synthetic, [1.0, 2.0])
    np.testing.assert_allclose(found["nearest_real_distance"].real, [1, 1, 2, 3, 4, 5])
    # The mean is 35 / 6; without the volume at 15 it is 4, and 15 is 11 away from that.
    np.testing.assert_allclose(found["distance_to_real_mean"].synthetic, [23 / 6, 13 / 6])
    np.testing.assert_allclose(found["distance_to_real_mean"].real[-1], 11.0)


def test_agrees_with_an_independent_search():
    random = np.random.default_rng(0)
    real, synthetic = random.normal(size=(40, 5)), random.normal(size=(30, 5)) + 0.5
    found = scores(real, synthetic)
    near = NearestNeighbors(n_neighbors=4).fit(real)
    radii = near.kneighbors(real)[0][:, 3]
    kept = radii <= np.sort(radii)[(len(radii) - 1) // 2]
    apart = np.linalg.norm(synthetic[:, None] - real, axis=2)
    expected = (radii / apart)[:, kept].max(axis=1)
    np.testing.assert_allclose(found["realism"].synthetic, expected)
    np.testing.assert_allclose(
        found["nearest_real_distance"].synthetic, near.kneighbors(synthetic, 1)[0][:, 0]
    )


def test_what_lies_further_away_is_less_realistic():
    random = np.random.default_rng(1)
    real = random.normal(size=(50, 4))
    shifts = [
        scores(real, random.normal(size=(50, 4)) + shift)["realism"].synthetic.mean()
        for shift in (0.0, 1.0, 3.0)
    ]
    assert shifts[0] > shifts[1] > shifts[2]


@given(arrays.arrays(float, (9, 3), elements=st.floats(-100, 100)), st.permutations(range(9)))
def test_the_order_of_the_volumes_does_not_matter(real, order):
    other = real[::-1] + 1.0
    one, again = scores(real, other), scores(real[list(order)], other)
    for name, score in one.items():
        np.testing.assert_allclose(again[name].synthetic, score.synthetic, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(again[name].real, score.real[list(order)], rtol=1e-9, atol=1e-6)


def test_too_few_real_volumes_are_refused():
    with pytest.raises(
        ValueError,
        match="at least 5 real volumes of other subjects beside each, but got 5 volumes of 5",
    ):
        scores(np.zeros((5, 2)), np.zeros((5, 2)))


def test_memory_changes_no_digit_but_the_last():
    random = np.random.default_rng(3)
    real, synthetic = random.normal(size=(30, 4)) + 50, random.normal(size=(25, 4)) + 50
    synthetic[3] = real[7]
    whole, parts = scores(real, synthetic), scores(real, synthetic, memory=1)
    for name, score in whole.items():
        np.testing.assert_allclose(parts[name].real, score.real, rtol=1e-12)
        np.testing.assert_allclose(parts[name].synthetic, score.synthetic, rtol=1e-12)
