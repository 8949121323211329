"""Indices of copying: whitening, nearness over moved copies, blends."""

import numpy as np
import pytest
import torch
from sklearn.covariance import ledoit_wolf

from evalsuite.metrics.privacy.distances import coarse
from evalsuite.metrics.privacy.indices import (
    RIDGE,
    blends,
    moved_distances,
    nearness,
    of_features,
    standing_out,
    voxel_rows,
    whitening,
)
from tests.metrics.phantoms import smooth


@pytest.mark.parametrize(("n", "d"), [(30, 80), (100, 20)])
def test_distances_are_those_of_mahalanobis_by_sklearns_shrunk_covariance(n, d):
    random = np.random.default_rng(0)
    rows = random.normal(size=(n, d)) @ random.normal(size=(d, d)) + 5
    scaled = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    covariance, shrinkage = ledoit_wolf(scaled)
    assert shrinkage > RIDGE
    apart = scaled[1:] - scaled[:1]
    expected = np.sqrt(np.einsum("ij,jk,ik->i", apart, np.linalg.inv(covariance), apart))
    white = whitening(rows)(rows)
    np.testing.assert_allclose(np.linalg.norm(white[1:] - white[0], axis=1), expected, rtol=1e-9)


def test_a_unit_that_is_silent_in_training_tells_nothing():
    random = np.random.default_rng(0)
    rows = random.normal(size=(40, 6))
    rows[:, 2] = 0.0
    rows[:, 4] = np.where(np.arange(40) < 8, rows[:, 4], 0.0)
    white = whitening(rows)
    assert white.kept.tolist() == [True, True, False, True, False, True]
    loud = rows[:1].copy()
    loud[:, [2, 4]] = 1e6
    np.testing.assert_array_equal(white(loud), white(rows[:1]))


def test_features_that_follow_from_others_do_not_blow_up():
    random = np.random.default_rng(0)
    rows = random.normal(size=(2000, 3))
    rows = np.concatenate([rows, rows.sum(axis=1, keepdims=True)], axis=1)
    assert np.abs(whitening(rows)(rows)).max() < 1 / np.sqrt(RIDGE) * 6


def test_the_nearest_of_all_ways_to_move_a_training_volume_counts():
    training = np.array([[0.0, 0.0], [10.0, 0.0]])
    moved = np.array([[0.0, 8.0], [50.0, 50.0]])
    distances = moved_distances(np.array([[0.0, 7.0]]), [training, moved])
    np.testing.assert_allclose(distances, [[1.0, np.hypot(10, 7)]])


def test_training_volumes_do_not_count_as_near_to_their_own_subject():
    points = np.array([[0.0], [0.1], [4.0], [9.0]])
    distances = np.abs(points - points.T)
    found = nearness(distances, np.array([0, 0, 1, 2]), within=True)
    assert found.closest.tolist() == [2, 2, 1, 2]


def rows_of(volumes):
    return voxel_rows(coarse(list(volumes), tuple(volumes[0].shape)))


@pytest.fixture(scope="module")
def training():
    return torch.stack([smooth((12, 13, 11), seed) for seed in range(30)])


@pytest.mark.parametrize("weight", [0.3, 0.5, 0.7, 1.0])
def test_a_blend_of_two_is_made_up_by_them(training, weight):
    subjects = np.arange(30)
    others = torch.stack([smooth((12, 13, 11), seed) for seed in range(100, 110)])
    made = 4 * (weight * training[3] + (1 - weight) * training[17]) + 2
    known = rows_of(training)
    found = blends(rows_of([made]), known, subjects)
    assert found.values[0] == pytest.approx(0, abs=1e-3)
    assert found.closest[0] in (3, 17)
    assert blends(rows_of(others), known, subjects).values.min() > 0.5


def test_a_blend_is_the_best_non_negative_combination(training):
    from scipy.optimize import nnls

    known, row = rows_of(training[:20]), rows_of([smooth((12, 13, 11), 200)])
    distances = []
    for i in range(20):
        for j in range(i):
            pair = known[[i, j]].T
            fit = pair @ nnls(pair, row[0])[0]
            r = fit @ row[0] / np.linalg.norm(fit) if fit.any() else 0.0
            distances.append(np.sqrt(2 - 2 * r))
    found = blends(row, known, np.arange(20))
    assert found.values[0] == pytest.approx(min(distances) / np.mean(distances))


def test_an_index_stands_out_in_deviations_of_training_volumes():
    usual = np.exp(np.array([-2.0, -1.0, 0.0, 1.0, 2.0]))  # median 0, deviations 0, 1, 1, 2, 2
    found = standing_out(np.exp(np.array([0.0, -1.4826, -4.0])), usual)
    np.testing.assert_allclose(found, [0.0, -1.0, -4 / 1.4826])


def test_scores_of_new_volumes_follow_one_law_and_copies_do_not():
    random = np.random.default_rng(0)
    mixing = random.normal(size=(15, 15))
    sets = {name: random.normal(size=(60, 15)) @ mixing for name in ("training", "held", "new")}
    copied = sets["training"][:5] + 0.01 * random.normal(size=(5, 15)) @ mixing
    found = of_features(
        sets["training"],
        [],
        np.arange(60),
        {"held": sets["held"], "new": sets["new"], "copied": copied},
    )
    assert found["copied"].values.max() < found["held"].values.min()
    assert found["copied"].closest.tolist() == list(range(5))
    assert abs(np.median(found["held"].values) - np.median(found["new"].values)) < 0.5
