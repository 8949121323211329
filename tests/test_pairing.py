"""`--paired`: what does not match is named, other grids are interpolated onto and told."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

import evalsuite as ev
from evalsuite.errors import EvalsuiteError
from evalsuite.pairing import pairs
from evalsuite.volumes.cohort import Cohort, Entry
from evalsuite.volumes.read import read_volume
from evalsuite.volumes.resampling import oriented, same_grid
from evalsuite.volumes.volume import Volume
from evalsuite.volumes.write import write_nifti


def cohort(name, rows):
    entries = tuple(Entry(i, None, subject, columns) for i, subject, columns in rows)
    return Cohort(name, "real" if name == "real" else "synthetic", f"{name}.csv", entries)


REAL = cohort("real", [("a/p1.nii.gz", "s1", {"id": "1"}), ("p2.mha", "s2", {"id": "2"})])


@pytest.mark.parametrize("by", ["file", "subject", "id"])
def test_each_volume_finds_its_real_one_in_any_order(by):
    gan = cohort(
        "gan",
        [
            ("p2.nii", "s2", {"id": "2"}),
            ("x/p1.nrrd", "s1", {"id": "1"}),
            ("p2.npy", "s2", {"id": "2"}),
        ],
    )
    assert pairs(REAL, gan, by) == (1, 0, 1)


def test_whatever_has_no_partner_is_named():
    gan = cohort("gan", [("p2.nii", None, {}), ("p7.nii", None, {}), ("p8.nii", None, {})])
    with pytest.raises(EvalsuiteError) as caught:
        pairs(REAL, gan, "file")
    told = str(caught.value)
    assert "2 volumes of gan without a real one: p7.nii, p8.nii" in told
    assert "1 volume of real without a synthetic one: a/p1.nii.gz" in told


def test_two_real_volumes_of_one_name_and_a_missing_column_are_told():
    twice = cohort("real", [("a/p1.nii", "s", {}), ("b/p1.nii", "s", {})])
    with pytest.raises(EvalsuiteError, match=r'a/p1\.nii and b/p1\.nii of real are both "p1"'):
        pairs(twice, twice, "file")
    with pytest.raises(EvalsuiteError, match=r'p9\.nii of gan has no "id"'):
        pairs(REAL, cohort("gan", [("p9.nii", None, {})]), "id")


@pytest.fixture
def translated(cli, make_cohort, tmp_path):
    """Run the comparison of 6 volumes with their noisy copies."""
    real = make_cohort("real", 6, shape=(16, 17, 18))
    (tmp_path / "gan").mkdir()
    for i, file in enumerate(sorted(real.iterdir())):
        volume = read_volume(file)
        noise = np.random.default_rng(i).normal(0, 0.02, volume.shape).astype(np.float32)
        write_nifti(Volume(volume.voxels + noise, volume.affine), tmp_path / "gan" / file.name)

    def run(*options, ending=""):
        status, out, err = cli(
            "compute-metrics", "--real", f"real{ending}", "--synthetic", f"gan=gan{ending}",
            "--no-tracking", "--json", "--set", "metrics.paired.data_range=2", *options,
        )  # fmt: skip
        return status, json.loads(out) if status == 0 else out, err

    return run


@pytest.mark.usefixtures("undrawn")
def test_other_axes_are_one_grid_and_another_spacing_is_interpolated_and_told(translated, tmp_path):
    status, before, err = translated("--paired", "file")
    assert status == 0, err
    file = tmp_path / "gan/v03.nii.gz"
    write_nifti(oriented(read_volume(file), "LPS"), file)
    status, turned, _ = translated("--paired", "file")
    values = {row["key"]: row["value"] for row in before["estimates"]}
    assert {row["key"]: row["value"] for row in turned["estimates"]} == pytest.approx(values)
    assert not any("interpolated" in w for row in turned["estimates"] for w in row["warnings"])
    volume = read_volume(file)
    affine = volume.affine.copy()
    affine[:3, 3] += 0.5 * affine[:3, 0]
    write_nifti(Volume(volume.voxels, affine), file)
    status, moved, _ = translated("--paired", "file")
    mae = next(row for row in moved["estimates"] if row["key"] == "paired_mae")
    assert any(
        w.startswith("1 of 6 synthetic volumes lay on another grid") for w in mae["warnings"]
    )
    assert mae["value"] > values["paired_mae"]


@pytest.mark.usefixtures("undrawn")
def test_the_groups_of_pairs_are_those_of_their_real_volumes(translated, tmp_path):
    for name in ("real", "gan"):
        rows = [f"{name}/v{i:02d}.nii.gz,{'FM'[i % 2]}" for i in range(6)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["path,sex", *rows]) + "\n")
    status, found, err = translated("--paired", "file", "--by", "sex", ending=".csv")
    assert status == 0, err
    for name in ("real", "gan"):
        for i in range(1, 6, 2):
            shutil.move(tmp_path / name / f"v{i:02d}.nii.gz", tmp_path / f"{name}{i}")
    _, alone, _ = translated("--paired", "file")
    women = {row["name"]: row["value"] for row in found["estimates"] if row["group"] == "sex=F"}
    assert women == {row["name"]: row["value"] for row in alone["estimates"]} != {}


def test_a_metric_of_pairs_without_pairs_is_refused_before_any_volume_is_read(translated):
    status, _, err = translated("--metrics", "paired", ending="-nowhere")
    assert status == 1
    assert "say what names the real volume" in err


@pytest.mark.usefixtures("undrawn")
def test_scaling_each_volume_by_itself_is_told(translated):
    _, rows, err = translated(
        "--paired", "file", "--set", "preprocessing.intensity.kind=percentile"
    )
    assert rows, err


def test_structures_are_not_looked_for_where_steps_move_the_voxels(
    translated, tmp_path, make_cohort
):
    shutil.copytree(tmp_path / "real", tmp_path / "maps")
    options = ("--paired", "file", "--real-labels", "maps", "--shape", "16,16,16")
    status, _, err = translated(*options)
    assert status == 1
    assert "moves the voxels of the volumes off their label maps" in err


@pytest.fixture
def masked(translated, tmp_path):
    """Put masks of the first 6 slices beside the volumes, some stored with other axes."""
    (tmp_path / "masks/deep").mkdir(parents=True)
    for i, file in enumerate(sorted((tmp_path / "real").iterdir())):
        volume = read_volume(file)
        inside = np.zeros(volume.shape, np.float32)
        inside[:6] = 3
        mask = Volume(inside, volume.affine)
        place = tmp_path / "masks" / ("deep" if i % 2 else "") / f"{file.name[:3]}.nii"
        write_nifti(oriented(mask, "SPR") if i % 3 else mask, place)
    return translated


@pytest.mark.usefixtures("undrawn")
def test_pairs_are_compared_within_masks_that_are_found_as_they_are(masked, tmp_path):
    status, found, err = masked("--paired", "file", "--masks", "masks", "--output", "out")
    assert status == 0, err
    expected = []
    for file in sorted((tmp_path / "real").iterdir()):
        real, gan = (read_volume(tmp_path / side / file.name).voxels for side in ("real", "gan"))
        expected.append(np.abs(gan - real)[:6].mean())
    rows = {row["key"]: row for row in found["estimates"]}
    assert rows["paired_mae_mask"]["value"] == pytest.approx(np.mean(expected), rel=1e-5)
    assert rows["paired_mae_mask"]["interval"]
    assert json.loads((tmp_path / "out/results.json").read_text())["config"]["masks"]
    table = ["path,subject", *(f"real/v{i:02d}.nii.gz,s{i}" for i in range(6))]
    (tmp_path / "real.csv").write_text("\n".join(table) + "\n")
    (tmp_path / "gan.csv").write_text("\n".join(table).replace("real/", "gan/") + "\n")
    table = ["path,subject"]
    for file in sorted((tmp_path / "masks").rglob("*.nii")):
        table.append(f"{file.relative_to(tmp_path)},s{int(file.name[1:3])}")
    (tmp_path / "masks.csv").write_text("\n".join(table) + "\n")
    status, by_table, err = masked("--paired", "subject", "--masks", "masks.csv", ending=".csv")
    assert status == 0, err
    again = {row["key"]: row["value"] for row in by_table["estimates"]}
    assert again == {key: row["value"] for key, row in rows.items()}


def test_masks_that_do_not_match_or_lie_elsewhere_are_refused_by_name(masked, tmp_path):
    def refused(*options):
        status, _, err = masked("--paired", "file", "--masks", "masks", *options)
        assert status == 1
        return err

    shutil.copy(tmp_path / "masks/v02.nii", tmp_path / "masks/v99.nii")
    shutil.copy(tmp_path / "masks/v02.nii", tmp_path / "masks/deep/v02.nii")
    (tmp_path / "masks/v04.nii").unlink()
    told = refused()
    assert "no mask for 1 volume of real: v04.nii.gz" in told
    assert "masks of no volume: v99.nii" in told
    assert "masks of a volume that has one already: v02.nii" in told
    for name in ("v99.nii", "deep/v02.nii"):
        (tmp_path / "masks" / name).unlink()
    write_nifti(Volume(np.ones((3, 4, 5), np.float32), np.eye(4)), tmp_path / "masks/v04.nii")
    assert "v04.nii: it has 3 x 4 x 5 voxels" in refused()
    assert "off their label maps or masks" in refused("--shape", "16,16,16")


def test_grids_are_the_same_whatever_the_order_of_their_axes():
    volume = Volume(np.zeros((4, 5, 6), np.float32), np.diag([1.0, 2.0, 3.0, 1.0]))
    turned = oriented(volume, "SAL")
    assert same_grid((volume.shape, volume.affine), (turned.shape, turned.affine))
    moved = volume.affine.copy()
    moved[0, 3] += 0.2
    assert not same_grid((volume.shape, volume.affine), (volume.shape, moved))


def test_generators_are_compared_on_the_same_subjects(translated, tmp_path):
    """Noise five times as strong is worse, in one evaluation or in two that are put together."""
    (tmp_path / "coarse").mkdir()
    for i, file in enumerate(sorted((tmp_path / "real").iterdir())):
        volume = read_volume(file)
        noise = np.random.default_rng(i).normal(0, 0.1, volume.shape).astype(np.float32)
        write_nifti(Volume(volume.voxels + noise, volume.affine), tmp_path / "coarse" / file.name)
    status, both, err = translated("--paired", "file", "--synthetic", "coarse", "--output", "both")
    assert status == 0, err
    found = {row["key"]: row for row in both["differences"]}
    assert len(found) == len(both["differences"])
    mae = found["paired_mae"]
    assert (mae["first"], mae["second"], mae["better"]) == ("gan", "coarse", "")
    assert mae["p"] == 2 / 2**6
    assert "the smallest p-value is 0.031" in mae["warnings"][0]
    values = {(e["synthetic"], e["key"]): e["value"] for e in both["estimates"]}
    assert mae["value"] == pytest.approx(
        values["gan", "paired_mae"] - values["coarse", "paired_mae"]
    )
    assert (tmp_path / "both/figures/paired.png").is_file()
    kept = ev.load("both")
    assert list(kept.differences["name"]) == list(found)
    assert kept.record.differences[0].key == "paired_mae"
    scores = kept.scores.query("cohort == 'gan' and name == 'paired_psnr' and where == ''")
    assert list(scores["pair"]) == [f"v{i:02d}.nii.gz" for i in range(6)]
    translated("--paired", "file", "--output", "one")
    alone = ev.compute_metrics(
        "real", "coarse", metrics={"paired": {"data_range": 2}}, settings={"paired": "file"}
    )
    assert not len(alone.differences)
    together = ev.compare("one", alone)
    pd.testing.assert_frame_equal(together.differences, kept.differences)
    assert "gan less coarse" in " ".join(str(kept).split())


@pytest.mark.usefixtures("undrawn")
def test_label_maps_on_another_grid_are_moved_by_the_nearest_voxel_and_told(translated, tmp_path):
    """A map stored with its first axis cut short and begun later is the same anatomy."""
    for name in ("maps", "own"):
        (tmp_path / name).mkdir()
    for i, file in enumerate(sorted((tmp_path / "real").iterdir())):
        volume = read_volume(file)
        labels = np.zeros(volume.shape, np.float32)
        labels[5:10, 4:11, 6:12] = 1 + i % 2
        write_nifti(Volume(labels, volume.affine), tmp_path / "maps" / file.name)
        affine = volume.affine.copy()
        affine[:3, 3] += 3 * affine[:3, 0]
        for voxels, folder in ((volume.voxels, "gan"), (labels, "own")):
            write_nifti(Volume(voxels[3:], affine), tmp_path / folder / file.name)
    status, found, err = translated(
        "--paired", "file", "--metrics", "paired_labels,paired", "--real-labels", "maps",
        "--synthetic-labels", "own",
    )  # fmt: skip
    assert status == 0, err
    rows = {row["key"]: row for row in found["estimates"]}
    measures = ("paired_dice", "paired_hd95", "paired_surface")
    assert {k: row["value"] for k, row in rows.items() if row["name"] in measures} == {
        f"paired_{value}_{what}": float(what == "dice")
        for value in (1, 2) for what in ("dice", "hd95", "surface")
    }  # fmt: skip
    told = " ".join(rows["paired_1_dice"]["warnings"])
    assert "6 of 6 synthetic label maps lay on another grid" in told
