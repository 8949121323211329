"""The three figures behind `evalsuite compute-metrics`, each against its plain counterpart.

    python benchmarks/compute_metrics.py

Volumes per second of feature extraction against a plain loop over MONAI's network on the same
volumes and weights; seconds of the Frechet distance against `scipy.linalg.sqrtm`; seconds of 100
pairs of MS-SSIM against torchmetrics. Ratios are taken within one run. Each part can be run
alone and writes its table to benchmarks/results/.
"""

import extraction
import frechet
import ms_ssim

if __name__ == "__main__":
    for part in (extraction, frechet, ms_ssim):
        print(f"\n{part.__doc__.splitlines()[0]}")
        part.main()
