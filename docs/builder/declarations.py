"""The reference of metrics, extractors, protocols and question kinds, from their declarations."""

from typing import Any

from builder.markdown import bullets, cell, code, table
from builder.settings import HEAD as SETTING
from builder.settings import settings_table
from evalsuite import listings, plugins
from evalsuite.metrics.metric import Metric
from evalsuite.protocols.commands import plain
from evalsuite.protocols.protocol import Protocol, load_protocol
from evalsuite.study.protocol.questions import KINDS

NUMBER = ("number", "what it says", "better", "range", "bias and interval")
BETTER = {
    "lower is better": "lower",
    "higher is better": "higher",
    "nearer the reference is better": "nearer real",
}
PUBLISHED = ("data", "method", "number", "value", "where")
LOOKS_AT = {
    "features": "features",
    "maps": "feature maps",
    "slices": "features of slices",
    "volumes": "voxels",
    "labels": "label maps",
    "pairs": "pairs",
    "regions": "label maps and masks of the real cohort, if there are any",
    "subjects": "subjects",
    "training": "the training cohort",
}


def metrics() -> str:
    """Return every metric as Markdown: its numbers, its options and its works."""
    loaded = {name: point.load() for name, point in plugins.available("metrics").items()}
    return "\n\n".join(_metric(name, metric) for name, metric in loaded.items())


def extractors() -> str:
    """Return every extractor, and the published weights with their licences."""
    rows = [(code(row["name"]), cell(row["summary"])) for row in listings.extractors()]
    weights = [
        tuple(
            [code(row["name"])]
            + [cell(row[key]) for key in ("licence of code", "licence of weights", "note")]
        )
        for row in listings.weights()
    ]
    return "\n\n".join(
        [
            table(("name", "features"), rows),
            "## Published weights",
            table(("name", "licence of the code", "licence of the weights", "note"), weights),
        ]
    )


def protocols() -> str:
    """Return every protocol as Markdown: source, all frozen choices and published values."""
    return "\n\n".join(_protocol(load_protocol(name)) for name in plugins.available("protocols"))


def question_kinds() -> str:
    """Return every kind of question with what it may declare."""
    return "\n\n".join(
        f"### `kind: {name}` {{ #{name} }}\n\n{_summary(kind)}\n\n{settings_table(kind)}"
        for name, kind in KINDS.items()
    )


def _metric(name: str, metric: Metric) -> str:
    own = [(q, "") for q in metric.quantities] + [(q, ", each volume") for q in metric.scores]
    numbers = [
        (
            code(q.name) + kind + (f", per {q.per}" if q.per else ""),
            cell(f"{q.title}: {q.sentence}"),
            BETTER[q.direction],
            cell(" ".join(text for text in (q.range, q.unit) if text)),
            cell(q.bias),
        )
        for q, kind in own
    ]
    options = [
        (
            code(str(o["name"])),
            cell(str(o["meaning"])),
            cell(str(o["allowed"])),
            code(str(o["default"])),
        )
        for o in metric.told_options()
    ]
    works = dict.fromkeys(work for q, _ in own for work in q.works)
    parts = [
        f"## {name}",
        f"{metric.summary} Looks at: {', '.join(LOOKS_AT[need] for need in metric.needs)}.",
        table(NUMBER, numbers),
    ]
    if options:
        parts += [f"Options (`--set metrics.{name}.OPTION=VALUE`):", table(SETTING, options)]
    if works:
        parts += ["Works:", bullets(works)]
    return "\n\n".join(parts)


def _protocol(protocol: Protocol) -> str:
    source = protocol.source
    values = protocol.model_dump(mode="json")
    facts = {
        "Code": f"{source.told} ({source.licence})"
        + (f": {', '.join(map(code, source.files))}" if source.files else ""),
        "Paper": protocol.paper,
        "Extractors": ", ".join(map(code, protocol.extractors)) or "none, it looks at voxels",
        "Estimator": protocol.estimator,
        "Volumes used": protocol.n_used,
        "Licences of weights": protocol.licences,
        "Left to the user": ", ".join(map(code, protocol.free)),
    }
    parts = [
        f"## {protocol.name}",
        f"{protocol.summary}.",
        f"```sh\nevalsuite compute-metrics --protocol {protocol.name} --real real --synthetic synthetic\n```",
        bullets(f"**{name}**: {text}" for name, text in facts.items() if text),
    ]
    frozen = [
        (code(f"{part}.{key}" if part != "metrics" else f"metrics.{key}"), code(plain(value)))
        for part in ("preprocessing", "preprocessing_synthetic", "slices", "metrics")
        for key, value in values[part].items()
    ]
    parts.append(table(("frozen choice", "value"), frozen))
    for title, texts in (
        ("Where descriptions differ from the code, which is followed:", protocol.disagreements),
        ("Where values may differ from those of the code:", protocol.limits),
    ):
        if texts:
            parts += [title, bullets(texts)]
    published = [
        (cell(p.dataset), cell(p.method), cell(p.number), f"{p.value:g}", cell(p.citation))
        for p in protocol.published
    ]
    parts += (
        ["Published values that unmodified results stand beside:", table(PUBLISHED, published)]
        if published
        else ["No published value is stored; see the paper."]
    )
    return "\n\n".join(parts)


def _summary(kind: type[Any]) -> str:
    return (kind.__doc__ or "").partition("\n\n")[0].replace("\n", " ")
