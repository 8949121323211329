"""The budget of metrics: how it is declared, what is kept within it, and that it changes nothing."""

import subprocess
import sys

import pytest
import torch

from evalsuite import memory
from evalsuite.config import load_config
from evalsuite.errors import EvalsuiteError
from evalsuite.evaluate import Resources, evaluate
from evalsuite.memory import Kept, default_budget, size, told
from evalsuite.preprocessed import PreprocessedVolumes
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.sources import read_cohort

COHORTS = {"real": "a", "synthetic": ["b"]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("4GB", 4e9), ("0.5 gb", 5e8), ("512MiB", 2**29), ("1 KB", 1000), ("7B", 7)],
)
def test_sizes(text, expected):
    assert size(text) == expected
    assert load_config(None, {**COHORTS, "memory": text}).memory == expected


def test_told_sizes_can_be_read_again():
    for number in (1, 999, 1500, 64_000_000, 1_000_000_000):
        assert size(told(number)) == number


@pytest.mark.parametrize("value", ["4", "GB", "-1GB", "0GB", "4 elephants", 0, 1.5, True])
def test_what_is_no_size_is_refused(value):
    with pytest.raises(EvalsuiteError, match="memory: expected a size such as 4GB"):
        load_config(None, {**COHORTS, "memory": value})


def test_a_quarter_of_what_is_free_within_bounds(monkeypatch):
    for free, expected in ((10**8, 64e6), (2e9, 5e8), (1e11, 1e9)):
        monkeypatch.setattr(memory, "_free", lambda free=free: int(free))
        assert default_budget() == expected


GAPS = """
import numpy as np
from evalsuite.memory import Kept
def held():
    return int(open("/proc/self/status").read().split("VmRSS:")[1].split()[0]) // 1000
np.ones(4_000_000)  # from now on smaller arrays share one heap
arrays = [np.ones(n) for _ in range(200) for n in (125_000, 9_000)]  # 1 MB and what stays behind
before = held()
del arrays[::2]
Kept(1).get("volume", lambda: np.ones(1))
print(before - held())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory is not told so")
def test_what_was_freed_in_pieces_is_given_back_before_a_volume_is_read():
    done = subprocess.run([sys.executable, "-c", GAPS], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 150  # MB of 200


def test_one_budget_for_volumes_of_all_cohorts():
    read = []

    def load(key):
        read.append(key)
        return torch.zeros(10)  # 40 bytes

    kept = Kept(80)
    for key in ("real 0", "gan 0", "real 0", "gan 1", "real 0", "gan 0"):
        kept.get(key, lambda key=key: load(key))
    # The third volume pushes out gan 0, which was used least recently.
    assert read == ["real 0", "gan 0", "gan 1", "gan 0"]
    small = Kept(1)
    for _ in range(2):
        small.get("the only one", lambda: load("the only one"))
    assert read.count("the only one") == 1


def test_an_evaluation_within_little_memory_has_the_same_numbers(make_cohort, tmp_path):
    real, gan = make_cohort("real", 8), make_cohort("gan", 8, seed=1)
    wanted = {
        "real": str(real),
        "synthetic": [str(gan)],
        "extractors": ["radiomics"],
        "metrics": ["mmd", "ms_ssim", "precision_recall", "realism"],
        "metrics.mmd.permutations": 20,
    }

    def run(**settings):
        resources = Resources(tmp_path / "cache", workers=1)
        return evaluate(load_config(None, {**wanted, **settings}), resources)[0]

    ample, little = run(memory="2GB"), run(memory="1B")
    assert ample.environment["memory"] == "2GB"
    assert little.environment["memory"] == "1B"
    assert little.config_hash == ample.config_hash
    for one, other in zip(ample.estimates, little.estimates, strict=True):
        assert other.value == pytest.approx(one.value, rel=1e-9)
        assert other.key == one.key


def test_volumes_of_a_cohort_are_never_those_of_one_before(make_cohort):
    steps, kept = Preprocessing(shape=(4, 4, 4), spacing=(1, 1, 1)), Kept(10**9)
    folders = [make_cohort(f"gan{seed}", 1, seed=seed, shape=(4, 4, 4)) for seed in range(4)]
    firsts = []
    for folder in folders:
        cohort = read_cohort(str(folder), name="gan", role="synthetic")
        firsts.append(PreprocessedVolumes(cohort, steps, kept)[0])  # and is forgotten
    assert len({volume.numpy().tobytes() for volume in firsts}) == 4
