"""A company's products: add, remove, refresh."""

from flask import Blueprint, Response

from sandbox.api.services import body, reply, texts, world
from sandbox.world import products, refusals

routes = Blueprint("products", __name__)
ROOT = "/companies/<company_id>/products/<product>"


@routes.put(ROOT)
def add_product(company_id: str, product: str) -> Response:
    """Return a company a product."""
    products.add(world(), company_id, product)
    return reply(status=204)


@routes.delete(ROOT)
def remove_product(company_id: str, product: str) -> Response:
    """Take a product from a company."""
    products.remove(world(), company_id, product)
    return reply(status=204)


@routes.post(f"{ROOT}/refresh")
def refresh_product_data(company_id: str, product: str) -> Response:
    """Read a custom product's data again; 202, as it is only begun."""
    data = body()
    if set(data) - {"dataTypes"}:
        raise refusals.bad_request()
    products.refresh(world(), company_id, product, texts(data.get("dataTypes")))
    return Response(status=202)
