"""Distances of voxels, against a search by hand, and what they must not see."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from evalsuite.metrics.privacy.distances import (
    coarse,
    feature_distances,
    pose,
    voxel_distances,
)
from tests.metrics.phantoms import smooth

ODD, EVEN, THIN, LARGE = (14, 15, 16), (35, 26, 20), (13, 12, 5), (84, 20, 21)


def between(first, second):
    shape = tuple(first[0].shape)
    return voxel_distances(coarse(first, shape), coarse(second, shape))


def moved(volume, flips, shift):
    axes = [axis for axis in range(3) if flips[axis]]
    return volume.roll(shift, (0, 1, 2)).flip(axes)


def means_of_blocks(volume, starts, counts, width):
    """Means of cubes of voxels, loop by loop."""
    return np.array(
        [
            volume[
                tuple(
                    slice(s + i * w, s + i * w + w)
                    for s, i, w in zip(starts, at, width, strict=True)
                )
            ].mean()
            for at in itertools.product(*map(range, counts))
        ]
    )


def by_definition(first, second, width, counts, reaches):
    """The greatest correlation over 8 flips of the first and all displacements of the second."""
    best = -1.0
    for flips in itertools.product((1, -1), repeat=3):
        template = means_of_blocks(
            first[:: flips[0], :: flips[1], :: flips[2]], reaches, counts, width
        )
        for shift in itertools.product(*(range(-r, r + 1) for r in reaches)):
            starts = [r + s for r, s in zip(reaches, shift, strict=True)]
            window = means_of_blocks(second, starts, counts, width)
            best = max(best, np.corrcoef(template, window)[0, 1])
    return math.sqrt(2 - 2 * best)


@pytest.mark.parametrize(
    ("shape", "width", "counts", "reaches"),
    [
        (THIN, (1, 1, 1), (9, 8, 5), (2, 2, 0)),  # 5 voxels have no room to be displaced in
        (
            (23, 8, 9),
            (2, 1, 1),
            (9, 8, 9),
            (2, 0, 0),
        ),  # 22 blocks by steps of 1, 18 in view: 9 apart
    ],
)
def test_agrees_with_the_definition(shape, width, counts, reaches):
    first, second = smooth(shape, 1), smooth(shape, 2)
    expected = by_definition(first.numpy(), second.numpy(), width, counts, reaches)
    assert between([first], [second]).item() == pytest.approx(expected, abs=1e-5)


@settings(max_examples=15)
@given(
    shape=st.sampled_from([ODD, EVEN]),
    flips=st.tuples(*[st.booleans()] * 3),
    shift=st.tuples(*[st.integers(-1, 1)] * 3),
    scale=st.floats(0.01, 1000),
    offset=st.floats(-5, 5),
    seed=st.integers(0, 10**6),
)
def test_a_copy_in_disguise_is_at_distance_zero(shape, flips, shift, scale, offset, seed):
    volume = smooth(shape, seed)
    other = moved(volume, flips, shift) * scale + offset * scale
    stranger = smooth(shape, seed + 1)
    assert between([other], [volume]).item() < 0.01
    assert between([volume], [other]).item() < 0.01
    assert between([volume], [stranger]).item() > 0.3


@given(
    flips=st.tuples(*[st.booleans()] * 3),
    shift=st.tuples(*[st.integers(-2, 2)] * 3),
    seed=st.integers(0, 10**6),
)
def test_pose_moves_the_one_onto_the_other(flips, shift, seed):
    theirs = smooth(ODD, seed)
    ours = moved(theirs, flips, shift)
    found = pose(coarse([ours], ODD), 0, coarse([smooth(ODD, 3), theirs], ODD), 1)
    assert (found.flips, found.shift) == (flips, shift)


def test_noise_averages_out():
    volume = smooth(EVEN, 0)
    noise = 0.02 * torch.randn(EVEN, generator=torch.manual_seed(1))
    # Blocks of 2 x 2 x 1 voxels hold a quarter of the variance of the noise, and r is that of a
    # signal with itself and noise: 1 / sqrt(1 + noise / signal).
    signal = float(coarse([volume], EVEN).values.var())
    r = 1 / math.sqrt(1 + 0.02**2 / 4 / signal)
    found = between([volume + noise], [volume]).item()
    assert found == pytest.approx(math.sqrt(2 - 2 * r), rel=0.1)


def test_one_voxel_matters_little_where_blocks_are_large():
    # Steps of 2 voxels along the first axis: a displacement by 1 lies between two that are tried.
    volume = smooth((86, 20, 21), 0)
    for shift in range(4):
        first, second = volume[:84], volume.roll(shift, 0)[:84]
        limit = 0.01 if shift % 2 == 0 else 0.45
        assert between([first], [second]).item() < limit
    assert between([volume[:84]], [smooth(LARGE, 1)]).item() > 1


def test_uniform_volumes_have_nothing_in_common_with_any():
    flat, volume = torch.full(ODD, 0.3), smooth(ODD, 0)
    assert between([flat, volume], [flat, volume]) == pytest.approx(
        np.array([[math.sqrt(2), math.sqrt(2)], [math.sqrt(2), 0]]), abs=2e-3
    )


def test_many_volumes_are_compared_in_blocks_as_one_by_one(monkeypatch):
    volumes = [smooth(THIN, i) for i in range(7)]
    whole = between(volumes, volumes[:3])
    monkeypatch.setattr("evalsuite.metrics.privacy.distances.BLOCK", 3)
    assert between(volumes, volumes[:3]) == pytest.approx(whole, abs=1e-4)
    assert between(volumes[5:6], volumes[2:3]).item() == pytest.approx(whole[5, 2], abs=1e-4)


def test_distances_of_features_by_hand():
    # 3-4-5 triangles.
    training = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    found = feature_distances(
        training, torch.tensor([[0.0, 4.0]]), torch.tensor([[3.0, 0.0]]), np.arange(2), memory=1
    )
    assert found.synthetic.distances.tolist() == [[3, 4]]
    assert found.holdout.distances.tolist() == [[3, 4]]
    assert (found.synthetic.closest, found.holdout.closest) == (0, 1)
    assert found.training.distances.tolist() == [[5, math.inf], [5, math.inf]]
    assert found.to_holdout.distances.tolist() == [[5]]
    assert found.of_training.tolist() == [[3], [4]]
    assert found.of_holdout.tolist() == [[5]]


def test_training_volumes_stand_in_for_a_missing_hold_out():
    numbers = torch.tensor([[0.0], [1.0], [5.0]])
    found = feature_distances(numbers, None, torch.tensor([[2.0]]), np.arange(3), memory=200)
    assert found.holdout is found.training
    assert found.holdout.distances.tolist() == [
        [1, 5, math.inf],
        [1, 4, math.inf],
        [4, 5, math.inf],
    ]
    assert found.to_holdout is None
    assert found.of_holdout is None
