"""Which volumes are read again, and which are not."""

import os
import shutil
import time
from dataclasses import replace

import nibabel
import numpy as np
import pytest

from evalsuite.errors import FaultsError, VolumeError
from evalsuite.volumes import index
from evalsuite.volumes.check import check_cohort, check_entry
from evalsuite.volumes.cohort import Entry
from evalsuite.volumes.geometry import Geometry
from evalsuite.volumes.index import VolumeIndex
from evalsuite.volumes.sources import read_cohort
from evalsuite.volumes.volume import Volume
from evalsuite.volumes.write import write_nifti


@pytest.fixture
def known(tmp_path, monkeypatch, later):
    """Return an index that counts its readings, on a clock an hour later than the files."""
    read = []

    def counted(entry):
        read.append(entry.location.name)
        return check_entry(entry)

    monkeypatch.setattr(index, "check_entry", counted)
    return VolumeIndex(tmp_path / "index"), read


def written(path, seed=0, *, affine=None):
    """Write a small volume; all have the same size."""
    voxels = np.random.default_rng(seed).normal(size=(3, 4, 5)).astype(np.float32)
    write_nifti(Volume(voxels, np.eye(4) if affine is None else affine), path)
    return Entry(path.name, path)


def same(one, other):
    return one == other and np.array_equal(one.affine, other.affine)


def test_an_unchanged_file_is_not_read_again_and_nothing_is_lost(known, tmp_path):
    volumes, read = known
    affine = np.array([[0.1, 0, 0, -7 / 3], [0, 0, 1 / 3, 5], [0, 1.7, 0, 2], [0, 0, 0, 1]])
    np.savez(tmp_path / "b.npz", voxels=np.arange(24.0).reshape(2, 3, 4), affine=affine)
    np.save(tmp_path / "c.npy", np.arange(24).reshape(1, 2, 3, 4))
    entries = [
        written(tmp_path / "a.nii.gz", affine=affine),
        Entry("b", tmp_path / "b.npz"),
        Entry("c", tmp_path / "c.npy", stated=Geometry((1 / 3, 2, 3), "LPS")),
    ]
    first = [volumes.check(entry) for entry in entries]
    assert read == ["a.nii.gz", "b.npz", "c.npy"]
    again = [volumes.check(entry) for entry in entries]
    assert len(read) == 3
    assert all(map(same, first, again))
    assert all(same(volumes.check(e), check_entry(e)) for e in entries)


def touched(path):
    os.utime(path)


def rewritten(path):
    """Write other voxels into the same file and give it its old time back."""
    state, size = path.stat(), path.stat().st_size
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (size, state.st_mtime_ns)


def replaced(path):
    """Put another file of the same size and time in its place."""
    state = path.stat()
    other = path.with_name(f"other-{path.name}")
    shutil.copy(path, other)
    os.utime(other, ns=(state.st_atime_ns, state.st_mtime_ns))
    other.replace(path)


@pytest.mark.parametrize("change", [touched, rewritten, replaced])
def test_a_file_that_may_have_changed_is_read_again(known, tmp_path, change):
    volumes, read = known
    entry = written(tmp_path / "a.nii")
    before = volumes.check(entry)
    time.sleep(0.02)  # longer than a tick of the clock of the file system
    change(entry.path)
    after = volumes.check(entry)
    assert len(read) == 2
    assert (after.digest == before.digest) == (change is not rewritten)
    assert same(volumes.check(entry), after)
    assert len(read) == 2


def test_a_file_younger_than_the_clock_can_tell_is_not_trusted(known, tmp_path, monkeypatch):
    volumes, read = known
    entry = written(tmp_path / "a.nii.gz")
    just = max(entry.path.stat().st_mtime_ns, entry.path.stat().st_ctime_ns)
    monkeypatch.setattr(index.time, "time_ns", lambda: just + index.GRANULARITY)
    volumes.check(entry)
    volumes.check(entry)
    assert len(read) == 2
    monkeypatch.setattr(index.time, "time_ns", lambda: just + index.GRANULARITY + 1)
    volumes.check(entry)
    volumes.check(entry)
    assert len(read) == 3


def test_every_file_of_a_volume_counts(known, tmp_path):
    volumes, read = known
    voxels = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Pair(voxels, np.eye(4)), tmp_path / "p.img")
    (tmp_path / "m.mhd").write_text(
        "NDims = 3\nDimSize = 3 4 5\nElementType = MET_FLOAT\nElementDataFile = m.raw\n"
    )
    (tmp_path / "m.raw").write_bytes(voxels.tobytes())
    for header, data in (("p.hdr", "p.img"), ("m.mhd", "m.raw")):
        entry = Entry(header, tmp_path / header)
        assert volumes.check(entry).beside == (data,)
        volumes.check(entry)
        assert read.count(header) == 1
        rewritten(tmp_path / data)
        volumes.check(entry)
        assert read.count(header) == 2


def test_every_file_in_a_folder_counts(tmp_path):
    (tmp_path / "series").mkdir()
    for name in ("1.dcm", "2.dcm"):
        (tmp_path / "series" / name).write_bytes(b"x")
    before = index._stamps(tmp_path / "series", ())
    assert [stamp[0] for stamp in before] == ["1.dcm", "2.dcm"]
    (tmp_path / "series" / "3.dcm").write_bytes(b"x")
    assert index._stamps(tmp_path / "series", ()) != before


def test_what_is_stated_of_a_volume_has_an_entry_of_its_own(known, tmp_path):
    volumes, read = known
    np.save(tmp_path / "a.npy", np.arange(24.0).reshape(2, 3, 4))
    entry = Entry("a", tmp_path / "a.npy")
    stated = replace(entry, stated=Geometry((2, 2, 2)))
    assert volumes.check(entry).spacing == (1, 1, 1)
    assert volumes.check(stated).spacing == (2, 2, 2)
    assert volumes.check(entry).spacing == (1, 1, 1)
    assert len(read) == 2


def test_a_damaged_or_older_entry_is_made_anew(known, tmp_path, monkeypatch):
    volumes, read = known
    entry = written(tmp_path / "a.nii.gz")
    volumes.check(entry)
    (kept,) = volumes.folder.rglob("*.json")
    for content in (b"", b"{", b"[]", kept.read_bytes()[:-20]):
        kept.write_bytes(content)
        volumes.check(entry)
    assert len(read) == 5
    monkeypatch.setattr(index, "__version__", "another")
    volumes.check(entry)
    assert len(read) == 6


def test_a_disk_that_takes_nothing_costs_no_more_than_the_reading(known, tmp_path):
    _, read = known
    (tmp_path / "file").touch()
    volumes = VolumeIndex(tmp_path / "file")
    entry = written(tmp_path / "a.nii.gz")
    assert same(volumes.check(entry), volumes.check(entry))
    assert len(read) == 2


def test_a_volume_in_memory_leaves_nothing_behind(known, tmp_path):
    volumes, _ = known
    volumes.check(replace(written(tmp_path / "a.nii.gz"), lasting=False))
    assert not volumes.folder.exists()


def test_reread_reads_all_and_renews_the_index(known, tmp_path):
    volumes, read = known
    entry = written(tmp_path / "a.nii.gz")
    volumes.check(entry)
    replace(volumes, trusted=False).check(entry)
    assert len(read) == 2
    volumes.check(entry)
    assert len(read) == 2


def test_a_cohort_is_the_same_with_and_without_and_faults_are_told_every_time(known, tmp_path):
    volumes, read = known
    (tmp_path / "real").mkdir()
    for i in range(3):
        written(tmp_path / "real" / f"{i}.nii.gz", i)
    cohort = read_cohort(str(tmp_path / "real"), name="real", role="real")
    plain = check_cohort(cohort)
    for _ in range(2):
        found = check_cohort(cohort, check=volumes.check)
        assert found == plain
        assert all(map(same, found.infos, plain.infos))
    assert len(read) == 3
    (tmp_path / "real" / "1.nii.gz").write_bytes(b"")
    for _ in range(2):
        with pytest.raises(FaultsError, match="the file is empty"):
            check_cohort(cohort, check=volumes.check)
    (tmp_path / "real" / "1.nii.gz").unlink()
    with pytest.raises(VolumeError, match="does not exist"):
        volumes.check(cohort.entries[1])
