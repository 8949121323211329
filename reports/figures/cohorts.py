"""What the volumes look like: mid-slices of each cohort, and the look of a cohort in figures."""

from dataclasses import dataclass
from itertools import cycle, product

from matplotlib.figure import Figure

from evalsuite.records import Evaluation, Evidence
from reports.figures.canvas import GREY, INSIDE, TILE_GAP, Canvas, empty
from reports.figures.drawing import Drawing
from reports.figures.letters import SMALL, TITLE, shortened
from reports.figures.tiles import EDGES, PLANES, extent, show, window, write

# Okabe and Ito's colours, which colour-blind readers tell apart, without the pale yellow.
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("^", "s", "D", "v", "P", "X", "*")  # one more than colours: 42 pairs before a repeat

TALLEST, LARGEST_TILE = 11.0, 1.6  # inches of all tiles and of one
BESIDE = 0.2  # for the names of the planes


@dataclass(frozen=True, slots=True)
class Look:
    """How one cohort is drawn in every figure: a colour and, for print in grey, a marker."""

    colour: str
    marker: str


def looks(evaluation: Evaluation) -> dict[str, Look]:
    """Return the look of every cohort of an evaluation by name; the real one is black circles."""
    pairs = zip(cycle(COLOURS), cycle(MARKERS), strict=False)
    synthetic = {c.name: Look(*pair) for c, pair in zip(evaluation.synthetic, pairs, strict=False)}
    return {evaluation.real.name: Look("#000000", "o"), **synthetic}


def cohorts(evaluation: Evaluation, evidence: Evidence) -> Figure:
    """Draw the middle slices of the first volumes of each cohort, one column per volume.

    Radiological orientation: the patient's right is on the left of axial and coronal slices, the
    front on the left of sagittal ones. All tiles share one scale in millimetres and one grey
    window, the 0.5th to 99.5th percentile of the real slices, so that a cohort that is too dark,
    too bright or too small looks it.
    """
    everyone = (evaluation.real, *evaluation.synthetic)
    shown = [c for c in everyone if evidence.slices.get(c.name)]
    if not shown:
        return empty("No slices were kept.")
    all_slices = [s for cohort in shown for s in evidence.slices[cohort.name]]
    limits = window(evidence.slices.get(evaluation.real.name) or all_slices)
    # Millimetres that the widest slice takes, and the tallest slice of each plane.
    width = max(extent(s, p)[0] for s in all_slices for p in PLANES)
    heights = {p: max(extent(s, p)[1] for s in all_slices) for p in PLANES}
    columns = max(len(evidence.slices[cohort.name]) for cohort in shown)
    scale = min(  # inches per millimetre
        (INSIDE - BESIDE - columns * TILE_GAP) / (columns * width),
        TALLEST / (len(shown) * sum(heights.values())),
        LARGEST_TILE / max(width, *heights.values()),
    )
    canvas, figure_looks = Canvas(), looks(evaluation)
    for cohort in shown:
        label = f"{shortened(cohort.name, INSIDE / 2, TITLE)} (n = {len(cohort.volumes)})"
        canvas.words(label, TITLE, figure_looks[cohort.name].colour)
        mid_slices = evidence.slices[cohort.name]
        sizes = [width * scale] * len(mid_slices), [height * scale for height in heights.values()]
        for axes, (plane, slices) in zip(
            canvas.tiles(*sizes), product(PLANES, mid_slices), strict=True
        ):
            show(axes, getattr(slices, plane), extent(slices, plane), limits)
            axes.set_xlim(-width / 2, width / 2)
            axes.set_ylim(-heights[plane] / 2, heights[plane] / 2)
            if slices is mid_slices[0]:
                write(axes, *EDGES[plane])
                axes.set_ylabel(plane, fontsize=SMALL, color=GREY)
    length = max((n for n in (1, 2, 5, 10, 20, 50, 100) if n <= width / 3), default=width / 3)
    canvas.rule(length * scale, f"{length:g} mm")
    canvas.words(
        f"Middle slices of the first {columns} volumes of each cohort, in order, all on one scale."
        " Radiological orientation: R, patient's right; A, front; S, up. One grey window for all:"
        f" {limits[0]:.3g} to {limits[1]:.3g} (0.5th to 99.5th percentile of the real slices)."
    )
    return canvas.finish()


FIGURE = Drawing(
    cohorts,
    "overview",
    "Middle slices of the first volumes of each cohort, in radiological orientation (R: the "
    "patient's right), all on one scale and with one grey window.",
)
