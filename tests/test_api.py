"""`import evalsuite as ev` does what the commands do, of files and of volumes in memory."""

import json
import re
import subprocess
import sys
import tomllib
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch

import evalsuite as ev
from evalsuite.metrics import mmd
from evalsuite.volumes.sources import read_cohort
from tests.caveats import sentences

ROOT = Path(__file__).parents[1]
SMALL = (9, 10, 11)
GRID = {"spacing": (1, 1, 1), "orientation": "RAS"}
QUICK = {
    "extractors": "radiomics",
    "metrics": {"frechet": {}, "mmd": {"permutations": 20}, "realism": {}},
    "workers": 1,
}


def voxels(folder):
    return np.stack(
        [nib.load(file).get_fdata(dtype=np.float32) for file in sorted(folder.iterdir())]
    )


@pytest.fixture
def cohorts(make_cohort):
    return make_cohort("real", 6, shape=SMALL), make_cohort("gan", 6, seed=1, shape=SMALL)


def numbers(evaluation):
    return evaluation.to_frame()[["name", "value", "low", "high", "reference"]].to_numpy().tolist()


def same(one, other):
    np.testing.assert_equal(numbers(one), numbers(other))


def test_volumes_in_memory_give_the_numbers_of_the_command(cli, cohorts):
    real, synthetic = cohorts
    status, out, _ = cli(
        "compute-metrics", "--real", real, "--synthetic", synthetic, "--extractor", "radiomics",
        "--metrics", "frechet,mmd,realism", "--set", "metrics.mmd.permutations=20",
        "--workers", 1, "--no-tracking", "--output", "out", "--json",
    )  # fmt: skip
    assert status == 0
    command = ev.load("out")
    assert len(command.estimates) == len(json.loads(out)["estimates"]) == 6
    R, S = voxels(real), torch.from_numpy(voxels(synthetic))
    same(ev.compute_metrics(real, str(synthetic), **QUICK), command)
    held = ev.Volumes(R, **GRID), {"gan": ev.Volumes((s[None] for s in S), **GRID)}
    same(ev.compute_metrics(*held, **QUICK), command)
    affine = [ev.Volume(r, np.diag([1.0, 1, 1, 1])) for r in R]
    same(ev.compute_metrics(affine, {"gan": ev.Volumes(S[:, None], **GRID)}, **QUICK), command)
    files = sorted(real.iterdir()), {"gan": read_cohort(str(synthetic), name="x", role="real")}
    found = ev.compute_metrics(*files, **QUICK)
    same(found, command)
    assert found.record.real.fingerprint == command.record.real.fingerprint
    assert found.record.synthetic[0].volumes == command.record.synthetic[0].volumes
    written = pd.read_csv("out/volume_scores.csv", keep_default_na=False)
    pd.testing.assert_frame_equal(command.scores, written)


def test_arrays_are_known_by_their_content(cohorts):
    R, S = map(voxels, cohorts)

    def record(real, synthetic, **more):
        stated = ev.Volumes(real, **GRID), ev.Volumes(synthetic, **(GRID | more))
        return ev.compute_metrics(*stated, **QUICK).record

    first, again = record(R, S), record(np.asfortranarray(R), torch.from_numpy(S))
    assert first.config_hash == again.config_hash
    assert first.real.source == "6 volumes of real in memory"
    assert first.real.volumes[:2] == ("volume 0", "volume 1")
    other = S.copy()
    other[3, 0, 0, 0] += 1e-3
    assert record(R, other).synthetic[0].fingerprint != first.synthetic[0].fingerprint
    assert record(R, S, spacing=(1, 1, 2)).config_hash != first.config_hash


def test_subjects_and_covariates_of_arrays_count(cohorts):
    R, S = map(voxels, cohorts)
    subjects = [0, 0, 1, 2, 3, 4]
    sex = {"sex": ["f", "m"] * 3}
    found = ev.compute_metrics(
        ev.Volumes(R, **GRID, subjects=subjects, covariates=sex),
        ev.Volumes(S, **GRID, covariates=sex),
        by="sex",
        **QUICK,
    )
    assert found.record.real.subjects == 5
    assert set(found.to_frame()["group"].dropna()) >= {"sex=f", "sex=m"}
    unstated = ev.compute_metrics(R, S, **QUICK)
    assert "do not state their voxel spacing" in sentences(unstated.record.real)[0]


def test_settings_and_protocols_are_recorded(cohorts):
    found = ev.compute_metrics(
        *cohorts, seed=3, settings={"preprocessing.shape": [8, 8, 8]}, **QUICK
    )
    assert found.record.config["seed"] == found.declared["seed"] == 3
    assert found.record.config["preprocessing"]["shape"] == [8, 8, 8]
    with pytest.raises(ev.EvalsuiteError, match='settings: "seed" is given as an argument'):
        ev.compute_metrics(*cohorts, seed=3, settings={"seed": 4}, **QUICK)
    followed = ev.compute_metrics(*cohorts, protocol="frd-v1", workers=1)
    assert followed.record.protocol == "frd-v1"


def test_an_evaluation_is_saved_and_loaded(cohorts, tmp_path):
    found = ev.compute_metrics(*cohorts, **QUICK)
    kept = found.save(tmp_path / "out")
    assert kept.record == ev.load(tmp_path / "out").record == found.record
    assert kept.declared == found.declared
    pd.testing.assert_frame_equal(kept.scores, found.scores)
    for one, other in zip(kept.evidence.features, found.evidence.features, strict=True):
        assert (one.cohort, one.volumes) == (other.cohort, other.volumes)
        np.testing.assert_array_equal(one.values, other.values)
    assert (tmp_path / "out/figures/cohorts.png").is_file()
    assert repr(found) == "<Evaluation of gan (6) against real (6): 6 estimates>"
    assert repr(kept) == f"{repr(found)[:-1]}, in {tmp_path / 'out'}>"
    assert "frechet_distance" in str(found)
    assert "<pre" in found._repr_html_()
    assert "within real" in found._repr_html_()
    with pytest.raises(ev.EvalsuiteError, match="lies in .*out already"):
        kept.save(tmp_path / "other")
    with pytest.raises(ev.EvalsuiteError, match="is not empty"):
        found.save(tmp_path / "out")
    with pytest.raises(ev.EvalsuiteError, match='"privacy" has nothing to show'):
        found.plot("privacy")
    assert found.plot().get_figwidth() > 5


def test_evaluations_stand_side_by_side_only_if_they_may(cohorts, make_cohort):
    real, synthetic = cohorts
    first = ev.compute_metrics(real, synthetic, **QUICK)
    second = ev.compute_metrics(real, {"ddpm": make_cohort("x", 6, seed=2, shape=SMALL)}, **QUICK)
    both = ev.compare(first, second)
    assert [cohort.name for cohort in both.record.synthetic] == ["gan", "ddpm"]
    assert both.estimates == first.estimates + second.estimates
    assert set(both.scores["against"]) == {"real", "gan", "ddpm"}
    assert len(both.scores) == len(first.scores) + len(second.scores)
    moved = ev.compute_metrics(real, synthetic, **QUICK, settings={"preset": "ct"})
    with pytest.raises(ev.EvalsuiteError, match="evaluation 2 may not stand beside evaluation 1"):
        ev.compare(first, moved)
    other = ev.compute_metrics(real, {"gan": make_cohort("y", 6, seed=3, shape=SMALL)}, **QUICK)
    with pytest.warns(UserWarning, match=r"is called gan \(evaluation 2\) here"):
        ev.compare(first, other)
    with pytest.raises(ev.EvalsuiteError, match="save them first"):
        ev.report("report", evaluations=[first])


FAULTS = {
    "real: one array of the shape 3 x 3 x 3; expected": np.zeros((3, 3, 3)),
    "real, volume 0: float64 of 2 axes": [np.zeros((3, 3))],
    "real, volume 0: complex64 of 3 axes": [np.zeros((3, 3, 3), np.complex64)],
    "real: there are no volumes": [],
    "real: 1 values of subject for 2 volumes": ev.Volumes(np.eye(27)[:2].reshape(2, 3, 3, 3), subjects="a"),
    "real: Expected three positive numbers": ev.Volumes(np.zeros((1, 3, 3, 3)), spacing=(1, 1)),
    "real/volume 1.npy: all its voxels are 0": np.eye(27)[:3].reshape(3, 3, 3, 3) * [[[[1]]], [[[0]]], [[[1]]]],
}  # fmt: skip


@pytest.mark.parametrize("message", FAULTS)
def test_faults_of_arrays_are_told(message, cohorts):
    with pytest.raises(ev.EvalsuiteError, match=re.escape(message)):
        ev.compute_metrics(FAULTS[message], cohorts[1], **QUICK)


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor, list])
def test_metrics_are_functions_of_arrays(kind):
    rng = np.random.default_rng(0)
    real, synthetic = rng.normal(size=(20, 3)), rng.normal(size=(18, 3)) + 0.5
    found = ev.estimates("mmd", kind(real), kind(synthetic), options={"permutations": 9}, seed=4)
    tensors = torch.from_numpy(real), torch.from_numpy(synthetic)
    assert list(found) == mmd.compute(*tensors, permutations=9, seed=4)
    by_name = {estimate.name: estimate.value for estimate in found}
    assert ev.kid(kind(real), kind(synthetic)) == by_name["kid"]
    distance = ev.frechet_distance(kind(real), kind(synthetic))
    estimate = ev.estimates("frechet", kind(real), kind(synthetic))[0].value
    assert distance == pytest.approx(estimate, rel=1e-12)  # its derivative takes another order


def test_metrics_of_voxels_and_subjects_are_functions_too(cohorts):
    R, S = map(voxels, cohorts)
    found = ev.estimates(
        "ms_ssim", R, S, options={"pairs": 5}, subjects=([0, 0, 1, 2, 3, 4], range(6))
    )
    assert found[0].name == "ms_ssim"
    assert 0 < found[0].value < 1
    with pytest.raises(ev.EvalsuiteError, match="Compute it with compute_metrics"):
        ev.estimates("anatomy", R, S)
    with pytest.raises(ev.EvalsuiteError, match='Unknown metric "mdd"'):
        ev.estimates("mdd", R, S)


def test_nothing_is_imported_before_it_is_used():
    code = (
        "import sys; before = set(sys.modules); import evalsuite; "
        "print(sorted(m for m in set(sys.modules) - before if '.' in m or m in sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "numpy" not in done.stdout
    assert "typing" not in done.stdout
    assert "evalsuite." not in done.stdout


def test_public_names_are_there_typed_and_no_file_hides_them():
    for name in ev.__all__:
        assert getattr(ev, name).__module__.startswith("evalsuite.")
        assert not (
            ROOT / f"evalsuite/{name}.py"
        ).exists()  # once imported, it would be found first
        assert not (ROOT / f"evalsuite/{name}").exists()
    assert set(ev.__all__) == set(ev._HOMES) <= set(dir(ev))
    source = (ROOT / "evalsuite/__init__.py").read_text()
    typed = re.findall(r"^    from (\S+) import (.+)$", source, re.MULTILINE)
    assert {n: home for home, names in typed for n in names.split(", ")} == ev._HOMES
    with pytest.raises(AttributeError, match="module 'evalsuite' has no attribute 'nothing'"):
        _ = ev.nothing
    packed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert "py.typed" in packed["package-data"]["evalsuite"]
    assert (ROOT / "evalsuite/py.typed").is_file()


def test_a_script_without_a_guard_is_told_of_it(make_cohort, tmp_path):
    make_cohort("real", 6, shape=SMALL)
    script = tmp_path / "script.py"
    script.write_text(
        "import evalsuite as ev\n"
        "from evalsuite import features\n"
        "features.STARTING = -1\n"  # as if the volumes were many
        "ev.compute_metrics('real', {'copy': 'real'}, extractors='radiomics', metrics='frechet', workers=2,\n"
        "    settings={'allow_leakage': True})\n"
    )
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert 'below `if __name__ == "__main__":`' in done.stderr.splitlines()[-1]


def test_the_page_about_python_is_true(make_cohort, tmp_path, monkeypatch, capsys):
    for seed, name in enumerate(("data/real", "out/a", "out/b")):
        make_cohort(name, 4, seed=seed, shape=SMALL)
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs/how-to/python.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    space = {"samples": torch.rand(4, *SMALL)}
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", DeprecationWarning)  # pyparsing's is a UserWarning as well
        exec(code, space)
    assert (tmp_path / "report/report.html").is_file()
    assert "vqgan" in capsys.readouterr().out
    assert isinstance(space["table"], pd.DataFrame)
