import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from evalsuite import features, machine
from evalsuite.errors import EvalsuiteError, VolumeError
from evalsuite.extractors.extractor import Extractor
from evalsuite.feature_tables import feature_tables
from evalsuite.features import Extraction, FeatureCache
from evalsuite.machine import at_once
from evalsuite.preparation import Preparation
from evalsuite.resources import Resources
from evalsuite.sharing import Part
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


def extract(*arguments, advance=lambda: None, **settings):
    return Extraction(*arguments, **settings).table(advance)


@pytest.fixture
def cohort(make_cohort):
    return cohort_of(make_cohort("real", 7))


def test_rows_follow_the_cohort_whatever_the_batches(cohort, tmp_path):
    assert isinstance(Moments(), Extractor)
    one = extract(cohort, STEPS, Moments(), FeatureCache(tmp_path / "a"), batch_size=1)
    three = extract(cohort, STEPS, Moments(), FeatureCache(tmp_path / "b"), batch_size=3)
    np.testing.assert_array_equal(one.values, three.values)
    assert one.volumes == tuple(f"v{i:02d}.nii.gz" for i in range(7))


@pytest.mark.parametrize(
    ("starting", "here"),
    [
        pytest.param(60, 7, id="all here, as that takes less than starting processes"),
        pytest.param(0, 1, id="the first here, which tells how long the others would take"),
        pytest.param(-1, 0, id="none here"),
    ],
)
def test_processes_give_what_threads_give(cohort, tmp_path, monkeypatch, starting, here):
    monkeypatch.setattr(features, "STARTING", starting)
    batch = extract(cohort, STEPS, Moments(), FeatureCache(tmp_path / "a"))
    process = Moments(parallel="process")
    spawned = extract(cohort, STEPS, process, FeatureCache(tmp_path / "b"), workers=2)
    np.testing.assert_allclose(spawned.values, batch.values, rtol=1e-6)
    assert process.seen == [1] * here


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
from evalsuite import features
from evalsuite.features import Extraction, FeatureCache
if __name__ == "__main__":
    features.STARTING = -1
    cohort = cohort_of(sys.argv[1])
    cache = FeatureCache(Path(sys.argv[3]))
    Extraction(cohort, STEPS, Sleeper(sys.argv[2]), cache, workers=2).table()
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
    deadline = time.monotonic() + 300  # of a machine however busy
    while not met():
        assert time.monotonic() < deadline, "it did not happen within five minutes"
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
    assert cache.paths(["digest"], STEPS, one) == cache.paths(["digest"], STEPS, other)


def test_a_changed_volume_is_extracted_anew(make_cohort, tmp_path):
    cache = FeatureCache(tmp_path / "cache")
    folder = make_cohort("real", 3)
    extract(cohort_of(folder), STEPS, Moments(), cache)
    other = make_cohort("other", 1, seed=5)
    (other / "v00.nii.gz").replace(folder / "v01.nii.gz")
    again = Moments()
    extract(cohort_of(folder), STEPS, again, cache)
    assert sum(again.seen) == 1


def test_a_damaged_row_is_told_of_and_made_again(cohort, tmp_path):
    cache, told = FeatureCache(tmp_path / "cache"), []
    first = extract(cohort, STEPS, Moments(), cache)
    rows = sorted((tmp_path / "cache").rglob("*.npy"))
    content = rows[0].read_bytes()
    rows[0].write_bytes(content[:20])
    rows[1].write_bytes(b"")
    np.save(rows[2], np.array([1.0, np.nan]))
    np.save(rows[3], np.ones((1, 2)))
    flipped = bytearray(rows[4].read_bytes())
    flipped[-7] ^= 1  # a number that is finite and another one
    rows[4].write_bytes(flipped)
    again, moments = [], Moments()
    table = extract(
        cohort, STEPS, moments, cache, tell=told.append, advance=lambda: again.append(1)
    )
    np.testing.assert_array_equal(first.values, table.values)
    assert (sum(moments.seen), len(again)) == (5, 7)
    problems = ["is no array", "is no array", "holds no features", "holds no features"]
    assert sorted(told) == [  # rows are sorted by name here, and in the cohort by volume
        f"{row}: this row of the feature cache {problem}. It is made anew."
        for row, problem in zip(rows, [*problems, "is not what was stored"], strict=False)
    ]
    assert rows[0].read_bytes() == content


def test_rows_of_earlier_versions_lack_the_checksum_and_are_taken(cohort, tmp_path):
    cache = FeatureCache(tmp_path / "cache")
    first = extract(cohort, STEPS, Moments(), cache)
    for row in (tmp_path / "cache").rglob("*.npy"):
        np.save(row, np.load(row))
    again = Moments()
    np.testing.assert_array_equal(extract(cohort, STEPS, again, cache).values, first.values)
    assert again.seen == []


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


def test_rows_are_for_all_who_share_the_cache_and_leave_nothing_else_behind(cohort, tmp_path):
    before = os.umask(0o002)
    try:
        extract(cohort, STEPS, Moments(), FeatureCache(tmp_path / "cache"))
    finally:
        os.umask(before)
    files = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert len(files) == 7
    assert {path.stat().st_mode & 0o777 for path in files} == {0o664}


@dataclass
class Interrupted(Moments):
    """Lets somebody else fill the cache before it sees its second batch."""

    meanwhile: object = None

    def __call__(self, voxels):
        if self.seen:
            self.meanwhile()
        return super().__call__(voxels)


@pytest.mark.parametrize("parallel", ["batch", "process"])
def test_two_evaluations_fill_one_cache_and_neither_makes_what_is_there(cohort, tmp_path, parallel):
    cache, other = FeatureCache(tmp_path / "cache"), Moments()
    one = Interrupted(parallel=parallel, meanwhile=lambda: extract(cohort, STEPS, other, cache))
    table = extract(cohort, STEPS, one, cache, batch_size=1, workers=1)
    alone = extract(cohort, STEPS, Moments(), FeatureCache(tmp_path / "alone"))
    np.testing.assert_array_equal(table.values, alone.values)
    # The one that was under way was made twice.
    assert (sum(one.seen), sum(other.seen)) == (2, 6)


def test_parts_are_the_whole_and_one_makes_only_what_is_missing(cohort, tmp_path):
    cache, made = FeatureCache(tmp_path / "cache"), []
    for index in (2, 0, 0, 1):
        moments, advanced = Moments(), []
        extraction = Extraction(cohort, STEPS, moments, cache)
        count = extraction.fill(Part(index, 3), lambda: advanced.append(1))  # noqa: B023
        made.append((count, sum(moments.seen), len(advanced), extraction.missing()))
    assert made == [(2, 2, 2, 5), (3, 3, 3, 2), (0, 0, 3, 2), (2, 2, 2, 0)]
    last = Moments()
    extract(cohort, STEPS, last, cache)
    assert last.seen == []


def tables(cohort, cache, moments, monkeypatch, *, rank, patience=0.2):
    """Return what one of two processes finds, and what it says."""
    monkeypatch.setenv("SLURM_PROCID", str(rank))
    monkeypatch.setenv("SLURM_NTASKS", "2")
    monkeypatch.setattr("evalsuite.sharing.PATIENCE", patience)
    monkeypatch.setattr("evalsuite.sharing.GLANCE", 0.05)
    told = []
    found = feature_tables(
        SimpleNamespace(protocol=None),
        [cohort],
        [moments],
        {"moments": Preparation(STEPS, STEPS)},
        Resources(cache, tell=told.append),
    )
    return found["moments", "real"].values, told


def test_one_that_starts_late_makes_what_is_left_and_finds_the_same(cohort, tmp_path, monkeypatch):
    first, second = Moments(), Moments()
    rows, told = tables(cohort, tmp_path / "cache", first, monkeypatch, rank=0)
    late, silent = tables(cohort, tmp_path / "cache", second, monkeypatch, rank=1)
    assert (sum(first.seen), second.seen, silent) == (7, [], [])
    assert [sentence[:59] for sentence in told] == [
        "Rank 1 has brought no features for 0 s and lacks 3 of its 3"
    ]
    alone = extract(cohort, STEPS, Moments(), FeatureCache(tmp_path / "alone"))
    np.testing.assert_array_equal(rows, alone.values)
    np.testing.assert_array_equal(late, alone.values)


@dataclass
class Killed(Moments):
    """Is killed at its second volume."""

    def __call__(self, voxels):
        if self.seen:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(voxels)


DIES = """
import sys
from pathlib import Path
from tests.test_features import STEPS, Killed, cohort_of
from evalsuite.features import Extraction, FeatureCache
from evalsuite.sharing import Part
cohort = cohort_of(sys.argv[1])
Extraction(cohort, STEPS, Killed(), FeatureCache(Path(sys.argv[2])), batch_size=1).fill(Part(1, 2))
"""


def test_what_one_that_was_killed_leaves_is_made_by_the_first(cohort, tmp_path, monkeypatch):
    cache, first = tmp_path / "cache", Moments()
    second = subprocess.Popen(
        [sys.executable, "-c", DIES, cohort.entries[0].path.parent, cache],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    wait_until(lambda: list(cache.rglob("*.npy")))  # it has brought one row
    rows, told = tables(cohort, cache, first, monkeypatch, rank=0)
    assert second.wait() == -signal.SIGKILL
    assert sum(first.seen) == 6
    assert "lacks 2 of its 3: it has ended, hangs or is slow. Rank 0 makes them now" in told[-1]
    alone = extract(cohort, STEPS, Moments(), FeatureCache(tmp_path / "alone"))
    np.testing.assert_array_equal(rows, alone.values)


@dataclass
class Meeting(Moments):
    """Has made one volume before it goes on when somebody else has, too."""

    folder: Path = Path()

    def __call__(self, voxels):
        if self.seen:
            (self.folder / str(os.getpid())).touch()
            wait_until(lambda: len(list(self.folder.iterdir())) == 2)
        return super().__call__(voxels)


MEETS = """
import sys
from pathlib import Path
import numpy as np
from tests.test_features import STEPS, FeatureCache, Meeting, cohort_of, extract
cohort, cache, told = cohort_of(sys.argv[1]), FeatureCache(Path(sys.argv[2])), []
moments = Meeting(folder=Path(sys.argv[3]))
table = extract(cohort, STEPS, moments, cache, batch_size=1, workers=1, tell=told.append)
np.savez(sys.argv[4], values=table.values, made=sum(moments.seen), told=told)
"""


def test_two_processes_fill_one_cache_at_once_though_a_row_in_it_is_damaged(cohort, tmp_path):
    cache, met = FeatureCache(tmp_path / "cache"), tmp_path / "met"
    met.mkdir()
    (damaged,) = cache.paths([cohort.infos[3].key], STEPS, Moments())
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"half a row")
    source, results = cohort.entries[0].path.parent, [tmp_path / "a.npz", tmp_path / "b.npz"]
    both = [
        subprocess.Popen(
            [sys.executable, "-c", MEETS, source, cache.folder, met, result],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        )
        for result in results
    ]
    assert [process.wait(300) for process in both] == [0, 0]
    alone = extract(cohort, STEPS, Moments(), FeatureCache(tmp_path / "alone"))
    found = [np.load(result) for result in results]
    for one in found:
        np.testing.assert_array_equal(one["values"], alone.values)
    assert sum(int(one["made"]) for one in found) >= 7
    told = {str(sentence) for one in found for sentence in one["told"]}
    assert told == {f"{damaged}: this row of the feature cache is no array. It is made anew."}


def test_a_network_sees_as_many_volumes_at_once_as_are_fast():
    assert [at_once(side**3) for side in (16, 32, 48, 64, 128, 160, 256)] == [16, 16, 4, 2, 2, 1, 1]


def test_batches_follow_the_shape_unless_they_are_told(cohort, tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "FAST", 3 * 14 * 15 * 16)
    for told, batches in ((None, [3, 3, 1]), (5, [5, 2])):
        seen = Moments()
        extract(cohort, STEPS, seen, FeatureCache(tmp_path / str(told)), batch_size=told)
        assert seen.seen == batches


def test_volumes_are_read_by_several_threads_ahead_of_the_network(cohort, tmp_path, monkeypatch):
    readers, load = set(), features.load_preprocessed

    def noted(entry, steps):
        readers.add(threading.get_ident())
        time.sleep(0.02)
        return load(entry, steps)

    monkeypatch.setattr(features, "load_preprocessed", noted)
    extract(cohort, STEPS, Moments(), FeatureCache(tmp_path / "a"), workers=3)
    assert len(readers) == 3
