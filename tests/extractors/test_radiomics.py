"""The extractor as a whole: its vector, its degenerate cases, and what it tells apart."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import gaussian_filter

from evalsuite.extractors.extractor import Extractor, ExtractorOptions
from evalsuite.extractors.radiomics import radiomics
from evalsuite.extractors.radiomics.extraction import (
    COMPRESSED,
    LEFT_OUT,
    LOGARITHMIC,
    PER_VOXEL,
    TEXTURES,
    volume_features,
)
from evalsuite.extractors.radiomics.intensity import statistics
from tests.caveats import sentences
from tests.extractors import ibsi

HIPPOCAMPUS = Path(__file__).parents[2].parent / "shared/data/hippocampus/images"


@pytest.fixture(scope="module")
def extractor():
    return radiomics(ExtractorOptions())


def volume(seed, shape=(12, 14, 10)):
    return gaussian_filter(np.random.default_rng(seed).random(shape), 0.7).astype(np.float32)


def test_it_is_an_extractor(extractor):
    assert isinstance(extractor, Extractor)
    assert (extractor.name, extractor.parallel, extractor.standardise) == (
        "radiomics",
        "process",
        True,
    )
    assert sentences(extractor) == ()
    summary = "Compute standard 3D radiomics features"
    assert radiomics.__doc__.splitlines()[0].startswith(summary)


def test_rows_are_float32_and_named(extractor):
    rows = extractor(np.stack([volume(0), volume(1)]))
    assert rows.dtype == np.float32
    assert rows.shape == (2, len(extractor.feature_names))
    assert len(set(extractor.feature_names)) == len(extractor.feature_names) == 522
    assert tuple(volume_features(volume(0))) == extractor.feature_names


def test_a_row_depends_on_its_volume_alone_and_not_on_chance(extractor):
    both = extractor(np.stack([volume(0), volume(1)]))
    assert (extractor(volume(1)[None]) == both[1]).all()
    assert (both[0] != both[1]).mean() > 0.9


def test_it_pickles(extractor):
    copy = pickle.loads(pickle.dumps(extractor))
    assert copy == extractor
    assert (copy(volume(0)[None]) == extractor(volume(0)[None])).all()


def test_the_fingerprint_says_how_grey_levels_are_made(extractor):
    told = json.dumps(extractor.fingerprint)
    assert "fixed bin number, 32" in told
    assert "coif1" in told


def test_workers_need_not_import_torch():
    code = "import sys, evalsuite.extractors.radiomics; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_rules_about_scale_name_features_that_exist():
    known = {f"statistics.{name}" for name in statistics(np.ones(1))}
    for family, texture in TEXTURES.items():
        known |= {f"{family}.{name}" for name in texture(ibsi.PHANTOM, 6)}
    assert LEFT_OUT | LOGARITHMIC | COMPRESSED | set(PER_VOXEL) <= known
    assert not LOGARITHMIC & COMPRESSED


def test_the_original_image_is_described_by_the_ibsi_values():
    # The phantom's levels 1, 3, 4 and 6 lie in bins 1, 13, 20 and 32 of 32, so the features that
    # ask only which levels are equal keep IBSI's values.
    features = volume_features(ibsi.PHANTOM.astype(np.float32))
    assert features["original.statistics.variance"] == pytest.approx(3.05, abs=0.005)
    assert features["original.statistics.skewness"] == pytest.approx(np.arcsinh(1.08), abs=0.005)
    assert features["original.histogram.entropy"] == pytest.approx(1.27, abs=0.005)
    assert features["original.glszm.large_emphasis"] == pytest.approx(np.log(550), abs=0.001)
    assert features["original.ngldm.energy"] == pytest.approx(np.log(0.0533), abs=0.001)


def test_scaled_features_by_hand():
    # Two voxels in bins 1 and 32 of 32: each differs from its one neighbour by 31, so s = 31 for
    # both levels, p = 1/2, coarseness 1 / (31/2 + 31/2) times 2 voxels, strength
    # 2 * 1 * 31^2 / 62 times 2 voxels; every run is one voxel long.
    features = volume_features(np.array([[[1.0, 2.0]]]))
    assert features["original.ngtdm.coarseness"] == pytest.approx(np.log(2 / 31))
    assert features["original.ngtdm.strength"] == pytest.approx(np.arcsinh(62))
    assert features["original.glrlm.small_emphasis"] == pytest.approx(np.log(1))
    assert features["original.glcm.angular_second_moment"] == pytest.approx(np.log(1 / 2))


def test_padding_does_not_change_the_features(extractor):
    inner = volume(0)[None]
    outer = np.pad(inner, ((0, 0), (3, 1), (0, 4), (2, 2)))
    assert (extractor(inner) == extractor(outer)).all()


def test_features_do_not_tell_the_size_of_the_region():
    # Twice as much of the same noise: what grew or fell as the number of voxels would change by
    # a factor of two, its logarithm by 0.69; the rest moves by chance.
    small = volume_features(np.random.default_rng(0).random((20, 20, 20), np.float32))
    large = volume_features(np.random.default_rng(1).random((20, 20, 40), np.float32))
    for name in ("ngtdm.coarseness", "ngtdm.strength", "ngtdm.busyness"):
        value = small[f"original.{name}"]
        assert large[f"original.{name}"] == pytest.approx(value, abs=0.1 * min(1, abs(value)))
    moved = [abs(large[name] - small[name]) > 0.3 * abs(small[name]) + 0.05 for name in small]
    assert np.mean(moved) < 0.05


@given(
    voxels=hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=3, max_dims=3, max_side=5),
        elements=st.one_of(st.floats(-1e6, 1e6, width=32), st.sampled_from([0, 1])),
    )
)
def test_every_volume_has_finite_features(voxels):
    extractor = radiomics(ExtractorOptions())
    assert np.isfinite(extractor(voxels[None])).all()


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0, -2.0])
@pytest.mark.parametrize("shape", [(1, 1, 1), (8, 9, 10)])
def test_a_constant_volume_has_one_grey_level(value, shape):
    features = volume_features(np.full(shape, value, np.float32))
    assert np.isfinite(list(features.values())).all()
    for image in ("original", "LLL", "HHH"):
        assert features[f"{image}.histogram.entropy"] == 0
        assert features[f"{image}.statistics.variance"] == pytest.approx(0, abs=1e-20)
        assert features[f"{image}.glcm.contrast"] == 0


def shift(reference, other):
    """Return the mean squared shift of the features, in standard deviations of the reference."""
    deviation = reference.std(axis=0)
    moved = (other.mean(axis=0) - reference.mean(axis=0))[deviation > 0]
    return float(np.mean((moved / deviation[deviation > 0]) ** 2))


def normalised(voxels):
    low, high = np.percentile(voxels, [0.5, 99.5])
    return np.clip((voxels - low) / (high - low), 0, 1).astype(np.float32)


def test_features_move_further_the_more_a_volume_is_blurred(extractor):
    raw = [volume(seed, (20, 20, 20)) for seed in range(16)]
    reference = np.concatenate([extractor(normalised(v)[None]) for v in raw[:8]])

    def moved(sigma):
        rows = [extractor(normalised(gaussian_filter(v, sigma))[None]) for v in raw[8:]]
        return shift(reference, np.concatenate(rows))

    shifts = [moved(sigma) for sigma in (0, 0.5, 1, 2)]
    assert shifts == sorted(shifts)
    assert shifts[1] > 3 * shifts[0]


@pytest.mark.skipif(not HIPPOCAMPUS.is_dir(), reason=f"needs the real volumes in {HIPPOCAMPUS}")
def test_features_of_real_volumes_move_further_the_more_these_are_blurred(extractor):
    import nibabel

    files = sorted(HIPPOCAMPUS.glob("*.nii.gz"))[:10]
    raw = [nibabel.load(file).get_fdata() for file in files]
    reference = np.concatenate([extractor(normalised(v)[None]) for v in raw[:6]])

    def moved(sigma):
        rows = [extractor(normalised(gaussian_filter(v, sigma))[None]) for v in raw[6:]]
        return shift(reference, np.concatenate(rows))

    shifts = [moved(sigma) for sigma in (0, 0.5, 1, 2)]
    assert shifts == sorted(shifts)
