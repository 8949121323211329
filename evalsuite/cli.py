"""The command line: parse, call one function, print."""

import gc
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from evalsuite import extras, options
from evalsuite.errors import EvalsuiteError


def main() -> None:
    """Run the command line; a mistake of the user's is one line on stderr and status 1."""
    # Threads that spin while they wait make a command up to six times slower on a machine that has
    # other work; read once, when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Imports make a million objects that stay; to look for garbage among them every 700 new ones
    # takes a tenth of a short command.
    gc.set_threshold(10_000)
    try:
        _app()()
    except EvalsuiteError as error:
        typer.echo(error, err=True)
        sys.exit(1)
    except ModuleNotFoundError as error:
        sentence = extras.named(error)
        if sentence is None:
            raise
        typer.echo(sentence, err=True)
        sys.exit(1)


def _app() -> TyperGroup:
    app = typer.Typer(
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
        help="Prove, or disprove, that synthetic 3D medical volumes are good.",
    )
    app.callback()(_top)
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)  # noqa: S101  (it has a callback)
    group.commands = Commands()  # type: ignore[assignment]
    return group


class Commands(Mapping[str, Any]):
    """The entry points of `evalsuite.commands`, of which only the one asked for is imported."""

    def __init__(self) -> None:
        from evalsuite import plugins

        self._points = plugins.available("commands")

    def __iter__(self) -> Iterator[str]:
        return iter(self._points)

    def __len__(self) -> int:
        return len(self._points)

    def __getitem__(self, name: str) -> Any:
        from evalsuite import plugins

        try:
            command = plugins.loaded(self._points[name])
        except EvalsuiteError as error:
            command = _refusal(error)
        if isinstance(command, typer.Typer):
            found: Any = typer.main.get_group(command)
        else:
            app = typer.Typer(add_completion=False, rich_markup_mode="markdown")
            app.command()(command)
            found = typer.main.get_command(app)
        found.name = name
        return found


def _refusal(error: EvalsuiteError) -> Callable[..., None]:
    """Return a command that cannot be run and, where commands are listed, says why."""

    def refuse() -> None:
        raise error

    refuse.__doc__ = str(error)
    return refuse


def _version(wanted: bool) -> None:
    if wanted:
        from evalsuite import __version__

        typer.echo(__version__)
        raise typer.Exit


def _top(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Take what stands before a command."""


def compute_metrics(
    real: Annotated[
        str | None,
        typer.Option(
            help="Real volumes: a folder, glob, CSV/TSV manifest, BIDS, or FILE.reference (see "
            "`evalsuite reference`). :0 behind it takes the first image of each 4D file."
        ),
    ] = None,
    synthetic: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]DIR", help="Synthetic volumes; repeat to compare several."),
    ] = None,
    training: Annotated[
        str | None,
        typer.Option(help="What the generator was trained on, for metrics of privacy."),
    ] = None,
    real_labels: Annotated[
        str | None, typer.Option(help="Folder with a label map for each real volume.")
    ] = None,
    synthetic_labels: Annotated[
        list[str] | None,
        typer.Option(help="The same for each --synthetic, in their order."),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Break the metrics down by a column of the tables."),
    ] = None,
    certificate: Annotated[
        str | None,
        typer.Option(
            help="File or folder of `evalsuite certify`: tells how small a difference is seen."
        ),
    ] = None,
    paired: Annotated[
        str | None,
        typer.Option(
            metavar="BY",
            help="Each synthetic volume stands for a real one, that of the same file, subject or "
            "COLUMN.",
        ),
    ] = None,
    masks: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="A mask for each real volume, found as pairs are: they are compared within it, too.",
        ),
    ] = None,
    config: options.Config = None,
    extractor: options.Extractor = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option(help="Names (see `evalsuite metrics`): repeated, or with commas."),
    ] = None,
    weights: options.Weights = None,
    precision: options.Precision = None,
    engine: options.Engine = None,
    protocol: options.Protocol = None,
    preset: options.Preset = None,
    spacing: options.Spacing = None,
    shape: options.Shape = None,
    assume_spacing: options.AssumeSpacing = None,
    assume_orientation: options.AssumeOrientation = None,
    set_: options.Set = None,
    seed: options.Seed = None,
    output: Annotated[Path | None, typer.Option(help="New folder for the results.")] = None,
    experiment: options.Experiment = "evalsuite",
    run_name: options.RunName = None,
    no_tracking: options.NoTracking = False,
    skip_invalid: options.SkipInvalid = False,
    allow_leakage: Annotated[
        bool, typer.Option("--allow-leakage", help="Accept volumes that are in both cohorts.")
    ] = False,
    cache: options.Cache = None,
    device: options.Device = "auto",
    batch_size: options.BatchSize = None,
    workers: options.Workers = None,
    offline: options.Offline = False,
    memory: options.Memory = None,
    reread: options.Reread = False,
    as_json: options.AsJson = False,
) -> None:
    """Compare synthetic volumes with real ones: FID, MMD, MS-SSIM, precision and recall.

    Every choice is recorded with the result, in the output folder and as an MLflow run.
    """
    from evalsuite import workflow
    from evalsuite.caches import feature_cache
    from evalsuite.config import load_config, with_labels
    from evalsuite.extractors.engine import chosen_engine
    from evalsuite.settings import listed, triple, with_assignments

    given = {
        "real": with_labels(real, real_labels),
        "synthetic": _sources(synthetic, synthetic_labels),
        "training": training,
        "by": by,
        "certificate": certificate,
        "paired": paired,
        "masks": masks,
        "extractors": listed(extractor),
        "metrics": listed(metrics),
        "weights": weights,
        "precision": precision,
        "engine": chosen_engine(engine, device),
        "protocol": protocol,
        "preset": preset,
        "preprocessing.spacing": spacing and triple(spacing),
        "preprocessing.shape": shape and triple(shape),
        "assume_spacing": assume_spacing,
        "assume_orientation": assume_orientation,
        "seed": seed,
        "memory": memory,
        "skip_invalid": skip_invalid or None,
        "allow_leakage": allow_leakage or None,
    }
    declared = load_config(config, with_assignments(given, set_ or ()))
    from evalsuite.resources import Resources

    resources = Resources(
        cache or feature_cache(),
        device,
        batch_size,
        workers=workers,
        offline=offline,
        reread=reread,
    )
    done = workflow.compute_metrics(declared, resources, output)
    if done is None:
        return
    workflow.show(done, as_json=as_json)
    if not no_tracking:
        typer.echo(workflow.track(done, experiment, run_name), err=True)
    if done.nothing:
        raise typer.Exit(1)


def metrics(as_json: options.AsJson = False) -> None:
    """List the metrics with their options and defaults."""
    from evalsuite import listings

    listings.show_metrics(listings.metrics(), as_json=as_json)


def extractors(as_json: options.AsJson = False) -> None:
    """List the feature extractors."""
    from evalsuite import listings, output

    output.show(listings.extractors(), as_json=as_json)


def doctor(as_json: options.AsJson = False) -> None:
    """Check this machine: packages, weights, cache, tracking; says how to mend what is amiss."""
    from evalsuite import listings, output

    rows = listings.doctor()
    output.show(rows, as_json=as_json)
    if any(row["state"] == "broken" for row in rows):
        raise typer.Exit(1)


def log(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Results of `compute-metrics`, `utility segmentation`, `audit`, `certify`, `report` "
            "or `generator train`."
        ),
    ],
    experiment: Annotated[
        str | None,
        typer.Option(
            envvar="MLFLOW_EXPERIMENT_NAME", help="MLflow experiment; default: that of the command."
        ),
    ] = None,
    run_name: options.RunName = None,
) -> None:
    """Log results on disk to MLflow, for when the tracking server was down."""
    from evalsuite.log import log as log_folder

    typer.echo(log_folder(folder, experiment, run_name), err=True)


def simulate_population(
    folder: Annotated[Path, typer.Argument(help="New folder for the volumes.")],
    n: Annotated[int, typer.Option("-n", "--count", min=1, help="How many volumes.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="Volume i depends on seed and i alone.")] = 0,
    spacing: Annotated[float, typer.Option(min=1, help="Millimetres per voxel.")] = 4.0,
    variability: Annotated[
        float, typer.Option(min=0, help="Share of the differences between brains; below 1: alike.")
    ] = 1.0,
    blur: Annotated[float, typer.Option(min=0, help="Degrade: Gaussian sigma in voxels.")] = 0.0,
    noise: Annotated[float, typer.Option(min=0, help="Degrade: noise, share of range.")] = 0.0,
) -> None:
    """Simulate brains from the ICBM 2009 T1 template, to try the suite without data.

    They are one real template under random smooth deformations and intensity changes, not
    patients: right for a demonstration, wrong for any claim.
    """
    from evalsuite import workflow

    workflow.simulate_population(
        folder,
        n=n,
        seed=seed,
        spacing=spacing,
        variability=variability,
        blur=blur,
        noise=noise,
    )


weights_app = typer.Typer(
    no_args_is_help=True, help="List, fetch and verify the weights of networks."
)


@weights_app.command("list")
def weights_list(as_json: options.AsJson = False) -> None:
    """List the published weights, their licences, and where each lies on this machine."""
    from evalsuite import listings, output

    rows = listings.weights()
    if not as_json:
        rows = [{key: row[key] for key in row if key != "sha256"} for row in rows]
    output.show(rows, as_json=as_json)


@weights_app.command("fetch")
def weights_fetch(
    names: Annotated[list[str], typer.Argument(help="Names from `evalsuite weights list`.")],
) -> None:
    """Fetch weights from where they are published into the cache and verify them."""
    from evalsuite.extractors.weights import fetch, published

    for name in names:
        typer.echo(fetch(name))
        if note := published()[name].note:
            typer.echo(f"{name}: {note}", err=True)


@weights_app.command("verify")
def weights_verify(
    files: Annotated[list[Path], typer.Argument(help="Weight files.")],
) -> None:
    """Tell which published weights each file is, by its SHA-256."""
    from evalsuite.extractors.weights import verify

    for file in files:
        typer.echo(f"{file}: {verify(file)}")


def _sources(texts: list[str] | None, labels: list[str] | None) -> object:
    if not labels:
        return texts
    from evalsuite.config import with_labels

    if len(labels) != len(texts or ()):
        raise typer.BadParameter("--synthetic-labels: expected one folder for each --synthetic.")
    return [with_labels(text, folder) for text, folder in zip(texts or (), labels, strict=True)]
