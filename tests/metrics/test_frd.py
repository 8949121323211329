"""FRD: the distances of frd-score, hand arithmetic, what changes nothing, and what has no FRD."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.config import load_config
from evalsuite.evaluate import evaluate
from evalsuite.extractors.extractor import ExtractorOptions
from evalsuite.extractors.frd import frd_v0, frd_v1
from evalsuite.measure import standardise
from evalsuite.metrics.frd import HIGHEST, METRIC, VERSIONS
from evalsuite.metrics.metric import UndefinedError, Views
from evalsuite.metrics.subjects import Subjects
from evalsuite.resources import Resources
from evalsuite.volumes.read import read_volume
from tests.caveats import sentences
from tests.extractors.frd.oracle import COHORTS, cohort

KEPT = Path(__file__).parents[1] / "extractors/frd/frd_score.json"
DISTANCES = {v: json.loads(KEPT.read_text(encoding="utf-8"))[v]["distances"] for v in ("v1", "v0")}
FACTORIES = {"v1": frd_v1, "v0": frd_v0}


def frd(real, synthetic, version="v1", subjects=None, **options):
    (found,) = METRIC.compute(
        *views(f"radiomics-frd-{version}", real, synthetic, subjects), **{"bootstrap": 2} | options
    )
    return found


def views(extractor, real, synthetic, subjects=None):
    codes = (None, None) if subjects is None else (subjects.real, subjects.synthetic)
    return [
        Views(
            names=list(map(str, range(len(rows)))),
            features={extractor: torch.as_tensor(np.asarray(rows, float))},
            volumes=(),
            spacing=(1.0, 1.0, 1.0),
            subjects=None if own is None else own.tolist(),
        )
        for rows, own in zip((real, synthetic), codes, strict=True)
    ]


def rows(version, volumes):
    extractor = FACTORIES[version](ExtractorOptions())
    return np.concatenate([extractor(voxels[None], affine[None]) for voxels, affine in volumes])


def agrees(version, name, real, synthetic):
    sides = [rows(version, side).astype(float) for side in (real, synthetic)]
    sides = [standardise(sides[0], side) for side in sides]  # as in an evaluation
    assert frd(*sides, version).value == pytest.approx(DISTANCES[version][name], rel=2e-4)


@pytest.mark.parametrize("version", FACTORIES)
@pytest.mark.parametrize("name", COHORTS)
def test_distances_are_those_of_frd_score(version, name):
    *both, one_shape = COHORTS[name]
    agrees(version, name, *(cohort(*each, one_shape=one_shape) for each in both))


@pytest.mark.parametrize("version", FACTORIES)
def test_distances_of_real_volumes_are_those_of_frd_score(version, hippocampi):
    files = sorted(hippocampi.glob("*.nii.gz"))[:12]
    read = [(v.voxels, v.affine) for v in map(read_volume, files)]
    agrees(version, "real", read[:6], read[6:])


def test_by_hand():
    # Real -1 and 1 have mean 0 and, divided by n, deviation 1: z-scores are the values. Means are
    # 3 apart; variances by n - 1 are 2 and 8: 9 + 2 + 8 - 2 * 4 = 11.
    assert frd([[-1.0], [1.0]], [[1.0], [5.0]]).value == pytest.approx(math.log(11))
    # Range -1 to 5: scaled to 0 to h the values are h / 6 as far apart.
    both = frd([[-1.0], [1.0]], [[1.0], [5.0]], "v0")
    assert both.value == pytest.approx(11 * (HIGHEST / 6) ** 2)


def test_version_1_is_in_units_of_the_real_cohort():
    # Turned around, -2 and 2 (after centring) become -1 and 1: all is half as far apart.
    assert frd([[1.0], [5.0]], [[-1.0], [1.0]]).value == pytest.approx(math.log(11 / 4))


def test_features_that_do_not_vary_in_the_real_cohort_are_left_out():
    real, synthetic = [[-1.0, 0.1], [1.0, 0.1], [0.0, 0.1]], [[1.0, 7.0], [5.0, 8.0]]
    one = frd([row[:1] for row in real], [row[:1] for row in synthetic])
    assert frd(real, synthetic).value == one.value


@given(
    seed=st.integers(0, 99),
    scale=st.floats(1e-3, 1e3),
    offset=st.floats(-1e3, 1e3),
    version=st.sampled_from(sorted(FACTORIES)),
)
def test_units_and_order_change_nothing(seed, scale, offset, version):
    rng = np.random.default_rng(seed)
    real, synthetic = rng.normal(size=(6, 9)), rng.normal(0.5, 2, size=(5, 9))
    scales = np.geomspace(1, scale, 9)
    moved = frd(rng.permutation(real) * scales + offset, synthetic * scales + offset, version)
    assert moved.value == pytest.approx(frd(real, synthetic, version).value, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("version", FACTORIES)
def test_it_grows_with_a_shift_and_lies_in_its_interval(version):
    rng = np.random.default_rng(0)
    real, synthetic = rng.normal(size=(20, 30)), rng.normal(size=(20, 30))
    found = [frd(real, synthetic + shift, version, bootstrap=100) for shift in (0, 1, 2)]
    assert found[0].value < found[1].value < found[2].value
    for each in found:
        assert each.interval.low < each.value < each.interval.high
        assert not sentences(each)
    assert found[1].interval.low > found[0].interval.high
    assert found[0] == frd(real, synthetic, version, bootstrap=100)


def test_the_reference_is_the_distance_of_another_real_sample():
    rng = np.random.default_rng(3)
    fresh = [frd(*rng.normal(size=(2, 20, 30))) for _ in range(10)]
    values, references = ([getattr(e, k) for e in fresh] for k in ("value", "reference"))
    assert np.mean(references) == pytest.approx(np.mean(values), abs=0.15)
    assert frd(*rng.normal(size=(2, 3, 4))).reference is None
    assert frd(*rng.normal(size=(2, 20, 30)), "v0").reference is None


def test_subjects_are_drawn_with_all_their_volumes():
    rng = np.random.default_rng(1)
    real, synthetic = rng.normal(size=(10, 4)), rng.normal(1, 1, size=(10, 4))
    repeated = [np.repeat(side, 3, axis=0) for side in (real, synthetic)]
    codes = np.repeat(np.arange(10), 3)

    def width(subjects):
        interval = frd(*repeated, subjects=subjects, bootstrap=300).interval
        return interval.high - interval.low

    own = Subjects(codes, codes)
    assert width(own) > 1.4 * width(None)
    assert "subjects" in frd(*repeated, subjects=own).interval.method


def test_too_few_for_an_interval():
    one = Subjects(np.zeros(3, int), np.arange(3))
    found = frd(np.eye(3), 2 * np.eye(3), subjects=one)
    assert found.interval is None
    assert sentences(found) == (
        "1 real and 3 synthetic subjects are too few for the interval of FRD to be trusted.",
    )


def test_what_has_no_frd():
    rng = np.random.default_rng(2)
    real, ones = torch.from_numpy(rng.normal(size=(4, 3))), torch.ones(4, 3).double()
    with pytest.raises(
        UndefinedError, match=r"of radiomics-frd-v1 or radiomics-frd-v0, not of rad"
    ):
        METRIC.compute(*views("radiomics", real, real))
    with pytest.raises(UndefinedError, match="is the logarithm of their distance, 0"):
        frd(real, real.flip(0))
    with pytest.raises(UndefinedError, match="All real volumes have the same features"):
        frd(ones, real)
    assert frd(real, real.flip(0), "v0").value == 0
    assert frd(ones, ones, "v0").value == 0


def test_its_extractors_exist():
    assert set(VERSIONS) == {factory(ExtractorOptions()).name for factory in FACTORIES.values()}


def test_an_evaluation_shows_the_volumes_as_they_are_on_disk(make_cohort, tmp_path):
    # make_cohort writes noise of unit variance, on which version 0 would have few grey levels.
    real, synthetic = make_cohort("real", 3, shape=(10, 11, 12)), make_cohort("gan", 3, seed=1)
    other = make_cohort("coarse", 1, seed=7, spacing=1.5)
    (other / "v00.nii.gz").rename(real / "z.nii.gz")
    config = load_config(
        None,
        {
            "real": str(real),
            "synthetic": [str(synthetic)],
            "extractors": ["radiomics-frd-v1", "radiomics-frd-v0", "radiomics"],
            "metrics": {"frd": {"bootstrap": 10}},
        },
    )
    evaluation, _ = evaluate(config, Resources(cache=tmp_path / "features", workers=1))
    found = {e.extractor: e for e in evaluation.estimates}
    for version in FACTORIES:
        files = [sorted(folder.glob("*.nii.gz")) for folder in (real, synthetic)]
        read = [[(v.voxels, v.affine) for v in map(read_volume, each)] for each in files]
        direct = frd(*(rows(version, each) for each in read), version).value
        estimate = found[f"radiomics-frd-{version}"]
        assert (estimate.name, estimate.n_real) == (f"frd_{version}", 4)
        assert estimate.value == pytest.approx(direct, rel=1e-4)
    assert len(evaluation.estimates) == 2  # none of radiomics, of which it is not
