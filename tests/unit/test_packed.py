"""A state that was packed is unpacked as it was, and takes a third of the room."""

import pytest

from relay.companies.company import Company, Connection
from relay.store.companies.packed import pack, unpack
from support.parts import company_id

VERSION = (1_767_603_600_000_001, "00000000-0000-4000-8000-00000000000a")


def state(name):
    connection = Connection(company_id(7), "Linked", VERSION, "gbol", "Xero", "Accounting")
    return Company(
        id=company_id(1), name=name, name_version=VERSION, connections={connection.id: connection}
    ).to_json()


@pytest.mark.parametrize("name", ["Books Limited", "", '\N{SNOWMAN} "quoted"' * 100])
def test_a_packed_state_comes_back(name):
    assert unpack(company_id(1), pack(company_id(1), state(name))) == state(name)


def test_it_is_less_than_half_as_long():
    assert len(pack(company_id(1), state("Books Limited"))) < len(state("Books Limited")) / 2


@pytest.mark.parametrize("kept", [b"", b'{"id":"1"}', b"\x01not deflated"])
def test_what_is_no_packed_state_is_refused_by_the_companys_id(kept):
    with pytest.raises(ValueError, match=company_id(1)):
        unpack(company_id(1), kept)
