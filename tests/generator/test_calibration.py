import numpy as np
import pytest
import pywt
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from scipy.stats import ks_2samp, kurtosis

from generator import calibration
from generator.calibration import Calibration, measured_on
from generator.model import load
from tests.generator.test_training import micro, run, weights

SIDES = (12, 16, 10)


def blobs(n, seed, *, tails):
    """Smooth volumes on a background of 0, with noise of Gaussian or of heavy tails."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        smooth = ndimage.gaussian_filter(rng.normal(size=SIDES), 2, mode="wrap")
        inside = smooth > np.quantile(smooth, 0.4)
        noise = rng.standard_t(3, size=SIDES) / 3**0.5 if tails else rng.normal(size=SIDES)
        found.append(np.where(inside, 0.6 + smooth, 0) + 0.08 * noise * (inside if tails else 1))
    return torch.tensor(np.array(found), dtype=torch.float32)[:, None].clamp(0, 1)


@pytest.fixture(scope="module")
def measured():
    found = Calibration(1)
    found.measure(blobs(20, 0, tails=False), blobs(20, 1, tails=True))
    return found


def detail(volumes):
    """Return the finest coefficients by another wavelet than calibration has."""
    return np.concatenate([pywt.dwtn(v, "haar")["ddd"].ravel() for v in volumes[:, 0].numpy()])


def test_samples_have_the_distributions_of_real_volumes_that_were_not_measured(measured):
    samples, real = blobs(20, 2, tails=False), blobs(20, 3, tails=True)
    calibrated = measured(samples)
    before, after = (ks_2samp(v.flatten(), real.flatten()).statistic for v in (samples, calibrated))
    assert after < 0.1
    assert before > 0.15
    share = [float((v == 0).float().mean()) for v in (samples, calibrated, real)]
    assert share[0] < 0.25
    assert share[1] == pytest.approx(share[2], abs=0.02)  # background is exactly 0 again
    tails = [kurtosis(detail(v)) for v in (samples, calibrated, real)]
    assert abs(tails[1] - tails[2]) < abs(tails[0] - tails[2]) / 2


def test_samples_differ_in_their_grain_as_real_volumes_do():
    """Each had the grain of the others, as a decoder gives it."""

    def grainy(n, seed, spread):
        rng = np.random.default_rng(seed)
        scales = torch.tensor(0.05 * np.exp(spread * rng.normal(size=n)), dtype=torch.float32)
        noise = torch.tensor(rng.normal(size=(n, 1, *SIDES)), dtype=torch.float32)
        return (0.5 + scales.view(-1, 1, 1, 1, 1) * noise).clamp(0, 1)

    found = Calibration(1)
    found.measure(grainy(30, 0, 0.05), grainy(30, 1, 0.2))
    samples, real = grainy(30, 2, 0.05), grainy(30, 3, 0.2)
    calibrated = found(samples)
    spread = [float(v.std(dim=(1, 2, 3, 4)).log().std()) for v in (samples, calibrated, real)]
    assert spread[0] < spread[2] / 2
    assert spread[1] == pytest.approx(spread[2], rel=0.25)
    ranks = [v.std(dim=(1, 2, 3, 4)).argsort().argsort().float() for v in (samples, calibrated)]
    assert torch.corrcoef(torch.stack(ranks))[0, 1] > 0.9  # the grainiest stays the grainiest


def test_a_band_that_is_0_is_left_alone():
    dark = torch.zeros(4, 1, *SIDES)
    found = Calibration(1)
    found.measure(dark, dark)
    assert not found(dark).any()


def test_a_volume_is_calibrated_by_itself(measured):
    samples = blobs(3, 4, tails=False)
    assert torch.equal(measured(samples)[1], measured(samples[1:2])[0])


def test_channels_have_maps_of_their_own():
    one, other = blobs(6, 0, tails=False), blobs(6, 1, tails=False)
    pair = Calibration(2)
    pair.measure(torch.cat([one, one], dim=1), torch.cat([other, 1 - other], dim=1))
    found = pair(torch.cat([one, one], dim=1))
    alone = Calibration(1)
    alone.measure(one, other)
    assert torch.equal(found[:, :1], alone(one))
    assert float(found[:, 1].mean()) == pytest.approx(float((1 - other).mean()), abs=0.01)


def test_what_is_distributed_alike_stays_as_it_is():
    volumes = blobs(8, 5, tails=True)
    same = Calibration(1)
    same.measure(volumes, volumes)
    assert float((same(volumes) - volumes).abs().mean()) < 1e-3


def test_the_bands_are_those_of_a_stationary_wavelet():
    volume = np.random.default_rng(0).normal(size=(8, 8, 12))
    responses = calibration._responses(volume.shape, 1)
    ours = calibration._bands(torch.tensor(volume, dtype=torch.float32), responses).numpy()
    theirs = pywt.swtn(volume, calibration.WAVELET, 1, norm=True)[0]
    for band, name in zip(ours, sorted(theirs), strict=True):
        spectra = (np.fft.fftn(values) for values in (band, theirs[name]))
        matched = np.fft.ifftn(next(spectra).conj() * next(spectra)).real
        shift = np.unravel_index(matched.argmax(), volume.shape)  # where the filter is centred
        assert np.roll(band, shift, (0, 1, 2)) == pytest.approx(theirs[name], abs=1e-5)


@pytest.mark.parametrize("dilation", calibration.DILATIONS)
def test_bands_that_are_not_mapped_add_up_to_the_volume(dilation):
    assert calibration._responses((8, 7, 12), dilation).abs().square().sum(0) == pytest.approx(
        np.ones((8, 7, 7)), abs=1e-5
    )


@given(st.integers(0, 2**32 - 1))
def test_maps_keep_the_order_and_the_range(seed):
    rng = np.random.default_rng(seed)
    before, after = (torch.tensor(np.sort(rng.standard_t(2, (1, 50)))) for _ in range(2))
    values = torch.tensor(np.sort(3 * rng.standard_t(2, 200)))
    found = calibration._mapped(values, calibration._maps(before, after))
    assert (found.diff() >= -1e-9).all()
    assert after.min() - 1e-9 <= found.min() <= found.max() <= after.max() + 1e-9


def test_memory_bounds_what_is_measured():
    assert measured_on(1000, 500) == 60
    assert measured_on(1000, 7) == 7
    assert measured_on(512**3, 500) == 2
    assert measured_on(1024**3, 500) == 1


def test_a_generator_samples_with_the_calibration_of_its_training(cohort, tmp_path):
    source = cohort.entries[0].path.parent
    run(source, tmp_path / "with", micro(calibrate=True))
    run(source, tmp_path / "without")
    generator, plain = (load(tmp_path / name) for name in ("with", "without"))
    assert plain.calibration is None
    assert generator.digest != plain.digest
    (one,), (other,) = generator.sample(1), plain.sample(1)
    expected = generator.calibration(torch.tensor(other.voxels)[None, None]).clamp(0, 1)
    assert np.array_equal(one.voxels, expected[0, 0].numpy())
    assert not np.array_equal(one.voxels, other.voxels)
    run(
        source, tmp_path / "without", micro(calibrate=True), resume=True
    )  # asked for afterwards, it is the same
    again = weights(tmp_path / "without")
    assert all(torch.equal(again[key], value) for key, value in weights(tmp_path / "with").items())
