"""A contract survives the way to the CSV and back, and says what the number was made with."""

import pytest

from finemri.measures import MEASURES, contract_of
from finemri.measures.contract import Contract
from finemri.refusal import Refusal


@pytest.mark.parametrize("name", MEASURES)
def test_write_read_round_trip(name: str) -> None:
    contract = contract_of(name, mask="head", peak=812.25, crop="the first 10x12x14 of 11x12x15 voxels")
    assert "\n" not in str(contract)
    assert Contract.parse(str(contract)) == contract


def test_says_where_the_range_comes_from() -> None:
    assert contract_of("psnr", mask="full", peak=255.0, crop="none").range == 255
    assert "reference" in str(contract_of("ssim", mask="full", peak=255.0, crop="none").range_from)
    assert contract_of("hfen", mask="full", peak=255.0, crop="none").range is None


def test_3d_and_slice_wise_differ() -> None:
    one, other = (contract_of(name, mask="head", peak=1.0, crop="none") for name in ("ssim", "ssim-slices"))
    assert (one.dimension, other.dimension) == ("3D", "axial slices")


@pytest.mark.parametrize("text", ["", "{}", "3", "[1]", '{"measure":"psnr"}', "not json"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="contract"):
        Contract.parse(text)
