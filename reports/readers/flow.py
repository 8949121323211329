"""The flow of readers, cases and readings: who was to read what, and what the numbers rest on."""

from collections.abc import Sequence

import pandas as pd

from evalsuite.caveats import enumerated
from evalsuite.statistics.behaviour import first_readings
from evalsuite.study.export import ALLOTTED
from reports.document import Picture
from reports.figures.flow import Lane, flow
from reports.readers.shown import counted
from reports.sources import StudyData


def flow_picture(study: StudyData) -> Picture:
    """Return the flow of a study that somebody has read, as a figure."""
    lanes = [_readers(study), _cases(study), _readings(study)]
    return Picture(
        "flow",
        "Flow of readers, cases and readings: planned, read, and what the numbers rest on.",
        flow(lanes),
        " ".join(f"{lane.name}: {_told(lane)}." for lane in lanes),
    )


def answers_wanted(study: StudyData) -> pd.DataFrame:
    """Return the last answer to each question of each reading, given or not, without remarks."""
    last = study.table.sort_values("revision", kind="stable").drop_duplicates(
        ["reader", "position", "question"], keep="last"
    )
    last = last[(last["phase"] == "reading") & (last["scale"] != "none")]
    return last.assign(given=last["answer"].notna() & (last["answer"].astype(str) != ""))


def not_done(study: StudyData) -> tuple[int, int]:
    """Return how many cases that fell to a reader who has answered something have no row at all.

    Returns:
        Of first showings, and of hidden repeats.
    """
    pairs = _pairs(study)
    once = pairs.drop_duplicates(["reader", "shown"])
    readers = map(str, once["reader"].unique())
    allotted = _allotted(study, int(once["shown"].nunique()))
    first = sum(allotted.get(reader, 0) for reader in readers) - len(once)
    planned = _planned(study)
    return first, max(planned - len(pairs) - first, 0) if planned else 0


def told_not_done(study: StudyData) -> str:
    """Return how many readings did not take place, and how many of them were repeats; or nothing."""
    first, again = not_done(study)
    repeats = f", {again} of them of hidden repeats," if again else ""
    return (
        f"{counted(first + again, 'reading')}{repeats} did not take place" if first + again else ""
    )


def ends_of(counts: "pd.Series[int]") -> str:
    """Return the one count, or the least and the largest."""
    low, high = int(counts.min()), int(counts.max())
    return f"{low}" if low == high else f"{low} to {high}"


def _pairs(study: StudyData) -> pd.DataFrame:
    """Return the readings; which case of a pair stands on the left differs between readers."""
    first = first_readings(study.table)
    return first.assign(shown=["|".join(sorted(str(c).split("|"))) for c in first["case"]])


def _readers(study: StudyData) -> Lane:
    invited = [str(name) for name in study.design.get("readers") or ()]
    known = (*study.readers, *study.left_out)
    everyone = list(dict.fromkeys([*invited, *known]))
    silent = [name for name in everyone if name not in known]
    later = f" ({len(study.later)} of them later)" if study.later else ""
    return Lane(
        "Readers",
        (
            f"{len(everyone)} enrolled{later}",
            f"{len(known)} read",
            f"{len(study.readers)} analysed",
        ),
        (
            f"{len(silent)} answered nothing" if silent else "",
            f"{len(study.left_out)} left out as asked" if study.left_out else "",
        ),
    )


def _cases(study: StudyData) -> Lane:
    noun = "pair" if study.design.get("paired") else "case"
    pairs, readers = _pairs(study), len(study.readers)
    each = pairs.groupby("shown")["reader"].nunique()
    cohorts = study.design.get("cohorts") or ()
    drawn = [f"{cohort['cases']} {cohort['name']}" for cohort in cohorts]
    all_drawn = 0 if noun == "pair" else sum(int(cohort["cases"]) for cohort in cohorts)
    first = f"{all_drawn} drawn: {', '.join(drawn)}" if all_drawn else "drawn at random"
    lost = f"{all_drawn - len(each)} never read" if all_drawn > len(each) else ""
    rule = study.design.get("allocation") or {}
    by_whom = (
        f"{int((each == readers).sum())} by all readers"
        if rule.get("scheme", "full") == "full"
        else f"each by {ends_of(each)} of {readers} readers"
    )
    answered = set(answers_wanted(study).query("given")["case"].astype(str))
    analysed = {shown for case, shown in zip(pairs["case"], pairs["shown"], strict=True)
                if str(case) in answered}  # fmt: skip
    return Lane(
        f"{noun.capitalize()}s",
        (
            first,
            f"{counted(len(each), noun)}, {by_whom}",
            f"{len(analysed)} analysed",
        ),
        (lost, f"{len(each) - len(analysed)} without answers" if len(each) > len(analysed) else ""),
    )


def _readings(study: StudyData) -> Lane:
    pairs = _pairs(study)
    done, repeats = len(pairs), int(pairs["repeat_of"].notna().sum())
    wanted = answers_wanted(study)
    given = int(wanted["given"].sum())
    with_answers = len(wanted[wanted["given"]].drop_duplicates(["reader", "position"]))
    of_repeats = f", {repeats} of them hidden repeats" if repeats else ""
    planned = _planned(study)
    return Lane(
        "Readings",
        (
            f"{planned} planned" if planned else "as scheduled",
            f"{done} done{of_repeats}",
            f"{with_answers} with {given} answers",
        ),
        (
            f"{planned - done} not done" if planned > done else "",
            f"{len(wanted) - given} of {len(wanted)} answers not given"
            if given < len(wanted)
            else "",
        ),
    )


def _planned(study: StudyData) -> int:
    """Return how many readings the design foresees of these readers; 0 where it does not tell."""
    cohorts = study.design.get("cohorts") or ()
    if study.design.get("paired") or not cohorts:
        return 0
    each = _allotted(study, sum(int(cohort["cases"]) for cohort in cohorts))
    return sum(each.values()) + len(each) * int(study.design.get("repeats") or 0)


def _allotted(study: StudyData, everything: int) -> dict[str, int]:
    """Return how many cases fell to each reader who has answered something.

    An export of before tells nothing of what fell to whom, and then all cases fall to everyone.
    """
    told = study.told_of_readers(ALLOTTED)
    return {name: int(float(told.get(name, everything))) for name in study.readers}


def _told(lane: Lane) -> str:
    """Return the lane in words."""
    steps: list[str] = []
    losses: Sequence[str] = ("", *lane.lost)
    for box, loss in zip(lane.boxes, losses, strict=True):
        steps += [text for text in (loss, box) if text]
    return enumerated(steps)
