"""Who receives webhooks: today's consumers, the older service's rules, and the Zapier key."""

from flask import Blueprint, Response, request

from sandbox.api.paging import page
from sandbox.api.query import Query
from sandbox.api.services import body, reply, text, texts, urls, world
from sandbox.world import refusals, views
from sandbox.world.model import Consumer

routes = Blueprint("consumers", __name__)
MAX_CONSUMERS = 50  # Codat: using-the-api/webhooks/create-consumer
MAX_TAGS, MAX_TAG_LENGTH = 10, 128
RULE_KNOWN = frozenset(["id", "type", "companyId", "notifiers"])


@routes.get("/webhooks")
def list_webhook_consumers() -> Response:
    """List the webhook consumers; never paged."""
    with world().lock:
        return reply({"results": [views.consumer(c) for c in world().consumers.values()]})


@routes.post("/webhooks")
def create_webhook_consumer() -> Response:
    """Register an endpoint for events."""
    data = body()
    url, types, tags = _url(text(data, "url")), texts(data.get("eventTypes")), _tags()
    disabled = data.get("disabled")
    if not isinstance(disabled, bool | None):
        raise refusals.bad_request()
    with world().lock:
        if len(world().consumers) >= MAX_CONSUMERS:
            raise refusals.bad_request("Webhook consumer limit exceeded")
        consumer = Consumer(world().ids.uuid(), url, types or None, tags, bool(disabled))
        world().consumers[consumer.id] = consumer
    return reply(views.consumer(consumer), 201)


@routes.delete("/webhooks/<webhook_id>")
def delete_webhook_consumer(webhook_id: str) -> Response:
    """Remove an endpoint; what was still to be sent there is dropped."""
    with world().lock:
        if world().consumers.pop(webhook_id.lower(), None) is None:
            raise refusals.not_found(f"Webhook consumer {webhook_id}")
    return reply(status=204)


@routes.post("/webhooks/integrationKeys/zapier")
def rotate_zapier_key() -> Response:
    """Return a new Zapier key; the one before is worth nothing then."""
    with world().lock:
        return reply({"key": f"sk_integ_{world().ids.token()}.sandbox"}, 201)


@routes.get("/rules")
def list_rules() -> Response:
    """List the older service's rules."""
    with world().lock:
        shown = [views.rule(rule) for rule in world().rules.values()]
    if query := request.args.get("query"):
        shown = list(filter(Query(query, "Rule", RULE_KNOWN).matches, shown))
    return reply(page(shown, dict, request.path, request.args))


@routes.post("/rules")
def create_rule() -> Response:
    """Make a rule: without `companyId` it is about all companies."""
    with world().lock:
        rule = _rule(world().ids.uuid())
        world().rules[rule.id] = rule
    return reply(views.rule(rule))


@routes.get("/rules/<rule_id>")
def get_rule(rule_id: str) -> Response:
    """Show a rule."""
    return reply(views.rule(_find(rule_id)))


@routes.put("/rules/<rule_id>")
def replace_rule(rule_id: str) -> Response:
    """Set a rule again."""
    with world().lock:
        rule = _rule(_find(rule_id).id)
        world().rules[rule.id] = rule
    return reply(views.rule(rule))


def _find(rule_id: str) -> Consumer:
    rule = world().rules.get(rule_id.lower())
    if rule is None:
        raise refusals.not_found(f"Rule {rule_id}")
    return rule


def _rule(rule_id: str) -> Consumer:
    data = body()
    notifiers, company_id = data.get("notifiers"), data.get("companyId")
    if not isinstance(notifiers, dict) or not isinstance(company_id, str | None):
        raise refusals.bad_request()
    webhook = notifiers.get("webhook")
    return Consumer(
        rule_id,
        _url(webhook) if webhook else "",
        rule_type=text(data, "type"),
        company_id=company_id.lower() if company_id else None,
        emails=texts(notifiers.get("emails")),
    )


def _url(url: object) -> str:
    if not isinstance(url, str):
        raise refusals.bad_request()
    return urls([url])[0]


def _tags() -> list[str]:
    tags = texts(body().get("companyTags"))
    if len(tags) > MAX_TAGS or any(len(tag) > MAX_TAG_LENGTH for tag in tags):
        raise refusals.bad_request()
    return tags
