"""`evalsuite protocols`: list the published ways to compare volumes, and tell all about one."""

import json
from typing import Annotated, Any

import typer

from evalsuite.options import AsJson

app = typer.Typer(
    invoke_without_command=True,
    help="List the published protocols that `compute-metrics --protocol NAME` follows.",
)


@app.callback()
def protocols(context: typer.Context, as_json: AsJson = False) -> None:
    """List the protocols; `evalsuite protocols show NAME` tells all about one."""
    if context.invoked_subcommand:
        return
    from evalsuite import output, plugins
    from evalsuite.protocols.protocol import load_protocol

    found = [load_protocol(name) for name in plugins.available("protocols")]
    rows = [
        {
            "name": protocol.name,
            "summary": protocol.summary,
            "source": protocol.source.told,
            "published": len(protocol.published),
        }
        for protocol in found
    ]
    output.show(rows, as_json=as_json)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A name from `evalsuite protocols`.")],
    as_json: AsJson = False,
) -> None:
    """Tell source, paper, every frozen choice and the published values of a protocol."""
    from evalsuite.protocols.protocol import load_protocol

    protocol = load_protocol(name)
    values = protocol.model_dump(mode="json")
    if as_json:
        typer.echo(json.dumps(values, indent=1, ensure_ascii=False))
    else:
        typer.echo(_told(values, protocol.source.told))


def _told(protocol: dict[str, Any], code: str) -> str:
    """Return a protocol as people read it."""
    source = protocol["source"]
    files = f" ({', '.join(source['files'])})" if source["files"] else ""
    lines = [
        f"{protocol['name']}: {protocol['summary']}",
        "",
        f"Source: {code}{files}; licence of the code: {source['licence']}.",
        f"Paper: {protocol['paper']}",
        f"Licences of weights: {protocol['licences']}",
        "",
        f"Extractors: {', '.join(protocol['extractors']) or 'none, it looks at voxels'}",
    ]
    for key, title in (
        ("preprocessing", "Steps"),
        ("preprocessing_synthetic", "Steps that are others for synthetic volumes"),
        ("slices", "Slices"),
        ("metrics", "Metrics"),
    ):
        if protocol[key]:
            lines += [f"{title}:", *(f"  {k}: {plain(v)}" for k, v in protocol[key].items())]
    lines += ["", f"Estimator: {protocol['estimator']}", f"Volumes used: {protocol['n_used']}"]
    if protocol["free"]:
        lines.append(f"Left to the user: {', '.join(protocol['free'])}")
    for key, title in (
        ("disagreements", "Where descriptions differ from the code, which is followed"),
        ("limits", "Where values may differ from those of the code"),
    ):
        if protocol[key]:
            lines += ["", f"{title}:", *(f"- {text}" for text in protocol[key])]
    lines += ["", "Published values that unmodified results stand beside:"]
    lines += [
        f"- {p['dataset']}; {p['method']}; {p['number']}: {p['value']:g} ({p['citation']})"
        for p in protocol["published"]
    ] or ["- None is stored; see the paper."]
    lines += ["", f"evalsuite compute-metrics --protocol {protocol['name']} ..."]
    return "\n".join(lines)


def plain(value: object) -> str:
    """Return a choice of a protocol in words."""
    if isinstance(value, dict):
        return ", ".join(f"{k} {plain(v)}" for k, v in value.items()) or "as by default"
    if isinstance(value, list):
        return " x ".join(map(str, value))
    return "none" if value is None else str(value)
