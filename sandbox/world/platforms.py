"""The platforms that the sandbox's customers can link, with Codat's own keys and data types."""

from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5

# Codat: core-concepts/data-type-settings, and the DataType list of its OpenAPI file.
_ACCOUNTING = """company accountTransactions balanceSheet bankAccounts bankTransactions
    billCreditNotes billPayments bills cashFlowStatement chartOfAccounts creditNotes customers
    directCosts directIncomes invoices itemReceipts items journalEntries journals paymentMethods
    payments profitAndLoss purchaseOrders salesOrders suppliers taxRates trackingCategories
    transfers"""
_BANKING = "accountBalances accounts transactionCategories transactions"
_COMMERCE = """companyInfo customers disputes locations orders paymentMethods payments
    productCategories products taxComponents transactions"""
ACCOUNTING = tuple(_ACCOUNTING.split())
BANKING = tuple(f"banking-{name}" for name in _BANKING.split())
COMMERCE = tuple(f"commerce-{name}" for name in _COMMERCE.split())
DATA_TYPES = {"Accounting": ACCOUNTING, "Banking": BANKING, "Commerce": COMMERCE}
ALL_DATA_TYPES = ACCOUNTING + BANKING + COMMERCE

_TABLE = """
gbol Accounting 13B5EA Xero
qhyg Accounting 2CA01C QuickBooks Online
ndsk Accounting 58B54C QuickBooks Online Sandbox
pqsw Accounting 1B7A17 QuickBooks Desktop
hbql Accounting 00A65E Sage 50 (UK)
tgff Accounting 00813E Sage Business Cloud Accounting
jcrp Accounting 006738 Sage 200cloud
knfz Accounting 00B267 Sage Intacct
akxx Accounting 125580 Oracle NetSuite
fbrh Accounting 4075C9 FreeAgent
vxvy Accounting 0075DD FreshBooks
pdvj Accounting 8241AA MYOB AccountRight and Essentials
trji Accounting 0078D4 Dynamics 365 Business Central
rqwd Accounting 002050 Dynamics 365 Finance & Operations
qudb Accounting E1001A Exact (Netherlands)
pbbf Accounting B80015 Exact (UK)
pbtz Accounting 2F6FED Wave
rvam Accounting F38B00 Workday
rwuv Accounting C8202F Zoho Books
vjms Accounting 35B8A6 Pandle
mqjo Accounting 4B3FE0 Codat Sandbox
suuo Banking 111111 Plaid
evqv Banking 1F5CFF TrueLayer
dfxm Banking 7A3CE0 Basiq
zsth Commerce 3E4348 Square
ugxp Commerce 5A4FCF Zettle
fztf Commerce 5E8E3E Shopify
exgd Commerce 635BFF Stripe
zgbz Commerce DF0067 PrestaShop
dxfw Commerce 0B0B0B Mollie
qkdj Commerce B86E00 Amazon Seller Central
gvom Commerce 003087 PayPal
"""
ON_PREMISE = frozenset({"pqsw", "hbql"})
BETA = frozenset({"rvam"})
DISABLED = frozenset({"qkdj"})  # the client has not set this one up in the Portal
# Codat's older keys were words (its help centre and older pages).
OLDER_KEYS = {"xero": "gbol", "sandbox": "mqjo", "quickbooksonline": "qhyg", "shopify": "fztf"}


@dataclass(frozen=True, slots=True)
class Platform:
    """One integration that Codat supports; `colour` is for the logo drawn here."""

    key: str
    name: str
    source_type: str
    colour: str
    integration_id: str
    source_id: str
    is_offline: bool
    is_beta: bool
    is_enabled: bool

    @property
    def data_types(self) -> tuple[str, ...]:
        """List the data types that can be read from it."""
        return DATA_TYPES[self.source_type]


def _platform(line: str) -> Platform:
    key, source_type, colour, name = line.split(" ", 3)
    return Platform(
        key=key,
        name=name,
        source_type=source_type,
        colour=f"#{colour}",
        integration_id=str(uuid5(NAMESPACE_URL, f"integration/{key}")),
        source_id=str(uuid5(NAMESPACE_URL, f"source/{key}")),
        is_offline=key in ON_PREMISE,
        is_beta=key in BETA,
        is_enabled=key not in DISABLED,
    )


PLATFORMS = {p.key: p for p in map(_platform, _TABLE.strip().splitlines())}


def find(key: str) -> Platform | None:
    """Find a platform by its key, today's or the older word."""
    return PLATFORMS.get(OLDER_KEYS.get(key.lower(), key))


def logo(platform: Platform) -> str:
    """Draw a stand-in logo as SVG: the name's first letters on the platform's colour."""
    letters = "".join(word[0] for word in platform.name.replace("(", "").split()[:2]).upper()
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 96" role="img">'
        f'<rect width="96" height="96" rx="20" fill="{platform.colour}"/>'
        '<text x="48" y="49" fill="#fff" font-family="Helvetica,Arial,sans-serif" font-size="40" '
        f'font-weight="600" text-anchor="middle" dominant-baseline="central">{letters}</text></svg>'
    )
