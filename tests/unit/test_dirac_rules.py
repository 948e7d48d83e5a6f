"""Update rules on the Dirac-GAN: multipliers, step limits, best strengths, lazy R1, goldens."""

import itertools

import numpy as np
import pytest

from r1lab.theory.dirac import DiracGAN
from r1lab.theory.dynamics import (
    Alternating,
    Extragradient,
    Implicit,
    Momentum,
    Optimistic,
    Simultaneous,
    spectral_radius,
)

LOSSES = ("minimax", "non-saturating", "wasserstein", "least-squares", "hinge", "relativistic")
METHODS = (
    ("none", 0.0, 1.0),
    ("r1", 0.3, 1.0),
    ("r2", 2.0, 1.0),
    ("r1+r2", 0.3, 1.0),
    ("wgan-gp", 0.4, 0.0),
    ("dragan", 0.4, 0.0),
    ("instance-noise", 0.8, 1.0),
    ("consensus", 0.7, 1.0),
    ("clip", 1.0, 1.0),
    ("roth", 0.64, 1.0),
)
RULES = (
    Simultaneous(),
    Simultaneous(time_scale=4.0),
    Alternating(),
    Alternating(d_steps=5),
    Alternating(time_scale=0.5, d_steps=2, g_steps=3),
    Momentum(0.5),
    Momentum(-0.3, Alternating(d_steps=2)),
    Extragradient(),
    Optimistic(),
    Implicit(),
)
KAPPA = 0.5
SIM, ALT = Simultaneous(), Alternating()


def r1(gamma):
    return DiracGAN("minimax", "r1", gamma)


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize(("regularizer", "strength", "center"), METHODS)
def test_update_matrix_is_the_derivative_of_the_update(rule, regularizer, strength, center):
    eps, h = 1e-3, 0.2
    for loss in LOSSES:
        gan = DiracGAN(loss, regularizer, strength, center)
        game = gan.game()
        shape = rule.start((0.0, 0.0)).shape

        def update(state, game=game, shape=shape):
            return rule.step(game, state.reshape(shape), h).ravel()

        columns = []
        for e in eps * np.eye(np.prod(shape)):  # fourth order
            columns.append(8 * (update(e) - update(-e)) - (update(2 * e) - update(-2 * e)))
        numeric = np.stack(columns, axis=1) / (12 * eps)
        np.testing.assert_allclose(gan.update_matrix(h, rule), numeric, atol=1e-10)


def test_names_and_rules_are_the_same():
    gan = r1(0.3)
    pairs = [
        (gan.update_matrix(0.2), gan.update_matrix(0.2, SIM)),
        (
            gan.update_matrix(0.2, "alternating", 5, 2),
            gan.update_matrix(0.2, Alternating(d_steps=5, g_steps=2)),
        ),
        (
            gan.run(steps=50, scheme="alternating", d_steps=5),
            gan.run(steps=50, scheme=Alternating(d_steps=5)),
        ),
    ]
    for by_name, by_rule in pairs:
        np.testing.assert_array_equal(by_name, by_rule)


@pytest.mark.claim("lemma-2.4")
@pytest.mark.parametrize("h", [0.01, 0.2, 3.0])
def test_simultaneous_steps_spiral_out(h):
    multipliers = np.linalg.eigvals(DiracGAN().update_matrix(h))
    np.testing.assert_allclose(sorted(multipliers.imag), [-h * KAPPA, h * KAPPA], atol=1e-15)
    np.testing.assert_allclose(multipliers.real, 1, atol=1e-15)
    radius = DiracGAN().spectral_radius(h)
    np.testing.assert_allclose(radius, np.sqrt(1 + h**2 * KAPPA**2), rtol=1e-14)
    for start in np.random.default_rng(0).uniform(-3, 3, size=(10, 2)):
        path = DiracGAN().run(start, h, 100)
        resolved = np.abs(path[:-1].prod(axis=1)) < 15  # beyond, f' is lost in rounding
        assert np.all(np.diff(np.linalg.norm(path, axis=1))[resolved] > 0)


@pytest.mark.claim("lemma-2.5")
@pytest.mark.parametrize(("n_g", "n_d"), [(1, 1), (1, 5), (3, 2)])
def test_alternating_multipliers(n_g, n_d):
    edge = 2 / (np.sqrt(n_g * n_d) * KAPPA)
    for h in edge * np.array([0.1, 0.5, 0.9, 0.99, 1.01, 1.5]):
        a = np.sqrt(n_g * n_d) * h * KAPPA
        root = np.sqrt(complex((1 - a**2 / 2) ** 2 - 1))
        expected = np.array([1 - a**2 / 2 + root, 1 - a**2 / 2 - root])
        matrix = DiracGAN().update_matrix(h, "alternating", n_d, n_g)
        np.testing.assert_allclose(np.trace(matrix), expected.sum(), atol=1e-12)
        np.testing.assert_allclose(np.linalg.det(matrix), expected.prod(), atol=1e-12)
        radius = spectral_radius(matrix)
        assert radius == pytest.approx(1, abs=1e-12) if h < edge else radius > 1.1
    jordan = DiracGAN().update_matrix(edge, "alternating", n_d, n_g)
    np.testing.assert_allclose(np.trace(jordan), -2, atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(jordan), 1, atol=1e-12)
    growth = np.linalg.norm(np.linalg.matrix_power(jordan, 200) @ (1.0, 0.5))
    assert growth == pytest.approx(
        np.linalg.norm(200 * (jordan + np.eye(2)) @ (1.0, 0.5)), rel=0.02
    )


def test_golden_radii_of_other_rules():
    table = {
        Extragradient(): (0.995038, 0.965971, 0.91),
        Optimistic(): (0.994936, 0.965928, 0.909902),
        Implicit(): (0.995037, 0.966736, 0.909091),
    }
    for rule, radii in table.items():
        computed = [r1(gamma).spectral_radius(0.2, rule) for gamma in (0.0, 0.3, 1.0)]
        np.testing.assert_allclose(computed, radii, atol=6e-7)


@pytest.mark.claim("other-rules-table")
@pytest.mark.parametrize("h", [0.2, 0.7, 1.0, 1.5])
def test_multipliers_of_the_unregularised_rules(h):
    lam = 1j * KAPPA
    x = h * KAPPA

    def both(coefficients):  # roots for lambda and its conjugate
        roots = np.roots(coefficients)
        return np.concatenate([roots, roots.conj()])

    beta = -0.4
    alternating = np.polynomial.polynomial.polyfromroots([1, 1, beta, beta])[::-1]
    expected = {
        Implicit(): both([1, -1 / (1 - h * lam)]),
        Extragradient(): both([1, -(1 + h * lam + h**2 * lam**2)]),
        Optimistic(): both([1, -(1 + 2 * h * lam), h * lam]),
        Momentum(beta): both([1, -(1 + beta + h * lam), beta]),
        Momentum(beta, ALT): np.roots(alternating + x**2 * np.eye(5)[1]),
    }
    for rule, multipliers in expected.items():
        # Characteristic polynomials: well conditioned also where multipliers nearly coincide.
        actual = np.poly(DiracGAN().update_matrix(h, rule))
        np.testing.assert_allclose(actual, np.poly(multipliers), atol=1e-12)


@pytest.mark.claim("other-rules-table")
def test_where_the_unregularised_rules_contract():
    plain = DiracGAN()
    np.testing.assert_allclose(plain.largest_stable_step(Extragradient()), 2.0, rtol=1e-10)
    limit = plain.largest_stable_step(Optimistic())
    np.testing.assert_allclose(limit, 2 / np.sqrt(3), rtol=1e-10)
    assert plain.largest_stable_step(Implicit()) == np.inf
    for beta in (-0.9, -0.5, -0.1, 0.1, 0.5, 0.9):
        assert plain.largest_stable_step(Momentum(beta)) == 0.0
    for beta in (-0.8, -0.5, -0.2):
        limit = plain.largest_stable_step(Momentum(beta, ALT))
        np.testing.assert_allclose(limit, 4 * (1 + beta), rtol=1e-10)
    for beta in (0.0, 0.1, 0.5):
        assert plain.largest_stable_step(Momentum(beta, ALT)) == 0.0


@pytest.mark.claim("other-rules-table")
def test_best_steps_of_the_unregularised_rules():
    grid = np.linspace(0.01, 2, 400)
    for rule, best, radius in (
        (Extragradient(), np.sqrt(2), np.sqrt(3) / 2),
        (Optimistic(), 1.0, 1 / np.sqrt(2)),
    ):
        # Near the double multiplier of the optimistic rule a solver keeps half the digits.
        assert DiracGAN().spectral_radius(best, rule) == pytest.approx(radius, abs=5e-8)
        assert min(DiracGAN().spectral_radius(h, rule) for h in grid) > radius - 5e-8


def test_golden_radii_of_alternating_momentum():
    assert DiracGAN().spectral_radius(0.2, Momentum(-0.5, ALT)) == pytest.approx(0.998518, abs=6e-7)
    assert DiracGAN().spectral_radius(0.2, Momentum(0.5, ALT)) == pytest.approx(1.0323, abs=6e-5)


@pytest.mark.claim("momentum-hurts-r1")
@pytest.mark.parametrize(
    ("beta", "limit", "digit"),
    [
        (-0.5, 3.1395, 6e-5),
        (-0.3, 2.3739, 6e-5),
        (0.0, 1.2, 1e-10),
        (0.3, 0.48319, 6e-6),
        (0.5, 0.21739, 6e-6),
        (0.9, 0.00694, 6e-6),
    ],
)
def test_step_limits_with_momentum(beta, limit, digit):
    assert r1(0.3).largest_stable_step(Momentum(beta)) == pytest.approx(limit, abs=digit)


@pytest.mark.parametrize(
    ("rule", "limits"),
    [
        (Extragradient(), (2.758693, 2.0, 0.535898)),
        (Optimistic(), (1.261750, 1.333333, 0.357266)),
    ],
    ids=str,
)
def test_step_limits_of_other_rules_with_r1(rule, limits):
    computed = [r1(gamma).largest_stable_step(rule) for gamma in (0.3, 1.0, 2.0)]
    np.testing.assert_allclose(computed, limits, atol=6e-7)


@pytest.mark.claim("step-limit-simultaneous")
def test_simultaneous_step_limit():
    methods = [(loss, *method) for loss, method in itertools.product(LOSSES, METHODS)]
    for loss, regularizer, strength, center in methods:
        gan = DiracGAN(loss, regularizer, strength, center)
        values = np.linalg.eigvals(gan.jacobian())
        if values.real.max() > -1e-12:
            assert gan.largest_stable_step() == 0.0
            continue
        limit = min(2 / abs(v.real) / (1 + (v.imag / v.real) ** 2) for v in values)
        np.testing.assert_allclose(gan.largest_stable_step(), limit, rtol=1e-7)
        assert gan.spectral_radius(limit * (1 - 1e-6)) < 1 < gan.spectral_radius(limit * (1 + 1e-6))
    for gamma in (0.1, 0.3, 1.0):
        np.testing.assert_allclose(r1(gamma).largest_stable_step(), gamma / KAPPA**2, rtol=1e-10)
    for gamma in (1.0, 2.0, 3.0):
        limit = 4 / (gamma + np.sqrt(gamma**2 - 4 * KAPPA**2))
        np.testing.assert_allclose(r1(gamma).largest_stable_step(), limit, rtol=1e-10)


@pytest.mark.claim("step-limit-alternating")
@pytest.mark.parametrize(
    ("gamma", "golden"),
    [(0.1, 3.61995), (0.3, 2.97612), (1, 1.65685), (2, 0.944272), (3, 0.649111)],
)
def test_alternating_step_limit(gamma, golden):
    limit = r1(gamma).largest_stable_step("alternating")
    np.testing.assert_allclose(limit, 4 / (gamma + np.sqrt(gamma**2 + 4 * KAPPA**2)), rtol=1e-10)
    assert limit == pytest.approx(golden, abs=6e-6)


@pytest.mark.claim("step-limit-alternating")
def test_alternating_trace_and_determinant_with_several_steps():
    for gamma, n_g, n_d, h in itertools.product((0.3, 1.0), (1, 3), (1, 2, 5), (0.2, 1.1)):
        matrix = r1(gamma).update_matrix(h, "alternating", n_d, n_g)
        rho = 1 - h * gamma
        total = (1 - rho**n_d) / (1 - rho)
        trace = 1 + rho**n_d - total * n_g * (h * KAPPA) ** 2
        np.testing.assert_allclose(np.trace(matrix), trace, atol=1e-12)
        np.testing.assert_allclose(np.linalg.det(matrix), rho**n_d, atol=1e-12)


@pytest.mark.claim("two-time-scales")
@pytest.mark.parametrize(
    ("tau", "gamma", "limit"),
    [(4, 0.3, 1.2), (4, 0.5, 2), (4, 1, 4 - 2 * np.sqrt(3)), (0.25, 1, 4), (0.25, 2.5, 4)],
)
def test_two_time_scales(tau, gamma, limit):
    step = r1(gamma).largest_stable_step(Simultaneous(time_scale=tau))
    np.testing.assert_allclose(step, limit, rtol=1e-7 if gamma == 0.5 else 1e-10)
    if gamma < 2 * KAPPA / np.sqrt(tau):
        formula = gamma / KAPPA**2
    else:
        formula = 4 / (tau * (gamma + np.sqrt(gamma**2 - 4 * KAPPA**2 / tau)))
    np.testing.assert_allclose(formula, limit, rtol=1e-12)
    alone = DiracGAN().spectral_radius(0.2, Simultaneous(time_scale=tau))
    np.testing.assert_allclose(alone, np.sqrt(1 + tau * (0.2 * KAPPA) ** 2), rtol=1e-14)


@pytest.mark.parametrize(("gamma", "golden"), [(0.3, 0.586797), (1.0, 1.6)])
def test_consensus_step_limit(gamma, golden):
    limit = DiracGAN("minimax", "consensus", gamma).largest_stable_step()
    np.testing.assert_allclose(limit, 2 * gamma / (1 + gamma**2 * KAPPA**2), rtol=1e-12)
    assert limit == pytest.approx(golden, abs=6e-7)


@pytest.mark.claim("best-gamma")
@pytest.mark.parametrize("h", [0.05, 0.2, 1.0])
def test_best_gamma(h):
    gan = DiracGAN("minimax", "r1")
    for scheme, best in (("simultaneous", 2 * KAPPA), ("alternating", 2 * KAPPA - h * KAPPA**2)):
        np.testing.assert_allclose(gan.optimal_strength(h, scheme), best, rtol=1e-10)
        # Trace and determinant: at the best gamma both multipliers are 1 - h kappa.
        matrix = r1(best).update_matrix(h, scheme)
        np.testing.assert_allclose(np.trace(matrix), 2 * (1 - h * KAPPA), atol=1e-14)
        np.testing.assert_allclose(np.linalg.det(matrix), (1 - h * KAPPA) ** 2, atol=1e-14)


def test_best_strength_of_other_methods():
    h = 0.2
    noise = DiracGAN("minimax", "instance-noise").optimal_strength(h)
    np.testing.assert_allclose(noise, np.sqrt(2), rtol=1e-10)  # sigma^2 = 2 gamma
    np.testing.assert_allclose(DiracGAN("minimax", "roth").optimal_strength(h), 2.0, rtol=1e-10)
    both = DiracGAN("minimax", "r1+r2").optimal_strength(h)
    np.testing.assert_allclose(both, 0.5, rtol=1e-10)
    consensus = DiracGAN("minimax", "consensus").optimal_strength(h)
    np.testing.assert_allclose(consensus, 1 / (h * KAPPA**2), rtol=1e-6)  # a smooth minimum
    assert DiracGAN("wasserstein", "instance-noise").optimal_strength(h) == 0.0


@pytest.mark.claim("two-steps")
def test_the_best_simultaneous_step_ends_in_two():
    matrix = r1(1.0).update_matrix(2.0)
    np.testing.assert_array_equal(matrix @ matrix, 0)


@pytest.mark.claim("lazy-r1")
@pytest.mark.parametrize(
    ("interval", "gamma", "golden"),
    [(4, 0.3, (0.971476, 0.966277)), (16, 0.3, (0.914889, 0.904304)), (16, 1, (1.03591, 1.027632))],
)
def test_lazy_regularisation(interval, gamma, golden):
    for scheme, radius in zip(("simultaneous", "alternating"), golden, strict=True):
        matrix = r1(gamma).lazy_update_matrix(0.2, interval, scheme)
        assert spectral_radius(matrix) ** (1 / interval) == pytest.approx(radius, abs=6e-7)
        # The cycle, taken step by step near the equilibrium.
        z, tiny = np.array([1e-9, 2e-9]), DiracGAN()
        after = tiny.run(z, 0.2, interval - 1, scheme)[-1]
        after = r1(interval * gamma).run(after, 0.2, 1, scheme)[-1]
        np.testing.assert_allclose(after, matrix @ z, rtol=1e-9)
    np.testing.assert_array_equal(
        r1(gamma).lazy_update_matrix(0.2, 1), r1(gamma).update_matrix(0.2)
    )


@pytest.mark.claim("non-saturating-cycle")
@pytest.mark.parametrize(
    ("h", "point", "steps"),
    [(0.05, 0.3171, 20000), (0.1, 0.4499, 8000), (0.2, 0.6314, 4000), (0.5, 0.9805, 4000)],
)
def test_simultaneous_steps_on_the_non_saturating_game_settle_on_a_cycle(h, point, steps):
    radii = np.linalg.norm(DiracGAN("non-saturating").run(h=h, steps=steps)[-1000:], axis=1)
    # The cycle is no circle: its radius varies by some percent around the law.
    assert radii.min() < point < radii.max() + 5e-5
    assert np.ptp(radii) < 0.08 * point
    assert radii.mean() == pytest.approx(np.sqrt(2 * h), rel=0.01)


@pytest.mark.claim("non-saturating-alternating")
def test_alternating_steps_on_the_non_saturating_game_decay_like_the_flow():
    path = DiracGAN("non-saturating").run(steps=50_000, scheme="alternating")
    radii = np.linalg.norm(path[[500, 5000, 50_000]], axis=1)
    np.testing.assert_allclose(radii, (0.28392, 0.08798, 0.02772), atol=6e-6)
