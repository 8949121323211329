"""What a resumed training may change, where training starts from, and which weights it ends with."""

import hashlib
import json
import os
import shutil
import signal
from types import SimpleNamespace

import pytest
import torch
import yaml

from evalsuite.errors import EvalsuiteError
from evalsuite.settings import laid_over
from generator import checkpoint
from generator.autoencoder_stage import AutoencoderStage
from generator.config import load_config
from generator.loading import Ahead
from generator.memory import refuse_full
from generator.run import train
from generator.steps import Player
from generator.stopping import termination
from generator.training import fit
from tests.generator.conftest import micro

CPU = torch.device("cpu")


def digests(folder):
    """Return the content of every file."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def weights(folder):
    return checkpoint.load(folder / "generator")[0]


def go_on(trained, folder, *overrides, **options):
    """Resume a copy of the trained run with changed settings."""
    settings = yaml.safe_load((trained / "run/config.yaml" if (trained / "run").exists()
                               else trained / "config.yaml").read_text())  # fmt: skip
    return train(
        str(options.pop("source", trained.parent / "volumes")), folder,
        load_config(None, laid_over(settings, *overrides)),
        device="cpu", experiment=None, skip_invalid=False, **({"resume": True} | options),
    )  # fmt: skip


@pytest.fixture
def copied(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "copied")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "seed was 0 and is 1, which would break the model"),
        ({"vqgan": {"channels": [16, 32]}}, r"vqgan.channels was \[16, 16\] and is \[16, 32\]"),
        ({"diffusion": {"ema": 0.5}}, "diffusion/step-0000006: diffusion.ema was 0.995 and is 0.5"),
        ({"validation": 3}, "validation was 2.0 and is 3.0"),
        ({"diffusion": {"training": {"steps": 5}}}, "6 steps are done, but diffusion.training"),
        (
            {"vqgan": {"training": {"steps": 300}}},
            "vqgan.training.steps was 200 and is 300, but the second stage has begun",
        ),
    ],
)
def test_a_change_that_would_break_the_model_is_refused_and_changes_no_file(
    trained, copied, change, message
):
    before = digests(copied)
    with pytest.raises(EvalsuiteError, match=message):
        go_on(trained, copied, change)
    assert digests(copied) == before


def test_other_volumes_and_a_second_start_are_refused_and_change_no_file(
    trained, copied, make_cohort
):
    before = digests(copied)
    with pytest.raises(EvalsuiteError, match="is of other volumes. Use those"):
        go_on(trained, copied, source=make_cohort("other", 8, shape=(9, 17, 10)))
    with pytest.raises(EvalsuiteError, match="holds a training already. Go on with --resume"):
        go_on(trained, copied, resume=False)
    assert digests(copied) == before


def test_a_resumed_training_may_go_on_longer_and_otherwise(trained, copied):
    changed = {"steps": 8, "learning_rate": 0.001, "validate_every": 2, "take": "last"}
    # The precision of the stage that is finished: convolutions as small as these may have no
    # finite gradient in bfloat16 on a processor (oneDNN reads memory that it has not written).
    half = {"vqgan": {"training": {"precision": "bfloat16"}}}
    go_on(trained, copied, {"diffusion": {"training": changed}, "sample_block": 3}, half)
    card = checkpoint.card(copied / "generator")
    history = [
        {
            "step": 6,
            "changed": {
                "sample_block": [2, 3],
                "diffusion.training.steps": [6, 8],
                "diffusion.training.learning_rate": [0.003, 0.001],
                "diffusion.training.validate_every": [3, 2],
                "diffusion.training.take": ["best", "last"],
                "vqgan.training.precision": ["float32", "bfloat16"],
            },
        }
    ]
    assert card["history"]["diffusion"] == history
    assert card["taken"] == {
        "vqgan": {"step": 200, "of": 200, "by": "last"},
        "diffusion": {"step": 8, "of": 8, "by": "last"},
    }
    assert yaml.safe_load((copied / "config.yaml").read_text())["sample_block"] == 3
    before, after = weights(trained), weights(copied)
    same = {key for key in before if torch.equal(before[key], after[key])}
    assert {key for key in before if key.startswith("vqgan/")} <= same
    assert any(key.startswith("denoiser/") for key in before.keys() - same)
    # The history is kept when training goes on once more, with nothing changed since.
    shutil.rmtree(copied / "generator")
    go_on(copied, copied, source=trained.parent / "volumes")
    assert checkpoint.card(copied / "generator")["history"]["diffusion"] == history
    assert len(checkpoint.steps(copied / "diffusion")) == checkpoint.KEPT


def test_training_starts_from_the_weights_of_a_generator(trained, tmp_path):
    still = {"training": {"steps": 1, "learning_rate": 1e-12}}
    go_on(
        trained, tmp_path / "tuned", {"vqgan": {**still, "restart_below": 0.0}, "diffusion": still},
        resume=False, origin=trained,
    )  # fmt: skip
    before, after = weights(trained), weights(tmp_path / "tuned")
    for name in before:
        if "codebook" not in name:  # which moves by averages, whatever the rate
            torch.testing.assert_close(after[name], before[name], rtol=0, atol=1e-6)
    card, origin = (
        checkpoint.card(tmp_path / "tuned/generator"),
        checkpoint.card(trained / "generator"),
    )
    assert card["from"] == {"name": "run", "weights_sha256": origin["weights_sha256"]}
    # What it started from is kept, so that it can be resumed without it.
    shutil.rmtree(tmp_path / "tuned/diffusion")
    shutil.rmtree(tmp_path / "tuned/generator")
    go_on(tmp_path / "tuned", tmp_path / "tuned", source=trained.parent / "volumes")
    assert checkpoint.card(tmp_path / "tuned/generator")["from"] == card["from"]
    again = weights(tmp_path / "tuned")
    assert all(torch.equal(after[key], again[key]) for key in after)


def test_a_generator_with_other_networks_is_refused_before_anything_is_written(trained, tmp_path):
    with pytest.raises(
        EvalsuiteError, match=r"diffusion.channels is \[8, 16\] there and \[8, 32\]"
    ):
        go_on(
            trained, tmp_path / "tuned", {"diffusion": {"channels": [8, 32]}},
            resume=False, origin=trained,
        )  # fmt: skip
    with pytest.raises(EvalsuiteError, match="it holds no card.json|it holds no tensors"):
        go_on(trained, tmp_path / "tuned", resume=False, origin=tmp_path)
    assert not (tmp_path / "tuned").exists()


class Counter:
    """A stage whose only weight is the number of steps done, judged by a given list."""

    name, merit = "vqgan", ("merit", 1)

    def __init__(self, judged=(), sign=1, stop_after=None, **settings):
        module = torch.nn.Linear(1, 1)
        module.weight.data.zero_()
        every = {"steps": 6, "validate_every": 1, "checkpoint_every": 2, "take": "best"}
        self.settings = micro().vqgan.training.model_copy(update=every | settings)
        self.merit = ("merit", sign)
        self.modules, self.judged, self.stop_after = {"it": module}, list(judged), stop_after
        optimiser = torch.optim.SGD(module.parameters(), 1.0)
        self.players = {"it": Player(module, optimiser, self.settings, CPU)}

    @property
    def done(self):
        return int(self.modules["it"].weight.item())

    def update(self, step):
        assert step == self.done
        self.modules["it"].weight.data += 1
        if step + 1 == self.stop_after:
            os.kill(os.getpid(), signal.SIGTERM)
        return {"loss": 1.0}

    def validate(self):
        return {"merit": float(self.judged[self.done - 1])}, {}


def fitted(stage, folder, **options):
    quiet = {"report": lambda *_: None, "advance": lambda: None, "about": {}, "resume": True}
    return fit(stage, folder, **(quiet | options))


@pytest.mark.parametrize(("sign", "step"), [(1, 2), (-1, 3)])
def test_the_best_weights_by_validation_are_kept_and_taken(tmp_path, sign, step):
    judged = [3, 5, 1, 5, 4, 1]  # the first of equals
    stage = Counter(judged, sign)
    outcome = fitted(stage, tmp_path)
    assert (outcome.step, outcome.metrics, stage.done) == (step, {"merit": judged[step - 1]}, step)
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == ["best", "step-0000004", "step-0000006"]
    again = Counter(judged, sign)
    assert fitted(again, tmp_path) == outcome
    assert again.done == step
    last = Counter(judged, sign, take="last")
    assert (fitted(last, tmp_path).step, last.done) == (6, 6)


def test_best_weights_of_steps_that_are_done_anew_are_forgotten(tmp_path):
    fitted(Counter([1, 2, 9, 0, 0, 0]), tmp_path)
    shutil.rmtree(tmp_path / "step-0000004")
    shutil.move(tmp_path / "step-0000006", tmp_path / "lost")
    tensors, card = checkpoint.load(tmp_path / "lost")
    tensors["it/weight"] -= 4
    checkpoint.save(tmp_path / "step-0000002", tensors, card)
    stage = Counter([1, 2, 3, 4, 0, 0])
    assert (fitted(stage, tmp_path).step, stage.done) == (4, 4)


def test_sigterm_lets_a_step_end_and_leaves_a_checkpoint(tmp_path, capsys):
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as caught, termination() as stopping:
        fitted(Counter([1] * 6, stop_after=3), tmp_path, stopping=stopping)
    assert caught.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is before
    assert checkpoint.steps(tmp_path) == [2, 3]
    assert capsys.readouterr().err == "Stopped after step 3 of vqgan. Go on with --resume.\n"
    stage = Counter([1] * 6)
    fitted(stage, tmp_path)
    assert checkpoint.steps(tmp_path) == [4, 6]


def test_a_second_sigterm_does_not_wait():
    with termination() as stopping:
        first = signal.getsignal(signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stopping()
        assert signal.getsignal(signal.SIGTERM) is not first


def test_workers_read_what_the_training_would(data):
    ahead = Ahead(lambda step: [data.read(data.draw("vqgan", step, 2))], 6, workers=2)
    state = torch.random.get_rng_state()
    for step in (2, 3, 4, 1, 2):  # one after the other, then from another place
        (found,) = ahead(step)
        assert torch.equal(found, data.volumes(data.draw("vqgan", step, 2)))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_workers_change_no_weight_and_are_left_out_where_memory_holds_all(data, monkeypatch):
    assert data.workers() == 0
    monkeypatch.setattr("generator.data.KEPT", 1)
    assert data.workers() >= 1
    monkeypatch.setattr(data, "wanted_workers", 1)
    stages = [AutoencoderStage(micro(), data, CPU)]
    monkeypatch.setattr(data, "wanted_workers", 0)
    stages.append(AutoencoderStage(micro(), data, CPU))
    assert [stage.ahead.workers for stage in stages] == [1, 0]
    for stage in stages:
        stage.update(0)
    states = [stage.model.state_dict() for stage in stages]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_what_a_run_is_told_is_in_its_card(trained):
    card = json.loads((trained / "generator/card.json").read_text())
    assert card["history"] == {"vqgan": [], "diffusion": []}
    assert card["from"] is None


def test_a_training_that_its_disk_cannot_hold_is_refused_and_changes_no_file(
    trained, copied, monkeypatch
):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1 << 20))
    with pytest.raises(EvalsuiteError, match="checkpoints take up to .* but only 1 MiB are free"):
        go_on(trained, copied.parent / "new", resume=False)
    assert not (copied.parent / "new").exists()
    held = sum(file.stat().st_size for file in copied.rglob("*") if file.is_file())
    assert refuse_full(copied, held + (1 << 20)) == held + (1 << 20)
