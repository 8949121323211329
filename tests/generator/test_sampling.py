import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from evalsuite.errors import EvalsuiteError
from evalsuite.seeds import seed_of
from evalsuite.volumes.check import check_cohort
from evalsuite.volumes.read import read_volume
from evalsuite.volumes.sources import read_cohort
from generator.conditions import Condition
from generator.config import SAMPLERS
from generator.diffusion import noise_schedule
from generator.model import Recipe, load
from generator.samples import sample
from generator.sampling import blocks, draw
from generator.solvers import OF_FLOWS
from tests.generator.conftest import MICRO, micro

SHAPE = (4, 2, 2, 2)
OF_NOISING = [sampler for sampler in SAMPLERS if sampler not in OF_FLOWS]


def of(prediction):
    """Return the configuration of a denoiser with this objective."""
    return micro(
        diffusion=MICRO["diffusion"] | {"timesteps": 300, "prediction": prediction}
    ).diffusion


class Gaussian(torch.nn.Module):
    """The exact denoiser of latents that are normal with this mean and deviation.

    With x_t = a x + s e, the mean of e given x_t is s (x_t - a m) / (a^2 d^2 + s^2). A rectified
    flow has a = 1 - t and s = t, and its velocity is the mean of x - e.
    """

    def __init__(self, config, mean, deviation):
        super().__init__()
        self.unused = torch.nn.Parameter(torch.zeros(1))
        flow = config.prediction == "rectified_flow"
        self.products = None if flow else noise_schedule(config).alphas_cumprod
        self.config, self.mean, self.deviation = config, mean, deviation

    def forward(self, noised, times, condition=None):
        if self.products is None:
            s = times.reshape(-1, 1, 1, 1, 1) / self.config.timesteps
            a = 1 - s
        else:
            a2 = self.products[times].reshape(-1, 1, 1, 1, 1)
            a, s = a2.sqrt(), (1 - a2).sqrt()
        # Classes 0, 1 and "not told" lie 0.2 apart.
        labels = condition.columns.nan_to_num(2) if condition else torch.tensor(2.0)
        shift = (labels.reshape(-1, 1, 1, 1, 1) - 2) * 0.2
        away = (noised - a * (self.mean + shift)) / (a**2 * self.deviation**2 + s**2)
        noise = s * away
        if self.config.prediction == "epsilon":
            return noise
        if self.config.prediction == "rectified_flow":
            return self.mean + shift + a * self.deviation**2 * away - noise
        return a * noise - s * (noised - s * noise) / a


@pytest.mark.parametrize(
    ("sampler", "prediction"),
    [(s, p) for s in OF_NOISING for p in ("epsilon", "v_prediction")]
    + [(s, "rectified_flow") for s in OF_FLOWS],
)
def test_samplers_reach_the_distribution_of_a_known_denoiser(sampler, prediction):
    """Closed form: latents that are normal with mean 0.3 and deviation 0.1."""
    denoiser = Gaussian(of(prediction), 0.3, 0.1)
    latents = draw(
        denoiser, of(prediction), (4, 6, 6, 6), range(8), seed=0, steps=50, sampler=sampler
    )
    assert float(latents.mean()) == pytest.approx(0.3, abs=0.02)
    assert float(latents.std()) == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_latents_of_unit_variance_are_not_clipped_to_one(sampler):
    config = of("rectified_flow" if sampler in OF_FLOWS else "v_prediction")
    latents = draw(
        Gaussian(config, 0.0, 1.0), config, (4, 6, 6, 6), range(8),
        seed=0, steps=20, sampler=sampler, bound=3.0,
    )  # fmt: skip
    assert float(latents.abs().max()) == pytest.approx(3.0, abs=0.3)
    assert float(latents.abs().max()) <= 3.0
    # A step of first order shrinks it: cos(pi / 2 / 20) ** 20 = 0.94.
    assert float(latents.std()) == pytest.approx(1.0, abs=0.08)


@pytest.mark.parametrize("sampler", OF_FLOWS)
def test_one_step_of_a_rectified_flow_is_exact_for_a_single_point(sampler):
    """Lines from noise e to the point m are straight: velocity m - e at time 1, so x = m."""
    config = of("rectified_flow")
    latents = draw(Gaussian(config, 0.3, 0.0), config, SHAPE, range(4), seed=0, steps=1,
                   sampler=sampler)  # fmt: skip
    torch.testing.assert_close(latents, torch.full((4, *SHAPE), 0.3), atol=1e-6, rtol=0)


@pytest.mark.parametrize(("sampler", "order"), [("euler", 1), ("heun", 2)])
def test_solvers_of_flows_have_their_order(sampler, order):
    """Normal latents: x0 = m + (x1 - 0) d in closed form; twice the steps, 2^order less error."""
    config = of("rectified_flow")
    noise = torch.stack([torch.randn(*SHAPE, generator=g) for g in _streams(range(8))])
    errors = []
    for intervals in (20, 40):
        steps = 2 * intervals - 1 if sampler == "heun" else intervals
        latents = draw(Gaussian(config, 0.2, 0.5), config, SHAPE, range(8), seed=0, steps=steps,
                       sampler=sampler, bound=9.0)  # fmt: skip
        errors.append(float((latents - (0.2 + 0.5 * noise)).abs().max()))
    assert errors[1] < 0.1
    assert errors[0] / errors[1] == pytest.approx(2**order, rel=0.35)


def test_heun_evaluates_the_network_as_often_as_it_is_told():
    class Counting(Gaussian):
        asked = 0

        def forward(self, *arguments):
            self.asked += 1
            return super().forward(*arguments)

    for steps in (1, 5, 9):
        denoiser = Counting(of("rectified_flow"), 0.0, 1.0)
        draw(denoiser, denoiser.config, SHAPE, [0], seed=0, steps=steps, sampler="heun")
        assert denoiser.asked == steps


@pytest.mark.parametrize(("sampler", "error"), [("ddim", 0.08), ("dpm++", 0.02)])
def test_an_earlier_start_widens_the_distribution_as_the_closed_form_says(sampler, error):
    """Normal latents: the flow is linear, x0 = m + (x - a m) d / sqrt(a^2 d^2 + s^2)."""
    mean, deviation = 0.3, 0.1
    config = of("v_prediction")
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

    from generator.solvers import solve

    config = of("v_prediction")
    theirs = DDIMScheduler(
        num_train_timesteps=300, schedule="cosine", prediction_type=config.prediction
    )
    theirs.num_inference_steps, theirs.num_train_timesteps = 1, 75  # a step of 75
    torch.manual_seed(0)
    latents, noise = torch.randn(2, 2, 4, 3, 3, 3) * 0.2  # small, so that nothing is clipped
    seen = []

    def predict(noised, time):
        seen.append((noised, time))
        return noise

    solve(config, "ddim", 2, 0.5, 1.0, predict, latents, [])
    assert [time for _, time in seen] == [150, 75]
    torch.testing.assert_close(seen[1][0], theirs.step(noise, 150, latents)[0])


@pytest.mark.parametrize(
    ("label", "guidance", "mean"), [(1.0, 1.0, 0.1), (0.0, 1.0, -0.1), (1.0, 2.5, -0.2)]
)
def test_guidance_moves_the_mean_as_the_closed_form_says(label, guidance, mean):
    # Predictions are linear in the mean: u + w (c - u) samples the mean m_u + w (m_c - m_u).
    config = of("v_prediction")
    latents = draw(
        Gaussian(config, 0.3, 0.1), config, (4, 6, 6, 6), range(8),
        seed=0, steps=50, sampler="dpm++", condition=Condition(torch.full((8, 1), label)),
        guidance=guidance,
    )  # fmt: skip
    assert float(latents.mean()) == pytest.approx(mean, abs=0.02)


def test_a_sample_depends_on_seed_and_index_alone():
    for sampler in SAMPLERS:
        config = of("rectified_flow" if sampler in OF_FLOWS else "v_prediction")
        denoiser = Gaussian(config, 0.0, 0.5)
        options = {"seed": 3, "steps": 10, "sampler": sampler}
        together = draw(denoiser, config, SHAPE, [0, 1, 2, 3], **options)
        for order in ([2], [3, 2], [2, 0]):
            alone = draw(denoiser, config, SHAPE, order, **options)
            torch.testing.assert_close(alone[order.index(2)], together[2], atol=1e-5, rtol=0)
        other = draw(denoiser, config, SHAPE, [2], **(options | {"seed": 4}))
        assert not torch.allclose(other[0], together[2])


def _streams(indices):
    return [torch.Generator().manual_seed(seed_of(0, index)) for index in indices]


def test_blocks_are_dealt_to_processes_whole():
    dealt = [list(blocks(10, 4, rank, 2)) for rank in range(2)]
    assert dealt == [[[0, 1, 2, 3], [8, 9, 10, 11]], [[4, 5, 6, 7]]]


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
    command += ["--no-tracking"]
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
    assert cohort.weights_sha256 == sidecar["WeightsSHA256"]
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
        Generator, "images", lambda self, indices, recipe: [
            {"image": Volume(voxels(i).astype(np.float32), np.eye(4))} for i in indices
        ],
    )  # fmt: skip
    with pytest.raises(EvalsuiteError, match=message):
        sample(trained, tmp_path / "out", 2, Recipe(steps=5), device="cpu")


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (Recipe(sampler="dpm"), 'Unknown sampler "dpm". Did you mean "ddpm"?'),
        (
            Recipe(steps=18, start=0.85),
            "this generator has a process of 20, of which a start of 0.85 leaves 16.",
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
    assert generator.conditioning.columns[0].classes == ("a", "b")
    told = generator.sample(1, steps=5, class_name="a", guidance=2.0)[0]
    assert np.isfinite(told.voxels).all()
    with pytest.raises(EvalsuiteError, match="Name one with --class, or leave --guidance out"):
        generator.sample(1, steps=5, guidance=2.0)
    with pytest.raises(EvalsuiteError, match='Unknown class "c"'):
        generator.sample(1, class_name="c", steps=5)
