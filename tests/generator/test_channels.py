"""Volumes of several channels: found, checked, trained on, sampled and told together."""

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from evalsuite.errors import EvalsuiteError
from evalsuite.volumes.intensity import WindowIntensity
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.read import read_volume
from evalsuite.volumes.sources import read_cohort
from evalsuite.volumes.volume import Volume
from evalsuite.volumes.write import write_nifti
from generator.attack import attack
from generator.autoencoder_stage import AutoencoderStage
from generator.channels import check_channels, read_channels
from generator.critics import Losses
from generator.data import TrainingData
from generator.decoder import InterpolatingDecoder
from generator.mlflow_model import SamplingModel
from generator.model import Recipe, load
from generator.run import train
from generator.samples import sample, write_samples
from generator.sources.trained import trained as as_source
from generator.training import fit
from generator.watching import Watch
from tests.generator.conftest import MICRO, micro

CPU = torch.device("cpu")
SHAPE = (8, 16, 8)
QUICK = {"device": "cpu", "experiment": None, "skip_invalid": False}


def write(path, voxels, affine=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_nifti(Volume(voxels.astype(np.float32), np.eye(4) if affine is None else affine), path)


def patients(folder, n):
    """Write patients with a bright blob in `t1` that is dark in `t2`, and a segmentation."""
    grid = np.indices(SHAPE)
    for i in range(n):
        centre = np.random.default_rng(i).uniform([2, 3, 2], [6, 13, 6]).reshape(3, 1, 1, 1)
        blob = np.exp(-((grid - centre) ** 2).sum(axis=0) / 18)
        write(folder / f"p{i:02d}/p{i:02d}_t1.nii.gz", 50 * blob)
        write(folder / f"p{i:02d}/p{i:02d}_t2.nii.gz", 900 - 800 * blob)
        write(folder / f"p{i:02d}/p{i:02d}_seg.nii.gz", blob > 0.5)
    return folder


def ids(cohorts):
    return [[entry.id for entry in cohort.entries] for cohort in cohorts]


def checked(source, channels=("t1", "t2"), **options):
    return check_channels(read_channels(str(source), channels, name="training"), **options)


def data_of(source, **overrides):
    config = micro(channels=["t1", "t2"], **overrides)
    first, *further = checked(source)
    return config, TrainingData(first, config, None, further)


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    return patients(tmp_path_factory.mktemp("patients"), 8)


@pytest.fixture(scope="module")
def run(volumes):
    """Return the folder of a micro generator of both channels, whose first stage has learnt."""
    training = MICRO["vqgan"]["training"] | {"steps": 120, "validate_every": 120}
    long = MICRO["vqgan"] | {"training": training, "discriminator_start": 1000, "codes": 64}
    config = micro(channels=["t1", "t2"], vqgan=long)
    train(str(volumes), volumes.parent / "run", config, resume=False, **QUICK)
    return volumes.parent / "run"


@pytest.fixture(scope="module")
def samples(run):
    folder = run.parent / "samples"
    sample(run, folder, 3, Recipe(seed=1, steps=5), device="cpu")
    return folder


@pytest.mark.parametrize(
    ("channels", "files"),
    [
        ("t1n,t2f", ["B-0-{}/B-0-{}-t1n", "B-0-{}/B-0-{}-t2f", "B-0-{}/B-0-{}-seg"]),
        ("T1w,FLAIR", ["sub-{}/anat/sub-{}_T1w", "sub-{}/anat/sub-{}_FLAIR"]),
        ("0000,0001", ["case_000{}_0000", "case_000{}_0001"]),
        ("ct,pet", ["ct/{}", "pet/{}"]),
        ("t1,t1_ce", ["{}/t1", "{}/t1_ce"]),
    ],
)
def test_what_is_left_of_a_path_tells_which_files_belong_together(tmp_path, channels, files):
    names = channels.split(",")
    for i in range(2):
        for file in files:
            path = tmp_path / f"{file.replace('{}', str(i))}.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    found = ids(read_channels(str(tmp_path), names, name="training"))
    wanted = [[f"{file.replace('{}', str(i))}.nii.gz" for i in range(2)] for file in files[:2]]
    assert found == wanted


def test_columns_of_a_table_are_channels_in_the_order_of_its_lines(volumes):
    lines = [f"p{i:02d}/p{i:02d}_t2.nii.gz,s{i},p{i:02d}/p{i:02d}_t1.nii.gz,F" for i in (3, 1, 2)]
    table = volumes / "cases.csv"
    table.write_text("\n".join(["late,subject,early,sex", *lines]))
    first, second = read_channels(str(table), ["early", "late"], name="training")
    assert [entry.id[:3] for entry in first.entries] == ["p03", "p01", "p02"]
    assert [entry.id[-9:] for entry in second.entries] == ["t2.nii.gz"] * 3
    assert (first.entries[0].subject, first.entries[0].covariates["sex"]) == ("s3", "F")
    assert read_cohort(f"{table}:late", name="r", role="real").entries == second.entries
    with pytest.raises(EvalsuiteError, match='column "lat" is missing; .* Did you mean "late"?'):
        read_channels(str(table), ["early", "lat"], name="training")


def test_a_volume_without_one_of_its_channels_is_refused_by_name(tmp_path):
    patients(tmp_path, 3)
    (tmp_path / "p01/p01_t2.nii.gz").unlink()
    with pytest.raises(EvalsuiteError, match=r"p01_t1.nii.gz: there is no t2 that goes with it"):
        checked(tmp_path)
    (tmp_path / "p01/p01_t1.nii.gz").unlink()
    assert len(checked(tmp_path)[0].entries) == 2
    with pytest.raises(EvalsuiteError, match='no path has the channel "flair" .* such as p00/p00_'):
        checked(tmp_path, ["t1", "flair"])
    write(tmp_path / "p00/p00-t1.nii.gz", np.eye(4)[None])
    with pytest.raises(EvalsuiteError, match="there is no t2 that goes with it"):
        checked(tmp_path)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda path: write(path, np.eye(8)[:, :, None] * np.ones(7)),
            "t2.nii.gz: it does not lie",
        ),
        (
            lambda path: write(path, read_volume(path).voxels, np.diag([1, 1, 1.2, 1])),
            "does not lie on the grid of .*p01_t1.nii.gz",
        ),
        (
            lambda path: path.write_bytes(Path(str(path).replace("t2", "t1")).read_bytes()),
            "p01_t2.nii.gz: it is a copy of .*p01_t1.nii.gz",
        ),
        (lambda path: write(path, np.full(SHAPE, np.nan)), "voxels are NaN or Inf"),
    ],
)
def test_channels_that_do_not_fit_together_are_refused_or_left_out(tmp_path, spoil, message):
    patients(tmp_path, 3)
    spoil(tmp_path / "p01/p01_t2.nii.gz")
    with pytest.raises(EvalsuiteError, match=message):
        checked(tmp_path)
    first, second = checked(tmp_path, skip_invalid=True)
    assert ids((first, second)) == [
        [f"p{i:02d}/p{i:02d}_{channel}.nii.gz" for i in (0, 2)] for channel in ("t1", "t2")
    ]
    assert [len(first.infos), len(second.infos), len(first.skipped)] == [2, 2, 1]


def test_the_fingerprint_tells_all_channels_and_their_order(volumes):
    prints = {checked(volumes, names)[0].fingerprint for names in (["t1", "t2"], ["t2", "t1"])}
    assert len(prints | {checked(volumes, ["t1"])[0].fingerprint}) == 3


@pytest.mark.parametrize("channels", [[], ["t1", "t1"], ["t1", "label"], ["../t1"], {"t1 ": None}])
def test_names_that_cannot_be_folders_and_columns_are_refused(channels):
    with pytest.raises(EvalsuiteError, match="channels"):
        micro(channels=channels)


def test_a_channel_may_have_an_intensity_of_its_own(volumes):
    window = {"kind": "window", "low": 0, "high": 1000}
    config = micro(channels={"t1": None, "t2": window})
    assert [one.intensity for one in config.of_channels(Preprocessing())] == [
        Preprocessing().intensity, WindowIntensity(low=0, high=1000)
    ]  # fmt: skip
    first, second = checked(volumes)
    data = TrainingData(first, config, None, [second])
    read = read_volume(second.entries[2].path).voxels
    torch.testing.assert_close(data.volumes([2])[0, 1], torch.tensor(read) / 1000)
    assert data.volumes([2])[0, 0].max() == 1
    with pytest.raises(EvalsuiteError, match="intensities from 0 to 1"):
        TrainingData(first, micro(channels={"t1": None, "t2": {"kind": "zscore"}}), None, [second])


def test_losses_of_detail_are_those_of_each_channel_alone():
    losses = Losses(micro(vqgan=MICRO["vqgan"] | {"texture": 2.0, "perceptual": 4.0}).vqgan)
    stream = torch.Generator().manual_seed(0)
    volumes, found = torch.rand(2, 2, 3, *SHAPE, generator=stream)
    both = losses.reconstruction(volumes, found, found, (0, 1, 0))
    alone = [
        losses.reconstruction(volumes[:, k : k + 1], *[found[:, k : k + 1]] * 2, (0, 1, 0))
        for k in range(3)
    ]
    for key in ("reconstruction", "perceptual", "texture"):
        mean = torch.stack([one[key] for one in alone]).mean()
        torch.testing.assert_close(both[key], mean)


def test_the_grain_of_channels_is_independent_and_each_has_its_strength():
    decoder = InterpolatingDecoder(micro().vqgan, 2)
    decoder.strength.bias.data[:] = torch.tensor([0.0, 0.0, 2.0, 2.0])  # two kinds a channel
    latents = torch.zeros(1, 4, 8, 8, 8)
    with torch.no_grad():
        _, grain = decoder(latents, torch.randn(1, 2, 32, 32, 32))
    first, second = grain[0].flatten(1)
    assert abs(float(torch.corrcoef(torch.stack([first, second]))[0, 1])) < 0.02
    # Softplus of 0 and of 2 is 0.693 and 2.127.
    assert float(second.std() / first.std()) == pytest.approx(2.127 / 0.693, rel=0.2)


def test_the_card_and_the_history_tell_of_each_channel(run):
    card = json.loads((run / "generator/card.json").read_text())
    assert card["config"]["channels"] == ["t1", "t2"]
    assert set(card["intensities"]) == {"t1", "t2"}
    assert card["intensities"]["t1"]["kind"] == "percentile"
    lines = card["reconstructions"]["lines"]
    assert {line["channel"] for line in lines} == {"t1", "t2", "t1 with t2"}
    assert lines[-1]["name"] == "normalised_mutual_information"
    assert lines[-1]["held_out"] > 0.8
    metrics = card["metrics"]
    each = [metrics["validation_psnr_t1"], metrics["validation_psnr_t2"]]
    assert metrics["validation_psnr"] == pytest.approx(np.mean(each))
    assert min(each) > 12
    assert metrics["agreement_real"] > 0.8
    assert 0.2 < metrics["agreement_sample"] <= 1


def test_the_channels_of_a_sample_show_one_anatomy(samples):
    for i in range(3):
        first, second = (
            read_volume(samples / folder / f"sample_{i:05d}.nii.gz").voxels for folder in ("", "t2")
        )
        assert np.corrcoef(first.ravel(), second.ravel())[0, 1] < -0.8


def test_samples_are_a_manifest_with_a_column_for_each_channel(samples):
    with (samples / "samples.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert rows[1]["path"] == rows[1]["t1"] == "sample_00001.nii.gz"
    assert rows[1]["t2"] == "t2/sample_00001.nii.gz"
    second = read_cohort(f"{samples}/samples.tsv:t2", name="s", role="synthetic")
    assert [entry.id for entry in second.entries] == [row["t2"] for row in rows]
    assert second.weights_sha256 == rows[0]["weights_sha256"]
    sidecar = json.loads((samples / "t2/sample_00001.json").read_text())
    assert (sidecar["Synthetic"], sidecar["Channels"]) == (True, ["t1", "t2"])
    with pytest.raises(EvalsuiteError, match="further images of them, such as t2/sample_0000"):
        read_cohort(str(samples), name="s", role="synthetic")


def test_a_sample_follows_from_the_seed_and_goes_on(run, samples, tmp_path):
    sample(run, tmp_path / "s", 1, Recipe(seed=1, steps=5), device="cpu")
    sample(run, tmp_path / "s", 3, Recipe(seed=1, steps=5), device="cpu")
    for file in ("sample_00002.nii.gz", "t2/sample_00000.nii.gz", "t2/sample_00002.nii.gz"):
        assert (tmp_path / "s" / file).read_bytes() == (samples / file).read_bytes()


def test_from_python_samples_are_volumes_by_channel(run, samples):
    generator = load(run)
    made = generator.sample_channels(1, seed=1, steps=5)[0]
    assert list(made) == ["t1", "t2"]
    written = read_volume(samples / "t2/sample_00000.nii.gz").voxels
    np.testing.assert_allclose(made["t2"].voxels, written, atol=1e-6)
    with pytest.raises(EvalsuiteError, match="channels t1, t2. Call sample_channels"):
        generator.sample(1)
    predicted = SamplingModel(generator).predict(pd.DataFrame({"n": [2], "seed": [1]}))
    assert predicted.shape == (2, 2, *SHAPE)


def test_a_channel_that_collapsed_is_told(run, tmp_path):
    source = as_source(run, Recipe(steps=5), "cpu")
    decoder = source.generator.autoencoder.network["decoder"]
    for weights in (decoder.mean.weight, decoder.mean.bias):
        weights.data[1] = -1.0
    with pytest.raises(EvalsuiteError, match="Sample 0 was not written: of t2, all its voxels are"):
        write_samples(source, tmp_path / "s", 1, seed=0)


def test_an_interrupted_training_ends_with_the_same_weights(volumes, tmp_path):
    config, data = data_of(volumes)
    whole, first, again = (AutoencoderStage(config, data, CPU) for _ in range(3))
    quiet = {"about": {}, "report": lambda *_: None, "advance": lambda: None}
    fit(whole, tmp_path / "whole", resume=False, **quiet)
    with pytest.raises(SystemExit):
        fit(first, tmp_path / "broken", resume=False, stopping=lambda: True, **quiet)
    fit(again, tmp_path / "broken", resume=True, **quiet)
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[name]), name


def test_other_channels_are_refused_when_it_goes_on(run, volumes):
    config = json.loads((run / "generator/card.json").read_text())["config"]
    with pytest.raises(EvalsuiteError, match="channels was .*t1.* would break the model"):
        train(str(volumes), run, micro(**config | {"channels": ["t2", "t1"]}), resume=True, **QUICK)


def test_what_a_stage_makes_is_watched_channel_by_channel(volumes):
    _, data = data_of(volumes, validation=3)

    class Echo:
        makes = "echoes"

        def made(self, places):
            found = data.cut(data.volumes([data.validation[p] for p in places])).clone()
            found[:, 1] = 1 - found[:, 1]
            return found

    scores = Watch(1, "medicalnet-resnet10-untrained", data, CPU).scores(Echo())
    assert scores["echoes/t1/frechet_distance"] == pytest.approx(0, abs=1e-4)
    assert scores["echoes/t2/frechet_distance"] > 0.001


def test_the_attack_sees_all_channels(run, volumes, tmp_path):
    others = patients(tmp_path, 14)
    for i in range(8):
        for file in (others / f"p{i:02d}").iterdir():
            file.unlink()
    found = attack(load(run), str(volumes), str(others), noises=1)
    assert (found.training, found.holdout) == ((8, 8), (6, 6))
    (others / "p09/p09_t2.nii.gz").unlink()
    with pytest.raises(EvalsuiteError, match="there is no t2 that goes with it"):
        attack(load(run), str(volumes), str(others))
