"""The words Codat uses for the state of a connection, of a data pull and of what can be pulled."""

from enum import StrEnum
from typing import Self


class ConnectionStatus(StrEnum):
    """The state of one connection (Codat: core-concepts/connections)."""

    PENDING_AUTH = "PendingAuth"
    LINKED = "Linked"
    UNLINKED = "Unlinked"
    DEAUTHORIZED = "Deauthorized"

    @classmethod
    def parse(cls, text: object) -> Self | None:
        """Read a status in any case, and in the older spelling `Deauthorised`; else None."""
        if not isinstance(text, str):
            return None
        return _STATUS_OF.get(text.strip().lower())


_STATUS_OF = {status.lower(): status for status in ConnectionStatus} | {
    "deauthorised": ConnectionStatus.DEAUTHORIZED
}


class PullOutcome(StrEnum):
    """What a pull's status means for the request that started it."""

    IN_PROGRESS = "in_progress"
    COMPLETE = "complete"
    NEUTRAL = "neutral"
    FAILED = "failed"
    NEEDS_CUSTOMER = "needs_customer"


# Codat: core-concepts/status. `Routing` and `RoutingError` were sent until 2023; `Unknown`,
# `Pending`, `Success`, `Failure` and `TimeOut` until 2022. What is not listed here is in progress.
_OUTCOMES: dict[PullOutcome, tuple[str, ...]] = {
    PullOutcome.COMPLETE: ("Complete", "Success"),
    PullOutcome.NEUTRAL: ("Cancelled", "NotSupported"),
    PullOutcome.NEEDS_CUSTOMER: ("AuthError",),
    PullOutcome.FAILED: (
        "FetchError",
        "MapError",
        "ValidationError",
        "ProcessingError",
        "InternalError",
        "PermissionsError",
        "RateLimitError",
        "PrerequisiteNotMet",
        "RoutingError",
        "Failure",
        "TimeOut",
    ),
}
_OUTCOME_OF = {
    status.lower(): outcome for outcome, statuses in _OUTCOMES.items() for status in statuses
}


def pull_outcome(status: str) -> PullOutcome:
    """Return what a pull status of any generation means; an unknown one is in progress."""
    return _OUTCOME_OF.get(status.strip().lower(), PullOutcome.IN_PROGRESS)


SOURCE_TYPES: frozenset[str] = frozenset(
    {"Accounting", "Banking", "BankFeed", "Commerce", "Expense", "Other", "Unknown"}
)

DATA_TYPES: frozenset[str] = frozenset(
    {
        "accountTransactions",
        "balanceSheet",
        "bankAccounts",
        "bankTransactions",
        "billCreditNotes",
        "billPayments",
        "bills",
        "cashFlowStatement",
        "chartOfAccounts",
        "company",
        "creditNotes",
        "customers",
        "directCosts",
        "directIncomes",
        "invoices",
        "itemReceipts",
        "items",
        "journalEntries",
        "journals",
        "paymentMethods",
        "payments",
        "profitAndLoss",
        "purchaseOrders",
        "salesOrders",
        "suppliers",
        "taxRates",
        "trackingCategories",
        "transfers",
        "banking-accountBalances",
        "banking-accounts",
        "banking-transactionCategories",
        "banking-transactions",
        "commerce-companyInfo",
        "commerce-customers",
        "commerce-disputes",
        "commerce-locations",
        "commerce-orders",
        "commerce-paymentMethods",
        "commerce-payments",
        "commerce-productCategories",
        "commerce-products",
        "commerce-taxComponents",
        "commerce-transactions",
    }
)
