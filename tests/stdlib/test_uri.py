"""uri: the old names of the R-URI functions."""

from __future__ import annotations

from stdlib import uri
from tests.stdlib.sipmessages import HEAD, request


def test_old_names():
    msg = request(uri="sip:bob@h;a=1")
    assert uri.uri_param(msg, "a", "1")
    assert not uri.uri_param(msg, "a")
    assert uri.add_uri_param(msg, "b")
    assert uri.uri_param(msg, "b")
    assert uri.del_uri_param(msg, "a")
    assert msg.current_uri == "sip:bob@h;b"
    assert not uri.has_totag(msg)
    assert uri.has_totag(request(head=HEAD.replace("To: <sip:bob@127.0.0.1>", "To: <sip:b@h>;tag=q")))
    msg = request(uri="tel:+4930")
    assert uri.tel2sip(msg)
    assert msg.current_uri == "sip:+4930@127.0.0.1;user=phone"
    assert uri.is_uri_user_e164(msg, msg.current_uri)
    assert not uri.is_uri_user_e164(msg, "nonsense")
    assert all(function.instead for function in uri.module.functions.values())
