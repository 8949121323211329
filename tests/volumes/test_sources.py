import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from evalsuite.errors import EvalsuiteError
from evalsuite.volumes.read import FORMATS
from evalsuite.volumes.sources import read_cohort
from tests.caveats import sentences


def read(source):
    return read_cohort(str(source), name="real", role="real")


def ids(source):
    return [entry.id for entry in read(source).entries]


def fault(source):
    with pytest.raises(EvalsuiteError) as caught:
        read(source)
    return str(caught.value)


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def table(folder, text, name="cases.csv", encoding="utf-8"):
    (folder / name).write_bytes(text.encode(encoding))
    return folder / name


def test_a_folder_gives_its_volumes_sorted_and_nothing_else(tmp_path):
    touch(
        tmp_path, "b.nii.gz", "a.mha", "B.nrrd", "sub/c.npy", "sub/deep/d.nii", "a.json", "a.bval",
        "notes.txt", ".hidden.nii", ".git/x.nii", "c.raw", "README",
    )  # fmt: skip
    cohort = read(tmp_path)
    assert [e.id for e in cohort.entries] == [
        "B.nrrd", "a.mha", "b.nii.gz", "sub/c.npy", "sub/deep/d.nii",
    ]  # fmt: skip
    assert [e.path for e in cohort.entries] == [tmp_path / e.id for e in cohort.entries]
    assert (cohort.name, cohort.role, cohort.source) == ("real", "real", str(tmp_path))
    assert (cohort.infos, cohort.fingerprint, cohort.skipped) == ((), "", ())


def test_a_folder_with_dicom_files_is_one_volume(tmp_path):
    touch(tmp_path, "p1/s1/1.dcm", "p1/s1/2.dcm", "p1/s2/1.dcm", "p2/scan.nii", "p2/VERSION")
    (tmp_path / "p3").mkdir()
    (tmp_path / "p3" / "IM0001").write_bytes(b"\0" * 128 + b"DICM")
    (tmp_path / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    assert ids(tmp_path) == ["p1/s1", "p1/s2", "p2/scan.nii", "p3"]
    assert ids(tmp_path / "*" / "s?") == ["p1/s1", "p1/s2"]


def test_links_are_followed_but_never_in_circles(tmp_path):
    touch(tmp_path, "store/a.nii", "cohort/b.nii")
    (tmp_path / "cohort/more").symlink_to(tmp_path / "store")
    (tmp_path / "cohort/self").symlink_to(tmp_path / "cohort")
    (tmp_path / "cohort/yet_more").symlink_to(tmp_path / "store")
    (tmp_path / "cohort/gone.nii").symlink_to("nowhere.nii")
    # A link to nothing is listed, so that the check can tell of it.
    assert ids(tmp_path / "cohort") == ["b.nii", "gone.nii", "more/a.nii"]


def test_a_glob_gives_paths_relative_to_its_fixed_part(tmp_path, monkeypatch):
    touch(tmp_path, "s2/t1.nii", "s1/t1.nii", "s1/t2.nii", "s1/t1.json", "s1/x/t1.nii", ".h/t1.nii")
    assert ids(tmp_path / "*/t1.*") == ["s1/t1.nii", "s2/t1.nii"]
    assert ids(tmp_path / "s1/**/t1.nii") == ["t1.nii", "x/t1.nii"]
    assert ids(tmp_path / "**/**/t2.nii") == ["s1/t2.nii"]
    monkeypatch.chdir(tmp_path)
    assert ids("s?/t1.nii") == ["s1/t1.nii", "s2/t1.nii"]


def test_a_folder_whose_name_looks_like_a_glob_is_a_folder(tmp_path):
    touch(tmp_path / "run[1]", "a.nii")
    assert ids(tmp_path / "run[1]") == ["a.nii"]


def test_the_home_folder_is_known(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    touch(tmp_path / "data", "a.nii")
    assert ids("~/data") == ["a.nii"]
    assert fault("~nobody-of-this-name/data") == "~nobody-of-this-name/data: it does not exist."


@pytest.mark.parametrize(
    ("name", "text", "encoding"),
    [
        ("cases.csv", 'path,subject,age,site\nb.nii,s2,61,Rome\nsub/a.nii,,,"Aix, FR"\n', "utf-8"),
        ("cases.csv", "path;subject;age;site\r\nb.nii;s2;61;Rome\r\n\r\nsub/a.nii;;;Aix, FR\r\n",
         "utf-8-sig"),
        ("cases.tsv", "subject\tsite\tpath\tage\ns2\tRome\t b.nii \t61\n\tAix, FR\tsub/a.nii\t",
         "utf-8"),
    ],
)  # fmt: skip
def test_a_table_keeps_its_order_subjects_and_covariates(tmp_path, name, text, encoding):
    touch(tmp_path, "sub/a.nii", "b.nii")
    first, second = read(table(tmp_path, text, name, encoding)).entries
    assert (first.id, first.path, first.subject) == ("b.nii", tmp_path / "b.nii", "s2")
    assert first.covariates == {"age": "61", "site": "Rome"}
    assert (second.id, second.subject) == ("sub/a.nii", None)
    assert second.covariates == {"age": "", "site": "Aix, FR"}


def test_a_table_may_name_absolute_paths_and_dicom_folders(tmp_path):
    touch(tmp_path, "elsewhere/a.nii", "tables/series/1.dcm")
    text = f"path\n{tmp_path}/elsewhere/a.nii\nseries\n"
    assert ids(table(tmp_path / "tables", text)) == [f"{tmp_path}/elsewhere/a.nii", "series"]


def test_a_fault_in_a_table_names_the_file_and_the_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    touch(tmp_path, "a.nii")
    table(tmp_path, "path\na.nii\nct_014.nii.gz\n")
    assert fault("cases.csv") == (
        "cases.csv, line 3: the file ct_014.nii.gz does not exist. "
        "Paths are read relative to cases.csv."
    )


def test_all_faults_of_a_table_are_told_together(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    touch(tmp_path, "a.nii", "b.txt")
    table(tmp_path, 'path,note\na.nii,"two\nlines"\n./a.nii,\nb.txt,\n,x\na.nii\ngone.nii,\n')
    assert fault("cases.csv") == (
        "5 lines of the table have faults:\n"
        "  cases.csv, line 4: ./a.nii is listed in line 3 already.\n"
        f"  cases.csv, line 5: the format of b.txt is not known. Known formats: {FORMATS}.\n"
        '  cases.csv, line 6: the column "path" is empty.\n'
        "  cases.csv, line 7: the number of its cells is 1; expected 2, as in the header.\n"
        "  cases.csv, line 8: the file gone.nii does not exist. "
        "Paths are read relative to cases.csv."
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "the table is empty; expected a header and a line per volume."),
        ("\n\n", "the table is empty; expected a header and a line per volume."),
        ("path,age\n", "the table lists no volumes; expected a line for each."),
        ("file,age\na.nii,3\n",
         'the column "path" is missing; it has file, age. Did you mean "file"? Rename it.'),
        ("Path\na.nii\n", 'the column "path" is missing; it has Path. Did you mean "Path"? Rename it.'),
        ("pth,age\n", 'the column "path" is missing; it has pth, age. Did you mean "pth"? Rename it.'),
        ("a.nii,3\n", 'the column "path" is missing; it has a.nii, 3.'),
        ("path,age,age\na.nii,1,2\n", 'the column "age" occurs twice.'),
        ('path\n"a.nii\n', "it cannot be read as a table: unexpected end of data."),
    ],
)  # fmt: skip
def test_a_table_that_is_none_is_told(tmp_path, text, expected):
    touch(tmp_path, "a.nii")
    path = table(tmp_path, text)
    assert fault(path) == f"{path}: {expected}"


def test_a_table_that_is_not_text_is_told(tmp_path):
    path = table(tmp_path, "path\nGrüße.nii\n", encoding="latin-1")
    assert fault(path) == f"{path}: it is not text in UTF-8; save it as such."


def bids(root):
    touch(
        root, "sub-02/ses-1/anat/sub-02_ses-1_T1w.nii.gz", "sub-01/anat/sub-01_T1w.nii.gz",
        "sub-01/anat/sub-01_T1w.json", "sub-01/anat/sub-01_desc-brain_mask.nii.gz",
        "sub-01/anat/sub-01_dseg.nii.gz", "sub-01/anat/sub-01_label-GM_probseg.nii.gz",
        "sub-01/func/sub-01_task-rest_bold.nii.gz", "sub-01/dwi/sub-01_dwi.nii.gz",
        "derivatives/x/sub-01/anat/sub-01_T1w.nii.gz", "sourcedata/sub-01/anat/sub-01_T1w.nii",
    )  # fmt: skip
    description = {"Name": "a study", "BIDSVersion": "1.10.0"}
    (root / "dataset_description.json").write_text(json.dumps(description))
    return root


def test_a_bids_dataset_gives_its_raw_images_with_their_participants(tmp_path):
    root = bids(tmp_path / "bids")
    table(root, "participant_id\tage\nsub-02\t61\n01\tn/a\n", "participants.tsv")
    cohort = read(root)
    assert [(e.id, e.subject, e.covariates) for e in cohort.entries] == [
        ("sub-01/anat/sub-01_T1w.nii.gz", "sub-01", {"age": "n/a"}),
        ("sub-02/ses-1/anat/sub-02_ses-1_T1w.nii.gz", "sub-02", {"age": "61"}),
    ]
    assert sentences(cohort) == ()


def test_a_bids_dataset_of_several_kinds_of_images_is_a_warning(tmp_path):
    root = touch(bids(tmp_path / "bids"), "sub-01/ct/sub-01_ct.nii.gz")
    cohort = read(root)
    example = f"{root}/sub-*/**/*_T1w.nii*"
    assert sentences(cohort) == (
        f"It mixes kinds of images: T1w (2), ct (1). A glob takes one alone, as {example}.",
    )
    assert len(ids(example)) == 2


def test_a_bids_dataset_at_fault_is_told(tmp_path):
    root = bids(tmp_path / "bids")
    table(root, "id\tage\nsub-02\t61\n", "participants.tsv")
    assert fault(root) == f'{root}/participants.tsv: the column "participant_id" is missing.'
    empty = tmp_path / "empty"
    touch(empty, "dataset_description.json", "sub-01/func/sub-01_bold.nii")
    assert fault(empty) == (
        f"{empty}: the BIDS dataset holds no images; expected NIfTI files such as "
        "sub-01/anat/sub-01_T1w.nii.gz."
    )


def test_sources_that_are_no_cohort_are_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    touch(tmp_path, "data/real/a.nii", "data/empty/notes.txt", "series/1.dcm", "config.yaml")
    assert fault("data/reel") == "data/reel: it does not exist. Did you mean data/real?"
    assert fault("date/real") == "date/real: it does not exist. Did you mean data?"
    assert fault("elsewhere") == "elsewhere: it does not exist."
    assert fault("data/empty") == (
        "data/empty: the folder holds no volumes but other files, such as notes.txt. "
        f"Known formats: {FORMATS}."
    )
    (tmp_path / "void").mkdir()
    assert fault("void") == f"void: the folder holds no volumes. Known formats: {FORMATS}."
    assert fault("data/*/*.mha") == (
        "data/*/*.mha: no volume matches this pattern, which matches 0 files and folders. "
        f"Known formats: {FORMATS}."
    )
    rest = "expected a cohort. Give a folder, a glob, a table of volumes or a BIDS dataset."
    assert fault("data/real/a.nii") == f"data/real/a.nii: it is a single volume; {rest}"
    assert fault("config.yaml") == (
        f"config.yaml: it is neither a folder nor a .csv or .tsv table; {rest}"
    )
    assert fault("series") == (
        "series: it is a single DICOM series; expected a cohort. "
        "Give the folder above, with one folder for each series."
    )
    assert fault("") == "The cohort real has no source; expected a folder, glob or table."


def test_a_folder_that_cannot_be_opened_is_told(tmp_path, monkeypatch):
    def walk(root, *, followlinks, onerror):
        onerror(PermissionError(13, "Permission denied", f"{root}/locked"))
        return iter(())

    # The tests may run as root, whom no permission stops.
    monkeypatch.setattr(os, "walk", walk)
    assert fault(tmp_path) == f"{tmp_path}/locked: it cannot be read: Permission denied."


def test_the_modules_are_light():
    heavy = "nibabel", "SimpleITK", "pandas", "torch", "scipy"
    modules = "evalsuite.volumes.check, evalsuite.volumes.sources"
    code = f"import sys, {modules}; print([m for m in {heavy} if m in sys.modules])"
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout == "[]\n"
