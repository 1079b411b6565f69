"""The sandbox over HTTP: `API` needs the key and meets faults and quotas, `OPEN` does not."""

from sandbox.api.routes import (
    client,
    companies,
    connections,
    consumers,
    control,
    custom,
    data,
    integrations,
    link,
    products,
    writing,
)

API = (
    integrations.routes,
    companies.routes,
    products.routes,
    connections.routes,
    data.routes,
    writing.routes,
    custom.routes,
    client.routes,
    consumers.routes,
)
OPEN = (link.routes, control.routes)
