"""Platforms are found by what people type."""

import pytest

from codat.records import Integration
from portal.link.platform_search import find
from sandbox.world.platforms import PLATFORMS

ALL = [Integration(key=p.key, name=p.name) for p in PLATFORMS.values()]


def names(asked):
    return [one.name for one in find(ALL, asked)]


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        ("xero", "Xero"),
        ("XERO", "Xero"),
        ("xreo", "Xero"),
        ("QBO", "QuickBooks Online"),
        ("qbd", "QuickBooks Desktop"),
        ("quick books desktop", "QuickBooks Desktop"),
        ("quikbooks", "QuickBooks Desktop"),
        ("sage50", "Sage 50 (UK)"),
        ("sage 50", "Sage 50 (UK)"),
        ("net suite", "Oracle NetSuite"),
        ("freshboks", "FreshBooks"),
        ("d365", "Dynamics 365 Business Central"),
        ("izettle", "Zettle"),
        ("éxact", "Exact (Netherlands)"),
        ("shopfy", "Shopify"),
    ],
)
def test_the_one_meant_comes_first(asked, first):
    assert names(asked)[0] == first


def test_a_short_name_finds_the_whole_family():
    assert set(names("QB")) == {
        "QuickBooks Online",
        "QuickBooks Online Sandbox",
        "QuickBooks Desktop",
    }


@pytest.mark.parametrize(
    "asked", ["lexware", "Lexware <b>", "datev", "zzzz", "<script>alert(1)</script>"]
)
def test_what_is_not_there_is_not_found(asked):
    assert names(asked) == []


@pytest.mark.parametrize("asked", ["", "  ", "%%%", "💥"])
def test_nothing_typed_gives_all(asked):
    assert len(names(asked)) == len(ALL)
