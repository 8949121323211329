"""Files that do not say where they lie: one convention, told once, and stated by the user."""

import json

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.errors import EvalsuiteError
from evalsuite.volumes.check import check_cohort, check_volume
from evalsuite.volumes.geometry import (
    CONVENTION,
    Geometry,
    obliqueness,
    read_orientation,
    read_spacing,
)
from evalsuite.volumes.labels import check_labels, label_files
from evalsuite.volumes.read import load
from evalsuite.volumes.sources import read_cohort
from tests.caveats import sentences

pytestmark = pytest.mark.usefixtures("undrawn")

GRID = np.array([[0, -0.8, 0, 40], [0, 0, -1.5, 30], [2.5, 0, 0, -20], [0, 0, 0, 1]])  # SLP


def voxels(seed=0, shape=(6, 7, 8)):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def nrrd(path, data, fields):
    sizes = " ".join(map(str, data.shape))
    header = f"NRRD0004\ntype: float\ndimension: 3\nsizes: {sizes}\nencoding: raw\nendian: little\n"
    path.write_bytes(f"{header}{fields}\n".encode() + data.tobytes("F"))


def metaimage(path, data, fields):
    sizes = " ".join(map(str, data.shape))
    header = f"ObjectType = Image\nNDims = 3\nBinaryData = True\n{fields}DimSize = {sizes}\n"
    tail = "ElementType = MET_FLOAT\nElementDataFile = LOCAL\n"
    path.write_bytes(f"{header}{tail}".encode() + data.tobytes("F"))


def write_bare(folder, data, *, spacing=None):
    """Write every format without an orientation, and with a spacing or without one."""
    folder.mkdir(exist_ok=True)
    image = nibabel.Nifti1Image(data, None)
    if spacing:
        image.header.set_zooms(spacing)
    nibabel.save(image, folder / "a.nii.gz")
    steps = " ".join(map(str, spacing or ()))
    nrrd(folder / "a.nrrd", data, f"spacings: {steps}\n" if spacing else "")
    metaimage(folder / "a.mha", data, f"ElementSpacing = {steps}\n" if spacing else "")
    if spacing:
        along = " ".join(f"({','.join(map(str, row))})" for row in np.diag(spacing).tolist())
        nrrd(folder / "b.nrrd", data, f"space dimension: 3\nspace directions: {along}\n")
    else:
        np.save(folder / "a.npy", data)
        np.savez(folder / "a.npz", scan=data)
        image = nibabel.MGHImage(data, np.diag([2.0, 3, 4, 1]))
        content = bytearray(image.to_bytes())
        content[28:30] = b"\0\0"  # goodRASFlag
        (folder / "a.mgh").write_bytes(content)
    return sorted(folder.iterdir())


def test_one_convention_holds_for_every_format(tmp_path):
    files = write_bare(tmp_path / "bare", voxels())
    assert len(files) == 6
    for path in files:
        loaded = load(path)
        np.testing.assert_array_equal(loaded.volume.affine, np.eye(4), str(path))
        np.testing.assert_array_equal(loaded.volume.voxels, voxels())
        assert loaded.remarks.unstated == ("spacing", "orientation"), path
        assert check_volume(path).orientation == "RAS"


def test_a_spacing_in_the_file_is_kept_where_only_the_orientation_is_missing(tmp_path):
    for path in write_bare(tmp_path / "bare", voxels(), spacing=(0.5, 2.0, 3.0)):
        loaded = load(path, Geometry((9.0, 9.0, 9.0), "LPS"))
        assert loaded.remarks.unstated == ("orientation",), path
        np.testing.assert_allclose(loaded.volume.affine, np.diag([-0.5, -2, 3, 1]))


def test_what_the_user_states_is_taken_for_every_format(tmp_path):
    for path in write_bare(tmp_path / "bare", voxels()):
        info = check_volume(path, Geometry((2.5, 0.8, 1.5), "SLP"))
        assert (info.spacing, info.orientation) == (pytest.approx((2.5, 0.8, 1.5)), "SLP")
        np.testing.assert_allclose(info.affine[:3, :3], GRID[:3, :3], atol=1e-12)
        assert info.key != info.digest == check_volume(path).key


def test_what_a_file_states_itself_wins_and_changes_no_key(tmp_path):
    nibabel.save(nibabel.Nifti1Image(voxels(), GRID), tmp_path / "a.nii")
    plain = check_volume(tmp_path / "a.nii")
    stated = check_volume(tmp_path / "a.nii", Geometry((9.0, 9.0, 9.0), "RAS"))
    np.testing.assert_array_equal(plain.affine, stated.affine)
    assert plain.key == stated.key == plain.digest
    assert plain.remarks.unstated == ()
    header = (
        "space: left-posterior-superior\nspace directions: (2,0,0) (0,2,0) (0,0,2)\n"
        "space origin: (0,0,0)\n"
    )
    nrrd(tmp_path / "a.nrrd", voxels(), header)
    assert load(tmp_path / "a.nrrd").remarks.unstated == ()
    metaimage(tmp_path / "a.mha", voxels(), "TransformMatrix = 1 0 0 0 1 0 0 0 1\n")
    assert load(tmp_path / "a.mha").remarks.unstated == ("spacing",)
    assert load(tmp_path / "a.mha", Geometry((2.0, 2.0, 2.0))).volume.spacing == (2.0, 2.0, 2.0)


@given(
    st.permutations([("R", "L"), ("A", "P"), ("S", "I")]),
    st.tuples(*[st.integers(0, 1)] * 3),
    st.tuples(*[st.floats(0.01, 100)] * 3),
)
def test_nibabel_finds_the_orientation_and_the_spacing_that_were_stated(axes, ends, spacing):
    code = "".join(pair[end] for pair, end in zip(axes, ends, strict=True))
    affine = Geometry(spacing, code).completed(np.eye(4), ("spacing", "orientation"))
    assert "".join(nibabel.aff2axcodes(affine)) == code
    np.testing.assert_allclose(nibabel.affines.voxel_sizes(affine), spacing)


@pytest.mark.parametrize("text", ["1,2,0.5", "1 x 2 x 0.5", "1x2x0.5", " 1 2  0.5 ", "1; 2; 0.5"])
def test_a_spacing_is_read_as_people_write_it(text):
    assert read_spacing(text) == (1.0, 2.0, 0.5)


@pytest.mark.parametrize(
    "value", ["1,1", "1,1,1,1", "-1,1,1", "0,1,1", "1,nan,1", "1,inf,1", "a", "", 3, None]
)
def test_what_is_no_spacing_is_told(value):
    with pytest.raises(ValueError, match="three positive numbers of millimetres, such as 1,1,2"):
        read_spacing(value)


@pytest.mark.parametrize("value", ["RAX", "RRS", "RA", "RASL", "", 3, "LRS"])
def test_what_is_no_orientation_is_told(value):
    with pytest.raises(ValueError, match="one of R or L, one of A or P, one of S or I"):
        read_orientation(value)
    assert read_orientation(" lps ") == "LPS"


@pytest.mark.parametrize("degrees", [0.0, 4.0, 23.0, 40.0])
def test_obliqueness_is_the_angle_of_a_rotation_about_a_patients_axis(degrees):
    angle = np.deg2rad(degrees)
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    # GRID stores the axes in another order and direction: that is no rotation against the patient.
    assert obliqueness(turn @ GRID) == pytest.approx(degrees, abs=1e-5)


def cohort(folder, data, affine, suffix=".nii.gz"):
    folder.mkdir()
    for i, array in enumerate(data):
        if suffix == ".npy":
            np.save(folder / f"{i}.npy", array)
        else:
            nibabel.save(nibabel.Nifti1Image(array, affine), folder / f"{i}{suffix}")
    return folder


def checked(folder, *, name="made", stated=CONVENTION, real=None):
    found = read_cohort(str(folder), name=name, role="synthetic", stated=stated)
    return check_cohort(found, real=real)


def test_an_assumption_is_told_once_for_a_cohort_with_the_ways_to_state_it(tmp_path):
    folder = cohort(tmp_path / "made", [voxels(i) for i in range(3)], None)
    nibabel.save(nibabel.Nifti1Image(voxels(9), GRID), folder / "own.nii.gz")
    (warning,) = sentences(checked(folder))
    assert warning == (
        "3 of 4 volumes of made do not state their voxel spacing and orientation and were taken as "
        "voxels of 1 x 1 x 1 mm and as stored along the patient's right, anterior and superior "
        "(RAS). State it in the columns spacing and orientation of a table, or to compute-metrics "
        "with --assume-spacing X,Y,Z and --assume-orientation CODE."
    )
    half = checked(folder, stated=Geometry(spacing=(2.0, 2.0, 2.0)))
    assert "do not state their orientation and were taken as stored along" in sentences(half)[0]
    assert checked(folder, stated=Geometry((2.0, 2.0, 2.0), "LPS")).warnings == ()


@pytest.mark.parametrize(("suffix", "affine"), [(".npy", None), (".nii.gz", None)])
def test_a_synthetic_cohort_on_the_grid_of_the_real_one_is_told_with_the_options(
    tmp_path, suffix, affine
):
    real = checked(cohort(tmp_path / "real", [voxels(i) for i in range(4)], GRID), name="real")
    assert sentences(real) == ()
    folder = cohort(tmp_path / "made", [voxels(i) for i in range(4, 8)], affine, suffix)
    (warning,) = sentences(checked(folder, real=real))
    assert "4 of 4 volumes of made do not state their voxel spacing and orientation" in warning
    assert "the shape of volumes of real, which state voxels of 2.5 x 0.8 x 1.5 mm" in warning
    assert warning.endswith("pass --assume-spacing 2.5,0.8,1.5 --assume-orientation SLP.")
    other = cohort(tmp_path / "other", [voxels(i, (5, 5, 5)) for i in range(4)], affine, suffix)
    assert "State it in the columns" in sentences(checked(other, real=real))[0]


def test_an_identity_affine_on_the_grid_of_the_real_cohort_is_told(tmp_path):
    real = checked(cohort(tmp_path / "real", [voxels(i) for i in range(4)], GRID), name="real")
    folder = cohort(tmp_path / "made", [voxels(i) for i in range(4, 8)], np.eye(4))
    assert sentences(checked(folder)) == ()
    (warning,) = sentences(checked(folder, real=real))
    assert warning.startswith("4 of 4 volumes of made have the identity for an affine,")
    assert warning.endswith("write them again with its affine.")
    assert sentences(checked(folder, real=checked(folder))) == ()


def test_oblique_grids_are_told_from_five_degrees(tmp_path):
    for degrees, told in ((4.0, False), (6.0, True)):
        angle = np.deg2rad(degrees)
        turn = np.eye(4)
        turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        folder = cohort(tmp_path / f"{told}", [voxels(i) for i in range(2)], turn @ GRID)
        warnings = sentences(checked(folder))
        assert len(warnings) == told
        assert not told or "are rotated against the patient's axes (by up to 6 deg" in warnings[0]


def test_columns_of_a_table_state_the_geometry_and_win_over_the_options(tmp_path):
    cohort(tmp_path / "made", [voxels(i) for i in range(3)], None, ".npy")
    table = tmp_path / "made/cases.csv"
    table.write_text("path,spacing,orientation\n0.npy,2 x 2 x 3,LPS\n1.npy,,\n2.npy,4 4 4,\n")
    found = checked(table, stated=Geometry((5.0, 5.0, 5.0), "LAS"))
    assert [info.spacing for info in found.infos] == [(2, 2, 3), (5, 5, 5), (4, 4, 4)]
    assert [info.orientation for info in found.infos] == ["LPS", "LAS", "LAS"]
    assert sentences(found) == ()
    for entry, info in zip(found.entries, found.infos, strict=True):
        np.testing.assert_array_equal(entry.read().affine, info.affine)
    assert found.fingerprint != checked(tmp_path / "made/cases.csv").fingerprint


def test_a_table_that_contradicts_a_file_is_told(tmp_path):
    cohort(tmp_path / "made", [voxels(i) for i in range(2)], GRID)
    table = tmp_path / "made/cases.csv"
    table.write_text("path,spacing,orientation\n0.nii.gz,2.5 0.8 1.5,SLP\n1.nii.gz,1 1 1,SLP\n")
    (warning,) = sentences(checked(table))
    assert warning == (
        "The spacing or orientation in the table of made is not that of these files, which was "
        "taken: 1.nii.gz."
    )
    table.write_text("path,spacing,orientation\n0.nii.gz,1 1,\n1.nii.gz,,axial\n")
    with pytest.raises(EvalsuiteError) as caught:
        checked(table)
    told = str(caught.value)
    assert 'line 2: in the column "spacing", expected three positive numbers' in told
    assert 'line 3: in the column "orientation", expected a letter for each axis' in told
    assert 'but found "axial". Rename the column if it means something else.' in told


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--assume-spacing", "-1,1,1", "three positive numbers of millimetres, such as 1,1,2, but"),
        ("--assume-spacing", "2", "three positive numbers of millimetres"),
        ("--assume-orientation", "RAX", 'RAS, LPS, but found "RAX".'),
    ],
)  # fmt: skip
def test_a_wrong_statement_is_told_before_any_volume_is_read(
    tmp_path, cli, option, value, expected
):
    (tmp_path / "real").mkdir()
    (tmp_path / "real/broken.nii").touch()
    status, _, err = cli(
        "compute-metrics", "--real", "real", "--synthetic", "real", option, value, "--no-tracking"
    )
    assert status == 1
    assert expected in err
    assert "broken" not in err
    assert len(err.splitlines()) == 1


def evaluated(cli, tmp_path, out, *arguments):
    status, text, err = cli(
        "compute-metrics", "--real", tmp_path / "real", "--synthetic", tmp_path / "made",
        "--extractor", "radiomics", "--metrics", "mmd", "--no-tracking", "--workers", 1,
        "--output", tmp_path / out, *arguments,
    )  # fmt: skip
    assert status == 0, err
    results = json.loads((tmp_path / out / "results.json").read_text())
    return results, " ".join(text.split())


def test_stated_geometry_gives_the_numbers_of_files_that_state_it_themselves(tmp_path, cli):
    """The cache lies in one folder for all calls: a key without the statement would show."""
    cohort(tmp_path / "real", [voxels(i, (14, 16, 12)) for i in range(4)], GRID)
    data = [voxels(i, (14, 16, 12)) ** 2 for i in range(4, 8)]
    cohort(tmp_path / "made", data, None, ".npy")
    assumed, text = evaluated(cli, tmp_path, "assumed")
    assert "pass --assume-spacing 2.5,0.8,1.5 --assume-orientation SLP." in text
    stated, text = evaluated(
        cli, tmp_path, "stated", "--assume-spacing", "2.5,0.8,1.5", "--assume-orientation", "slp"
    )
    assert "--assume" not in text
    assert stated["config"]["assumed geometry"] == {
        "spacing": [2.5, 0.8, 1.5],
        "orientation": "SLP",
    }
    assert stated["config_hash"] != assumed["config_hash"]
    (tmp_path / "made").rename(tmp_path / "npy")
    cohort(tmp_path / "made", data, GRID)
    own, _ = evaluated(cli, tmp_path, "own")

    def values(results):
        return [estimate["value"] for estimate in results["estimates"]]

    np.testing.assert_allclose(values(stated), values(own), rtol=1e-6)
    assert not np.allclose(values(assumed), values(own), rtol=1e-3)
    # The configuration that is kept gives the same again.
    again = (tmp_path / "stated/config.yaml").read_text()
    assert "assume_orientation: SLP" in again


def test_a_statement_that_no_volume_needs_is_told(tmp_path, cli):
    for name, seed in (("real", 0), ("made", 5)):
        cohort(tmp_path / name, [voxels(seed + i, (12, 12, 12)) for i in range(3)], GRID)
    _, text = evaluated(cli, tmp_path, "out", "--assume-spacing", "1,1,1")
    assert (
        "real: --assume-spacing changed nothing: the voxel spacing of every volume is stated."
    ) in text
    assert "--assume-orientation" not in text


def test_label_maps_lie_voxel_by_voxel_where_one_side_states_no_geometry(tmp_path):
    labels = (voxels(3) > 0.5).astype(np.uint8)
    cohort(tmp_path / "stated", [voxels()], GRID)
    cohort(tmp_path / "bare", [voxels()], None)
    for of_volume, of_map in (("stated", None), ("bare", GRID), ("bare", None)):
        folder = tmp_path / f"maps_{of_volume}_{of_map is None}"
        folder.mkdir()
        nibabel.save(nibabel.Nifti1Image(labels, of_map), folder / "0.nii.gz")
        found = checked(tmp_path / of_volume)
        maps = check_labels(found, label_files(found, str(folder)))
        expected = nibabel.as_closest_canonical(nibabel.Nifti1Image(labels, found.infos[0].affine))
        np.testing.assert_array_equal(maps[0].labels, np.asarray(expected.dataobj))
        np.testing.assert_allclose(maps[0].affine, expected.affine)
        np.testing.assert_array_equal(maps[:1][0].labels, maps[0].labels)
