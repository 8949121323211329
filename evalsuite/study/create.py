"""From a design to a study that readers can open: choose, prepare, audit, schedule, invite."""

import hashlib
import json
import os
import secrets
import shutil
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from evalsuite import extras
from evalsuite.errors import EvalsuiteError
from evalsuite.progress import Progress, silent
from evalsuite.seeds import sequence
from evalsuite.study.blinding.audit import Audit, audit
from evalsuite.study.blinding.cases import encode, prepare, remarks, resolve
from evalsuite.study.blinding.files import case_file, make_equally_long, packed
from evalsuite.study.home import Home
from evalsuite.study.order import fresh_seed, note_seed
from evalsuite.study.protocol.conditions import ASKED, asked_of_some, check_blinding
from evalsuite.study.protocol.design import StudyCohort, StudyDesign, write_design
from evalsuite.study.protocol.schedule import Slot, lone_readings, orders
from evalsuite.study.storage.study_database import StudyDatabase
from evalsuite.study.truth import CaseTruth, write_truth
from evalsuite.volumes.check import check_cohort
from evalsuite.volumes.cohort import Cohort, Entry, VolumeInfo
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.sources import read_cohort, table_of


@dataclass(frozen=True, slots=True)
class Created:
    """What the lead needs to know of a new study.

    Args:
        study: its name.
        cases: how many volumes were prepared.
        lead_secret: opens the lead's page; told once.
        invitations: by reader, the token that signs them in; told once.
        audit: whether trivial cues tell real from synthetic; None where there is one role only.
        warnings: of the cohorts, and how the preparation itself would mark or harm cases.
    """

    study: str
    cases: int
    lead_secret: str
    invitations: dict[str, str]
    audit: Audit | None
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Chosen:
    index: int  # within its cohort
    truth: CaseTruth  # what its prepared file is, is not yet known


def create(design: StudyDesign, home: Home, *, progress: Progress = silent) -> Created:
    """Prepare the cases of a study, audit their blinding, and enrol the readers.

    Everything is written beside its place and moved there at the end, so that a study that
    failed half-way leaves nothing behind.

    Args:
        design: of the study.
        home: where it goes.
        progress: of checking, preparing and auditing.

    Raises:
        EvalsuiteError: if the study exists already, a cohort cannot be used or is too small.
    """
    extras.require("analysis", purpose="Preparing the cases of a study")
    database = StudyDatabase(home.database, upgrade=True)
    if design.name in database.studies() or home.cases(design.name).exists():
        raise EvalsuiteError(
            f"There is a study {design.name} in {home.app.parent} already. "
            "Give the new one another name."
        )
    cohorts = {}
    for declared in design.cohorts:
        cohort = read_cohort(declared.path, name=declared.name, role=declared.role)
        _refuse_outside(cohort)
        with progress(f"checking {declared.name}", len(cohort.entries)) as advance:
            cohorts[declared.name] = check_cohort(cohort, advance=advance)
    chosen = [c for declared in design.cohorts for c in _choose(design, declared, cohorts)]
    seed, of_cases = fresh_seed(), [c.truth for c in chosen]
    slots = orders(design, of_cases, seed)
    asked = asked_of_some(design, of_cases)
    hints = [*check_blinding(design, of_cases, asked), *lone_readings(slots)]
    steps, warnings = _steps(design, cohorts, chosen)
    # The order of the files on disk must not tell the cohorts apart.
    np.random.default_rng([seed, 1]).shuffle(chosen)
    part = home.cases(design.name).with_name(f".{design.name}.part")
    lead = home.lead / design.name
    lead_part = lead.with_name(f".{design.name}.part")
    for folder in (part, lead_part):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    try:
        with progress("preparing cases", len(chosen)) as advance:
            truths = [_prepare(c, cohorts, steps, part, advance) for c in chosen]
        make_equally_long([case_file(part, truth.case) for truth in truths])
        blinding = _audited(design, truths, part, progress)
        write_truth(lead_part / "truth.tsv", truths)
        note_seed(lead_part, seed)
        if blinding:
            (lead_part / "audit.json").write_text(json.dumps(asdict(blinding), indent=1) + "\n")
        write_design(design, lead_part / "design.yaml")
        part.replace(home.cases(design.name))
        lead_part.replace(lead)
    except BaseException:
        for folder in (part, lead_part, home.cases(design.name), lead):
            shutil.rmtree(folder, ignore_errors=True)
        raise
    try:
        secret, invitations = _enrol(database, design, truths, slots, asked)
    except BaseException:
        for folder in (home.cases(design.name), lead):
            shutil.rmtree(folder, ignore_errors=True)
        raise
    of_cohorts = tuple(f"{c.name}: {warning}" for c in cohorts.values() for warning in c.warnings)
    return Created(
        design.name, len(truths), secret, invitations, blinding, (*of_cohorts, *hints, *warnings)
    )


def _refuse_outside(cohort: Cohort) -> None:
    """Refuse a table that names files outside its own folder: a typing error, or worse."""
    named = table_of(cohort.source)
    if named is None:
        return
    table, _ = named
    root = os.path.abspath(table.parent)  # noqa: PTH100 - links may lead out, names may not
    for entry in cohort.entries:
        if os.path.commonpath([root, os.path.abspath(entry.path)]) != root:  # noqa: PTH100
            raise EvalsuiteError(
                f"{table}: {entry.id} lies outside the folder of the table. Put the table into a "
                "folder that holds all of its volumes."
            )


def _steps(
    design: StudyDesign, cohorts: dict[str, Cohort], chosen: Sequence[_Chosen]
) -> tuple[Preprocessing, tuple[str, ...]]:
    """Return the preparation that fits all chosen cases, and what it does to some of them."""
    infos: dict[str, list[VolumeInfo]] = {"real": [], "synthetic": []}
    for case in chosen:
        infos[case.truth.role].append(cohorts[case.truth.cohort].infos[case.index])
    reference = infos["real"] or infos["synthetic"]
    steps = resolve(design.preparation, reference, infos["synthetic"])
    if not (infos["real"] and infos["synthetic"]):
        return steps, ()
    return steps, remarks(steps, infos["real"], infos["synthetic"])


def _audited(
    design: StudyDesign, truths: Sequence[CaseTruth], folder: Path, progress: Progress
) -> Audit | None:
    if len({truth.role for truth in truths}) < 2:
        return None
    with progress("auditing the blinding", len(truths)) as advance:
        return audit(
            {t.case: case_file(folder, t.case) for t in truths},
            {t.case: t.role == "synthetic" for t in truths},
            subjects={t.case: t.subject for t in truths},
            seed=design.seed,
            advance=advance,
        )


def _choose(
    design: StudyDesign, declared: StudyCohort, cohorts: dict[str, Cohort]
) -> list[_Chosen]:
    """Draw reading and training cases of a cohort, the same share of each stratum.

    Subjects are drawn, each with all its volumes or as many as the design allows; that which is
    one too many loses some. Nobody who is read is trained on.
    """
    cohort = cohorts[declared.name]
    # Another cohort changes nobody's cases.
    random = np.random.default_rng(sequence(design.seed, 0, declared.name))
    subjects = defaultdict(list)
    for index, subject in enumerate(cohort.subjects):
        subjects[subject].append(index)
    strata = defaultdict(list)
    for volumes in subjects.values():
        strata[_stratum(declared, cohort.entries[volumes[0]])].append(volumes)
    ranked = []
    for _, of_stratum in sorted(strata.items()):
        for place, subject in enumerate(random.permutation(len(of_stratum)).tolist()):
            # Taking the lowest places keeps each stratum's share of the cohort.
            rank = (place + random.random()) / len(of_stratum)
            ranked.append((rank, of_stratum[subject]))
    ranked.sort()
    wanted = {"reading": declared.cases, "training": design.training}
    chosen: list[_Chosen] = []
    left = iter(ranked)
    for phase, count in wanted.items():
        drawn: list[int] = []
        while len(drawn) < count:
            _, volumes = next(left, (0.0, []))
            if not volumes:
                raise EvalsuiteError(_too_small(declared, cohort, design.training))
            most = min(len(volumes), declared.per_subject or len(volumes), count - len(drawn))
            if most < len(volumes):
                volumes = random.permutation(volumes)[:most].tolist()
            drawn += volumes
        for index in drawn:
            entry = cohort.entries[index]
            truth = CaseTruth(
                case=secrets.token_hex(12),
                phase=phase,
                cohort=cohort.name,
                role=cohort.role,
                stratum=_stratum(declared, entry),
                volume=entry.id,
                source=str(entry.location),
                digest=cohort.infos[index].digest,
                prepared="",
                subject=entry.subject or "",
            )
            chosen.append(_Chosen(index, truth))
    return chosen


def _too_small(declared: StudyCohort, cohort: Cohort, training: int) -> str:
    subjects = len(set(cohort.subjects))
    of = f" of {subjects} subjects" if subjects < len(cohort.entries) else ""
    return (
        f"{declared.path}: {declared.name} has {len(cohort.entries)} volumes{of}, but the design "
        f"asks for {declared.cases} cases and {training} for training"
        f"{', all of other subjects' if of else ''}. Ask for fewer."
    )


def _stratum(declared: StudyCohort, entry: Entry) -> str:
    column = declared.stratify_by
    if column is None:
        return ""
    if column not in entry.covariates:
        raise EvalsuiteError(
            f'{declared.path}: {entry.id} has no "{column}" to stratify by. Name a table with that '
            "column as the cohort, or leave out stratify_by."
        )
    return entry.covariates[column]


def _prepare(
    chosen: _Chosen,
    cohorts: dict[str, Cohort],
    steps: Preprocessing,
    folder: Path,
    advance: Callable[[], None],
) -> CaseTruth:
    truth = chosen.truth
    assert not isinstance(steps.spacing, str)  # noqa: S101
    volume = cohorts[truth.cohort].entries[chosen.index].read()
    content = encode(prepare(volume, steps), steps.spacing)
    case_file(folder, truth.case).write_bytes(packed(content))
    advance()
    return replace(truth, prepared=hashlib.sha256(content).hexdigest())


def _enrol(
    database: StudyDatabase,
    design: StudyDesign,
    truths: Sequence[CaseTruth],
    slots: Mapping[str, Sequence[Slot]],
    asked: Mapping[str, Sequence[str]],
) -> tuple[str, dict[str, str]]:
    """Write the study to the database; the app learns of no cohort, source or truth."""
    feedback = {
        t.case: "This volume is real." if t.role == "real" else "This volume is synthetic."
        for t in truths
        if t.phase == "training"
    }
    return database.create_study(
        design.name,
        design.public() | ({ASKED: dict(asked)} if asked else {}),
        design.hash,
        {t.case: t.prepared for t in truths},
        feedback,
        slots,
    )
