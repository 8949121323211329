"""The options that several commands have, in the same words everywhere."""

from pathlib import Path
from typing import Annotated

import typer

from evalsuite import extras


def _trackable(no_tracking: bool) -> bool:
    """Refuse before any work what MLflow could not take at its end."""
    if not no_tracking:
        extras.require("tracking", purpose="Tracking", otherwise="pass --no-tracking")
    return no_tracking


AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
AssumeOrientation = Annotated[
    str | None,
    typer.Option(
        "--assume-orientation",
        metavar="CODE",
        help="Orientation where a file states none, such as LPS.",
    ),
]
AssumeSpacing = Annotated[
    str | None,
    typer.Option(
        "--assume-spacing", metavar="X,Y,Z", help="Millimetres per voxel where a file states none."
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        min=1,
        help="Volumes a network sees at once; default: what is fast, or what a GPU's memory holds.",
    ),
]
Cache = Annotated[Path | None, typer.Option("--cache", help="Folder of the feature cache.")]
Config = Annotated[
    Path | None, typer.Option("--config", help="YAML or TOML file with the same settings.")
]
Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        help="SQLAlchemy URL; default EVALSUITE_DATABASE, else a SQLite file in the home.",
    ),
]
Device = Annotated[str, typer.Option("--device", help="Torch device; auto: a GPU if there is one.")]
Engine = Annotated[
    str | None,
    typer.Option(
        "--engine",
        help="What runs networks: torch (default), openvino (faster on a processor), or auto: "
        "openvino if it is installed and there is no GPU.",
    ),
]
Experiment = Annotated[
    str,
    typer.Option("--experiment", envvar="MLFLOW_EXPERIMENT_NAME", help="MLflow experiment."),
]
Extractor = Annotated[
    list[str] | None,
    typer.Option(
        "--extractor",
        help="Feature extractors (see `evalsuite extractors`): repeated, or with commas.",
    ),
]
StudiesHome = Annotated[
    Path | None,
    typer.Option("--home", help="Folder of the studies; default EVALSUITE_STUDIES, else studies."),
]
Memory = Annotated[
    str | None,
    typer.Option(
        "--memory",
        metavar="SIZE",
        help="What metrics may hold at a time, such as 4GB; default a quarter of what is free, at "
        "most 1GB. It changes no number.",
    ),
]
NoTracking = Annotated[
    bool, typer.Option("--no-tracking", callback=_trackable, help="Skip MLflow.")
]
Offline = Annotated[bool, typer.Option("--offline", help="Never download weights.")]
Precision = Annotated[
    str | None,
    typer.Option("--precision", help="Arithmetic of networks: float32 or bfloat16 (faster)."),
]
Preset = Annotated[
    str | None, typer.Option("--preset", help="Preprocessing preset: mri (default) or ct.")
]
Protocol = Annotated[
    str | None,
    typer.Option("--protocol", help="Published way to compare (see `evalsuite protocols`)."),
]
Reread = Annotated[
    bool,
    typer.Option(
        "--reread", help="Read and check every volume again, even if its file is unchanged."
    ),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with what the folder holds of an earlier call.")
]
RunName = Annotated[str | None, typer.Option("--run-name", help="Name of the MLflow run.")]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Seed of every random draw.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any other setting, a key with dots for one within another; repeat for several.",
    ),
]
Shape = Annotated[
    str | None,
    typer.Option("--shape", metavar="X,Y,Z", help="Voxels per axis, `auto` (default) or `native`."),
]
SkipInvalid = Annotated[
    bool, typer.Option("--skip-invalid", help="Go on without volumes that have faults.")
]
Spacing = Annotated[
    str | None,
    typer.Option(
        "--spacing", metavar="X,Y,Z", help="Millimetres per voxel, `auto` (default) or `native`."
    ),
]
Weights = Annotated[
    list[str] | None,
    typer.Option(
        "--weights",
        metavar="[NAME=]FILE",
        help="Weight file of an extractor; NAME where several take one.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        help="Processes for radiomics, threads that read volumes for networks; default: one per "
        "core.",
    ),
]
