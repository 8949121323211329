import numpy as np
import pytest
import torch

from generator import checkpoint
from generator.diffusion import Denoiser
from generator.model import Recipe, load
from generator.scaling import Range, Standard, scaling_of
from generator.vqgan import VQGAN
from tests.generator.conftest import MICRO, micro


@pytest.fixture
def latents():
    torch.manual_seed(0)
    return torch.randn(5, 3, 4, 6, 2) * torch.tensor([0.1, 2.0, 7.0]).reshape(3, 1, 1, 1) + 4


def test_standard_latents_have_unit_variance_in_every_channel(latents):
    scaled = Standard.of(latents).apply(latents)
    channels = scaled.movedim(1, 0).flatten(1).double().numpy()
    np.testing.assert_allclose(channels.mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(channels.std(axis=1), 1, atol=1e-5)
    assert Standard.of(latents).bound == pytest.approx(np.abs(channels).max(), rel=1e-6)


def test_a_channel_that_never_varies_is_centred(latents):
    latents[:, 1] = 3.0
    scaling = Standard.of(latents)
    assert scaling.deviation[1] == 1
    assert float(scaling.apply(latents)[:, 1].abs().max()) == 0


def test_the_codebooks_range_becomes_minus_one_to_one():
    scaling = Range(-2.0, 5.0)
    ends = torch.tensor([-2.0, 1.5, 5.0]).reshape(1, 1, 3, 1, 1)
    assert scaling.apply(ends).flatten().tolist() == [-1, 0, 1]


@pytest.mark.parametrize("kind", ["standard", "range"])
def test_scaling_is_undone_also_after_its_card(latents, kind):
    scaling = Standard.of(latents) if kind == "standard" else Range(-3.0, 5.0)
    assert scaling_of({"latent_scaling": scaling.card()}) == scaling
    torch.testing.assert_close(scaling.undo(scaling.apply(latents)), latents)


def test_a_generator_of_before_samples_as_it_did(tmp_path):
    """Its card has a `latent_range`, and neither scaling nor sampler nor steps."""
    config = micro(diffusion=MICRO["diffusion"] | {"timesteps": 60, "prediction": "v_prediction"})
    autoencoder, denoiser = VQGAN(config.vqgan), Denoiser(config.diffusion, 4)
    old = config.model_dump(mode="json") | {"start": 0.9}
    del old["sampler"], old["steps"], old["diffusion"]["scaling"]
    card = {
        "config": old, "latent_range": [-1.5, 2.0], "latent_shape": [4, 2, 4, 2],
        "spacing": [1, 1, 1], "classes": [], "preprocessing": {"shape": [8, 16, 8]},
    }  # fmt: skip
    tensors = checkpoint.pack({"vqgan": autoencoder, "denoiser": denoiser}, {})
    checkpoint.save(tmp_path / "old", tensors, card)
    generator = load(tmp_path / "old")
    assert generator.resolved(Recipe()) == Recipe(sampler="dpm++", steps=40, start=0.9)
    assert scaling_of(generator.card) == Range(-1.5, 2.0)
    plain = generator.sample(2)
    told = generator.sample(2, sampler="dpm++", steps=40, start=0.9)
    for one, other in zip(plain, told, strict=True):
        np.testing.assert_array_equal(one.voxels, other.voxels)
