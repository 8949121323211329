import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from evalsuite.errors import EvalsuiteError
from evalsuite.volumes.check import check_cohort
from evalsuite.volumes.read import read_volume
from evalsuite.volumes.sources import read_cohort
from generator.diffusion import Denoiser, denormalise, noise_schedule, normalise
from generator.model import Recipe, load
from generator.samples import sample
from generator.sampling import SAMPLERS, blocks, draw
from tests.generator.conftest import MICRO, micro

SHAPE = (4, 2, 2, 2)


class Gaussian(torch.nn.Module):
    """The exact denoiser of latents that are normal with this mean and deviation.

    With x_t = a x + s e, the mean of e given x_t is s (x_t - a m) / (a^2 d^2 + s^2).
    """

    classes = 2

    def __init__(self, config, mean, deviation):
        super().__init__()
        self.unused = torch.nn.Parameter(torch.zeros(1))
        self.products = noise_schedule(config).alphas_cumprod
        self.config, self.mean, self.deviation = config, mean, deviation

    def forward(self, noised, times, labels=None):
        a2 = self.products[times].reshape(-1, 1, 1, 1, 1)
        a, s = a2.sqrt(), (1 - a2).sqrt()
        # Classes 0, 1 and "not told" lie 0.2 apart.
        shift = 0 if labels is None else (labels.reshape(-1, 1, 1, 1, 1) - 2) * 0.2
        noise = s * (noised - a * (self.mean + shift)) / (a2 * self.deviation**2 + s**2)
        if self.config.prediction == "epsilon":
            return noise
        return a * noise - s * (noised - s * noise) / a


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_samplers_reach_the_distribution_of_a_known_denoiser(sampler, prediction):
    """Closed form: latents that are normal with mean 0.3 and deviation 0.1."""
    diffusion = MICRO["diffusion"] | {"timesteps": 300, "prediction": prediction}
    config = micro(diffusion=diffusion).diffusion
    denoiser = Gaussian(config, 0.3, 0.1)
    latents = draw(denoiser, config, (4, 6, 6, 6), range(8), seed=0, steps=50, sampler=sampler)
    assert float(latents.mean()) == pytest.approx(0.3, abs=0.02)
    assert float(latents.std()) == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize(("sampler", "error"), [("ddim", 0.08), ("dpm++", 0.02)])
def test_an_earlier_start_widens_the_distribution_as_the_closed_form_says(sampler, error):
    """Normal latents: the flow is linear, x0 = m + (x - a m) d / sqrt(a^2 d^2 + s^2)."""
    mean, deviation = 0.3, 0.1
    config = micro(diffusion=MICRO["diffusion"] | {"timesteps": 300}).diffusion
    denoiser = Gaussian(config, mean, deviation)
    latents = draw(
        denoiser, config, (4, 6, 6, 6), range(8), seed=0, steps=100, sampler=sampler, start=0.5
    )
    a2 = float(denoiser.products[round(0.5 * 299)])
    wider = deviation / (a2 * deviation**2 + 1 - a2) ** 0.5
    assert wider > 1.3 * deviation
    assert float(latents.std()) == pytest.approx(wider, rel=error)
    assert float(latents.mean()) == pytest.approx(mean - a2**0.5 * mean * wider, abs=0.01)


def test_ddim_takes_the_steps_of_monai():
    from monai.networks.schedulers import DDIMScheduler

    from generator.sampling import _solver

    config = micro(diffusion=MICRO["diffusion"] | {"timesteps": 300}).diffusion
    solver, step = _solver(config, "ddim", 2, 0.5, [])
    assert solver.timesteps.tolist() == [150, 75]
    theirs = DDIMScheduler(
        num_train_timesteps=300, schedule="cosine", prediction_type=config.prediction
    )
    theirs.num_inference_steps, theirs.num_train_timesteps = 1, 75  # a step of 75
    torch.manual_seed(0)
    latents, noise = torch.randn(2, 2, 4, 3, 3, 3) * 0.2  # small, so that nothing is clipped
    moved = step(noise, solver.timesteps[0], latents)
    torch.testing.assert_close(moved, theirs.step(noise, 150, latents)[0])


@pytest.mark.parametrize(
    ("label", "guidance", "mean"), [(1, 1.0, 0.1), (0, 1.0, -0.1), (1, 2.5, -0.2)]
)
def test_guidance_moves_the_mean_as_the_closed_form_says(label, guidance, mean):
    # Predictions are linear in the mean: u + w (c - u) samples the mean m_u + w (m_c - m_u).
    config = micro(diffusion=MICRO["diffusion"] | {"timesteps": 300}).diffusion
    latents = draw(
        Gaussian(config, 0.3, 0.1), config, (4, 6, 6, 6), range(8),
        seed=0, steps=50, label=label, guidance=guidance,
    )  # fmt: skip
    assert float(latents.mean()) == pytest.approx(mean, abs=0.02)


def test_a_sample_depends_on_seed_and_index_alone():
    config = micro().diffusion
    denoiser = Gaussian(config, 0.0, 0.5)
    for sampler in SAMPLERS:
        options = {"seed": 3, "steps": 10, "sampler": sampler}
        together = draw(denoiser, config, SHAPE, [0, 1, 2, 3], **options)
        for order in ([2], [3, 2], [2, 0]):
            alone = draw(denoiser, config, SHAPE, order, **options)
            torch.testing.assert_close(alone[order.index(2)], together[2], atol=1e-5, rtol=0)
        other = draw(denoiser, config, SHAPE, [2], **(options | {"seed": 4}))
        assert not torch.allclose(other[0], together[2])


def test_blocks_are_dealt_to_processes_whole():
    dealt = [list(blocks(10, 4, rank, 2)) for rank in range(2)]
    assert dealt == [[[0, 1, 2, 3], [8, 9, 10, 11]], [[4, 5, 6, 7]]]


def test_normalisation_and_back():
    latents = torch.randn(2, 3, 4, 4, 4)
    back = denormalise(normalise(latents, -2.0, 5.0), -2.0, 5.0)
    torch.testing.assert_close(back, latents)
    assert float(normalise(torch.tensor([-2.0]), -2.0, 5.0)) == -1
    assert float(normalise(torch.tensor([5.0]), -2.0, 5.0)) == 1


def test_the_same_samples_however_they_are_asked_for(trained, tmp_path):
    recipe = Recipe(seed=5, steps=5)
    sample(trained, tmp_path / "all", 5, recipe, device="cpu")
    sample(trained, tmp_path / "some", 2, recipe, device="cpu")
    sample(trained, tmp_path / "some", 5, recipe, device="cpu")
    for i in range(5):
        name = f"sample_{i:05d}.nii.gz"
        assert (tmp_path / "all" / name).read_bytes() == (tmp_path / "some" / name).read_bytes()
    volumes = load(trained).sample(5, seed=5, steps=5)
    stored = read_volume(tmp_path / "all/sample_00003.nii.gz")
    np.testing.assert_array_equal(volumes[3].voxels, stored.voxels)
    np.testing.assert_allclose(volumes[3].affine, stored.affine)


def test_two_processes_sample_what_one_does(trained, tmp_path):
    sample(trained, tmp_path / "one", 6, Recipe(steps=5), device="cpu")
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "evalsuite", "generator", "sample", str(trained), "-n", "6", "--steps", "5"]
    subprocess.run(
        [sys.executable, *command, "--output", str(tmp_path / "two")], check=True, timeout=120
    )
    for file in sorted((tmp_path / "one").glob("*.nii.gz")):
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


def test_samples_are_a_cohort_with_provenance(trained, tmp_path):
    sentence = sample(trained, tmp_path / "out", 3, Recipe(steps=4), device="cpu")
    assert "--shape 8,16,8" in sentence
    cohort = check_cohort(
        read_cohort(str(tmp_path / "out/samples.tsv"), name="s", role="synthetic")
    )
    assert [info.shape for info in cohort.infos] == [(8, 16, 8)] * 3
    assert cohort.infos[0].orientation == "RAS"
    assert cohort.infos[0].spacing == pytest.approx((1.0, 1.0, 1.0))
    assert min(info.minimum for info in cohort.infos) >= 0
    assert max(info.maximum for info in cohort.infos) <= 1
    sidecar = json.loads((tmp_path / "out/sample_00002.json").read_text())
    assert sidecar["Synthetic"] is True
    assert sidecar["Index"] == 2
    assert sidecar["WeightsSHA256"] == load(trained).digest == load(trained).card["weights_sha256"]
    assert (tmp_path / "out/contact_sheet.png").stat().st_size > 1000


def test_samples_of_another_recipe_are_not_mixed(trained, tmp_path):
    sample(trained, tmp_path / "out", 2, Recipe(steps=4), device="cpu")
    with pytest.raises(EvalsuiteError, match="holds samples of another Steps"):
        sample(trained, tmp_path / "out", 2, Recipe(steps=5), device="cpu")


@pytest.mark.parametrize(
    ("voxels", "message"),
    [
        (lambda i: np.full((8, 16, 8), np.nan), "Sample 0 was not written: it has voxels that are"),
        (lambda i: np.full((8, 16, 8), 0.5), "Sample 1 was not written: all its voxels are 0.5"),
        (lambda i: np.arange(1024.0).reshape(8, 16, 8) / 1024, "are all alike"),
    ],
)
def test_bad_samples_are_reported_not_written_silently(
    trained, tmp_path, monkeypatch, voxels, message
):
    from generator.model import Generator, Volume

    monkeypatch.setattr(
        Generator, "block", lambda self, indices, recipe: [
            Volume(voxels(i).astype(np.float32), np.eye(4)) for i in indices
        ],
    )  # fmt: skip
    with pytest.raises(EvalsuiteError, match=message):
        sample(trained, tmp_path / "out", 2, Recipe(steps=5), device="cpu")


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (Recipe(sampler="dpm"), 'Unknown sampler "dpm". Did you mean "ddpm"?'),
        (
            Recipe(steps=18),
            "this generator has a process of 20, of which a start of 0.9 leaves 17.",
        ),
        (Recipe(steps=10, start=0.5), "of which a start of 0.5 leaves 9."),
        (Recipe(start=1.5), "A start of 1.5 is not possible"),
        (Recipe(steps=5, class_name="x"), "trained without classes"),
        (Recipe(steps=5, guidance=2), "they have none. Leave --guidance out."),
    ],
)
def test_impossible_recipes_are_told(trained, tmp_path, recipe, message):
    with pytest.raises(EvalsuiteError, match=message):
        sample(trained, tmp_path / "out", 2, recipe, device="cpu")


def test_an_unfinished_training_is_told(tmp_path):
    (tmp_path / "vqgan/step-0000002").mkdir(parents=True)
    with pytest.raises(EvalsuiteError, match="its training is not finished"):
        load(tmp_path)
    with pytest.raises(EvalsuiteError, match="holds no"):
        load(tmp_path / "nowhere")


def test_classes_of_a_manifest_are_trained_on(make_cohort, tmp_path):
    from generator.run import train

    folder = make_cohort("training", 8, shape=(9, 17, 10))
    rows = [f"v{i:02d}.nii.gz,{'ab'[i % 2]}" for i in range(8)]
    (folder / "cases.csv").write_text("path,sex\n" + "\n".join(rows) + "\n")
    config = micro(diffusion=MICRO["diffusion"] | {"condition": "sex"})
    train(
        str(folder / "cases.csv"), tmp_path / "run", config,
        resume=False, device="cpu", experiment=None, skip_invalid=False,
    )  # fmt: skip
    generator = load(tmp_path / "run")
    assert generator.card["classes"] == ["a", "b"]
    told = generator.sample(1, steps=5, class_name="a", guidance=2.0)[0]
    assert np.isfinite(told.voxels).all()
    embedding = generator.denoiser.network.class_embedding.weight
    fresh = Denoiser(config.diffusion, 4, classes=2).network.class_embedding.weight
    assert embedding.shape == fresh.shape == (3, 32)
    with pytest.raises(EvalsuiteError, match="Name one with --class, or leave --guidance out"):
        generator.sample(1, steps=5, guidance=2.0)
    with pytest.raises(EvalsuiteError, match='Unknown class "c"'):
        generator.sample(1, class_name="c", steps=5)
