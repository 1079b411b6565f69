"""The names of Codat's legacy rule webhooks, in any spelling that is sent."""

import re

# Name in today's service (Codat: using-the-api/webhooks/event-types), and other spellings of it
# (Codat: using-the-api/webhooks/legacy/core-rules-types). Case and punctuation never matter.
_SPELLINGS: dict[str, tuple[str, ...]] = {
    "DataConnectionStatusChanged": (),
    "NewCompanySynchronized": ("New company synchronised",),
    "DataSyncCompleted": (),
    "DatasetDataChanged": (),
    "DataSyncStatusChangedToError": (),
    "PushOperationStatusChanged": (),
    "PushOperationTimedOut": (),
    "AccountCategoriesUpdated": (),
    "SyncConnectionDeleted": (),
    "SyncCompleted": (),
    "SyncFailed": (),
    "ClientRateLimitReached": ("Rate Limit Reached",),
    "ClientRateLimitReset": ("Rate Limit Reset",),
}

LEGACY_TYPES: frozenset[str] = frozenset(_SPELLINGS)


def _folded(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


_NAME_OF = {
    _folded(spelling): name for name, others in _SPELLINGS.items() for spelling in (name, *others)
}


def legacy_type(sent: str) -> str:
    """Return the rule type's name in today's service; an unknown one stays as sent."""
    return _NAME_OF.get(_folded(sent), sent)
