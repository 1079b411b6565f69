"""The sandbox over HTTP: `API` needs the key and meets faults and quotas, `OPEN` does not."""

from sandbox.routes import client, companies, connections, control, data, integrations, link

API = (
    integrations.routes,
    companies.routes,
    connections.routes,
    data.routes,
    client.routes,
)
OPEN = (link.routes, control.routes)
