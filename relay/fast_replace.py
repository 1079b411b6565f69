"""Changed copies of frozen records, several times as quick as `dataclasses.replace` makes them.

Every webhook makes some, of records with many fields. Only for records that have no slots and take
their fields as they are given.
"""

from typing import TYPE_CHECKING, Any, TypeVar

Record = TypeVar("Record")

if TYPE_CHECKING:
    # The same to whoever calls it, so names and types of the fields are checked like there.
    from dataclasses import replace as changed
else:

    def changed(record: Record, /, **values: Any) -> Record:
        """Give a copy of `record` with these fields changed."""
        copy = object.__new__(type(record))
        vars(copy).update(vars(record), **values)
        return copy


__all__ = ["changed"]
