import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from backend.core import colour, rotation
from backend.core.colour import linear_to_srgb, srgb_bytes, srgb_to_linear


def test_known_values_of_the_srgb_curve():
    assert colour.srgb_to_linear(np.array([0.0, 0.04045, 0.5, 1.0])) == pytest.approx(
        [0, 0.0031308, 0.2140411, 1], abs=1e-6)


@given(st.floats(-0.5, 4))
def test_encoding_undoes_decoding(value):
    assert colour.linear_to_srgb(colour.srgb_to_linear(np.array(value))) == pytest.approx(value, abs=1e-6)


def test_white_has_luminance_one():
    assert colour.luminance(np.ones(3, np.float32)) == pytest.approx(1, abs=1e-6)


def test_a_quarter_turn_about_z_takes_x_to_y():
    matrix = rotation.matrix_from_axis_angle(torch.tensor([0.0, 0, np.pi / 2], dtype=torch.float64))
    assert matrix.numpy() @ [1, 0, 0] == pytest.approx([0, 1, 0], abs=1e-12)


def test_axis_angle_comes_back_from_its_matrix():
    rng = np.random.default_rng(0)
    for axis_angle in rng.normal(0, 0.8, (20, 3)):
        matrix = rotation.matrix_from_axis_angle(torch.as_tensor(axis_angle)).numpy()
        assert rotation.axis_angle_from_matrix(matrix) == pytest.approx(axis_angle, abs=1e-9)


@pytest.mark.parametrize("size", [0.0, 1e-6, 1e-3, 1.0])
def test_the_derivative_is_right_also_at_no_rotation(size):
    start = torch.tensor([size, -size, 0.5 * size], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(rotation.matrix_from_axis_angle, start, atol=1e-6)


def test_bytes_from_the_table_are_those_worked_out() -> None:
    chance = np.random.default_rng(7)
    edges = srgb_to_linear((np.arange(255) + 0.5) / 255).astype(np.float32)
    near = np.concatenate([edges, *(np.nextafter(edges, np.float32(side)) for side in (0, 1)), edges + 1e-6])
    for values in (near, chance.random((700, 500, 3), np.float32), chance.random(200_000, np.float32) ** 4,
                   np.array([-1, 0, 1, 7], np.float32), chance.random(9999)):
        worked_out = (linear_to_srgb(np.clip(values, 0, 1)) * 255 + 0.5).astype(np.uint8)
        np.testing.assert_array_equal(srgb_bytes(values), worked_out)
        assert srgb_bytes(values).shape == values.shape
