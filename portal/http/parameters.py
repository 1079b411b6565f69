"""Values that several resources take in paths and bodies: a company's id, a data type."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from relay.syncs.policy import known_data_type

DataType = Annotated[
    str,
    AfterValidator(known_data_type),
    Field(max_length=64, description="`all`, or one of Codat's data types.", examples=["invoices"]),
]


class CompanyPath(BaseModel):
    """Which company."""

    company_id: Annotated[str, Field(description="Codat's id of the company.")]
