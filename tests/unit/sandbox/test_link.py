"""A customer walks through the sandbox's link pages."""

import re
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from support.sandboxes import running


@pytest.fixture
def serving():
    with running() as (sandbox, call):
        yield sandbox, call


@pytest.fixture
def call(serving):
    return serving[1]


def pending(call, key="gbol"):
    """Make a company with a connection; give both ids and the link's path with its query."""
    company = call.company("Acme")
    made = call("POST", f"/companies/{company}/connections", json={"platformKey": key}).json()
    link = urlsplit(made["linkUrl"])
    return company, made["id"], f"{link.path}?{link.query}"


def otp_of(page):
    return re.search(r'name="otp" value="([^"]+)"', page.text)[1]


def decide(call, connection, act, otp):
    return call("POST", f"/link/{connection}/{act}", data={"otp": otp})


def status_of(call, company, connection):
    return call("GET", f"/companies/{company}/connections/{connection}").json()["status"]


def test_the_picker_groups_platforms_and_names_the_sandbox(call):
    company = call.company("Plain & Sons")
    page = call("GET", f"/link/company/{company}").text
    for words in ("Sandbox.", "Nothing here is real", "Plain &amp; Sons", "Xero", "Banking"):
        assert words in page
    assert "/logos/gbol.svg" in page


def test_the_picker_can_be_searched(call):
    company = call.company()
    page = call("GET", f"/link/company/{company}?find=sage").text
    assert "Sage Intacct" in page
    assert "Xero" not in page.split("</form>", 1)[1]
    assert "No platform has" in call("GET", f"/link/company/{company}?find=zzz").text


def test_sandbox_platforms_can_be_hidden(call):
    path = f"/link/company/{call.company()}?link.showSandboxIntegrations=false"
    assert "Codat Sandbox" not in call("GET", path).text


def test_a_chosen_platform_leads_to_its_page_and_is_linked(call):
    company = call.company()
    chosen = call("POST", f"/link/company/{company}", data={"platformKey": "gbol"})
    assert chosen.status_code == 303
    page = call("GET", chosen.headers["Location"])
    assert "Share Xero data?" in page.text
    connection = call("GET", f"/companies/{company}/connections").json()["results"][0]["id"]
    done = decide(call, connection, "authorise", otp_of(page))
    assert "You are linked" in done.text
    assert status_of(call, company, connection) == "Linked"


def test_choosing_the_same_platform_twice_makes_one_connection(call):
    company = call.company()
    for _ in range(2):
        call("POST", f"/link/company/{company}", data={"platformKey": "gbol"})
    assert call("GET", f"/companies/{company}/connections").json()["totalResults"] == 1


def test_refusing_leaves_it_pending(call):
    company, connection, link = pending(call)
    done = decide(call, connection, "refuse", otp_of(call("GET", link)))
    assert "Nothing was shared" in done.text
    assert status_of(call, company, connection) == "PendingAuth"


def test_a_link_works_once(call):
    company, connection, link = pending(call)
    otp = otp_of(call("GET", link))
    decide(call, connection, "refuse", otp)
    assert "no longer works" in call("GET", link).text
    assert "no longer works" in decide(call, connection, "authorise", otp).text
    assert status_of(call, company, connection) == "PendingAuth"


@pytest.mark.parametrize("otp", ["", "wrong"])
def test_nobody_links_without_the_password(call, otp):
    company, connection, _ = pending(call)
    decide(call, connection, "authorise", otp)
    assert status_of(call, company, connection) == "PendingAuth"


def test_the_return_has_codats_and_the_clients_parameters(call):
    template = (
        "https://firm.example/back?company={companyId}&code={statusCode}"
        "&name={platformName}&mine={userId}&odd={unknown}&error={errorMessage}"
    )
    call("PUT", "/profile", json={"name": "Firm", "redirectUrl": template})
    for act, code, error in (("refuse", "403", "User cancelled"), ("authorise", "200", "")):
        company, _, link = pending(call, "qhyg")
        page = call("GET", f"{link}&userId=a%26b")
        target = re.search(rf'action="([^"]*/{act}[^"]*)"', page.text)[1].replace("&amp;", "&")
        back = call("POST", target, data={"otp": otp_of(page)})
        assert back.status_code == 303
        found = {k: v[0] for k, v in parse_qs(urlsplit(back.headers["Location"]).query).items()}
        assert found == {
            "company": company,
            "code": code,
            "name": "QuickBooks Online",
            "mine": "a&b",
        } | ({"error": error} if error else {})


def test_a_linked_connection_says_so(call):
    _, connection, link = pending(call)
    decide(call, connection, "authorise", otp_of(call("GET", link)))
    assert "You are linked" in call("GET", link).text


def test_an_on_premise_link_downloads_and_asks_for_the_key(call):
    company, connection, link = pending(call, "hbql")
    sent = call("GET", f"{link}&journey=j-1")
    assert sent.headers["Content-Disposition"] == 'attachment; filename="hbql-connector.txt"'
    [play] = re.findall(r"^http\S+$", sent.text, re.MULTILINE)
    page = call("GET", play.removeprefix(call.url))
    assert company in page.text
    assert "journey=j-1" in page.text
    done = call(
        "POST",
        f"/link/{connection}/authorise",
        data={"otp": otp_of(page), "licenceKey": company},
    )
    assert "You are linked" in done.text
    assert "You are linked" in call("GET", link).text  # no second download


def test_a_download_link_without_its_password_downloads_nothing(call):
    _, connection, _ = pending(call, "hbql")
    answer = call("GET", f"/link/{connection}?otp=wrong")
    assert "Content-Disposition" not in answer.headers
    assert "no longer works" in answer.text


@pytest.mark.parametrize("path", ["/link/company/{}", "/link/{}"])
def test_unknown_links_say_so(call, path):
    answer = call("GET", path.format(uuid4()))
    assert answer.status_code == 404
    assert "not known here" in answer.text


def test_names_cannot_bring_markup_and_scripts_cannot_run(serving):
    sandbox, call = serving
    company = sandbox.world.create_company("Acme")
    company.name = "<script>alert(1)</script>"
    answer = call("GET", f"/link/company/{company.id}")
    assert "<script>" not in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_a_company_has_at_most_one_accounting_connection(call):
    """Codat: core-concepts/connections."""
    company = call.linked("gbol")
    for key, status in (("zsth", 200), ("qhyg", 409)):
        made = call("POST", f"/companies/{company}/connections", json={"platformKey": key}).json()
        answer = call.control(f"companies/{company}/authorise", connectionId=made["id"])
        assert answer.status_code == status
    link = urlsplit(made["linkUrl"])
    page = call("GET", f"{link.path}?{link.query}")
    assert "You are linked" not in decide(call, made["id"], "authorise", otp_of(page)).text
    assert status_of(call, company, made["id"]) == "PendingAuth"
    linked = call("GET", f"/companies/{company}/connections").json()["results"][0]["id"]
    call.control(f"companies/{company}/unlink", connectionId=linked)
    answer = call.control(f"companies/{company}/authorise", connectionId=made["id"])
    assert answer.status_code == 200
