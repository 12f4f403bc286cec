"""A webhook gets each alert once, is asked again while that may help, and is never named beyond its host."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from livedash_pipeline.errors import SourceError
from livedash_pipeline.sources.alert_webhook import AlertWebhook, shown_webhook
from tests.sources.alert_receiver import AlertReceiver, alert_receiver

DOCUMENT = {"text": "grüße", "count": 3}


@pytest.fixture
def receiver() -> Iterator[AlertReceiver]:
    with alert_receiver() as receiver:
        yield receiver


def test_an_alert_is_posted_once_as_json(receiver: AlertReceiver) -> None:
    AlertWebhook(receiver.url).post(DOCUMENT)
    assert receiver.posted == [DOCUMENT]
    assert receiver.paths == ["/hook/secret-token"]


def test_a_passing_failure_is_met_with_three_tries_and_short_pauses(receiver: AlertReceiver) -> None:
    pauses: list[float] = []
    receiver.statuses, receiver.headers = [503, 429, 204], {"Retry-After": "30"}
    AlertWebhook(receiver.url, sleep=pauses.append).post(DOCUMENT)
    assert len(receiver.posted) == 3
    assert len(pauses) == 2 and max(pauses) <= 2


@pytest.mark.parametrize(("status", "tries"), [(500, 3), (404, 1), (302, 1)])
def test_an_alert_that_is_not_taken_is_an_error_that_names_the_host_only(
    receiver: AlertReceiver, status: int, tries: int
) -> None:
    receiver.statuses, receiver.headers = [status], {"Location": "/elsewhere"}
    with pytest.raises(SourceError) as caught:
        AlertWebhook(receiver.url, sleep=lambda _: None).post(DOCUMENT)
    assert len(receiver.posted) == tries
    assert str(status) in str(caught.value) and "127.0.0.1" in str(caught.value)
    assert "secret-token" not in repr(caught.value)


def test_a_webhook_that_is_failing_gets_one_short_try_until_it_answers(receiver: AlertReceiver) -> None:
    receiver.statuses = [500]
    webhook = AlertWebhook(receiver.url, sleep=lambda _: None)
    for tries in (3, 4, 5):
        with pytest.raises(SourceError):
            webhook.post(DOCUMENT)
        assert len(receiver.posted) == tries
    receiver.statuses = [200, 500, 200]
    webhook.post(DOCUMENT)
    webhook.post(DOCUMENT)
    assert len(receiver.posted) == 8, "after an answer there are three tries again"


def test_a_webhook_that_does_not_answer_or_is_not_there_is_given_up_in_time(receiver: AlertReceiver) -> None:
    receiver.slowness = 0.5
    with pytest.raises(SourceError, match=r"^http://127\.0\.0\.1:\d+ did not "):
        AlertWebhook(receiver.url, sleep=lambda _: None, seconds=0.05).post(DOCUMENT)
    with alert_receiver() as gone:
        pass
    with pytest.raises(SourceError, match="refused the connection") as caught:
        AlertWebhook(gone.url, sleep=lambda _: None).post(DOCUMENT)
    assert "secret-token" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "10.1.2.3", "169.254.169.254", "::ffff:127.0.0.1", "fe80::1%lo"]
)
def test_a_webhook_by_name_is_not_posted_to_an_address_that_is_not_public(
    receiver: AlertReceiver, address: str
) -> None:
    url = receiver.url.replace("127.0.0.1", "hooks.invalid")
    with pytest.raises(SourceError, match=r"^http://hooks\.invalid:\d+ leads to") as caught:
        AlertWebhook(url, resolver=lambda _host, _port: [address]).post(DOCUMENT)
    assert f"add {address.partition('%')[0]} to LIVEDASH_ALERT_ALLOW_ADDRESS" in caught.value.remedy
    assert "secret-token" not in str(caught.value)
    assert receiver.posted == []


def test_a_webhook_by_name_is_posted_to_an_address_that_is_allowed(receiver: AlertReceiver) -> None:
    url = receiver.url.replace("127.0.0.1", "hooks.invalid")
    allowed = ["127.0.0.0/8"]
    AlertWebhook(url, allowed_addresses=allowed, resolver=lambda _host, _port: ["127.0.0.1"]).post(DOCUMENT)
    assert receiver.posted == [DOCUMENT]


def _resolved(addresses: list[str], _host: str, _port: int) -> list[str]:
    return addresses


def test_a_look_up_judges_the_address_and_posts_nothing(receiver: AlertReceiver) -> None:
    url = receiver.url.replace("127.0.0.1", "hooks.invalid")
    AlertWebhook(receiver.url).look_up()
    AlertWebhook(url, allowed_addresses=["127.0.0.1"], resolver=lambda _host, _port: ["127.0.0.1"]).look_up()
    found: dict[str, list[str]] = {"leads to 127.0.0.1": ["127.0.0.1"], "cannot be resolved": []}
    for says, addresses in found.items():
        with pytest.raises(SourceError, match=says) as caught:
            AlertWebhook(url, resolver=partial(_resolved, addresses)).look_up()
        assert "secret-token" not in str(caught.value)
    with pytest.raises(SourceError, match="has a host name that cannot exist"):
        AlertWebhook(f"https://{'a' * 70}.example/hook").look_up()
    assert receiver.posted == []


def test_an_alert_is_not_carried_along_a_redirect(receiver: AlertReceiver) -> None:
    with alert_receiver() as elsewhere:
        for status in (301, 302, 303, 307, 308):
            receiver.statuses, receiver.headers = [status], {"Location": elsewhere.url}
            with pytest.raises(SourceError):
                AlertWebhook(receiver.url, sleep=lambda _: None).post(DOCUMENT)
        assert elsewhere.posted == []


def test_a_webhook_is_shown_without_credentials_path_and_query() -> None:
    assert shown_webhook("https://user:password@hooks.example.com:8443/services/T0/B0?key=1") == (
        "https://hooks.example.com:8443"
    )
