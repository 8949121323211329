"""The first stage: bottlenecks, decoder, losses, critics."""

import pytest
import torch
from monai.networks.layers.vector_quantizer import EMAQuantizer
from monai.networks.nets import VQVAE
from torch import nn

from evalsuite.errors import EvalsuiteError
from generator import distributed, vqgan
from generator.autoencoder_stage import AutoencoderStage
from generator.bottleneck import Gaussian, kullback_leibler
from generator.config import VQGANConfig, load_config
from generator.critics import Losses, balance, ramp
from generator.decoder import grained
from generator.reconstruction_report import parity
from generator.texture import haar, texture_difference
from generator.vqgan import VQGAN
from tests.generator.conftest import MICRO, micro

CPU = torch.device("cpu")
WIDE = {"channels": [8, 16], "code_dimension": 4, "codes": 16, "residual_layers": 1}


def config(**changed):
    return VQGANConfig.model_validate(MICRO["vqgan"] | {"grain": 0} | WIDE | changed)


def kl(**changed):
    return config(bottleneck="kl", decoder="interpolating", **changed)


def test_kl_of_normal_distributions_is_that_of_torch():
    means, logarithms = torch.randn(2, 3, 4, 2, 2, 2, generator=torch.Generator().manual_seed(0))
    one = torch.distributions.Normal(means, (logarithms / 2).exp())
    each = torch.distributions.kl_divergence(one, torch.distributions.Normal(0.0, 1.0))
    expected = each.sum(dim=1).mean()
    torch.testing.assert_close(kullback_leibler(means, logarithms), expected)
    encoded = torch.cat([means, logarithms], dim=1)
    passed = Gaussian(0.5).passed(encoded, torch.Generator().manual_seed(0))
    torch.testing.assert_close(passed.loss, 0.5 * expected)
    torch.testing.assert_close(Gaussian(0.5).continuous(encoded), means)


def test_training_draws_from_the_distributions_of_an_encoding():
    encoded = torch.cat([torch.full((1, 1, 40, 40, 40), v) for v in (3.0, 2.0)], dim=1)
    drawn = Gaussian(1.0).passed(encoded, torch.Generator().manual_seed(0)).latents
    assert drawn.mean().item() == pytest.approx(3, abs=0.05)
    assert drawn.var().item() == pytest.approx(torch.tensor(2.0).exp().item(), rel=0.03)


def test_an_untrained_decoder_draws_no_lattice_unless_it_is_transposed():
    """Away from the faces constant latents have no reason to end in anything but a constant."""
    torch.manual_seed(0)
    found = {}
    for kind in ("interpolating", "transposed"):
        model = VQGAN(config(decoder=kind, grain=0)).eval()
        volumes = model.decode_latents(torch.ones(1, 4, 20, 20, 20))
        inside = volumes.detach()[0, 0, 30:50, 30:50, 30:50].numpy()
        found[kind] = parity([inside]), float(inside.std())
    assert found["interpolating"][0] < 1e-4
    assert found["interpolating"][1] < 1e-5
    assert found["transposed"][0] > 0.05


def test_grain_is_of_the_seed_and_of_the_latents_alone():
    model = VQGAN(kl(grain=2)).eval()
    latents = torch.randn(2, 4, 2, 3, 2, generator=torch.Generator().manual_seed(0))
    both = model.decode_latents(latents, [5, 6])
    torch.testing.assert_close(both[1:], model.decode_latents(latents[1:], [6]))
    other = model.decode_latents(latents[1:], [7])
    assert (both[1:] - other).abs().mean() > 1e-3
    torch.testing.assert_close(model.decode_latents(latents), model.decode_latents(latents, [0, 1]))


def test_nothing_is_grainy_where_there_is_no_signal_and_nothing_is_negative():
    smooth = torch.tensor([-0.1, 0.05, 0.5]).view(1, 1, 3, 1, 1)
    grain = torch.tensor([0.3, -0.2, -0.1]).view(1, 1, 3, 1, 1)
    found = grained(smooth, grain).flatten().clamp(0, 1)
    torch.testing.assert_close(found, torch.tensor([0.0, 0.15, 0.4]))


@pytest.mark.parametrize("decoder", ["interpolating", "transposed"])
def test_large_volumes_are_encoded_and_decoded_piece_by_piece_to_the_same_numbers(
    monkeypatch, decoder
):
    torch.manual_seed(0)
    grain = 2 if decoder == "interpolating" else 0
    model = VQGAN(config(decoder=decoder, grain=grain)).eval()
    volumes = torch.rand(1, 1, 104, 12, 8)
    latents = model.encode(volumes)
    again = model.decode_latents(latents)
    monkeypatch.setattr(vqgan, "TILE", 9)
    torch.testing.assert_close(model.encode(volumes), latents, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(model.decode_latents(latents), again, atol=1e-5, rtol=1e-4)
    seen = []
    encoding = model.encoding
    monkeypatch.setattr(
        model, "encoding", lambda piece: (seen.append(piece.shape[2]), encoding(piece))[1]
    )
    model.encode(volumes)
    assert max(seen) <= 4 * (9 + 2 * 8)
    assert len(seen) == 3


def test_generators_trained_before_there_was_a_choice_load_and_decode_as_they_did():
    old = VQVAE(
        spatial_dims=3, in_channels=1, out_channels=1, channels=(8, 16), num_res_layers=1,
        num_res_channels=(8, 16), downsample_parameters=((2, 4, 1, 1),) * 2,
        upsample_parameters=((2, 4, 1, 1, 0),) * 2, num_embeddings=16, embedding_dim=4,
    ).eval()  # fmt: skip
    old.quantizer = nn.Identity()
    codebook = EMAQuantizer(3, 16, 4).eval()
    tensors = {f"network.{k}": v for k, v in old.state_dict().items()}
    tensors |= {f"codebook.{k}": v for k, v in codebook.state_dict().items()}
    card = {k: v for k, v in MICRO["vqgan"].items() if k not in {"bottleneck", "grain"}}
    new = VQGAN(VQGANConfig.model_validate(card | WIDE)).eval()
    new.load_state_dict(tensors)
    volumes = torch.rand(1, 1, 8, 16, 8)
    latents = old.encoder(volumes * 2 - 1)
    torch.testing.assert_close(new.encode(volumes), latents)
    expected = (old.decoder(codebook(latents)[0]) + 1) / 2
    torch.testing.assert_close(new.decode_latents(latents), expected)


def test_the_haar_wavelet_keeps_energy_and_splits_off_the_mean():
    volumes = torch.rand(2, 1, 4, 6, 8)
    bands = haar(volumes)
    torch.testing.assert_close(bands.square().sum(), volumes.square().sum())
    means = nn.functional.avg_pool3d(volumes, 2)
    torch.testing.assert_close(bands[:, :1], means * 8**0.5)


def test_texture_sees_a_blur_and_not_the_phase_of_grain():
    generator = torch.Generator().manual_seed(0)
    smooth = torch.linspace(0, 1, 32).expand(1, 1, 32, 32, 32)
    grainy, again = (smooth + 0.1 * torch.randn(1, 1, 32, 32, 32, generator=generator)
                     for _ in range(2))  # fmt: skip
    blurred = nn.functional.avg_pool3d(grainy, 3, stride=1, padding=1)
    assert texture_difference(grainy, grainy) == 0
    phase, blur = texture_difference(grainy, again), texture_difference(grainy, blurred)
    assert phase < 0.4 * blur
    assert (grainy - again).abs().mean() > (grainy - blurred).abs().mean()  # which L1 prefers


def test_a_shift_changes_which_voxels_are_pairs():
    lattice = torch.zeros(1, 1, 8, 8, 8)
    lattice[:, :, ::2] = 1.0
    pairs = lattice.roll(1, 2)
    assert texture_difference(lattice, pairs) < 1e-6
    wide = torch.zeros(1, 1, 8, 8, 8)
    wide[:, :, ::4] = wide[:, :, 1::4] = 1.0  # no detail within pairs
    assert texture_difference(wide, wide.roll(1, 2)) > 0.1
    assert texture_difference(wide, wide.roll(2, 2), (1, 0, 0)) < 1e-6


def test_what_is_clipped_may_lie_beyond():
    losses = Losses(config(reconstruction=1.0, perceptual=0.0))
    volumes = torch.tensor([0.0, 0.0, 0.5, 1.0, 1.0]).view(1, 1, 5, 1, 1)
    smooth = torch.tensor([-0.3, 0.2, 0.4, 1.7, 0.9]).view(1, 1, 5, 1, 1)
    found = losses.reconstruction(volumes, smooth, smooth, (0, 0, 0))
    assert found["reconstruction"].item() == pytest.approx((0.2 + 0.1 + 0.1) / 5)


def test_the_ramp_of_the_critics():
    told = config(discriminator_start=10, discriminator_ramp=4)
    shares = [ramp(told, step) for step in (0, 9, 10, 11, 13, 99)]
    assert shares == [0, 0, 0.25, 0.5, 1, 1]
    at_once = config(discriminator_start=10)
    assert [ramp(at_once, step) for step in (9, 10)] == [0, 1]
    weightless = {"slice_adversarial": 0, "volume_adversarial": 0, "feature_matching": 0}
    assert ramp(config(discriminator_start=10, **weightless), 99) == 0


def test_the_balance_makes_the_critics_pull_as_hard_as_the_reconstruction():
    last = nn.Parameter(torch.ones(4))
    reconstruction, adversarial = (3 * last).sum(), (0.5 * last).sum()
    # Norms of the gradients: 3 x sqrt(4) = 6 and 0.5 x sqrt(4) = 1.
    assert balance(reconstruction, adversarial, last) == pytest.approx(6 / (1 + 1e-4))
    assert balance(reconstruction, 1e-12 * adversarial, last) == 1e4


def test_critics_begin_at_their_step_and_keep_their_own_rate(data):
    changed = {"discriminator_start": 1, "discriminator_ramp": 2, "discriminator_rate": 0.01}
    settings = MICRO["vqgan"] | changed | {"bottleneck": "kl", "adversarial_balance": True}
    settings["training"] = MICRO["vqgan"]["training"] | {"warmup": 0, "final_rate": 0.0}
    stage = AutoencoderStage(micro(vqgan=settings), data, CPU)
    rates, moved, counted = [], [], []
    for step in range(3):
        before = [p.clone() for p in stage.critics.parameters()]
        told = stage.update(step)
        rates.append([p.optimiser.param_groups[0]["lr"] for p in stage.players.values()])
        after = list(stage.critics.parameters())
        moved.append(any(not torch.equal(a, b) for a, b in zip(before, after, strict=True)))
        counted.append("adversarial" in told)
        for player in stage.players.values():
            player.next_rate()
    assert moved == counted == [False, True, True]
    assert [critics for _, critics in rates] == [0.01] * 3
    assert rates[2][0] < rates[1][0] < rates[0][0] == 0.003


def test_noise_does_not_depend_on_how_many_processes_share_a_batch(monkeypatch):
    whole = distributed.noise((4, 1, 2), torch.Generator().manual_seed(0))
    parts = []
    monkeypatch.setattr(distributed, "world", lambda: 2)
    for rank in range(2):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        parts.append(distributed.noise((2, 1, 2), torch.Generator().manual_seed(0)))
    torch.testing.assert_close(torch.cat(parts), whole)


def test_codes_are_searched_for_in_float32():
    """In bfloat16 1000 and 1001 are one number."""
    model = VQGAN(config())
    model.codebook.embedding.weight.data.zero_()
    model.codebook.embedding.weight.data[:2, 0] = torch.tensor([1000.0, 1001.0])
    latents = torch.zeros(1, 4, 1, 1, 2)
    latents[0, 0] = torch.tensor([1000.1, 1000.9])
    with torch.autocast("cpu", torch.bfloat16):
        settled = model.codebook.settled(latents)
    assert settled[0, 0].flatten().tolist() == [1000, 1001]


def test_grain_without_a_decoder_for_it_is_refused():
    with pytest.raises(ValueError, match="grain needs the decoder to be interpolating"):
        config(decoder="transposed", grain=1)


def test_a_range_needs_a_codebook():
    settings = {"vqgan": {"bottleneck": "kl"}, "diffusion": {"scaling": "range"}}
    with pytest.raises(EvalsuiteError, match="scaling by the range of a codebook needs one: set"):
        load_config(None, {"preset": "tiny"}, settings)
