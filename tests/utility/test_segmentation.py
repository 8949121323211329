"""The experiment from the command line: its folder, its reruns, its resumption, its mistakes."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from evalsuite.utility import runs, segmentation
from evalsuite.utility.results import read_results
from evalsuite.utility.training import Supply
from evalsuite.volumes.read import read_volume
from evalsuite.volumes.volume import Volume
from evalsuite.volumes.write import write_nifti
from tests.caveats import sentences

SHARES = ("--shares", "50,100")


@pytest.fixture
def cohorts(labelled):
    real, labels = labelled("real", 8, shape=(17, 16, 18))
    synthetic, synthetic_labels = labelled("synthetic", 4, seed=1)
    return real, labels, synthetic, synthetic_labels


def tables(folder):
    return {
        name: (folder / f"{name}.csv").read_bytes() for name in ("cases", "summary", "comparisons")
    }


def test_the_whole_design_and_the_same_tables_from_a_rerun(utility, cohorts, tmp_path):
    real, labels, synthetic, synthetic_labels = cohorts
    arguments = ("--synthetic-labels", synthetic_labels, *SHARES)
    status, out, err = utility(real, labels, synthetic, "--output", tmp_path / "a", *arguments)
    assert status == 0, err
    assert "trained on synthetic volumes only" in " ".join(out.split())
    assert "22 of 22" in err
    results = read_results(tmp_path / "a")
    cases = results.cases
    # 2 repeats x (4 arms x 2 shares + synthetic only) x 2 test subjects (30 % of 8) x 2 structures.
    assert len(cases) == 2 * 9 * 2 * 2
    assert set(cases["arm"]) == {
        "scratch",
        "synthetic-pretraining",
        "real-pretraining",
        "synthetic-only",
        "real-and-synthetic",
    }
    groups = cases.groupby(["arm", "share", "repeat"])["case"].apply(lambda c: tuple(sorted(c)))
    assert set(groups) == {tuple(sorted(2 * results.splits["test"]))}
    assert results.splits["counts"] == {"50": 3, "100": 6}
    trained = {t["name"]: t["volumes"] for t in results.trainings}
    assert trained["scratch-50-r1"] == {"real": 3}
    assert trained["real-and-synthetic-100-r2"] == {"real": 6, "synthetic": 4}
    assert trained["synthetic-only-0-r1"] == {"synthetic": 4}
    assert trained["reconstruction-real-r1"] == 6
    assert trained["reconstruction-synthetic-r2"] == 4
    assert (tmp_path / "a/figures/learning_curves.png").stat().st_size > 10_000
    assert utility(real, labels, synthetic, "--output", tmp_path / "b", *arguments)[0] == 0
    assert tables(tmp_path / "a") == tables(tmp_path / "b")


def test_no_training_is_dealt_a_volume_of_a_held_out_subject(
    utility, cohorts, tmp_path, monkeypatch
):
    real, labels, synthetic, _ = cohorts
    files = sorted(real.iterdir())
    rows = [f"{file},s{i // 2},{labels / file.name}" for i, file in enumerate(files)]
    manifest = tmp_path / "real.csv"
    manifest.write_text("\n".join(["path,subject,label", *rows]) + "\n")
    dealt = []

    def supply(examples, places):
        dealt.append([examples.cohort.entries[place] for place in places])
        return Supply(examples, places)

    monkeypatch.setattr(runs, "Supply", supply)
    options = ("--output", tmp_path / "out", "--test", 0.5, *SHARES)
    assert utility(manifest, None, synthetic, *options)[0] == 0
    results = read_results(tmp_path / "out")
    held = set(results.splits["test"])
    assert len(held) == 2
    trained_on = [{e.subject for e in entries if e.subject} for entries in dealt]
    # 2 repeats x (2 pre-trainings + 3 arms x 2 shares); one of the pre-trainings is synthetic.
    assert len(trained_on) == 16
    assert sum(not subjects for subjects in trained_on) == 2
    assert all(not subjects & held for subjects in trained_on)
    assert set(results.cases["subject"]) == held
    assert results.cases.groupby("subject")["case"].nunique().tolist() == [2, 2]


def test_an_interrupted_experiment_goes_on_and_may_be_extended(
    utility, cohorts, tmp_path, monkeypatch
):
    real, labels, synthetic, _ = cohorts
    folder, whole = tmp_path / "out", tmp_path / "whole"
    assert utility(real, labels, synthetic, "--output", whole, *SHARES)[0] == 0
    trained = segmentation.train_and_test
    calls = []

    def breaks_off(*arguments):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(arguments[2].name)
        return trained(*arguments)

    monkeypatch.setattr(segmentation, "train_and_test", breaks_off)
    first = ("--output", folder, "--shares", "100")
    utility(real, labels, synthetic, *first)
    assert not (folder / "results.json").exists()
    # A record and weights that were half written count for nothing.
    (folder / "runs" / f"{calls[1]}.json").write_text("{")
    (folder / "pretrained" / "reconstruction-real-r1.npz").write_bytes(b"half")
    monkeypatch.setattr(
        segmentation, "train_and_test", lambda *a: calls.append(a[2].name) or trained(*a)
    )
    status, _, err = utility(real, labels, synthetic, *first)
    assert status == 1
    assert err.strip() == (
        f"{folder} holds an experiment already. Go on with --resume, or name another folder with "
        "--output DIR."
    )
    assert utility(real, labels, synthetic, *first, "--resume")[0] == 0
    assert calls.count(calls[0]) == 1
    assert utility(real, labels, synthetic, "--output", folder, *SHARES, "--resume")[0] == 0
    assert len(calls) == len(set(calls)) + 1  # only the damaged one was done again
    assert tables(folder) == tables(whole)


def test_another_experiment_is_not_resumed(utility, cohorts, tmp_path):
    real, labels, synthetic, _ = cohorts
    out = ("--output", tmp_path / "out", "--shares", "100")
    assert utility(real, labels, synthetic, *out, "--repeats", 1)[0] == 0
    (synthetic / "v00.nii.gz").unlink()
    status, _, err = utility(real, labels, synthetic, *out, "--resume", "--seed", 3)
    assert status == 1
    assert err.strip() == (
        f"{tmp_path / 'out'} holds an experiment with other synthetic volumes, held-out subjects, "
        "seed. Resume it with those it was begun with, or name another folder with --output DIR."
    )
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes.txt").write_text("mine")
    status, _, err = utility(real, labels, synthetic, "--output", other, "--resume", *SHARES)
    assert status == 1
    assert "is not empty and holds no experiment." in err


def test_results_come_back_as_they_were_written(utility, cohorts, tmp_path):
    real, labels, synthetic, _ = cohorts
    folder = tmp_path / "out"
    status, out, _ = utility(
        real, labels, synthetic, "--output", folder, "--shares", "100", "--json"
    )
    assert status == 0
    assert json.loads(out) == json.loads((folder / "results.json").read_text())
    results = read_results(folder)
    assert results.config["patch"] == [16, 16, 18]
    assert results.config["real volumes"] == results.cohorts["real"]["fingerprint"]
    assert results.summary.dtypes["value"] == "float64"
    assert set(results.summary["structure"]) == {"1", "2", "mean"}
    pd.testing.assert_frame_equal(
        results.summary[["value", "low"]],
        pd.DataFrame(json.loads(out)["summary"])[["value", "low"]].astype(float),
        rtol=1e-12,
    )
    assert any("names no subjects" in warning for warning in sentences(results))
    assert any("drawn by the seed" in warning for warning in sentences(results))


def other_labels(folder, change):
    first = folder / "v00.nii.gz"
    volume = read_volume(first)
    write_nifti(change(volume), first)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda v: Volume(v.voxels[1:], v.affine),
            "it has 16 x 16 x 18 voxels, but its volume",
        ),
        (
            lambda v: Volume(v.voxels, v.affine + np.eye(4, k=3) * 3),
            "by its affine it lies up to 3 mm off its volume",
        ),
        (
            lambda v: Volume(v.voxels / 2, v.affine),
            "expected whole numbers from 0 on, as a label map has.",
        ),
    ],
)
def test_label_maps_that_do_not_fit_are_told(utility, cohorts, tmp_path, change, message):
    real, labels, synthetic, _ = cohorts
    other_labels(labels, change)
    status, _, err = utility(real, labels, synthetic, "--output", tmp_path / "out", *SHARES)
    assert status == 1
    assert f"1 volume cannot be used:\n  {labels}/v00.nii.gz: {message}" in err


def test_mistakes_are_told_before_anything_is_trained(utility, cohorts, tmp_path):
    real, labels, synthetic, synthetic_labels = cohorts
    out = ("--output", tmp_path / "out")

    def sentences(*arguments, real=real, labels=labels, synthetic=synthetic):
        status, _, err = utility(real, labels, synthetic, *out, *arguments)
        assert status in (1, 2)
        assert not (tmp_path / "out").exists()
        return " ".join(err.split())

    assert "it has no label map" in sentences(*SHARES, labels=synthetic_labels)
    assert sentences("--shares", "1,100").startswith(
        "A share of 1 % of 6 training subjects is not one"
    )
    assert (
        sentences("--shares", "0")
        == "shares.0: expected a number above 0 and at most 100, but found 0.0."
    )
    assert sentences("--shares", "50,50") == "shares: a share is named twice."
    assert "expected numbers with commas between them" in sentences("--shares", "a")
    assert sentences(*SHARES, "--patch", "16,15,16") == (
        "A patch of 16 x 15 x 16 does not fit 2 levels of channels: its sides must be multiples of "
        "2, such as 16 x 16 x 16."
    )
    assert sentences(*SHARES, "--channels", "2,2,2,2,2,2").startswith(
        f"The volumes of {real} have 17 x 16 x 18 voxels, but the networks need at least 32"
    )
    assert sentences(*SHARES, "--unlabelled", f"synthetic={real}") == (
        'Two cohorts are named "synthetic". Give each a name of its own, as NAME=DIR.'
    )
    assert sentences("--preset", "mrt") == (
        'Unknown preset "mrt". Did you mean "mri"? Known presets: ct, mri.'
    )
    other_labels(synthetic_labels, lambda v: Volume(np.where(v.voxels == 2, 7, v.voxels), v.affine))
    assert sentences(*SHARES, "--synthetic-labels", synthetic_labels) == (
        "The label values of real and synthetic differ: 7 only in synthetic. Each structure needs "
        "the same value in both."
    )
    for file in labels.iterdir():
        write_nifti(Volume(np.zeros((17, 16, 18)), np.eye(4)), file)
    assert "hold 0 values beside 0; expected 1 to 255 structures" in sentences("--shares", "100")


def test_volumes_without_label_maps_are_told(utility, cohorts, tmp_path):
    real, _, synthetic, _ = cohorts
    status, _, err = utility(real, None, synthetic, "--output", tmp_path / "out", *SHARES)
    assert status == 1
    assert " ".join(err.split()) == (
        "The volumes of real have no label maps. Name their folder with --real-labels, or give the "
        'table of the volumes a column "label".'
    )


def test_copies_of_held_out_volumes_are_refused_and_unlabelled_ones_left_out(
    utility, cohorts, tmp_path
):
    real, labels, synthetic, _ = cohorts
    out, shares = tmp_path / "out", ("--shares", "100", "--repeats", 1)
    arguments = (real, labels, synthetic, "--output", out, *shares)
    assert utility(*arguments, "--unlabelled", real)[0] == 0
    results = read_results(out)
    held = results.splits["test"]
    assert any(
        w.startswith("2 unlabelled volumes are of held-out subjects and left out: ")
        for w in sentences(results)
    )
    volumes = {t["name"]: t["volumes"] for t in results.trainings}
    assert volumes["reconstruction-real-r1"] == 6
    shutil.copy(real / held[0], synthetic / "stolen.nii.gz")
    shutil.rmtree(out)
    status, _, err = utility(*arguments)
    assert status == 1
    assert err.strip() == (
        f"1 of 5 volumes of synthetic is a copy of a volume of real: stolen.nii.gz (real: "
        f"{held[0]}). They are held out to test with. Remove the copies."
    )


def test_a_damaged_folder_is_told(cli, utility, tmp_path):
    (tmp_path / "results.json").write_text('{"trainings": []}')
    status, _, err = cli("log", tmp_path)
    assert status == 1
    assert err.strip() == (
        f"{tmp_path} holds no cases.csv. Name a folder that `evalsuite utility segmentation` has "
        "finished."
    )
    for name in ("cases", "summary", "comparisons"):
        (tmp_path / f"{name}.csv").write_text("arm\n")
    status, _, err = cli("log", tmp_path)
    assert "not the results of a utility experiment, or of a newer version" in err


def test_arms_are_logged_as_they_end(utility, cohorts, tmp_path, client, runs, monkeypatch):
    real, labels, synthetic, _ = cohorts
    options = ("--output", tmp_path / "out", "--shares", "100", "--experiment", "e")
    trained = segmentation.train_and_test
    seen = []

    def watched(*arguments):
        if client.get_experiment_by_name("e"):
            statuses = {name: run.info.status for name, run in runs("e").items()}
            seen.append((arguments[2].name, statuses))
        if arguments[2].name == "synthetic-pretraining-100-r2" and len(seen) < 5:
            raise KeyboardInterrupt
        return trained(*arguments)

    monkeypatch.setattr(segmentation, "train_and_test", watched)
    utility(real, labels, synthetic, *options, tracked=True)
    names = ["out", "out: scratch", "out: synthetic-pretraining", "out: real-pretraining"]
    # After scratch of the first repeat, after each of the other arms, and after its second.
    assert [sorted(statuses) for _, statuses in seen[:3]] == [
        sorted(names[:2]), sorted(names[:3]), sorted(names),
    ]  # fmt: skip
    assert all(set(statuses.values()) == {"RUNNING"} for _, statuses in seen[:3])
    assert seen[3] == (
        "synthetic-pretraining-100-r2",
        {**dict.fromkeys(names, "RUNNING"), "out: scratch": "FINISHED"},
    )
    broken = runs("e")
    assert {name: run.info.status for name, run in broken.items()} == {
        **dict.fromkeys(names, "KILLED"),
        "out: scratch": "FINISHED",
    }
    assert "dice/mean" in broken["out: scratch"].data.metrics
    half = broken["out: synthetic-pretraining"].data.metrics
    assert set(half) == {"loss/100 percent/repeat 1"}
    seen += [None] * 5
    assert utility(real, labels, synthetic, *options, "--resume", tracked=True)[0] == 0
    whole = runs("e")
    assert {run.info.run_id for run in whole.values()} == {r.info.run_id for r in broken.values()}
    assert {run.info.status for run in whole.values()} == {"FINISHED"}
    values = read_results(tmp_path / "out").summary.query(
        "arm == 'synthetic-pretraining' and quantity == 'dice' and structure == 'mean'"
    )
    arm = whole["out: synthetic-pretraining"]
    curve = client.get_metric_history(arm.info.run_id, "dice/mean")
    assert [point.value for point in curve] == values["value"].tolist()
    assert whole["out"].data.metrics["seconds"] > 0
