"""What the numbers of paired volumes mean."""

from evalsuite.records import Direction, Quantity

T_INTERVAL = "t interval of the mean over subjects"
WANG = "Wang et al., IEEE Transactions on Image Processing 13 (2004), 600-612."
ZHANG = (
    "Zhang et al., IEEE/CVF Conference on Computer Vision and Pattern Recognition (2018), 586-595."
)
BLAND = "Bland and Altman, Statistical Methods in Medical Research 8 (1999), 135-160."


def _quantity(
    name: str,
    title: str,
    sentence: str,
    direction: Direction,
    *,
    range: str,  # noqa: A002  (as in the record)
    unit: str = "",
    bias: str = T_INTERVAL,
    works: tuple[str, ...] = (),
    headline: bool = False,
    on: str = "pairs of voxels",
    per: str = "region",
) -> Quantity:
    return Quantity(
        name=f"paired_{name}", title=title, sentence=sentence, direction=direction, range=range,
        unit=unit, bias=bias, works=works, headline=headline, on=on, per=per, chapter="pairs",
    )  # fmt: skip


LOWER: Direction = "lower is better"
HIGHER: Direction = "higher is better"
MAE = _quantity(
    "mae", "Mean absolute error", "how far a voxel is from its real one, without sign.", LOWER,
    range="0 to ∞", unit="units of the volumes", headline=True,
)  # fmt: skip
MSE = _quantity(
    "mse", "Mean squared error", "the same squared, which large errors rule.", LOWER,
    range="0 to ∞", unit="squared units of the volumes",
)  # fmt: skip
PSNR = _quantity(
    "psnr", "Peak signal-to-noise ratio", "the declared range over the root of the squared error.",
    HIGHER, range="-∞ to ∞", unit="dB", headline=True,
)  # fmt: skip
SSIM = _quantity(
    "ssim", "Structural similarity",
    "whether brightness, contrast and structure agree around each voxel.", HIGHER,
    range="-1 to 1", works=(WANG,), headline=True,
)  # fmt: skip
MS_SSIM = _quantity(
    "ms_ssim", "Structural similarity of several scales", "the same, coarse structures included.",
    HIGHER, range="0 to 1", per="",
    works=("Wang et al., Asilomar Conference on Signals, Systems and Computers (2003), 1398-1402.",),
)  # fmt: skip
NCC = _quantity(
    "ncc", "Correlation", "of the voxels of both (normalised cross-correlation); scale and shift "
    "of the intensities do not count.", HIGHER, range="-1 to 1",
)  # fmt: skip
BIAS = _quantity(
    "bias", "Mean difference", "synthetic less real, averaged over the voxels.",
    "nearer the reference is better", range="-∞ to ∞", unit="units of the volumes", works=(BLAND,),
)  # fmt: skip
LIMITS = _quantity(
    "limits", "Limits of agreement",
    "the mean difference of 95 % of subjects lies within the bias and plus or minus this.", LOWER,
    range="0 to ∞", unit="units of the volumes", works=(BLAND,),
    bias="1.96 standard deviations over subjects; interval by chi-squared, for normal differences",
)  # fmt: skip
DICE = _quantity(
    "dice", "Dice", "overlap of a structure in both label maps.", HIGHER, range="0 to 1",
    headline=True, on="pairs of label maps", per="structure",
)  # fmt: skip
HD95 = _quantity(
    "hd95", "Hausdorff distance, 95 %", "95 % of either surface are nearer than this to the other.",
    LOWER, range="0 to ∞", unit="mm", on="pairs of label maps", per="structure",
)  # fmt: skip
SURFACE = _quantity(
    "surface", "Surface distance", "mean distance of either surface to the other.", LOWER,
    range="0 to ∞", unit="mm", on="pairs of label maps", per="structure",
)  # fmt: skip
FEATURES = _quantity(
    "features", "Distance of features", "cosine distance of the pooled features of both; 0 is alike, and "
    "the reference is that of real volumes of different subjects.", LOWER, range="0 to 2",
    headline=True, on="pairs of features", per="",
)  # fmt: skip
PERCEPTUAL = _quantity(
    "perceptual", "Perceptual distance", "squared distance of the feature maps of both, place by "
    "place (LPIPS without learnt weights); 0 is alike, and the reference is that of real volumes of "
    "different subjects.", LOWER, range="0 to 4", works=(ZHANG,), headline=True,
    on="pairs of features", per="",
)  # fmt: skip
VOXELS = (MAE, PSNR, SSIM, MS_SSIM, NCC, BIAS, LIMITS, MSE)
