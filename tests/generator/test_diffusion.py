from typing import get_args

import pytest
import torch

from evalsuite.errors import EvalsuiteError
from generator.config import Objective
from generator.diffusion import noise_schedule, noised_latents
from generator.diffusion_stage import DiffusionStage
from generator.scaling import Range, Standard
from generator.solvers import OF_FLOWS, refuse_impossible
from generator.vqgan import VQGAN
from tests.generator.conftest import MICRO, micro

CPU = torch.device("cpu")


def stage(data, **diffusion):
    sampler = "heun" if diffusion.get("prediction") == "rectified_flow" else "dpm++"
    config = micro(diffusion=MICRO["diffusion"] | diffusion, sampler=sampler, steps=5)
    torch.manual_seed(0)
    return DiffusionStage(config, data, VQGAN(config.vqgan), CPU)


def test_rectified_flow_predicts_the_way_from_noise_to_latents():
    """x_t = (1 - t) x + t e and the target is x - e: from x_t, t of the way leads to x."""
    config = micro(diffusion=MICRO["diffusion"] | {"prediction": "rectified_flow"}).diffusion
    clean = torch.full((64, 2, 3, 3, 3), 5.0)
    noised, times, target = noised_latents(config, clean, torch.Generator().manual_seed(0))
    t = times.reshape(-1, 1, 1, 1, 1) / config.timesteps
    torch.testing.assert_close(noised + t * target, clean)
    noise = clean - target
    assert abs(float(noise.mean())) < 0.05
    assert float(noise.std()) == pytest.approx(1, abs=0.05)
    assert 0 < float(t.min()) < 0.1
    assert 0.9 < float(t.max()) < 1


def test_objectives_of_a_noising_process_lead_back_to_the_latents():
    clean = torch.randn(16, 2, 3, 3, 3)
    for prediction in ("epsilon", "v_prediction"):
        config = micro(diffusion=MICRO["diffusion"] | {"prediction": prediction}).diffusion
        noised, times, target = noised_latents(config, clean, torch.Generator().manual_seed(0))
        squared = noise_schedule(config).alphas_cumprod[times].reshape(-1, 1, 1, 1, 1)
        a, s = squared.sqrt(), (1 - squared).sqrt()
        if prediction == "epsilon":
            torch.testing.assert_close(a * clean + s * target, noised)
        else:
            torch.testing.assert_close(a * noised - s * target, clean, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("scaling", ["standard", "range"])
@pytest.mark.parametrize("prediction", get_args(Objective))
def test_every_objective_trains(data, prediction, scaling):
    trained = stage(data, prediction=prediction, scaling=scaling, loss="l2")
    before = trained.validate()[0]["validation_denoising"]
    for step in range(12):
        trained.update(step)
    after, figures = trained.validate()
    assert after["validation_denoising"] < before
    assert set(figures) == {"samples"}


def test_the_denoiser_sees_latents_of_unit_variance(data):
    standard = stage(data, scaling="standard")
    assert isinstance(standard.scaling, Standard)
    seen = standard.latents(data.training).movedim(1, 0).flatten(1)
    torch.testing.assert_close(seen.mean(1), torch.zeros(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(seen.std(1), torch.ones(4), atol=1e-2, rtol=0)
    ranged = stage(data, scaling="range")
    assert ranged.scaling == Range(*ranged.autoencoder.latent_range())
    torch.testing.assert_close(
        ranged.scaling.undo(ranged.latents([0])), standard.scaling.undo(standard.latents([0]))
    )


def test_previews_are_drawn_as_samples_are(data, monkeypatch):
    from generator import sampling

    told = {}
    draw = sampling.draw

    def listening(*arguments, **options):
        told.update(options)
        return draw(*arguments, **options)

    monkeypatch.setattr(sampling, "draw", listening)
    config = micro(
        diffusion=MICRO["diffusion"] | {"prediction": "v_prediction"},
        sampler="ddim", steps=3, start=0.7,
    )  # fmt: skip
    drawn = DiffusionStage(config, data, VQGAN(config.vqgan), CPU)
    drawn.validate()
    assert {key: told[key] for key in ("sampler", "steps", "start", "bound")} == {
        "sampler": "ddim", "steps": 3, "start": 0.7, "bound": drawn.scaling.bound,
    }  # fmt: skip


@pytest.mark.parametrize("sampler", OF_FLOWS)
def test_samplers_of_another_objective_are_refused(sampler):
    flow = micro(diffusion=MICRO["diffusion"] | {"prediction": "rectified_flow"}).diffusion
    with pytest.raises(EvalsuiteError, match=r'"ddpm" cannot sample .* rectified_flow; .*euler'):
        refuse_impossible(flow, "ddpm", 5, 1.0)
    noising = micro(diffusion=MICRO["diffusion"] | {"prediction": "epsilon"}).diffusion
    with pytest.raises(EvalsuiteError, match=rf'"{sampler}" cannot sample .* epsilon; .*dpm\+\+'):
        refuse_impossible(noising, sampler, 5, 1.0)


def test_ddpm_takes_all_moments_whatever_the_steps():
    noising = micro(diffusion=MICRO["diffusion"] | {"prediction": "epsilon"}).diffusion
    assert refuse_impossible(noising, "ddpm", 1000, 1.0) == "ddpm"
