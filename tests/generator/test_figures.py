import numpy as np

from generator.figures import mosaic


def test_a_row_shows_the_middle_slice_of_each_volume_centred_and_turned_as_radiologists_do():
    rng = np.random.default_rng(0)
    volumes = [rng.random((6, 9, 5)), rng.random((4, 7, 5))]  # of other shapes
    figure = mosaic({"real": volumes})
    axial, coronal, sagittal = (axes.images[0].get_array() for axes in figure.axes)
    width = 9  # of the widest slice, sagittal
    assert axial.shape == (9, 2 * (width + 1))
    first = volumes[0][:, :, 2].T[::-1, ::-1]
    np.testing.assert_allclose(axial[:, 1:7], first, rtol=1e-6)
    second = volumes[1][:, :, 2].T[::-1, ::-1]
    np.testing.assert_allclose(axial[1:8, 12:16], second, rtol=1e-6)
    assert axial.mask.sum() == axial.size - first.size - second.size  # nothing else is drawn
    np.testing.assert_allclose(coronal[:, 1:7], volumes[0][:, 4, :].T[::-1, ::-1], rtol=1e-6)
    np.testing.assert_allclose(sagittal[:, :9], volumes[0][3].T[::-1, ::-1], rtol=1e-6)
