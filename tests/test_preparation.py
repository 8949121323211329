"""Extractors with different inputs stand in one evaluation; what they saw is told and recorded."""

import json
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from evalsuite import feature_tables, plugins
from evalsuite.config import load_config
from evalsuite.errors import EvalsuiteError
from evalsuite.evaluate import evaluate
from evalsuite.extractors.extractor import ExtractorOptions
from evalsuite.extractors.slices import Slices, slice_extractor
from evalsuite.metrics.metric import Metric, on_features
from evalsuite.preparation import prepared
from evalsuite.records import Estimate
from evalsuite.resources import Resources
from evalsuite.volumes.check import check_cohort
from evalsuite.volumes.intensity import WindowIntensity
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.read import read_volume
from evalsuite.volumes.sources import read_cohort
from evalsuite.volumes.volume import Volume
from evalsuite.volumes.write import write_nifti
from tests.caveats import sentences

QUICK = {"metrics": {"frechet": {}, "mmd": {"permutations": 20}, "realism": {}}}
COARSE = {
    "orientation": "SPL",
    "spacing": (4.0, 2.0, 3.0),
    "shape": (4, 7, 5),
    "interpolation": "linear",
    "intensity": {"kind": "zscore", "over": "all"},
}


@dataclass
class Moments:
    """Keeps what it sees of every volume."""

    name: str
    wants: dict = field(default_factory=dict)
    fingerprint: dict = field(default_factory=dict)
    warnings: tuple = ()
    parallel: str = "batch"
    standardise: bool = False
    slices: None = None
    seen: list = field(default_factory=list)

    def __post_init__(self):
        self.fingerprint = {"moments of": self.name}

    def __call__(self, voxels):
        self.seen += list(voxels)
        flat = voxels.reshape(len(voxels), -1)
        return np.stack([flat.mean(1), flat.std(1), flat.max(1)], axis=1)


class Means2D(torch.nn.Module):
    def forward(self, images):
        return torch.stack([images.mean((1, 2, 3)), images.std((1, 2, 3))], dim=1)


def extractors():
    slices = Slices(planes=("axial", "coronal"), share=0.5, intensity={"per": "slice"})
    return {
        "plain": Moments("plain"),
        "coarse": Moments("coarse", wants=COARSE),
        "sliced": slice_extractor(
            "sliced", Means2D, slices, {"architecture": "means"}, ExtractorOptions(),
            wants={"axes": "zyx", "shape": (9, 10, 11), "padding": 0.5},
        ),
    }  # fmt: skip


@pytest.fixture
def known(monkeypatch):
    """Let the evaluation know the extractors above, and return them."""
    known = extractors()
    monkeypatch.setattr(feature_tables, "load_extractor", lambda name, options: known[name])
    return known


@pytest.fixture
def run(known, tmp_path):
    def run(real, *synthetic, names=("plain", "coarse", "sliced"), **settings):
        declared = {"real": str(real), "synthetic": [str(s) for s in synthetic], **QUICK}
        config = load_config(None, {**declared, "extractors": list(names), **settings})
        return evaluate(config, Resources(cache=tmp_path / "features", workers=1))

    return run


def test_several_inputs_give_the_numbers_of_each_alone(run, make_cohort, tmp_path):
    cohorts = make_cohort("real", 9), make_cohort("gan", 8, seed=1)
    together, _ = run(*cohorts)
    (tmp_path / "features").rename(tmp_path / "moved away")
    for name in extractors():
        alone, _ = run(*cohorts, names=[name])
        own = [e for e in together.estimates if e.extractor == name]
        assert own
        assert repr(own) == repr(list(alone.estimates))
        assert together.config["extractors"][name] == alone.config["extractors"][name]


def test_each_extractor_sees_what_it_wants(run, known, make_cohort):
    real, synthetic = make_cohort("real", 4), make_cohort("gan", 4, seed=1)
    result, _ = run(real, synthetic)
    cohort = check_cohort(read_cohort(str(real), name="real", role="real"))
    volumes = [entry.read() for entry in cohort.entries]
    for name, steps in (
        ("plain", Preprocessing(spacing=(1, 1, 1), shape=(14, 15, 16))),
        ("coarse", Preprocessing(**COARSE)),
    ):
        for found, volume in zip(known[name].seen, volumes, strict=False):
            np.testing.assert_array_equal(found, steps.apply(volume).voxels)
        assert result.config["extractors"][name]["preprocessing"]["hash"] == steps.hash
        assert "overridden" not in result.config["extractors"][name]
    assert (
        result.config["preprocessing"]["hash"]
        == Preprocessing(spacing=(1, 1, 1), shape=(14, 15, 16)).hash
    )
    assert json.dumps(result.config)


def test_what_the_user_overrides_is_told_on_its_numbers_and_recorded(run, make_cohort):
    real, synthetic = make_cohort("real", 4), make_cohort("gan", 4, seed=1)
    settings = {"preprocessing.spacing": [2.0, 3.0, 4.0], "preprocessing.intensity.kind": "minmax"}
    result, _ = run(real, synthetic, **settings)
    record = result.config["extractors"]["coarse"]
    # The user's spacing is along the axes of RAS, the extractor's along those of SPL.
    assert record["preprocessing"]["spacing"] == [4.0, 3.0, 2.0]
    assert record["overridden"] == {
        "spacing": [4.0, 2.0, 3.0], "intensity": {"kind": "zscore", "over": "all"}
    }  # fmt: skip
    told = (
        "The extractor is made for spacing 4,2,3, not 4,3,2 and intensity zscore (over all), not "
        "minmax (range 0,1), which the settings give it: its features compare only with those of "
        "the same settings."
    )
    for estimate in result.estimates:
        assert (told in sentences(estimate)) == (estimate.extractor == "coarse")


def test_what_only_some_extractors_see_is_told_with_their_names(run, make_cohort):
    real, synthetic = make_cohort("real", 4), make_cohort("gan", 4, seed=1, shape=(9, 15, 16))
    result, _ = run(real, synthetic, names=["plain", "coarse"])
    told = sentences(result.synthetic[0])
    assert told == (
        (
            "Most volumes are smaller than 14 x 15 x 16 voxels and were padded with zeros, "
            "which moves every distance. To cut all cohorts to one size, pass --shape 9,15,16."
        ),
        (
            "4 of 4 volumes were interpolated to 4 x 2 x 3 mm for coarse; interpolation "
            "smooths, which moves every distance."
        ),
        (
            "Most volumes are smaller than 4 x 7 x 5 voxels and were padded with zeros for "
            "coarse, which moves every distance."
        ),
    )


def test_other_steps_for_synthetic_volumes_are_theirs_alone(run, known, make_cohort):
    real, synthetic = make_cohort("real", 4), make_cohort("gan", 4, seed=1)
    setting = {"preprocessing_synthetic.intensity": "none"}
    result, evidence = run(real, synthetic, names=["plain"], **setting)
    first, last = known["plain"].seen[0], known["plain"].seen[-1]
    cohort = check_cohort(read_cohort(str(synthetic), name="gan", role="synthetic"))
    np.testing.assert_array_equal(last, cohort.entries[-1].read().voxels)
    assert (first.min(), first.max()) == (0, 1)
    record = result.config["extractors"]["plain"]
    assert record["preprocessing_synthetic"]["intensity"] == {"kind": "none"}
    assert record["preprocessing"]["intensity"]["kind"] == "percentile"
    assert result.config["preprocessing_synthetic"]["intensity"] == {"kind": "none"}
    assert sentences(result.synthetic[0]) == (
        "They were prepared otherwise than the real ones, as configured: intensity none.",
    )
    assert evidence.slices["gan"][0].axial.min() < 0


def sliced(real, synthetic, *, seed, slices=None, subjects=None):
    """Tell of every plane how many rows and what sum it was handed."""
    del seed, subjects
    if slices is None:
        return [Estimate("sum", 0.0, "lower is better", len(real), len(synthetic), "whole")]
    own, other = slices
    return [
        Estimate(
            "sum", float(own[plane].sum() - 2 * other[plane].sum()), "lower is better",
            len(own[plane]), len(other[plane]), f"{tuple(own[plane].shape)}",
            where=(("plane", plane),),
        )
        for plane in own
    ]  # fmt: skip


def plain(real, synthetic, *, seed):
    del seed
    return [
        Estimate("mean", float(real.mean()), "lower is better", len(real), len(synthetic), "Mean.")
    ]


def whole(real, synthetic, *, seed):
    del seed
    return [
        Estimate("count", 1.0, "lower is better", 1, 1, "Counted.", extractor=name)
        for name in real.features
    ]


def test_slices_reach_the_metrics_that_take_them_by_plane_and_group(
    run, known, monkeypatch, make_cohort, tmp_path
):
    metrics = {
        "sliced": Metric(
            "sliced", "takes slices", ("features", "slices", "subjects"), on_features(sliced)
        ),
        "plain": Metric("plain", "takes none", ("features", "subjects"), on_features(plain)),
        "whole": Metric("whole", "sees all", ("features", "volumes", "subjects"), whole),
    }
    monkeypatch.setattr(plugins, "load", lambda kind, name, hints=None: metrics[name])
    make_cohort("real", 6)
    real = tmp_path / "real.csv"
    rows = [f"real/v{i:02d}.nii.gz,{'ab'[i % 2]}" for i in range(6)]
    real.write_text("path,sex\n" + "\n".join(rows))
    synthetic = make_cohort("gan", 4, seed=1)
    result, evidence = run(
        real, synthetic, names=["sliced", "plain"], by="sex",
        metrics={"sliced": {}, "plain": {}, "whole": {}}, **{"preprocessing.shape": [8, 9, 10]},
    )  # fmt: skip
    own, other = (
        next(t for t in evidence.features if (t.cohort, t.extractor) == (name, "sliced"))
        for name in ("real", "gan")
    )
    found = {(e.extractor, e.name, e.group, e.where): e for e in result.estimates}
    for group, rows in (("", slice(None)), ("sex=a", slice(0, 6, 2)), ("sex=b", slice(1, 6, 2))):
        # The network sees 10 x 9 x 8 voxels: half of 8 axial and of 9 coronal slices.
        for plane, count in (("axial", 4), ("coronal", 4)):
            chosen = own.slices[plane][rows]
            assert chosen.shape == (len(own.values[rows]), count, 2)
            estimate = found["sliced", "sum", group, (("plane", plane),)]
            expected = chosen.sum() - 2 * other.slices[plane].sum()
            assert estimate.value == pytest.approx(expected, rel=1e-5)
            assert estimate.method == f"{chosen.shape}"
        assert found["plain", "sum", group, ()].method == "whole"
        mean = found["sliced", "mean", group, ()]
        assert mean.method == "Mean; the features of a volume are the mean over its slices."
        assert mean.value == pytest.approx(own.values[rows].mean())
        assert found["plain", "mean", group, ()].method == "Mean."
        counted = "Counted; the features of a volume are the mean over its slices."
        assert found["sliced", "count", group, ()].method == counted
        assert found["plain", "count", group, ()].method == "Counted."


@pytest.mark.parametrize("lowest", [0.0, -1.0])
def test_a_window_in_hounsfield_units_is_told_on_volumes_that_have_none(run, make_cohort, lowest):
    real, synthetic = make_cohort("real", 4), make_cohort("gan", 4, seed=1)
    for file in real.glob("*.nii.gz"):
        volume = read_volume(file)
        write_nifti(Volume(np.maximum(volume.voxels, lowest), volume.affine), file)
    result, _ = run(real, synthetic, names=["plain"], preset="ct")
    told = [w for w in sentences(result.real) if "is for CT in Hounsfield units" in w]
    assert len(told) == (lowest == 0)
    assert all(t.startswith("No volume has a value below 0, but the window of -") for t in told)
    assert not [w for w in sentences(result.synthetic[0]) if "Hounsfield" in w]
    plain, _ = run(real, synthetic, names=["plain"])
    assert not [w for w in sentences(plain.real) if "Hounsfield" in w]


def test_a_native_shape_is_for_extractors_that_can_take_it(run, known, make_cohort):
    real, synthetic = make_cohort("real", 4), make_cohort("gan", 4, seed=1, shape=(9, 10, 11))
    native = {"preprocessing.shape": "native"}
    run(real, synthetic, names=["plain"], **native)
    assert {v.shape for v in known["plain"].seen} == {(14, 15, 16), (9, 10, 11)}
    with pytest.raises(EvalsuiteError, match="The extractor sliced needs volumes of one shape"):
        run(real, synthetic, names=["sliced"], **native)
    with pytest.raises(EvalsuiteError, match="The metric ms_ssim needs volumes of one shape"):
        run(real, synthetic, names=["plain"], metrics=["ms_ssim"], **native)


def test_steps_of_an_extractor_that_are_impossible_are_told_from_one_volume(
    run, known, monkeypatch, make_cohort
):
    real, synthetic = make_cohort("real", 4), make_cohort("gan", 4, seed=1)
    known["coarse"].wants = {"spacing": (0.001, 0.001, 0.001)}
    monkeypatch.setattr(
        "evalsuite.cohorts.check_cohort", lambda *_, **__: pytest.fail("all were read")
    )
    with pytest.raises(EvalsuiteError, match="would have 14000 x 15000 x 16000 voxels"):
        run(real, synthetic)


def test_a_preset_gives_way_to_what_an_extractor_wants(make_cohort):
    cohort = check_cohort(read_cohort(str(make_cohort("real", 3)), name="real", role="real"))
    config = load_config(None, {"real": "r", "synthetic": ["s"], "preset": "ct"})
    wants = {"intensity": {"kind": "window", "low": -500}}
    steps = prepared(config, cohort, wants).real
    assert (steps.intensity.low, steps.intensity.high) == (-500, 1000)
    assert prepared(config, cohort).real.intensity.low == -1000
    assert steps.shape == (14, 15, 16)


def test_an_intensity_that_is_set_in_part_is_that_of_the_preset_for_every_extractor():
    declared = {"preset": "ct", "preprocessing.intensity.high": 400}
    config = load_config(None, {"real": "r", "synthetic": ["s"], **declared})
    steps = config.steps({"intensity": {"kind": "zscore"}})
    assert steps.intensity == WindowIntensity(low=-1000, high=400) == config.steps().intensity
