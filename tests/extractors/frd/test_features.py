"""Both vectors against frd-score and pyradiomics, and what cannot be computed."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from evalsuite.errors import EvalsuiteError, VolumeError
from evalsuite.extractors.extractor import Extractor, ExtractorOptions, load_extractor
from evalsuite.extractors.frd.extraction import features_of_v0, features_of_v1
from evalsuite.extractors.frd.images import resampled
from evalsuite.extractors.radiomics.glrlm import runs
from evalsuite.extractors.radiomics.glszm import glszm
from evalsuite.extractors.radiomics.ngldm import ngldm
from evalsuite.extractors.radiomics.sizes import size_features
from evalsuite.features import Extraction, FeatureCache
from evalsuite.volumes.check import check_cohort
from evalsuite.volumes.cohort import Cohort
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.read import read_volume
from evalsuite.volumes.sources import read_cohort
from evalsuite.volumes.volume import Volume
from evalsuite.volumes.write import write_nifti
from tests.extractors.frd.oracle import GRIDS, grid, ours, volume

KEPT = json.loads((Path(__file__).parent / "frd_score.json").read_text(encoding="utf-8"))
VERSIONS = {"v1": (features_of_v1, 1014), "v0": (features_of_v0, 107)}
# Means of high-pass bands that are 0 but for rounding.
ROUNDING = 1e-9


def agrees(version, row, voxels, affine):
    function, count = VERSIONS[version]
    found = function(voxels, affine)
    theirs = dict(zip(map(ours, KEPT[version]["names"]), row, strict=True))
    if version == "v0":
        theirs = {name.removeprefix("original."): value for name, value in theirs.items()}
    assert len(found) == len(theirs) == count
    assert found.keys() == theirs.keys()
    assert found == pytest.approx(theirs, rel=1e-6, abs=ROUNDING)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("place", range(len(GRIDS)))
def test_every_feature_is_that_of_frd_score(version, place):
    voxels, affine = grid(*GRIDS[place])
    agrees(version, KEPT[version]["rows"][place], voxels, affine)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_feature_of_real_volumes_is_that_of_frd_score(version, hippocampi):
    rows = KEPT[version]["rows"][len(GRIDS) :]
    for name, row in zip(KEPT[version]["files"], rows, strict=True):
        real = read_volume(hippocampi / name)
        agrees(version, row, real.voxels, real.affine)


@pytest.mark.parametrize("version", VERSIONS)
def test_it_is_an_extractor_of_volumes_as_on_disk(version, tmp_path):
    extractor = load_extractor(f"radiomics-frd-{version}", ExtractorOptions())
    assert isinstance(extractor, Extractor)
    assert pickle.loads(pickle.dumps(extractor)) == extractor
    voxels, affine = grid(*GRIDS[2])
    write_nifti(Volume(voxels, affine), tmp_path / "a.nii.gz")
    wider = np.pad(voxels, ((0, 3), (0, 0), (0, 1)), mode="reflect")
    write_nifti(Volume(wider, affine), tmp_path / "b.nii.gz")
    cohort = check_cohort(read_cohort(str(tmp_path), name="real", role="real"))
    steps = Preprocessing(**extractor.wants)
    table = Extraction(
        cohort, steps, extractor, FeatureCache(tmp_path / "cache"), workers=1
    ).table()
    function, count = VERSIONS[version]
    assert table.values.shape == (2, count)
    for row, own in zip(table.values, (voxels, wider), strict=True):
        assert row == pytest.approx(list(function(own, affine).values()), rel=1e-6)


def test_what_lies_beyond_the_volume_does_not_count():
    # 7 voxels of 1.5 mm reach 10.5 mm: of 6 voxels of 2 mm the last has its centre at 11 mm.
    made = resampled(volume(0, (7, 8, 8), 1), np.diag([1.5, 2.0, 2.0, 1.0]))
    assert made.voxels.shape == (8, 8, 6)
    assert not made.inside[:, :, 5].any()
    assert (made.voxels[:, :, 5] == 0).all()
    # The first voxel of a volume does not count either; here the new grid has its own there.
    assert made.inside[:, :, :5].sum() == 8 * 8 * 5 - 1


def test_volumes_without_an_answer():
    thin = np.arange(64.0 * 3).reshape(8, 8, 3)
    with pytest.raises(EvalsuiteError, match=r"^A volume of 8 x 8 x 3 mm is too thin for the fil"):
        features_of_v1(thin, np.eye(4))
    with pytest.raises(EvalsuiteError, match="at least 2 voxels along each axis"):
        features_of_v0(thin[:, :, :1], np.eye(4))
    with pytest.raises(EvalsuiteError, match=r"from 0 to 1.91e\+08 in steps of 25 are too many"):
        features_of_v0(thin * 1e6, np.eye(4))
    with pytest.raises(
        EvalsuiteError, match="pairs of at most 10,000 that occur, of at most 1,000"
    ):
        features_of_v0(np.arange(24.0**3).reshape(24, 24, 24) * 25, np.eye(4))
    flat = load_extractor("radiomics-frd-v1", ExtractorOptions())
    assert np.isnan(flat(np.ones((1, 9, 9, 9)), np.eye(4)[None])).all()


def test_a_volume_without_an_answer_is_named(tmp_path):
    write_nifti(Volume(volume(0, (8, 8, 3), 1), np.eye(4)), tmp_path / "thin.nii.gz")
    extractor = load_extractor("radiomics-frd-v1", ExtractorOptions())
    cohort: Cohort = check_cohort(read_cohort(str(tmp_path), name="real", role="real"))
    steps = Preprocessing(**extractor.wants)
    with pytest.raises(VolumeError, match=r"thin.nii.gz: A volume of 8 x 8 x 3 mm is too thin"):
        Extraction(cohort, steps, extractor, FeatureCache(tmp_path / "cache"), workers=1).table()


def test_intensities_of_a_unit_range_have_one_grey_level_in_version_0():
    features = features_of_v0(volume(0, (8, 8, 8), 1) / 1e3, np.eye(4))
    assert features["first_order.entropy"] == 0
    assert features["glcm.maximal_correlation"] == 1
    assert np.isfinite(list(features.values())).all()


def test_many_levels_few_of_which_occur_take_no_memory():
    # As in a float file of intensities up to 900,000: 36,001 levels. Matrices of all levels as
    # pyradiomics has them, 135 GB for co-occurrences, would say the same.
    rng = np.random.default_rng(0)
    voxels = np.append(900_000, rng.integers(0, 6, 6**3 - 1) * 150_000.0).reshape(6, 6, 6)
    found = features_of_v0(voxels, np.eye(4))
    levels = (voxels.T // 25 + 1).astype(np.int32)
    n, lengths = 36_001, np.arange(1, 7)
    runs_of = [size_features(counts, lengths, 6**3) for counts in runs(levels, n)]
    dense = {
        "glrlm": {name: np.mean([each[name] for each in runs_of]) for name in runs_of[0]},
        "glszm": glszm(levels, n),
        "gldm": ngldm(levels, n),
    }
    compared = {name: value for name, value in found.items() if name.split(".")[0] in dense}
    assert len(compared) == 16 + 16 + 14
    for name, value in compared.items():
        family, feature = name.split(".")
        assert value == pytest.approx(dense[family][feature], rel=1e-9), name
