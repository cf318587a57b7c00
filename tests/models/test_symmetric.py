"""Cholesky decompositions by LAPACK's own routines: equal to NumPy's, nothing overwritten that is not said to be."""

import numpy as np
import pytest
import torch

from n2s.models.symmetric import factor, inverse, solve, whole


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
def test_factors_solutions_and_inverses(dtype, tolerance):
    rng = np.random.default_rng(0)
    square = rng.normal(size=(60, 80))
    matrix = torch.from_numpy(square @ square.T / 80 + np.eye(60)).to(dtype)
    lower = factor(matrix.clone())
    torch.testing.assert_close(lower.tril() @ lower.tril().T, matrix, atol=tolerance, rtol=0)
    right = torch.from_numpy(rng.normal(size=(60, 7))).to(dtype)
    for same in (right, right.T.contiguous().T, torch.cat([right, right], 1)[:, 7:]):
        found = solve(lower, same)
        np.testing.assert_allclose(found, np.linalg.solve(matrix.double(), right.double()), atol=10 * tolerance)
        assert torch.equal(same, right)
    assert solve(lower, right[:, :0]).shape == (60, 0)
    np.testing.assert_allclose(
        whole(inverse(lower.clone())), np.linalg.inv(matrix.double().numpy()), atol=10 * tolerance
    )
    matrix[3, 3] = -1
    assert factor(matrix) is None
