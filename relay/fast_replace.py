"""Copy a frozen record with some fields replaced, several times as fast as `dataclasses.replace`.

Every webhook makes such copies, of records with many fields. It works only for records without
slots, whose fields are kept as they are given.
"""

from typing import TYPE_CHECKING, Any, TypeVar

Record = TypeVar("Record")

if TYPE_CHECKING:
    # Checked like `replace`, so that names and types of the fields are.
    from dataclasses import replace as fast_replace
else:

    def fast_replace(record: Record, /, **values: Any) -> Record:
        """Return a copy of `record` with these fields replaced."""
        copy = object.__new__(type(record))
        vars(copy).update(vars(record), **values)
        return copy


__all__ = ["fast_replace"]
