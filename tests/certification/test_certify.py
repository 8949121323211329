"""A certificate from end to end, with an extractor that takes no time."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

import evalsuite as ev
from evalsuite import evaluate
from evalsuite.certificate import POWER, read_certificate
from evalsuite.certification import certify, planted
from evalsuite.certification.planted import with_fault
from evalsuite.errors import EvalsuiteError
from evalsuite.tracking.record import key_of
from evalsuite.volumes.check import check_cohort
from evalsuite.volumes.sources import read_cohort
from tests.conftest import smooth_volumes


class Plain:
    """Mean, spread and sharpness along each axis."""

    name, warnings, parallel, standardise = "plain", (), "batch", True
    fingerprint, wants, slices = {"version": 1}, {}, None

    def __call__(self, voxels):
        steps = [np.abs(np.diff(voxels, axis=axis)).mean(axis=(1, 2, 3)) for axis in (1, 2, 3)]
        return np.stack([voxels.mean(axis=(1, 2, 3)), voxels.std(axis=(1, 2, 3)), *steps], axis=1)


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    return smooth_volumes(tmp_path_factory.mktemp("real") / "images", 36)


@pytest.fixture
def plain(monkeypatch):
    for room in (certify, evaluate):
        monkeypatch.setattr(room, "loaded_extractors", lambda *_: [Plain()])


QUICK = {"metrics": "mmd", "splits": 19, "planted": 4, "workers": 1}


@pytest.fixture(scope="module")
def made(real, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certify, "loaded_extractors", lambda *_: [Plain()])
        folder = tmp_path_factory.mktemp("made")
        cache = folder / "cache"
        found = ev.certify(real, cache=cache, output=folder / "certificate", **QUICK)
    return found, folder / "certificate", cache


def trial(certificate, name, fault):
    judged = next(j for j in certificate.judged if j.name == name)
    return next(t for t in judged.trials if t.fault == fault)


def test_sharp_features_see_blur_and_no_metric_sees_a_mirror(made):
    found, *_ = made
    assert [judged.name for judged in found.judged] == ["mmd_rbf", "kid"]  # no p-value
    for name in ("mmd_rbf", "kid"):
        assert trial(found, name, "blur").seen_from == 0.5
        assert trial(found, name, "blur").trend > 0.95
        # Mean, spread and sharpness are those of the mirror image.
        for one in trial(found, name, "mirrored").tried:
            assert one.effect == pytest.approx(0, abs=1e-6)
            assert one.needed is None
    assert trial(found, "mmd_rbf", "mirrored").seen_from is None
    copies = trial(found, "mmd_rbf", "copies").tried[-1]
    assert copies.effect < 0 < copies.rewarded  # memorised copies bring the cohorts together
    assert found.half == (18, 18)
    assert found.real["volumes"] == found.real["drawn"] == 36


def test_it_is_read_back_as_it_was_written(made):
    found, folder, _ = made
    assert repr(read_certificate(folder)) == repr(found)
    text = (folder / "certificate.json").read_text()
    assert json.loads(text)["schema"] == 1
    page = (folder / "report.html").read_text()
    for told in ("Memorised copies", "Resampling", "19 times at random by subject", "18 volumes"):
        assert told in page
    assert (folder / "tables" / "certificate-power.csv").read_text().count("\n") == len(
        found.to_frame()
    ) + 1


def test_the_same_seed_makes_the_same_certificate_from_cached_features(
    made, real, plain, monkeypatch
):
    found, _, cache = made

    def never(*_):
        raise AssertionError

    monkeypatch.setattr(planted, "PLANTS", dict.fromkeys(planted.PLANTS, never))
    again = ev.certify(real, cache=cache, **{**QUICK, "planted": 2})
    for one, other in zip(found.judged, again.judged, strict=True):
        assert (one.usual, one.limit, one.least) == (other.usual, other.limit, other.least)
    assert len(again.judged[0].trials) == len(found.judged[0].trials)


def test_each_number_is_told_with_the_least_difference_that_it_shows(made, real, plain, tmp_path):
    found, folder, cache = made
    synthetic = smooth_volumes(tmp_path / "synthetic", 36, seed=3)
    result = ev.compute_metrics(
        real,
        synthetic,
        metrics="mmd",
        settings={"certificate": str(folder), "metrics.mmd.permutations": 1},
        cache=cache,
    )
    by_name = {estimate.name: estimate for estimate in result.estimates}
    least = next(j for j in found.judged if j.name == "mmd_rbf").least
    caveat = next(w for w in by_name["mmd_rbf"].warnings if w.code == "least-visible")
    # 36 against 36 of each, twice the 18 of a half: the root of two smaller.
    assert caveat.values["least"] == pytest.approx(least / math.sqrt(2))
    assert "cannot be seen at 36 against 36 volumes" in str(caveat)
    assert "certificate of real" in str(caveat)
    assert not any(w.code == "least-visible" for w in by_name["mmd_rbf_p_value"].warnings)
    assert result.record.config["certificate"]["created"] == found.created
    told = str(result)
    assert "Differences below" in told


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"metrics": ["mmd"], "metrics.mmd.bandwidth": 2.0}, "another mmd, which differs in bandw"),
        ({"metrics": ["ms_ssim"]}, "is of mmd, not of ms_ssim"),
        ({"metrics": ["mmd"], "preprocessing.shape": [9, 9, 9]}, "another plain, which differs in"),
        (
            {"metrics": ["mmd"], "protocol": "maisi-2.5d"},
            "is of the protocol none, and this is mai",
        ),
    ],
)
def test_a_certificate_of_other_numbers_is_refused(made, real, plain, tmp_path, settings, told):
    synthetic = smooth_volumes(tmp_path / "synthetic", 4, seed=3)
    given = {"certificate": str(made[1]), **settings}
    metrics = given.pop("metrics")
    with pytest.raises(EvalsuiteError, match=told):
        ev.compute_metrics(real, synthetic, metrics=metrics, settings=given, cache=made[2])


def test_what_is_no_certificate_is_refused(tmp_path):
    with pytest.raises(EvalsuiteError, match="there is no certificate"):
        read_certificate(tmp_path)
    (tmp_path / "certificate.json").write_text('{"schema": 99}')
    with pytest.raises(EvalsuiteError, match="not a certificate, or of a newer version"):
        read_certificate(tmp_path)


def test_what_cannot_be_certified_is_told_before_any_work(real, plain, tmp_path):
    for arguments, told in (
        ({"metrics": "ms_ssim"}, "No metric of ms_ssim gives numbers of features alone"),
        ({"splits": 10}, "10 splits tell no limit that 5% of real halves pass; it takes 19"),
        ({"metrics": "mmd", "volumes": 15}, "15 subjects are too few"),
    ):
        with pytest.raises(EvalsuiteError, match=told):
            ev.certify(real, cache=tmp_path, **arguments)


def test_metrics_of_voxels_are_left_out_and_said_to_be(made, real, plain, monkeypatch):
    monkeypatch.setattr(certify, "judged", lambda *_: ([], ["kid (plain)"]))
    chosen = {**QUICK, "metrics": ["mmd", "ms_ssim"]}
    found = ev.certify(real, cache=made[2], volumes=20, **chosen)
    assert list(found.left_out) == ["ms_ssim", "kid (plain)"]
    assert found.real["drawn"] == 20


def test_a_faulty_volume_has_a_key_of_its_own_and_is_made_when_read(real):
    cohort = check_cohort(read_cohort(str(real), name="real", role="real"))
    one, other = (with_fault(cohort, "noise", level, seed=0) for level in (0.05, 0.1))
    seeded = with_fault(cohort, "noise", 0.05, seed=1)
    keys = {info.key for c in (cohort, one, other, seeded) for info in c.infos}
    assert len(keys) == 4 * 36
    voxels = [c.entries[0].read().voxels for c in (cohort, one, other, seeded)]
    small, large = (v - voxels[0] for v in voxels[1:3])
    np.testing.assert_allclose(2 * small, large, atol=1e-5)  # the same noise, twice as strong
    assert not np.allclose(voxels[3], voxels[1])
    assert replace(one, entries=()).role == "real"


def test_the_report_has_a_chapter(made, tmp_path):
    page = ev.report(tmp_path / "report", certificates=[made[1]]).read_text()
    assert "Can the metrics be trusted on these volumes?" in page
    assert f"{POWER:.0%}" in page


def test_the_command_writes_page_record_and_run(real, cli, made, tmp_path, monkeypatch, client):
    asked = []
    monkeypatch.setattr(certify, "certify", lambda *given: asked.append(given) or made[0])
    arguments = ("--metrics", "mmd", "--splits", 19, "--planted", 10, "--seed", 3)
    folder = tmp_path / "found"
    status, out, err = cli("certify", "--real", real, "--output", folder, *arguments, "--json")
    assert status == 0
    assert f"Certificate: {folder}/report.html" in err
    rows = json.loads(out)
    assert {row["name"] for row in rows} == {"mmd_rbf", "kid"}
    assert read_certificate(folder).splits == 19
    config, _, design = asked[0]
    assert (config.seed, list(config.metrics)) == (3, ["mmd"])
    assert design == certify.Design(200, 19, 10)
    place = client.get_experiment_by_name("evalsuite-certificates").experiment_id
    (run,) = client.search_runs([place])
    judged = {f"{one.extractor}/{one.key}": one for one in made[0].judged}
    for name, one in judged.items():
        seen = sum(trial.seen_from is not None for trial in one.trials)
        assert run.data.metrics[f"{key_of(name)}/faults_seen"] == seen
        assert run.data.metrics[f"{key_of(name)}/least_change"] == pytest.approx(one.least)
        assert f"- {name}: {seen} of {len(made[0].faults)}" in run.data.tags["mlflow.note.content"]
    assert run.data.params["real.fingerprint"] == made[0].real["fingerprint"]
    status, _, err = cli("log", folder)
    assert status == 0, err
    assert len(client.search_runs([place])) == 1
    status, _, err = cli("certify", "--real", real, "--output", folder, *arguments)
    assert status == 1
    assert "is not empty" in err
