"""Statistics of real features stand in for the volumes, and hold none of them."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from evalsuite.config import load_config
from evalsuite.errors import EvalsuiteError
from evalsuite.evaluate import evaluate
from evalsuite.extractors.networks.averaged import Averaged
from evalsuite.extractors.networks.squeezenet import SqueezeNet
from evalsuite.metrics.frechet_distance import frechet_distance
from evalsuite.metrics.frechet_stored import compute, distance_from
from evalsuite.moments import moments
from evalsuite.reference.build import build
from evalsuite.reference.compare import compare
from evalsuite.reference_file import WHOLE, read_reference, write_reference
from evalsuite.resources import Resources
from tests.caveats import sentences
from tests.extractors.seeded import seeded_tensors, shapes_of


def rows(n, d, seed, shift=0.0):
    draw = np.random.default_rng(seed)
    return draw.normal(shift, 1, (n, d)) @ draw.normal(0, 1, (d, d))


# More and fewer rows than features on either side.
@pytest.mark.parametrize(("m", "n", "d"), [(40, 30, 8), (6, 30, 12), (40, 5, 12), (5, 6, 20)])
def test_the_distance_is_that_of_the_rows(m, n, d):
    real, synthetic = rows(m, d, 1), torch.from_numpy(rows(n, d, 2, 0.3))
    expected = frechet_distance(torch.from_numpy(real), synthetic)
    found = distance_from(moments(real), synthetic, np.arange(n))
    assert found.value == pytest.approx(float(expected), rel=1e-9)
    assert found.shares[1].sum() == pytest.approx(0, abs=1e-6 * found.value)


def test_moments_are_mean_and_covariance_and_none_of_the_rows():
    real = rows(5, 9, 3)
    found = moments(real)
    np.testing.assert_allclose(found.mean, real.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.covariance, np.cov(real, rowvar=False), rtol=1e-9, atol=1e-12)
    assert found.n == 5
    assert found.factor.shape == (4, 9)  # of rank n - 1
    centred = real - found.mean
    for kept in (found.factor, found.factor * 2):  # (n - 1)^(1/2) times
        gaps = np.abs(kept[:, None] - centred[None]).max(axis=2)
        assert gaps.min() > 1e-3
    constant = moments(np.ones((4, 3)))
    assert constant.factor.shape == (0, 3)
    twos = torch.full((3, 3), 2.0)
    assert distance_from(constant, twos, np.arange(3)).value == pytest.approx(3)  # 3 x 1^2


def test_influence_is_the_derivative_by_the_weight_of_a_row():
    """A row with a little more weight: numerically, by counting all others k times and it k + 1."""
    real, synthetic = rows(30, 4, 1), rows(12, 4, 2, 0.5)
    known, k = moments(real), 4000

    def weighted(counts):
        total = counts.sum()
        mean = counts @ synthetic / total
        centred = synthetic - mean
        # The unbiased covariance of the 12 rows, its weights moved.
        scale = 12 / 11
        covariance = scale * (centred * counts[:, None]).T @ centred / total
        root = np.linalg.cholesky(covariance)
        s = np.linalg.svd(known.factor @ root, compute_uv=False)
        shift = known.mean - mean
        return shift @ shift + np.trace(known.covariance) + np.trace(covariance) - 2 * s.sum()

    found = distance_from(known, torch.from_numpy(synthetic), np.arange(12))
    value, influence = found.value, 12 * found.shares[1]
    even = np.full(12, float(k))
    assert weighted(even) == pytest.approx(value, rel=1e-9)
    for i in (0, 7):
        counts = even.copy()
        counts[i] += 1
        moved = (weighted(counts) - value) * 12 * k
        assert moved == pytest.approx(influence[i], rel=0.01, abs=0.01)


@pytest.mark.parametrize("difference", [0.0, 0.5])
def test_the_interval_holds_the_mean_over_synthetic_samples(difference):
    """Of 60 volumes, the real moments fixed: 95 % nominal, 100 draws leave 2.2 % of chance."""
    draw = np.random.default_rng(0)
    known = {"": moments(draw.normal(size=(500, 3)))}
    found = []
    for _ in range(100):
        synthetic = torch.from_numpy(draw.normal(difference, 1 + difference / 2, (60, 3)))
        found += compute(known, {"": synthetic}, volumes=500, subjects=np.arange(60))
    mean = np.mean([e.value for e in found])
    held = [e.interval.low <= mean <= e.interval.high for e in found]
    assert 0.91 <= np.mean(held) <= 0.98


def test_rows_of_one_subject_count_once():
    known = {"": moments(rows(50, 3, 1))}
    synthetic = torch.from_numpy(rows(10, 3, 2, 0.4))

    def interval(rows, subjects):
        (found,) = compute(known, {"": rows}, volumes=50, subjects=subjects)
        return found.interval

    alone = interval(synthetic, np.arange(10))
    # Every row twice: the same distance but for the n - 1, and no narrower interval.
    shared = interval(synthetic.repeat_interleave(2, dim=0), np.arange(10).repeat(2))
    assert shared.high - shared.low == pytest.approx(alone.high - alone.low, rel=0.1)
    assert interval(synthetic, np.zeros(10, int)) is None


def test_planes_and_their_mean():
    draw = np.random.default_rng(4)
    real = {plane: draw.normal(size=(6, 5, 3)) for plane in ("axial", "coronal")}
    synthetic = {p: torch.from_numpy(draw.normal(0.2, 1, (4, 5, 3))) for p in real}
    stored = {plane: moments(values.reshape(-1, 3)) for plane, values in real.items()}
    mean, axial, coronal = compute(stored, synthetic, volumes=6, subjects=np.arange(4))
    assert [e.where for e in (mean, axial, coronal)] == [
        (), (("plane", "axial"),), (("plane", "coronal"),)
    ]  # fmt: skip
    assert mean.value == pytest.approx((axial.value + coronal.value) / 2)
    whole = torch.from_numpy(real["axial"].reshape(-1, 3))
    expected = frechet_distance(whole, synthetic["axial"].reshape(-1, 3))
    assert axial.value == pytest.approx(float(expected), rel=1e-9)
    assert (mean.n_real, mean.n_synthetic) == (6, 4)


SETTINGS = {"extractors": ["medicalnet-resnet10-untrained", "radiomics"], "metrics": ["frechet"]}


@pytest.fixture
def compared(make_cohort, tmp_path):
    real, synthetic = make_cohort("patients", 5, seed=1), make_cohort("gan", 4, seed=2, shift=0.3)
    both = {"real": str(real), "synthetic": [str(synthetic)], **SETTINGS}
    resources = Resources(tmp_path / "cache", tell=lambda _: None)
    reference = build(load_config(None, both), resources)
    file = tmp_path / "brains.reference"
    write_reference(reference, file)
    return both, resources, file


def test_against_statistics_as_against_volumes(compared):
    both, resources, file = compared
    full, _ = evaluate(load_config(None, both), resources)
    stored, evidence = compare(
        load_config(None, {"real": str(file), "synthetic": both["synthetic"]}), resources
    )
    expected = {e.extractor: e.value for e in full.estimates if e.name == "frechet_distance"}
    found = {e.extractor: e.value for e in stored.estimates}
    assert found == {name: pytest.approx(v, rel=1e-9) for name, v in expected.items()}
    assert stored.real.fingerprint == full.real.fingerprint
    assert len(stored.real.volumes) == 5
    assert "copies" in sentences(stored.real)[-1]
    assert {table.cohort for table in evidence.features} == {"gan"}
    assert "real ones are taken as they are" in stored.estimates[0].interval.method
    # The default metrics need rows; the sentence names those that were left out.
    told = []
    compare(
        load_config(None, {"real": str(file), "synthetic": both["synthetic"]}),
        replace(resources, tell=told.append),
    )
    assert any("mmd" in sentence and "Left out" in sentence for sentence in told)


def test_the_file_holds_no_row_and_no_name(compared):
    _, _, file = compared
    text = file.read_bytes().decode("latin-1")
    assert "v00" not in text
    assert "patients" not in text
    reference = read_reference(file)
    assert set(reference.statistics) == {(name, WHOLE) for name in SETTINGS["extractors"]}
    assert reference.record["real"]["volumes"] == 5
    assert {len(tensor) for name, tensor in load_file(file).items() if "factor" in name} == {4}


def test_what_statistics_cannot_answer_is_refused(compared, tmp_path):
    both, resources, file = compared
    against = {"real": str(file), "synthetic": both["synthetic"]}
    for more, told in (
        ({"metrics": ["mmd"]}, "hold no row of a real volume, which mmd needs"),
        ({"by": "sex"}, "--training and --by need those"),
    ):
        with pytest.raises(EvalsuiteError, match=told):
            compare(load_config(None, {**against, **more}), resources)
    with pytest.raises(EvalsuiteError, match="made with other settings of preprocessing"):
        load_config(None, {**against, "preprocessing.shape": [9, 9, 9]})
    with pytest.raises(EvalsuiteError, match="made with other settings of protocol"):
        load_config(None, {**against, "protocol": "wdm-3d"})


def test_files_that_are_none_are_told(compared, tmp_path):
    _, _, file = compared
    with pytest.raises(EvalsuiteError, match="exists already"):
        write_reference(read_reference(file), file)
    with pytest.raises(EvalsuiteError, match=r"ends in \.reference"):
        write_reference(read_reference(file), tmp_path / "x.npz")
    broken = tmp_path / "broken.reference"
    broken.write_bytes(file.read_bytes()[:50])
    with pytest.raises(EvalsuiteError, match="damaged"):
        read_reference(broken)
    with pytest.raises(EvalsuiteError, match="does not exist"):
        load_config(None, {"real": "gone.reference", "synthetic": ["b"]})
    newer = tmp_path / "newer.reference"
    newer.write_bytes(file.read_bytes().replace(b'"version":"1"', b'"version":"9"'))
    with pytest.raises(EvalsuiteError, match="of a newer evalsuite"):
        read_reference(newer)


def test_small_slices_and_other_inputs_are_told_with_the_statistics_and_what_compares(
    make_cohort, tmp_path
):
    real, synthetic = (
        make_cohort(name, 2, seed=seed, shape=(20, 20, 20))
        for seed, name in enumerate(("patients", "gan"))
    )
    told = []
    resources = Resources(tmp_path / "cache", tell=told.append)
    weights = tmp_path / "seeded.pth"
    torch.save(seeded_tensors(shapes_of(SqueezeNet())), weights)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    (tmp_path / "seeded.pth.sha256").write_text(f"{digest}  seeded.pth\n")
    settings = {
        "synthetic": [str(synthetic)],
        "extractors": ["squeezenet1_1", "radiomics-frd-v0"],
        "weights": {"": str(weights)},
        "metrics": ["frechet"],
        "preprocessing.orientation": "RAS",  # of FRD native
    }
    reference = build(load_config(None, {"real": str(real), **settings}), resources)
    assert any("features rest on one or two places" in sentence for sentence in told)
    assert any("is made for orientation native" in sentence for sentence in told)
    write_reference(reference, tmp_path / "b.reference")
    against = {"real": str(tmp_path / "b.reference"), "weights": {"": str(weights)}}
    found, _ = compare(load_config(None, {**against, "synthetic": [str(synthetic)]}), resources)
    warnings = {e.extractor: " ".join(sentences(e)) for e in found.estimates}
    assert "features rest on one or two places" in warnings["squeezenet1_1"]
    assert "is made for orientation native" in warnings["radiomics-frd-v0"]


def test_layers_of_one_network_take_one_pass_on_either_side(make_cohort, tmp_path, monkeypatch):
    real, synthetic = make_cohort("patients", 4, seed=1), make_cohort("gan", 4, seed=2)
    passes = []
    after = Averaged.after

    def counted(self, volumes, counts):
        passes.append(counts)
        return after(self, volumes, counts)

    monkeypatch.setattr(Averaged, "after", counted)
    name = "medicalnet-resnet10-untrained"
    both = {
        "synthetic": [str(synthetic)],
        "extractors": [f"{name}@layer1", name],
        "metrics": ["frechet"],
    }
    resources = Resources(tmp_path / "cache", tell=lambda _: None)
    reference = build(load_config(None, {"real": str(real), **both}), resources)
    write_reference(reference, tmp_path / "b.reference")
    against = {"real": str(tmp_path / "b.reference"), "synthetic": [str(synthetic)]}
    found, _ = compare(load_config(None, against), resources)
    assert passes == [[5, 2]] * 2
    assert [e.extractor for e in found.estimates] == both["extractors"]


def test_command(make_cohort, cli, tmp_path):
    make_cohort("real", 4, seed=1)
    make_cohort("gan", 4, seed=2)
    quick = ("--extractor", "medicalnet-resnet10-untrained", "--cache", "c")
    status, out, err = cli(
        "reference", "build", "--real", "real", "--output", "r.reference", *quick,
        "--shape", "24,16,16", "--spacing", "1,1,1.5",
    )  # fmt: skip
    assert (status, out) == (0, "")
    steps = read_reference(tmp_path / "r.reference").record["preparations"]
    real = steps["medicalnet-resnet10-untrained"]["real"]
    assert (real["shape"], real["spacing"]) == ([24, 16, 16], [1, 1, 1.5])
    twice = ("--shape", "24,16,16", "--set", "preprocessing.shape=[9,9,9]")
    status, _, err_twice = cli(
        "reference", "build", "--real", "real", "--output", "q.reference", *quick, *twice
    )
    assert (status, "option of that name" in err_twice) == (2, True)
    assert "Think twice before you share them" in err
    assert not list(tmp_path.glob("*.part"))
    status, out, _ = cli(
        "compute-metrics", "--real", "r.reference", "--synthetic", "gan", "--cache", "c",
        "--no-tracking", "--json",
    )  # fmt: skip
    assert status == 0
    (estimate,) = json.loads(out)["estimates"]
    assert estimate["key"] == "frechet_distance"
    status, _, err = cli("reference", "build", "--real", "real", "--output", "r.reference", *quick)
    assert (status, err.count("\n")) == (1, 1)
