"""The works that a methods section cites, numbered in the order in which it cites them."""

from collections.abc import Iterable, Sequence

# What is between control characters cannot be mistaken for the name of a cohort or a question.
OPEN, BETWEEN, CLOSE = "\x02", "\x1f", "\x03"
WORKS = {
    "phipson": "Phipson B, Smyth GK. Permutation p-values should never be zero. Statistical "
    "Applications in Genetics and Molecular Biology 9 (2010) 39.",
    "chwialkowski": "Chwialkowski K, Sejdinovic D, Gretton A. A wild bootstrap for degenerate "
    "kernel tests. NeurIPS 27 (2014).",
    "med3d": "Chen S, Ma K, Zheng Y. Med3D: transfer learning for 3D medical image analysis. "
    "arXiv 1904.00625 (2019).",
    "pyradiomics": "van Griethuysen JJM, et al. Computational radiomics system to decode the "
    "radiographic phenotype. Cancer Research 77 (2017) e104.",
    "ibsi": "Zwanenburg A, et al. The Image Biomarker Standardization Initiative. Radiology 295 "
    "(2020) 328-338.",
    "wilcoxon": "Wilcoxon F. Individual comparisons by ranking methods. Biometrics Bulletin 1 "
    "(1945) 80-83.",
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
    "cohen": "Cohen J. A coefficient of agreement for nominal scales. Educational and "
    "Psychological Measurement 20 (1960) 37-46.",
    "weighted": "Cohen J. Weighted kappa. Psychological Bulletin 70 (1968) 213-220.",
    "light": "Light RJ. Measures of response agreement for qualitative data: some generalizations "
    "and alternatives. Psychological Bulletin 76 (1971) 365-377.",
    "fleiss": "Fleiss JL. Measuring nominal scale agreement among many raters. Psychological "
    "Bulletin 76 (1971) 378-382.",
    "gwet": "Gwet KL. Computing inter-rater reliability and its variance in the presence of high "
    "agreement. British Journal of Mathematical and Statistical Psychology 61 (2008) 29-48.",
    "handbook": "Gwet KL. Handbook of inter-rater reliability, 4th edition. Advanced Analytics "
    "(2014).",
    "krippendorff": "Krippendorff K. Computing Krippendorff's alpha-reliability. University of "
    "Pennsylvania, Scholarly Commons (2011).",
    "shrout": "Shrout PE, Fleiss JL. Intraclass correlations: uses in assessing rater reliability. "
    "Psychological Bulletin 86 (1979) 420-428.",
    "mcgraw": "McGraw KO, Wong SP. Forming inferences about some intraclass correlation "
    "coefficients. Psychological Methods 1 (1996) 30-46.",
    "lin": "Lin LI. A concordance correlation coefficient to evaluate reproducibility. Biometrics "
    "45 (1989) 255-268.",
    "bland": "Bland JM, Altman DG. Measuring agreement in method comparison studies. Statistical "
    "Methods in Medical Research 8 (1999) 135-160.",
    "wilson": "Wilson EB. Probable inference, the law of succession, and statistical inference. "
    "Journal of the American Statistical Association 22 (1927) 209-212.",
    "clopper": "Clopper CJ, Pearson ES. The use of confidence or fiducial limits illustrated in "
    "the case of the binomial. Biometrika 26 (1934) 404-413.",
    "woodruff": "Woodruff RS. Confidence intervals for medians and other position measures. "
    "Journal of the American Statistical Association 47 (1952) 635-646.",
    "cochran": "Cochran WG. Approximate significance levels of the Behrens-Fisher test. Biometrics "
    "20 (1964) 191-195.",
    "marginal": "Hillis SL. A marginal-mean ANOVA approach for analyzing multireader multicase "
    "radiological imaging data. Statistics in Medicine 33 (2014) 330-360.",
    "brunner": "Brunner E, Munzel U. The nonparametric Behrens-Fisher problem: asymptotic theory "
    "and a small-sample approximation. Biometrical Journal 42 (2000) 17-25.",
    "cameron": "Cameron AC, Gelbach JB, Miller DL. Robust inference with multiway clustering. "
    "Journal of Business and Economic Statistics 29 (2011) 238-249.",
    "gallas": "Gallas BD. One-shot estimate of MRMC variance: AUC. Academic Radiology 13 (2006) "
    "353-362.",
    "unified": "Gallas BD, Bandos A, Samuelson FW, Wagner RF. A framework for random-effects ROC "
    "analysis: biases with the bootstrap and other variance estimators. Communications in "
    "Statistics: Theory and Methods 38 (2009) 2586-2603.",
    "brant": "Brant R. Assessing proportionality in the proportional odds model for ordinal "
    "logistic regression. Biometrics 46 (1990) 1171-1178.",
    "mixed": "Christensen RHB. Cumulative link models for ordinal regression with the R package "
    "ordinal. Vignette of the package (2018).",
    "clusters": "Obuchowski NA. Nonparametric analysis of clustered ROC curve data. Biometrics 53 "
    "(1997) 567-578.",
    "spearman": "Spearman C. The proof and measurement of association between two things. American "
    "Journal of Psychology 15 (1904) 72-101.",
    "kendall": "Kendall MG. The treatment of ties in ranking problems. Biometrika 33 (1945) "
    "239-251.",
    "effort": "Wise SL, Kong X. Response time effort: a new measure of examinee motivation in "
    "computer-based tests. Applied Measurement in Education 18 (2005) 163-183.",
    "huang": "Huang JL, Curran PG, Keeney J, Poposki EM, DeShon RP. Detecting and deterring "
    "insufficient effort responding to surveys. Journal of Business and Psychology 27 (2012) "
    "99-114.",
    "meade": "Meade AW, Craig SB. Identifying careless responses in survey data. Psychological "
    "Methods 17 (2012) 437-455.",
    "owen": "Owen AB. The pigeonhole bootstrap. Annals of Applied Statistics 1 (2007) 386-411.",
}  # fmt: skip
# How the rows of statistics call works, by author and year.
REFERENCES = {
    "Bland and Altman 1999": "bland",
    "Brant 1990": "brant",
    "Brunner and Munzel 2000": "brunner",
    "Cameron, Gelbach and Miller 2011": "cameron",
    "Christensen 2018": "mixed",
    "Clopper and Pearson 1934": "clopper",
    "Cochran 1964": "cochran",
    "Cohen 1960": "cohen",
    "Cohen 1968": "weighted",
    "DeLong, DeLong and Clarke-Pearson 1988": "delong",
    "Fleiss 1971": "fleiss",
    "Gallas 2006": "gallas",
    "Gallas, Bandos, Samuelson and Wagner 2009": "unified",
    "Gwet 2008": "gwet",
    "Gwet 2014": "handbook",
    "Hillis 2007": "hillis",
    "Hillis 2014": "marginal",
    "Huang et al. 2012": "huang",
    "Kendall 1945": "kendall",
    "Krippendorff 2011": "krippendorff",
    "Light 1971": "light",
    "Lin 1989": "lin",
    "Meade and Craig 2012": "meade",
    "McCullagh 1980": "mccullagh",
    "McGraw and Wong 1996": "mcgraw",
    "Obuchowski and Rockette 1995": "obuchowski",
    "Obuchowski 1997": "clusters",
    "Owen 2007": "owen",
    "Schuirmann 1987": "schuirmann",
    "Shrout and Fleiss 1979": "shrout",
    "Spearman 1904": "spearman",
    "Wilson 1927": "wilson",
    "Wise and Kong 2005": "effort",
    "Woodruff 1952": "woodruff",
}


def cite(*works: str) -> str:
    """Return a mark that stands for the numbers of works.

    Args:
        works: a key of `WORKS`, or the work as a list of references has it.

    Raises:
        KeyError: for a single word that is no key.
    """
    return f"{OPEN}{BETWEEN.join(w if ' ' in w else WORKS[w] for w in works)}{CLOSE}"


def cited(references: Iterable[str]) -> str:
    """Return a mark for the works that rows of statistics cite, behind a space; nothing for none.

    Args:
        references: of rows, each perhaps several, such as "Hillis 2014; Cochran 1964". What is
            not among `REFERENCES` is told as it is.
    """
    names = dict.fromkeys(name for text in references for name in text.split("; ") if name)
    known = [REFERENCES[name] for name in names if name in REFERENCES]
    others = [name for name in names if name not in REFERENCES]
    marks = [cite(*known)] if known else []
    return "".join(f" {mark}" for mark in (*marks, *(f"({name})" for name in others)))


def numbered(paragraphs: Sequence[str]) -> tuple[str, ...]:
    """Return the paragraphs with numbers for marks, and after them the works, each once."""
    numbers: dict[str, int] = {}

    def replaced(text: str) -> str:
        before, *marked = text.split(OPEN)
        parts = [before]
        for works, after in (mark.split(CLOSE, 1) for mark in marked):
            cited_here = [
                numbers.setdefault(work, len(numbers) + 1) for work in works.split(BETWEEN)
            ]
            parts += [f"[{', '.join(map(str, cited_here))}]", after]
        return "".join(parts)

    texts = [replaced(text) for text in paragraphs]
    return (*texts, *(f"[{number}] {work}" for work, number in numbers.items()))
