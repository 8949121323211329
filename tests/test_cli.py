import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, get_args, get_origin

import numpy as np
import pytest
import torch

from evalsuite import options, plugins
from evalsuite.cli import _app
from evalsuite.errors import EvalsuiteError
from evalsuite.machine import usable_device

QUICK = [
    *("--extractor", "radiomics", "--workers", "1"),
    *("--set", "metrics.frechet.level=0.9", "--set", "metrics.mmd.permutations=50"),
    *("--set", "metrics.ms_ssim.pairs=10", "--set", "metrics.precision_recall.k=3"),
]


@pytest.fixture
def pair(make_cohort):
    return make_cohort("real", 8), make_cohort("gan", 8, seed=1)


def test_one_command_answers_and_keeps_the_answer(cli, pair, tmp_path):
    real, synthetic = pair
    status, out, err = cli(
        "compute-metrics", "--real", real, "--synthetic", synthetic, "--output", "out", *QUICK
    )
    assert status == 0
    assert "frechet_distance" in out
    assert "Results: out" in err
    assert "MLflow run: " in err
    assert (tmp_path / "mlflow.db").exists()
    found = {p.relative_to("out").as_posix() for p in Path("out").rglob("*") if p.is_file()}
    assert found == {
        *("results.json", "estimates.csv", "config.yaml"),
        *("volume_scores.csv", "volume_scores.parquet"),
        *(f"figures/{name}.png" for name in ("cohorts", "embedding", "estimates")),
        *(f"features/{name}--radiomics.npz" for name in ("real", "gan")),
    }


@pytest.mark.usefixtures("undrawn")
def test_the_kept_configuration_repeats_the_run(cli, pair):
    real, synthetic = pair
    start = ("compute-metrics", "--no-tracking", "--workers", "1")
    cli(*start, "--real", real, "--synthetic", f"x={synthetic}", "--output", "a", *QUICK)
    status, *_ = cli(*start, "--config", "a/config.yaml", "--output", "b")
    assert status == 0
    first, second = (json.loads(Path(f"{x}/results.json").read_text()) for x in "ab")
    for key in ("estimates", "config", "config_hash"):
        assert first[key] == second[key]


@pytest.mark.usefixtures("undrawn")
def test_json_goes_to_stdout_alone(cli, pair):
    real, synthetic = pair
    _, out, _ = cli(
        "compute-metrics", "--no-tracking", "--json", "--real", real, "--synthetic", synthetic,
        *QUICK,
    )  # fmt: skip
    record = json.loads(out)
    assert {e["name"] for e in record["estimates"]} >= {"frechet_distance", "kid", "ms_ssim"}
    assert record["environment"]["packages"]["torch"]


@pytest.mark.usefixtures("undrawn")
def test_several_generators_stand_side_by_side(cli, pair, make_cohort):
    real, synthetic = pair
    other = make_cohort("other", 6, seed=2)
    _, out, _ = cli(
        "compute-metrics", "--no-tracking", "--real", real, "--synthetic", f"gan={synthetic}",
        "--synthetic", f"ddpm={other}", "--metrics", "mmd", *QUICK[:4],
    )  # fmt: skip
    assert "n = 8" in out
    assert "n = 6" in out


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "postgresql://me:secret@localhost/x"])
def test_a_server_that_is_down_loses_nothing(cli, pair, monkeypatch, uri):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    real, synthetic = pair
    arguments = ("--real", real, "--synthetic", synthetic, "--output", "out", "--metrics", "mmd")
    status, out, err = cli("compute-metrics", *arguments, *QUICK[:4])
    assert status == 1
    assert "mmd_rbf" in out
    assert err.strip().endswith("log them later with: evalsuite log out")
    assert "secret" not in err
    assert "Traceback" not in err
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    status, _, err = cli("log", "out")
    assert status == 0
    assert "MLflow run: " in err


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ((), 1, "An evaluation needs a real and a synthetic cohort."),
        (("--real", "nowhere", "--synthetic", "x"), 1, "nowhere: it does not exist."),
        (("--seed", "-1"), 2, "Invalid value for '--seed'"),
        (("--nonsense",), 2, "No such option"),
        (("--set", "seed"), 2, "expected KEY=VALUE"),
        (("--config", "absent.yaml"), 1, "absent.yaml: the settings cannot be read"),
        (
            ("--real", "nowhere", "--synthetic", "x", "--shape", "0,1,2"),
            1,
            "In the preprocessing, shape",
        ),
    ],
)
def test_mistakes_are_one_line_without_a_traceback(cli, arguments, status, message):
    extra = ("--extractor", "radiomics") if "nowhere" in arguments else ()
    found, out, err = cli("compute-metrics", *arguments, *extra)
    assert found == status
    assert message in " ".join(err.replace("│", " ").split())
    assert "Traceback" not in err
    assert out == ""


def test_missing_weights_are_told_in_one_line_before_any_work(cli, pair):
    real, synthetic = pair
    status, _, err = cli("compute-metrics", "--offline", "--real", real, "--synthetic", synthetic)
    assert status == 1
    assert len(err.strip().splitlines()) == 1
    assert "resnet_10_23dataset.pth" in err
    assert not Path("evalsuite-results").exists()


FAULTS = {
    "truncated.nii.gz": lambda good: good[: len(good) // 2],
    "empty.nii.gz": lambda _: b"",
    "text.nii": lambda _: b"not a volume",
    "random.nrrd": lambda _: np.random.default_rng(0).bytes(400),
    "random.npy": lambda _: np.random.default_rng(1).bytes(400),
    "random.mha": lambda _: np.random.default_rng(2).bytes(400),
}


def planted(folder):
    import nibabel

    good = (folder / "v00.nii.gz").read_bytes()
    for name, spoil in FAULTS.items():
        (folder / name).write_bytes(spoil(good))
    voxels = np.random.default_rng(3).random((8, 8, 8))
    arrays = {
        "four.nii.gz": np.stack([voxels] * 3, axis=-1),
        "constant.nii.gz": np.full((8, 8, 8), 3.0),
        "nan.nii.gz": np.where(voxels > 0.9, np.nan, voxels),
        "inf.nii.gz": np.where(voxels > 0.9, np.inf, voxels),
    }
    for name, array in arrays.items():
        nibabel.Nifti1Image(array, np.eye(4)).to_filename(folder / name)
    flat = nibabel.Nifti1Image(voxels, np.eye(4))
    flat.header["pixdim"][3] = 0
    flat.header["srow_z"] = 0
    raw = flat.to_bytes()
    header = flat.header.copy()
    header["pixdim"][3] = 0
    header["srow_z"], header["sform_code"], header["qform_code"] = 0, 1, 0
    (folder / "spacing.nii").write_bytes(header.binaryblock + raw[348:])
    return [*FAULTS, *arrays, "spacing.nii"]


def test_every_fault_is_reported_by_file_name(cli, pair):
    """Acceptance: all faults together, exit status 1, no traceback, the good ones untold."""
    real, synthetic = pair
    names = planted(real)
    arguments = ("compute-metrics", "--no-tracking", "--real", real, "--synthetic", synthetic)
    status, out, err = cli(*arguments, *QUICK)
    assert status == 1
    assert out == ""
    assert "Traceback" not in err
    told = [line for line in err.splitlines() if line.startswith("  ")]
    assert len(told) == len(names)
    for name in names:
        assert sum(f"/{name}: " in line for line in told) == 1
    status, out, _ = cli(*arguments, *QUICK, "--skip-invalid", "--output", "out")
    assert status == 0
    assert f"{len(names)} invalid volumes skipped" in out
    record = json.loads(Path("out/results.json").read_text())
    assert len(record["real"]["skipped"]) == len(names)


def test_help_is_quick_and_lists_every_command():
    heavy = ("torch", "mlflow", "monai", "pandas", "scipy", "matplotlib", "streamlit")
    code = (
        "import sys; sys.argv = ['evalsuite', '--help']\n"
        "from evalsuite.cli import main\n"
        "try: main()\n"
        f"finally: print([m for m in {heavy} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    for command in plugins.available("commands"):
        assert f" {command} " in done.stdout


@pytest.mark.parametrize(
    ("set_by_the_user", "found"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "active"}, "active")]
)
def test_threads_that_wait_leave_the_machine_to_others(set_by_the_user, found):
    code = (
        "import gc, os, sys\n"
        "from evalsuite.cli import main\n"
        "sys.argv = ['evalsuite', '--version']\n"
        "assert 'torch' not in sys.modules  # which reads it once\n"
        "try: main()\n"
        "finally: print(gc.get_threshold()[0], os.environ['OMP_WAIT_POLICY'])"
    )
    environment = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"} | set_by_the_user
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[-2:] == ["10000", found]


def test_the_version_needs_no_command(cli):
    from evalsuite import __version__

    assert cli("--version") == (0, f"{__version__}\n", "")
    assert cli("--version", "doctor") == (0, f"{__version__}\n", "")


DEVICES = ["cudaa", "", "cuda:", "meta", "hpu", "cpu:x", "privateuseone"]
COMMANDS = {
    "compute-metrics": ("--real", "nowhere", "--synthetic", "x", "--extractor", "radiomics"),
    "generator train": ("nowhere", "--output", "out"),
    "generator sample": ("nowhere", "--output", "out"),
    "utility segmentation": ("--real", "nowhere", "--synthetic", "x", "--output", "out"),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("device", DEVICES)
def test_a_device_that_is_none_is_told_before_any_volume_is_read(cli, command, device):
    status, _, err = cli(*command.split(), *COMMANDS[command], "--device", device)
    assert (status, len(err.strip().splitlines())) == (1, 1), err
    assert err.startswith(f'The device "{device}" cannot be used: ')
    assert not Path("out").exists()


def test_the_device_is_the_own_gpu_of_a_process_or_the_processor(monkeypatch):
    assert usable_device("auto").type == "cpu"
    asked, current = [], []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: current.append(str(device)))
    monkeypatch.setattr(torch, "ones", lambda *_, device: asked.append(device) or torch.zeros(1))
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert str(usable_device("auto")) == str(usable_device("cuda")) == "cuda:3"
    assert str(usable_device("cuda:1")) == "cuda:1"  # a process of its own may choose
    for name, value in {"RANK": "3", "WORLD_SIZE": "4", **MASTER}.items():
        monkeypatch.setenv(name, value)
    assert str(usable_device("cuda:3")) == "cuda:3"
    with pytest.raises(EvalsuiteError, match='"cuda:1" is that of one of 4 processes'):
        usable_device("cuda:1")
    for name in ("LOCAL_RANK", "RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name)
    assert str(usable_device("auto")) == "cuda:0"
    assert usable_device("cpu").type == "cpu"
    cards = ["cuda:3", "cuda:3", "cuda:1", "cuda:3", "cuda:0"]
    assert current == cards
    assert [str(device) for device in asked] == [*cards, "cpu"]


MASTER = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29999"}
ENVIRONMENTS = [
    ({"WORLD_SIZE": "2"}, "lacks RANK"),
    ({"RANK": "1"}, "lacks WORLD_SIZE"),
    ({"RANK": "2", "WORLD_SIZE": "2", **MASTER}, "makes no sense"),
    ({"RANK": "0", "WORLD_SIZE": "0"}, "makes no sense"),
    ({"RANK": "x", "WORLD_SIZE": "2", **MASTER}, "RANK is x; expected a whole number, as torchrun"),
    ({"RANK": "0", "WORLD_SIZE": "-1"}, "WORLD_SIZE is -1; expected a whole number"),
    ({"SLURM_PROCID": "2", "SLURM_NTASKS": "2"}, "SLURM_PROCID=2, SLURM_NTASKS=2) makes no sense"),
    (
        {"SLURM_PROCID": "x", "SLURM_NTASKS": "2"},
        "SLURM_PROCID is x; expected a whole number, as s",
    ),
]
MEETINGS = [  # of processes that train together; an evaluation shares a folder alone
    ({"RANK": "0", "WORLD_SIZE": "2"}, "lacks MASTER_ADDR and MASTER_PORT"),
    ({"RANK": "0", "WORLD_SIZE": "2", **MASTER, "MASTER_PORT": "x"}, "do not find one another"),
]
TOGETHER = [c for c in COMMANDS if c.startswith("generator")]


@pytest.mark.parametrize(
    ("command", "told", "message"),
    [
        *[(c, *e) for c in COMMANDS if c != "utility segmentation" for e in ENVIRONMENTS],
        *[(c, *e) for c in TOGETHER for e in MEETINGS],
    ],
)
def test_half_of_what_a_launcher_sets_is_told_before_any_volume_is_read(
    cli, monkeypatch, command, told, message
):
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    status, out, err = cli(*command.split(), *COMMANDS[command])
    assert (status, out, len(err.strip().splitlines())) == (1, "", 1), err
    assert message in err


@pytest.mark.parametrize(
    "endpoint",
    ["notaurl", "hf-mirror.com", "ftp://x", "https://", "http://[x", "http://h:port", "http://h h"],
)
def test_a_hub_that_is_no_address_is_told_before_any_volume_is_read(cli, monkeypatch, endpoint):
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    for name, empty in (("TORCH_HOME", "none"), ("HF_HUB_CACHE", "none")):
        monkeypatch.setenv(name, empty)
    told = f'The environment variable HF_ENDPOINT is "{endpoint}"; expected the address of a hub'
    for arguments in (
        ("compute-metrics", "--real", "nowhere", "--synthetic", "x"),
        ("weights", "fetch", "medicalnet-resnet10"),
    ):
        status, _, err = cli(*arguments)
        assert status == 1
        assert err.startswith(told)
        assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize("failure", [EvalsuiteError("no template"), KeyboardInterrupt()])
def test_a_population_that_failed_leaves_nothing_in_the_way(cli, monkeypatch, tmp_path, failure):
    from evalsuite.volumes import population

    real, made = population.simulate, []

    def fails(*arguments, **named):
        if len(made) == 1:
            raise failure
        made.append(1)
        return real(*arguments, **named)

    monkeypatch.setattr(population, "simulate", fails)
    assert cli("simulate-population", "p", "-n", 2, "--spacing", 12)[0] != 0
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(population, "simulate", real)
    assert cli("simulate-population", "p", "-n", 2, "--spacing", 12)[0] == 0


@pytest.mark.parametrize(
    ("uri", "fault"),
    [
        ("postgresql://me:secret@localhost/x", "ModuleNotFoundError"),
        ("http://me:secret@127.0.0.1:9", "Connection refused"),
        ("nonsense://x", "nonsense"),
        ("sqlite:///notes.txt", "file is not a database"),
        ("sqlite:////proc/nowhere/mlflow.db", "No such file or directory"),
    ],
)
def test_doctor_looks_at_tracking(cli, monkeypatch, tmp_path, uri, fault):
    (tmp_path / "notes.txt").write_text("not a database, whatever one may call it " * 99)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    start = time.monotonic()
    status, out, _ = cli("doctor", "--json")
    (row,) = (row for row in json.loads(out) if row["check"] == "MLflow tracking")
    assert (status, row["state"]) == (1, "broken")
    assert fault in row["found"]
    assert "secret" not in out
    assert "--no-tracking" in row["mend"]
    assert time.monotonic() - start < 30


def test_doctor_waits_for_no_server_that_is_silent(cli, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent.getsockname()[1]}")
        start = time.monotonic()
        status, out, _ = cli("doctor", "--json")
    assert status == 1
    assert time.monotonic() - start < 30
    assert "broken" in out


def test_doctor_makes_no_database(cli, client, tmp_path, monkeypatch):
    def tracking():
        rows = json.loads(cli("doctor", "--json")[1])
        return next(row for row in rows if row["check"] == "MLflow tracking")

    assert tracking()["state"] == "good"
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert tracking()["state"] == "good"
    assert not (tmp_path / "mlflow.db").exists()


@pytest.mark.parametrize("command", ["metrics", "extractors", "doctor"])
def test_listings_are_tables_and_json(cli, command):
    status, out, _ = cli(command, "--json")
    rows = json.loads(out)
    assert status == 0
    assert len(rows) >= 4
    _, table, _ = cli(command)
    first = next(iter(rows[0].values()))
    assert first in table


def test_weights_are_listed_and_unknown_files_told(cli, tmp_path):
    _, out, _ = cli("weights", "list", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert rows["medicalnet-resnet10"]["licence of weights"] == "MIT"
    (tmp_path / "w.pth").write_bytes(b"x")
    _, out, err = cli("weights", "verify", tmp_path / "w.pth")
    assert "w.pth" in out + err


def test_a_population_is_reproducible_and_honest(cli, tmp_path):
    for name in ("a", "b"):
        status, *_ = cli("simulate-population", name, "-n", 2, "--spacing", 8, "--seed", 4)
        assert status == 0
    first, second = (sorted((tmp_path / x).iterdir()) for x in "ab")
    assert [p.name for p in first] == [p.name for p in second]
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
    note = json.loads((tmp_path / "a/population.json").read_text())
    assert note["Synthetic"] is True
    assert "template" in note["Name"]
    status, _, err = cli("simulate-population", "a")
    assert status == 1
    assert "is not empty" in err


OWN_WORDS = {  # what means something else there
    ("generator sample", "--assume-orientation"), ("generator sample", "--assume-spacing"),
    ("generator sample", "--seed"),
    ("generator train", "--config"),
    ("generator train", "--preset"), ("log", "--experiment"), ("simulate-population", "--seed"), ("study demo", "--seed"),
    ("simulate-population", "--spacing"), ("study create", "--seed"), ("study power", "--seed"),
    ("utility segmentation", "--batch-size"),
}  # fmt: skip


def commands(group, path=()):
    """Return every command by the words that call it."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


def test_an_option_that_several_commands_share_has_the_same_words_in_each():
    shared = {}
    for alias in vars(options).values():
        if get_origin(alias) is Annotated:
            (option,) = get_args(alias)[1:]
            shared[option.param_decls[0] if option.param_decls else option.default] = option.help
    used = set()
    for name, command in commands(_app()):
        for parameter in command.params:
            for flag in set(parameter.opts) & set(shared):
                if (name, flag) not in OWN_WORDS:
                    assert parameter.help == shared[flag], (name, flag)
                    used.add(flag)
    assert used == set(shared)
