"""An experiment as it might have come out, without a training."""

import numpy as np
import pandas as pd

from evalsuite.statistics.result import tabulated
from evalsuite.utility.analysis import compare, summarise
from evalsuite.utility.cohorts import DRAWN_BY_SEED
from evalsuite.utility.config import ARMS
from evalsuite.utility.results import UtilityResults
from evalsuite.utility.training import AUGMENTATION, PRETEXT

BY_SEED = (DRAWN_BY_SEED(synthetic="gan"),)


def example(
    arms=tuple(ARMS),
    shares=(5.0, 20.0, 100.0),
    structures=("1", "2"),
    repeats=2,
    *,
    gain=0.02,
    warnings=BY_SEED,
):
    """Return scores that rise with the share, and by `gain` from each arm to the next."""
    rng = np.random.default_rng(0)
    rows = [
        {
            "arm": arm,
            "share": share,
            "repeat": repeat + 1,
            "case": f"v{case}",
            "subject": f"s{case}",
            "structure": structure,
            "dice": 0.7 + 0.05 * np.log10(share + 1) + gain * i + 0.03 * rng.normal(),
            "hd95": 5 - np.log10(share + 1) - 0.2 * i + 0.3 * rng.normal(),
        }
        for i, arm in enumerate(arms)
        for share in (shares if "real" in ARMS[arm].trained_on else (0.0,))
        for repeat in range(repeats)
        for case in range(6)
        for structure in structures
    ]
    cases = pd.DataFrame(rows)
    run = {"arm": arms[0], "share": shares[0], "repeat": 1, "volumes": {"real": 5}}
    first = {"pretrained_on": "synthetic", "repeat": 1, "volumes": 9}
    timed = {"losses": [2.0, 1.0], "seconds": 30.0}
    return UtilityResults(
        config={
            "arms": list(arms),
            "shares": list(shares),
            "repeats": repeats,
            "seed": 7,
            "steps": 100,
            "pretraining_steps": 50,
            "batch_size": 2,
            "learning_rate": 0.002,
            "channels": [8, 16],
            "patch": [32, 48, 32],
            "preprocessing": {"spacing": [1.0, 1.0, 1.5]},
            "pretext": PRETEXT,
            "augmentation": AUGMENTATION,
        },
        config_hash="c0ffee",
        cohorts={
            "clinic": {"role": "real", "volumes": 26},
            "diffusion": {"role": "synthetic", "volumes": 9},
        },
        splits={
            "test": [f"s{i}" for i in range(6)],
            "training": repeats * [[f"t{i}" for i in range(20)]],
            "from_manifest": False,
            "counts": {f"{share:g}": int(share) for share in shares},
        },
        trainings=[{"name": "reconstruction", **first, **timed}, {"name": "x", **run, **timed}],
        cases=cases,
        summary=tabulated(summarise(cases)),
        comparisons=tabulated(compare(cases)),
        warnings=warnings,
        environment={"python": "3.11", "packages": {"monai": "1.6.1"}},
        started="2026-11-23T12:00:00+00:00",
        seconds=61.5,
    )
