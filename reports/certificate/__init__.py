"""What metrics see on the user's own volumes: the page, and the chapter, of a certificate."""

from evalsuite.caveats import enumerated
from evalsuite.certificate import ALPHA, POWER, Certificate, Fault, Judged, Trial
from reports.certificate.tables import named, power_table, seen_table, size_table
from reports.document import Answer, Block, Notice, Picture, Report, Section, Text
from reports.figures.certificate import matrix

NAME, TITLE = "certificate", "Can the metrics be trusted on these volumes?"
LIMITS = (
    "A fault that was not planted is not judged, and those of a generator come together. Power is of "
    "these volumes, this preprocessing and these extractors alone."
)


def certificate_report(certificate: Certificate) -> Report:
    """Return the page of one certificate."""
    real = certificate.real
    return Report(
        title=f"What metrics see on {real['name']}",
        answers=tuple(certificate_answers(certificate)),
        sections=tuple(certificate_sections(certificate)),
        record=certificate_record(certificate),
    )


def certificate_answers(certificate: Certificate) -> list[Answer]:
    """Return what who reads nothing else has to read."""
    return [
        Answer("Faults seen", (Text((_seen(certificate),)),)),
        Answer("Faults missed", (Text((_missed(certificate), *_rewarded(certificate))),)),
        Answer("Limits of certificates", (Text((LIMITS,)),)),
    ]


def certificate_record(certificate: Certificate) -> dict[str, str]:
    """Return what decides the numbers of a certificate."""
    protocol = certificate.record["protocol"]
    return {
        "real volumes (SHA-256 of the cohort)": certificate.real["fingerprint"],
        "protocol": protocol["name"] if protocol else "none",
        "extractors": ", ".join(certificate.record["extractors"]),
        "metrics": ", ".join(certificate.record["metrics"]),
        "halvings": f"{certificate.splits}, faults in {certificate.planted}",
        "seed": str(certificate.seed),
        "certificate made": f"{certificate.created}, evalsuite {certificate.evalsuite}",
    }


def certificate_sections(certificate: Certificate) -> list[Section]:
    """Return the chapter on one certificate."""
    blocks: tuple[Block, ...] = (
        Text((_how(certificate), _read(certificate))),
        *([Notice(_left_out(certificate))] if certificate.left_out else []),
        Picture(
            "certificate-matrix",
            "Power of every number to see every fault, severities from left to right: the share of "
            f"{certificate.planted} random halvings in which the half with the fault scores worse "
            f"than {1 - ALPHA:.0%} of halves without.",
            matrix(certificate),
            "A matrix of numbers against faults; the table below tells the same in words.",
        ),
        seen_table(certificate),
        size_table(certificate),
    )
    return [Section(NAME, TITLE, blocks, (power_table(certificate),))]


def _how(certificate: Certificate) -> str:
    real, (volumes, subjects) = certificate.real, certificate.half
    drawn = f"{real['drawn']} of {real['volumes']}" if real["drawn"] < real["volumes"] else "all"
    return (
        f"Real volumes of {real['name']} ({drawn}, {real['subjects']} subjects) were split "
        f"{certificate.splits} times at random by subject into halves of about {volumes:.0f} volumes "
        f"({subjects:g} subjects), and every metric was computed of one half against the other. What "
        f"{ALPHA:.0%} of these values are worse than is the limit: chance alone passes it in {ALPHA:.0%}. "
        f"Then faults were planted in the second half of {certificate.planted} of the splits."
    )


def _read(certificate: Certificate) -> str:
    return (
        f"A fault is seen from the severity at and above which the metric is worse than the limit in "
        f"{POWER:.0%} of these splits or more. All of it is for {certificate.half[0]:.0f} volumes against "
        "as many: with more, smaller faults are seen. Halvings of one cohort share its subjects, so "
        "they say what other subjects of the same kind would show, less surely the fewer there are."
    )


def _seen(certificate: Certificate) -> str:
    """Return the faults that some number sees at once, each with the best one."""
    told = []
    for fault in certificate.faults:
        found = [
            (j, t.seen_from) for j, t in _trials(certificate, fault) if t.seen_from is not None
        ]
        if found:
            judged, level = min(found, key=lambda pair: (pair[1], -pair[0].least))
            told.append(f"{_low(fault)} from {_severity(fault, level)} ({named(judged)})")
    return (
        f"At {certificate.half[0]:.0f} against {certificate.half[0]:.0f} volumes some metric sees "
        f"{'; '.join(told)}."
        if told
        else "No metric sees any of the faults."
    )


def _missed(certificate: Certificate) -> str:
    """Return the faults that no number sees at their greatest severity."""
    told = [
        f"{_low(fault)} ({_severity(fault, fault.levels[-1])})"
        for fault in certificate.faults
        if all(t.seen_from is None for _, t in _trials(certificate, fault))
    ]
    return (
        f"Seen by none, even at the greatest severity tried: {'; '.join(told)}."
        if told
        else "Every fault is seen by some metric at its greatest severity."
    )


def _rewarded(certificate: Certificate) -> list[str]:
    told = []
    for fault in certificate.faults:
        found = [named(j) for j, t in _trials(certificate, fault) if t.rewarded]
        if found:
            told.append(f"{_low(fault)} by {enumerated(found)}")
    return [f"Rewarded, so that the number gets better: {'; '.join(told)}."] if told else []


def _left_out(certificate: Certificate) -> tuple[str, ...]:
    return tuple(f"Nothing is said of {name}: {why}." for name, why in certificate.left_out.items())


def _trials(certificate: Certificate, fault: Fault) -> list[tuple[Judged, Trial]]:
    return [(j, t) for j in certificate.judged for t in j.trials if t.fault == fault.name]


def _severity(fault: Fault, level: float) -> str:
    unit = fault.unit.removeprefix("share of ")
    return f"{fault.told(level)} of {unit}" if unit != fault.unit else f"{fault.told(level)} {unit}"


def _low(fault: Fault) -> str:
    return f"{fault.title[0].lower()}{fault.title[1:]}"
