"""What a leaking cue means, and what the lead of a study does about it."""

# By a part of the name, and in the order in which one fault explains others: what is padded or
# mirrored lies elsewhere too, and a mark changes the extremes of the intensities.
ADVICE = {
    "header": "Prepare all cases of the study anew, in one go, so that they get one header.",
    "file size": "All cases must have one matrix and one data type: prepare them in one go.",
    "constant rim": (
        "One cohort is padded. Choose a matrix that every case fills (leave out the shape)."
    ),
    "side of the asymmetry": (
        "One cohort is mirrored along this axis, or its sides are mixed: compare the orientation "
        "in the headers of both with what the pictures show, and correct the wrong one."
    ),
    "position": (
        "The anatomy lies elsewhere in the matrix. Crop or register both cohorts by one rule "
        "before the study, and compare where their generator and scanner put it."
    ),
    "a mark": (
        "Look there in some of these cases: burnt-in text, a dead voxel or row, a seam of slices or "
        "patches. Mend or mask it in the source, or choose a matrix that cuts it off."
    ),
    "strength of details": (
        "One cohort was interpolated, filtered or acquired coarser along this axis than along the "
        "others. Name a spacing as coarse as the coarser cohort's along it, so that all are alike."
    ),
    "missing grey levels": (
        "One cohort was stored in fewer levels. Export it anew with more bits, or prepare all "
        "cases anew with this suite, which fills gaps between levels."
    ),
    "comb in the grey levels": (
        "One cohort was stored in other steps. Export it anew with more bits, or prepare all "
        "cases anew with this suite, which fills gaps between levels."
    ),
    "share of zeros on the rim": (
        "One cohort is padded, masked, or has air at its rim. Choose a smaller matrix that every "
        "case fills."
    ),
    "step at the rim": (
        "The outermost layers look made, as by padding, repeated or fading slices. Choose a "
        "matrix some voxels smaller, which cuts them off."
    ),
    "share of exact zeros": (
        "Backgrounds differ: one is masked or padded, the other not. Mask both alike, choose a "
        "matrix that every case fills, or raise the low end of the intensity rule for all."
    ),
    "share of the lowest intensity": (
        "Backgrounds differ: one is masked or clipped, the other not. Mask both alike, or raise "
        "the low end of the intensity rule for all."
    ),
    "share of the highest intensity": (
        "One cohort is clipped at the top more often. Lower the high end of the intensity rule "
        "for all, so that all are clipped alike."
    ),
    "lowest intensity": "Use one intensity rule for all cases; percentiles give equal ends.",
    "highest intensity": "Use one intensity rule for all cases; percentiles give equal ends.",
    "sharpness": (
        "If preparation interpolates one cohort only, name a coarser spacing, so that all are "
        "interpolated; otherwise it is the generator's own blur or noise."
    ),
    "compressed size": (
        "Smoother or emptier pictures compress better; it reflects noise or blur, and the app sends "
        "all files of a study in one length."
    ),
}


def advice(cue: str) -> str:
    """Return a sentence or two on what to do about a leaking cue, given by its name."""
    return list(ADVICE.values())[precedence(cue)]


def precedence(cue: str) -> int:
    """Return the place of a cue in the order in which one fault explains others, from 0."""
    return next(i for i, part in enumerate(ADVICE) if part in cue)


def strength(auc: float) -> str:
    """Return how bad a leak of this AUC is, in a word."""
    if auc >= 0.9:
        return "strong"
    return "moderate" if auc >= 0.7 else "weak"
