"""An audit from end to end: planted copies are counted and convict, their absence does not."""

import re
import shutil

import numpy as np
import pytest
import torch

import evalsuite as ev
from evalsuite.auditing.moves import DISGUISES, MOVES
from evalsuite.volumes.read import read_volume
from evalsuite.volumes.volume import Volume
from evalsuite.volumes.write import write_nifti
from tests.conftest import smooth_volumes

COPIES = 6


class Convolved(torch.nn.Module):
    """Means of what a few random filters leave, a stand-in for a network."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = torch.nn.Conv3d(1, 12, 5)

    def forward(self, x):
        return torch.nn.functional.adaptive_avg_pool3d(self.first(x).relu(), 2).flatten(1)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """25 training and 25 held-out subjects; 14 of others; the same with 6 copies, some mirrored."""
    folder = tmp_path_factory.mktemp("audit")
    shape = (10, 11, 11)
    smooth_volumes(folder / "training", 25, seed=1, shape=shape)
    smooth_volumes(folder / "holdout", 25, seed=2, shape=shape)
    smooth_volumes(folder / "clean", 14, seed=3, shape=shape)
    shutil.copytree(folder / "clean", folder / "leaky")
    for i in range(COPIES):
        volume = read_volume(folder / f"training/v{i:02d}.nii.gz")
        noise = np.random.default_rng(i).normal(0, 0.02 * volume.voxels.std(), volume.shape)
        voxels = np.flip(volume.voxels + noise, 0) if i % 2 else volume.voxels + noise
        copy = Volume(np.ascontiguousarray(voxels, dtype=np.float32), volume.affine)
        write_nifti(copy, folder / f"leaky/copy{i}.nii.gz")
    torch.jit.script(Convolved()).save(folder / "network.pt")
    return folder


@pytest.fixture(scope="module")
def made(place):
    return ev.audit(
        place / "training",
        place / "holdout",
        {"clean": place / "clean", "leaky": place / "leaky"},
        extractors=str(place / "network.pt"),
        planted=5,
        output=place / "out",
        cache=place / "cache",
    )


def test_copies_convict_and_are_counted_within_the_interval(made):
    clean, leaky = made.verdicts
    assert made.rate == 1 / 26
    assert leaky.convicted
    assert leaky.low <= COPIES <= leaky.high
    assert leaky.copies == pytest.approx((leaky.flagged - 20 / 26) / (1 - 1 / 26))
    assert not clean.convicted
    flagged = {s.volume: s.training for s in leaky.samples if s.flagged}
    assert {f"copy{i}.nii.gz": f"v{i:02d}.nii.gz" for i in range(COPIES)}.items() <= flagged.items()
    assert [s.p for s in leaky.samples[:COPIES]] == [1 / 26] * COPIES


def test_a_cohort_that_lies_nearer_as_a_whole_is_told(made):
    clean, leaky = made.verdicts
    held_out = np.array(made.held_out)
    for verdict in (clean, leaky):
        scores = np.array([s.score for s in verdict.samples])[:, None]
        by_hand = ((scores < held_out) + (scores == held_out) / 2).mean()
        assert verdict.nearer[0] == pytest.approx(by_hand)
    assert clean.nearer[1] < 0.5 < clean.nearer[2]
    assert "As a whole they are not proven to be nearer to single training" in made.statement


def test_what_would_have_been_found_is_told(made):
    exact = made.disguises[0]
    assert (exact.name, exact.planted, exact.found) == ("as they are", 5, 5)
    assert len(made.disguises) == len(DISGUISES)
    for verdict in made.verdicts:
        assert verdict.leaks["as they are"] == verdict.leak
        assert verdict.needed <= verdict.leak <= verdict.volumes
        assert all(high >= verdict.high for high in verdict.not_excluded.values())
    blend = next(d for d in made.disguises if d.name.startswith("blended 50:50"))
    assert blend.found >= 3


def test_the_statement_has_its_numbers(made):
    clean, leaky = made.statement.splitlines()
    _, verdict = made.verdicts
    assert leaky.startswith(f"leaky: {verdict.flagged} of 20 volumes are flagged as copies")
    assert f"{verdict.low} to {verdict.high} are copies (95 % interval); it has memorised." in leaky
    assert f"A leak of {verdict.leak} of 20 volumes" in leaky
    assert "no copy is proven" in clean
    for sentence in (clean, leaky):
        assert "at a false-alarm rate of 3.85% (25 hold-out subjects)" in sentence
        assert "disguises that were not planted" in sentence


def test_a_small_hold_out_is_told(made):
    codes = {caveat.code for verdict in made.verdicts for caveat in verdict.caveats}
    assert "coarse-false-alarms" in codes
    assert "weak-audit" in codes
    assert "copies-in-hold-out" not in codes


def test_what_is_written_is_read_back(made, place):
    assert ev.read_audit(place / "out") == made
    rows = (place / "out/samples.csv").read_text().splitlines()
    assert len(rows) == 1 + 14 + 20
    page = (place / "out/report.html").read_text()
    assert "it has memorised" in page
    assert made.record["moves"] == list(MOVES)


def test_it_is_a_chapter_of_a_report(made, place):
    page = ev.report(place / "report", audits=[place / "out"]).read_text()
    assert "Has the generator memorised training volumes?" in page
    assert "Copies that were planted to see what is found, for leaky." in page
    assert "it has memorised" in page


def test_the_command_says_the_same_and_mlflow_keeps_it(made, place, cli, client):
    status, out, err = cli(
        "audit", "--training", place / "training", "--holdout", place / "holdout",
        "--synthetic", place / "leaky", "--extractor", place / "network.pt", "--planted", "5",
        "--cache", place / "cache", "--output", place / "again",
    )  # fmt: skip
    assert status == 0
    assert made.statement.splitlines()[1] in out
    assert f"Audit: {place / 'again/report.html'}" in err
    assert ev.read_audit(place / "again").verdicts == made.verdicts[1:]
    (run,) = runs(client, "evalsuite-audits")
    (verdict,) = ev.read_audit(place / "again").verdicts
    assert run.data.metrics["flagged"] == verdict.flagged
    assert run.data.metrics["copies_low"] == verdict.low
    assert run.data.params["training.fingerprint"] == made.training["fingerprint"]
    assert run.data.tags["mlflow.note.content"].startswith("leaky: ")
    files = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert {"audit.json", "report.html", "samples.csv"} <= files


def test_it_is_logged_later_and_once(made, place, cli, client):
    for _ in range(2):
        status, _, err = cli("log", place / "out")
        assert status == 0, err
    (run,) = runs(client, "evalsuite-audits")
    assert run.info.run_name == "audit of clean, leaky, seed 0"
    assert run.data.metrics["leaky/flagged"] == made.verdicts[1].flagged
    assert run.data.metrics["clean/nearer"] == made.verdicts[0].nearer[0]


def runs(client, experiment):
    return client.search_runs([client.get_experiment_by_name(experiment).experiment_id])


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"training": "holdout"}, "A hold-out must not have been trained on: remove them from one of the two."),
        ({"holdout": "few"}, "--holdout: an audit needs at least 10 subjects, but found 5."),
        ({"training": "few"}, "--training: an audit needs at least 10 subjects, but found 5."),
        ({"false_alarms": 1.0}, "A rate of false alarms lies between 0 and 1; got 1."),
    ],
)  # fmt: skip
def test_what_cannot_be_audited_is_refused(place, changed, told):
    if not (place / "few").is_dir():
        smooth_volumes(place / "few", 5, seed=9)
    given = {"training": "training", "holdout": "holdout"} | changed
    rate = given.pop("false_alarms", 0.01)
    folders = {key: place / name for key, name in given.items()}
    with pytest.raises(ev.EvalsuiteError, match=re.escape(told)):
        ev.audit(
            **folders,
            synthetic=place / "clean",
            extractors=str(place / "network.pt"),
            false_alarms=rate,
            cache=place / "cache",
        )


def test_no_audit_is_told(tmp_path):
    with pytest.raises(ev.EvalsuiteError, match="there is no audit"):
        ev.read_audit(tmp_path)
    (tmp_path / "audit.json").write_text('{"schema": 1}')
    with pytest.raises(ev.EvalsuiteError, match="not an audit"):
        ev.read_audit(tmp_path)
