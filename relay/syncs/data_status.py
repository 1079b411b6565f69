"""Find the reads in Codat's own records that no webhook reported to us.

Pure: records of Codat's in, reads out. A company's data status names no connection and does not
say when a read failed (Codat: core-concepts/status); its pull history does both.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from codat.records import Company as CodatCompany
from codat.records import DataStatus, PullOperation, read_time
from codat.statuses import ConnectionStatus, PullOutcome, pull_outcome
from relay.companies.company import DELETED, Company, CompanyStatus

SKEW = 5_000_000  # microseconds by which the times of one read may differ in webhook and record
WEBHOOK_DELAY = 60_000_000  # microseconds after a read; then its webhook is late
MAX_AHEAD = 600_000_000  # microseconds; a read dated further ahead of now cannot be true


@dataclass(frozen=True, slots=True)
class Read:
    """How one read of a data type ended; `at` in microseconds since the epoch.

    `connection_id` is empty when it is not known. `id` is Codat's id of the read.
    """

    connection_id: str
    data_type: str
    status: str
    at: int
    id: str

    @property
    def key(self) -> str:
        """Its key among a company's data types."""
        return f"{self.connection_id}|{self.data_type}"

    @property
    def is_success(self) -> bool:
        """Whether the read succeeded."""
        return pull_outcome(self.status) is PullOutcome.COMPLETE


def missing_reads(
    company: Company,
    statuses: Mapping[str, DataStatus],
    operations: Iterable[PullOperation],
    now: int,
) -> list[Read]:
    """Return the ended reads that the company does not have yet; `now` is in microseconds."""
    present = {c.id for c in company.connections.values() if c.status != DELETED}
    ours = (one for one in operations if one.connection_id in present)
    of_connections = list(_of_operations(ours, now + MAX_AHEAD))
    read = dict[tuple[str, bool], int]()
    for one in of_connections:
        kind = (one.data_type, one.is_success)
        read[kind] = max(one.at, read.get(kind, 0))
    for status in statuses.values():
        for one in _of_status(company, status, now + MAX_AHEAD):
            known = read.get((one.data_type, one.is_success))
            if known is None or (one.is_success and one.at > known + SKEW):
                of_connections.append(one)
    return [
        one for one in of_connections if one.at <= now + MAX_AHEAD and not is_known(company, one)
    ]


def needs_history(company: Company, statuses: Mapping[str, DataStatus], now: int) -> bool:
    """Report whether the pull history is needed for when reads ended; `now` is in microseconds.

    The data status does not date failures, and its dates can be impossible. A data type that the
    platform does not offer needs no date once that is known since the link.
    """
    for status in statuses.values():
        outcome = pull_outcome(status.current_status or "")
        if outcome is PullOutcome.NEUTRAL:
            if any(
                not is_known(company, one) for one in _of_status(company, status, now + MAX_AHEAD)
            ):
                return True
        elif outcome is PullOutcome.COMPLETE:
            if _success(status, now + MAX_AHEAD) is None:
                return True
        elif outcome is not PullOutcome.IN_PROGRESS:
            return True
    return False


def is_known(company: Company, read: Read) -> bool:
    """Report whether the company has this read already, or a later one."""
    keys = [read.key]
    if not read.connection_id:
        keys = [key for key in company.data_types if key.partition("|")[2] == read.data_type]
    for held in (company.data_types[key] for key in keys if key in company.data_types):
        if read.is_success:
            if held.last_success is not None and held.last_success >= read.at - SKEW:
                return True
        elif (
            held.version[0] >= read.at
            or held.version[1] == read.id
            # A read without a date is dated right after the one we have, a later read is not.
            or (
                pull_outcome(held.status) is pull_outcome(read.status)
                and held.version[0] >= read.at - SKEW
            )
        ):
            return True
    return False


def may_miss_reads(company: Company | None, shown: CodatCompany, now: int) -> bool:
    """Report whether Codat's record of a company names a later sync than any read we have.

    Codat names it in `lastSync` of the company and its connections. A date far ahead of `now`
    (microseconds) is ignored.
    """
    if company is None or company.status is not CompanyStatus.LINKED:
        return False
    named = [shown.last_sync, *(one.last_sync for one in shown.connections)]
    times = map(read_time, named)
    latest = max((at for at in times if at is not None and at <= now + MAX_AHEAD), default=None)
    ended = [
        state.version[0]
        for state in company.data_types.values()
        if pull_outcome(state.status) is not PullOutcome.IN_PROGRESS
    ]
    newest = max(ended, default=0)
    return latest is not None and latest > newest + WEBHOOK_DELAY


def linked_connections(company: Company) -> list[str]:
    """Return the ids of the connections that are linked."""
    return [c.id for c in company.connections.values() if c.status == ConnectionStatus.LINKED]


def _of_operations(operations: Iterable[PullOperation], until: int) -> Iterator[Read]:
    """Yield the latest ended read of each connection and data type, and its latest success.

    A date later than `until` (microseconds) counts as none, and hides no other read.
    """
    latest = dict[tuple[str, bool], Read]()
    for one in operations:
        at = read_time(one.completed) or read_time(one.requested)
        if at is None or at > until or not one.connection_id or not one.data_type:
            continue
        if pull_outcome(one.status) is PullOutcome.IN_PROGRESS:
            continue
        read = Read(one.connection_id, one.data_type, one.status, at, one.id)
        held = latest.get((read.key, read.is_success))
        if held is None or held.at < at:
            latest[read.key, read.is_success] = read
    for read in latest.values():
        good = latest.get((read.key, True))
        if read.is_success or good is None or good.at < read.at:
            yield read


def _of_status(company: Company, status: DataStatus, until: int) -> Iterator[Read]:
    """Yield the last success, and the failure after it if there was one.

    Codat does not date the failure, so it is dated right after the newest read that we have. The
    same goes for a success without a date, or with one later than `until` (microseconds).
    """
    data_type, word = status.data_type, status.current_status or ""
    connection, outcome = _connection_of(company, data_type), pull_outcome(word)
    held = company.data_types.get(f"{connection}|{data_type}")
    success = _success(status, until)
    known = max(success or 0, held.version[0] if held else 0)
    if success is None and outcome is PullOutcome.COMPLETE:
        success = max(known, company.first_seen * 1000) + 1
    if success is not None:
        good = status.latest_successful_sync_id or ""
        yield Read(
            connection,
            data_type,
            word if outcome is PullOutcome.COMPLETE else "Complete",
            success,
            good,
        )
    if outcome is PullOutcome.NEUTRAL and connection in company.connections:
        # A data type that the platform does not offer was not offered at the link either.
        known = max(known, company.connections[connection].version[0])
    if outcome not in (PullOutcome.COMPLETE, PullOutcome.IN_PROGRESS):
        yield Read(connection, data_type, word, known + 1, status.latest_sync_id or "")


def _success(status: DataStatus, until: int) -> int | None:
    """Return when the last success was, in microseconds; None without a usable date."""
    at = read_time(status.last_successful_sync)
    return at if at is not None and at <= until else None


def _connection_of(company: Company, data_type: str) -> str:
    """Return the one linked connection that can have read a data type; empty if several can."""
    linked = linked_connections(company)
    readers = [one for one in linked if f"{one}|{data_type}" in company.data_types]
    candidates = readers or linked
    return candidates[0] if len(candidates) == 1 else ""
