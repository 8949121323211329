import pickle
from pathlib import Path

from evalsuite.errors import FaultsError, VolumeError, unknown


def test_faults_are_told_together_one_line_each():
    faults = [VolumeError(Path("a.nii"), "it is empty."), VolumeError(Path("b.nii"), "it is 4D.")]
    assert str(FaultsError(faults, "Mend them.")) == (
        "2 volumes cannot be used:\n  a.nii: it is empty.\n  b.nii: it is 4D.\nMend them."
    )


def test_faults_cross_from_worker_processes():
    fault = pickle.loads(pickle.dumps(VolumeError(Path("a.nii"), "it is empty.")))
    assert (fault.path, str(fault)) == (Path("a.nii"), "a.nii: it is empty.")


def test_unknown_names_suggest_the_nearest():
    known = ["frechet", "mmd", "ms_ssim"]
    assert unknown("metric", "mdd", known) == (
        'Unknown metric "mdd". Did you mean "mmd"? Known metrics: frechet, mmd, ms_ssim.'
    )
    hints = {"frechet": "Frechet distance (FID) between features"}
    assert 'Did you mean "frechet"?' in unknown("metric", "FID", known, hints)
    assert "Did you mean" not in unknown("metric", "zzz", known)
