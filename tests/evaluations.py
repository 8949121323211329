"""An evaluation that the tests share."""

from pathlib import Path

from evalsuite import tracking
from evalsuite.records import CohortRecord, Estimate, Evaluation, Interval
from evalsuite.tracking.evaluation import run_record
from tests.caveats import plain

FEW = plain("40 real and 30 synthetic volumes are few for 512 features.")


def example(*names: str) -> Evaluation:
    """Return an evaluation of the named synthetic cohorts, each with its own numbers."""

    def cohort(name, role, n):
        volumes = tuple(f"{name}_{i}.nii.gz" for i in range(n))
        fingerprint = (name.encode().hex() * 64)[:64]
        return CohortRecord(name, role, f"data/{name}", fingerprint, volumes)

    estimates = []
    for i, name in enumerate(names):
        about = {"n_real": 40, "n_synthetic": 30, "method": "m", "synthetic": name}
        estimates += [
            Estimate(
                "frechet_distance",
                3.25 + i,
                "lower is better",
                interval=Interval(2.5 + i, 4.125 + i, 0.95, "bootstrap"),
                reference=0.5,
                warnings=(FEW,),
                extractor="radiomics",
                **about,
            ),
            Estimate(
                "mmd_rbf",
                -0.001,
                "lower is better",
                standard_error=0.002,
                extractor="radiomics",
                **about,
            ),
            Estimate("ms_ssim", 0.75, "nearer the reference is better", reference=0.625, **about),
        ]
    return Evaluation(
        real=cohort("real", "real", 40),
        synthetic=tuple(cohort(name, "synthetic", 30) for name in names),
        estimates=tuple(estimates),
        config={"metrics": {"frechet": {"resamples": 200}}, "seed": 7},
        config_hash="c0ffee",
        environment={
            "packages": {"evalsuite": "0.1.0"},
            "evalsuite_commit": "abc123-dirty",
            "working_folder_commit": None,
        },
        started="2026-11-23T06:00:00+00:00",
        seconds=61.5,
    )


def log_evaluation(
    evaluation: Evaluation, folder: Path, *, experiment: str, run_name: str | None = None
) -> tracking.TrackedRun:
    """Log an evaluation as the command does."""
    record = run_record(evaluation, folder, run_name)
    return tracking.log(record, experiment=experiment, kept=folder)
