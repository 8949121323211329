"""The Frechet radiomics distance of frd-score against ours: features, distances and time.

    PYTHONPATH=frd-score/src python -m benchmarks.frd ../shared/data/hippocampus/images

needs a clone of github.com/RichardObi/frd-score (bf05c71) and, installed from its repository,
pyradiomics (8ed5793; CMake and a C compiler) with opencv-python-headless. It runs frd-score's own
functions on seeded volumes and on the first dozen real ones, in this process, and writes what they
return to tests/extractors/frd/frd_score.json, against which the tests hold ours. The table compares
seconds per volume on the same volumes, both on one core.
"""

import contextlib
import io
import json
import sys
import tempfile
import time
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK
from frd_score import frd

from evalsuite.extractors.extractor import ExtractorOptions
from evalsuite.extractors.frd import frd_v0, frd_v1
from evalsuite.volumes.read import read_volume
from tests.extractors.frd.oracle import COHORTS, GRIDS, cohort, grid

KEPT = Path(__file__).parents[1] / "tests/extractors/frd/frd_score.json"
RESULTS = Path(__file__).parent / "results" / "frd.json"
VERSIONS = {"v1": frd_v1, "v0": frd_v0}
REAL, ROWS, TIMED = 12, 2, 6


class InThisProcess:
    """Stands in for the module multiprocessing: threads of ITK do not survive a fork."""

    def cpu_count(self):
        return 1

    def Pool(self, processes):  # noqa: ARG002, N802
        return contextlib.nullcontext(self)

    def map(self, function, items):
        return [function(item) for item in items]


def main(images):
    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    frd.mp = InThisProcess()
    frd._ensure_radiomics()
    frd.setVerbosity(60)
    real = sorted(images.glob("*.nii.gz"))[:REAL]
    with tempfile.TemporaryDirectory() as folder:
        grids = write((grid(*each) for each in GRIDS), Path(folder) / "grids")
        kept = {"recipe": __doc__}
        for version in VERSIONS:
            rows = [features(file, version) for file in (*grids, *real[:ROWS])]
            kept[version] = {
                "names": list(rows[0]),
                "rows": [[float(f"{v:.9g}") for v in row.values()] for row in rows],
                "files": [file.name for file in real[:ROWS]],
                "distances": {},
            }
        pairs = {"real": (real[: REAL // 2], real[REAL // 2 :])}
        for name, (*both, one_shape) in COHORTS.items():
            pairs[name] = tuple(
                write(cohort(*each, one_shape=one_shape), Path(folder) / f"{name} {i}")
                for i, each in enumerate(both)
            )
        for name, (one, other) in pairs.items():
            for version in VERSIONS:
                with contextlib.redirect_stdout(io.StringIO()):
                    value = frd.compute_frd([one, other], frd_version=version)
                kept[version]["distances"][name] = float(value)
    KEPT.write_text(json.dumps(kept).replace("], [", "],\n[") + "\n", encoding="utf-8")
    compare(real[:TIMED])


def write(volumes, folder):
    folder.mkdir()
    files = []
    for i, (voxels, affine) in enumerate(volumes):
        files.append(folder / f"{i}.nii.gz")
        nibabel.save(nibabel.Nifti1Image(voxels, affine), files[-1])
    return files


def features(file, version):
    _, _, classes, images, _ = frd._resolve_defaults(version, None, None, None, None)
    extractor = frd.get_feature_extractor(version, classes, image_dim=3, image_types=images)
    pair = (str(file), None)
    return frd.process_image_mask_pair(pair, None, extractor, frd_version=version)[1]


def compare(files):
    found = {}
    print(f"{'version':8} {'frd-score s':>12} {'ours s':>8} {'ratio':>6}")
    volumes = [read_volume(file) for file in files]
    for version, factory in VERSIONS.items():
        extractor = factory(ExtractorOptions())
        theirs, own = np.inf, np.inf
        for _ in range(2):
            start = time.perf_counter()
            for file in files:
                features(file, version)
            middle = time.perf_counter()
            for v in volumes:
                extractor(v.voxels[None], v.affine[None])
            theirs = min(theirs, (middle - start) / len(files))
            own = min(own, (time.perf_counter() - middle) / len(files))
        found[version] = {"frd-score": theirs, "ours": own, "ratio": theirs / own}
        print(f"{version:8} {theirs:12.2f} {own:8.3f} {theirs / own:6.1f}")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
