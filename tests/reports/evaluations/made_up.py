"""Evaluations with chosen numbers, as `evalsuite compute-metrics` would leave them."""

import math
from pathlib import Path

import pandas as pd

from evalsuite.records import CohortRecord, Estimate, Evaluation, Interval
from reports.sources import EvaluationData

NAMES = ["cohort", "role", "volume", "digest", "against", "extractor", "name", "value"]
SCORES = [*NAMES, "direction", "method", "where", "pair", "subject"]


def cohort(name, role="synthetic", *, n=30, fingerprint=None, warnings=(), skipped=()):
    volumes = tuple(f"{name}_{i}.nii.gz" for i in range(n))
    mark = fingerprint or f"{name}-mark-" + "0" * 52
    return CohortRecord(
        name, role, f"data/{name}", mark, volumes, skipped=skipped, warnings=warnings
    )


def estimate(name, value, synthetic="gan", **known):
    low, high = known.pop("low", math.nan), known.pop("high", math.nan)
    interval = None
    if not math.isnan(low):
        interval = Interval(low, high, known.pop("level", 0.95), known.pop("how", "bootstrap"))
    about = {
        "direction": "lower is better",
        "n_real": 40,
        "n_synthetic": 30,
        "method": f"how {name} is made",
        "extractor": "radiomics",
    }
    return Estimate(name, value, synthetic=synthetic, interval=interval, **(about | known))


def evaluated(
    *estimates,
    cohorts=("gan",),
    folder="eval",
    real=None,
    config=None,
    scores=None,
    figures=(),
    environment=None,
    config_hash="c0ffee" + "0" * 58,
):
    """Return an evaluation of the cohorts, by name or as records."""
    synthetic = tuple(c if isinstance(c, CohortRecord) else cohort(c) for c in cohorts)
    record = Evaluation(
        real=real or cohort("real", "real", n=40),
        synthetic=synthetic,
        estimates=tuple(estimates),
        config={"metrics": {}, "seed": 0} if config is None else config,
        config_hash=config_hash,
        environment={"packages": {"evalsuite": "0.1.0"}} if environment is None else environment,
        started="2026-11-23T06:00:00+00:00",
        seconds=1.0,
    )
    table = pd.DataFrame([] if scores is None else scores).reindex(columns=SCORES, fill_value="")
    return EvaluationData(Path(folder), record, table, [Path(f) for f in figures])


def score_rows(name, values, *, direction="lower is better", against="gan", extractor=""):
    """Return rows of the table of scores; `values` by cohort."""
    return [
        {
            "cohort": owner,
            "role": "real" if owner == "real" else "synthetic",
            "volume": f"{owner}_{i}.nii.gz",
            "digest": f"{owner}{i}",
            "against": against if owner == "real" else "real",
            "extractor": extractor,
            "name": name,
            "value": value,
            "direction": direction,
            "method": f"how {name} is made",
        }
        for owner, own in values.items()
        for i, value in enumerate(own)
    ]
