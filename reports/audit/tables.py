"""The tables of an audit: what was found of each generator, and what would have been."""

import pandas as pd

from evalsuite.audited import Audit, Verdict
from reports.document import Table

COUNTED = (
    "Copies: flagged volumes less those expected by chance of the others. The interval is exact over "
    "hold-outs and volumes, of copies that are recognised. Least leak found: with a power of 80 %. "
    "Nearer: in how many comparisons of a volume with a hold-out subject the volume is "
    "the more suspicious one; more than half is memory, even without copies."
)
PLANTED = (
    "Found: how many of the planted copies were flagged, with the 95 % interval of the share. Least "
    "leak: with that share, the fewest copies that prove a leak with a power of 80 %. Not excluded: "
    "the most copies in that disguise that there may be (95 %), with the lower end of the share."
)


def verdict_table(audit: Audit) -> Table:
    """Return what was found of every synthetic cohort."""
    rows = [
        {
            "cohort": v.cohort,
            "volumes": v.volumes,
            "flagged": v.flagged,
            "by chance": f"{v.volumes * audit.rate:.2g}",
            "copies counted": f"{v.copies:.3g}",
            "95 % interval": f"{v.low} to {v.high}",
            "proof from": f"{v.needed} flagged" if v.needed <= v.volumes else "no number",
            "least leak found": _leak(v.leak, v.volumes),
            "nearer": "{:.0%} ({:.0%} to {:.0%})".format(*v.nearer),
        }
        for v in audit.verdicts
    ]
    return Table(
        "audit-verdicts",
        "Copies of training volumes among synthetic ones, at a false-alarm rate of "
        f"{audit.rate:.2g} that {audit.holdout['subjects']} hold-out subjects set.",
        pd.DataFrame(rows),
        (COUNTED,),
    )


def planted_table(audit: Audit, verdict: Verdict) -> Table:
    """Return what became of planted copies, and what follows from it for a cohort."""
    rows = [
        {
            "disguise": d.name,
            "found": f"{d.found} of {d.planted}",
            "share": f"{d.low:.0%} to {d.high:.0%}",
            "least leak found": _leak(verdict.leaks[d.name], verdict.volumes),
            "not excluded": f"{verdict.not_excluded[d.name]} of {verdict.volumes}",
        }
        for d in audit.disguises
    ]
    several = len(audit.verdicts) > 1
    place = audit.verdicts.index(verdict) + 1
    return Table(
        f"audit-planted-{place}" if several else "audit-planted",
        f"Copies that were planted to see what is found{f', for {verdict.cohort}' if several else ''}.",
        pd.DataFrame(rows),
        (PLANTED,),
    )


def samples_table(audit: Audit) -> Table:
    """Return every synthetic volume with its evidence."""
    frame = audit.to_frame()
    shown = pd.DataFrame(
        {
            "cohort": frame["cohort"],
            "volume": frame["volume"],
            "like": frame["training"],
            "by": frame["space"],
            "score": frame["score"].map("{:.2f}".format),
            "p": frame["p"].map("{:.3g}".format),
            "flagged": frame["flagged"].map({True: "yes", False: ""}),
        }
    )
    return Table(
        "audit-samples",
        "Every synthetic volume, the most suspicious of each cohort first, with the training volume "
        "that it is like.",
        shown,
        ("p: how likely a new real volume is as suspicious; not corrected for several volumes.",),
        folded=True,
        data=frame,
    )


def _leak(leak: int | None, n: int) -> str:
    return "none" if leak is None else f"{leak} ({leak / n:.1%})"
