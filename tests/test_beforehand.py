"""Nothing that was asked for is ignored, and what cannot be is told before any volume is read."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from evalsuite.beforehand import refuse_idle_weights
from evalsuite.errors import EvalsuiteError
from evalsuite.extractors.weights import sha256
from evalsuite.volumes import preprocessing
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.writable import refuse_unwritable

pytestmark = pytest.mark.usefixtures("undrawn")

QUICK = ("--extractor", "radiomics", "--no-tracking", "--workers", 1)
MMD = ("--metrics", "mmd", "--set", "metrics.mmd.permutations=20")


@pytest.fixture
def compute(cli, make_cohort):
    make_cohort("real", 6)
    make_cohort("gan", 6, seed=1)

    def run(*options, synthetic="gan"):
        return cli("compute-metrics", "--real", "real", "--synthetic", synthetic, *options)

    return run


@pytest.fixture
def unread(monkeypatch):
    """Fail where a volume would be read."""

    def read(*_, **__):
        pytest.fail("a volume was read")

    monkeypatch.setattr("evalsuite.volumes.index.check_entry", read)
    monkeypatch.setattr("evalsuite.cohorts.check_cohort", read)


@pytest.mark.parametrize(
    ("options", "status", "told"),
    [
        (("--set", "metrics.mmd.permutations=0"), 1, "metrics.mmd.permutations: expected a whole"),
        (("--set", "metrics.mmd.permuttaions=5"), 1, '(did you mean "permutations"?)'),
        (("--set", "metrics.frechet.level=0.9"), 1, "frechet is not among the metrics that are"),
        (("--set", "preprocessing.intensity=5"), 1, "intensity: expected a table whose kind is"),
        (("--spacing", "-1,1,1"), 1, "spacing: expected auto, native or a list of 3"),
        (
            ("--shape", "0,9,9"),
            1,
            "shape: expected auto, native or a list of 3, each a whole number from",
        ),
        (("--preset", "pet"), 1, 'Unknown preset "pet".'),
        (
            ("--set", "preprocessing_synthetic.fitt=resize"),
            1,
            'In the preprocessing of synthetic volumes, the setting "fitt" is unknown',
        ),
        (("--set", "preprocessing.trim=true"), 1, "set intensity_first to true"),
        (("--precision", "float16"), 1, "precision: expected float32 or bfloat16"),
        (("--set", "seed=abc"), 1, "seed: expected a whole number of at least 0"),
        (("--seed", 1, "--set", "seed=2"), 2, "there is an option of that name, given as well"),
        (("--set", "by=a", "--set", "by=b"), 2, "by is set twice"),
        (("--metrics", "frd"), 1, "frd is of the features of radiomics-frd-v1 or radiomics-frd-v0"),
        (("--weights", "real/v00.nii.gz"), 1, "none of the extractors takes these weights"),
        (("--weights", "nowhere.pth"), 1, "nowhere.pth: the file cannot be read"),
        (("--weights", "radiomics=nowhere.pth"), 1, "nowhere.pth: the file cannot be read"),
        (("--weights", "merlin=real/v00.nii.gz"), 1, "none of the extractors takes these weights"),
        (("--weights", "a=b.pt", "--weights", "a=c.pt"), 1, "name each of several weight files"),
        (("--output", "real/v00.nii.gz/out"), 1, "Name another folder with --output DIR."),
        (("--cache", "real/v00.nii.gz"), 1, "Name another folder with --cache DIR."),
    ],
)
def test_mistakes_are_told_before_any_volume_is_read(compute, unread, options, status, told):
    found, out, err = compute(*QUICK, "--metrics", "mmd", *options)
    assert (found, out) == (status, "")
    assert told in " ".join(err.replace("│", " ").split())
    assert "Traceback" not in err
    if status == 1:
        assert len(err.strip().splitlines()) == 1


def test_a_key_that_stands_twice_in_the_file_is_told(compute):
    Path("c.yaml").write_text("seed: 1\nmetrics: [mmd]\nseed: 2\n")
    status, _, err = compute("--config", "c.yaml")
    assert status == 1
    assert err == 'c.yaml: not valid YAML: line 3: the key "seed" stands in line 1 already.\n'


def test_metrics_named_over_a_file_keep_its_options(compute):
    declared = {"metrics": {"mmd": {"permutations": 20}, "frechet": {"level": 0.9}}}
    Path("c.yaml").write_text(yaml.safe_dump(declared))
    status, out, _ = compute("--config", "c.yaml", "--metrics", "mmd", *QUICK, "--json")
    assert status == 0
    assert json.loads(out)["config"]["metrics"] == {
        "mmd": {"permutations": 20, "bandwidth": None, "level": 0.95, "seed": 0}
    }


def test_what_is_not_looked_at_is_told_and_not_computed(compute, make_cohort):
    make_cohort("train", 5, seed=2)
    status, out, err = compute(
        *QUICK, *MMD, "--training", "train", "--real-labels", "real", "--synthetic-labels", "gan",
        "--masks", "real", "--precision", "bfloat16", "--json",
    )  # fmt: skip
    assert status == 0
    told = err.splitlines()[:4]
    assert told == [
        "The precision bfloat16 is of networks, and none is used.",
        (
            "No metric of mmd looks at what the generator was trained on; privacy does. It is only "
            "searched for volumes of the real cohort."
        ),
        "No metric of mmd reads label maps; anatomy, paired and paired_labels do.",
        "No metric of mmd looks into masks; paired does.",
    ]
    assert "features of training" not in err
    assert set(json.loads(out)["config"]["cohorts"]) == {"real", "gan"}


def test_extractors_without_a_metric_on_features_are_told(compute):
    only = ("--metrics", "ms_ssim", "--set", "metrics.ms_ssim.pairs=2", "--no-tracking")
    status, _, err = compute(*only, "--extractor", "radiomics", "--weights", "w.pth")
    assert status == 0
    assert err.startswith(
        "No metric of ms_ssim looks at features: the extractors and weights have no effect.\n"
    )
    status, _, err = compute(*only, "--output", "silent")
    assert status == 0
    assert "no effect" not in err


def test_nothing_is_told_where_everything_is_looked_at(compute):
    status, _, err = compute(*QUICK, *MMD)
    assert status == 0
    assert err.startswith("Results: ")


def test_where_nothing_could_be_computed_the_status_says_so(compute, make_cohort):
    make_cohort("one", 1, seed=3)
    status, out, err = compute(*QUICK, *MMD, "--output", "out", synthetic="one")
    assert status == 1
    assert "undefined" in out
    assert err.endswith("Nothing could be computed; the results say why.\n")
    assert Path("out/results.json").exists()
    scored = ("--metrics", "precision_recall,realism", "--set", "metrics.precision_recall.k=50")
    status, out, _ = compute(*QUICK, *scored, "--output", "scores")
    assert "undefined" in out
    assert status == 0


def test_a_grid_beyond_memory_is_told_from_one_volume(compute, monkeypatch):
    def read(*_, **__):
        pytest.fail("the cohorts were read")

    monkeypatch.setattr("evalsuite.cohorts.check_cohort", read)
    status, _, err = compute(*QUICK, *MMD, "--spacing", "0.001,0.001,0.001")
    assert status == 1
    assert "would have 14000 x 15000 x 16000 voxels, which takes 12,517 GiB" in err
    assert "Set another with --spacing." in err
    status, _, err = compute(*QUICK, *MMD, "--shape", "30000,30000,30000")
    assert status == 1
    assert "would have 30000 x 30000 x 30000 voxels" in err
    assert "Set another with --shape." in err


def test_memory_is_that_of_the_resampled_volume_before_the_crop(monkeypatch):
    pages = {"SC_PAGE_SIZE": 1024, "SC_PHYS_PAGES": 4 * 1000**3 // 1024}
    monkeypatch.setattr(preprocessing.os, "sysconf", pages.__getitem__)
    import numpy as np

    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    small = Preprocessing(spacing=(0.01, 0.01, 0.01), shape=(8, 8, 8))
    small.resolve([(9, 9, 9)], [affine])
    with pytest.raises(EvalsuiteError, match="would have 1100 x 1000 x 1000 voxels, which takes 4"):
        small.resolve([(9, 9, 9), (11, 10, 10)], [affine, affine])
    Preprocessing(spacing="native", shape=(8, 8, 8)).resolve([(11, 10, 10)], [affine])


def test_a_folder_is_tried_and_left_as_it_was(tmp_path):
    refuse_unwritable(tmp_path / "a/b/c", "--output DIR")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(EvalsuiteError, match=r"x: nothing can be written in .*file: Not a direct"):
        refuse_unwritable(tmp_path / "file/x", "--output DIR")


@pytest.mark.parametrize(
    "arguments",
    [
        ("generator", "train", "real", "--output", "file/out", "--no-tracking"),
        ("utility", "segmentation", "--real", "real", "--synthetic", "real", "--output", "file/o"),
        ("simulate-population", "file/out"),
    ],
)
def test_every_command_tries_its_output_first(cli, arguments):
    Path("file").touch()
    status, _, err = cli(*arguments)
    assert status == 1
    assert "nothing can be written" in err
    assert err.rstrip().endswith("Name another folder with --output DIR.")


def networks(**digests):
    return [SimpleNamespace(name=name, fingerprint={"sha": sha}) for name, sha in digests.items()]


def test_weights_go_to_one_network_and_all_its_layers(tmp_path):
    path = tmp_path / "w.pth"
    path.write_bytes(b"x")
    digest = sha256(path)
    layers = [*networks(radiomics=""), *networks(**{"net@layer1": digest, "net@layer2": digest})]
    for name in ("", "net"):
        refuse_idle_weights({name: str(path)}, layers)
    with pytest.raises(EvalsuiteError) as caught:
        refuse_idle_weights({"radiomics": str(path)}, layers)
    assert str(caught.value).startswith(
        f"{path}: none of the extractors takes these weights as radiomics, radiomics, net@layer1"
    )
    with pytest.raises(EvalsuiteError) as caught:
        refuse_idle_weights({"": str(path)}, [*layers, *networks(other=digest)])
    assert str(caught.value) == (
        f"{path}: net and other both take these weights. Say which one is meant, such as "
        f"--weights net={path}."
    )
    refuse_idle_weights({"other": str(path)}, [*layers, *networks(other=digest)])
