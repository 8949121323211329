"""Has the generator memorised volumes? The page, and the chapter, of an audit."""

from pathlib import Path

from matplotlib.figure import Figure

from evalsuite.audited import Audit, statement
from reports.audit.tables import planted_table, samples_table, verdict_table
from reports.document import Answer, Block, Image, Notice, Picture, Report, Section, Text

NAME, TITLE = "audit", "Has the generator memorised training volumes?"
FIGURE = "audit-evidence"  # on the page, and as a file of the folder


def audit_report(audit: Audit, figure: Figure) -> Report:
    """Return the page of one audit."""
    return Report(
        title="Memorisation, audited",
        answers=tuple(audit_answers(audit)),
        sections=tuple(audit_sections(audit, figure)),
        record=audit_record(audit),
    )


def kept_figure(folder: Path) -> Image:
    """Return the figure that was drawn when the audit was made."""
    return Image(folder / "figures" / f"{FIGURE}.png")


def audit_answers(audit: Audit) -> list[Answer]:
    """Return what who reads nothing else has to read."""
    told = [statement(audit, verdict) for verdict in audit.verdicts]
    found = tuple(sentence for sentence, *_ in told)
    power = tuple(
        dict.fromkeys(f"{v.cohort}: {t[1]}" for v, t in zip(audit.verdicts, told, strict=True))
    )
    limits = tuple(dict.fromkeys(t[2] for t in told))
    return [
        Answer("Copies", (Text(found),)),
        Answer("Would be found", (Text(power),)),
        Answer("Limits of the audit", (Text(limits),)),
    ]


def audit_record(audit: Audit) -> dict[str, str]:
    """Return what decides the numbers of an audit."""
    return {
        "training volumes (SHA-256 of the cohort)": audit.training["fingerprint"],
        "hold-out (SHA-256 of the cohort)": audit.holdout["fingerprint"],
        **{f"{v.cohort} (SHA-256 of the cohort)": v.fingerprint for v in audit.verdicts},
        "spaces": ", ".join(audit.spaces),
        "seed of planted copies": str(audit.seed),
        "audit made": f"{audit.created}, evalsuite {audit.evalsuite}",
    }


def audit_sections(audit: Audit, figure: Figure | Image) -> list[Section]:
    """Return the chapter on one audit."""
    caveats = [
        f"{v.cohort}: {caveat}" if len(audit.verdicts) > 1 else str(caveat)
        for v in audit.verdicts
        for caveat in v.caveats
    ]
    blocks: tuple[Block, ...] = (
        Text((_how(audit),)),
        *([Notice(tuple(dict.fromkeys(caveats)))] if caveats else []),
        verdict_table(audit),
        *(planted_table(audit, verdict) for verdict in audit.verdicts),
        Picture(
            FIGURE,
            "How much each volume stands out as a copy, beside the threshold that the hold-out sets "
            "and planted copies, and the most suspicious volumes beside the training volumes that "
            "they are like.",
            figure,
            "Strips of points and rows of slices; the tables have the numbers.",
        ),
    )
    return [Section(NAME, TITLE, blocks, (samples_table(audit),))]


def _how(audit: Audit) -> str:
    moved = len(audit.record["moves"])
    features = [space for space in audit.spaces if space not in ("voxels", "blends")]
    return (
        f"Each synthetic volume was held against {audit.training['volumes']} training volumes "
        f"({audit.training['subjects']} subjects): in voxels, aligned over mirrored axes and small "
        "displacements; as a blend of two of them; and in whitened features of "
        f"{', '.join(features) or 'no extractor'}"
        f"{f', of training volumes as they are and moved in {moved} ways' if moved else ''}. "
        "The distance to the nearest over the mean one to the 50 nearest, in deviations of training "
        "volumes among each other, is its score; the least over all spaces counts. The threshold is "
        f"the score of the {_ordinal(audit.rank)} most suspicious of {audit.holdout['subjects']} "
        "hold-out subjects, below which a volume of a new subject falls with the stated rate, whatever "
        "the spaces and however many (conformal; Vovk et al. 2005)."
    )


def _ordinal(rank: int) -> str:
    if rank % 100 in (11, 12, 13):
        return f"{rank}th"
    return f"{rank}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(rank % 10, 'th') }"
