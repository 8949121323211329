import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from evalsuite.errors import EvalsuiteError
from evalsuite.log import log
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.read import read_volume
from generator import checkpoint
from generator.autoencoder_stage import AutoencoderStage
from generator.diffusion_stage import DiffusionStage
from generator.model import digest, load
from generator.run import train
from generator.steps import Player, constant, decaying
from generator.steps import trained as trained_parameters
from generator.training import fit
from tests.conftest import smooth_volumes
from tests.generator.conftest import MICRO, micro
from tests.generator.processes import as_two

CPU = torch.device("cpu")
# For processes of their own: validated once, by a solver that imports nothing more.
ONCE = MICRO | {
    "sampler": "ddim",
    **{
        stage: MICRO[stage] | {"training": MICRO[stage]["training"] | {"validate_every": 6}}
        for stage in ("vqgan", "diffusion")
    },
}
QUIET = {"report": lambda *_: None, "advance": lambda *_: None}


def run(source, output, config=None, *, resume=False, experiment=None):
    return train(
        str(source),
        output,
        config or micro(),
        resume=resume,
        device="cpu",
        experiment=experiment,
        skip_invalid=False,
    )


def weights(folder):
    return checkpoint.load(folder / "generator")[0]


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


@pytest.fixture
def source(cohort):
    return cohort.entries[0].path.parent


class StoppedError(Exception):
    pass


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """Return what a training that nothing stopped ends with."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    run(smooth_volumes(folder / "training", 8, shape=(9, 17, 10)), folder / "whole")
    return weights(folder / "whole")


@pytest.mark.parametrize("stop", [1, 4, 5, 7, 11])
def test_a_resumed_training_ends_where_an_uninterrupted_one_does(
    source, tmp_path, monkeypatch, uninterrupted, stop
):
    """Stops after any number of updates, in either stage, lose nothing but time."""
    count = 0

    def counted(original):
        def update(self, step):
            nonlocal count
            count += 1
            if count == stop + 1:
                raise StoppedError
            return original(self, step)

        return update

    with monkeypatch.context() as patch:
        for stage in (AutoencoderStage, DiffusionStage):
            patch.setattr(stage, "update", counted(stage.update))
        with pytest.raises(StoppedError):
            run(source, tmp_path / "broken")
    run(source, tmp_path / "broken", resume=True)
    assert equal(uninterrupted, weights(tmp_path / "broken"))


def test_kill_9_at_any_moment_leaves_a_checkpoint_that_resumes(source, tmp_path, cli):
    config = tmp_path / "micro.yaml"
    config.write_text(json.dumps({"preset": "tiny", **ONCE}))
    output = tmp_path / "run"
    command = ["generator", "train", source, "--output", output, "--config", config]
    command += ["--no-tracking", "--resume", "--set", "vqgan.training.steps=12"]
    command += ["--set", "vqgan.training.checkpoint_every=1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "evalsuite", *map(str, command)],
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
    )
    deadline = time.monotonic() + 120
    while len(checkpoint.steps(output / "vqgan")) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    steps = checkpoint.steps(output / "vqgan")
    assert steps
    for step in steps:
        tensors, card = checkpoint.load(checkpoint.step_folder(output / "vqgan", step))
        assert card["step"] == step
        assert tensors
    status, _, err = cli(*command)
    assert status == 0, err
    assert (output / "generator/card.json").exists()


def test_a_loss_that_is_not_finite_stops_with_the_last_good_checkpoint(data, tmp_path):
    stage = AutoencoderStage(micro(), data, CPU)
    original = stage.update
    stage.update = lambda step: original(step) if step < 4 else {"reconstruction": float("nan")}
    with pytest.raises(EvalsuiteError) as caught:
        fit(stage, tmp_path, about={}, resume=False, **QUIET)
    assert str(caught.value) == (
        'In step 5 of vqgan the loss "reconstruction" is not finite. The last good checkpoint is '
        f"{tmp_path / 'step-0000004'}. Lower vqgan.training.learning_rate, or set its precision "
        "to float32."
    )


def test_another_diffusion_model_may_follow_on_the_first_stage(source, tmp_path):
    run(source, tmp_path / "run")
    first = weights(tmp_path / "run")
    shutil.rmtree(tmp_path / "run/diffusion")
    run(source, tmp_path / "run", micro(diffusion=MICRO["diffusion"] | {"ema": 0.5}), resume=True)
    second = weights(tmp_path / "run")
    same = {key for key in first if torch.equal(first[key], second[key])}
    assert {key for key in first if key.startswith("vqgan/")} <= same
    assert any(key.startswith("denoiser/") for key in first.keys() - same)


def test_a_full_disk_keeps_the_last_checkpoint(data, tmp_path, monkeypatch):
    stage = AutoencoderStage(micro(), data, CPU)
    saved = checkpoint.save_file

    def full(tensors, path):
        if "0000004" in str(path):
            Path(path).write_bytes(b"half")
            raise OSError(28, "No space left on device")
        saved(tensors, path)

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(EvalsuiteError, match="cannot be written: No space left on device"):
        fit(stage, tmp_path, about={}, resume=False, **QUIET)
    assert [path.name for path in tmp_path.glob("step-*")] == ["step-0000002"]
    checkpoint.load(tmp_path / "step-0000002")


def test_a_damaged_checkpoint_is_told(tmp_path):
    checkpoint.save(tmp_path / "step-0000001", {"a": torch.ones(3)}, {})
    (tmp_path / "step-0000001/tensors.safetensors").write_bytes(b"x")
    with pytest.raises(EvalsuiteError, match="step-0000001: the checkpoint is damaged"):
        checkpoint.load(tmp_path / "step-0000001")


@pytest.mark.parametrize(
    ("shape", "preprocessing", "message"),
    [
        ((9, 17, 10), {"shape": "native"}, 'preprocessing has shape "native"'),
        ((9, 17, 10), {"orientation": "LPS"}, "makes whole volumes in RAS"),
        ((9, 17, 10), {"axes": "zyx"}, "makes whole volumes in RAS"),
        ((9, 17, 10), {"pool": 2}, "makes whole volumes in RAS"),
        ((9, 17, 10), {"intensity": {"kind": "zscore"}}, "intensities from 0 to 1"),
        ((9, 17, 10), {"padding": -1}, "intensities from 0 to 1"),
    ],
)
def test_steps_that_do_not_fit_are_told(make_cohort, tmp_path, shape, preprocessing, message):
    source = make_cohort("small", 4, shape=shape)
    with pytest.raises(EvalsuiteError, match=message):
        run(source, tmp_path / "run", micro(preprocessing=preprocessing))


def test_an_empty_folder_is_told(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(EvalsuiteError, match="the folder holds no volumes"):
        run(tmp_path / "empty", tmp_path / "run")


def test_every_epoch_deals_every_volume_once(data):
    drawn = [i for step in range(6) for i in data.draw("vqgan", step, 2)]
    assert sorted(drawn[:6]) == sorted(drawn[6:]) == sorted(data.training)
    assert drawn[:6] != drawn[6:]
    others = {tuple(data.draw(stage, 0, 6)) for stage in ("vqgan", "other", "stage")}
    assert len(others) == 3  # whatever the length of its name, a stage has an order of its own


def test_the_split_keeps_subjects_together(make_cohort):
    from evalsuite.volumes.check import check_cohort
    from evalsuite.volumes.sources import read_cohort
    from generator.data import TrainingData

    folder = make_cohort("training", 8, shape=(9, 17, 10))
    rows = [f"v{i:02d}.nii.gz,{i // 2}" for i in range(8)]
    (folder / "cases.csv").write_text("path,subject\n" + "\n".join(rows) + "\n")
    cohort = check_cohort(read_cohort(str(folder / "cases.csv"), name="t", role="real"))
    split = TrainingData(cohort, micro())
    assert {i // 2 for i in split.training}.isdisjoint({i // 2 for i in split.validation})
    assert len(split.validation) == 2


def test_dead_codes_restart_at_encodings(data):
    stage = AutoencoderStage(micro(), data, CPU)
    book = stage.model.codebook
    book.ema_cluster_size[:] = 5.0
    book.ema_cluster_size[3] = 0.0
    before = book.embedding.weight.clone()
    latents = torch.arange(2 * 4 * 2 * 2 * 2.0).reshape(2, 4, 2, 2, 2)
    assert book.restart(latents, torch.Generator().manual_seed(0)) == 1
    rows = latents.movedim(1, -1).reshape(-1, 4)
    assert (rows == book.embedding.weight[3]).all(dim=1).any()
    assert torch.equal(before[:3], book.embedding.weight[:3])


def test_the_critics_wait_for_their_step(data):
    stage = AutoencoderStage(micro(), data, CPU)
    assert "adversarial" not in stage.update(2)
    before = [p.clone() for p in stage.critics.parameters()]
    values = stage.update(3)
    assert {"adversarial", "feature_matching", "critics"} <= values.keys()
    assert any(
        not torch.equal(a, b) for a, b in zip(before, stage.critics.parameters(), strict=True)
    )


def test_reconstructions_beat_the_mean_volume(trained):
    card = json.loads((trained / "generator/card.json").read_text())
    steps = Preprocessing.model_validate(card["preprocessing"])
    training, held_out = (
        [steps.apply(read_volume(trained.parent / "volumes" / name)).voxels for name in names]
        for names in (card["data"]["training"], card["data"]["validation"])
    )
    errors = [np.square(np.mean(training, axis=0) - volume).mean() for volume in held_out]
    of_the_mean = np.mean(-10 * np.log10(errors))
    assert card["metrics"]["validation_psnr"] > of_the_mean + 1
    assert card["metrics"]["codebook_use"] > 0.3


def test_a_gradient_that_overflows_is_passed_over(data):
    stage = AutoencoderStage(micro(), data, CPU)
    before = {key: value.clone() for key, value in stage.model.named_parameters()}
    hook = next(stage.model.parameters()).register_hook(lambda g: torch.full_like(g, np.inf))
    stage.update(0)
    for key, value in stage.model.named_parameters():
        if value.requires_grad:
            assert torch.equal(before[key], value)
    hook.remove()
    assert np.isfinite(list(stage.update(1).values())).all()
    assert any(not torch.equal(before[k], v) for k, v in stage.model.named_parameters())


def test_background_alone_gives_finite_gradients(data):
    stage = AutoencoderStage(micro(), data, CPU)
    stage.data.volumes = lambda indices: torch.zeros(len(indices), 1, 8, 16, 8)
    for step in range(3, 6):
        values = stage.update(step)
    assert np.isfinite(list(values.values())).all()
    assert all(torch.isfinite(p).all() for p in stage.model.parameters())


def test_accumulation_gives_the_gradient_of_the_whole_batch(data):
    """Two batches of two are one of four: the codebook moves per batch, the encoder as one."""
    settings = MICRO["diffusion"]["training"]
    whole = micro()
    parts = micro(
        diffusion=MICRO["diffusion"] | {"training": settings | {"batch_size": 2, "accumulate": 2}}
    )
    autoencoder = AutoencoderStage(whole, data, CPU).model
    norms = []
    for config in (whole, parts):
        stage = DiffusionStage(config, data, autoencoder, CPU)
        norms.append(stage.update(0)["denoising"])
    assert norms[0] == pytest.approx(norms[1], rel=0.5)


def test_the_learning_rate_warms_up_and_decays(data):
    settings = micro().vqgan.training.model_copy(
        update={"steps": 110, "warmup": 10, "learning_rate": 1.0, "final_rate": 0.1}
    )
    share = decaying(settings)
    assert share(0) == pytest.approx(0.1)
    assert share(10) == pytest.approx(1.0)
    assert share(60) == pytest.approx(0.55)
    assert share(110) == pytest.approx(0.1)


@pytest.mark.parametrize("start", [0, 3])
def test_every_player_has_a_rate_of_its_own(data, start):
    stage = AutoencoderStage(micro(), data, CPU)
    settings = stage.settings.model_copy(update={"steps": 10, "final_rate": 0.0})
    optimiser = torch.optim.SGD(stage.critics.parameters(), 2.0)
    decays = Player(stage.critics, optimiser, settings, CPU)
    keeps = Player(
        stage.model, torch.optim.SGD(trained_parameters(stage.model), 3.0), settings, CPU, constant
    )
    for player in (decays, keeps):
        player.start_at(start)
    for step in range(start, 6):
        rates = [p.optimiser.param_groups[0]["lr"] for p in (decays, keeps)]
        assert rates == pytest.approx([1 + np.cos(np.pi * step / 10), 3.0])
        decays.next_rate()
        keeps.next_rate()


def test_two_processes_train_and_resume_to_the_same_end(source, tmp_path):
    config = tmp_path / "micro.yaml"
    config.write_text(json.dumps({"preset": "tiny", **ONCE}))
    output = tmp_path / "two"
    command = ["generator", "train", source, "--no-tracking", "--resume"]
    command += ["--config", config, "--output", output]

    def trained_by_two():
        as_two(*command)
        return weights(output)

    whole = trained_by_two()
    card = json.loads((output / "generator/card.json").read_text())
    assert card["processes"] == 2
    assert np.isfinite(card["metrics"]["validation_psnr"])
    # One process ends with the same, but for the order of sums.
    run(source, tmp_path / "one", micro(**ONCE))
    same = {
        "vqgan": {"reconstruction", "feature_matching", "critics", "validation_psnr"},
        "diffusion": {"denoising", "gradient_norm"},
    }
    for stage, keys in same.items():
        files = [folder / stage / "history.jsonl" for folder in (output, tmp_path / "one")]
        lines = [[json.loads(line) for line in file.read_text().splitlines()] for file in files]
        for two, one in zip(*lines, strict=True):
            assert two.keys() == one.keys()
            for key in one.keys() & keys:
                assert two[key] == pytest.approx(one[key], rel=1e-3), (stage, key)
    # As if both had been killed between the last two checkpoints of the first stage.
    for lost in ("generator", "diffusion", "vqgan/step-0000006"):
        shutil.rmtree(output / lost)
    assert equal(whole, trained_by_two())
    # One process ends what two began (huggingface/transformers#14554).
    for lost in ("generator", "diffusion/step-0000006"):
        shutil.rmtree(output / lost)
    run(source, output, micro(**ONCE), resume=True)
    assert json.loads((output / "generator/card.json").read_text())["processes"] == 1
    alone = weights(output)
    first = {key for key in whole if key.startswith("vqgan/")}
    assert all(torch.equal(whole[key], alone[key]) for key in first)
    steps = 2 * MICRO["diffusion"]["training"]["learning_rate"]  # other noise, no more than Adam's
    assert max(float((whole[key] - alone[key]).abs().max()) for key in whole) <= 2 * steps


@pytest.mark.parametrize(
    ("error", "status"),
    [(RuntimeError("a bug"), "FAILED"), (KeyboardInterrupt(), "KILLED"), (SystemExit(), "KILLED")],
)
def test_a_training_that_ends_early_does_not_seem_to_run(
    source, tmp_path, client, runs, monkeypatch, error, status
):
    real = DiffusionStage.update

    def stops(self, step):
        if step == 4:
            if not isinstance(error, SystemExit):
                raise error
            os.kill(os.getpid(), signal.SIGTERM)
        return real(self, step)

    monkeypatch.setattr(DiffusionStage, "update", stops)
    with pytest.raises(type(error)):
        run(source, tmp_path / "run", experiment="e")
    if isinstance(error, SystemExit):  # the step was done, and a checkpoint written after it
        assert checkpoint.steps(tmp_path / "run/diffusion") == [4, 5]
    found = runs("e")
    assert {name: r.info.status for name, r in found.items()} == {
        "run vqgan": "FINISHED",
        "run diffusion": status,
    }
    monkeypatch.setattr(DiffusionStage, "update", real)
    run(source, tmp_path / "run", resume=True, experiment="e")
    again = runs("e")
    assert {r.info.status for r in again.values()} == {"FINISHED"}
    for name, r in again.items():
        assert r.info.run_id == found[name].info.run_id
        history = client.get_metric_history(r.info.run_id, "learning_rate")
        assert sorted(point.step for point in history) == [3, 6]


def test_mlflow_that_comes_back_gets_the_whole_training_at_its_end(
    source, tmp_path, client, runs, monkeypatch, capsys
):
    good = os.environ["MLFLOW_TRACKING_URI"]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://me:secret@localhost/x")
    real = DiffusionStage.validate

    def comes_back(self):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", good)
        return real(self)

    monkeypatch.setattr(DiffusionStage, "validate", comes_back)
    run(source, tmp_path / "run", experiment="e")
    err = capsys.readouterr().err
    folder = tmp_path / "run" / "vqgan"
    assert err.count("log them later with") == 2  # once on the way, once at the end of the stage
    assert err.count(f"log them later with: evalsuite log {folder}\n") == 2
    assert err.count("The training goes on.") == 1
    assert "secret" not in err
    assert {r.info.status for r in runs("e").values()} == {"FINISHED"}
    assert set(runs("e")) == {"run vqgan", "run diffusion"}
    digests = {r.data.tags["evalsuite.weights_sha256"] for r in runs("e").values()}
    assert digests == {load(tmp_path / "run").digest}


def test_a_finished_training_is_a_model_of_mlflow(trained, client, runs, monkeypatch, tmp_path):
    shutil.copytree(trained, tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    log(tmp_path / "run", "e", None)
    log(tmp_path / "run", "e", None)
    found = runs("e")
    generator = load(trained)
    digests = {r.data.tags["evalsuite.weights_sha256"] for r in found.values()}
    assert digests == {generator.digest}
    (output,) = found["run diffusion"].outputs.model_outputs  # the second call has added none
    model = mlflow.pyfunc.load_model(f"runs:/{found['run diffusion'].info.run_id}/generator")
    assert model.metadata.metadata == generator.card
    assert model.metadata.run_id == found["run diffusion"].info.run_id
    table = pd.DataFrame({"n": [2, 1], "seed": [3, 4]})
    samples = model.predict(table, params={"guidance": 1.0})
    wanted = [v.voxels for v in (*generator.sample(2, seed=3), *generator.sample(1, seed=4))]
    np.testing.assert_array_equal(samples, wanted)
    assert model.metadata.get_output_schema().inputs[0].shape == (-1, *samples.shape[1:])
    with pytest.raises(EvalsuiteError, match="weighs the class"):
        model.predict(table, params={"guidance": 2.0})
    folder = Path(client.get_logged_model(output.model_id).artifact_location.removeprefix("file:"))
    kept = {file.name for file in folder.rglob("*") if file.is_file()}
    assert {"tensors.safetensors", "card.json", "MLmodel"} <= kept
    assert not [name for name in kept if name.endswith((".pkl", ".py", ".lock", ".toml"))]


def test_a_new_start_forgets_the_history_of_one_that_had_no_checkpoint(source, tmp_path):
    stage = tmp_path / "run" / "vqgan"
    stage.mkdir(parents=True)
    (stage / "history.jsonl").write_text('{"step": 1, "learning_rate": 1}\n')
    (stage / "mlflow-run.txt").write_text("0" * 32)
    run(source, tmp_path / "run")
    steps = [json.loads(x)["step"] for x in (stage / "history.jsonl").read_text().splitlines()]
    assert steps == [3, 6]
    assert not (stage / "mlflow-run.txt").exists()


def test_a_batch_that_cannot_be_shared_is_told(source, tmp_path, monkeypatch):
    monkeypatch.setattr("generator.run.world", lambda: 3)
    monkeypatch.setattr("generator.distributed.device", torch.device)
    with pytest.raises(EvalsuiteError, match="batch_size of 2 cannot be shared by 3 processes"):
        run(source, tmp_path / "run")


class Elsewhere(torch.Tensor):
    """A tensor as on a GPU: NumPy cannot have it before it is brought to the processor."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if function is torch.Tensor.numpy:
            raise TypeError("can't convert cuda:0 device type tensor to numpy")
        found = super().__torch_function__(function, types, args, kwargs)
        brought = function is torch.Tensor.cpu or (function is torch.Tensor.to and "cpu" in args)
        return found.as_subclass(torch.Tensor) if brought else found


def test_what_is_on_a_gpu_is_packed_on_the_processor():
    module = nn.Module()
    module.register_buffer("weight", torch.ones(3).as_subclass(Elsewhere))
    adam = torch.optim.Adam([nn.Parameter(torch.ones(2))])
    adam.state[adam.param_groups[0]["params"][0]] = {"step": torch.ones(()).as_subclass(Elsewhere)}
    packed = checkpoint.pack({"network": module}, {"network": adam})
    assert {name: type(tensor) for name, tensor in packed.items()} == {
        "network/weight": torch.Tensor, "optimiser network/0/step": torch.Tensor
    }  # fmt: skip
    assert digest({"a": packed["network/weight"]}) == digest({"a": torch.ones(3)})
