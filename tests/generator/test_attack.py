"""The white-box attack: a generator that memorised is convicted, by what it saw alone."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from evalsuite.errors import EvalsuiteError
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.volume import Volume
from evalsuite.volumes.write import write_nifti
from generator.attack import (
    BANDS,
    LEVELS,
    _bands,
    _process,
    attack,
    reconstruction_errors,
    write_attack,
)
from generator.conditions import NOTHING, Conditioning
from generator.diffusion import Denoiser, denoising_loss
from generator.model import Generator
from generator.scaling import Standard
from generator.vqgan import VQGAN
from tests.generator.conftest import micro
from tests.metrics.phantoms import smooth

SEEN, ALL = 8, 24


@pytest.fixture(scope="module")
def volumes():
    return torch.stack([smooth((8, 16, 8), seed) for seed in range(ALL)])[:, None]


@pytest.fixture(scope="module")
def memorised(volumes):
    """Train the denoiser alone, on the latents of 8 volumes over and over."""
    config = micro()
    config = config.model_copy(
        update={"diffusion": config.diffusion.model_copy(update={"channels": (16, 32)})}
    )
    torch.manual_seed(0)
    autoencoder = VQGAN(config.vqgan).eval().requires_grad_(requires_grad=False)
    denoiser = Denoiser(config.diffusion, config.vqgan.code_dimension)
    latents = autoencoder.encode(volumes[:SEEN]).float()
    scaling = Standard.of(latents)
    adam = torch.optim.Adam(denoiser.parameters(), 3e-3)
    stream = torch.Generator().manual_seed(0)
    for _ in range(150):
        adam.zero_grad()
        clean = scaling.apply(latents)
        denoising_loss(config.diffusion, denoiser, clean, None, stream).backward()
        adam.step()
    steps = Preprocessing(shape=(8, 16, 8), spacing="native", intensity={"kind": "none"})
    card = {
        "latent_scaling": scaling.card(),
        "latent_shape": list(latents.shape[1:]),
        "preprocessing": steps.model_dump(mode="json"),
    }
    return Generator(config, card, "c0ffee", autoencoder, denoiser.eval())


@pytest.fixture
def folders(volumes, tmp_path):
    ends = {"seen": (0, 8), "unseen": (8, 16), "others": (16, 24), "few": (16, 18)}
    for name, (start, end) in ends.items():
        (tmp_path / name).mkdir()
        for i in range(start, end):
            voxels = volumes[i, 0].numpy()
            write_nifti(Volume(voxels, np.eye(4)), tmp_path / name / f"v{i}.nii.gz")
    return tmp_path


def test_what_was_memorised_is_told_from_what_was_not(memorised, folders):
    found = attack(memorised, str(folders / "seen"), str(folders / "unseen"))
    first = found.areas[0]
    assert (first.level, first.band) == ("all", "all")
    assert first.auc > 0.85
    assert first.low > 0.5
    assert "it has memorised them" in found.statement
    assert len(found.areas) == 1 + len(LEVELS) * len(BANDS)
    write_attack(found, folders / "attack.json")
    assert json.loads((folders / "attack.json").read_text())["areas"][0]["auc"] == first.auc


def test_volumes_that_it_never_saw_are_not_convicted(memorised, folders):
    found = attack(memorised, str(folders / "others"), str(folders / "unseen"))
    first = found.areas[0]
    assert first.low < 0.5 < first.high
    assert "no memory is proven" in found.statement


def test_errors_follow_from_volume_and_seed_alone(memorised, volumes):
    both = reconstruction_errors(memorised, volumes[:2], 0, 1)
    alone = reconstruction_errors(memorised, volumes[1:2], 0, 1)
    np.testing.assert_allclose(both[1:], alone, rtol=1e-4)
    assert not np.allclose(reconstruction_errors(memorised, volumes[1:2], 1, 1), alone)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "rectified_flow"])
@pytest.mark.parametrize("level", LEVELS)
def test_a_perfect_prediction_recovers_the_latents(prediction, level):
    config = micro().diffusion.model_copy(update={"prediction": prediction})
    generator = SimpleNamespace(config=SimpleNamespace(diffusion=config))
    clean, noise = torch.randn(2, 3, 4, 5, 6), torch.randn(3, 4, 5, 6)
    noise = noise.expand_as(clean)
    noised, times, recovered = _process(generator, clean, noise, level)
    from generator.diffusion import noise_schedule

    told = {
        "epsilon": lambda: noise,
        "v_prediction": lambda: noise_schedule(config).get_velocity(clean, noise, times.long()),
        "rectified_flow": lambda: clean - noise,
    }[prediction]()
    torch.testing.assert_close(recovered(told), clean, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(noised, clean, atol=1e-3)


def test_bands_are_thirds_of_all_frequencies_from_the_lowest():
    bands = _bands((6, 8, 6))
    assert bands[0, 0, 0] == 0
    assert bands[3, 4, 3] == 2  # half a cycle per voxel along every axis
    assert torch.bincount(bands.flatten()).tolist() == [96, 96, 96]


def test_errors_add_up_over_frequencies(memorised, volumes):
    class Nothing(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        conditioning = NOTHING

        def forward(self, noised, _times, _condition):
            return torch.zeros_like(noised)

    silent = Generator(memorised.config, memorised.card, "", memorised.autoencoder, Nothing())
    found = reconstruction_errors(silent, volumes[:3], 0, 1)
    scaling = Standard(**{k: v for k, v in memorised.card["latent_scaling"].items() if k != "kind"})
    clean = scaling.apply(memorised.autoencoder.encode(volumes[:3]).float())
    bands = torch.bincount(_bands(clean.shape[2:]).flatten()).numpy() / clean[0, 0].numel()
    # By Parseval the mean over places is that over frequencies, and what is recovered is a x_t.
    from evalsuite.seeds import seed_of
    from generator.diffusion import noise_schedule

    noise = torch.randn(
        clean.shape[1:], generator=torch.Generator().manual_seed(seed_of(0, 4, 0, "attack"))
    )
    config = memorised.config.diffusion
    signal = noise_schedule(config).alphas_cumprod[round(LEVELS[4] * (config.timesteps - 1))]
    recovered = signal.sqrt() * (signal.sqrt() * clean + (1 - signal).sqrt() * noise)
    expected = (recovered - clean).square().mean(dim=(1, 2, 3, 4)).numpy()
    np.testing.assert_allclose(found[:, 4] @ bands, expected, rtol=1e-4)


def test_what_cannot_be_attacked_is_refused(memorised, folders):
    with pytest.raises(EvalsuiteError, match="at least 5 subjects on each side, but found 2"):
        attack(memorised, str(folders / "seen"), str(folders / "few"))
    with pytest.raises(EvalsuiteError, match=r"from one of the two\.$"):
        attack(memorised, str(folders / "seen"), str(folders / "seen"))
    mapped = SimpleNamespace(conditioning=Conditioning((), (0, 1)))
    with pytest.raises(EvalsuiteError, match="is told label maps"):
        attack(mapped, str(folders / "seen"), str(folders / "unseen"))
