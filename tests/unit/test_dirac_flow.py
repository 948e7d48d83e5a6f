"""Training in continuous time on the Dirac-GAN: circles, slow decay, limit cycles, averages."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from r1lab.theory.dirac import DiracGAN
from r1lab.theory.dynamics import time_average

MU = 0.25  # -f''(0) of the logistic f
COORDINATE = st.floats(-3, 3)


@pytest.mark.claim("lemma-2.3")
@settings(max_examples=25, deadline=None)
@given(theta=COORDINATE, psi=COORDINATE)
def test_the_minimax_flow_conserves_the_radius(theta, psi):
    path = DiracGAN("minimax").flow((theta, psi), np.linspace(0, 30, 40))
    np.testing.assert_allclose((path**2).sum(axis=1), theta**2 + psi**2, rtol=1e-9, atol=1e-12)


@pytest.mark.claim("lemma-2.3")
def test_the_wasserstein_flow_is_a_rotation():
    t = np.linspace(0, 50, 101)
    path = DiracGAN("wasserstein").flow((1.0, 0.5), t)
    rotation = (1.0 + 0.5j) * np.exp(1j * t)
    np.testing.assert_allclose(path, np.stack([rotation.real, rotation.imag], axis=1), atol=1e-9)


@pytest.mark.claim("lemma-3.3")
@pytest.mark.parametrize("gamma", [0.3, 2.0])
def test_the_linear_flow_with_r1_is_a_matrix_exponential(gamma):
    gan = DiracGAN("wasserstein", "r1", gamma)
    t = np.linspace(0, 10, 21)
    expected = [expm(gan.jacobian() * s) @ (1.0, 1.0) for s in t]
    np.testing.assert_allclose(gan.flow((1.0, 1.0), t), expected, atol=1e-10)


@pytest.mark.claim("non-saturating-flow")
def test_the_non_saturating_flow_converges_sublinearly():
    t = np.array([100.0, 500.0, 1000.0, 4000.0])
    radii = np.linalg.norm(DiracGAN("non-saturating").flow((1.0, 1.0), t), axis=1)
    np.testing.assert_allclose(radii, (0.278332, 0.125976, 0.089255, 0.044698), atol=6e-7)
    law = (1 / 2 + MU * t / 2) ** -0.5
    np.testing.assert_allclose(law, (0.277350, 0.125988, 0.089264, 0.044699), atol=6e-7)


@pytest.mark.claim("non-saturating-flow")
def test_the_non_saturating_radius_falls_off_the_axes():
    theta, psi = np.random.default_rng(0).uniform(-4, 4, size=(2, 500))
    v_theta, v_psi = DiracGAN("non-saturating").field(theta, psi)
    t = psi * theta
    slope = theta * psi * (1 / (1 + np.exp(t)) - 1 / (1 + np.exp(-t)))
    np.testing.assert_allclose(theta * v_theta + psi * v_psi, slope, atol=1e-13)
    assert slope.max() < 0


@pytest.mark.claim("wgan-gp-limit-cycle")
@pytest.mark.parametrize(
    ("gamma", "center", "golden"),
    [(0.3, 1, 1.282576), (0.7, 1, 1.326605), (1, 0.3, 0.416875), (1.5, 1, 1.587612)],
)
def test_wgan_gp_runs_into_a_limit_cycle(gamma, center, golden):
    gan = DiracGAN("wasserstein", "wgan-gp", gamma / 2, center)
    omega = np.sqrt(1 - gamma**2 / 4)
    crossing = gamma * center / np.tanh(np.pi * gamma / (4 * omega))
    assert crossing == pytest.approx(golden, abs=6e-7)
    half, whole = gan.flow((crossing, 0.0), np.pi / omega * np.array([1, 2]))
    np.testing.assert_allclose(half, (-crossing, 0), atol=1e-9)
    np.testing.assert_allclose(whole, (crossing, 0), atol=1e-9)
    # It attracts: from inside and outside, the next crossings come closer.
    for start in (0.8 * crossing, 1.25 * crossing):
        later = gan.flow((start, 0.0), 20 * np.pi / omega)
        np.testing.assert_allclose(later[1], 0, atol=1e-8)
        assert abs(later[0] - crossing) < 0.1 * abs(start - crossing)


@pytest.mark.claim("wgan-gp-limit-cycle")
def test_the_cycle_of_a_weak_one_centred_penalty():
    gamma = 1e-6
    crossing = gamma / np.tanh(np.pi * gamma / (4 * np.sqrt(1 - gamma**2 / 4)))
    assert crossing == pytest.approx(4 / np.pi, rel=1e-9)


@pytest.mark.claim("wgan-gp-gets-stuck")
@pytest.mark.parametrize(("weight", "center"), [(1.0, 1.0), (10.0, 1.0), (10.0, 0.5)])
def test_a_strong_one_centred_penalty_gets_stuck(weight, center):
    gan = DiracGAN("wasserstein", "wgan-gp", weight, center)
    end = gan.flow((1.0, 1.0), 800.0)
    np.testing.assert_allclose(end, (-2 * weight * center, 0.0), atol=1e-5)


@pytest.mark.claim("averaging")
@pytest.mark.parametrize("loss", ["minimax", "wasserstein"])
def test_time_averages_of_the_cycles_tend_to_the_equilibrium(loss):
    t = np.linspace(0, 2000, 8001)
    path = DiracGAN(loss).flow((1.0, 1.0), t)
    assert np.linalg.norm(path, axis=1).min() > 1.41
    assert np.linalg.norm(time_average(path, t)[-1]) < 3e-3


def test_flow_takes_numbers_and_arrays():
    gan = DiracGAN("minimax", "r1", 0.3)
    path = gan.flow((1.0, 1.0), [0.0, 1.0, 2.5])
    assert path.shape == (3, 2)
    np.testing.assert_array_equal(path[0], (1.0, 1.0))
    np.testing.assert_allclose(gan.flow((1.0, 1.0), 2.5), path[-1], atol=1e-10)
    crossing = DiracGAN("wasserstein", "wgan-gp", 0.35)
    np.testing.assert_array_equal(crossing.flow((1.0, 0.0), [0.0, 1.0])[0], (1.0, 0.0))
    np.testing.assert_array_equal(crossing.flow((0.0, 0.0), 5.0), (0.0, 0.0))


@pytest.mark.parametrize("regularizer", ["none", "wgan-gp"])
@pytest.mark.parametrize("t", [-1.0, [1.0, 0.5], [], [[1.0]]])
def test_bad_times_are_named(regularizer, t):
    with pytest.raises(ValueError, match="increasing array of times"):
        DiracGAN("minimax", regularizer, 0.1).flow((1.0, 1.0), t)
