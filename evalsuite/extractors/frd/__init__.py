"""The features of the Frechet radiomics distance (FRD), to agree with frd-score and pyradiomics.

`images` filters, `features` and `box` describe, `extraction` makes the vectors of both versions.

References: Osuala et al., arXiv 2403.13890 (version 0); Konz et al., Medical Image Analysis (2026)
103943, arXiv 2412.01496 (version 1).
"""

from evalsuite.extractors.frd.extraction import FrdExtractor, frd_v0, frd_v1

__all__ = ["FrdExtractor", "frd_v0", "frd_v1"]
