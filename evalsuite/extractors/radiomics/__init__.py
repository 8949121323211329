"""Weight-free 3D radiomics features by the definitions of the IBSI reference manual.

One file per family: pure functions from an image (or its grey levels) to named values.
`extraction` chooses among them and makes the vector of a volume.

Reference: Zwanenburg et al., The Image Biomarker Standardisation Initiative, arXiv 1612.07003 and
Radiology 295 (2020) 328.
"""

from evalsuite.extractors.radiomics.extraction import RadiomicsExtractor, radiomics

__all__ = ["RadiomicsExtractor", "radiomics"]
