"""The works that a methods section cites, numbered in the order in which it cites them."""

import re
from collections.abc import Sequence

# A key between control characters cannot be mistaken for the name of a cohort or a question.
OPEN, CLOSE = "\x02", "\x03"
WORKS = {
    "heusel": "Heusel M, et al. GANs trained by a two time-scale update rule converge to a local "
    "Nash equilibrium. NeurIPS 30 (2017).",
    "chong": "Chong MJ, Forsyth D. Effectively unbiased FID and Inception Score and where to find "
    "them. CVPR (2020).",
    "gretton": "Gretton A, et al. A kernel two-sample test. Journal of Machine Learning Research "
    "13 (2012) 723-773.",
    "binkowski": "Bińkowski M, et al. Demystifying MMD GANs. ICLR (2018).",
    "phipson": "Phipson B, Smyth GK. Permutation p-values should never be zero. Statistical "
    "Applications in Genetics and Molecular Biology 9 (2010) 39.",
    "kynkaanniemi": "Kynkäänniemi T, et al. Improved precision and recall metric for assessing "
    "generative models. NeurIPS 32 (2019).",
    "naeem": "Naeem MF, et al. Reliable fidelity and diversity metrics for generative models. ICML "
    "(2020).",
    "wang": "Wang Z, Simoncelli EP, Bovik AC. Multiscale structural similarity for image quality "
    "assessment. Asilomar Conference on Signals, Systems and Computers (2003).",
    "carlini": "Carlini N, et al. Extracting training data from diffusion models. USENIX Security "
    "(2023).",
    "alaa": "Alaa A, et al. How faithful is your synthetic data? Sample-level metrics for "
    "evaluating and auditing generative models. ICML (2022).",
    "ganleaks": "Chen D, et al. GAN-Leaks: a taxonomy of membership inference attacks against "
    "generative models. ACM CCS (2020).",
    "med3d": "Chen S, Ma K, Zheng Y. Med3D: transfer learning for 3D medical image analysis. "
    "arXiv 1904.00625 (2019).",
    "ibsi": "Zwanenburg A, et al. The Image Biomarker Standardization Initiative. Radiology 295 "
    "(2020) 328-338.",
    "holm": "Holm S. A simple sequentially rejective multiple test procedure. Scandinavian Journal "
    "of Statistics 6 (1979) 65-70.",
    "obuchowski": "Obuchowski NA, Rockette HE. Hypothesis testing of diagnostic accuracy for "
    "multiple readers and multiple tests. Communications in Statistics: Simulation and Computation "
    "24 (1995) 285-308.",
    "hillis": "Hillis SL. A comparison of denominator degrees of freedom methods for multiple "
    "observer ROC analysis. Statistics in Medicine 26 (2007) 596-619.",
    "delong": "DeLong ER, DeLong DM, Clarke-Pearson DL. Comparing the areas under two or more "
    "correlated receiver operating characteristic curves. Biometrics 44 (1988) 837-845.",
    "mccullagh": "McCullagh P. Regression models for ordinal data. Journal of the Royal "
    "Statistical Society B 42 (1980) 109-142.",
    "schuirmann": "Schuirmann DJ. A comparison of the two one-sided tests procedure and the power "
    "approach for assessing the equivalence of average bioavailability. Journal of "
    "Pharmacokinetics and Biopharmaceutics 15 (1987) 657-680.",
    "cohen": "Cohen J. Weighted kappa. Psychological Bulletin 70 (1968) 213-220.",
    "fleiss": "Fleiss JL. Measuring nominal scale agreement among many raters. Psychological "
    "Bulletin 76 (1971) 378-382.",
    "gwet": "Gwet KL. Computing inter-rater reliability and its variance in the presence of high "
    "agreement. British Journal of Mathematical and Statistical Psychology 61 (2008) 29-48.",
    "krippendorff": "Hayes AF, Krippendorff K. Answering the call for a standard reliability "
    "measure for coding data. Communication Methods and Measures 1 (2007) 77-89.",
    "shrout": "Shrout PE, Fleiss JL. Intraclass correlations: uses in assessing rater reliability. "
    "Psychological Bulletin 86 (1979) 420-428.",
}  # fmt: skip


def cite(*keys: str) -> str:
    """Return a mark that stands for the numbers of works.

    Raises:
        KeyError: if one is not among `WORKS`.
    """
    for key in keys:
        WORKS[key]
    return f"{OPEN}{','.join(keys)}{CLOSE}"


def numbered(paragraphs: Sequence[str]) -> tuple[str, ...]:
    """Return the paragraphs with numbers for marks, and after them the works, each once."""
    found: dict[str, int] = {}

    def numbers(mark: re.Match[str]) -> str:
        own = [found.setdefault(key, len(found) + 1) for key in mark[1].split(",")]
        return f"[{', '.join(map(str, own))}]"

    told = [re.sub(f"{OPEN}([^{CLOSE}]*){CLOSE}", numbers, text) for text in paragraphs]
    return (*told, *(f"[{number}] {WORKS[key]}" for key, number in found.items()))
