"""Distances against closed forms, other libraries and loops; evaluations against their parts."""

import json
import warnings

import numpy as np
import ot
import pytest
import scipy.linalg
import torch

from r1lab.images import InputError, metrics
from r1lab.images.metrics import distances, evaluation
from r1lab.images.metrics.base import extract


class Raw(metrics.Features):
    """Pixels of 2 x 2 grey images as they are: distances of pixels are distances of features."""

    name = "raw"
    num_features = 4

    def vectors(self, images):
        return images.flatten(1).float()


RAW = Raw()


def random_images(count, channels=1, size=2, seed=0, low=0, high=250):
    generator = torch.Generator().manual_seed(seed)
    shape = (count, channels, size, size)
    return torch.randint(low, high, shape, generator=generator, dtype=torch.uint8)


def random_vectors(count, dimensions, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, dimensions, generator=generator, dtype=torch.float64)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# Fréchet distance


def test_frechet_matches_scipys_matrix_root():
    real, fake = random_images(300), random_images(200, seed=1, low=50, high=120)
    x, y = (images.flatten(1).double().numpy() for images in (real, fake))
    s, t = np.cov(x.T), np.cov(y.T)
    root = scipy.linalg.sqrtm(s @ t).real
    expected = np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(s + t - 2 * root)
    assert metrics.frechet_distance(fake, real, RAW) == pytest.approx(expected, rel=1e-10)


def test_frechet_of_a_unit_shift_is_the_number_of_features():
    real = random_images(300)
    assert metrics.frechet_distance(real + 1, real, RAW) == pytest.approx(4, abs=1e-8)


def test_frechet_of_a_scaling_of_independent_features():
    # Diagonal covariances: the sum of squared differences of means and of standard deviations.
    corners = torch.tensor(np.array(np.meshgrid(*[[0, 2]] * 4)).reshape(4, -1).T)
    real = corners.to(torch.uint8).view(-1, 1, 2, 2)
    fake = real * 3
    deviation = np.sqrt(16 / 15)  # of 0 and 2, eight times each, unbiased
    expected = 4 * ((3 - 1) ** 2 + (3 * deviation - deviation) ** 2)
    assert metrics.frechet_distance(fake, real, RAW) == pytest.approx(expected, rel=1e-10)


# Kernel distance


def unbiased_mmd(fake, real):
    """Bińkowski et al. 2018, equation (4) with the kernel of section 4, pair by pair."""

    def kernel(a, b):
        return (a @ b / len(a) + 1) ** 3

    def within(x):
        pairs = [kernel(x[i], x[j]) for i in range(len(x)) for j in range(len(x)) if i != j]
        return np.mean(pairs)

    return within(fake) + within(real) - 2 * np.mean([[kernel(a, b) for b in real] for a in fake])


def test_kernel_matches_a_sum_over_pairs():
    fake, real = random_vectors(30, 4, seed=0) + 0.5, random_vectors(30, 4, seed=1)
    mean, deviation = distances.kernel(fake, real)
    assert mean == pytest.approx(unbiased_mmd(fake.numpy(), real.numpy()), rel=1e-10)
    assert deviation == 0  # one subset holds all


def test_kernel_is_unbiased():
    pairs = [(random_vectors(20, 3, 2 * i), random_vectors(20, 3, 2 * i + 1)) for i in range(300)]
    values = np.array([distances.kernel(fake, real)[0] for fake, real in pairs])
    standard_error = values.std() / np.sqrt(len(values))
    assert abs(values.mean()) < 3 * standard_error
    # With the diagonal, as a V-statistic has it, it would be off by far more than that.
    diagonal = np.mean([((x @ x / 3 + 1) ** 3).item() for x in random_vectors(1000, 3, seed=9)])
    assert 2 * (diagonal - 1) / 20 > 10 * standard_error


def test_kernel_of_many_is_over_subsets_and_near_that_of_all(monkeypatch):
    monkeypatch.setattr(distances, "_SUBSET_SIZE", 100)
    fake, real = random_vectors(250, 4, seed=0) + 0.5, random_vectors(300, 4, seed=1)
    state = torch.get_rng_state()
    mean, deviation = distances.kernel(fake, real, seed=3)
    assert torch.equal(torch.get_rng_state(), state)
    everything = unbiased_mmd(fake.numpy()[:250], real.numpy())
    assert abs(mean - everything) < deviation  # 100 subsets: ten standard errors
    assert deviation > 0
    assert distances.kernel(fake, real, seed=3) == (mean, deviation)
    assert distances.kernel(fake, real, seed=4) != (mean, deviation)


# Sliced Wasserstein distance


def test_sliced_of_one_pixel_is_the_distance_of_sorted_values():
    fake, real = random_images(50, size=1), random_images(50, size=1, seed=1, high=100)
    sorted_values = (np.sort(x.flatten().numpy() / 127.5) for x in (fake, real))
    expected = np.sqrt(np.mean(np.subtract(*sorted_values) ** 2))
    assert distances.sliced(fake, real) == pytest.approx(expected, rel=1e-5)


def test_sliced_is_that_of_pot():
    fake, real = random_images(60, 3, 4), random_images(60, 3, 4, seed=1, high=200)
    x, y = (images.flatten(1).double().numpy() / 127.5 - 1 for images in (fake, real))
    expected = ot.sliced_wasserstein_distance(x, y, n_projections=256, seed=7)
    assert distances.sliced(fake, real, seed=7) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("size", [4, 16])
def test_sliced_of_a_shift_is_the_shift(size):
    real = random_images(20, 3, size, high=200)
    values = [distances.sliced(real + 51, real, seed) for seed in range(20)]
    assert np.mean(values) == pytest.approx(0.4, rel=0.04)  # 51 of 255, in [-1, 1]
    assert np.std(values) / 0.4 < 0.06  # 1 / sqrt(2 * 256) = 0.044 is what the docstring says


def test_sliced_needs_equal_counts():
    with pytest.raises(InputError, match="as many fakes as reals, not 2 and 3"):
        distances.sliced(random_images(2), random_images(3))


# Precision, recall, density, coverage


def brute_force(fake, real, k=5):
    """The four definitions of Naeem et al. 2020, with loops."""

    def distance(a, b):
        return np.sqrt(np.sum((a - b) ** 2))

    def radius(x, i):
        return sorted(distance(x[i], x[j]) for j in range(len(x)) if j != i)[k - 1]

    def in_balls(x, centres):
        radii = [radius(centres, i) for i in range(len(centres))]
        return np.array(
            [[distance(a, c) < r for c, r in zip(centres, radii, strict=True)] for a in x]
        )

    fakes_in, reals_in = in_balls(fake, real), in_balls(real, fake)
    return (
        fakes_in.any(1).mean(),
        reals_in.any(1).mean(),
        fakes_in.sum(1).mean() / k,
        fakes_in.any(0).mean(),
    )


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.0])
def test_manifold_scores_match_loops(shift, capsys):
    fake, real = random_vectors(40, 3, seed=0) * 0.7 + shift, random_vectors(50, 3, seed=1)
    scores = distances.manifold_scores(fake, real)
    np.testing.assert_allclose(scores, brute_force(fake.numpy(), real.numpy()))
    assert capsys.readouterr().out == ""


def test_manifold_scores_leave_warnings_alone():
    # With the eight threads that prdc asks for, scikit-learn 1.9 loses the filters.
    before = list(warnings.filters)
    for _ in range(3):
        distances.manifold_scores(random_vectors(2000, 32, seed=0), random_vectors(2000, 32, 1))
    assert warnings.filters == before


def test_collapsed_fakes_are_precise_and_recall_nothing():
    real = random_vectors(100, 3, seed=0)
    scores = distances.manifold_scores(torch.zeros(100, 3, dtype=torch.float64), real)
    assert scores.precision == 1
    assert scores.recall == 0
    assert scores.coverage < 0.5


# Evaluations


def test_identical_sets():
    real = random_images(60)
    result = metrics.evaluate(real.clone(), real, RAW)
    assert abs(result.frechet) < 1e-6
    # Not 0: the unbiased kernel distance leaves out each image's pair with itself.
    assert result.kernel < 0
    assert result.sliced_wasserstein == 0
    assert (result.precision, result.recall, result.coverage) == (1, 1, 1)


def test_evaluation_is_its_parts():
    real, fake = random_images(60, 3, 16), random_images(50, 3, 16, seed=1, high=200)
    reference = metrics.Reference(real)
    result = reference.evaluate(fake, seed=2)
    x, y = (extract(reference.features, images) for images in (fake, real))
    assert (result.features, result.count, result.real_count) == ("pixels-8x8", 50, 60)
    assert result.frechet == distances.frechet(x, y) == reference.frechet(fake)
    assert result.frechet == metrics.frechet_distance(fake, real)
    assert (result.kernel, result.kernel_std) == distances.kernel(x, y, seed=2)
    assert result == metrics.evaluate(fake, real, "pixels-8x8", seed=2)
    assert result != metrics.evaluate(fake, real, "pixels-8x8", seed=3)


def test_evaluation_leaves_global_random_states_alone():
    images = random_images(20, 1, 32)
    torch_state, (_, numpy_state, *_) = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
    metrics.evaluate(images, images + 1)
    assert torch.equal(torch.get_rng_state(), torch_state)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002


def test_quadratic_measures_take_equal_random_choices(monkeypatch):
    # The first half of the fakes is black: the first 20 alone would miss what the others are.
    monkeypatch.setattr(evaluation, "_MOST_COMPARED", 20)
    seen = {}
    for name in ("manifold_scores", "sliced"):
        original = getattr(distances, name)

        def spy(fake, real, *seed, name=name, original=original):
            seen[name] = (len(fake), len(real), len(fake.double().flatten(1).unique(dim=0)))
            return original(fake, real, *seed)

        monkeypatch.setattr(distances, name, spy)
    real, fake = random_images(70), random_images(60, seed=1)
    fake[:30] = 0
    metrics.evaluate(fake, real, RAW)
    for fakes, reals, different in seen.values():
        assert (fakes, reals) == (20, 20)
        assert different > 5


def test_evaluation_survives_json():
    result = metrics.evaluate(random_images(20), random_images(30, seed=1), RAW)
    again = metrics.Evaluation.from_json(json.loads(json.dumps(result.to_json())))
    assert again == result


def test_foreign_json_is_refused():
    with pytest.raises(InputError, match="not an evaluation of r1lab: its fields are fid"):
        metrics.Evaluation.from_json({"fid": 3.0})


def test_table_names_the_features_of_each_measure():
    result = metrics.Evaluation("raw", 20, 30, 1.5, 0.25, 0.125, 0.75, 0.1, 0.2, 0.3, 0.4)
    rows = [[cell.strip() for cell in row.split("  ") if cell] for row in str(result).splitlines()]
    assert rows == [
        ["20 fakes, 30 reals", "value", "features"],
        ["Fréchet distance", "1.5", "raw"],
        ["kernel distance", "0.25 ± 0.12", "raw"],
        ["sliced Wasserstein distance", "0.75", "pixels"],
        ["precision", "0.100", "raw"],
        ["recall", "0.200", "raw"],
        ["density", "0.300", "raw"],
        ["coverage", "0.400", "raw"],
    ]


@pytest.mark.parametrize(
    ("fake", "real", "sentence"),
    [
        (torch.zeros(9, 1, 32, 32), None, r"the fakes must be uint8 \(0 to 255\), not torch.float"),
        (None, torch.zeros(9, 1, 32, 32), r"the reals must be uint8 \(0 to 255\), not torch.float"),
        (random_images(9, 3, 32), None, r"fakes are of shape \(3, 32, 32\) and the reals of \(1,"),
        (random_images(9, 1, 32)[0], None, r"the fakes must be of shape \(N, 1 or 3, S, S\), not"),
        (random_images(9, 4, 32), None, r"the fakes must be of shape \(N, 1 or 3, S, S\), not"),
        (None, random_images(9, 1, 32)[:, :, 4:], r"reals must be of shape \(N, 1 or 3, S, S\)"),
        (random_images(6, 1, 32), None, "precision and recall need at least 7 fakes and as many"),
        (None, random_images(0, 1, 32), "at least 7 fakes and as many reals, not 9 and 0"),
    ],
)
def test_bad_images_get_one_sentence(fake, real, sentence):
    fake = random_images(9, 1, 32) if fake is None else fake
    real = random_images(9, 1, 32) if real is None else real
    with pytest.raises(InputError, match=sentence) as error:
        metrics.evaluate(fake, real)
    assert "\n" not in str(error.value)


def test_one_image_has_no_covariance():
    with pytest.raises(InputError, match="the Fréchet distance needs at least 2 fakes"):
        metrics.frechet_distance(random_images(1), random_images(9), RAW)
