"""Names under which credentials are looked up."""

from __future__ import annotations

import pytest

from livedash_pipeline.base.rules.places.logins import CsvLogin, header_problem, split_header


@pytest.mark.parametrize("text", ["X-Api-Key=ACME_KEY", "Cookie=ACME_COOKIE", "Authorization=ACME_AUTH", " X = A "])
def test_headers_that_may_be_sent(text: str) -> None:
    assert header_problem(text) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("X-Api-Key", "no name of an environment variable"),
        ("X-Api-Key=", "no name of an environment variable"),
        ("X-Api-Key=a secret", "no name of an environment variable"),
        ("=ACME", "no header's name"),
        ("X Y=ACME", "no header's name"),
        ("X-Ä=ACME", "no header's name"),
        ("X\r\nY=ACME", "no header's name"),
        ("Host=ACME", "by the client itself"),
        ("connection=ACME", "by the client itself"),
        ("Transfer-Encoding=ACME", "by the client itself"),
        ("Proxy-Authorization=ACME", "by the client itself"),
        ("Content-Length=ACME", "by the client itself"),
        ("If-None-Match=ACME", "by the client itself"),
        ("Range=ACME", "by the client itself"),
    ],
)
def test_headers_that_may_not_say_why(text: str, problem: str) -> None:
    found = header_problem(text)
    assert found is not None
    assert problem in found
    assert "secret" not in found


def test_a_header_is_a_name_and_a_variable() -> None:
    assert split_header(" X-Api-Key = ACME ") == ("X-Api-Key", "ACME")


@pytest.mark.parametrize(
    ("login", "problem"),
    [
        (CsvLogin(), None),
        (CsvLogin("U", "P", None, ("X-A=A", "X-B=B")), None),
        (CsvLogin(bearer_env="B", headers=("X-A=A",)), None),
        (CsvLogin(headers=("Authorization=A",)), None),
        (CsvLogin("U", "P", "B"), "--csv-bearer-env and --csv-username-env"),
        (CsvLogin(None, "P", "B"), "--csv-bearer-env and --csv-username-env"),
        (CsvLogin(bearer_env="B", headers=("authorization=A",)), "--csv-bearer-env and --csv-header Authorization"),
        (CsvLogin("U", "P", headers=("Authorization=A",)), "--csv-password-env and --csv-header Authorization"),
        (CsvLogin(headers=("X-A=A", "x-a=B")), "x-a is given twice"),
    ],
)
def test_two_ways_to_say_who_asks_are_one_too_many(login: CsvLogin, problem: str | None) -> None:
    found = login.problem()
    assert (found is None) == (problem is None)
    assert problem is None or problem in (found or "")
