"""Anything that Codat's published file allows can be asked of the sandbox: it answers as published.

Requests are made up from the file itself, and also against it; the same ones each time.
"""

import re

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, settings, strategies
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from support.contract import TODAY, contract, operations, plain
from support.published import needs_published, openapi
from support.sandboxes import BASIC, running

pytestmark = needs_published
EXAMPLES = 15
CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance]
MODES = list(schemathesis.GenerationMode)


@pytest.fixture(scope="module")
def schema():
    return schemathesis.openapi.from_dict(plain(openapi(TODAY)))


@pytest.fixture(scope="module")
def stage():
    """A sandbox, and ids of things in it: made-up ids alone would meet 404 and nothing else."""
    with running(daily_quota=10**7, concurrent_calls=None) as (_, call):
        company = call.linked()
        call.control(f"companies/{company}/write")
        call("PUT", "/integrations/gbol/dataTypes/custom/orders", json={"keyBy": ["$.id"]})

        def first(path, name="id"):
            return call("GET", path).json()["results"][0][name]

        yield (
            call,
            {
                "platformKey": "gbol",
                "dataType": "bills",
                "customDataIdentifier": "orders",
                "companyId": company,
                "connectionId": first(f"/companies/{company}/connections"),
                "datasetId": first(f"/companies/{company}/data/history"),
                "pushOperationKey": first(f"/companies/{company}/push", "pushOperationKey"),
            },
        )


@pytest.mark.parametrize("operation", operations())
def test_every_answer_is_a_published_one_and_none_is_500(schema, stage, operation):
    call, ids = stage
    method, path = operation.split()
    deletes_the_stage = method == "delete" and path.endswith(("{companyId}", "{connectionId}"))
    asked = schema[path][method.upper()]
    cases = strategies.one_of(asked.as_strategy(generation_mode=mode) for mode in MODES)
    statuses = set()

    @given(case=cases, is_real=strategies.booleans())
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    def ask(case, is_real):
        if is_real and not deletes_the_stage:
            for name in re.findall(r"\{(\w+)\}", path):
                case.path_parameters[name] = ids.get(name, case.path_parameters.get(name))
        answer = case.call(base_url=call.url, headers={"Authorization": BASIC})
        statuses.add(answer.status_code)
        case.validate_response(answer, checks=CHECKS)
        where = answer.request.path_url.split("?")[0]
        faults = contract().judge(method, where, answer.status_code, answer.content)
        assert not faults, faults

    ask()
    assert method == "delete" or statuses - {401, 404}
