"""An experiment on disk: a record, tables of cases, of arms and of comparisons, and figures."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from evalsuite import caveats
from evalsuite.errors import EvalsuiteError
from evalsuite.output import finite, refuse_newer
from evalsuite.records import Caveat
from evalsuite.writable import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RESULTS = "results.json"
SCHEMA = 2  # of that file; the first had no number
write = partial(write_whole, mend="Make room, then go on with --resume.")
TABLES = ("cases", "summary", "comparisons")
NUMBERS = ("dice", "hd95", "value", "low", "high", "standard_error", "p", "p_holm", "difference")
# How columns were called before they were those of every statistic.
RENAMED = {
    "metric": "quantity",
    "difference": "value",
    "repeats": "n_repeats",
    "subjects": "n_subjects",
    "undefined": "n_undefined",
}


@dataclass(frozen=True, slots=True)
class UtilityResults:
    """The whole answer of one experiment, and everything that made it.

    Args:
        config: the settings with the fingerprints of volumes and label maps, the preprocessing
            and what is done in a training, JSON-serialisable; a rerun with the same gives the same
            tables on the same kind of machine.
        config_hash: SHA-256 of `config`.
        cohorts: by name: role, source, fingerprint, number of volumes.
        splits: `test`, the held-out subjects; `training`, per repeat the order of the others;
            `counts`, by share, how many of them are trained on.
        trainings: one per pre-training and per training: name, arm, share, repeat, number of
            volumes, course of the loss, seconds.
        cases: one row per arm, share, repeat, case and structure.
        summary: table of `evalsuite.utility.analysis.summarise`.
        comparisons: see `evalsuite.utility.analysis.compare`.
        warnings: reasons to doubt the experiment.
        environment: versions, platform, git commit.
        started: UTC, ISO 8601; that of the first call.
        seconds: wall-clock time of all trainings, those of earlier, interrupted calls included.
    """

    config: dict[str, Any]
    config_hash: str
    cohorts: dict[str, dict[str, Any]]
    splits: dict[str, Any]
    trainings: list[dict[str, Any]]
    cases: pd.DataFrame
    summary: pd.DataFrame
    comparisons: pd.DataFrame
    warnings: tuple[Caveat, ...]
    environment: dict[str, Any]
    started: str
    seconds: float


def write_results(results: UtilityResults, figures: Mapping[str, "Figure"], folder: Path) -> None:
    """Write `results.json`, the three tables as CSV, and the figures; what is there is replaced.

    Raises:
        EvalsuiteError: if the disk refuses.
    """
    for name in TABLES:
        write(folder / f"{name}.csv", getattr(results, name).to_csv(index=False).encode())
    for name, figure in figures.items():
        picture = BytesIO()
        figure.savefig(picture, format="png", dpi=150)
        write(folder / "figures" / f"{name}.png", picture.getvalue())
    text = json.dumps(to_json(results), indent=1, allow_nan=False) + "\n"
    write(folder / RESULTS, text.encode())


def to_json(results: UtilityResults) -> dict[str, Any]:
    """Return the record without the rows of cases; nan becomes null."""
    record = {field.name: getattr(results, field.name) for field in fields(results)}
    record["schema"] = SCHEMA
    del record["cases"]
    for name in ("summary", "comparisons"):
        record[name] = record[name].to_dict("records")
    record["warnings"] = list(map(str, results.warnings))
    record["caveats"] = caveats.to_json(results.warnings)
    cleaned: dict[str, Any] = finite(record)
    return cleaned


def read_results(folder: Path) -> UtilityResults:
    """Return the experiment of a folder that `write_results` filled.

    Raises:
        EvalsuiteError: if the folder holds none or it is damaged.
    """
    try:
        record = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
        refuse_newer(record, SCHEMA)
        record.pop("schema", None)
        text = {"structure": str, "subject": str, "case": str}
        for name in TABLES:
            table = pd.read_csv(
                folder / f"{name}.csv",
                dtype=text,
                keep_default_na=False,
                na_values={c: [""] for c in NUMBERS},
                float_precision="round_trip",  # pandas 2 drops the last digits of small numbers
            )
            record[name] = table.rename(columns=RENAMED)
        told = record.pop("caveats", record["warnings"])  # sentences alone, before codes
        record["warnings"] = caveats.from_json(told, "cohort")
        return UtilityResults(**record)
    except FileNotFoundError as error:
        raise EvalsuiteError(
            f"{folder} holds no {Path(error.filename or RESULTS).name}. Name a folder that "
            "`evalsuite utility segmentation` has finished."
        ) from None
    except (ValueError, KeyError, TypeError):
        raise EvalsuiteError(
            f"{folder / RESULTS}: not the results of a utility experiment, or of a newer version "
            "of evalsuite."
        ) from None
