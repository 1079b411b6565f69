"""What a platform would share, in plain words, and the consent that is asked for it."""

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from codat.records import Integration
from codat.statuses import DATA_TYPES, ConnectionStatus
from portal.link.words import Brand, Words
from relay.companies.company import NEVER, Company, Connection
from relay.journeys.journey import Consent, Journey, Platform
from relay.syncs.policy import KEEP_ALIVE, Policy
from relay.syncs.schedule import ALL, Cadence, Schedule

# As the words name them, the most frequent first: a consent never names less than is done.
OFTEN = (Cadence.HOURLY, Cadence.DAILY, Cadence.WEEKLY, Cadence.MONTHLY)
NOT = "none"
Say = tuple[Brand, Words]
NOT_READ = frozenset({"notsupported", "notimplemented"})
# Which words stand for which data types; the first that holds one names it.
GROUPS: dict[str, frozenset[str]] = {
    "company": frozenset({"company", "commerce-companyInfo"}),
    "sales": frozenset(
        [
            "creditNotes",
            "customers",
            "directIncomes",
            "invoices",
            "payments",
            "paymentMethods",
            "salesOrders",
        ]
    ),
    "purchases": frozenset(
        [
            "billCreditNotes",
            "billPayments",
            "bills",
            "directCosts",
            "itemReceipts",
            "items",
            "purchaseOrders",
            "suppliers",
        ]
    ),
    "books": frozenset(
        [
            "accountTransactions",
            "chartOfAccounts",
            "journalEntries",
            "journals",
            "taxRates",
            "trackingCategories",
            "transfers",
        ]
    ),
    "reports": frozenset({"balanceSheet", "cashFlowStatement", "profitAndLoss"}),
    "banking": frozenset(
        {"bankAccounts", "bankTransactions"} | {t for t in DATA_TYPES if t.startswith("banking-")}
    ),
    "commerce": frozenset(t for t in DATA_TYPES if t.startswith("commerce-")),
}


# What there is to read from a platform that does not say, by its type; all there is for others.
BY_TYPE = {
    "Accounting": frozenset(name for name in DATA_TYPES if "-" not in name),
    "Banking": frozenset(name for name in DATA_TYPES if name.startswith("banking-")),
    "Commerce": GROUPS["commerce"],
}


@dataclass(frozen=True, slots=True)
class Sharing:
    """What would be read and how often, and the words that say so."""

    data_types: tuple[str, ...]
    cadence: str
    groups: tuple[str, ...]  # names of words
    names: tuple[str, ...]  # each data type in plain words
    purpose: str
    often: str
    keeps: str
    text: tuple[str, ...]
    version: str  # of the text, as it was shown

    def consent(self, journey: Journey, platform: Platform, at: int) -> Consent:
        """Return the record of agreeing to this; `at` in ms since the epoch."""
        return Consent(
            at=at,
            text_version=self.version,
            language=journey.language,
            platform_key=platform.key,
            data_types=self.data_types,
            cadence=self.cadence,
            text=self.text,
        )


def readable(integration: Integration) -> tuple[str, ...]:
    """Return the data types that Codat can read from a platform (Codat: datatypeFeatures)."""
    found = []
    features = integration.raw.get("datatypeFeatures")
    for one in features if isinstance(features, list) else []:
        if isinstance(one, dict) and _gets(one.get("supportedFeatures")):
            found.append(str(one.get("datatype")))
    return tuple(sorted(set(found) & DATA_TYPES))


def shared(integration: Integration, read: Collection[str] | None) -> tuple[str, ...]:
    """Return the data types that linking shares: those that are `read`, all if that is unknown.

    A platform that does not say what it has counts as having all that its type can have: the
    consent must never name less than is read.
    """
    can = readable(integration)
    can = can or tuple(sorted(BY_TYPE.get(integration.source_type or "", DATA_TYPES)))
    if read is None:
        return can
    return tuple(name for name in can if name in read) or can


def sharing(
    integration: Integration, types: Sequence[str], cadence: str, language: str, say: Say
) -> Sharing:
    """Put what linking this platform would share, and how often, into the firm's words."""
    brand, words = say
    types = tuple(types)
    groups = tuple(group for group, names in GROUPS.items() if names & set(types))
    if set(types) - frozenset[str]().union(*GROUPS.values()):
        groups += ("other",)
    named = {"firm": brand.name, "platform": integration.name}
    purpose = brand.purpose or words.plain(language, "consent.purpose", **named)
    often = words.plain(language, f"consent.often_{cadence}", **named)
    keeps = brand.keeps or words.plain(language, "consent.keeps", **named)
    names = tuple(in_words(words, language, one) for one in types)
    text = (
        words.plain(language, "consent.title", **named),
        words.plain(language, "consent.reads", **named),
        *(words.plain(language, f"group.{group}") for group in groups),
        ", ".join(names),
        purpose,
        often,
        keeps,
        words.plain(language, "consent.stopping", **named),
        words.plain(language, "consent.who", **named),
        words.plain(language, "consent.agree", **named),
    )
    version = hashlib.sha256("\n".join(text).encode()).hexdigest()[:16]
    return Sharing(types, cadence, groups, names, purpose, often, keeps, text, version)


def planned(
    company: Company, integration: Integration, schedules: dict[str, Schedule], policy: Policy
) -> list[Schedule]:
    """Return the schedules by which data would be read: the company's own.

    A company without schedules gets those that the policy sets on such a link.
    """
    connection = Connection(
        id="",
        status=ConnectionStatus.LINKED,
        version=NEVER,
        platform_key=integration.key,
        platform_name=integration.name,
        source_type=integration.source_type or "",
    )
    linked = replace(company, connections={**company.connections, "": connection})
    held = [one for one in schedules.values() if one.origin != KEEP_ALIVE]
    return held or list(policy.schedules_for(linked).values())


def read_types(
    company: Company, wanted: Sequence[Schedule], by_codat: frozenset[str] | None
) -> frozenset[str] | None:
    """Return the data types that Codat itself and schedules would read; None: not known.

    A company that was linked before may have settings of its own at Codat.
    """
    if by_codat is None or any(one.ever_linked for one in company.connections.values()):
        return None
    return by_codat | {one.data_type for one in wanted if one.data_type != ALL}


def cadence_of(wanted: Sequence[Schedule], policy: Policy) -> str:
    """Return how often data would be read: the most frequent of the schedules."""
    found = {str(one.cadence) for one in wanted}
    known = next((cadence for cadence in OFTEN if cadence in found), None)
    return known or (OFTEN[0] if found else str(Cadence.MONTHLY) if policy.keep_alive else NOT)


def in_words(words: Words, language: str, data_type: str) -> str:
    """Return a data type in plain words: the text for it, else its name as separate words."""
    if words.has(f"type.{data_type}"):
        return words.plain(language, f"type.{data_type}")
    _, _, name = data_type.rpartition("-")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def _gets(features: object) -> bool:
    return isinstance(features, list) and any(
        isinstance(one, dict)
        and str(one.get("featureType")).lower() == "get"
        and str(one.get("featureState")).lower() not in NOT_READ
        for one in features
    )
