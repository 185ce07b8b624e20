import pytest
import torch

from finemri.refusal import Refusal
from finemri.training.replay import Replay


def images(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32).reshape(-1, 1, 1, 1, 1).expand(-1, 1, 2, 2, 2)


def values(batch: torch.Tensor) -> list[float]:
    return [float(image.mean()) for image in batch]


def test_a_pool_that_fills_returns_what_came() -> None:
    pool = Replay(size=3, chance=1.0)
    assert values(pool(images(1, 2, 3))) == [1, 2, 3]
    assert values(torch.stack(pool.images)) == [1, 2, 3]


def test_a_full_pool_exchanges_or_lets_pass() -> None:
    torch.manual_seed(0)
    pool = Replay(size=4, chance=0.5)
    pool(images(0, 1, 2, 3))
    old = 0
    for n in range(4, 404):
        before = values(torch.stack(pool.images))
        (back,) = values(pool(images(n)))
        after = values(torch.stack(pool.images))
        if back == n:
            assert after == before
        else:
            old += 1
            assert after == [n if value == back else value for value in before]
    assert 160 < old < 240


def test_never_and_always() -> None:
    never, always = Replay(2, chance=0.0), Replay(2, chance=1.0)
    for pool in (never, always):
        pool(images(1, 2))
    assert values(never(images(3, 4, 5))) == [3, 4, 5]
    assert values(always(images(3)))[0] in (1, 2)


def test_fakes_are_kept_apart_from_the_graph_and_from_later_changes() -> None:
    pool = Replay(2)
    fake = torch.ones(1, 1, 2, 2, 2, requires_grad=True)
    kept = pool(fake)
    fake.data.zero_()
    assert not kept.requires_grad
    assert values(torch.stack(pool.images)) == [1]


def test_a_restored_pool_goes_on_alike() -> None:
    one, two = Replay(3), Replay(3)
    one(images(1, 2, 3))
    two.load_state_dict(one.state_dict())
    torch.manual_seed(1)
    expected = [values(one(images(n, n + 0.5))) for n in range(10)]
    torch.manual_seed(1)
    assert [values(two(images(n, n + 0.5))) for n in range(10)] == expected


@pytest.mark.parametrize(("size", "chance"), [(0, 0.5), (80, 1.5), (80, -0.1)])
def test_nonsense_is_refused(size: int, chance: float) -> None:
    with pytest.raises(Refusal):
        Replay(size, chance)
