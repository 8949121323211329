"""Which files of a DICOM folder are the slices of one volume, and in which order."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence

import numpy as np
from jaxtyping import Float

from evalsuite.volumes.formats.dicom_header import Image
from evalsuite.volumes.formats.loaded import Problem

REGULAR = 0.02  # share of the usual step between slices by which a step may differ from it
NAMED = 3  # series or files named in a sentence before the rest is only counted


def sort_out(images: Sequence[Image]) -> tuple[list[Image], list[str]]:
    """Return the slices of the one stack in their order along it, and what was left out and why.

    Localizers, secondary captures, files without an image, and a single image that is not like
    the many others are left out. Whatever could be a second volume is refused.

    Raises:
        Problem: if they are no stack of slices, or more than one.
    """
    groups: dict[Hashable, list[Image]] = defaultdict(list)
    for image in images:
        groups[image.alike].append(image)
    stack, *others = sorted(groups.values(), key=_likely_first)
    first = stack[0]
    if not first.size:
        raise Problem(
            f"its DICOM files hold no image; the first is {first.path.name}: {first.kind}."
        )
    many = len(stack) > 1 or first.frames > 1
    rivals = [group for group in others if not (group[0].aside or (many and _single(group)))]
    if rivals or (len(stack) > 1 and first.frames > 1):
        raise Problem(_more_than_one([stack, *rivals]))
    if not many:
        raise Problem(
            "the folder holds a single DICOM file; expected one file for each slice, or one with "
            "many frames."
        )
    for image in (
        image for group in (stack, *others) for image in group if _same_kind(image, first)
    ):
        for what, known in (("position", image.position), ("orientation", image.orientation)):
            if not known and image.frames == 1:
                raise Problem(f"its slice {image.path.name} has no {what} in space.")
    if first.frames == 1:
        normal = np.cross(first.orientation[:3], first.orientation[3:])
        stack = sorted(stack, key=lambda image: float(normal @ image.position))
    left_out = [f"{i.path.name} ({_reason(i, first)})" for group in others for i in group]
    return stack, sorted(left_out)


def step_between(
    positions: Sequence[Sequence[float]], names: Sequence[str]
) -> Float[np.ndarray, "3"]:
    """Return the millimetres in LPS+ from one slice to the next.

    Raises:
        Problem: if the slices are not equally far apart.
    """
    steps = np.diff(np.array(positions), axis=0)
    usual = np.median(steps, axis=0)
    length = float(np.linalg.norm(usual))
    deviations = np.linalg.norm(steps - usual, axis=1)
    at = int(np.argmax(deviations))
    if length < 0.001 or deviations[at] > max(0.01, REGULAR * length):
        raise Problem(
            f"its slices are {length:.4g} mm apart, but {names[at]} and {names[at + 1]} "
            f"{np.linalg.norm(steps[at]):.4g} mm; a slice is missing or doubled. "
            "Export the series again."
        )
    mean: Float[np.ndarray, 3] = steps.mean(axis=0)
    return mean


def _likely_first(group: Sequence[Image]) -> tuple[bool, int]:
    return group[0].aside, -sum(image.frames for image in group)


def _single(group: Sequence[Image]) -> bool:
    return len(group) == 1 and group[0].frames == 1


def _same_kind(image: Image, other: Image) -> bool:
    return not image.aside and (image.series, image.kind) == (other.series, other.kind)


def _more_than_one(groups: Sequence[Sequence[Image]]) -> str:
    """Return what a folder holds whose images are no single stack."""
    images = [image for group in groups for image in group]
    series = Counter(image.series for image in images)
    if all(image.frames > 1 for image in images):
        names = _first([f"{image.path.name} ({image.frames} frames)" for image in images])
        return (
            f"the folder holds {len(images)} DICOM files that are volumes of many frames: {names}. "
            "Give each a folder of its own."
        )
    if len(series) == len(images):
        return (
            f"the folder holds {len(images)} DICOM files that are each a series of its own; "
            "expected one series of slices. If they are slices of one volume, as after an "
            "anonymisation file by file, give them one SeriesInstanceUID."
        )
    if len(series) > 1:
        names = _first([f"{uid} ({count} files)" for uid, count in sorted(series.items())])
        return (
            f"the folder holds {len(series)} DICOM series: {names}. Give each a folder of its own."
        )
    first, other = groups[0][0], groups[1][0]
    if first.kind == other.kind and first.size == other.size and first.spacing == other.spacing:
        return "its slices are not parallel; expected one stack of slices."
    return (
        f"its slices are not alike: {first.path.name} and {other.path.name} differ in size, "
        "spacing or kind; expected one stack of slices."
    )


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _reason(image: Image, first: Image) -> str:
    if image.localizer:
        return "localizer"
    if image.kind != first.kind:
        return image.kind
    if image.series != first.series:
        return "another series"
    return "another orientation" if image.size == first.size else "another size"
