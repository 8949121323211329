"""From a design to a study that readers can open: choose, prepare, audit, schedule, invite."""

import hashlib
import json
import os
import secrets
import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from evalsuite.errors import EvalsuiteError
from evalsuite.progress import Progress, silent
from evalsuite.seeds import sequence
from evalsuite.study.blinding.audit import Audit, audit
from evalsuite.study.blinding.cases import encode, prepare, remarks, resolve
from evalsuite.study.blinding.files import case_file, make_equally_long, packed
from evalsuite.study.home import Home
from evalsuite.study.order import fresh_seed, note_seed
from evalsuite.study.protocol.design import StudyCohort, StudyDesign, write_design
from evalsuite.study.protocol.schedule import schedule
from evalsuite.study.storage.study_database import StudyDatabase
from evalsuite.study.truth import CaseTruth, by_phase, write_truth
from evalsuite.volumes.check import check_cohort
from evalsuite.volumes.cohort import Cohort, VolumeInfo
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.sources import read_cohort


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
    cohort: StudyCohort
    index: int
    stratum: str
    phase: str


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
    steps, warnings = _steps(design, cohorts, chosen)
    seed = fresh_seed()
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
        secret, invitations = _enrol(database, design, truths, seed)
    except BaseException:
        for folder in (home.cases(design.name), lead):
            shutil.rmtree(folder, ignore_errors=True)
        raise
    of_cohorts = tuple(f"{c.name}: {warning}" for c in cohorts.values() for warning in c.warnings)
    return Created(
        design.name, len(truths), secret, invitations, blinding, (*of_cohorts, *warnings)
    )


def _refuse_outside(cohort: Cohort) -> None:
    """Refuse a table that names files outside its own folder: a typing error, or worse."""
    table = Path(cohort.source)
    if not table.is_file():
        return
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
        infos[case.cohort.role].append(cohorts[case.cohort.name].infos[case.index])
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
    """Draw training and reading cases of a cohort, the same share of each stratum."""
    cohort = cohorts[declared.name]
    wanted = declared.cases + design.training
    if len(cohort.entries) < wanted:
        raise EvalsuiteError(
            f"{declared.path}: {declared.name} has {len(cohort.entries)} volumes, but the design "
            f"asks for {declared.cases} cases and {design.training} for training. Ask for fewer."
        )
    # Another cohort changes nobody's cases.
    random = np.random.default_rng(sequence(design.seed, 0, declared.name))
    strata = defaultdict(list)
    for index, entry in enumerate(cohort.entries):
        strata[_stratum(declared, entry.covariates, entry.id)].append(index)
    ranked = []
    for stratum, indices in sorted(strata.items()):
        for place, index in enumerate(random.permutation(indices).tolist()):
            # Taking the lowest places keeps each stratum's share of the cohort.
            ranked.append(((place + random.random()) / len(indices), index, stratum))
    ranked.sort()
    phases = ["reading"] * declared.cases + ["training"] * design.training
    return [
        _Chosen(declared, index, stratum, phase)
        for (_, index, stratum), phase in zip(ranked, phases, strict=False)
    ]


def _stratum(declared: StudyCohort, covariates: dict[str, str], volume: str) -> str:
    column = declared.stratify_by
    if column is None:
        return ""
    if column not in covariates:
        raise EvalsuiteError(
            f'{declared.path}: {volume} has no "{column}" to stratify by. Name a table with that '
            "column as the cohort, or leave out stratify_by."
        )
    return covariates[column]


def _prepare(
    chosen: _Chosen,
    cohorts: dict[str, Cohort],
    steps: Preprocessing,
    folder: Path,
    advance: Callable[[], None],
) -> CaseTruth:
    cohort = cohorts[chosen.cohort.name]
    entry, info = cohort.entries[chosen.index], cohort.infos[chosen.index]
    case = secrets.token_hex(12)
    assert not isinstance(steps.spacing, str)  # noqa: S101
    content = encode(prepare(entry.read(), steps), steps.spacing)
    case_file(folder, case).write_bytes(packed(content))
    advance()
    return CaseTruth(
        case=case,
        phase=chosen.phase,
        cohort=cohort.name,
        role=cohort.role,
        stratum=chosen.stratum,
        volume=entry.id,
        source=str(entry.path),
        digest=info.digest,
        prepared=hashlib.sha256(content).hexdigest(),
        subject=entry.subject or "",
    )


def _enrol(
    database: StudyDatabase, design: StudyDesign, truths: Sequence[CaseTruth], seed: int
) -> tuple[str, dict[str, str]]:
    """Write the study to the database; the app learns of no cohort, source or truth."""
    feedback = {
        t.case: "This volume is real." if t.role == "real" else "This volume is synthetic."
        for t in truths
        if t.phase == "training"
    }
    cases = by_phase(truths)
    return database.create_study(
        design.name,
        design.public(),
        design.hash,
        {t.case: t.prepared for t in truths},
        feedback,
        {reader: schedule(design, cases, reader, seed=seed) for reader in design.readers},
    )
