"""What users of public generators of 3D volumes report, done to ours: each ends well.

Each test names the thread it was found in.
"""

from itertools import pairwise

import nibabel as nib
import numpy as np
import pytest
import torch
from scipy import ndimage

from evalsuite.errors import EvalsuiteError
from evalsuite.volumes.check import check_cohort
from evalsuite.volumes.read import read_volume
from evalsuite.volumes.sources import read_cohort
from generator import noise
from generator.autoencoder_stage import AutoencoderStage
from generator.data import TrainingData
from generator.diffusion_stage import DiffusionStage
from generator.model import Recipe, load
from generator.run import train
from generator.samples import sample
from generator.steps import batches
from generator.training import Outcome
from tests.generator.conftest import MICRO, micro

CPU = torch.device("cpu")
NOISE = torch.randn(4, 2, 33, 32, 32, generator=torch.Generator().manual_seed(0))


def cohort_of(folder):
    return check_cohort(read_cohort(str(folder), name="training", role="real"))


@pytest.fixture
def blobs(trained):
    """Return a first stage that goes on where the micro generator's ended."""
    config = micro(vqgan=MICRO["vqgan"] | {"discriminator_start": 1000})
    stage = AutoencoderStage(
        config, TrainingData(cohort_of(trained.parent / "volumes"), config), CPU
    )
    stage.model.load_state_dict(load(trained).autoencoder.state_dict())
    for parameter in stage.model.parameters():
        parameter.requires_grad_(True)
    return stage


def dots(volume):
    """Return by how much the voxel that sticks out most differs from its neighbourhood."""
    return float(np.abs(volume - ndimage.median_filter(volume, 3)).max())


def test_reconstructions_have_no_white_dots(blobs):
    """FirasGit/medicaldiffusion#20: persistent white dots in reconstructions of the VQ-GAN.

    Codes that restart must be encodings of volumes: a code of noise is decoded to a dot.
    """
    chosen = blobs.data.training
    real = blobs.data.volumes(chosen)
    blobs.model.eval()
    found = blobs.model.reconstruct(real)
    for one, other in zip(real[:, 0].numpy(), found[:, 0].numpy(), strict=True):
        most = 2 * dots(one) + 0.1
        assert dots(other) < most
        other[4, 8, 4] += 0.5
        assert dots(other) > most  # one dot would be seen


def test_samples_that_are_noise_are_told(data, capsys, monkeypatch, tmp_path):
    """pfriedri/wdm-3d#16: training ends, but the samples are noisy and lack structure."""
    config = micro()
    stage = DiffusionStage(config, data, AutoencoderStage(config, data, CPU).model, CPU)
    untrained, _ = stage.validate()
    assert noise.doubt(untrained)
    latents = stage.latents(data.training)
    monkeypatch.setattr("generator.sampling.draw", lambda *_, **__: latents)
    assert noise.doubt(stage.validate()[0]) is None
    monkeypatch.setattr("generator.run.fit", lambda *_, **__: Outcome(untrained, 6))
    monkeypatch.setattr("generator.run._told_report", lambda *_: {})
    source = str(data.cohort.entries[0].path.parent)
    options = {"resume": False, "device": "cpu", "experiment": None, "skip_invalid": False}
    train(source, tmp_path / "run", config, **options)
    assert "The samples are close to noise: neighbouring latents" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("latents", "correlation"),
    [
        (torch.ones(2, 3, 4, 5, 6), 0.0),
        (torch.full((2, 3, 4, 5, 6), np.nan), 0.0),
        (torch.ones(2, 3, 1, 1, 1), 0.0),
        # Along the first axis 1, -1, 1, -1 lie side by side: -1. Along the others alike: 1.
        (torch.tensor([1.0, -1.0, 1.0, -1.0]).reshape(1, 1, 4, 1, 1).expand(1, 1, 4, 5, 6), 1 / 3),
        # Each is the mean of two independent ones: neighbours along the first axis share half.
        ((NOISE[:, :, 1:] + NOISE[:, :, :-1]) / 2, 0.5 / 3),
        (NOISE, 0.0),
    ],
)
def test_neighbours_correlate_as_the_closed_forms_say(latents, correlation):
    assert noise.neighbouring(latents) == pytest.approx(correlation, abs=0.01)


def test_a_collapsed_codebook_comes_back(data):
    """lucidrains/vector-quantize-pytorch#63: all volumes fall onto few codes, which is not seen.

    One code is near, all others lie far away; they are used less and less, and restart.
    """
    stage = AutoencoderStage(micro(), data, CPU)
    book = stage.model.codebook
    book.embedding.weight.data[:] = 100.0
    book.embedding.weight.data[0] = 0.0
    book.ema_w.data[:] = book.embedding.weight.data
    book.ema_cluster_size[:] = 0.505  # falls below 0.5 with the next batch
    perplexity = [stage.update(step)["perplexity"] for step in range(3)]
    assert perplexity[0] == pytest.approx(1)
    assert perplexity[-1] > 4
    assert stage.validate()[0]["codebook_use"] > 2 / 16


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_half_precision_stays_finite_on_volumes_that_are_hard_for_it(data, precision):
    """Project-MONAI/tutorials#1926: NaN while the diffusion model is trained in half precision.

    Background alone has no variance to divide by; a single bright voxel has the largest.
    """
    config = micro(
        vqgan=MICRO["vqgan"]
        | {
            "training": MICRO["vqgan"]["training"] | {"precision": precision},
            "discriminator_start": 0,
        },
        diffusion=MICRO["diffusion"]
        | {"training": MICRO["diffusion"]["training"] | {"precision": precision}},
    )
    dark = torch.zeros(1, 8, 16, 8)
    bright = dark.clone()
    bright[0, 4, 4, 4] = 1.0
    data.volumes = lambda indices: torch.stack([dark if i % 2 else bright for i in indices])
    stage = AutoencoderStage(config, data, CPU)
    found = [stage.update(step) for step in range(3)]
    second = DiffusionStage(config, data, stage.model, CPU)
    found += [second.update(step) for step in range(3)]
    assert all(np.isfinite(list(values.values())).all() for values in found)
    weights = [*stage.model.parameters(), *second.model.parameters()]
    assert all(torch.isfinite(weight).all() for weight in weights)


def test_validation_needs_no_more_memory_than_a_piece_of_a_volume(make_cohort, monkeypatch):
    """Project-MONAI/tutorials#1970: 512 x 512 x 256 does not fit where training did.

    Whole volumes are encoded and decoded in pieces, with the same result.
    """
    folder = make_cohort("long", 2, shape=(8, 8, 128))
    config = micro(preprocessing={"shape": [8, 8, 128], "spacing": "native"}, validation=1)
    data = TrainingData(cohort_of(folder), config)
    stage = AutoencoderStage(config, data, CPU)
    seen = []
    for name in ("encoder", "decoder"):
        stage.model.network[name].register_forward_pre_hook(
            lambda module, given: seen.append(given[0].shape[-1] * 4 ** (given[0].shape[1] > 1))
        )
    whole = stage.validate()[0]
    assert set(seen) == {128}
    seen.clear()
    monkeypatch.setattr("generator.vqgan.TILE", 4)
    assert stage.validate()[0] == pytest.approx(whole, rel=1e-4)
    DiffusionStage(config, data, stage.model, CPU).latents([0, 1])
    assert max(seen) < 128


def test_a_checkpoint_knows_nothing_of_how_many_processes_made_it(data, monkeypatch):
    """huggingface/transformers#14554: it loads only with the number of GPUs it was made with.

    What a step is dealt is the same, whoever shares it; `test_training` resumes with fewer.
    """
    stage = AutoencoderStage(micro(), data, CPU)
    one = [batches(stage, step) for step in range(5)]
    monkeypatch.setattr("generator.distributed.world", lambda: 2)
    shares = []
    for rank in range(2):
        monkeypatch.setattr("generator.distributed.rank", lambda rank=rank: rank)
        shares.append([batches(stage, step) for step in range(5)])
    for whole, first, second in zip(one, *shares, strict=True):
        assert whole == [a + b for a, b in zip(first, second, strict=True)]
        assert all(len(a) == 1 for a in first)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_volumes_train_or_are_told(make_cohort, n):
    """openai/improved-diffusion#63: how few will do? Here fewer than a batch has, or codes."""
    folder = make_cohort("few", n, shape=(8, 16, 8))
    config = micro(validation=1)
    if n == 1:
        with pytest.raises(EvalsuiteError, match=r"1 volumes leave 0 to train on"):
            TrainingData(cohort_of(folder), config)
        return
    data = TrainingData(cohort_of(folder), config)
    stage = AutoencoderStage(config, data, CPU)
    assert np.isfinite(list(stage.update(3).values())).all()
    second = DiffusionStage(config, data, stage.model, CPU)
    assert np.isfinite(list(second.update(0).values())).all()
    assert sorted({i for step in range(4) for i in data.draw("vqgan", step, 2)}) == data.training


@pytest.mark.parametrize("stored", ["LPS", "SRA", "AIL"])
def test_however_volumes_are_stored_samples_lie_as_the_patient_does(make_cohort, tmp_path, stored):
    """WinstonHuTiger/BraSyn_tutorial#3: turned voxels were written with the header of before."""
    folder = make_cohort("plain", 3, shape=(9, 17, 10))
    turned = tmp_path / "turned"
    turned.mkdir()
    for path in sorted(folder.glob("*.nii.gz")):
        image = nib.load(path)
        way = nib.orientations.ornt_transform(
            nib.orientations.axcodes2ornt("RAS"), nib.orientations.axcodes2ornt(stored)
        )
        nib.save(image.as_reoriented(way), turned / path.name)
    one, other = (TrainingData(cohort_of(f), micro(validation=1)) for f in (folder, turned))
    everything = range(3)
    assert torch.equal(one.volumes(everything), other.volumes(everything))


def test_samples_say_that_they_are_in_ras(trained, tmp_path):
    """The same thread: the header of a sample is that of its voxels."""
    sample(trained, tmp_path / "samples", 1, Recipe(steps=2), device="cpu")
    (path,) = (tmp_path / "samples").glob("*.nii.gz")
    image = nib.load(path)
    assert nib.aff2axcodes(image.affine) == ("R", "A", "S")
    assert np.allclose(image.get_fdata(), read_volume(path).voxels)


def test_a_sample_does_not_depend_on_how_many_are_made_beside_it(trained):
    """huggingface/diffusers#2659: images vary slightly with the size of the batch."""
    made = load(trained)
    alone, among = made.sample(1, steps=3), made.sample(5, steps=3)
    assert np.array_equal(alone[0].voxels, among[0].voxels)
    assert all(not np.array_equal(a.voxels, b.voxels) for a, b in pairwise(among))


def test_one_bad_volume_does_not_turn_reconstructions_into_a_mosaic(blobs):
    """mueller-franzes/medfusion#10: from one sample to the next all reconstructions are mosaics."""
    before = blobs.validate()[0]["validation_psnr"]
    good = blobs.ahead
    blobs.ahead = lambda step: [1e4 * volumes for volumes in good(step)]
    assert blobs.update(200)["reconstruction"] > 100
    blobs.ahead = good
    for step in range(201, 281):
        blobs.update(step)
    # Without clipping the gradient it is 1 to 4 dB below by then, with it 3 above, as roundings fall.
    assert blobs.validate()[0]["validation_psnr"] > before + 1
