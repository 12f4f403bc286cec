"""Companies on pages: listed, added, changed, and their files looked at, without opening what is the server's."""

from __future__ import annotations

import html
import json
import re
import time
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, text, update

from livedash_pipeline.base.steps.companies import add_company, change_company, show_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.tables import companies, import_runs, sessions
from livedash_pipeline.intake.steps import detect_files
from livedash_pipeline.overview.steps.pages.companies import count_sessions
from livedash_pipeline.web.pages.companies import profiles
from tests.api.world import Api, add_requests
from tests.conftest import NOW
from tests.support.rows import CHAT, insert_company, insert_sessions
from tests.web.person import FoundForm, Page, Person, signed_in

COMPANIES = "/console/companies"
NEW = {"slug": "globex", "csv_url": "https://chats.example.com/globex.csv"}


def table_of(count: int) -> bytes:
    """A table of so many sessions, in words of its own."""
    days = [f"{day:02}/05/2025" for day in range(1, 29)]
    rows = (f"chat-{n};{days[n % 28]} 10:00;{days[n % 28]} 10:05;NL;nl;positief\r\n" for n in range(count))
    return f"session;begin;end;land;taal;stemming\r\n{''.join(rows)}".encode()


CSV = table_of(60)


def saved(api: Api, slug: str) -> dict[str, object]:
    found: dict[str, object] = show_company(api.engine, slug)["company"]
    return found


def of(api: Api, person: Person, part: str, slug: str = "acme") -> Page:
    return person.get(f"{COMPANIES}/{slug}/{part}")


@pytest.fixture
def acme(api: Api) -> Api:
    """A server that knows the company acme, whose CSV comes over HTTPS."""
    add_requests(api.engine, {})
    change_company(api.engine, "acme", CompanyChanges(csv_url="https://chats.example.com/acme.csv"))
    return api


def test_a_company_is_added_and_shown(api: Api) -> None:
    with signed_in(api) as person:
        assert "no companies yet" in person.get(COMPANIES).text
        page = person.get(f"{COMPANIES}/new")
        added = person.send(
            page.form(COMPANIES), NEW | {"name": "Globex", "monthly_cap": "25", "bot_names": "Bot\r\nHelper\r\n"}
        )
        assert added.status == 200
        assert "Globex" in added.text
        assert "globex" in person.get(COMPANIES).text
        again = person.send(page.form(COMPANIES), NEW)
        assert (again.status, "already" in again.text) == (400, True)
        api_only = person.send(page.form(COMPANIES), {"slug": "initech"})
        assert "submitted through the API" in api_only.text
    assert saved(api, "globex") | {"monthlyCapEur": "25", "botNames": ["Bot", "Helper"]} == saved(api, "globex")
    line = next(line for line in api.audit() if line.action == "company add")
    assert line.detail == {"company": "globex", "set": ["bot_names", "csv_url", "monthly_cap", "name"]}


@pytest.mark.parametrize(
    "wrong",
    [
        {"slug": "Not A Slug"},
        {"time_zone": "Mars/Olympus"},
        {"monthly_cap": "much"},
        {"keep_messages": "-1"},
        {"csv_url": "https://user:password@chats.example.com/"},
        {"transcript_hosts": "not a host"},
        {"model": "x" * 500},
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(quiet_api: Api, wrong: dict[str, str]) -> None:
    with signed_in(quiet_api) as person:
        page = person.get(f"{COMPANIES}/new")
        refused = person.send(page.form(COMPANIES), NEW | wrong)
        assert refused.status == 400
        assert person.get(f"{COMPANIES}/globex").status == 404


def test_settings_are_changed_and_no_others_are_touched(acme: Api) -> None:
    change_company(acme.engine, "acme", CompanyChanges(allowed_addresses=("10.1.2.3",), keep_messages="30"))
    before = saved(acme, "acme")
    with signed_in(acme) as person:
        page = of(acme, person, "settings")
        form = page.form("/settings")
        done = person.send(form, {"name": "Acme & Söhne", "daily_cap": "0", "keep_messages": ""})
        assert "Acme & Söhne" in done.text
        stale = person.send(form, {"name": "Older"})
        assert (stale.status, "somebody else" in stale.text) == (409, True)
        unchanged = of(acme, person, "settings")
        assert person.send(unchanged.form("/settings")).status == 200
    assert saved(acme, "acme") == before | {
        "name": "Acme & Söhne", "dailyCapEur": "0", "keepMessagesDays": None,
    }  # fmt: skip
    line = next(line for line in acme.audit() if line.action == "company set")
    assert line.detail == {"company": "acme", "set": ["daily_cap", "keep_messages", "name"], "daily_cap": "0"}


@pytest.mark.parametrize(
    "change",
    [
        {"csv_url": "/etc/passwd"},
        {"csv_url": "file:///etc/passwd"},
        {"csv_url": "s3://bucket/file.csv"},
        {"csv_url": "https://evil.example/acme.csv"},
        {"csv_url": "http://chats.example.com/acme.csv"},
        {"transcript_hosts": "s3://bucket"},
    ],
)
def test_no_page_opens_files_or_sends_secrets_of_the_server(acme: Api, change: dict[str, str]) -> None:
    change_company(acme.engine, "acme", CompanyChanges(csv_bearer_env="ACME_TOKEN"))
    before = saved(acme, "acme")
    with signed_in(acme) as person:
        page = of(acme, person, "settings")
        refused = person.send(page.form("/settings"), change)
        assert refused.status == 403
        assert "livedash company set" in refused.text
        sneaky = person.send(
            page.form("/settings"), {"csv_bearer_env": "OPENAI_API_KEY", "allowed_addresses": "10.0.0.0/8"}
        )
        assert sneaky.status == 200
    assert saved(acme, "acme") == before


def test_a_status_is_changed_after_its_consequence_was_read(acme: Api) -> None:
    with signed_in(acme) as person:
        page = person.get(f"{COMPANIES}/acme")
        asked = person.get(page.link("to=suspended"))
        assert "Nothing more is imported" in asked.text
        done = person.send(asked.form("/status"))
        assert "suspended" in done.text
        assert person.get(f"{COMPANIES}?status=suspended").text.count("acme") > 0
        assert "No company matches" in person.get(f"{COMPANIES}?status=active").text
        assert of(acme, person, "status?to=deleted").status == 400
    assert saved(acme, "acme")["status"] == "suspended"


def test_a_sample_is_looked_at_and_then_saved(acme: Api, tmp_path: Path) -> None:
    with signed_in(acme) as person:
        form = of(acme, person, "profiles").form("/detect")
        found = person.send(form, {"date_order": "day"}, files={"sample": ("export.csv", CSV)})
        assert found.status == 200, found.text
        assert "60 of 60 records fit" in found.text
        assert "export.csv" in found.text
        assert "chat-0" in found.text
        assert saved(acme, "acme")["csvProfile"] is None
        proposal = json.loads(written(found, "csv"))
        assert proposal["delimiter"] == ";"
        done = person.send(saving(found), {"csv": json.dumps(proposal), "transcripts": ""})
        assert "by its profile" in done.text
    assert saved(acme, "acme")["csvProfile"] == proposal
    lines = [line for line in acme.audit() if line.action in ("company detect", "set_profiles")]
    assert [line.action for line in lines] == ["company detect", "set_profiles"]
    assert lines[0].detail == {"company": "acme", "records": 60, "fitting": 60, "texts_shown": True}


def test_a_second_file_is_refused_within_seconds_while_one_is_looked_at(acme: Api) -> None:
    with signed_in(acme) as person:
        form = of(acme, person, "profiles").form("/detect")
        with profiles._turn:
            begun = time.monotonic()
            refused = person.send(form, {"date_order": "day"}, files={"sample": ("acme.csv", CSV)})
            assert time.monotonic() - begun < 5
    assert (refused.status, "Send the form again" in refused.text) == (503, True)


def test_a_long_file_is_tried_on_its_first_records(acme: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "_MOST_RECORDS", 1)
    monkeypatch.setattr(detect_files, "_CHUNK_RECORDS", 20)
    with signed_in(acme) as person:
        form = of(acme, person, "profiles").form("/detect")
        found = person.send(form, {"date_order": "day"}, files={"sample": ("long.csv", table_of(60_000))})
    tried = re.search(r"([\d,]+) of ([\d,]+) records fit", found.text)
    assert tried
    # Of 60,000: the blocks that the file is read in are what is counted.
    assert tried[1] == tried[2]
    assert 0 < int(tried[2].replace(",", "")) < 60_000


def test_records_are_shown_to_who_may_read_texts(acme: Api) -> None:
    with signed_in(acme, scopes=["admin:read", "admin:write"]) as person:
        form = of(acme, person, "profiles").form("/detect")
        found = person.send(form, {"date_order": "day"}, files={"sample": ("export.csv", CSV)})
    assert "60 of 60 records fit" in found.text
    assert "chat-0" not in found.text
    assert "texts:read" in found.text


def test_nothing_that_a_sample_names_is_opened(acme: Api, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("[01.05.2025 10:00:00] User: my secret\n")
    rows = "".join(f"chat-{n};2025-05-{n % 28 + 1:02} 10:00;2025-05-01 10:05;{secret}\r\n" for n in range(30))
    sample = ("session_id;start_time;end_time;full_transcript_url\r\n" + rows).encode()
    with signed_in(acme) as person:
        form = of(acme, person, "profiles").form("/detect")
        found = person.send(form, {}, files={"sample": ("export.csv", sample)})
    assert found.status in (200, 400)
    assert "my secret" not in found.response.text
    assert "transcripts:" not in found.text


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02" * 50, b"no table at all", b"PK\x03\x04 broken", b"[" * 5000])
def test_what_is_no_table_is_said_without_where_it_lay(acme: Api, content: bytes) -> None:
    with signed_in(acme) as person:
        form = of(acme, person, "profiles").form("/detect")
        refused = person.send(form, {}, files={"sample": ("../../etc/passwd", content)})
    assert refused.status in (200, 400)
    assert "livedash-csv" not in refused.response.text
    assert "Traceback" not in refused.text


@pytest.mark.parametrize("profile", ["{", "[]", '{"delimiter": 7}', '{"unknown": 1}', '{"a": NaN}', "[" * 3000])
def test_what_is_no_profile_is_not_saved(acme: Api, profile: str) -> None:
    with signed_in(acme) as person:
        form = saving(of(acme, person, "profiles"))
        assert person.send(form, {"csv": profile, "transcripts": ""}).status == 400
    assert saved(acme, "acme")["csvProfile"] is None


def test_the_list_shows_the_last_import_and_counts_sessions(acme: Api) -> None:
    with acme.engine.begin() as connection:
        company_id = connection.execute(text("SELECT id FROM companies")).scalar_one()
        values = {"company_id": company_id, "source_url": "x", "finished_at": NOW, "rows": 7, "rows_rejected": 2}
        run = insert(import_runs).values(**values, status="COMPLETED", started_at=NOW, rows_new=5)
        run_id = connection.execute(run.returning(import_runs.c.id)).scalar_one()
        connection.execute(update(companies).values(name="<script>alert(1)</script>\u202e" + "x" * 5000))
    with signed_in(acme) as person:
        page = person.counted(COMPANIES)
        assert page.link("/rejects?") == f"/console/rejects?run={run_id}"
        one = person.get(f"{COMPANIES}/acme")
        assert f"/console/rejects?run={run_id}" in one.links
        for shown in (page, one):
            assert "<script>alert" not in shown.response.text
            assert len(shown.response.content) < 60_000


def test_sessions_that_could_not_be_created_are_not_counted(api: Api) -> None:
    with api.engine.begin() as connection:
        company = insert_company(connection, "acme")
        first, *_ = insert_sessions(connection, company, [CHAT] * 3)
        connection.execute(delete(sessions).where(sessions.c.id == first))
    with signed_in(api) as person:
        listed = [
            link
            for link in person.get("/console/sessions?company=acme").links
            if link.startswith("/console/sessions/0")
        ]
    assert count_sessions(api.engine) == {"acme": len(listed)} == {"acme": 2}


def test_many_companies_come_page_by_page(api: Api) -> None:
    for number in range(120):
        add_company(api.engine, f"company-{number:03}", CompanyChanges(no_csv=True))
    seen: list[str] = []
    with signed_in(api) as person:
        page = person.get(COMPANIES)
        while True:
            seen += re.findall(r'href="/console/companies/(company-\d+)"', page.response.text)
            following = [link for link in page.links if "cursor=" in link]
            if not following:
                break
            page = person.get(following[-1])
        assert seen == [f"company-{number:03}" for number in range(120)]
        assert "company-117" in person.get(f"{COMPANIES}?words=Y-117").text
        assert "No company" in person.get(f"{COMPANIES}?words=%25").text


def test_a_companys_token_sees_no_companies(acme: Api) -> None:
    with signed_in(acme, company="acme") as person:
        for path in ("", "/new", "/acme", "/acme/settings", "/acme/profiles"):
            assert person.get(COMPANIES + path).status == 403
    with signed_in(acme, scopes=["admin:read"]) as reader:
        assert reader.get(f"{COMPANIES}/acme").status == 200
        assert "Change settings" not in reader.get(f"{COMPANIES}/acme").text
        for path in ("/new", "/acme/settings", "/acme/profiles", "/acme/status?to=trial"):
            assert reader.get(COMPANIES + path).status == 403
        fields = {"form_token": reader.form_token(), "status": "archived"}
        assert reader.post(f"{COMPANIES}/acme/status", fields).status == 403


def written(page: Page, name: str) -> str:
    found = re.search(rf'<textarea[^>]*name="{name}"[^>]*>(.*?)</textarea>', page.response.text, re.DOTALL)
    assert found
    return html.unescape(found[1])


def saving(page: Page) -> FoundForm:
    return next(form for form in page.forms if form.action.endswith("/profiles"))
