"""Somebody at the console: a browser without a screen, which keeps cookies, follows links and sends forms."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx2

from livedash_pipeline.tls import machine_authorities
from tests.api.world import Api

_VOID = {"input", "meta", "link", "br", "hr", "img", "path", "rect", "line", "circle", "option", "source", "wbr", "col"}


@dataclass
class FoundForm:
    """A form of a page: where it goes, and what its fields hold."""

    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    words: str = ""


class _Reader(HTMLParser):
    """Collects forms, links and words, and finds elements that are not closed."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[FoundForm] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self._form: FoundForm | None = None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        forbidden = [name for name in given if name.startswith("on") or name == "style"]
        assert not forbidden, f"<{tag}> has {forbidden}, which the content policy forbids"
        if tag not in _VOID:
            self.open.append(tag)
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "form":
            self._form = FoundForm(given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self._form)
        if tag == "select":
            self._select = given.get("name", "")
        if self._form is not None:
            kind = given.get("type", "text")
            if tag == "option" and self._select and "selected" in given:
                self._form.fields.append((self._select, given.get("value", "")))
            if (
                tag == "input"
                and given.get("name")
                and (kind not in ("checkbox", "radio", "file") or "checked" in given)
            ):
                self._form.fields.append((given["name"], given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}>"
        self.open.pop()
        if tag == "form":
            self._form = None
        if tag == "select":
            self._select = ""

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("script", "style"):
            return
        self.words.append(data)
        if self._form is not None:
            self._form.words += data


@dataclass
class Page:
    """An answer as a person sees it."""

    response: httpx2.Response
    forms: list[FoundForm]
    links: list[str]
    text: str

    @property
    def status(self) -> int:
        return self.response.status_code

    def form(self, action: str) -> FoundForm:
        """The one form that goes to an address that holds this."""
        found = [form for form in self.forms if action in form.action]
        assert len(found) == 1, (action, [form.action for form in self.forms])
        return found[0]

    def link(self, part: str) -> str:
        """The first link whose address holds this."""
        return next(link for link in self.links if part in link)


def read_page(response: httpx2.Response) -> Page:
    """Reads a page, and checks that it is well formed."""
    if "text/html" not in response.headers.get("content-type", ""):
        return Page(response, [], [], response.text)
    reader = _Reader()
    reader.feed(response.text)
    reader.close()
    assert reader.open == [], f"left open: {reader.open}"
    return Page(response, reader.forms, reader.links, " ".join(" ".join(reader.words).split()))


@dataclass
class Person:
    """Somebody at the console."""

    api: Api
    client: httpx2.Client

    def get(self, path: str, **more: Any) -> Page:
        """Opens a page, following where it leads."""
        return read_page(self.client.get(path, follow_redirects=True, **more))

    def counted(self, path: str, **more: Any) -> Page:
        """Opens a page again and again until all that it counts is there, however busy the machine is."""
        while True:
            page = self.get(path, **more)
            if "being counted" not in page.text:
                return page
            time.sleep(0.05)

    def send(
        self,
        form: FoundForm,
        changes: Mapping[str, str | Sequence[str]] | None = None,
        *,
        files: Mapping[str, tuple[str, bytes]] | None = None,
    ) -> Page:
        """Sends a form with some fields changed, following where that leads."""
        fields: dict[str, list[str]] = {}
        for name, value in form.fields:
            fields.setdefault(name, []).append(value)
        for name, given in (changes or {}).items():
            fields[name] = [given] if isinstance(given, str) else list(given)
        path = form.action
        headers = {"Sec-Fetch-Site": "same-origin"}
        if form.method == "get":
            return read_page(self.client.get(path, params=fields, follow_redirects=True))
        return read_page(self.client.post(path, data=fields, files=files, headers=headers, follow_redirects=True))

    def post(self, path: str, fields: Mapping[str, str | list[str]]) -> Page:
        """Sends fields of one's own making, without a form token unless it is among them."""
        return read_page(
            self.client.post(path, data=fields, headers={"Sec-Fetch-Site": "same-origin"}, follow_redirects=True)
        )

    def form_token(self) -> str:
        """The token that this person's forms carry."""
        page = self.get("/console/probe")
        return next(value for form in page.forms for name, value in form.fields if name == "form_token")


@contextmanager
def somebody(api: Api) -> Iterator[Person]:
    """Somebody who is not signed in."""
    with httpx2.Client(base_url=api.origin, timeout=30, trust_env=False, verify=machine_authorities()) as client:
        yield Person(api, client)


@contextmanager
def signed_in(api: Api, *, company: str | None = None, scopes: Sequence[str] = ()) -> Iterator[Person]:
    """Somebody who signed in with a token of a company, or of a platform administrator."""
    token = api.token(company=company, scopes=scopes) if company or scopes else api.admin
    with somebody(api) as person:
        page = person.get("/console/sign-in")
        done = person.send(page.form("/sign-in"), {"token": token})
        assert done.status != 401, done.text
        yield person
