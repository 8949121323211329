import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from evalsuite.errors import EvalsuiteError, VolumeError
from evalsuite.extractors.extractor import Extractor
from evalsuite.features import FeatureCache, extract
from evalsuite.machine import rank
from evalsuite.volumes.check import check_cohort
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.sources import read_cohort

STEPS = Preprocessing(spacing=(1.0, 1.0, 1.0), shape=(14, 15, 16))


@dataclass
class Moments:
    """Counts what it sees, so that the tests can tell what came from the cache."""

    name: str = "moments"
    fingerprint: dict = field(default_factory=lambda: {"version": 1})
    warnings: tuple = ()
    parallel: str = "batch"
    standardise: bool = False
    wants: dict = field(default_factory=dict)
    slices: None = None
    seen: list = field(default_factory=list)

    def __call__(self, voxels):
        self.seen += [len(voxels)]
        return np.stack([voxels.mean((1, 2, 3)), voxels.std((1, 2, 3))], axis=1)


def cohort_of(folder):
    return check_cohort(read_cohort(str(folder), name="real", role="real"))


@pytest.fixture
def cohort(make_cohort):
    return cohort_of(make_cohort("real", 7))


def test_rows_follow_the_cohort_whatever_the_batches(cohort, tmp_path):
    assert isinstance(Moments(), Extractor)
    one = extract(cohort, STEPS, Moments(), FeatureCache(tmp_path / "a"), batch_size=1)
    three = extract(cohort, STEPS, Moments(), FeatureCache(tmp_path / "b"), batch_size=3)
    np.testing.assert_array_equal(one.values, three.values)
    assert one.volumes == tuple(f"v{i:02d}.nii.gz" for i in range(7))


def test_processes_give_what_threads_give(cohort, tmp_path):
    batch = extract(cohort, STEPS, Moments(), FeatureCache(tmp_path / "a"))
    process = Moments(parallel="process")
    spawned = extract(cohort, STEPS, process, FeatureCache(tmp_path / "b"), workers=2)
    np.testing.assert_allclose(spawned.values, batch.values, rtol=1e-6)
    assert process.seen == []  # the volumes were seen elsewhere


@dataclass
class Sleeper(Moments):
    """Notes its process and sleeps."""

    parallel: str = "process"

    def __call__(self, voxels):
        (Path(self.name) / str(os.getpid())).touch()
        time.sleep(600)
        return voxels


KILLED = """
import sys
from pathlib import Path
from tests.test_features import STEPS, Sleeper, cohort_of
from evalsuite.features import FeatureCache, extract
if __name__ == "__main__":
    cohort = cohort_of(sys.argv[1])
    extract(cohort, STEPS, Sleeper(sys.argv[2]), FeatureCache(Path(sys.argv[3])), workers=2)
"""


def test_workers_do_not_outlive_a_command_that_was_killed(cohort, tmp_path):
    script, noted = tmp_path / "killed.py", tmp_path / "noted"
    script.write_text(KILLED)
    noted.mkdir()
    command = subprocess.Popen(
        [sys.executable, script, cohort.entries[0].path.parent, noted, tmp_path / "cache"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    try:
        wait_until(lambda: len(list(noted.iterdir())) == 2)
    finally:
        command.kill()
        command.wait()
    workers = [int(path.name) for path in noted.iterdir()]
    try:
        wait_until(lambda: not any(map(alive, workers)))
    finally:
        for worker in filter(alive, workers):
            os.kill(worker, signal.SIGKILL)


def alive(process):
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_until(met):
    deadline = time.monotonic() + 60
    while not met():
        assert time.monotonic() < deadline, "it did not happen within a minute"
        time.sleep(0.05)


def test_a_second_run_extracts_nothing(cohort, tmp_path):
    cache = FeatureCache(tmp_path / "cache")
    first = extract(cohort, STEPS, Moments(), cache)
    again = Moments()
    advanced = []
    second = extract(cohort, STEPS, again, cache, advance=lambda: advanced.append(1))
    assert again.seen == []
    assert len(advanced) == 7
    np.testing.assert_array_equal(first.values, second.values)


def test_an_interrupted_run_goes_on_where_it_stopped(cohort, tmp_path):
    cache = FeatureCache(tmp_path / "cache")
    steps = iter(range(3))

    def interrupt():
        if next(steps) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract(cohort, STEPS, Moments(), cache, batch_size=1, advance=interrupt)
    rest = Moments()
    extract(cohort, STEPS, rest, cache, batch_size=1)
    assert sum(rest.seen) == 4


@pytest.mark.parametrize(
    "change",
    [
        {"steps": STEPS.model_copy(update={"shape": (13, 15, 16)})},
        {"extractor": Moments(fingerprint={"version": 2})},
    ],
)
def test_whatever_decides_the_numbers_decides_the_key(cohort, tmp_path, change):
    cache = FeatureCache(tmp_path / "cache")
    extract(cohort, STEPS, Moments(), cache)
    other = change.get("extractor", Moments())
    extract(cohort, change.get("steps", STEPS), other, cache)
    assert sum(other.seen) == 7


def test_the_order_of_a_fingerprint_does_not_decide_the_key(tmp_path):
    cache = FeatureCache(tmp_path)
    one, other = Moments(fingerprint={"a": 1, "b": 2}), Moments(fingerprint={"b": 2, "a": 1})
    assert cache.path("digest", STEPS, one) == cache.path("digest", STEPS, other)


def test_a_changed_volume_is_extracted_anew(make_cohort, tmp_path):
    cache = FeatureCache(tmp_path / "cache")
    folder = make_cohort("real", 3)
    extract(cohort_of(folder), STEPS, Moments(), cache)
    other = make_cohort("other", 1, seed=5)
    (other / "v00.nii.gz").replace(folder / "v01.nii.gz")
    again = Moments()
    extract(cohort_of(folder), STEPS, again, cache)
    assert sum(again.seen) == 1


def test_a_damaged_row_is_done_again(cohort, tmp_path):
    cache = FeatureCache(tmp_path / "cache")
    first = extract(cohort, STEPS, Moments(), cache)
    rows = sorted((tmp_path / "cache").rglob("*.npy"))
    rows[0].write_bytes(rows[0].read_bytes()[:20])
    rows[1].write_bytes(b"")
    np.save(rows[2], np.array([1.0, np.nan]))
    np.save(rows[3], np.ones((1, 2)))
    again = extract(cohort, STEPS, Moments(), cache)
    np.testing.assert_array_equal(first.values, again.values)


def test_features_that_are_not_finite_name_the_volume(cohort, tmp_path):
    class Broken(Moments):
        def __call__(self, voxels):
            return np.full((len(voxels), 2), np.nan, np.float32)

    with pytest.raises(VolumeError, match=r"v00\.nii\.gz: the extractor moments yields features"):
        extract(cohort, STEPS, Broken(), FeatureCache(tmp_path))


def test_a_cache_that_cannot_be_written_is_told(cohort, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EvalsuiteError, match="feature cache cannot be written.*--cache DIR"):
        extract(cohort, STEPS, Moments(), FeatureCache(tmp_path / "file/cache"))


def test_a_process_that_starts_late_does_its_own_share(cohort, tmp_path, monkeypatch):
    cache, first, second, advanced = FeatureCache(tmp_path), Moments(), Moments(), []
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", **address}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("evalsuite.features._wait_for_all", lambda world: None)
    with pytest.raises(EvalsuiteError, match="3 rows vanished"):  # it did not wait
        extract(cohort, STEPS, first, cache)
    monkeypatch.setenv("RANK", "1")
    extract(cohort, STEPS, second, cache, advance=lambda: advanced.append(1))
    assert (sum(first.seen), sum(second.seen), len(advanced)) == (4, 3, 7)


@dataclass
class LateInOneProcess(Moments):
    """The second process takes its time."""

    def __call__(self, voxels):
        time.sleep(rank())
        return super().__call__(voxels)


SCRIPT = """
import sys
from pathlib import Path
import numpy as np
from tests.test_features import STEPS, LateInOneProcess, cohort_of
from evalsuite.features import FeatureCache, extract
from evalsuite.machine import rank
cohort = cohort_of(sys.argv[1])
# To form their group the processes wait for one another, so one cohort alone shows nothing.
for cache in map(Path, sys.argv[2:]):
    moments = LateInOneProcess()
    table = extract(cohort, STEPS, moments, FeatureCache(cache))
    np.savez(cache / f"rank{rank()}.npz", values=table.values, seen=sum(moments.seen))
"""


def test_two_processes_of_torchrun_share_the_work_and_wait_for_the_late_one(cohort, tmp_path):
    script = tmp_path / "share.py"
    script.write_text(SCRIPT)
    caches = [tmp_path / "first", tmp_path / "second"]
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", script]
    subprocess.run(
        [sys.executable, *command, cohort.entries[0].path.parent, *caches],
        check=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    alone = extract(cohort, STEPS, Moments(), FeatureCache(tmp_path / "alone"))
    for cache in caches:
        ranks = [np.load(cache / f"rank{i}.npz") for i in range(2)]
        assert [int(r["seen"]) for r in ranks] == [4, 3]
        for r in ranks:
            np.testing.assert_array_equal(r["values"], alone.values)
