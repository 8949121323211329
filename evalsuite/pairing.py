"""Which real volume each synthetic one is to equal, for generators that translate or restore."""

from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from evalsuite.errors import EvalsuiteError
from evalsuite.records import Caveat
from evalsuite.volumes.cohort import Cohort, Entry, enumerated
from evalsuite.volumes.preprocessing import Preprocessing

BY_ITSELF = Caveat(
    "scaled-by-itself",
    "The intensities of each volume were scaled by its own ({kind}): what differs in brightness or "
    "contrast between the volumes of a pair is hidden, and PSNR and SSIM are those of other images. "
    "Leave preprocessing.intensity out to compare them as they are.",
    "cohort",
)


def all_pairs(
    real: Cohort, synthetic: Sequence[Cohort], by: str | None
) -> dict[str, tuple[int, ...]]:
    """Return the pairs of each synthetic cohort by its name; nothing where none were asked for."""
    return {} if by is None else {cohort.name: pairs(real, cohort, by) for cohort in synthetic}


def pairs(real: Cohort, synthetic: Cohort, by: str) -> tuple[int, ...]:
    """Return the place of the real volume that goes with each synthetic one.

    Several synthetic volumes may go with one real one, as samples of it do.

    Args:
        real, synthetic: checked.
        by: `file`, the name of the file without its endings; `subject`; or a column of both tables.

    Raises:
        EvalsuiteError: naming the volumes of which either side has none, or the real one several.
    """
    places = _places(real, by)
    wanted = [_key(by)(synthetic, entry) for entry in synthetic.entries]
    strangers = [
        e.id for e, own in zip(synthetic.entries, wanted, strict=True) if own not in places
    ]
    left = [real.entries[place].id for own, place in places.items() if own not in set(wanted)]
    told = []
    if strangers:
        told.append(
            f"{_count(strangers)} of {synthetic.name} without a real one: {enumerated(strangers)}"
        )
    if left:
        told.append(f"{_count(left)} of {real.name} without a synthetic one: {enumerated(left)}")
    if told:
        raise EvalsuiteError(
            f"--paired {by}: {'; '.join(told)}. Remove them, or name what pairs them: file, subject "
            "or a column of both tables."
        )
    return tuple(places[own] for own in wanted)


def masks_of(real: Cohort, masks: Cohort, by: str) -> list[Path]:
    """Return the file with the mask of each real volume, which is found as pairs are.

    Args:
        masks: listed, not read.
        by: as for `pairs`.

    Raises:
        EvalsuiteError: naming volumes without a mask, masks without a volume, and several masks of
            one volume; for masks that are images of 4D files.
    """
    if any(entry.image is not None for entry in masks.entries):
        raise EvalsuiteError(
            f"--masks {masks.source}: a mask is a file of its own. Split the 4D files, and name "
            "those with the masks."
        )
    places = _places(real, by)
    files: dict[int, Path] = {}
    strangers, others = [], []
    for entry in masks.entries:
        place = places.get(_key(by)(masks, entry))
        if place is None:
            strangers.append(entry.id)
        elif place in files:
            others.append(entry.id)
        else:
            files[place] = entry.path
    left = [entry.id for place, entry in enumerate(real.entries) if place not in files]
    told = [
        f"{what}: {enumerated(names)}"
        for what, names in (
            (f"no mask for {_count(left)} of {real.name}", left),
            ("masks of no volume", strangers),
            ("masks of a volume that has one already", others),
        )
        if names
    ]
    if told:
        raise EvalsuiteError(
            f"--masks {masks.source}: {'; '.join(told)}. Masks are found as pairs are, by {by}."
        )
    return [files[place] for place in range(len(real.entries))]


def _places(real: Cohort, by: str) -> dict[str, int]:
    """Return the place of each real volume by what names it."""
    key = _key(by)
    places: dict[str, int] = {}
    for place, entry in enumerate(real.entries):
        own = key(real, entry)
        if own in places:
            raise EvalsuiteError(
                f"--paired {by}: {real.entries[places[own]].id} and {entry.id} of {real.name} are "
                f'both "{own}". Pair by what each real volume has alone, such as --paired file.'
            )
        places[own] = place
    return places


def doubts(steps: Preprocessing) -> list[Caveat]:
    """Return why pairs after these steps are doubtful."""
    kind = steps.intensity.kind
    return [BY_ITSELF(kind=kind)] if kind in {"percentile", "minmax", "zscore"} else []


def refuse_moved_regions(steps: Preprocessing) -> None:
    """Raise EvalsuiteError for steps that leave the label maps of real volumes elsewhere."""
    kept = {"orientation": "RAS", "spacing": "native", "shape": "native", "trim": False, "pool": 1}
    moved = [name for name, value in kept.items() if getattr(steps, name) != value]
    if moved:
        raise EvalsuiteError(
            f"preprocessing.{moved[0]} moves the voxels of the volumes off their label maps or masks, "
            "in which pairs are compared. Leave it out, or leave out --real-labels and --masks."
        )


def _count(names: list[str]) -> str:
    return f"{len(names)} volume{'s' if len(names) > 1 else ''}"


def _key(by: str) -> Callable[[Cohort, Entry], str]:
    if by == "file":
        return lambda _, entry: PurePosixPath(entry.id).name.partition(".")[0]

    def of_table(cohort: Cohort, entry: Entry) -> str:
        value = entry.subject if by == "subject" else entry.covariates.get(by)
        if not value:
            raise EvalsuiteError(
                f'--paired {by}: {entry.id} of {cohort.name} has no "{by}". Name a table with that '
                "column for it, or pair by file."
            )
        return value

    return of_table
