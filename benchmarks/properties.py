"""How long do privacy, slices and anatomy take on 180 real against 80 synthetic volumes?

    python benchmarks/properties.py ../shared/data/hippocampus

The synthetic volumes are real ones with their label maps, smoothly deformed. Slices and anatomy
look at all 180 real volumes; for privacy 120 of them are what the generator was trained on and 60
the hold-out. Also written to benchmarks/results/properties.json.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

from evalsuite.config import load_config
from evalsuite.evaluate import evaluate
from evalsuite.progress import bars
from evalsuite.resources import Resources
from evalsuite.volumes.read import read_volume
from evalsuite.volumes.volume import Volume
from evalsuite.volumes.write import write_nifti

RESULTS = Path(__file__).parent / "results" / "properties.json"
SYNTHETIC, HELD_OUT = 80, 60
BEND = 1.5  # voxels by which a volume is deformed, as standard deviation


def deformed(images, labels, folder, seed=0):
    """Write deformed copies of the first volumes with their label maps."""
    (folder / "synthetic").mkdir()
    (folder / "synthetic-labels").mkdir()
    for i, file in enumerate(images[:SYNTHETIC]):
        volume, segmentation = read_volume(file), nib.load(labels / file.name)
        random = np.random.default_rng([seed, i])
        field = ndimage.gaussian_filter(random.normal(size=(3, *volume.shape)), (0, 6, 6, 6))
        where = np.indices(volume.shape) + BEND * field / field.std()
        voxels = ndimage.map_coordinates(volume.voxels, where, order=1, mode="nearest")
        write_nifti(Volume(voxels, volume.affine), folder / "synthetic" / file.name)
        values = ndimage.map_coordinates(np.asarray(segmentation.dataobj), where, order=0)
        moved = nib.Nifti1Image(values.astype(np.uint8), segmentation.affine)
        nib.save(moved, folder / "synthetic-labels" / file.name)


def table(path, files):
    path.write_text("\n".join(["path", *map(str, files)]) + "\n", encoding="utf-8")
    return str(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("data", type=Path, help="folder with images and labels")
    data = parser.parse_args().data.resolve()
    images = sorted((data / "images").glob("*.nii.gz"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        deformed(images, data / "labels", folder)
        common = {"extractors": ["radiomics"], "shape": [36, 50, 36], "spacing": [1, 1, 1]}
        common = {f"preprocessing.{k}" if k != "extractors" else k: v for k, v in common.items()}
        synthetic = {"path": str(folder / "synthetic"), "labels": str(folder / "synthetic-labels")}
        everything = {"path": str(data / "images"), "labels": str(data / "labels")}
        runs = {
            "privacy": {
                "real": table(folder / "held-out.csv", images[:HELD_OUT]),
                "training": table(folder / "training.csv", images[HELD_OUT:]),
            },
            "slices": {"real": everything},
            "anatomy": {"real": everything},
        }
        seconds = {}
        for metric, cohorts in runs.items():
            values = {**common, **cohorts, "synthetic": [synthetic], "metrics": {metric: {}}}
            clock = time.perf_counter()
            # The first run fills the cache of features for all, as one call would.
            evaluation, _ = evaluate(
                load_config(None, values), Resources(cache=folder / "cache", progress=bars)
            )
            seconds[metric] = time.perf_counter() - clock
            print(f"{metric:10} {seconds[metric]:6.1f} s  {len(evaluation.estimates)} estimates")
    seconds["in all"] = sum(seconds.values())
    print(f"{'in all':10} {seconds['in all']:6.1f} s on {os.cpu_count()} cores")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"seconds": seconds}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
