"""Laws of every adversarial rule."""

import pytest
import torch
from torch import Tensor, nn

from finemri.losses.adversarial import CrossEntropy, LeastSquares, Patchwise, WassersteinGP
from finemri.refusal import Refusal

Rule = LeastSquares | CrossEntropy | WassersteinGP
RULES: list[Rule] = [
    LeastSquares(),
    LeastSquares(real=(0.7, 1.2)),
    CrossEntropy(),
    CrossEntropy(real=(0.9, 0.9)),
    WassersteinGP(),
]
each = pytest.mark.parametrize("rule", RULES, ids=repr)
PATCHWISE = [Patchwise(rule, 2, average) for rule in RULES for average in ("squares", "scores")]
patchwise = pytest.mark.parametrize("rule", PATCHWISE, ids=repr)


def mean_brightness(sign: float) -> nn.Module:
    """A critic of slope 1 that likes bright images (sign 1) or dark ones (−1), for images of 4³ voxels."""

    class Mean(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            return sign * image.flatten(1).sum(1) / 8

    return Mean()


@each
def test_a_perfect_critic_loses_less_than_a_fooled_one(rule: Rule) -> None:
    real, fake = torch.full((6, 1, 4, 4, 4), 0.5), torch.full((6, 1, 4, 4, 4), -0.5)
    perfect, fooled = mean_brightness(1.0), mean_brightness(-1.0)
    assert rule.critic_loss(perfect, real, fake) < rule.critic_loss(fooled, real, fake)
    assert rule.generator_loss(perfect, fake) > rule.generator_loss(fooled, fake)


@each
def test_the_generators_gradient_points_the_other_way(rule: Rule) -> None:
    """What the critic wants lower on a made image, the generator wants higher."""
    critic = mean_brightness(1.0)
    real = torch.full((6, 1, 4, 4, 4), 0.05)
    fake = torch.full((6, 1, 4, 4, 4), 0.01, requires_grad=True)
    (critics,) = torch.autograd.grad(rule.critic_loss(critic, real, fake), fake)
    (generators,) = torch.autograd.grad(rule.generator_loss(critic, fake), fake)
    assert float(critics.sum()) > 0 > float(generators.sum())


@each
def test_gradients_are_right_to_double_precision(rule: Rule) -> None:
    """The penalty included: its gradient is a gradient of a gradient."""
    torch.manual_seed(0)
    kernel = torch.randn(2, 1, 3, 3, 3, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(1, 2 * 8, dtype=torch.float64) / 4
    real, fake = (torch.randn(2, 1, 4, 4, 4, dtype=torch.float64) for _ in range(2))

    def score(image: Tensor, kernel: Tensor) -> Tensor:
        return (torch.tanh(nn.functional.conv3d(image, kernel)).flatten(1) @ weight.T).squeeze(1)

    def critics_turn(kernel: Tensor) -> Tensor:
        torch.manual_seed(1)  # the same smoothed labels and the same points between
        return rule.critic_loss(lambda image: score(image, kernel), real, fake)

    def generators_turn(made: Tensor) -> Tensor:
        torch.manual_seed(1)
        return rule.generator_loss(lambda image: score(image, kernel.detach()), made)

    assert torch.autograd.gradcheck(critics_turn, (kernel,), atol=1e-6)
    assert torch.autograd.gradcheck(generators_turn, (fake.requires_grad_(),), atol=1e-6)


def test_the_penalty_of_a_critic_of_slope_two_is_one() -> None:
    real, fake = torch.randn(5, 1, 4, 4, 4), torch.randn(5, 1, 4, 4, 4)
    steep = mean_brightness(2.0)
    assert float(WassersteinGP().slope(steep, real, fake)) == pytest.approx(1.0, abs=1e-5)


def test_the_penalty_of_a_flat_critic_has_a_gradient() -> None:
    """√ has none at 0: without ε this is where NaN comes from."""
    weight = torch.zeros(1, requires_grad=True)
    penalty = WassersteinGP().slope(
        lambda x: (weight * x).flatten(1).sum(1), torch.randn(2, 1, 4, 4, 4), torch.randn(2, 1, 4, 4, 4)
    )
    penalty.backward()
    assert weight.grad is not None
    assert bool(weight.grad.isfinite().all())


def test_the_penalty_is_float32_under_autocast() -> None:
    critic = nn.Sequential(nn.Conv3d(1, 4, 3), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(32, 1), nn.Flatten(0))
    real, fake = torch.randn(2, 1, 4, 4, 4), torch.randn(2, 1, 4, 4, 4)
    torch.manual_seed(3)
    exact = WassersteinGP().slope(critic, real, fake)
    torch.manual_seed(3)
    with torch.autocast("cpu", torch.bfloat16):
        under = WassersteinGP().slope(critic, real, fake)
    assert under.dtype == torch.float32
    torch.testing.assert_close(under, exact)


def test_a_published_slip_leaves_nothing_to_tell_apart() -> None:
    """Same targets for real and made: the best score is the same for both, whatever the critic sees."""
    inert = LeastSquares(real=(1.0, 1.0), fake=(1.0, 1.0), generator=(1.0, 1.0))
    same = lambda x: torch.ones(len(x))  # noqa: E731
    real, fake = torch.randn(4, 1, 4, 4, 4), torch.randn(4, 1, 4, 4, 4)
    assert float(inert.critic_loss(same, real, fake)) == 0.0
    assert float(LeastSquares().critic_loss(same, real, fake)) == 0.5


def test_labels_outside_of_a_probability_are_refused() -> None:
    with pytest.raises(Refusal, match=r"0\.\.1"):
        CrossEntropy(real=(0.7, 1.2))


def brightness(image: Tensor) -> Tensor:
    """A critic of slope 1 / n at each of n places, of images and patches alike."""
    return image.flatten(1).mean(1)


@patchwise
def test_patchwise_a_perfect_critic_loses_less_than_a_fooled_one(rule: Patchwise) -> None:
    real, fake = torch.full((3, 2, 5, 4), 0.5), torch.full((3, 2, 5, 4), -0.5)
    perfect, fooled = brightness, lambda image: -brightness(image)
    assert rule.critic_loss(perfect, real, fake) < rule.critic_loss(fooled, real, fake)
    assert rule.generator_loss(perfect, fake) > rule.generator_loss(fooled, fake)


@patchwise
def test_patchwise_the_generators_gradient_points_the_other_way(rule: Patchwise) -> None:
    real = torch.full((3, 2, 4, 4), 0.05)
    fake = torch.full((3, 2, 4, 4), 0.01, requires_grad=True)
    (critics,) = torch.autograd.grad(rule.critic_loss(brightness, real, fake), fake)
    (generators,) = torch.autograd.grad(rule.generator_loss(brightness, fake), fake)
    assert float(critics.sum()) > 0 > float(generators.sum())


@pytest.mark.parametrize("rule", [LeastSquares(), CrossEntropy()], ids=repr)
def test_the_loss_of_patches_is_the_mean_of_their_losses(rule: LeastSquares | CrossEntropy) -> None:
    real, fake = torch.randn(2, 2, 6, 9), torch.randn(2, 2, 6, 9)
    cut = Patchwise(rule, 3)
    patches = [(slice(None), slice(None), slice(i, i + 2), slice(j, j + 3)) for i in (0, 2, 4) for j in (0, 3, 6)]
    critics = torch.stack([rule.critic_loss(brightness, real[each], fake[each]) for each in patches])
    generators = torch.stack([rule.generator_loss(brightness, fake[each]) for each in patches])
    torch.testing.assert_close(cut.critic_loss(brightness, real, fake), critics.mean())
    torch.testing.assert_close(cut.generator_loss(brightness, fake), generators.mean())


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_the_mean_score_of_patches_is_judged_as_one(rule: Rule) -> None:
    """Of a critic whose score is a mean over places, cutting and averaging is no change; the penalty included."""
    real, fake = torch.randn(2, 2, 6, 9), torch.randn(2, 2, 6, 9)
    losses = []
    for judged in (rule, Patchwise(rule, 3, "scores")):
        torch.manual_seed(4)
        losses.append([judged.critic_loss(brightness, real, fake), judged.generator_loss(brightness, fake)])
    torch.testing.assert_close(losses[0], losses[1])


def test_one_patch_is_the_image() -> None:
    image = torch.randn(2, 3, 5, 7)
    assert torch.equal(Patchwise(LeastSquares(), 1).cut(image), image)


def test_patches_follow_one_another_and_leave_out_the_border_evenly() -> None:
    image = torch.arange(2 * 7 * 6).reshape(2, 1, 7, 6).float()
    patches = Patchwise(LeastSquares(), 4).cut(image)  # three rows and two columns are left over
    assert patches.shape == (32, 1, 1, 1)
    assert torch.equal(patches.flatten(), image[:, :, 1:5, 1:5].flatten())
    with pytest.raises(Refusal, match="cannot be cut"):
        Patchwise(LeastSquares(), 8).cut(image)
    with pytest.raises(Refusal, match="at least 1 × 1"):
        Patchwise(LeastSquares(), 0)
