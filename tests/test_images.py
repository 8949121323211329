"""Images of 4D files from end to end: numbers, records and studies are those of the split files."""

import csv
import json

import numpy as np
import pytest

from evalsuite.study.create import create
from evalsuite.study.export import TRUTH
from evalsuite.study.home import Home
from evalsuite.study.protocol.design import read_design
from evalsuite.study.truth import read_truth
from evalsuite.volumes.check import check_cohort
from evalsuite.volumes.read import read_volume
from evalsuite.volumes.sources import read_cohort
from evalsuite.volumes.volume import Volume
from evalsuite.volumes.write import write_nifti


@pytest.fixture
def series(make_cohort, tmp_path):
    """Write real and synthetic volumes of two sequences, each in files of its own and in 4D ones."""
    for role, seed in (("real", 0), ("made", 1)):
        for k in (0, 1):
            make_cohort(f"{role}{k}", 6, seed=2 * k + seed, shift=0.5 * k)
        (tmp_path / role).mkdir()
        for file in (tmp_path / f"{role}0").iterdir():
            both = [read_volume(tmp_path / f"{role}{k}" / file.name) for k in (0, 1)]
            voxels = np.stack([volume.voxels for volume in both], axis=-1)
            write_nifti(Volume(voxels, both[0].affine), tmp_path / role / file.name)
    return tmp_path


def rows(folder, name="estimates.csv"):
    with (folder / name).open() as file:
        return list(csv.DictReader(file))


def metrics(cli, folder, *arguments):
    status, _, err = cli(
        *("compute-metrics", "--no-tracking", "--output", folder, "--cache", "cache"), *arguments
    )
    assert status == 0, err
    return rows(folder)


@pytest.mark.usefixtures("undrawn")
def test_metrics_of_images_are_those_of_the_split_files_and_are_kept_apart(cli, series):
    options = ["--extractor", "medicalnet-resnet10-untrained", "--metrics", "frechet,slices"]
    found = {}
    for run in ("first", "again"):  # the second time of what the index and the cache hold
        for k in (0, 1):
            made = "--real", f"real:{k}", "--synthetic", f"gan=made:{k}", *options
            found[run, k] = metrics(cli, series / f"{run}{k}", *made)
    for k in (0, 1):
        made = "--real", f"real{k}", "--synthetic", f"gan=made{k}", *options
        assert metrics(cli, series / f"split{k}", *made) == found["first", k] == found["again", k]
        record = json.loads((series / f"first{k}/results.json").read_text())
        sources = [cohort["source"] for cohort in (record["real"], *record["synthetic"])]
        assert sources == [f"real:{k}", f"made:{k}"]
        config = "--config", series / f"first{k}/config.yaml"
        assert metrics(cli, series / f"config{k}", *config) == found["first", k]
    assert found["first", 0] != found["first", 1]


@pytest.mark.usefixtures("undrawn")
def test_a_cohort_without_a_name_is_called_as_it_was_given(cli, series):
    options = ["--extractor", "medicalnet-resnet10-untrained", "--metrics", "frechet"]
    found = metrics(cli, series / "out", "--real", "real:0", "--synthetic", "made:0", *options)
    assert {row["synthetic"] for row in found} == {"made:0"}


def test_4d_files_are_refused_with_the_way_out(cli, series):
    extractor = "--extractor", "medicalnet-resnet10-untrained"
    status, _, err = cli("compute-metrics", "--real", "real", "--synthetic", "made:0", *extractor)
    assert status == 1
    assert "real/v00.nii.gz: it has 4 dimensions (14 x 15 x 16 x 2)" in err
    assert "Put :0 behind the source for the first of its 2 images" in err


def test_a_study_shows_the_image_that_was_asked_for_and_tells_which(series):
    found = {}
    for name, end in (("whole", ":1"), ("split", "1")):
        cohorts = [
            {"name": "real", "path": f"{series}/real{end}", "role": "real", "cases": 4},
            {"name": "gan", "path": f"{series}/made{end}", "role": "synthetic", "cases": 4},
        ]
        design = read_design({"name": name, "readers": ["Ada"], "cohorts": cohorts})
        home = Home.at(series / "studies")
        create(design, home)
        found[name] = sorted(
            read_truth(home.truth(name)).values(), key=lambda case: (case.cohort, case.volume)
        )
    shown = [[(c.cohort, c.volume, c.prepared) for c in cases] for cases in found.values()]
    assert shown[0] == shown[1]
    for case in found["whole"]:
        assert case.source.endswith(f"/{case.volume}:1")
    # Reports find the scores of a case by it.
    assert "digest" in TRUTH
    infos = check_cohort(read_cohort(f"{series}/real:1", name="real", role="real")).infos
    other = check_cohort(read_cohort(f"{series}/real:0", name="real", role="real")).infos
    of_cases = {case.digest for case in found["whole"] if case.role == "real"}
    assert of_cases <= {info.digest for info in infos}
    assert not of_cases & {info.digest for info in other}
