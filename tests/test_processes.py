"""What torchrun and SLURM tell each process of the others, and of its share of the machine."""

import os

import pytest

from evalsuite import processes as module
from evalsuite.processes import Processes, cores, processes, rank, threads, world
from generator.distributed import first_node

ONE_STEP = {"SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0"}


@pytest.fixture
def told(monkeypatch):
    """Return what a process is among others, of the variables that it is told."""

    def of(**variables):
        for name in list(os.environ):
            if name.startswith("SLURM_") or name in {"RANK", "WORLD_SIZE", "LOCAL_RANK"}:
                monkeypatch.delenv(name)
        monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return processes()

    return of


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"WORLD_SIZE": "1"},
        {"RANK": "0"},
        {"WORLD_SIZE": ""},
        {"SLURM_PROCID": "0", "SLURM_NTASKS": "1"},
        # A batch script is told how many tasks `srun` would start, and is none of them.
        {"SLURM_JOB_ID": "7", "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NTASKS": "4"},
        # So is a shell that `salloc` opened, and one that `srun --pty` opened in it.
        {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4"},
        {**ONE_STEP, "SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1", "SLURM_NTASKS": "4"},
    ],
)
def test_one_process_is_alone(told, variables):
    assert told(**variables) == Processes()


def test_torchrun_tells_who_is_on_this_machine(told):
    variables = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}
    slurm = {**ONE_STEP, "SLURM_PROCID": "1", "SLURM_NTASKS": "2"}  # one torchrun on each node
    assert told(**slurm, **variables) == Processes(5, 8, 1, 4)
    assert told(RANK="1", WORLD_SIZE="2") == Processes(1, 2, 1, 2)


def test_srun_is_understood_as_torchrun_is(told):
    least = {"SLURM_PROCID": "1", "SLURM_NTASKS": "2", "SLURM_LOCALID": "1"}
    assert told(**least) == Processes(1, 2, 1, 2, by_slurm=True)
    assert (rank(), world()) == (1, 2)
    # Seven tasks of a step on three nodes, within a job of more.
    step = {**ONE_STEP, "SLURM_NTASKS": "9", "SLURM_STEP_NUM_TASKS": "7"}
    step |= {"SLURM_TASKS_PER_NODE": "3(x3)", "SLURM_STEP_TASKS_PER_NODE": "3(x2),1"}
    last = told(**step, SLURM_PROCID="6", SLURM_LOCALID="0", SLURM_NODEID="2")
    assert last == Processes(6, 7, 0, 1, by_slurm=True)
    second = told(**step, SLURM_PROCID="4", SLURM_LOCALID="1", SLURM_NODEID="1")
    assert second == Processes(4, 7, 1, 3, by_slurm=True)


def test_cores_are_shared_by_the_processes_of_a_machine(told, monkeypatch):
    monkeypatch.setattr(module, "machine_cores", lambda: 16)
    told()
    assert cores() == 16
    told(RANK="0", WORLD_SIZE="8", LOCAL_WORLD_SIZE="4")
    assert cores() == 4
    told(RANK="0", WORLD_SIZE="32", LOCAL_WORLD_SIZE="32")
    assert cores() == 1
    task = {"SLURM_PROCID": "0", "SLURM_NTASKS": "4"}
    told(**task, SLURM_CPUS_PER_TASK="3")  # asked for, whether they are bound or not
    assert cores() == 3
    told(**task, SLURM_CPUS_ON_NODE="64")  # bound: each of four tasks sees its own sixteen
    assert cores() == 16
    told(**task, SLURM_CPUS_ON_NODE="16")  # not bound: all see the same sixteen
    assert cores() == 4


def test_threads_are_a_share_only_where_others_need_cores_too(told):
    import torch

    before = torch.get_num_threads()
    told()
    with threads(before + 2):
        assert torch.get_num_threads() == before
    told(RANK="0", WORLD_SIZE="2")
    with threads(before + 2):
        assert torch.get_num_threads() == before + 2
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("nodes", "first"),
    [("gpu7", "gpu7"), ("gpu7,gpu9", "gpu7"), ("gpu[07-09,12],big1", "gpu07"), ("a-[3,5]", "a-3")],
)
def test_the_first_node_is_where_the_tasks_of_srun_meet(nodes, first):
    assert first_node(nodes) == first
