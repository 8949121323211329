"""The tables of a certificate: what is seen from where, limits at this size, all powers."""

import pandas as pd

from evalsuite.certificate import ALPHA, POWER, Certificate, Fault, Judged, Trial
from evalsuite.ranking import quantities
from reports.document import Table

NOTE = (
    "no (n): not even at the greatest severity; with about n volumes a side it would, by the law of "
    "the root of n, which asks for too many rather than too few. no: the fault does not make the "
    "number worse beyond chance, so no n is known. better: the number rewards it."
)


def named(judged: Judged) -> str:
    """Return how a number is called, with its extractor."""
    return f"{title(judged)}, {judged.extractor}"


def title(judged: Judged) -> str:
    """Return how a number is called, with its place."""
    known = quantities()
    name = known[judged.name].title if judged.name in known else judged.name
    return " ".join([name, *(value for _, value in judged.where)])


def told(fault: Fault) -> str:
    """Return a fault with the unit of its severities, and what it is about."""
    return f"{fault.title}, {fault.unit}{f' ({fault.about})' if fault.about else ''}"


def seen_table(certificate: Certificate) -> Table:
    """Return from which severity each number sees each fault, one row per fault."""
    rows = []
    for extractor in dict.fromkeys(judged.extractor for judged in certificate.judged):
        own = [judged for judged in certificate.judged if judged.extractor == extractor]
        for place, fault in enumerate(certificate.faults):
            cells = {title(j): _verdict(certificate, j.trials[place]) for j in own}
            rows.append({"extractor": extractor, "fault": told(fault), **cells})
    return Table(
        "certificate-seen",
        "The severity from which on each number sees a fault.",
        pd.DataFrame(rows),
        (NOTE,),
        group="extractor",
    )


def size_table(certificate: Certificate) -> Table:
    """Return what each number is between real halves, and the least change that it shows."""
    return Table(
        "certificate-least",
        f"Every number between halves of {certificate.half[0]:.0f} real volumes: its median, what "
        f"{ALPHA:.0%} are worse than, and the least change from the median that is seen with "
        f"{POWER:.0%} power.",
        pd.DataFrame(
            [
                {
                    "extractor": j.extractor,
                    "number": title(j),
                    "usual": j.usual,
                    "limit": j.limit,
                    "least change": j.least,
                }
                for j in certificate.judged
            ]
        ),
        group="extractor",
    )


def power_table(certificate: Certificate) -> Table:
    """Return the power at every severity."""
    columns = ["extractor", "name", "fault", "severity", "power", "rewarded", "effect", "needed"]
    data = certificate.to_frame()
    return Table(
        "certificate-power",
        "Power, and how often the number is better than all but 5 % of real halves, at every "
        "severity; mean change of the number; volumes a side that would be needed.",
        data[[*columns, "trend"]],
        ("trend: mean rank correlation of severity and badness over splits, 1 if always worse.",),
        folded=True,
        data=data,
    )


def _verdict(certificate: Certificate, trial: Trial) -> str:
    if trial.seen_from is not None:
        return f"from {certificate.fault(trial.fault).told(trial.seen_from)}"
    if trial.rewarded:
        return "better"
    if trial.needed is None:
        return "no"
    return f"no ({trial.needed:,})"
