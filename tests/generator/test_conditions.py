"""Columns and label maps that a generator is told."""

import csv
import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from evalsuite.errors import EvalsuiteError
from evalsuite.progress import silent
from evalsuite.utility.cohorts import prepare
from evalsuite.utility.config import UtilityConfig
from evalsuite.utility.runs import planned
from evalsuite.volumes.check import check_cohort
from evalsuite.volumes.labels import read_labels
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.sources import read_cohort
from evalsuite.volumes.volume import Volume
from evalsuite.volumes.write import write_nifti
from generator import checkpoint
from generator.conditions import (
    Column,
    ColumnEmbedding,
    Condition,
    Conditioning,
    columns_of,
    conditioning_of,
)
from generator.data import TrainingData
from generator.diffusion import Denoiser
from generator.diffusion_stage import DiffusionStage
from generator.label_maps import on_grid, shares, training_maps
from generator.model import Recipe, load
from generator.run import train
from generator.samples import sample
from generator.sampling import draw
from generator.vqgan import VQGAN
from tests.generator.conftest import MICRO, micro

CPU = torch.device("cpu")
SITE = Column("site", ("A", "B"))
AGE = Column("age", mean=60.0, deviation=10.0, low=40.0, high=80.0)
BOTH = Conditioning((SITE, AGE))
QUICK = {"resume": False, "device": "cpu", "experiment": None, "skip_invalid": False}


def table(folder, columns):
    """Return the checked cohort of a table of eight volumes."""
    rows = [",".join(["path", *columns])]
    rows += [
        ",".join([f"v{i:02d}.nii.gz", *(str(c[i]) for c in columns.values())]) for i in range(8)
    ]
    (folder / "cases.csv").write_text("\n".join(rows) + "\n")
    return check_cohort(read_cohort(str(folder / "cases.csv"), name="t", role="real"))


@pytest.fixture
def volumes(make_cohort):
    return make_cohort("training", 8, shape=(9, 17, 10))


@pytest.fixture
def blobs(tmp_path):
    """Write eight volumes with a bright ball each, and its label map."""
    (tmp_path / "images").mkdir()
    (tmp_path / "maps").mkdir()
    grid = np.indices((8, 16, 8))
    for i in range(8):
        centre = np.array([4, 4 + 8 * (i % 2), 4]).reshape(3, 1, 1, 1)
        ball = ((grid - centre) ** 2).sum(axis=0) < 9
        noise = np.random.default_rng(i).normal(0.1, 0.02, ball.shape)
        write_nifti(
            Volume((ball + noise).astype(np.float32), np.eye(4)), tmp_path / f"images/v{i}.nii.gz"
        )
        write_nifti(Volume(3.0 * ball, np.eye(4)), tmp_path / f"maps/v{i}.nii.gz")
    return tmp_path


def test_ages_are_numbers_and_sites_are_classes(volumes):
    ages = [40 + 5 * i for i in range(8)]
    cohort = table(volumes, {"site": list("ABABABAB"), "age": ages, "dose": [1, 2] * 4})
    told = {"site": "auto", "age": "number", "dose": "auto"}
    site, age, dose = columns_of(cohort, told)
    assert site == Column("site", ("A", "B"))
    assert (age.mean, age.low, age.high) == (57.5, 40, 75)
    assert age.deviation == pytest.approx(11.456439)  # the root of 5^2 (8^2 - 1) / 12
    assert dose == Column("dose", ("1", "2"))
    assert age.coded("57.5") == 0
    assert age.coded(57.5 + age.deviation) == pytest.approx(1)


def test_many_different_numbers_are_numbers_unless_they_are_said_to_be_classes(
    volumes, monkeypatch
):
    monkeypatch.setattr("generator.conditions.MOST_CLASSES", 3)
    cohort = table(volumes, {"age": list(range(8))})
    assert not columns_of(cohort, {"age": "auto"})[0].classes
    assert len(columns_of(cohort, {"age": "classes"})[0].classes) == 8


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("sex", '8 volumes have no "sex", the first is v00.nii.gz'),
        ({"site": "number"}, 'the column "site" holds "A", where diffusion.condition says'),
    ],
)
def test_columns_that_cannot_be_told_are_refused(volumes, condition, message):
    cohort = table(volumes, {"site": list("ABABABAB")})
    with pytest.raises(EvalsuiteError, match=message):
        TrainingData(cohort, micro(diffusion=MICRO["diffusion"] | {"condition": condition}))


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"site": "C"}, 'Unknown class "C". Known'),
        ({"sit": "A"}, 'Unknown column "sit". Did you mean "site"?'),
        ({"age": "90"}, 'trained on a "age" of 40 to 80, which 90 is not'),
        ({"age": "old"}, "which old is not"),
        ({"age": "nan"}, "which nan is not"),
        ("A", 'The class "A" may be of several columns. Name it as site=VALUE and age=VALUE'),
    ],
)
def test_values_that_training_did_not_hold_are_refused(named, message):
    with pytest.raises(EvalsuiteError, match=message):
        BOTH.named(named)


def test_what_is_not_named_is_not_told():
    assert BOTH.coded(BOTH.named({"age": "70"}))[1] == 1
    assert math.isnan(BOTH.coded(BOTH.named({"age": "70"}))[0])
    assert Conditioning((SITE,)).named("B") == {"site": "B"}
    assert BOTH.named(None) == {}


def test_a_card_tells_the_conditioning_again_and_older_ones_do_too():
    both = Conditioning((SITE, AGE), (1, 3))
    assert conditioning_of({"conditioning": json.loads(json.dumps(both.card()))}) == both
    config = {"diffusion": {"condition": "site"}}
    assert conditioning_of({"classes": ["A", "B"], "config": config}) == Conditioning((SITE,))
    assert conditioning_of({"classes": []}) == Conditioning()


def test_the_embedding_is_the_sum_of_its_columns():
    embedding = ColumnEmbedding((SITE, AGE), 6)
    codes = torch.tensor([[0.0, 1.0], [1.0, 1.0], [math.nan, math.nan]])
    table, number = embedding.columns
    told = table.weight + number(torch.tensor([[1.0, 1.0]] * 2 + [[0.0, 0.0]]))
    torch.testing.assert_close(embedding(codes), told)


def test_parts_are_withheld_from_as_many_as_the_share_says():
    whole = Condition(torch.zeros(4000, 2), torch.ones(4000, 1, 1, 1, 1))
    dropped = whole.dropped(0.2, torch.Generator().manual_seed(0))
    gone = torch.cat([dropped.columns.isnan(), dropped.maps.reshape(-1, 1) == 0], dim=1).float()
    # Alone or with all others: 1 - 0.8^2.
    assert gone.mean(dim=0).tolist() == pytest.approx([0.36] * 3, abs=0.03)
    # All: at once, or each alone: 0.2 + 0.8 * 0.2^3.
    assert float(gone.prod(dim=1).mean()) == pytest.approx(0.2064, abs=0.02)
    single = Condition(torch.zeros(4000, 1)).dropped(0.2, torch.Generator().manual_seed(0))
    assert float(single.columns.isnan().float().mean()) == pytest.approx(0.2, abs=0.02)
    assert not whole.dropped(0.0, torch.Generator()).columns.isnan().any()
    assert whole.withheld().columns.isnan().all()
    assert not whole.withheld().maps.any()


def test_an_older_generator_with_classes_samples_as_before(tmp_path):
    """Until columns were several, MONAI's embedding of classes lay under another name."""
    config = micro(diffusion=MICRO["diffusion"] | {"condition": "site"})
    modules = {
        "vqgan": VQGAN(config.vqgan),
        "denoiser": Denoiser(config.diffusion, 4, Conditioning((SITE,))),
    }
    tensors = checkpoint.pack(modules, {})
    older = {name.replace("embedding.columns.0.", "embedding."): x for name, x in tensors.items()}
    assert older.keys() != tensors.keys()
    about = {
        "config": config.model_dump(mode="json"),
        "preprocessing": {"shape": [8, 16, 8]},
        "spacing": [1, 1, 1],
        "latent_range": [-1, 1],
        "latent_shape": [4, 2, 4, 2],
    }
    checkpoint.save(tmp_path / "old", older, about | {"classes": ["A", "B"]})
    conditioning = Conditioning((SITE,)).card()
    checkpoint.save(tmp_path / "new", tensors, about | {"conditioning": conditioning})
    samples = [
        load(tmp_path / name).sample(1, class_name="B", steps=3, guidance=2.0)[0].voxels
        for name in ("old", "new")
    ]
    np.testing.assert_array_equal(*samples)


def test_shares_tell_in_which_eighth_of_a_latent_a_structure_lies():
    labels = torch.zeros(8, 8, 8, dtype=torch.long)
    labels[0:2, 0:2, 0:2] = 7  # the first eighth of the first latent, entirely
    labels[4, 0, 2] = 9  # one of the 8 voxels of an eighth of the latent (1, 0, 0)
    found = shares(labels, (7, 9), 4)
    assert found.shape == (3 * 8, 2, 2, 2)
    by_structure = found.reshape(3, 2, 2, 2, 2, 2, 2)
    assert by_structure[1, 0, 0, 0, 0, 0, 0] == 1
    assert by_structure[1].sum() == 1
    assert by_structure[2, 0, 0, 1, 1, 0, 0] == pytest.approx(1 / 8)
    assert by_structure[2].sum() == pytest.approx(1 / 8)
    assert torch.allclose(by_structure.sum(dim=0), torch.ones(2, 2, 2, 2, 2, 2))
    assert shares(labels, (7, 9), 2).shape == (3 * 8, 4, 4, 4)


def test_a_label_map_lies_where_the_preprocessing_puts_its_volume(tmp_path):
    """Of another orientation, spacing and shape: the ball of the map is that of the volume."""
    ball = ((np.indices((20, 20, 20)) - np.array([6, 12, 8]).reshape(3, 1, 1, 1)) ** 2).sum(0) < 25
    affine = np.array([[0, -2.0, 0, 3], [1, 0, 0, -5], [0, 0, 1, 0], [0, 0, 0, 1]])
    (tmp_path / "i").mkdir()
    for i in range(2):
        image = ball + 0.001 * np.random.default_rng(i).normal(size=ball.shape)
        write_nifti(Volume(image.astype(np.float32), affine), tmp_path / f"i/v{i}.nii.gz")
        write_nifti(Volume(1.0 * ball, affine), tmp_path / f"m{i}.nii.gz")
    cohort = check_cohort(read_cohort(str(tmp_path / "i"), name="t", role="real"))
    steps = Preprocessing(spacing=(1.0, 1.0, 1.0), shape=(36, 24, 18)).resolve(
        [i.shape for i in cohort.infos], [i.affine for i in cohort.infos]
    )
    image = steps.apply(cohort.entries[0].read()).voxels
    labels = on_grid(read_labels(tmp_path / "m0.nii.gz"), steps)
    assert labels.shape == image.shape
    agreement = 2 * ((image > 0.5) & (labels == 1)).sum() / ((image > 0.5).sum() + labels.sum())
    assert agreement > 0.93


class Pooling(torch.nn.Module):
    """An autoencoder whose latents are means of blocks, so that they tell where the ball is."""

    def encode(self, volumes):
        return torch.nn.functional.avg_pool3d(volumes, 4).repeat(1, 4, 1, 1, 1)


def test_samples_follow_the_map_that_they_are_told(blobs):
    """Balls lie at one of two places; told the map of one, latents are those of a ball there."""
    cohort = check_cohort(read_cohort(str(blobs / "images"), name="t", role="real"))
    maps = training_maps(cohort, str(blobs / "maps"))
    assert maps.structures == (3,)
    settings = MICRO["diffusion"]["training"] | {
        "steps": 25,
        "batch_size": 6,
        "learning_rate": 0.01,
    }
    config = micro(
        preprocessing={"shape": [8, 16, 8], "spacing": "native", "intensity": {"kind": "minmax"}},
        diffusion=MICRO["diffusion"]
        | {
            "training": settings,
            "prediction": "v_prediction",
            "scaling": "standard",
            "channels": [16, 32],
        },
    )
    data = TrainingData(cohort, config, maps)
    stage = DiffusionStage(config, data, Pooling(), CPU)
    for step in range(settings["steps"]):
        stage.update(step)
    here, there = 0, 1
    real = stage.latents([here, there])
    stage.model.eval()
    for told, other in ((here, there), (there, here)):
        drawn = draw(
            stage.model, config.diffusion, tuple(real.shape[1:]), [0, 1], seed=0, steps=15,
            sampler="ddim", bound=stage.scaling.bound, condition=data.condition([told, told]),
        )  # fmt: skip
        own, wrong = ((drawn - real[place]).square().mean() for place in (told, other))
        assert own < wrong / 2


def test_samples_come_with_the_maps_that_they_were_told(blobs, capsys, monkeypatch):
    monkeypatch.setattr("generator.samples.ALIKE", 0)  # as they are after one step of training
    once = {"steps": 1}
    config = micro(
        labels=str(blobs / "maps"),
        preprocessing={"shape": [9, 16, 8], "spacing": "native"},
        vqgan=MICRO["vqgan"] | {"training": MICRO["vqgan"]["training"] | once},
        diffusion=MICRO["diffusion"] | {"training": MICRO["diffusion"]["training"] | once},
    )
    train(str(blobs / "images"), blobs / "run", config, **QUICK)
    assert "Told      label maps of 3" in capsys.readouterr().err
    generator = load(blobs / "run")
    recipe = Recipe(steps=5, seed=3)
    files = generator.map_files(recipe, range(6))
    names = {file.name for file in files}
    assert len(names) == 6  # of 6 training volumes each once
    assert names == set(generator.card["data"]["training"])
    assert generator.map_files(recipe, [7]) == [files[1]]
    first, *_ = generator.images([0, 1], recipe)
    assert first["image"].shape == first["label"].shape == (9, 16, 8)
    np.testing.assert_array_equal(first["image"].affine, first["label"].affine)
    own = read_labels(files[0]).labels
    np.testing.assert_array_equal(first["label"].voxels[:8], own)
    assert not first["label"].voxels[8].any()
    write_nifti(Volume(5 * np.eye(8)[..., None].repeat(8, -1), np.eye(4)), _other(blobs))
    # The manifest goes into the experiment as it is, with arms that learn from the maps.
    samples = blobs / "samples"
    told = sample(
        blobs / "run", samples, 3, replace(recipe, labels=str(blobs / "maps")), device="cpu"
    )
    assert "samples.tsv" in told
    experiment = UtilityConfig(
        real={"path": str(blobs / "images"), "labels": str(blobs / "maps")},
        synthetic=str(samples / "samples.tsv"),
        shares=(100,),
        channels=(4, 8),
    )
    prepared = prepare(experiment, silent)
    assert prepared.synthetic.labels.structures == (3,)
    assert "synthetic-only" in {run.arm.name for run in planned(experiment, prepared)}
    first, *_ = csv.DictReader((samples / "samples.tsv").open(), delimiter="\t")
    own, source = (
        read_labels(file).labels
        for file in (
            samples / first["label"],
            blobs / "maps" / first["label_of"],
        )
    )
    np.testing.assert_array_equal(own[:8], source)
    with pytest.raises(EvalsuiteError, match="holds the value 5, but the label maps that"):
        generator.images([0], Recipe(steps=5, labels=str(blobs / "others")))
    for file in files:
        file.unlink()
    with pytest.raises(EvalsuiteError, match="is not there. Name a folder with label maps with"):
        generator.resolved(recipe)


def _other(folder):
    (folder / "others").mkdir()
    return folder / "others/x.nii.gz"
