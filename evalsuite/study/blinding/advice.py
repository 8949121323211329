"""What a leaking cue means, and what the lead of a study does about it."""

ADVICE = {
    "header": "Prepare all cases of the study anew, in one go, so that they get one header.",
    "file size": "All cases must have one matrix and one data type: prepare them in one go.",
    "compressed size": (
        "Smoother or emptier pictures compress better: mend the other leaks first. If it stays, "
        "it reflects noise or blur, which readers see and may judge; the app sends cases "
        "uncompressed."
    ),
    "number of distinct intensities": (
        "One cohort was stored in fewer levels or with other contrast. Export it anew with more "
        "bits, or prepare all cases anew with this suite, which fills gaps between levels."
    ),
    "empty grey levels": (
        "One cohort was stored in fewer levels. Export it anew with more bits, or prepare all "
        "cases anew with this suite, which fills gaps between levels."
    ),
    "uneven grey levels": (
        "One cohort was quantised before. Export it anew with more bits, or prepare all cases "
        "anew with this suite, which fills gaps between levels."
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
    "constant rim": (
        "One cohort is padded. Choose a matrix that every case fills (leave out the shape)."
    ),
    "share of zeros on the rim": (
        "One cohort is padded, masked, or has air at its rim. Choose a smaller matrix that every "
        "case fills."
    ),
    "step at the rim": (
        "The outermost layers look made, as by padding, repeated or fading slices. Choose a "
        "matrix some voxels smaller, which cuts them off."
    ),
    "sharpness": (
        "If preparation interpolates one cohort only, name a coarser spacing, so that all are "
        "interpolated; otherwise it is the generator's own blur or noise."
    ),
}


def advice(cue: str) -> str:
    """Return a sentence or two on what to do about a leaking cue, given by its name."""
    return next(text for part, text in ADVICE.items() if part in cue)


def strength(auc: float) -> str:
    """Return how bad a leak of this AUC is, in a word."""
    if auc >= 0.9:
        return "strong"
    return "moderate" if auc >= 0.7 else "weak"
