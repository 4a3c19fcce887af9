# SPDX-License-Identifier: Apache-2.0
"""Pictures: what is drawn where, without looking at pixels."""

import matplotlib

matplotlib.use("agg")

import numpy as np
from lior import geometry, memory, plot
from matplotlib import pyplot


def test_phase_is_hue_and_modulus_is_brightness():
    t = np.array([1, 1j, -1, -1j, 0.5, 0]) * 3
    expected = [[1, 0, 0], [0.5, 1, 0], [0, 1, 1], [0.5, 0, 1], [0.5, 0, 0], [0, 0, 0]]
    np.testing.assert_allclose(plot.phase_colours(t), expected, atol=1e-12)
    assert (plot.phase_colours(np.zeros((2, 2))) == 0).all()
    assert plot.phase_colours(np.zeros((0, 2))).shape == (0, 2, 3)


def test_field_shows_x_to_the_right_and_y_up():
    t = np.zeros((6, 4, 2, 2), complex)
    t[5, 0, 1, 0] = 1
    axes = plot.field(t, component=(1, 0), dx=0.5)
    (image,) = axes.get_images()
    assert image.origin == "lower" and tuple(image.get_extent()) == (0, 3, 0, 2)
    assert (image.get_array()[0, 5] == [1, 0, 0]).all() and image.get_array().sum() == 1
    pyplot.close(axes.figure)


def test_a_field_of_three_dimensions_shows_one_plane():
    t = np.zeros((6, 4, 5, 1, 1), complex)
    t[5, 0, 2], t[0, 1, 4] = 1, -1
    middle, top = plot.field(t), plot.field(t, plane=4)
    assert (middle.get_images()[0].get_array()[0, 5] == [1, 0, 0]).all()
    assert (top.get_images()[0].get_array()[1, 0] == [0, 1, 1]).all()
    pyplot.close("all")


def test_geodesics_mark_where_they_stopped():
    x = np.array([[0.5, 1.0], [0.0, 0.0]])
    v = np.array([[-1.0, 0.0], [0.0, 1.0]])  # through the pole; along a parallel
    paths = geometry.geodesics("sphere", x, v, [0, 0.25, 1])
    axes = plot.geodesics(paths)
    lines, starts, stops = axes.get_lines()[:1], axes.get_lines()[1:2], axes.get_lines()[2:3]
    assert (lines[0].get_xdata() == paths.x[:, 0, 0]).all()
    assert starts[0].get_marker() == "o" and stops[0].get_marker() == "x"
    assert len(axes.get_lines()) == 5
    pyplot.close(axes.figure)


def test_kernel_and_poles():
    axes = plot.kernel(memory.default_kernel(), until=20.0)
    (line,) = axes[0].get_lines()
    t = line.get_xdata()
    assert (line.get_ydata() == memory.kernel_forward(memory.default_kernel(), t)).all()
    points = axes[1].collections[0].get_offsets()
    assert np.isclose(points[:, 1].max(), 1.0)  # the oscillation, omega = 1
    pyplot.close(axes[0].figure)
