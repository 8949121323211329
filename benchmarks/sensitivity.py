"""Do the metrics see what they should? Real volumes against degraded copies of other real ones.

Two random halves of the real cohort are the yardstick; the second half is then blurred, noised,
or replaced by one of its volumes repeated. Distances must grow with the blur and be least for
the halves; recall and MS-SSIM must expose the repeated volume.

    python benchmarks/sensitivity.py ../shared/data/hippocampus/images [--n 180]
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from evalsuite.config import load_config
from evalsuite.evaluate import evaluate
from evalsuite.progress import bars
from evalsuite.records import Evaluation
from evalsuite.resources import Resources
from evalsuite.results import to_json
from evalsuite.volumes.population import degrade
from evalsuite.volumes.read import read_volume
from evalsuite.volumes.write import write_nifti

BLURS = {"blur 0.5": 0.5, "blur 1": 1.0, "blur 2": 2.0}
EXTRACTORS = ("radiomics", "medicalnet-resnet10-untrained", "efficientnet-lite0")
TRAINED_ON_CT = "astra-i3resnet152"
# What the networks see of MRI: Astra's own input is CT of 224 x 224 x 160 voxels.
STEPS = {"spacing": "auto", "shape": "auto", "intensity": {"kind": "percentile"}}


def make_cohorts(images: Path, folder: Path, n: int, seed: int = 0) -> None:
    """Write `real` and the cohorts to compare it with, each of n / 2 volumes, below a folder."""
    files = sorted(images.glob("*.nii.gz"))
    chosen = np.random.default_rng(seed).permutation(len(files))[:n]
    first, second = chosen[: n // 2], chosen[n // 2 :]
    for name in ("real", "half", *BLURS, "noise 10 %", "repeated"):
        (folder / name).mkdir(parents=True)
    for i in first:
        write_nifti(read_volume(files[i]), folder / "real" / files[i].name)
    for i in second:
        volume = read_volume(files[i])
        write_nifti(volume, folder / "half" / files[i].name)
        for name, blur in BLURS.items():
            blurred = degrade(volume, blur=blur, noise=0, seed=seed)
            write_nifti(blurred, folder / name / files[i].name)
        noisy = degrade(volume, blur=0, noise=0.1, seed=int(i))
        write_nifti(noisy, folder / "noise 10 %" / files[i].name)
    for copy in range(len(second)):
        write_nifti(read_volume(files[second[0]]), folder / "repeated" / f"copy_{copy:03d}.nii.gz")


def run(
    images: Path,
    n: int,
    cache: Path,
    extractors: tuple[str, ...] = EXTRACTORS,
    workers: int | None = None,
) -> Evaluation:
    """Return the evaluation of every degraded cohort against the real half."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make_cohorts(images, folder, n)
        names = ("half", *BLURS, "noise 10 %", "repeated")
        config = load_config(
            None,
            {
                "real": str(folder / "real"),
                "synthetic": [{"name": name, "path": str(folder / name)} for name in names],
                "extractors": list(extractors),
                "preprocessing": STEPS,
            },
        )
        evaluation, _ = evaluate(config, Resources(cache=cache, progress=bars, workers=workers))
    return evaluation


def values(evaluation: Evaluation, name: str, extractor: str = "") -> dict[str, float]:
    """Return one estimate by cohort, of all planes together."""
    return {
        e.synthetic: e.value
        for e in evaluation.estimates
        if e.name == name and e.extractor == extractor and not e.where
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path)
    parser.add_argument("--n", type=int, default=180)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        everything = (*EXTRACTORS, TRAINED_ON_CT)
        evaluation = run(arguments.images, arguments.n, Path(cache), everything)
    keys = dict.fromkeys((e.extractor, e.name) for e in evaluation.estimates if not e.where)
    cohorts = [cohort.name for cohort in evaluation.synthetic]
    print(f"{'':50s}" + "".join(f"{cohort:>12s}" for cohort in cohorts))
    for extractor, name in keys:
        row = values(evaluation, name, extractor)
        label = f"{extractor or 'volumes'} {name}"
        print(f"{label:50s}" + "".join(f"{row[cohort]:12.4g}" for cohort in cohorts))
    output = Path(__file__).parent / "results" / "sensitivity.json"
    output.parent.mkdir(exist_ok=True)
    output.write_text(json.dumps(to_json(evaluation), indent=1))


if __name__ == "__main__":
    main()
