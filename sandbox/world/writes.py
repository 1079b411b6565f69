"""Writes: what a client creates, changes or deletes in a company's platform."""

from sandbox.world import refusals
from sandbox.world.model import Company, Write
from sandbox.world.world import World

# Codat: the `{dataType}.write.*` events of its OpenAPI file.
DATA_TYPES = frozenset(
    """bankAccounts bankTransactions billCreditNotes billPayments bills chartOfAccounts creditNotes
    customers directCosts directIncomes invoices items journalEntries journals payments
    purchaseOrders suppliers transfers""".split()  # noqa: SIM905 (eighteen lines otherwise)
)
KINDS = ("Create", "Update", "Delete", "UploadAttachment")
MESSAGES = {
    "Failed": "The platform refused the record.",
    "TimedOut": "The platform did not answer in time.",
}


def write(
    world: World, company: Company, data_type: str, kind: str = "Create", status: str = "Success"
) -> Write:
    """Write to a company's first fitting connection, ending at once with `status`."""
    if data_type not in DATA_TYPES or kind not in KINDS or status not in ("Success", *MESSAGES):
        raise refusals.bad_request()
    with world.lock:
        fit = [c for c in company.linked() if data_type in c.platform.data_types]
        if not fit:
            raise refusals.not_linked(company.id)
        now = world.clock()
        made = Write(company.ids.uuid(), company.id, fit[0].id, data_type, kind, now)
        made.status, made.completed, made.message = status, now, MESSAGES.get(status)
        if status == "Success":
            made.record_id = company.ids.uuid()
        company.writes.append(made)
        world.publisher.write(company, made)
        return made


def find(company: Company, key: str) -> Write:
    """Find a write; raises `Refusal` 404."""
    for made in company.writes:
        if made.id == key.lower():
            return made
    raise refusals.not_found(f"Push operation {key}")
