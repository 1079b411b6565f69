"""Why a use case was refused. These errors know nothing of HTTP; each caller translates them."""


class Refused(Exception):
    """The use case was not carried out; `str()` says why."""


class Conflict(Refused):
    """What we hold does not allow this now."""


class NotFound(Refused):
    """There is no such thing."""


class UnknownCompany(NotFound):
    """We hold no company of this id."""


class InvalidValue(Refused):
    """One value cannot be used; `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
