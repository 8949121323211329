"""The figures behind `evalsuite compute-metrics`, each against its plain counterpart.

    python benchmarks/compute_metrics.py

Volumes per second of feature extraction against loops over MONAI's network on the same volumes and
weights, one by one and in batches; seconds of the Frechet distance against `scipy.linalg.sqrtm`; seconds of 100
pairs of MS-SSIM against torchmetrics; a second evaluation against the first. Ratios are taken within
one run. Each part can be run alone and writes its table to benchmarks/results/.
"""

import extraction
import frechet
import ms_ssim
import second_run

if __name__ == "__main__":
    for part in (extraction, frechet, ms_ssim, second_run):
        print(f"\n{part.__doc__.splitlines()[0]}")
        part.main()
