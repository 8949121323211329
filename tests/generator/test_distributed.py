"""What processes of torchrun tell one another, with one of them late."""

import json
import os
import subprocess
import sys
from pathlib import Path

import torch

from generator import distributed
from generator.model import Recipe
from generator.run import train
from generator.samples import sample
from generator.training import Outcome
from tests.generator.conftest import micro

SCRIPT = """
import json, sys, time
from pathlib import Path
import torch
from generator import distributed
folder, rank = Path(sys.argv[1]), distributed.rank()
device = distributed.device("cpu")
network = torch.nn.ParameterList(torch.nn.Parameter(torch.zeros(n)) for n in (2, 1))
averaged = distributed.Averaged(network)


def loss():
    return (network[0] * torch.tensor([1.0, 10.0]) * (rank + 1)).sum()


with averaged.waiting(True):
    averaged(loss).backward()
waiting = network[0].grad.tolist()
averaged(loss).backward()
own = torch.full((2, 3), 5.0 + rank).T
told = {
    "world": distributed.world(),
    "device": device.type,
    "waiting": waiting,
    "gradients": network[0].grad.tolist(),
    "untouched": network[1].grad is None or not network[1].grad.any().item(),
    "gathered": distributed.gathered(own).tolist(),
    "anywhere": [distributed.anywhere(rank == 1), distributed.anywhere(False)],
    "own": own[0, 0].item(),
    "averaged": distributed.averaged({"b": 2.0 + rank, "a": 10.0 * rank}),
    "share": distributed.share([3, 1, 4, 1]),
}
if rank == 1:
    time.sleep(1)
    (folder / "late").touch()
distributed.barrier()
told["late"] = (folder / "late").exists()
(folder / f"{rank}.json").write_text(json.dumps(told))
"""


def test_two_processes_tell_one_another(tmp_path):
    script = tmp_path / "told.py"
    script.write_text(SCRIPT)
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run(
        [sys.executable, *command, str(script), str(tmp_path)],
        check=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2))
    same = {
        "world": 2,
        "device": "cpu",
        "gradients": [3, 30],  # twice (1 + 2) / 2 and (10 + 20) / 2
        "untouched": True,
        "gathered": [[5.0, 5.0]] * 3 + [[6.0, 6.0]] * 3,
        "anywhere": [True, False],
        "averaged": {"b": 2.5, "a": 5.0},
        "late": True,
    }
    assert first == same | {"own": 5.0, "waiting": [1, 10], "share": [3, 1]}
    assert second == same | {"own": 6.0, "waiting": [2, 20], "share": [4, 1]}


def test_one_process_is_on_its_own(monkeypatch):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    distributed.barrier()
    network = torch.nn.Linear(1, 1)
    averaged = distributed.Averaged(network)
    with averaged.waiting(True):
        averaged(network.weight.sum).backward()
    assert network.weight.grad.item() == 1
    assert not distributed.anywhere(False)
    assert (distributed.rank(), distributed.world()) == (0, 1)
    assert distributed.averaged({"a": 1.0}) == {"a": 1.0}
    assert distributed.share([3, 1, 4]) == [3, 1, 4]


def test_the_manifest_waits_for_the_samples_of_the_others(trained, tmp_path, monkeypatch):
    recipe = Recipe(steps=2)
    rank = 0

    def the_other_comes_late():
        nonlocal rank
        with monkeypatch.context() as patch:
            rank = 1
            patch.setattr(distributed, "barrier", lambda: None)
            sample(trained, tmp_path / "samples", 8, recipe, device="cpu")
            rank = 0

    monkeypatch.setattr("generator.samples.rank", lambda: rank)
    monkeypatch.setattr("generator.samples.world", lambda: 2)
    monkeypatch.setattr(distributed, "device", lambda name: "cpu")
    monkeypatch.setattr(distributed, "barrier", the_other_comes_late)
    sample(trained, tmp_path / "samples", 8, recipe, device="cpu")
    written = (tmp_path / "samples/samples.tsv").read_text().splitlines()
    assert len(written) == 1 + 8


def test_no_process_returns_before_the_generator_is_there(cohort, tmp_path, monkeypatch):
    waited = []
    monkeypatch.setattr("generator.run.fit", lambda *_, **__: Outcome({}, 6))
    monkeypatch.setattr("generator.run.rank", lambda: 1)
    monkeypatch.setattr(distributed, "barrier", lambda: waited.append(True))
    source = str(cohort.entries[0].path.parent)
    options = {"resume": False, "device": "cpu", "experiment": None, "skip_invalid": False}
    finished = train(source, tmp_path / "run", micro(), **options)
    # Before the first process writes, while it reports on the first stage, and at the end.
    assert waited == [True, True, True]
    assert not finished.exists()
