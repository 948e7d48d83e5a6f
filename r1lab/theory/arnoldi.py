"""A few eigenvalues of a large real operator, each with its residual, or an error.

Public through `r1lab.theory.spectra`, which has the conventions.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigs

__all__ = ["NotConverged", "Spectrum", "eigenpairs"]

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

_KEYS = {
    "LM": abs,
    "SM": lambda values: -abs(values),
    "LR": np.real,
    "SR": lambda values: -np.real(values),
    "LI": lambda values: abs(np.imag(values)),
    "SI": lambda values: -abs(np.imag(values)),
}
_ATTEMPTS = 5  # each with twice the subspace
_RESTARTS = 40  # in one attempt
_SMALLEST_SUBSPACE = 60  # of a run that confirms
_DEEPEST = 1e-3  # imaginary parts below this share of the norm are passed over too easily
_FLOOR = 1e-4  # eigenvalues below this share of the operator's norm get an absolute residual


class NotConverged(RuntimeError):
    """Eigenvalues that could not be computed to the tolerance, or confirmed.

    Examples
    --------
    >>> try:
    ...     eigenpairs(np.diag(np.arange(100.0)), k=2, which="SM", max_products=1)
    ... except NotConverged:
    ...     print("ask for fewer, or allow more products")
    ask for fewer, or allow more products
    """


@dataclass(frozen=True, repr=False)
class Spectrum:
    """Some eigenvalues of a game's Jacobian or update; a Jacobian is stable with negative real
    part, an update with modulus below one.

    Attributes
    ----------
    values : (k,) complex, in the order of `which`, of a pair the positive imaginary part first.
    vectors : (n, k) complex, columns of norm one.
    residuals : (k,) ||J v - lambda v|| / max(|lambda|, 1e-4 ||J||), the norm from below.
    products : matrix-vector products that were spent.
    which, tol : as asked for; no residual exceeds tol.

    Examples
    --------
    >>> eigenpairs(np.diag([-3.0, -2.0, 0.0]), k=2)
    Spectrum(2 values, which='LM', residuals <= 1e-08)
    """

    values: ComplexArray
    vectors: ComplexArray
    residuals: Array
    products: int
    which: str
    tol: float

    def __repr__(self) -> str:
        return f"Spectrum({len(self.values)} values, which={self.which!r}, residuals <= {self.tol})"

    def off_null(self, null: float = 1e-6) -> ComplexArray:
        """The eigenvalues of modulus above null * (the largest): without flat directions.

        Examples
        --------
        >>> eigenpairs(np.diag([-3.0, -2.0, 0.0]), k=3).off_null().real
        array([-3., -2.])
        """
        return self.values[abs(self.values) > null * abs(self.values).max(initial=0)]

    def max_real(self, null: float = 1e-6) -> float:
        """The largest real part `off_null`, among the values at hand; a flow is stable below 0.

        Examples
        --------
        >>> eigenpairs(np.diag([-3.0, -2.0, 0.0]), k=3).max_real()
        -2.0
        """
        return float(self.off_null(null).real.max(initial=-np.inf))

    def radius(self) -> float:
        """The largest modulus: of an update, stable below 1, the error's factor per step.

        Examples
        --------
        >>> eigenpairs(np.diag([-3.0, -2.0, 0.0]), k=3).radius()
        3.0
        """
        return float(abs(self.values).max())

    def max_rotation(self, null: float = 1e-6) -> float:
        """The largest |Im / Re| `off_null`, among the values at hand, infinity on the axis.

        Stable eigenvalues (negative real part) with a large ratio ask for small steps.
        Source: Mescheder, Nowozin & Geiger 2017.

        Examples
        --------
        >>> eigenpairs(np.diag([-3.0, -2.0, 0.0]), k=3).max_rotation()
        0.0
        """
        values = self.off_null(null)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = np.nan_to_num(abs(values.imag / values.real), posinf=np.inf)
        return float(ratios.max(initial=0))


class _Counted(LinearOperator):  # type: ignore[misc]
    """The operator with a count of its products, a budget, and a lower bound of its norm."""

    def __init__(self, operator: LinearOperator | Array, budget: int) -> None:
        super().__init__(operator.dtype, operator.shape)
        self.operator, self.budget = operator, budget
        self.products, self.norm = 0, 0.0

    def _matvec(self, x: Array) -> Array:
        if self.products == self.budget:
            raise NotConverged(
                f"the budget of {self.budget} products was spent before the eigenvalues "
                "converged: ask for fewer of them or raise max_products"
            )
        self.products += 1
        x = x.reshape(-1)
        y = self.operator @ x
        length = np.linalg.norm(x)
        if length > 0:
            self.norm = max(self.norm, float(np.linalg.norm(y) / length))
        return y

    def residuals(self, values: ComplexArray, vectors: ComplexArray) -> Array:
        known: dict[complex, float] = {}
        for value, vector in zip(values, vectors.T, strict=True):
            upper = complex(value.real, abs(value.imag))  # a conjugate pair has one residual
            if upper not in known:
                image = self @ np.ascontiguousarray(vector.real).astype(self.dtype) + 0j
                if vector.imag.any():
                    image += 1j * (self @ np.ascontiguousarray(vector.imag).astype(self.dtype))
                known[upper] = float(np.linalg.norm(image - value * vector))
        absolute = np.array([known[complex(v.real, abs(v.imag))] for v in values])
        return absolute / np.maximum(np.maximum(abs(values), _FLOOR * self.norm), 1e-300)


def eigenpairs(
    operator: LinearOperator | Array,
    k: int = 20,
    which: str = "LM",
    *,
    tol: float | None = None,
    ncv: int | None = None,
    max_products: int = 20_000,
    seed: int = 0,
) -> Spectrum:
    """k eigenvalues and right eigenvectors of a real operator, by Arnoldi iterations.

    A result is returned only if every residual is at most `tol`; otherwise the subspace is
    doubled and the start is new. Residuals do not show that an eigenvalue was passed over:
    Arnoldi iterations find large moduli first. So for all `which` but "LM" two such runs must
    agree, and "LI" refuses imaginary parts that are zero or below 1e-3 of the operator's norm,
    where runs can agree on what is wrong. A subspace that reaches n makes way for a dense solve.

    Parameters
    ----------
    operator : (n, n) LinearOperator or array. A Jacobian of v is stable with negative real
        part, an update with modulus below one.
    k : number of eigenvalues, at most n.
    which : "LM", "SM", "LR", "SR", "LI" or "SI": largest or smallest modulus, real part, or
        absolute imaginary part.
    tol : the largest residual; 1e-8 by default, 1e-4 in float32.
    ncv : dimension of the first subspace, max(4 k + 1, 60) by default; from n on, and for
        k >= n - 1, the dense matrix is used.
    max_products : the budget of matrix-vector products.
    seed : of the start vectors.

    Raises
    ------
    NotConverged : no confirmed result within the budget and five subspaces.
    ValueError : an unknown `which`, a k or ncv out of range.

    Source: Lehoucq, Sorensen & Yang 1998 (ARPACK).

    Examples
    --------
    >>> eigenpairs(np.diag(np.arange(100.0)), k=3).values.real.round(9)
    array([99., 98., 97.])
    """
    if which not in _KEYS:
        raise ValueError(f"which must be one of {', '.join(_KEYS)}, not {which!r}")
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    if tol is None:
        tol = 1e-8 if np.dtype(operator.dtype) == np.float64 else 1e-4
    if ncv is not None and ncv < k + 2:
        raise ValueError(f"ncv must be at least k + 2 = {k + 2}, not {ncv}")
    counted = _Counted(operator, max_products)
    return _search(counted, k, which, tol, ncv, np.random.default_rng(seed))


def _search(
    counted: _Counted, k: int, which: str, tol: float, ncv: int | None, rng: np.random.Generator
) -> Spectrum:
    """Runs with growing subspaces until one is good, or two that agree."""
    n = counted.shape[0]
    smallest = max(4 * k + 1, _SMALLEST_SUBSPACE)
    subspace = smallest if ncv is None else ncv
    unconfirmed = None
    for _ in range(_ATTEMPTS):
        if subspace >= n or k >= n - 1:
            return _dense(counted.operator, k, which, tol, counted.products)
        found = _run(counted, k, which, tol, subspace, rng)
        if found is not None:
            if which == "LM" or (unconfirmed is not None and _agree(found, unconfirmed)):
                return found
            unconfirmed = found
        subspace = 2 * max(subspace, smallest)
    raise NotConverged(
        f"{k} eigenvalues, which={which!r}, were not found and confirmed to {tol} in "
        f"{counted.products} products: ask for fewer of them, or use another which"
    )


def _run(
    counted: _Counted, k: int, which: str, tol: float, ncv: int, rng: np.random.Generator
) -> Spectrum | None:
    """One call of ARPACK from a fresh start; None where it falls short."""
    start = rng.standard_normal(counted.shape[0]).astype(counted.dtype)
    try:
        # ARPACK's own estimate is optimistic for non-normal matrices: ask for more.
        values, vectors = eigs(
            counted, k, which=which, v0=start, ncv=ncv, tol=tol / 100, maxiter=_RESTARTS
        )
    except ArpackNoConvergence:
        return None
    found = _sorted(counted, k, values, vectors, which, tol)
    passed_over = which == "LI" and abs(found.values.imag).min() < _DEEPEST * counted.norm
    return None if passed_over or found.residuals.max() > tol else found


def _dense(
    operator: LinearOperator | Array, k: int, which: str, tol: float, spent: int
) -> Spectrum:
    to_dense = getattr(operator, "to_dense", None)
    n = operator.shape[0]
    matrix = to_dense() if to_dense else operator @ np.eye(n, dtype=operator.dtype)
    counted = _Counted(matrix, budget=2 * n)
    found = _sorted(counted, k, *np.linalg.eig(matrix), which, tol)
    if found.residuals.max() > tol:
        raise NotConverged(
            f"the dense eigenvalues have residuals up to {found.residuals.max():.0e}, above {tol}"
        )
    return replace(found, products=spent + n)


def _sorted(
    counted: _Counted, k: int, values: ComplexArray, vectors: ComplexArray, which: str, tol: float
) -> Spectrum:
    order = np.lexsort((-values.imag, -_KEYS[which](values)))[:k]
    values, vectors = values[order].astype(complex), vectors[:, order].astype(complex)
    residuals = counted.residuals(values, vectors)
    return Spectrum(values, vectors, residuals, counted.products, which, tol)


def _agree(one: Spectrum, other: Spectrum) -> bool:
    # Compare what was asked for: among equal keys either eigenvalue is right.
    key = _KEYS[one.which]
    gap = abs(key(one.values) - key(other.values)).max()
    return bool(gap <= 100 * one.tol * max(abs(one.values).max(), abs(other.values).max()))
