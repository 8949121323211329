"""Channels that are the images of 4D files: as good as files of their own, told, and never guessed."""

import json

import numpy as np
import pytest

from evalsuite.errors import EvalsuiteError
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.read import read_volume
from generator.attack import attack
from generator.channels import stacked
from generator.label_maps import maps_in
from generator.model import Recipe, load
from generator.run import train
from generator.sources.trained import trained
from tests.caveats import sentences
from tests.generator.conftest import MICRO, micro
from tests.generator.test_channels import QUICK, SHAPE, checked, ids, patients, write


def series(folder, n, images=2):
    """Write the channels of patients as the images of one 4D file each, and as files of their own."""
    patients(folder / "split", n)
    for i in range(n):
        split = [folder / f"split/p{i:02d}/p{i:02d}_{c}.nii.gz" for c in ("t1", "t2")]
        read = [read_volume(file) for file in split]
        write(
            folder / f"whole/p{i:02d}.nii.gz",
            np.stack([v.voxels for v in read] * images, -1)[..., :images],
        )
    return folder / "whole", folder / "split"


def test_images_of_4d_files_are_channels_as_their_split_files_are(tmp_path):
    whole, split = series(tmp_path, 4)
    ours, theirs = checked(whole, ["early", "late"]), checked(split)
    assert ids(ours) == [[f"p{i:02d}.nii.gz" for i in range(4)]] * 2
    steps = [Preprocessing().resolve([SHAPE], [np.eye(4)])] * 2
    for one, other in zip(ours, theirs, strict=True):
        assert [i.voxel_digest for i in one.infos] == [i.voxel_digest for i in other.infos]
        assert len({i.key for i in one.infos}) == 4
    assert ours[0].fingerprint != checked(whole, ["a", "b"])[1].fingerprint
    rows = (
        zip(*(c.entries for c in ours), strict=True),
        zip(*(c.entries for c in theirs), strict=True),
    )
    for mine, files in zip(*rows, strict=True):
        np.testing.assert_array_equal(stacked(steps, mine), stacked(steps, files))
    table = tmp_path / "cases.csv"
    table.write_text("path,subject\nwhole/p02.nii.gz,s2\nwhole/p00.nii.gz,s0\n")
    first, second = checked(table, ["early", "late"])
    assert [(e.id, e.subject, e.image) for e in second.entries] == [
        ("whole/p02.nii.gz", "s2", 1), ("whole/p00.nii.gz", "s0", 1),
    ]  # fmt: skip
    assert first.infos[0].voxel_digest == theirs[0].infos[2].voxel_digest


def test_what_images_are_taken_for_is_told(tmp_path):
    whole, split = series(tmp_path, 2)
    told = "The channels are the images along the fourth axis of each file, in this order: early, late."
    assert told in sentences(checked(whole, ["early", "late"])[0])
    assert not any("fourth axis" in sentence for sentence in sentences(checked(split)[0]))


@pytest.mark.parametrize(
    ("names", "end", "message"),
    [
        (
            ["a", "b", "c"],
            "",
            r'the channel "a" .* such as p00.nii.gz\. .* p00.nii.gz holds 2 images, not [13].',
        ),
        (["a"], "", r"a name for each of them, but p00.nii.gz holds 2 images, not [13]."),
        (["a", "b"], ":0", r"but p00.nii.gz is taken for its image 0 alone."),
    ],
)
def test_names_that_are_no_images_are_refused(tmp_path, names, end, message):
    whole, _ = series(tmp_path, 2)
    with pytest.raises(EvalsuiteError, match=message):
        checked(f"{whole}{end}", names)


def test_files_of_one_image_are_no_channels(tmp_path):
    _, split = series(tmp_path, 2)
    for names in (["a"], ["a", "b"]):
        with pytest.raises(
            EvalsuiteError, match=r"stand there\. .* but p00/p00_seg.nii.gz is 3D\."
        ):
            checked(split, names)
    table = tmp_path / "cases.csv"
    table.write_text("path\nsplit/p00/p00_t1.nii.gz\n")
    with pytest.raises(EvalsuiteError, match=r'"a" is missing; it has path.*p00_t1.nii.gz is 3D\.'):
        checked(table, ["a", "b"])


def test_columns_and_images_are_never_mixed(tmp_path):
    series(tmp_path, 2)
    table = tmp_path / "cases.csv"
    table.write_text("path,0\nwhole/p00.nii.gz,split/p00/p00_t1.nii.gz\n")
    with pytest.raises(EvalsuiteError, match='the column "1" is missing; it has path, 0'):
        checked(table, ["0", "1"])


def test_4d_files_of_other_lengths_are_refused_by_name(tmp_path):
    whole, _ = series(tmp_path, 4)
    longer, _ = series(tmp_path / "longer", 4, images=3)
    (longer / "p01.nii.gz").replace(whole / "p01.nii.gz")
    with pytest.raises(EvalsuiteError, match="p01.nii.gz: it holds 3 images, but 2 channels are"):
        checked(whole, ["a", "b"])
    assert ids(checked(whole, ["a", "b"], skip_invalid=True))[1] == [
        f"p{i:02d}.nii.gz" for i in (0, 2, 3)
    ]
    write(whole / "p01.nii.gz", np.eye(4)[None] + np.zeros((4, 1, 1)))
    with pytest.raises(EvalsuiteError, match=r"p01.nii.gz: it is 3D \(4 x 4 x 4\), but :0 behind"):
        checked(whole, ["a", "b"])


def test_images_that_are_copies_are_told_by_their_numbers(tmp_path):
    whole, _ = series(tmp_path, 3)
    voxels = read_volume(whole / "p01.nii.gz", image=0).voxels
    write(whole / "p01.nii.gz", np.stack([voxels, voxels], -1))
    with pytest.raises(EvalsuiteError, match=r"p01.nii.gz:1: it is a copy of \S*p01.nii.gz:0\."):
        checked(whole, ["a", "b"])


def test_images_to_sample_label_maps_of_are_refused(tmp_path):
    whole, _ = series(tmp_path, 1)
    with pytest.raises(EvalsuiteError, match="a label map is a file of its own"):
        maps_in(f"{whole}:0")


def test_a_generator_of_4d_files_is_that_of_the_split_files(tmp_path):
    whole, split = series(tmp_path, 8)
    few = MICRO["vqgan"]["training"] | {"steps": 2, "validate_every": 2}
    config = micro(channels=["t1", "t2"], vqgan=MICRO["vqgan"] | {"training": few})
    for source in (whole, split):
        train(str(source), tmp_path / f"run_{source.name}", config, resume=False, **QUICK)
    cards = [
        json.loads((tmp_path / f"run_{name}/generator/card.json").read_text())
        for name in ("whole", "split")
    ]
    # The split of the data follows from the paths, which differ in nothing else.
    assert cards[0]["weights_sha256"] == cards[1]["weights_sha256"]
    assert [card["data"]["images"] for card in cards] == [{"t1": 0, "t2": 1}, {}]
    hints = [trained(tmp_path / f"run_{n}", Recipe(), "cpu").hint for n in ("whole", "split")]
    assert f"--real {whole}:1 --synthetic {{output}}/samples.tsv:t2" in hints[0]
    assert f"--real '{split}/**/*t2.*' --synthetic" in hints[1]
    train(str(whole), tmp_path / "run_whole", config, resume=True, **QUICK)
    with pytest.raises(EvalsuiteError, match="the checkpoint is of other volumes"):
        train(f"{whole}", tmp_path / "run_split", config, resume=True, **QUICK)
    others = series(tmp_path / "others", 14)[0]
    for i in range(8):
        (others / f"p{i:02d}.nii.gz").unlink()
    found = attack(load(tmp_path / "run_whole"), str(whole), str(others), noises=1)
    assert (found.training, found.holdout) == ((8, 8), (6, 6))
    split_found = attack(load(tmp_path / "run_split"), str(split), str(others), noises=1)
    assert split_found.areas == found.areas
