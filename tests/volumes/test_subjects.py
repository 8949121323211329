"""Names of files that look like several volumes of one subject, and subjects that cohorts share."""

from pathlib import Path

import pytest

from evalsuite.volumes.cohort import Cohort, Entry
from evalsuite.volumes.subjects import look_alike, shared_subjects


def entries(*names, subject=None):
    return [Entry(name, Path(name), subject) for name in names]


@pytest.mark.parametrize(
    "names",
    [
        ("a_L.nii.gz", "a_R.nii.gz", "b_L.nii.gz", "b_R.nii.gz"),
        ("p07_1.nii.gz", "p07_2.nii.gz", "p08_1.nii.gz", "p08_2.nii.gz", "p09_1.nii.gz"),
        ("p1_left.mha", "p1_right.mha", "p2_left.mha", "p2_right.mha"),
        ("knee-01-visit1.npy", "knee-01-visit2.npy", "knee-02-visit1.npy", "knee-02-visit2.npy"),
        (
            "sub-01_ses-1_T1w.nii.gz",
            "sub-01_ses-2_T1w.nii.gz",
            "sub-02_ses-1_T1w.nii.gz",
            "sub-02_ses-2_T1w.nii.gz",
        ),
        ("ann/first.nii.gz", "ann/second.nii.gz", "bea/first.nii.gz", "bea/second.nii.gz"),
    ],
)
def test_names_that_look_like_several_of_one_subject_are_told_once(names):
    (sentence,) = map(str, look_alike("real", entries(*names)))
    assert sentence.endswith(
        f"of one subject, such as {names[0]} and {names[1]}. Every interval and test takes each for"
        " a subject of its own: name the subjects in a table with the columns path and subject."
    )
    told = 4
    assert sentence.startswith(f"{told} of {len(names)} volumes of real look by their names like")


@pytest.mark.parametrize(
    "names",
    [
        [f"hippocampus_{i:03d}.nii.gz" for i in range(1, 40)],
        [f"ct_{i}.nii.gz" for i in range(1, 30)],
        [f"{kind}_{i}.nii.gz" for kind in ("gan", "vae") for i in range(1, 9)],
        [f"{kind}/{i}.nii.gz" for kind in ("benign", "malignant") for i in range(20)],
        ["a.nii.gz", "b.nii.gz", "c_1.nii.gz", "c_2.nii.gz", "d_1.nii.gz"],
        ["sub-01_T1w.nii.gz", "sub-02_T1w.nii.gz", "sub-03_T1w.nii.gz"],
    ],
)
def test_other_names_are_not(names):
    assert look_alike("real", entries(*names)) == []


def test_named_subjects_need_no_guess():
    assert (
        look_alike("real", entries("a_1.nii", "a_2.nii", "b_1.nii", "b_2.nii", subject="a")) == []
    )


def test_subjects_that_nobody_names_are_not_shared():
    first = Cohort("a", "real", "a", (*entries("1"), *entries("2", "3", subject="ann")))
    second = Cohort("b", "real", "b", (*entries("1"), *entries("4", subject="ann")))
    assert shared_subjects(first, second) == ["ann"]
    assert shared_subjects(first, Cohort("c", "real", "c", tuple(entries("1", "2")))) == []
    assert first.subjects == (("a", "1"), "ann", "ann")
