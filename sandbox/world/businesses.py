"""The made-up businesses that link: the names and details their ledgers hold."""

import random
from typing import Any

# Some hold what Codat strips from company names: accents, brackets, underscores, slashes, colons.
FIRST = (
    "Harbour",
    "Café Zürich",
    "O'Connell",
    "Sandbox_Company_US",
    "Müller & Söhne",
    "Green Lane",
    "Señor Piñata",
    "Hull/East",
    "Brontë",
    "North: Star",
    "Łódź",
    "Toft",
    "Smith + Daughters",
    "D'Arcy",
    "Ærø",
    "Kestrel",
)
SECOND = (
    "Bakery",
    "Motors",
    "Joinery",
    "Books",
    "Fisheries",
    "Textiles",
    "Dairy",
    "Print",
    "Tiles",
)
ENDING = ("Ltd", "Limited", "(UK) Ltd", "LLP", "& Co.", "plc", "[Trading]", "GmbH")
CITIES = (
    ("London", "EC1A 4JQ"),
    ("Leeds", "LS1 5AB"),
    ("Cardiff", "CF10 2AF"),
    ("Hull", "HU1 1RR"),
)


def company_info(seed: int, ordinal: int, platform_name: str) -> dict[str, Any]:
    """Make up what `GET /data/info` shows of the `ordinal`-th linked business.

    The same seed and ordinal always give the same business. One in eight has no trading name and
    one in eight no legal name, since either may be null at Codat.
    """
    rng = random.Random(f"{seed}/{ordinal}")  # noqa: S311 - made-up names, no secret
    trading = f"{rng.choice(FIRST)} {rng.choice(SECOND)}"
    legal = f"{trading} {ordinal} {rng.choice(ENDING)}"
    city, postcode = rng.choice(CITIES)
    number = f"{rng.randrange(10**7, 10**8)}"
    return {
        "companyName": None if ordinal % 8 == 5 else f"{trading} {ordinal}",
        "accountingPlatformRef": str(rng.randrange(10**14, 10**15)),
        "companyLegalName": None if ordinal % 8 == 6 else legal,
        "addresses": [
            {
                "type": "Billing",
                "line1": f"{rng.randrange(1, 200)} Station Road",
                "line2": "",
                "city": city,
                "region": "",
                "country": "United Kingdom",
                "postalCode": postcode,
            }
        ],
        "phoneNumbers": [{"number": f"01632 {rng.randrange(10**5, 10**6)}", "type": "Landline"}],
        "webLinks": [{"type": "Website", "url": f"https://business-{ordinal}.example/"}],
        "registrationNumber": number,
        "taxNumber": f"GB{rng.randrange(10**8, 10**9)}",
        "financialYearStartDate": "2026-04-01T00:00:00",
        "baseCurrency": rng.choice(("GBP", "GBP", "EUR", "USD")),
        "sourceUrls": {platform_name: f"https://business-{ordinal}.example/ledger"},
        "createdDate": "2020-03-09T15:19:26",
    }
