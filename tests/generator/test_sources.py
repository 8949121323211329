"""Functions of others as generators: entry points of `evalsuite.generators`, `module:function`."""

import csv
import json
import random

import nibabel
import numpy as np
import pytest
import torch

from evalsuite.errors import EvalsuiteError
from evalsuite.volumes.check import check_cohort
from evalsuite.volumes.geometry import Geometry
from evalsuite.volumes.read import read_volume
from evalsuite.volumes.sources import read_cohort
from generator.samples import sample_from
from generator.sources.source import SourceOptions
from tests.generator import toys
from tests.packages import installed


@pytest.fixture
def draw(tmp_path):
    """Sample from a toy and return the folder, with what was said in `said`."""

    def run(name, n=3, *, folder="out", seed=1, **options):
        output = tmp_path / folder
        options = SourceOptions(log=output / "traceback.txt", **options)
        run.said = sample_from(f"tests.generator.toys:{name}", output, n, {"seed": seed}, options)
        return output

    return run


def voxels(folder):
    return [read_volume(path).voxels for path in sorted(folder.glob("sample_*.nii.gz"))]


def sidecar(folder, i=0):
    return json.loads((folder / f"sample_{i:05d}.json").read_text())


def rows(folder):
    with (folder / "samples.tsv").open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.mark.parametrize(
    ("form", "axes", "unstated"),
    [
        ("arrays", (1, 1, 1), ["spacing", "orientation"]),
        ("iterator", (1, 1, 1), ["spacing", "orientation"]),
        ("batch", (1, 1, 1), ["spacing", "orientation"]),
        ("declared", (-1, -1.5, 2), []),
        ("covariates", (-1, -1.5, 2), []),
        ("images", None, []),
        ("placed", None, []),
        ("tensors", None, []),
    ],
)
def test_volumes_in_any_form_are_the_same_samples(draw, form, axes, unstated):
    folder = draw(form, n=2)
    for found, seed in zip(voxels(folder), (rows(folder)), strict=True):
        # What the record says can be done by hand.
        (expected,) = toys.arrays(1, int(seed["block_seed"]))
        np.testing.assert_array_equal(found, expected)
    affine = read_volume(folder / "sample_00000.nii.gz").affine
    expected = toys.AFFINE if axes is None else np.diag([*axes, 1])
    np.testing.assert_allclose(affine[:3, :3], expected[:3, :3], atol=1e-6)
    assert sidecar(folder)["Unstated"] == unstated
    assert (folder / "contact_sheet.png").stat().st_size > 1000


def test_a_sample_follows_from_seed_and_index_alone(draw):
    together = draw("arrays", 4)
    some = draw("arrays", 1, folder="some")
    draw("arrays", 4, folder="some")
    for i in range(4):
        name = f"sample_{i:05d}.nii.gz"
        assert (together / name).read_bytes() == (some / name).read_bytes()
    other = draw("arrays", 1, folder="other", seed=2)
    assert not np.allclose(voxels(other)[0], voxels(together)[0])


def test_global_random_numbers_follow_the_seed_and_are_left_as_they_were(draw):
    def states():
        return torch.get_rng_state().tolist(), repr(np.random.get_state()), random.getstate()  # noqa: NPY002

    before = states()
    folder = draw("global_numbers", 2)
    assert states() == before
    assert json.loads((folder / "generator.json").read_text())["Repeatable"] is True
    a, b = voxels(folder)
    assert not np.allclose(a, b)


def test_samples_made_together_follow_from_seed_and_block(draw):
    folder = draw("arrays", 3, block=2)
    first, second, third = rows(folder)
    assert first["block_seed"] == second["block_seed"] != third["block_seed"]
    for found, expected in zip(
        voxels(folder), toys.arrays(2, int(first["block_seed"])), strict=False
    ):
        np.testing.assert_array_equal(found, expected)
    assert sidecar(folder)["Block"] == 2
    draw("arrays", 4, block=2)  # the fourth is of the block of the third
    np.testing.assert_array_equal(voxels(folder)[3], toys.arrays(2, int(third["block_seed"]))[1])
    with pytest.raises(EvalsuiteError, match=r"holds samples of another Block \(2\)"):
        draw("arrays", 3, block=1)


@pytest.mark.parametrize("block", [1, 4])
def test_a_network_that_mixes_its_batch_gives_the_same_samples_however_many_are_asked_for(
    draw, block
):
    few, many = (draw("mixes", n, folder=f"{n}", block=block) for n in (3, 6))
    for a, b in zip(voxels(few), voxels(many), strict=False):
        np.testing.assert_array_equal(a, b)


def test_provenance_says_what_made_the_samples(draw):
    folder = draw("declared", 1, settings={})
    found = sidecar(folder)
    assert found["Synthetic"] is True
    assert found["Function"] == "tests.generator.toys:declared"
    assert (found["IntensityUnits"], found["Spacing"], found["Orientation"]) == (
        "HU", [1, 1.5, 2], "LPS",
    )  # fmt: skip
    record = json.loads((folder / "generator.json").read_text())
    assert set(record["Files"]) == {"toys.py"}
    assert record["WeightsSHA256"] == rows(folder)[0]["weights_sha256"]
    assert record["DifferenceWhenRepeated"] == 0
    assert record["Environment"]["packages"]["torch"]


def test_settings_pass_through_and_are_recorded(draw):
    folder = draw("arrays", 1, settings={"width": 1.0})
    seed = int(rows(folder)[0]["block_seed"])
    np.testing.assert_array_equal(voxels(folder)[0], toys.arrays(1, seed, width=1.0)[0])
    assert sidecar(folder)["Settings"] == {"width": 1.0}
    with pytest.raises(EvalsuiteError, match="holds samples of another Settings"):
        draw("arrays", 1, settings={"width": 3.0})
    with pytest.raises(EvalsuiteError, match='Unknown setting "widht". Did you mean "width"?'):
        draw("arrays", 1, settings={"widht": 1.0}, folder="new")


def test_what_nobody_stated_stays_unstated_until_it_is_stated(draw):
    folder = draw("arrays", 2)
    assert "does not state the voxel spacing and orientation of its volumes" in draw.said
    header = nibabel.load(folder / "sample_00000.nii.gz").header
    assert (header["sform_code"], header["qform_code"]) == (0, 0)
    cohort = check_cohort(read_cohort(str(folder / "samples.tsv"), name="s", role="synthetic"))
    assert "geometry-assumed" in {warning.code for warning in cohort.warnings}
    stated = draw("arrays", 2, folder="stated", assumed=Geometry((1, 1, 2), "LAS"))
    assert "does not state" not in draw.said
    image = nibabel.load(stated / "sample_00000.nii.gz")
    assert "".join(nibabel.aff2axcodes(image.affine)) == "LAS"
    assert image.header.get_zooms() == (1, 1, 2)


def test_an_orientation_without_a_spacing_stands_in_the_manifest(draw):
    folder = draw("turned", 1)
    assert "does not state the voxel spacing of its volumes" in draw.said
    cohort = check_cohort(read_cohort(str(folder / "samples.tsv"), name="s", role="synthetic"))
    assert cohort.infos[0].orientation == "LAS"
    assert cohort.infos[0].remarks.unstated == ("spacing", "orientation")


def test_further_images_lie_in_folders_of_their_own(draw):
    folder = draw("labelled", 2)
    cohort = check_cohort(read_cohort(str(folder / "samples.tsv"), name="s", role="synthetic"))
    assert len(cohort.entries) == 2
    label = read_volume(folder / rows(folder)[1]["label"])
    np.testing.assert_array_equal(label.voxels, voxels(folder)[1] > 0)
    folder = draw("sequences", 2, folder="sequences")
    second = read_volume(folder / rows(folder)[1]["t2"])
    np.testing.assert_allclose(second.voxels, 2 * voxels(folder)[1])


def test_covariates_are_columns_of_the_manifest_however_often_it_goes_on(draw):
    draw("covariates", 1)
    folder = draw("covariates", 2)
    assert [row["age"] for row in rows(folder)] == [
        str(int(row["block_seed"]) % 90) for row in rows(folder)
    ]


def test_a_generator_that_does_not_follow_its_seed_is_told(draw):
    folder = draw("unseeded", 2)
    assert "with one seed differ by" in draw.said
    record = json.loads((folder / "generator.json").read_text())
    assert record["Repeatable"] is False
    assert record["DifferenceWhenRepeated"] > 0.01
    draw("arrays", 2, folder="seeded")
    assert "one seed" not in draw.said


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("always_the_same", "are all alike"),
        ("copies", "are copies of one another: sample_0000"),
    ],
)
def test_samples_that_are_copies_are_told(draw, name, message):
    with pytest.raises(EvalsuiteError, match=message):
        draw(name, 6)


def test_odd_shapes_are_written_and_told(draw):
    folder = draw("odd_shapes", 6)
    assert "The samples lie on several grids" in draw.said
    shapes = {volume.shape for volume in voxels(folder)}
    assert len(shapes) > 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fails", r"its code failed while it made sample 0 \(RuntimeError: CUDA out of memory\)"),
        ("slices", "float32 of 2 axes; expected numbers along x, y and z"),
        ("too_many", "returned 4 volumes where 1 were asked for. Pass --block 4"),
        ("not_finite", "Sample 0 was not written: it has voxels that are not finite"),
        ("constant", "Sample 0 was not written: all its voxels are -1000"),
        ("singular", "voxel spacing is 1 x 0 x 1 mm"),
        ("complex_numbers", "complex"),
        ("nothing", "it returned NoneType; expected volumes, such as a list of arrays"),
        ("NO_FUNCTION", "it is int; expected a function of n and seed"),
        ("no_such_name", r"its code failed when it was imported \(AttributeError"),
    ],
)
def test_code_that_fails_is_one_sentence_that_names_it(draw, tmp_path, name, message):
    with pytest.raises(EvalsuiteError, match=message) as told:
        draw(name, 1)
    assert "\n" not in str(told.value)
    assert name in str(told.value) or "Sample 0" in str(told.value)
    if "its code failed" in message:
        assert "Traceback (most recent call last)" in (tmp_path / "out/traceback.txt").read_text()
        assert "traceback.txt" in str(told.value)


def test_the_command_takes_all_of_it(cli, runs, tmp_path):
    (tmp_path / "mine_of_the_folder.py").write_text("from tests.generator.toys import arrays\n")
    status, out, err = cli(
        "generator", "sample", "mine_of_the_folder:arrays", "-n", 2, "--output", "out",
        "--set", "width=1.5", "--assume-spacing", "1,1,2", "--assume-orientation", "las",
    )  # fmt: skip
    assert (status, out) == (0, "")
    assert "--synthetic out/samples.tsv" in err
    assert sidecar(tmp_path / "out")["Orientation"] == "LAS"
    (run,) = runs("evalsuite-generator").values()
    assert run.info.run_name == "2 samples of mine_of_the_folder:arrays, seed 0"
    assert run.data.params["Orientation"] == "LAS"
    cohort = check_cohort(read_cohort(str(tmp_path / "out"), name="s", role="synthetic"))
    assert run.data.tags["evalsuite.sampled_sha256"] == cohort.fingerprint
    assert "evalsuite.made_from" not in run.data.tags  # nobody trained it here


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere",), "nowhere: there is no such folder. Unknown generator"),
        (("no_such_module:f",), "failed when it was imported (ModuleNotFoundError: No module"),
        (("tests.generator.toys:arrays", "--steps", "3"), "the option --steps is for generators"),
        (("tests.generator.toys:arrays", "--class", "a"), "the option --class is for generators"),
        ((".",), "it holds no generator. Name a folder that"),
        (
            ("tests.generator.toys:arrays", "--assume-orientation", "XYZ"),
            "The assumed geometry cannot be used: Expected a letter for each axis",
        ),
    ],
)
def test_mistakes_are_told_before_any_work(cli, arguments, message):
    status, out, err = cli(
        "generator", "sample", *arguments, "--output", "out", "-n", "1", "--no-tracking"
    )
    assert (status, out) == (1, "")
    assert message in err
    assert len(err.splitlines()) == 1


def test_options_of_others_are_refused_for_a_generator_of_ours(tmp_path):
    (tmp_path / "run/generator").mkdir(parents=True)
    for options in ({"settings": {"steps": 3}}, {"block": 2}, {"trust": True}):
        with pytest.raises(EvalsuiteError, match="is for generators that evalsuite has not"):
            sample_from(str(tmp_path / "run"), tmp_path, 1, {"seed": 0}, SourceOptions(**options))


def test_entry_points_of_packages_are_listed_and_sampled(cli, tmp_path, monkeypatch):
    source = "import numpy\n\ndef noise(n, seed):\n    '''White noise.'''\n"
    source += "    return numpy.random.default_rng(seed).normal(size=(n, 6, 5, 4))\n"
    points = '[project.entry-points."evalsuite.generators"]\n'
    points += 'white-noise = "example_noise:noise"\nbroken = "no_such_module:f"\n'
    installed(tmp_path / "package", {"example_noise.py": source}, points)
    monkeypatch.syspath_prepend(tmp_path / "package")
    status, listed, _ = cli("generator", "list", "--json")
    found = {row["name"]: row for row in json.loads(listed)}
    assert found["white-noise"] == {
        "name": "white-noise", "package": "example 1.0", "summary": "White noise.",
    }  # fmt: skip
    assert "cannot be loaded" in found["broken"]["summary"]
    assert (
        cli("generator", "sample", "white-noise", "-n", "2", "--output", "out", "--no-tracking")[0]
        == 0
    )
    assert sidecar(tmp_path / "out")["Version"] == "example 1.0"
    files = json.loads((tmp_path / "out/generator.json").read_text())["Files"]
    assert set(files) == {"example_noise.py"}
    status, _, err = cli("generator", "sample", "white-nois", "--output", "new", "--no-tracking")
    assert (status, err.count("\n")) == (1, 1)
    assert 'Did you mean "white-noise"?' in err


def test_simulated_brains_are_a_generator(tmp_path):
    pytest.importorskip("nilearn")
    options = SourceOptions(settings={"spacing": 8.0})
    name = "generator.simulated:simulated_brains"
    sample_from(name, tmp_path / "out", 2, {"seed": 0}, options)
    image = nibabel.load(tmp_path / "out/sample_00001.nii.gz")
    assert image.header.get_zooms() == (8, 8, 8)
    assert "".join(nibabel.aff2axcodes(image.affine)) == "RAS"
