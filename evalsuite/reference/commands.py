"""`evalsuite reference`: statistics of real features, to compare with where volumes may not go."""

from pathlib import Path
from typing import Annotated

import typer

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
    protocol: Annotated[
        str | None, typer.Option(help="Published way to compare (see `evalsuite protocols`).")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="YAML or TOML file with settings of `compute-metrics`.")
    ] = None,
    extractor: Annotated[
        list[str] | None, typer.Option(help="Feature extractors: repeated, or with commas.")
    ] = None,
    weights: Annotated[
        list[str] | None, typer.Option(metavar="[NAME=]FILE", help="Weight file of the network.")
    ] = None,
    spacing: Annotated[
        str | None, typer.Option(metavar="X,Y,Z", help="Millimetres per voxel, `auto` or `native`.")
    ] = None,
    shape: Annotated[
        str | None, typer.Option(metavar="X,Y,Z", help="Voxels per axis, `auto` or `native`.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any other setting of `compute-metrics`."),
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder of the feature cache.")] = None,
    device: Annotated[
        str, typer.Option(help="Torch device; auto: a GPU if there is one.")
    ] = "auto",
    batch_size: Annotated[int, typer.Option(min=1, help="Volumes a network sees at once.")] = 4,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes for radiomics; default: all cores.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Never download weights.")] = False,
) -> None:
    """Write mean and covariance of real features, with how they were made; no row of a volume.

    `evalsuite compute-metrics --real FILE.reference --synthetic DIR` compares with them.
    """
    from evalsuite.caches import cache_folder
    from evalsuite.config import load_config
    from evalsuite.evaluate import Resources
    from evalsuite.progress import bars
    from evalsuite.reference import build as building
    from evalsuite.reference_file import refuse_path, write_reference
    from evalsuite.settings import listed, triple, with_assignments

    refuse_path(output)
    options = {
        "real": real,
        "synthetic": [real],  # is not looked at
        "protocol": protocol,
        "extractors": listed(extractor),
        "weights": weights,
        "preprocessing.spacing": spacing and triple(spacing),
        "preprocessing.shape": shape and triple(shape),
    }
    declared = load_config(config, with_assignments(options, set_ or ()))
    resources = Resources(
        cache=cache or cache_folder() / "features",
        device=device,
        batch_size=batch_size,
        workers=workers,
        offline=offline,
        progress=bars,
        tell=_say,
    )
    reference = building.build(declared, resources)
    write_reference(reference, output)
    known = reference.record["real"]
    typer.echo(
        f"{output}: {known['volumes']} volumes, {output.stat().st_size / 2**20:.3g} MiB", err=True
    )


def _say(sentence: str) -> None:
    typer.echo(sentence, err=True)
