import numpy as np
import pytest
import torch

from evalsuite.metrics import frechet_infinity, frechet_sampling
from evalsuite.metrics.frechet import compute
from evalsuite.metrics.frechet_distance import frechet_distance
from evalsuite.metrics.frechet_infinity import frechet_distance_infinity
from evalsuite.metrics.frechet_influence import Influence
from evalsuite.metrics.frechet_sampling import Sampled


def normal(n, d, seed):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)).double()


def test_extrapolation_is_nearer_the_truth():
    # N(0, I) and N(1/2, I) in 8 dimensions: the distance is 8 / 4 = 2.
    distances, extrapolations = [], []
    for seed in range(40):
        real, synthetic = normal(40, 8, seed), normal(40, 8, 1000 + seed) + 0.5
        distances.append(frechet_distance(real, synthetic))
        extrapolations.append(frechet_distance_infinity(real, synthetic, seed=seed))
    # One extrapolation has a standard deviation of 0.7, the mean of 40 one of 0.11.
    assert np.mean(extrapolations) == pytest.approx(2, abs=0.4)
    assert np.mean(distances) > 3


def test_extrapolation_is_exact_where_bias_is_linear(monkeypatch):
    # 11 and 18 do not divide by 2 and 4: the true fractions of the halves have to be used.
    def linear(real, synthetic, *, exact):
        value = 5 + 11 / len(real) + 18 / len(synthetic)
        return Influence(value, real[:, 0] * 0, synthetic[:, 0] * 0)

    monkeypatch.setattr(frechet_sampling, "influence", linear)
    value = frechet_distance_infinity(normal(11, 2, seed=1), normal(18, 2, seed=2))
    assert value == pytest.approx(5)


def test_extrapolation_is_that_of_the_metric():
    real, synthetic = normal(21, 3, seed=1), normal(30, 3, seed=2) + 1
    infinity = compute(real, synthetic, seed=7)[1]
    assert infinity.value == pytest.approx(frechet_distance_infinity(real, synthetic, seed=7))
    assert infinity.interval.low < infinity.value < infinity.interval.high


def test_caveat_of_a_curve_needs_more_than_chance():
    def curved(quarters, width):
        none = np.zeros((3, 9))
        distance = Sampled(10.0, (none[0], none[0]), halves, quarters, 2.0, (none, none))
        return frechet_infinity._curved(distance, (6 - width, 6 + width), 0.95, "volumes")

    # Wholes of 10 and halves of 14 extrapolate to 6; halves and quarters of 25 to 3.
    halves = np.array([14.0, 14.0, 14.0])
    told = "wholes and halves extrapolate to 6, halves and quarters to 3."
    (warning,) = curved(np.array([25.0, 24.9, 25.1]), width=2.0)
    assert told in str(warning)
    assert curved(np.array([25.0, 24.9, 25.1]), width=4.0) == ()
    assert curved(np.array([25.0, 19.0, 31.0]), width=2.0) == ()
    assert curved(np.full(3, np.nan), width=2.0) == ()


def test_extrapolation_of_too_few_volumes_is_an_error():
    with pytest.raises(ValueError) as caught:
        frechet_distance_infinity(normal(9, 2, seed=1), normal(7, 2, seed=2))
    assert str(caught.value) == (
        "The extrapolation needs at least 8 volumes in each set, but got 9 real and 7 synthetic."
    )
