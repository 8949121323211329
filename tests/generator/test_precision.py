"""Half precision, overflows, and memory: what a step keeps and what it passes over."""

from functools import partial

import numpy as np
import pytest
import torch
from monai.networks.blocks.selfattention import SABlock
from monai.networks.layers.vector_quantizer import EMAQuantizer
from torch.utils._python_dispatch import TorchDispatchMode

from evalsuite.errors import EvalsuiteError
from generator.autoencoder_stage import AutoencoderStage
from generator.bottleneck import Codebook
from generator.config import VQGANConfig
from generator.diffusion import Denoiser
from generator.diffusion_stage import DiffusionStage
from generator.steps import HALF, Player, autocast
from generator.training import fit
from generator.vqgan import VQGAN
from tests.generator.conftest import MICRO, micro

CPU = torch.device("cpu")


def half(precision, **settings):
    training = MICRO["vqgan"]["training"] | {"precision": precision} | settings
    return micro(vqgan=MICRO["vqgan"] | {"training": training})


def saved_bytes(run):
    """Return the bytes of all storages that a forward pass keeps for its backward pass."""
    kept = {}

    def pack(tensor):
        if not isinstance(tensor, torch.nn.Parameter):
            storage = tensor.untyped_storage()
            kept[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        outcome = run()
    outcome.sum().backward()
    return sum(storage.nbytes() for storage in kept.values())


def autoencode(network):
    volumes, noise = torch.rand(2, 1, 16, 16, 16), torch.zeros(2, 1, 16, 16, 16)
    latents = network.bottleneck.continuous(network.encoding(volumes))
    return network.decoding(latents, noise)[1]


def denoise(network):
    return network(torch.randn(2, 4, 8, 8, 8), torch.tensor([3, 5]))


@pytest.mark.parametrize("stage", ["vqgan", "diffusion"])
def test_recomputed_activations_are_not_kept_and_change_no_gradient(stage):
    kept, gradients = {}, {}
    for recomputed in (False, True):
        training = MICRO[stage]["training"] | {"checkpointing": recomputed}
        deeper = {"training": training, "residual_layers": 3, "residual_blocks": 3}
        own = {key: value for key, value in deeper.items() if key in MICRO[stage]}
        config = micro(**{stage: MICRO[stage] | own})
        torch.manual_seed(0)
        network = VQGAN(config.vqgan) if stage == "vqgan" else Denoiser(config.diffusion, 4)
        run = autoencode if stage == "vqgan" else denoise
        kept[recomputed] = saved_bytes(partial(run, network))
        gradients[recomputed] = [p.grad for p in network.parameters() if p.grad is not None]
    assert kept[True] < 0.4 * kept[False], kept
    assert len(gradients[True]) == len(gradients[False])
    for mine, theirs in zip(gradients[True], gradients[False], strict=True):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("dtype", HALF.values())
def test_the_codebook_is_searched_and_averaged_in_float32(dtype):
    """Codes nearer to one another than half precision tells apart are told apart."""
    config = VQGANConfig.model_validate(MICRO["vqgan"] | {"codes": 64, "grain": 0})
    books = [Codebook(config), Codebook(config)]
    codes = 1 + torch.arange(64.0)[:, None].expand(64, 4) * 1e-2
    latents = codes.T.reshape(1, 4, 4, 4, 4)
    for book in books:
        book.embedding.weight.data.copy_(codes)
        book.ema_w.copy_(codes)
        book.ema_cluster_size.fill_(1.0)
    generator = torch.Generator()
    expected = books[0].passed(latents, generator)
    with torch.autocast("cpu", dtype):
        found = books[1].passed(latents, generator)
    assert found.codes.flatten().tolist() == list(range(64))
    torch.testing.assert_close(found.latents, expected.latents, rtol=0, atol=0)
    torch.testing.assert_close(books[1].ema_w, books[0].ema_w, rtol=0, atol=0)


def test_the_codebook_is_that_of_monai_without_a_matrix_of_latents_and_codes(monkeypatch):
    config = VQGANConfig.model_validate(MICRO["vqgan"] | {"codes": 64, "grain": 0})
    theirs = EMAQuantizer(3, 64, 4, config.commitment, config.decay).train()
    ours = Codebook(config).train()
    ours.load_state_dict(theirs.state_dict())
    monkeypatch.setattr("generator.bottleneck.SEARCHED", 10 * 64)
    latents = torch.randn(2, 4, 4, 6, 8, requires_grad=True)
    with Largest() as largest:
        found = ours(latents)
    assert largest.numbers < 2 * 4 * 6 * 8 * 64
    for mine, other in zip(found, theirs(latents), strict=True):
        torch.testing.assert_close(mine, other)
    for name, mine in ours.state_dict().items():
        torch.testing.assert_close(mine, theirs.state_dict()[name])


class Largest(TorchDispatchMode):
    """Sees how many numbers the largest tensor has that an operation returns."""

    numbers = 0

    def __torch_dispatch__(self, operation, _types, args=(), kwargs=None):
        out = operation(*args, **(kwargs or {}))
        if isinstance(out, torch.Tensor):
            self.numbers = max(self.numbers, out.numel())
        return out


def test_float16_learns_with_scaled_losses_and_its_scale_is_kept(data, tmp_path):
    quiet = {"report": lambda *_: None, "advance": lambda *_: None}
    stage = AutoencoderStage(half("float16", steps=4), data, CPU)
    before = [p.clone() for p in stage.model.parameters()]
    scaler = stage.players["vqgan"].scaler
    scaler.load_state_dict(scaler.state_dict() | {"scale": 2.0**100})
    stage.update(0)
    assert stage.players["vqgan"].skipped
    assert all(torch.equal(a, b) for a, b in zip(before, stage.model.parameters(), strict=True)
               if b.requires_grad)  # fmt: skip
    assert scaler.get_scale() == 2.0**99
    scaler.update(1024.0)
    fit(stage, tmp_path, about={}, resume=False, **quiet)
    assert any(not torch.equal(a, b) for a, b in zip(before, stage.model.parameters(), strict=True))
    again = AutoencoderStage(half("float16", steps=4), data, CPU)
    fit(again, tmp_path, about={}, resume=True, **quiet)
    assert again.players["vqgan"].scaler.get_scale() == 1024.0


def test_scaled_gradients_are_clipped_at_their_true_size():
    network = torch.nn.Linear(1, 1, bias=False)
    network.weight.data.fill_(0.0)
    settings = half("float16", gradient_clip=1.0).vqgan.training
    player = Player(network, torch.optim.SGD(network.parameters(), 1.0), settings, CPU)
    player.learn(lambda: (3 * network.weight.sum(), None))
    assert player.step() == pytest.approx(3.0)
    assert network.weight.item() == pytest.approx(-0.003 * 1.0 / 0.003, rel=1e-3)


def test_autocast_follows_the_precision():
    volumes, weights = torch.rand(1, 1, 4, 4, 4), torch.rand(1, 1, 3, 3, 3)
    for precision in ("float32", *HALF):
        with autocast(CPU, half(precision).vqgan.training):
            found = torch.nn.functional.conv3d(volumes, weights)
        assert found.dtype is HALF.get(precision, torch.float32)


def overflowing(data, bad):
    """Return a stage whose gradient overflows in some steps."""
    stage = AutoencoderStage(half("float32", steps=240, validate_every=240), data, CPU)
    weight = torch.nn.Parameter(torch.ones(1))
    player = Player(stage.model, torch.optim.SGD([weight], 1e-9), stage.settings, CPU)
    stage.players = {"vqgan": player}
    stage.validate = lambda: ({}, {})

    def update(step):
        player.skipped = step in bad
        return {"loss": 1.0}

    stage.update = update
    return stage


def test_skipped_steps_are_counted_and_told(data, tmp_path, capsys):
    told = []
    stage = overflowing(data, {1, 5, 150})
    fit(stage, tmp_path, about={}, resume=False, advance=lambda: None,
        report=lambda step, values, figures: told.append(values["skipped_steps"]))  # fmt: skip
    assert told == [3]
    assert capsys.readouterr().err == (
        "vqgan: 3 of 240 steps were skipped because their gradients overflowed.\n"
    )


def test_a_training_that_skips_most_steps_stops(data, tmp_path):
    stage = overflowing(data, set(range(20, 240)))
    with pytest.raises(EvalsuiteError) as caught:
        fit(stage, tmp_path, about={}, resume=False, advance=lambda: None,
            report=lambda *_: None)  # fmt: skip
    assert str(caught.value) == (
        "vqgan: 51 of the last 71 steps were skipped because their gradients overflowed. Lower "
        "vqgan.training.learning_rate, or set its precision to float32."
    )
    assert np.isfinite(stage.update(0)["loss"])


def test_attention_needs_no_matrix_of_all_pairs_and_is_the_same():
    torch.manual_seed(0)
    blocks = [m for m in Denoiser(micro().diffusion, 4).modules() if isinstance(m, SABlock)]
    assert blocks
    tokens = torch.randn(2, 10, blocks[0].to_q.in_features)
    for block in blocks:
        assert block.use_flash_attention
        found = block(tokens)
        block.use_flash_attention = False
        torch.testing.assert_close(found, block(tokens))


def test_latents_beyond_the_memory_for_them_are_encoded_anew(data, monkeypatch):
    stage = DiffusionStage(micro(), data, AutoencoderStage(micro(), data, CPU).model, CPU)
    indices = list(range(8))
    expected = stage.latents(indices)
    assert len(stage._latents) == 8
    monkeypatch.setattr("generator.diffusion_stage.KEPT", 2 * expected[0].nbytes)
    stage._latents.clear()
    assert torch.equal(stage.latents(indices), expected)
    assert len(stage._latents) == 2
