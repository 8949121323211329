"""MONAI bundles and pipelines of diffusers as generators, against their own code run by hand."""

import json
import shutil

import numpy as np
import pytest
import torch

from evalsuite.errors import EvalsuiteError
from evalsuite.volumes.geometry import Geometry
from evalsuite.volumes.read import read_volume
from generator.samples import sample_from
from generator.sources.source import SourceOptions
from tests.generator.published import write_bundle, write_pipeline


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return write_bundle(tmp_path_factory.mktemp("bundle") / "bundle")


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    return write_pipeline(tmp_path_factory.mktemp("pipeline") / "pipeline")


@pytest.fixture(autouse=True)
def modules(monkeypatch, tmp_path):
    """Keep what diffusers copies out of the home."""
    monkeypatch.setattr(
        "diffusers.utils.dynamic_modules_utils.HF_MODULES_CACHE", str(tmp_path / "modules")
    )


def draw(source, output, n=2, **options):
    options = {"trust": True, "log": output / "traceback.txt"} | options
    return sample_from(str(source), output, n, {"seed": 1}, SourceOptions(**options))


def first_voxels(output, i=0):
    return read_volume(output / f"sample_{i:05d}.nii.gz").voxels


def sidecar(output, i=0):
    return json.loads((output / f"sample_{i:05d}.json").read_text())


def changed(bundle, folder, **changes):
    """Copy a bundle, with other entries of its configuration; None takes one away."""
    shutil.copytree(bundle, folder)
    file = folder / "configs/inference.json"
    config = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))
    return folder


def test_a_bundle_samples_what_its_own_code_does(bundle, tmp_path):
    from monai.networks.nets import AutoencoderKL, DiffusionModelUNet
    from monai.networks.schedulers import DDIMScheduler

    said = draw(bundle, tmp_path / "out")
    config = json.loads((bundle / "configs/inference.json").read_text())
    made = {}
    for name, kind, file in (
        ("autoencoder_def", AutoencoderKL, "a.pt"),
        ("network_def", DiffusionModelUNet, "d.pt"),
    ):
        arguments = {key: value for key, value in config[name].items() if key != "_target_"}
        made[name] = kind(**arguments).eval()
        made[name].load_state_dict(torch.load(bundle / "models" / file))
    scheduler = DDIMScheduler(num_train_timesteps=100, clip_sample=False)
    scheduler.set_timesteps(2)
    for i in range(2):
        torch.manual_seed(int(sidecar(tmp_path / "out", i)["Columns"]["block_seed"]))
        latents = torch.randn(1, 2, 4, 6, 4)
        with torch.no_grad():
            for time in scheduler.timesteps:
                noise = made["network_def"](latents, timesteps=time[None])
                latents, _ = scheduler.step(noise, time, latents)
            image = made["autoencoder_def"].decode_stage_2_outputs(latents)
        np.testing.assert_allclose(
            first_voxels(tmp_path / "out", i), image[0, 0].numpy(), atol=1e-5
        )
    assert "does not state the voxel spacing and orientation" in said
    found = sidecar(tmp_path / "out")
    assert (found["Generator"], found["Version"]) == ("Tiny latent diffusion", "0.1.2")
    record = json.loads((tmp_path / "out/generator.json").read_text())
    assert {"models/a.pt", "models/d.pt", "configs/inference.json", "scripts/sampler.py"} <= set(
        record["Files"]
    )
    assert record["Repeatable"] is True
    assert not (bundle / "output").exists()


def test_a_bundle_goes_on_where_it_stopped(bundle, tmp_path):
    draw(bundle, tmp_path / "all", 3)
    draw(bundle, tmp_path / "some", 1)
    draw(bundle, tmp_path / "some", 3)
    for i in range(3):
        name = f"sample_{i:05d}.nii.gz"
        assert (tmp_path / "all" / name).read_bytes() == (tmp_path / "some" / name).read_bytes()
    (tmp_path / "other").mkdir()
    other = changed(bundle, tmp_path / "other/bundle", version=2)
    with pytest.raises(EvalsuiteError, match="holds samples of another WeightsSHA256"):
        draw(other, tmp_path / "some", 4)


def test_networks_are_the_same_for_all_samples_even_without_weights(bundle, tmp_path):
    """They would else be drawn under the seed of whichever sample comes first."""
    bare = changed(bundle, tmp_path / "bare", load_diffusion="$None", load_autoencoder="$None")
    draw(bare, tmp_path / "all", 2)
    draw(bare, tmp_path / "some", 1)
    draw(bare, tmp_path / "some", 2)
    np.testing.assert_array_equal(
        first_voxels(tmp_path / "all", 1), first_voxels(tmp_path / "some", 1)
    )


def test_settings_lie_over_the_configuration(bundle, tmp_path):
    draw(bundle, tmp_path / "out", 1, settings={"latent_shape": [2, 4, 4, 4], "steps": 3})
    assert first_voxels(tmp_path / "out").shape == (8, 8, 8)
    draw(bundle, tmp_path / "deep", 1, settings={"noise_scheduler.clip_sample": True})
    draw(bundle, tmp_path / "plain", 1)
    assert not np.allclose(first_voxels(tmp_path / "deep"), first_voxels(tmp_path / "plain"))
    with pytest.raises(EvalsuiteError, match='Unknown setting "latent_shap". Did you mean'):
        draw(bundle, tmp_path / "new", 1, settings={"latent_shap": 3})


def test_what_a_run_returns_is_taken_where_it_saves_nothing(bundle, tmp_path):
    drawn = "$@inferer.draw(@noise, @autoencoder, @diffusion, @noise_scheduler)"
    quiet = changed(bundle, tmp_path / "quiet", run=None, sample=drawn)
    draw(quiet, tmp_path / "out", 1, assumed=Geometry((1, 1, 2), "LPS"))
    draw(bundle, tmp_path / "saved", 1)
    np.testing.assert_allclose(first_voxels(tmp_path / "out"), first_voxels(tmp_path / "saved"))
    assert sidecar(tmp_path / "out")["Run"] == "sample"
    assert read_volume(tmp_path / "out/sample_00000.nii.gz").spacing == (1, 1, 2)
    with pytest.raises(EvalsuiteError, match='The run "set_timesteps" of the bundle saved nothing'):
        draw(bundle, tmp_path / "new", 1, settings={"run_id": "set_timesteps"})


def test_transforms_and_initialisation_follow_the_seed_of_the_sample(bundle, tmp_path):
    """`Compose` seeds its transforms by MONAI's own seed, and some bundles fix all seeds first."""
    noisy = changed(
        bundle, tmp_path / "noisy", imports=["$import torch", "$import monai"],
        output_postfix="", create_output_dir=None, inferer=None, saver=None,
        initialize="$monai.utils.set_determinism(seed=0)",
        run="$monai.transforms.Compose([monai.transforms.RandGaussianNoise(prob=1.0, std=1.0)])"
        "(torch.arange(512.0).reshape(1, 8, 8, 8) / 512)",
    )  # fmt: skip
    draw(noisy, tmp_path / "out", 2)
    record = json.loads((tmp_path / "out/generator.json").read_text())
    assert record["DifferenceWhenRepeated"] == 0
    noise = [first_voxels(tmp_path / "out", i).ravel() - np.arange(512) / 512 for i in range(2)]
    assert abs(np.corrcoef(noise)[0, 1]) < 0.2  # of 512 independent pairs: 0.04, as deviation


def test_label_maps_come_with_their_images(bundle, tmp_path):
    """MAISI saves `sample_TIME_image.nii.gz` and `sample_TIME_label.nii.gz`."""
    drawn = "$@inferer.draw(@noise, @autoencoder, @diffusion, @noise_scheduler)"
    pairs = changed(
        bundle, tmp_path / "pairs", made=drawn, imports=["$import torch", "$import scripts"],
        output_postfix="", create_output_dir=None,
        run=["$scripts.sampler.save_pair(@made, @output_dir)"],
    )  # fmt: skip
    said = draw(pairs, tmp_path / "out", 2)
    assert "does not state" not in said
    image = read_volume(tmp_path / "out/sample_00001.nii.gz")
    np.testing.assert_array_equal(image.affine[:3], [[-2, 0, 0, 1], [0, 2, 0, 2], [0, 0, 2, 3]])
    label = read_volume(tmp_path / "out/label/sample_00001.nii.gz")
    np.testing.assert_array_equal(label.voxels, image.voxels > 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"run": None}, "it has no run, save_nii, sample or inferring to run"),
        (
            {"network_def": {"_target_": "generative.networks.nets.DiffusionModelUNet"}},
            "its code failed when it was loaded .*generative.networks.nets",
        ),
        ({"noise": "$torch.randn([1, 3]+@latent_shape[1:])"}, "its code failed while it made"),
        ({"load_diffusion": "$torch.load('nowhere.pt')"}, "its code failed when it was loaded"),
    ],
)
def test_a_bundle_that_fails_is_told_in_one_sentence(bundle, tmp_path, changes, message):
    broken = changed(bundle, tmp_path / "broken", **changes)
    with pytest.raises(EvalsuiteError, match=message) as told:
        draw(broken, tmp_path / "out", 1)
    assert "\n" not in str(told.value)
    assert "broken" in str(told.value)


@pytest.mark.parametrize("kind", ["bundle", "pipeline"])
def test_code_that_a_folder_brings_runs_only_where_it_is_trusted(kind, request, tmp_path):
    folder = request.getfixturevalue(kind)
    with pytest.raises(EvalsuiteError, match="Pass --trust-code if you trust where it comes from"):
        draw(folder, tmp_path / "out", 1, trust=False)
    assert not (tmp_path / "modules").exists()


def test_pickled_weights_are_refused_unless_trusted(pipeline, tmp_path):
    from safetensors.torch import load_file

    pickled = shutil.copytree(pipeline, tmp_path / "pickled")
    (pickled / "pipeline.py").unlink()
    weights = pickled / "unet/diffusion_pytorch_model.safetensors"
    torch.save(load_file(weights), weights.with_suffix(".bin"))
    weights.unlink()
    with pytest.raises(EvalsuiteError, match=r"in a pickle \(unet/diffusion_pytorch_model.bin\)"):
        draw(pickled, tmp_path / "out", 1, trust=False)
    shutil.copy(pipeline / "pipeline.py", pickled)
    draw(pickled, tmp_path / "out", 1)
    draw(pipeline, tmp_path / "safe", 1)
    np.testing.assert_allclose(
        first_voxels(tmp_path / "out"), first_voxels(tmp_path / "safe"), atol=1e-5
    )


def test_a_pipeline_samples_what_it_does_by_itself(pipeline, tmp_path):
    from diffusers import DiffusionPipeline

    said = draw(pipeline, tmp_path / "out", 3)
    loaded = DiffusionPipeline.from_pretrained(
        pipeline, local_files_only=True, trust_remote_code=True
    )
    for i in range(3):
        seed = int(sidecar(tmp_path / "out", i)["Columns"]["block_seed"])
        expected = loaded(generator=torch.Generator().manual_seed(seed)).volumes[0, 0]
        np.testing.assert_allclose(first_voxels(tmp_path / "out", i), expected, atol=1e-6)
    assert "does not state the orientation of its volumes" in said
    assert read_volume(tmp_path / "out/sample_00000.nii.gz").spacing == (1.5, 1.5, 3.0)
    assert sidecar(tmp_path / "out")["Generator"] == "VolumePipeline"
    draw(pipeline, tmp_path / "some", 1)
    draw(pipeline, tmp_path / "some", 3)
    for i in range(3):
        name = f"sample_{i:05d}.nii.gz"
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "some" / name).read_bytes()


def test_a_pipeline_takes_settings_and_blocks(pipeline, tmp_path):
    draw(pipeline, tmp_path / "out", 3, settings={"num_inference_steps": 3}, block=2)
    assert sidecar(tmp_path / "out")["Settings"] == {"num_inference_steps": 3}
    seeds = [sidecar(tmp_path / "out", i)["Columns"]["block_seed"] for i in range(3)]
    assert seeds[0] == seeds[1] != seeds[2]
    with pytest.raises(EvalsuiteError, match='Unknown setting "steps"'):
        draw(pipeline, tmp_path / "new", 1, settings={"steps": 3})


def test_colour_frames_are_no_volumes():
    from generator.sources.pipeline import _volumes

    with pytest.raises(EvalsuiteError, match=r"colour frames \(1 x 8 x 16 x 16 x 3\)"):
        _volumes((np.zeros((1, 8, 16, 16, 3)),), "video")
    with pytest.raises(EvalsuiteError, match=r"returned image \(str\); expected arrays"):
        _volumes(("nothing",), "video")
    pair = _volumes({"label": np.zeros((2, 4, 4, 4)), "images": np.ones((2, 4, 4, 4))}, "both")
    assert [list(one) for one in pair] == [["images", "label"]] * 2
