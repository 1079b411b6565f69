"""What anyone may ask for costs little: forms are small, documents are written out once."""

import pytest

from portal.http.bodies import MAX_FIELDS, MAX_FORM_BYTES
from portal.site import pages
from support.portal_bench import Portal

FORM = "application/x-www-form-urlencoded"
PART = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'
FILE = b'--x\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\n\r\n'


@pytest.fixture
def portal() -> Portal:
    return Portal()


@pytest.mark.parametrize("path", ["/pc", "/ops/", "/ops/sign-out", "/link/nobody/consent"])
@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"a&" * 30_000, FORM, 413),
        (b"a=1&" * MAX_FIELDS, FORM, 413),
        (b"%41" * 20_000, FORM, 413),
        (b"a=" + b"x" * MAX_FORM_BYTES, FORM, 413),
        (PART * 900 + b"--x--\r\n", "multipart/form-data; boundary=x", 413),
        (PART + b"--x--\r\n", "multipart/form-data; boundary=x", 415),
        (FILE * 10 + b"--x--\r\n", "multipart/form-data; boundary=x", 415),
        (b"--x\r\n" + b"A: b\r\n" * 9, "multipart/form-data; boundary=x", 415),
        (b'{"code": "ABCD-EFGH"}', "application/json", 415),
        (b"code=ABCD-EFGH", "", 415),
    ],
)
def test_a_form_that_takes_long_to_read_is_not_read(
    portal: Portal, path: str, body: bytes, kind: str, status: int
) -> None:
    answer = portal.web.post(path, data=body, content_type=kind)
    assert answer.status_code == status


def test_a_form_as_browsers_send_it_is_read(portal: Portal) -> None:
    for kind in (FORM, f"{FORM}; charset=UTF-8", FORM.upper()):
        answer = portal.web.post("/pc", data=b"code=ABCD-EFGH", content_type=kind)
        assert (answer.status_code, b'role="alert"' in answer.data) == (404, True)


@pytest.mark.parametrize("path", ["/openapi.json", "/asyncapi.json"])
def test_a_document_is_written_out_once(
    portal: Portal, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = portal.web.get(path)
    assert first.is_json
    monkeypatch.setattr(pages, "documents", None)
    assert portal.web.get(path).data == first.data
