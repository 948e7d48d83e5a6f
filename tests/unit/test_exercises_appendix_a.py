"""Appendix A's exercises: solutions pass, and planted mistakes get the hint that fits."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.linear_model import Lasso

from r1lab.notebook.exercises import check


def empty_model(X, y):
    return np.abs(X.T @ y).max() / len(y)


def balance(a, w):
    return (a / w) ** 0.5


@pytest.mark.parametrize(
    ("name", "answer"), [("app-a-empty-model", empty_model), ("app-a-balance", balance)]
)
def test_solutions_are_right(name, answer, capsys):
    assert check(name, answer)
    assert capsys.readouterr().out == "right\n"


@pytest.mark.parametrize(
    ("name", "answer", "hint"),
    [
        ("app-a-empty-model", lambda X, y: np.abs(X.T @ y).max(), "this is lambda"),
        ("app-a-empty-model", lambda X, y: empty_model(X, y) / 2, "divide by n only"),
        ("app-a-empty-model", lambda X, y: (X.T @ y).max() / len(y), "negative correlation"),
        ("app-a-empty-model", lambda X, y: 1.0, "as long as no"),
        ("app-a-empty-model", 0.3, "a function"),
        ("app-a-balance", lambda a, w: (w / a) ** 0.5, "multiplied by c"),
        ("app-a-balance", lambda a, w: a / w, "the square"),
        ("app-a-balance", lambda a, w: w / a, "one norm"),
        ("app-a-balance", lambda a, w: 1.0, "minimise"),
        ("app-a-balance", 2.0, "a function"),
    ],
)
def test_mistakes_get_the_hint_that_fits(name, answer, hint, capsys):
    assert not check(name, answer)
    assert hint in capsys.readouterr().out


def test_the_solutions_agree_with_scikit_learn_and_with_a_numerical_minimum():
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(30, 4)), rng.normal(size=30)
    for factor, empty in ((1.01, True), (0.9, False)):
        alpha = factor * empty_model(X, y)
        fit = Lasso(alpha=alpha, fit_intercept=False, tol=1e-10).fit(X, y)
        assert (np.count_nonzero(fit.coef_) == 0) == empty
    best = minimize_scalar(lambda c: (3 * c) ** 2 + (5 / c) ** 2, bounds=(0.1, 10)).x
    assert best == pytest.approx(balance(5, 3), rel=1e-4)
