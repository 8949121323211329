"""Samples of a generator as they are tracked."""

import csv
import hashlib
import json
from pathlib import Path

from evalsuite.errors import EvalsuiteError
from evalsuite.tracking.record import SAMPLED, RunRecord, by_weights, described_by, environment_file

RECORD, MANIFEST, SHEET = "generator.json", "samples.tsv", "contact_sheet.png"
APART = {"Files", "Environment"}  # of the record; they stand in its file


def run_record(folder: Path, run_name: str | None = None) -> RunRecord:
    """Return what is tracked of the samples in a folder: what made them, but not the volumes.

    Args:
        folder: that `generator sample` wrote; other samples in it make another run.
        run_name: None for one made of the generator, how many samples there are and the seed.

    Raises:
        EvalsuiteError: if the folder holds no samples.
    """
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        with (folder / MANIFEST).open(newline="", encoding="utf-8") as file:
            paths = [folder / row["path"] for row in csv.DictReader(file, delimiter="\t")]
        fingerprint = _fingerprint(paths)
        name, seed = str(record["Generator"]), record["Seed"]
        environment = dict(record.get("Environment", {}))
    except (OSError, ValueError, KeyError, TypeError):
        raise EvalsuiteError(
            f"{folder} holds no samples of `evalsuite generator sample`."
        ) from None
    trained = "Kind" not in record  # those of others tell what kind they are
    told = f"{len(paths)} sample{'' if len(paths) == 1 else 's'} of {name}, seed {seed}"
    return RunRecord(
        name=run_name or told,
        identity={SAMPLED: fingerprint},
        config={key: value for key, value in record.items() if key not in APART},
        points=[("samples", float(len(paths)), 0)],
        tags=described_by(environment, "evalsuite generator sample", f"**{told}**"),
        files={n: folder / n for n in (RECORD, MANIFEST, SHEET) if (folder / n).is_file()},
        texts=environment_file(environment),
        made_from=by_weights({name: str(record.get("WeightsSHA256", ""))}) if trained else {},
    )


def _fingerprint(paths: list[Path]) -> str:
    """Return that of the cohort which these files are."""
    keys = ""
    for path in paths:
        with path.open("rb") as file:
            keys += hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256(keys.encode()).hexdigest()
