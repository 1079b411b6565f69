"""A data type in a path or body: `all`, or one of Codat's."""

from typing import Annotated

from pydantic import AfterValidator, Field

from relay.syncs.policy import known_data_type

DataType = Annotated[
    str,
    AfterValidator(known_data_type),
    Field(max_length=64, description="`all`, or one of Codat's data types.", examples=["invoices"]),
]
