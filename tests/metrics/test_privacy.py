"""Privacy on cohorts with a known leak: planted copies, real hold-outs, and no leak at all."""

import functools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage

from evalsuite.metrics.metric import Views
from evalsuite.metrics.privacy import METRIC, NO_TRAINING, copies
from evalsuite.metrics.privacy.distances import coarse, voxel_distances
from evalsuite.metrics.privacy.estimates import NO_HOLDOUT
from evalsuite.records import Detail, Estimate, Scores
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.read import read_volume
from evalsuite.volumes.volume import Volume
from tests.caveats import sentences
from tests.metrics.phantoms import smooth

NAMES = [
    "dcr_median",
    "dcr_ratio",
    "dcr_closer",
    "nndr_median",
    "dcr_below",
    "copies",
    "authenticity",
    "nearest_is_training",
    "membership_auc",
    "membership_recognised",
]

SMALL = (13, 9, 10)  # room for displacements along the first axis only, for speed


def shifted(voxels, axis, by):
    return ndimage.shift(voxels, np.eye(3)[axis] * by, order=0, mode="constant")


def noisy(voxels):
    noise = np.random.default_rng(0).normal(0, 0.02 * np.ptp(voxels), voxels.shape)
    return voxels + noise.astype(np.float32)


PLANTED = {
    "exact": lambda v: v,
    "with 2 % noise": noisy,
    **{
        f"displaced by {by} in {'xyz'[axis]}": functools.partial(shifted, axis=axis, by=by)
        for axis in range(3)
        for by in (-1, 1)
    },
    **{f"mirrored in {'xyz'[axis]}": functools.partial(np.flip, axis=axis) for axis in range(3)},
    "brighter": lambda v: 3.7 * v,
    "all at once": lambda v: 5 * shifted(np.flip(noisy(v), 0), 2, 1) + 20,
}


def views(volumes, features=None, prefix="v"):
    tensors = [torch.as_tensor(np.ascontiguousarray(v), dtype=torch.float32) for v in volumes]
    names = [f"{prefix}{i}" for i in range(len(tensors))]
    by_extractor = {} if features is None else {"numbers": torch.as_tensor(features)}
    return Views(names, by_extractor, tensors, (1.0, 1.0, 1.0))


def blobs(n, seed, shape=SMALL):
    return [smooth(shape, 1000 * seed + i).numpy() for i in range(n)]


def normal(n, seed, d=6):
    return np.random.default_rng(seed).normal(size=(n, d))


def estimates(found, extractor=""):
    return {e.name: e for e in found if isinstance(e, Estimate) and e.extractor == extractor}


@functools.cache
def real(folder: Path, n: int = 80):
    """Return n real volumes, as read and preprocessed, and the preprocessing."""
    volumes = [read_volume(path) for path in sorted(folder.glob("*.nii.gz"))[:n]]
    steps = Preprocessing().resolve([v.shape for v in volumes], [v.affine for v in volumes])
    return volumes, [steps.apply(v).voxels for v in volumes], steps


@functools.cache
def real_distances(folder: Path):
    _, voxels, _ = real(folder)
    grid = coarse([torch.from_numpy(v) for v in voxels], voxels[0].shape)
    return voxel_distances(grid, grid)


# --- on real volumes


def test_planted_copies_of_every_kind_are_found_and_nothing_else_is(hippocampi):
    volumes, voxels, steps = real(hippocampi)
    planted = [
        steps.apply(Volume(np.ascontiguousarray(plant(v.voxels)), v.affine)).voxels
        for kind, plant in enumerate(PLANTED.values())
        for v in volumes[2 * kind : 2 * kind + 2]
    ]
    new = voxels[60:]
    found = METRIC.compute(
        views(voxels[40:60]), views([*planted, *new]), training=views(voxels[:40])
    )
    detail = next(d for d in found if isinstance(d, Detail))
    for quantity in ("dcr", "relative"):
        values = detail.values[quantity]
        flagged = values["synthetic"] < values["threshold"].value
        missed = np.flatnonzero(~flagged[: len(planted)]) // 2
        assert not missed.size, [list(PLANTED)[kind] for kind in missed]
        # The threshold is the least of 20 held-out distances: 1 of 21 new ones is below it.
        assert flagged[len(planted) :].sum() <= copies.flagged_by_chance(
            values["threshold"], np.arange(20), np.arange(len(new))
        )
    share = estimates(found)["copies"]
    assert share.value >= len(planted) / (len(planted) + len(new))
    assert share.reference == pytest.approx(1 / 21)
    assert share.interval.low > share.reference
    pairs = detail.values["pairs"]
    assert len(pairs) == 6
    for pair in pairs:
        source = f"v{int(pair['synthetic'].volume[1:])}"
        assert pair["training"].volume == source
        assert pair["relative"] < 0.1
        for plane in ("axial", "coronal", "sagittal"):
            ours, theirs = getattr(pair["synthetic"], plane), getattr(pair["training"], plane)
            assert np.corrcoef(ours[3:-3, 3:-3].ravel(), theirs[3:-3, 3:-3].ravel())[0, 1] > 0.99


@pytest.mark.parametrize("score", [copies.nearest, copies.relative_distance])
def test_held_out_real_volumes_are_flagged_at_the_calibrated_rate(hippocampi, score):
    between = real_distances(hippocampi)
    shares = []
    for seed in range(1000):
        order = np.random.default_rng(seed).permutation(len(between))
        training, calibration, new = np.split(order, [40, 60])
        threshold = copies.conformal_threshold(score(between[np.ix_(calibration, training)]), 0.05)
        shares.append((score(between[np.ix_(new, training)]) < threshold.value).mean())
    assert threshold.rate == 1 / 21
    assert np.mean(shares) == pytest.approx(1 / 21, abs=4 * np.std(shares) / math.sqrt(1000))


def test_blurred_volumes_are_close_to_all_and_copies_of_none(hippocampi):
    _, voxels, _ = real(hippocampi)
    random = np.random.default_rng(0)
    means = [np.mean([voxels[i] for i in random.choice(40, 8) + 40], axis=0) for _ in range(20)]
    found = estimates(METRIC.compute(views(voxels[40:]), views(means), training=views(voxels[:40])))
    assert found["dcr_below"].value > 0.3
    assert found["dcr_closer"].value > 0.85
    assert found["copies"].value == 0


# --- on made-up cohorts


@functools.cache
def leaky(copied, n=25, t=40, m=25):
    """Return hold-out, synthetic and training views, some synthetic volumes being copies."""
    known, other, new = normal(t, 1), normal(m, 2), normal(n, 3)
    new[:copied] = known[:copied] + 0.01
    volumes = blobs(t, 1), blobs(m, 2), blobs(n, 3)
    volumes[2][:copied] = volumes[0][:copied]
    return (
        views(volumes[1], other, "h"),
        views(volumes[2], new, "s"),
        views(volumes[0], known, "t"),
    )


@pytest.mark.parametrize("space", ["", "numbers"])
def test_a_generator_that_only_copies_fails_everything(space):
    held, new, known = leaky(25)
    found = estimates(METRIC.compute(held, new, training=known), space)
    assert list(found) == NAMES
    assert found["copies"].value == found["dcr_below"].value == 1
    assert found["nearest_is_training"].value == 1
    assert found["nearest_is_training"].reference == 40 / 65
    assert found["nearest_is_training"].interval.low > 40 / 65
    assert found["authenticity"].value == 0
    assert found["authenticity"].interval.high < found["authenticity"].reference
    assert found["dcr_closer"].value == 1
    assert found["dcr_ratio"].interval.high < 0.1
    assert found["nndr_median"].value < 0.1 < found["nndr_median"].reference
    # 25 of 40 training volumes are at a distance of about 0, the others are as the hold-out.
    assert found["membership_auc"].value == pytest.approx(5 / 8 + 3 / 16, abs=0.1)
    assert found["membership_auc"].interval.low > 0.5
    assert found["membership_recognised"].value >= 5 / 8
    for estimate in found.values():
        assert (estimate.n_real, estimate.n_synthetic) == (25, 25)
        assert "40 training volumes" in estimate.method
        assert estimate.warnings == ()


@pytest.mark.parametrize("space", ["", "numbers"])
def test_a_generator_that_knows_no_volume_passes(space):
    held, new, known = leaky(0)
    found = estimates(METRIC.compute(held, new, training=known), space)
    for name in ("dcr_ratio", "dcr_closer", "nearest_is_training", "membership_auc"):
        assert found[name].interval.low < found[name].reference < found[name].interval.high
    assert found["copies"].interval.low <= found["copies"].reference
    assert abs(found["authenticity"].value - found["authenticity"].reference) < 0.3


def test_without_training_the_real_cohort_stands_in_and_membership_is_undefined():
    _, new, known = leaky(8)
    found = METRIC.compute(known, new)
    for space in ("", "numbers"):
        told = estimates(found, space)
        assert list(told) == NAMES
        for name, estimate in told.items():
            unknown = name in ("nearest_is_training", "membership_auc", "membership_recognised")
            assert math.isnan(estimate.value) == unknown
            assert estimate.warnings == ((NO_TRAINING, NO_HOLDOUT) if unknown else (NO_TRAINING,))
        assert 0.3 <= told["copies"].value <= 0.5
        assert told["authenticity"].reference is None
        assert "40 training volumes, each left out" in told["copies"].method
    scores = next(s for s in found if isinstance(s, Scores) and s.name == "dcr" and s.extractor)
    values = known.features["numbers"].numpy()
    apart = np.linalg.norm(values[:, None] - values, axis=2) + 1e9 * np.eye(40)
    assert scores.real == pytest.approx(apart.min(axis=1))


def test_scores_are_one_per_volume_and_space():
    held, new, known = leaky(3)
    scores = [s for s in METRIC.compute(held, new, training=known) if isinstance(s, Scores)]
    assert [(s.extractor, s.name) for s in scores] == [
        (space, name) for space in ("", "numbers") for name in ("dcr", "nndr", "dcr_relative")
    ]
    between = np.linalg.norm(
        new.features["numbers"].numpy()[:, None] - known.features["numbers"].numpy(), axis=2
    )
    ordered = np.sort(between, axis=1)
    dcr, nndr, relative = scores[3:]
    assert dcr.synthetic == pytest.approx(ordered[:, 0])
    assert nndr.synthetic == pytest.approx(ordered[:, 0] / ordered[:, 1])
    assert relative.synthetic == pytest.approx(ordered[:, 0] / ordered[:, :40].mean(axis=1))
    for s in scores:
        assert (s.real.shape, s.synthetic.shape) == ((25,), (25,))
        assert set(s.synthetic.argsort()[:3]) == {0, 1, 2}


def test_real_volumes_that_were_trained_on_are_no_hold_out():
    held, new, known = leaky(0)
    mixed = views(
        [*known.volumes[:5], *held.volumes],
        torch.cat([known.features["numbers"][:5], held.features["numbers"]]),
    )
    found = METRIC.compute(mixed, new, training=known)
    expected = METRIC.compute(held, new, training=known)
    warning = (
        "5 of 30 real volumes are in the training cohort too, or show a subject of it, and were left"
        " out of the hold-out."
    )
    for mine, theirs in zip(found, expected, strict=True):
        if isinstance(mine, Estimate):
            assert mine.value == theirs.value
            assert sentences(mine) == (warning,)
        elif isinstance(mine, Scores):
            assert np.isnan(mine.real[:5]).all()
            assert mine.real[5:] == pytest.approx(theirs.real)


def test_few_held_out_volumes_cannot_calibrate_a_small_rate():
    held, new, known = leaky(0, m=12)
    found = estimates(METRIC.compute(held, new, training=known))
    assert found["copies"].reference == pytest.approx(1 / 13)
    assert sentences(found["copies"]) == (
        "12 real volumes cannot calibrate a rate of 0.05: the least is 0.0769.",
    )
    loose = estimates(METRIC.compute(held, new, training=known, false_positive_rate=0.2))
    assert loose["copies"].reference == pytest.approx(2 / 13)
    assert loose["copies"].warnings == ()


def test_half_of_the_training_cohort_twice_leaves_no_ratio():
    _, new, known = leaky(0)
    twice = views([*known.volumes, *known.volumes], torch.cat([known.features["numbers"]] * 2))
    found = METRIC.compute(twice, new)
    assert estimates(found)["copies"].value == 0  # what is no copy is none
    ratio = estimates(found, "numbers")["dcr_ratio"]
    assert math.isnan(ratio.value)
    assert ratio.interval is None
    assert sentences(ratio) == (
        str(NO_TRAINING),
        "Half of the real volumes have an exact copy: there is nothing to divide by.",
    )


def test_same_seed_same_numbers_and_features_are_not_needed():
    held, new, known = (views(v.volumes[:12]) for v in leaky(2))

    def run(seed):
        found = METRIC.compute(held, new, training=known, seed=seed)
        return [(e.name, e.value, e.interval) for e in found if isinstance(e, Estimate)]

    assert [name for name, _, _ in run(1)] == NAMES
    assert run(1) == run(1)
    assert run(1) != run(2)


def test_options():
    assert METRIC.options() == {"false_positive_rate": 0.05}
    assert METRIC.needs == ("features", "volumes", "subjects", "training")
    assert not METRIC.by_extractor


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"false_positive_rate": 1.0},
            "false_positive_rate: expected a number above 0 and below 1, but found 1.0.",
        ),
        (
            {"training": views(blobs(2, 1))},
            (
                "The privacy metric needs at least 3 volumes in each cohort, but got 2 training"
                " ones."
            ),
        ),
        (
            {"training": views(blobs(4, 2))},
            (
                "The privacy metric needs at least 3 volumes in each cohort, but got 0 held-out"
                " real ones."
            ),
        ),
        (
            {"training": views(blobs(4, 1, (13, 9, 14)))},
            (
                "Distances between voxels need volumes of one shape, but found (13, 9, 10) and"
                " (13, 9, 14) voxels. Preprocess all cohorts to one shape."
            ),
        ),
        (
            {"training": views([*blobs(3, 1), np.full(SMALL, np.nan)])},
            "Volume 3 has NaN or infinite voxels. Leave it out or mend its file.",
        ),
    ],
)
def test_errors(change, message):
    options = {"training": views(blobs(4, 1)), **change}
    with pytest.raises(ValueError) as caught:
        METRIC.compute(views(blobs(4, 2)), views(blobs(4, 3)), **options)
    assert str(caught.value) == message
