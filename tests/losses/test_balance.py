import json

import pytest
import torch

from finemri.losses.balance import Balance
from finemri.refusal import Refusal


def parts(one: float, two: float, three: float = 1.0) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(value) for name, value in (("one", one), ("two", two), ("three", three))}


def values(balanced: dict[str, torch.Tensor]) -> list[float]:
    return [float(part) for part in balanced.values()]


def test_the_first_batch_sets_what_all_later_ones_are_measured_by() -> None:
    balance = Balance(["one", "two"])
    assert values(balance(parts(4.0, -0.5, 3.0))) == [1.0, -1.0, 3.0]
    assert values(balance(parts(2.0, 1.0, 5.0))) == [0.5, 2.0, 5.0]


def test_a_loss_that_comes_later_is_measured_by_its_own_first_batch() -> None:
    balance = Balance(["one", "two"])
    balance({"one": torch.tensor(4.0)})
    assert values(balance(parts(4.0, 8.0))) == [1.0, 1.0, 1.0]


def test_what_divides_has_no_gradient() -> None:
    x = torch.tensor(3.0, requires_grad=True)
    (gradient,) = torch.autograd.grad(Balance(["one"])({"one": x.square()})["one"], x)
    assert float(gradient) == pytest.approx(6.0 / 9.0)


def test_machines_divide_by_the_mean_of_their_first() -> None:
    assert values(Balance(["one"])({"one": torch.tensor(6.0)}, lambda number: number / 2)) == [2.0]


def test_a_restored_balance_divides_alike() -> None:
    one, two = Balance(["one", "two"]), Balance(["one", "two"])
    one(parts(1 / 3, 0.1))
    two.load_state_dict(json.loads(json.dumps(one.state_dict())))
    assert values(two(parts(0.7, 0.7))) == values(one(parts(0.7, 0.7)))


def test_nothing_to_measure_by_is_refused() -> None:
    with pytest.raises(Refusal, match="first two loss is 0"):
        Balance(["one", "two"])(parts(1.0, 0.0))
