import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from benchmarks import sensitivity
from evalsuite.config import load_config
from evalsuite.errors import EvalsuiteError, FaultsError
from evalsuite.evaluate import evaluate
from evalsuite.measure import standardise
from evalsuite.resources import Resources
from evalsuite.volumes import index
from tests.caveats import sentences

QUICK = {
    "metrics.mmd.permutations": 50,
    "metrics.ms_ssim.pairs": 10,
    "metrics.precision_recall.k": 3,
}


@pytest.fixture
def run(tmp_path):
    def run(real, *synthetic, **settings):
        config = load_config(
            None,
            {
                "real": str(real),
                "synthetic": [str(s) for s in synthetic],
                "extractors": ["radiomics"],
                **QUICK,
                **settings,
            },
        )
        return evaluate(config, Resources(cache=tmp_path / "features", workers=1))

    return run


def test_two_generators_are_ranked(run, make_cohort):
    real, good = make_cohort("real", 12), make_cohort("good", 12, seed=1)
    bad = make_cohort("bad", 12, seed=2, shift=1.0)
    evaluation, evidence = run(real, good, bad)
    for name in ("frechet_distance", "mmd_rbf", "kid"):
        found = sensitivity.values(evaluation, name, "radiomics")
        assert found["good"] < found["bad"]
    assert {table.cohort for table in evidence.features} == {"real", "good", "bad"}
    assert {e.extractor for e in evaluation.estimates} == {"radiomics", ""}


def test_the_same_record_gives_the_same_numbers(run, make_cohort, tmp_path):
    real, synthetic = make_cohort("real", 8), make_cohort("gan", 8, seed=1)
    first, _ = run(real, synthetic)
    (tmp_path / "features").rename(tmp_path / "moved away")
    second, _ = run(real, synthetic)
    assert repr(first.estimates) == repr(second.estimates)
    assert first.config_hash == second.config_hash
    third, _ = run(real, synthetic, seed=1)
    assert third.config_hash != first.config_hash


def test_names_and_places_of_the_files_do_not_count(run, make_cohort, tmp_path):
    real, synthetic = make_cohort("real", 8), make_cohort("gan", 8, seed=1)
    first, _ = run(real, synthetic)
    for i, file in enumerate(sorted(real.iterdir())):
        file.rename(real / f"renamed{i}.nii.gz")
    second, _ = run(real, synthetic)
    assert repr(first.estimates) == repr(second.estimates)


def test_leakage_is_an_error_unless_allowed(run, make_cohort):
    real, synthetic = make_cohort("real", 8), make_cohort("gan", 8, seed=1)
    (synthetic / "v03.nii.gz").write_bytes((real / "v05.nii.gz").read_bytes())
    with pytest.raises(EvalsuiteError, match=r"v03\.nii\.gz \(real: v05\.nii\.gz\).*--allow-leak"):
        run(real, synthetic)
    evaluation, _ = run(real, synthetic, allow_leakage=True)
    assert "v03.nii.gz" in sentences(evaluation.synthetic[0])[0]


def test_faults_of_all_cohorts_stop_before_any_feature(run, make_cohort, tmp_path):
    real, synthetic = make_cohort("real", 8), make_cohort("gan", 8, seed=1)
    (real / "v01.nii.gz").write_bytes(b"")
    (real / "v02.nii.gz").write_text("no volume")
    with pytest.raises(FaultsError) as caught:
        run(real, synthetic)
    assert "v01.nii.gz" in str(caught.value)
    assert "v02.nii.gz" in str(caught.value)
    assert not (tmp_path / "features").exists()
    evaluation, _ = run(real, synthetic, skip_invalid=True)
    assert len(evaluation.real.skipped) == 2
    assert len(evaluation.real.volumes) == 6


def test_mixed_spacing_is_resampled_with_a_warning_or_refused(run, make_cohort):
    real, synthetic = make_cohort("real", 8), make_cohort("gan", 8, seed=1)
    coarse = make_cohort("coarse", 1, seed=7, spacing=2.0)
    (coarse / "v00.nii.gz").rename(real / "coarse.nii.gz")
    evaluation, _ = run(real, synthetic)
    assert any("spacing differs" in warning for warning in sentences(evaluation.real))
    assert any("1 of 9 volumes were interpol" in w for w in sentences(evaluation.real))
    with pytest.raises(EvalsuiteError, match=r"--spacing 1,1,1"):
        run(real, synthetic, **{"preprocessing.spacing": "native"})


def test_smaller_synthetic_volumes_are_not_padded_in_silence(run, make_cohort):
    real, synthetic = make_cohort("real", 8), make_cohort("gan", 8, seed=1, shape=(12, 15, 14))
    evaluation, _ = run(real, synthetic)
    assert sentences(evaluation.synthetic[0])[0].endswith("pass --shape 12,15,14.")
    evaluation, _ = run(real, synthetic, **{"preprocessing.shape": [12, 15, 14]})
    assert sentences(evaluation.synthetic[0]) == ()


def test_a_metric_that_cannot_be_computed_says_so_and_stops_nothing(run, make_cohort):
    real, synthetic = make_cohort("real", 8), make_cohort("gan", 2, seed=1)
    evaluation, _ = run(real, synthetic)
    undefined = [e for e in evaluation.estimates if math.isnan(e.value)]
    assert undefined
    assert all(sentences(e) for e in undefined)
    assert any(math.isfinite(e.value) for e in evaluation.estimates)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"extractors": ["radiomix"]}, 'Unknown extractor "radiomix". Did you mean "radiomics"?'),
        ({"metrics": ["fid"]}, 'Unknown metric "fid". Did you mean "frechet"?'),
        (
            {"metrics.frechet.seed": 1},
            'the setting "metrics.frechet.seed" is unknown (known: level).',
        ),
        (
            {"metrics.frechet.bootstrap": 500},  # as before the error came from the derivative
            'the setting "metrics.frechet.bootstrap" is unknown (known: level).',
        ),
        (
            {"synthetic": ["x=real", "x=synthetic"]},
            'Two cohorts are called "x". Name them, such as --synthetic NAME=DIR.',
        ),
    ],
)
def test_wrong_names_are_told_before_any_work(tmp_path, settings, message):
    config = load_config(None, {"real": "r", "synthetic": ["s"], **settings})
    config = replace_weights(config)
    with pytest.raises(EvalsuiteError) as caught:
        evaluate(config, Resources(cache=tmp_path, offline=True))
    assert str(caught.value).startswith(message)


def replace_weights(config):
    if config.extractors == ("medicalnet-resnet10-23datasets",):
        return config.model_copy(update={"extractors": ("radiomics",)})
    return config


ROWS = st.integers(2, 5)
NUMBERS = st.floats(-1e3, 1e3, allow_subnormal=False)


@given(st.data())
def test_standardised_features_forget_units(data):
    d = data.draw(st.integers(1, 4))
    real = data.draw(arrays(float, (data.draw(ROWS), d), elements=NUMBERS))
    synthetic = data.draw(arrays(float, (data.draw(ROWS), d), elements=NUMBERS))
    real += np.arange(len(real))[:, None] * 10.0
    for values in (real, synthetic):
        scaled = standardise(real * 1000 + 5, values * 1000 + 5)
        np.testing.assert_allclose(standardise(real, values), scaled, rtol=1e-6, atol=1e-6)


def test_constant_features_stay_finite():
    scaled = standardise(np.full((4, 1), 0.1), np.full((3, 1), 0.3))
    np.testing.assert_allclose(scaled, 0.2)


def test_degraded_real_volumes_are_told_from_real_ones(hippocampi, tmp_path):
    """Acceptance on real data, at a quarter of the size of the benchmark, in 3D."""
    extractors = ("radiomics", "medicalnet-resnet10-untrained")
    evaluation = sensitivity.run(hippocampi, 44, Path(tmp_path), extractors, workers=1)
    for extractor in extractors:
        for name in ("frechet_distance", "mmd_rbf", "kid"):
            found = sensitivity.values(evaluation, name, extractor)
            assert found["half"] < found["blur 0.5"] < found["blur 1"] < found["blur 2"]
            assert found["half"] == min(found.values())
        recall = sensitivity.values(evaluation, "recall", extractor)
        assert recall["repeated"] < 0.1 < recall["half"]
    similarity = sensitivity.values(evaluation, "ms_ssim")
    assert similarity["repeated"] > 0.999
    assert similarity["half"] < 0.6


def test_volumes_that_are_unchanged_are_read_again_only_if_asked(
    make_cohort, tmp_path, monkeypatch
):
    monkeypatch.setattr(index.time, "time_ns", lambda: 2**62)  # long after the files were written
    checked = []
    check = index.check_entry

    def counted(entry):
        checked.append(entry.id)
        return check(entry)

    monkeypatch.setattr(index, "check_entry", counted)
    real, synthetic = make_cohort("real", 3), make_cohort("gan", 3, seed=1)
    config = load_config(
        None,
        {
            "real": str(real),
            "synthetic": [str(synthetic)],
            "training": str(make_cohort("trained", 2, seed=2)),
            "extractors": ["radiomics"],
            "metrics": ["frechet"],
        },
    )
    resources = Resources(cache=tmp_path / "features", workers=1, tell=lambda _: None)
    first, _ = evaluate(config, resources)
    assert len(checked) == 8
    second, _ = evaluate(config, resources)
    assert len(checked) == 8
    assert repr(second.estimates) == repr(first.estimates)
    assert second.config_hash == first.config_hash
    assert second.real == first.real
    evaluate(config, replace(resources, reread=True))
    assert len(checked) == 8 + 9  # the first real one twice, before all others
    shutil.copy(real / "v00.nii.gz", synthetic / "v01.nii.gz")
    with pytest.raises(EvalsuiteError, match=r"gan is a copy of a volume of real: v01"):
        evaluate(config, resources)
