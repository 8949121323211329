"""The paper's presets are the paper's, and what they need does what it says."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from generator.autoencoder_stage import AutoencoderStage
from generator.config import load_config
from generator.critics import Critics, Losses
from generator.data import TrainingData
from generator.diffusion import Denoiser
from generator.diffusion_stage import DiffusionStage
from generator.presets import PRESETS
from generator.steps import Player, constant
from generator.vqgan import VQGAN
from tests.generator.conftest import MICRO, micro

CPU = torch.device("cpu")
PAPER = sorted(name for name in PRESETS if name.startswith("paper-"))


@pytest.mark.parametrize("name", PAPER)
def test_the_networks_have_the_widths_of_the_scripts(name):
    """`n_hiddens` 16 doubles at every halving; `Unet3D(dim=diffusion_img_size)`."""
    config = load_config(None, {"preset": name})
    x, y, z = config.preprocessing.shape
    latent = [side // config.vqgan.factor for side in (x, y, z)]
    widths = {"paper-brain": (32,)}.get(name, (32, 64, 128))
    assert config.vqgan.channels == widths
    assert config.diffusion.channels[0] == latent[0] == {"paper-chest": 16}.get(name, 32)
    with torch.device("meta"):
        encoded = VQGAN(config.vqgan).encode(torch.rand(1, 1, x, y, z))
        assert list(encoded.shape) == [1, 8, *latent]
        denoiser = Denoiser(config.diffusion, 8)
        predicted = denoiser(encoded, torch.zeros(1, dtype=torch.long))
    assert predicted.shape == encoded.shape


@pytest.mark.parametrize("name", PAPER)
def test_the_rate_is_scaled_and_steps_are_counted_as_in_the_scripts(name):
    """The scripts take accumulated batches x GPUs / 8 x batch / 4 x 3e-4, here 1 x 1/8 x 2/4.

    Lightning 1.6 counts a step for each optimiser: "epoch=100-step=102000" is of 1,010 volumes in
    batches of 2, so that 100.99 epochs are 51,000 batches.
    """
    training = load_config(None, {"preset": name}).vqgan.training
    assert training.learning_rate == pytest.approx(1.875e-5, rel=1e-12)
    if name == "paper-chest":
        assert training.steps // (1010 // training.batch_size) == 100


def test_the_average_waits_copies_and_then_moves_every_so_many_steps(data):
    """As `Trainer.step_ema`: steps 0, 2 copy; 4 moves by 1 - 0.75 towards the weights."""
    config = micro(diffusion=MICRO["diffusion"] | {"ema": 0.75, "ema_start": 4, "ema_every": 2})
    stage = DiffusionStage(config, data, AutoencoderStage(config, data, CPU).model, CPU)
    own = next(stage.model.parameters())
    averaged = next(stage.average.parameters())
    found = []
    for step in range(6):
        with torch.no_grad():
            own.fill_(step)
        stage._move_average(step)
        found.append(float(averaged.flatten()[0].detach()))
    assert found == [0, 0, 2, 2, 0.75 * 2 + 0.25 * 4, 2.5]


def test_the_two_players_and_the_denoiser_have_their_betas(data):
    training = MICRO["vqgan"]["training"] | {"betas": [0.5, 0.9]}
    config = micro(vqgan=MICRO["vqgan"] | {"training": training})
    stage = AutoencoderStage(config, data, CPU)
    found = {name: p.optimiser.param_groups[0]["betas"] for name, p in stage.players.items()}
    assert found == {"vqgan": (0.5, 0.9), "critics": (0.5, 0.9)}
    denoiser = DiffusionStage(config, data, stage.model, CPU).players["denoiser"]
    assert denoiser.optimiser.param_groups[0]["betas"] == (0.9, 0.999)


@pytest.mark.parametrize(("clip", "moved"), [(None, 500.0), (1.0, 1.0)])
def test_no_clipping_leaves_a_large_gradient_as_it_is(clip, moved):
    network = torch.nn.Linear(2, 1, bias=False)
    before = network.weight.detach().clone()
    settings = micro().vqgan.training.model_copy(update={"gradient_clip": clip})
    player = Player(network, torch.optim.SGD(network.parameters(), 1.0), settings, CPU, constant)
    player.learn(lambda: (network(torch.tensor([300.0, 400.0])).sum(), None))
    assert player.step() == 500
    assert float((network.weight.detach() - before).norm()) == pytest.approx(moved)


def test_feature_matching_is_summed_over_the_layers_of_both_critics():
    """Slices are averaged over the three planes, so that they weigh as the paper's one does."""
    volumes, found = torch.rand(2, 1, 1, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    settings = MICRO["vqgan"] | {"discriminator_layers": 2, "feature_matching": 2.0}
    config = micro(vqgan=settings).vqgan
    critics, places = Critics(config), [0.5] * 3
    summed = Losses(config.model_copy(update={"feature_layers": "sum"}))
    value = summed.adversarial(critics, volumes, found, places)["feature_matching"].item()
    mean = Losses(config).adversarial(critics, volumes, found, places)["feature_matching"].item()
    (_, own), (_, real) = critics(found, places), critics(volumes, places)
    layers = np.array(
        [
            [(a - b).abs().mean().item() for a, b in zip(x, y, strict=True)]
            for x, y in zip(own, real, strict=True)
        ]
    )
    assert layers.shape == (4, 3)
    assert value == pytest.approx(2.0 * (layers[:3].mean(axis=0).sum() + layers[3].sum()), rel=1e-5)
    assert mean == pytest.approx(2.0 * layers.mean(), rel=1e-5)


def test_every_epoch_deals_each_volume_as_it_is_and_mirrored(cohort):
    plain = TrainingData(cohort, micro())
    data = TrainingData(cohort, micro(mirrored="y"))
    assert data.training == plain.training
    epoch = data.draw("vqgan", 0, 12)
    n = len(cohort.entries)
    assert sorted(epoch) == sorted([*data.training, *(n + i for i in data.training)])
    assert max(plain.draw("vqgan", 0, 12)) < n
    one, image = data.volumes([data.training[0], n + data.training[0]])
    assert torch.equal(one, plain.volumes([data.training[0]])[0])
    assert torch.equal(image, one.flip(2))
    assert not torch.equal(image, one)


TABLE = Path(__file__).parents[2] / "docs/reference/paper-presets.md"
OF_OURS = {"validate_every", "checkpoint_every"}  # how often disk and screen are served


def told_by_the_docs():
    """Return {setting: {preset: value}} of the column "Presets"."""
    found = {}
    for line in TABLE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        setting = re.fullmatch(r"\|? ?`([\w.]+)`", cells[0])
        if len(cells) != 5 or not setting:
            continue
        for value, names in re.findall(r"`([^`]+)`([^`]*)", cells[3]):
            chosen = [f"paper-{name}" for name in re.findall(r"\w+", names)] or PAPER
            found.setdefault(setting[1], {}).update(dict.fromkeys(chosen, yaml.safe_load(value)))
    return found


def leaves(values, before=""):
    for key, value in values.items():
        if isinstance(value, dict) and key != "intensity":
            yield from leaves(value, f"{before}{key}.")
        elif key not in OF_OURS:
            yield f"{before}{key}", value


@pytest.mark.parametrize("name", PAPER)
def test_the_table_of_the_docs_has_every_setting_of_the_presets_as_it_is(name):
    table = told_by_the_docs()
    ours = dict(leaves(load_config(None, {"preset": name}).model_dump(mode="json")))
    for setting, told in table.items():
        value = ours[setting]
        if isinstance(value, dict):
            value = {key: value[key] for key in told[name]}
        assert told[name] == value, setting
    given = {key for key, _ in leaves(PRESETS[name])} - {"gpu_memory"}
    assert given <= table.keys()
