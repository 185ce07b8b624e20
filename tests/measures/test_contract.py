"""A contract survives the way to the CSV and back, and says what the number was made with."""

import json

import pytest

from finemri.measures import MEASURES, SLICEWISE, contract_of, contract_of_labels, contract_of_slices, title_of
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


@pytest.mark.parametrize("name", SLICEWISE)
@pytest.mark.parametrize("peak", [None, 3.5])
def test_slices_by_themselves_say_so(name: str, peak: float | None) -> None:
    crime = "k-space simulated from a magnitude image (data crime)"
    contract = contract_of_slices(name, mask="head", peak=peak, count=7, across="axis 2", crop="none", data=crime)
    assert Contract.parse(str(contract)) == contract
    assert contract.dimension == "2D, axis 2"
    assert "7 slices" in contract.aggregation
    assert "volume" not in contract.aggregation
    assert contract.data == crime
    if "peak" in MEASURES[name].needs:
        whose = "each slice" if peak is None else "the slices judged"
        assert (contract.range, contract.range_from) == (peak, f"reference: maximum of {whose}")


def test_measures_of_labels_name_their_label() -> None:
    made = {k: contract_of_labels(k, 2, count=3, by="seg@1", across="", crop="none", data="") for k in ("dice", "sis")}
    assert [c.measure for c in made.values()] == ["dice-2", "sis-2"]
    assert [title_of(c.measure) for c in made.values()] == ["Dice of label 2", "SIS of label 2"]
    assert "divided" in made["sis"].aggregation
    assert "divided" not in made["dice"].aggregation


def test_tables_from_before_k_space_are_still_read() -> None:
    contract = contract_of("psnr", mask="full", peak=1.0, crop="none")
    older = {key: value for key, value in json.loads(str(contract)).items() if key != "data"}
    assert Contract.parse(json.dumps(older)) == contract


@pytest.mark.parametrize("text", ["", "{}", "3", "[1]", '{"measure":"psnr"}', "not json"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="contract"):
        Contract.parse(text)
