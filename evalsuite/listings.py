"""The tables behind `evalsuite metrics`, `extractors`, `weights list` and `doctor`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from typing import Any

from evalsuite import extras, plugins
from evalsuite.errors import EvalsuiteError
from evalsuite.output import show
from evalsuite.records import Quantity
from evalsuite.writable import refuse_unwritable

Row = dict[str, str]


def metrics() -> list[dict[str, Any]]:
    """Return name, needs, summary, options, quantities and scores of volumes of every metric.

    Of each option its name, what is allowed, its default and what it means.

    Raises:
        EvalsuiteError: if what they are built of is not installed.
    """
    extras.require("metrics", purpose="The list of metrics")
    rows: list[dict[str, Any]] = []
    for name, point in plugins.available("metrics").items():
        metric = plugins.loaded(point)
        rows.append(
            {
                "name": name,
                "needs": list(metric.needs),
                "summary": metric.summary,
                "options": metric.told_options(),
                "quantities": [asdict(quantity) for quantity in metric.quantities],
                "scores": [asdict(score) for score in metric.scores],
            }
        )
    return rows


def extractors() -> list[Row]:
    """Return name and summary of every extractor.

    Raises:
        EvalsuiteError: if what they are built of is not installed.
    """
    extras.require("metrics", purpose="The list of extractors")
    rows = []
    for name, point in plugins.available("extractors").items():
        documentation = plugins.loaded(point).__doc__ or ""
        rows.append({"name": name, "summary": documentation.strip().partition("\n")[0]})
    return rows


def weights() -> list[Row]:
    """Return name, state, licences and path of the published weights."""
    from evalsuite.extractors.weights import list_weights

    return [
        {
            "name": item.weights.name,
            "state": item.state,
            "licence of code": item.weights.code_licence,
            "licence of weights": item.weights.weights_licence,
            "note": item.weights.note,
            "sha256": item.sha256 or item.weights.expected or "not published",
            "file": str(item.path or ""),
        }
        for item in list_weights()
    ]


def doctor() -> list[Row]:
    """Return one row per thing that a job needs: its state and, where amiss, the mend.

    States: `good`; `absent` for what only some jobs need; `broken` for what a job that is given
    no other options cannot do without.
    """
    return [*_packages(), _cache(), *_weights(), _tracking(), _reader(), _accelerator()]


def show_metrics(rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print metrics on stdout as JSON, or as a table with options and numbers below each."""
    lines: list[Row] = []
    for row in rows:
        what = f"{row['summary'].rstrip('.')} (of {', '.join(row['needs'])})"
        lines.append({"name": row["name"], "default": "", "what it is": what})
        for option in row["options"]:
            default = json.dumps(option["default"], default=str)
            what = "; ".join(text for text in (option["meaning"], option["allowed"]) if text)
            lines.append({"name": f"  {option['name']}", "default": default, "what it is": what})
        for kind, column in (("number", "quantities"), ("score of each volume", "scores")):
            for quantity in (Quantity(**values) for values in row[column]):
                name = f"  {quantity.name}"
                lines.append(
                    {"name": name, "default": "", "what it is": f"{kind}: {quantity.told}"}
                )
    show(rows if as_json else lines, as_json=as_json)


def _packages() -> list[Row]:
    from evalsuite.environment import environment

    versions = environment()["packages"]
    assert isinstance(versions, dict)  # noqa: S101
    return [
        {
            "check": f"package {name}",
            "state": "absent" if version == "absent" else "good",
            "found": version,
            "mend": extras.command(name) if version == "absent" else "",
        }
        for name, version in versions.items()
    ]


def _cache() -> Row:
    from evalsuite.caches import cache_folder

    folder = cache_folder()
    row = {"check": "cache folder", "state": "good", "found": str(folder), "mend": ""}
    try:
        refuse_unwritable(folder, "EVALSUITE_CACHE")
    except EvalsuiteError as error:
        row["state"] = "broken"
        row["found"] = str(error).partition(". ")[0]
        row["mend"] = "set EVALSUITE_CACHE to a folder you can write to"
    return row


def _weights() -> list[Row]:
    mends = {
        "absent": "evalsuite weights fetch {name}",
        "wrong hash": "delete {file} and run: evalsuite weights fetch {name}",
    }
    return [
        {
            "check": f"weights {row['name']}",
            "state": "absent" if row["state"] in mends else "good",
            "found": row["file"] or row["state"],
            "mend": mends.get(row["state"], "").format(**row),
        }
        for row in weights()
    ]


def _tracking() -> Row:
    from evalsuite.tracking import look

    found, fault = look()
    mend = "start the server, set MLFLOW_TRACKING_URI, or pass --no-tracking" if fault else ""
    return {
        "check": "MLflow tracking",
        "state": "broken" if fault else "good",
        "found": f"{found}: {fault}" if fault else found,
        "mend": mend,
    }


def _reader() -> Row:
    """Return what `streamlit run reader_app` needs."""
    app = find_spec("streamlit")
    return {
        "check": "reader app: streamlit",
        "state": "good" if app else "absent",
        "found": str(app.origin) if app else "",
        "mend": "" if app else "pip install 'evalsuite[reader]'",
    }


def _accelerator() -> Row:
    if find_spec("torch") is None:
        mend = extras.command("torch")
        return {"check": "accelerator", "state": "absent", "found": "no torch", "mend": mend}
    import torch

    if torch.cuda.is_available():
        name = torch.cuda.get_device_name()
        return {"check": "accelerator", "state": "good", "found": name, "mend": ""}
    return {
        "check": "accelerator",
        "state": "absent",
        "found": f"none; networks run on {torch.get_num_threads()} threads",
        "mend": "",
    }
