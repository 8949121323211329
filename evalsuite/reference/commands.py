"""`evalsuite reference`: statistics of real features, to compare with where volumes may not go."""

from pathlib import Path
from typing import Annotated

import typer

from evalsuite import options

app = typer.Typer(
    no_args_is_help=True,
    help="Statistics of real features, to compare with where the volumes may not be shared.",
)


@app.command()
def build(
    real: Annotated[
        str, typer.Option(help="Real volumes: a folder, glob, CSV/TSV manifest or BIDS.")
    ],
    output: Annotated[Path, typer.Option(help="New file, such as brains.reference.")],
    protocol: options.Protocol = None,
    config: options.Config = None,
    extractor: options.Extractor = None,
    weights: options.Weights = None,
    engine: options.Engine = None,
    spacing: options.Spacing = None,
    shape: options.Shape = None,
    set_: options.Set = None,
    cache: options.Cache = None,
    device: options.Device = "auto",
    batch_size: options.BatchSize = None,
    workers: options.Workers = None,
    offline: options.Offline = False,
    reread: options.Reread = False,
) -> None:
    """Write mean and covariance of real features, with how they were made; no row of a volume.

    `evalsuite compute-metrics --real FILE.reference --synthetic DIR` compares with them.
    """
    from evalsuite.caches import feature_cache
    from evalsuite.config import load_config
    from evalsuite.extractors.engine import chosen_engine
    from evalsuite.output import say
    from evalsuite.progress import bars
    from evalsuite.reference import build as building
    from evalsuite.reference_file import refuse_path, write_reference
    from evalsuite.resources import Resources
    from evalsuite.settings import listed, triple, with_assignments

    refuse_path(output)
    given = {
        "real": real,
        "synthetic": [real],  # is not looked at
        "protocol": protocol,
        "extractors": listed(extractor),
        "weights": weights,
        "engine": chosen_engine(engine, device),
        "preprocessing.spacing": spacing and triple(spacing),
        "preprocessing.shape": shape and triple(shape),
    }
    declared = load_config(config, with_assignments(given, set_ or ()))
    resources = Resources(
        cache or feature_cache(),
        device,
        batch_size,
        workers,
        offline=offline,
        reread=reread,
        progress=bars,
        tell=say,
    )
    reference = building.build(declared, resources)
    write_reference(reference, output)
    known = reference.record["real"]
    typer.echo(
        f"{output}: {known['volumes']} volumes, {output.stat().st_size / 2**20:.3g} MiB", err=True
    )
