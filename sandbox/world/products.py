"""Products that a company has: Codat's own, and custom ones, which alone can be refreshed."""

from sandbox.world import refusals
from sandbox.world.events import product_name
from sandbox.world.world import World

STANDARD = frozenset(
    [
        "accounting",
        "bank-feeds",
        "banking",
        "commerce",
        "expenses",
        "expenses-v1",
        "lending",
        "payables",
        "receivables",
        "spend-insights",
        "sync-for-commerce",
    ]
)
READING = (
    "Data cannot be refreshed while a read operation is in progress. Allow the read to complete "
    "before attempting to refresh."
)


def add(world: World, company_id: str, product: str) -> None:
    """Return a company a product; once is enough."""
    with world.lock:
        company = world.company(company_id)
        if product not in company.products:
            company.products.append(product)
            world.publisher.product("company.product.added", company, product)


def remove(world: World, company_id: str, product: str) -> None:
    """Take a product from a company; raises `Refusal` 404 when it has none such."""
    with world.lock:
        company = world.company(company_id)
        if product not in company.products:
            raise refusals.not_found(f"Product {product}")
        company.products.remove(product)
        world.publisher.product("company.product.removed", company, product)


def refresh(world: World, company_id: str, product: str, data_types: list[str]) -> None:
    """Read a custom product's data types, all when none are named."""
    with world.lock:
        company = world.company(company_id)
        if product in STANDARD:
            raise refusals.bad_request(
                f"{product_name(product)} doesn't support data refreshing. For more information, "
                "refer to your solution's documentation [here](https://docs.codat.io)."
            )
        if product not in company.products:
            raise refusals.not_found(f"Product {product}")
        if company.running:
            raise refusals.bad_request(READING)
        world.refresh_all(company_id, frozenset(data_types) or None)
