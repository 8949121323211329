"""`--training`: what the generator was trained on is checked, recorded, and missed where it is not named."""

import json
import shutil

import pytest

pytestmark = pytest.mark.usefixtures("shared_features", "undrawn")


@pytest.fixture
def privacy(cli, make_cohort, tmp_path):
    """Run the privacy metric of 6 samples against 12 held-out volumes."""
    make_cohort("holdout", 12, seed=1)
    make_cohort("train", 12, seed=2)
    make_cohort("gan", 6, seed=3)

    def run(*options, synthetic="gan"):
        status, out, err = cli(
            "compute-metrics", "--real", "holdout", "--synthetic", synthetic, "--metrics", "privacy",
            "--extractor", "radiomics", "--spacing", "1,1,1", "--shape", "14,15,16",
            "--no-tracking", "--json", *options,
        )  # fmt: skip
        return status, json.loads(out) if status == 0 else out, err

    return run


def test_a_hold_out_that_was_trained_on_is_refused(privacy, tmp_path):
    shutil.copy(tmp_path / "holdout/v03.nii.gz", tmp_path / "train/seen.nii.gz")
    status, out, err = privacy("--training", "train")
    assert (status, out) == (1, "")
    assert "seen.nii.gz" in err
    assert "A hold-out must not have been trained on: remove them from one of the two" in err


def test_with_leakage_allowed_the_volume_is_left_out_and_the_numbers_say_so(privacy, tmp_path):
    shutil.copy(tmp_path / "holdout/v03.nii.gz", tmp_path / "train/seen.nii.gz")
    status, found, _ = privacy("--training", "train", "--allow-leakage")
    assert status == 0
    told = {w for row in found["estimates"] for w in row["warnings"]}
    assert any("out of the hold-out" in warning for warning in told)


def test_the_training_cohort_is_part_of_the_record(privacy):
    hashes = {}
    for options in ((), ("--training", "train")):
        status, found, _ = privacy(*options)
        assert status == 0
        hashes[options] = found["config_hash"]
    assert len(set(hashes.values())) == 2
    assert "train" in json.dumps(found["config"])


def test_without_a_training_cohort_it_says_what_cannot_be_concluded(privacy):
    status, found, _ = privacy()
    assert status == 0
    rows = {(row["extractor"], row["name"]): row for row in found["estimates"]}
    membership = next(row for (_, name), row in rows.items() if name == "membership_auc")
    assert membership["value"] is None
    assert any("--training" in warning for warning in membership["warnings"])


def test_the_name_of_the_training_cohort_is_reserved(privacy):
    status, _, err = privacy("--training", "train", synthetic="training=gan")
    assert status == 1
    assert (
        'A cohort is called "training", which is the name of the one that --training names.' in err
    )


def test_a_hold_out_of_subjects_that_were_trained_on_is_refused(privacy, tmp_path):
    rows = {
        "holdout": [f"holdout/v{i:02d}.nii.gz,p{i}" for i in range(12)],
        "train": [f"train/v{i:02d}.nii.gz,p{i + 9}" for i in range(12)],
    }
    for name, lines in rows.items():
        (tmp_path / f"{name}.csv").write_text("\n".join(["path,subject", *lines]) + "\n")
    options = ("--real", "holdout.csv", "--training", "train.csv")
    status, out, err = privacy(*options)
    assert (status, out) == (1, "")
    assert "3 subjects of training are in real as well: p10, p11, p9." in err
    assert "remove them from one of the two, or pass --allow-leakage" in err
    status, found, _ = privacy(*options, "--allow-leakage")
    assert status == 0
    told = {w for row in found["estimates"] for w in row["warnings"]}
    assert any(w.startswith("3 of 12 real volumes are in the training cohort too") for w in told)


def test_subjects_are_part_of_the_record(privacy, tmp_path):
    found = {}
    for each in (1, 2):
        lines = [f"holdout/v{i:02d}.nii.gz,p{i // each}" for i in range(12)]
        (tmp_path / "holdout.csv").write_text("\n".join(["path,subject", *lines]) + "\n")
        status, found[each], _ = privacy("--real", "holdout.csv")
        assert status == 0
    assert [f["config"]["subjects"]["real"]["count"] for f in found.values()] == [12, 6]
    assert found[1]["config_hash"] != found[2]["config_hash"]
    assert found[2]["real"]["subjects"] == 6
    assert {row["subjects_real"] for row in found[2]["estimates"]} == {6}
    assert {row["subjects_real"] for row in found[1]["estimates"]} == {None}
