"""Who is the user and who the assistant, by the names that speak in some transcripts.

Words such as Visitor or Agent say it in many languages. Of other names, one that speaks again and again belongs to the company,
and one that speaks in a single chat to its user. What neither shows is left to a person, with a sentence. Add words here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from livedash_pipeline.base.rules.text import storable_text
from livedash_pipeline.intake.rules.profiles.documents import LONGEST_WORD
from livedash_pipeline.intake.rules.profiles.line_templates import normal_name
from livedash_pipeline.intake.rules.transcript_lines import Role

_USERS = """
    user visitor customer client guest caller contact lead you me human requester enduser end-user shopper
    gebruiker bezoeker klant gast jij ik kunde kundin besucher besucherin nutzer benutzer anwender utilisateur
    visiteur visiteuse cliente usuario visitante huésped utente visitatore ospite utilizador użytkownik gość
    klient odwiedzający uživatel zákazník návštěvník kund användare besökare bruker besøkende bruger besøgende
    gæst käyttäjä asiakas vierailija kullanıcı müşteri ziyaretçi felhasználó ügyfél látogató пользователь клиент
    посетитель гость користувач відвідувач 用户 客户 访客 ユーザー 顧客 사용자 고객
"""
_ASSISTANTS = """
    assistant agent operator support bot chatbot ai advisor adviser admin helpdesk service staff representative
    rep assistent assistente medewerker adviseur klantenservice agente mitarbeiter mitarbeiterin berater beraterin
    kundendienst kundenservice conseiller conseillère soutien opérateur asistente soporte operador asesor
    atendente suporte operatore supporto consulente konsultant doradca wsparcie obsługa operátor podpora asistent
    handläggare kundtjänst rådgiver kundeservice medarbejder asiakaspalvelu avustaja temsilci destek operatör
    ügyfélszolgálat asszisztens оператор поддержка агент ассистент бот підтримка
    客服 助手 机器人 オペレーター アシスタント 상담원 챗봇
"""
_SYSTEMS = """
    system systeem système sistema systém järjestelmä sistem rendszer система notification notice info event
"""
_WORDS: dict[str, Role] = {
    **dict.fromkeys(_SYSTEMS.split(), "system"),
    **dict.fromkeys(_ASSISTANTS.split(), "assistant"),
    **dict.fromkeys(_USERS.split(), "user"),
}
# These three are names of the grammar, which nobody has to list.
_KNOWN: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system"}
_NUMBERED = re.compile(r"[\s#_-]*\d+$")
_TOKEN = re.compile(r"[\s()\[\]/|,._-]+")
_MOST_LISTED = 50


@dataclass(slots=True)
class SpeakerGuess:
    """Names by party, as they are spelled first; evidence by field, and what a person has to decide."""

    names: dict[Role, list[str]] = field(default_factory=lambda: {"user": [], "assistant": [], "system": []})
    others: Role = "unknown"
    evidence: list[tuple[str, str]] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)

    def add(self, role: Role, name: str, why: str) -> None:
        """Lists a name, unless the grammar knows it or there are many."""
        if normal_name(name) not in _KNOWN and len(self.names[role]) < _MOST_LISTED:
            self.names[role].append(name)
            self.evidence.append((f"{role}_names", f"{name!r} {why}"))


def role_of_word(name: str) -> Role | None:
    """What a name says of itself: a word of the list, alone, with a number behind it, or beside other words; None for none."""
    bare = normal_name(name)
    found = _WORDS.get(bare) or _WORDS.get(_NUMBERED.sub("", bare))
    if found is not None:
        return found
    roles = {_WORDS[token] for token in _TOKEN.split(bare) if token in _WORDS}
    return roles.pop() if len(roles) == 1 else None


def guess_speakers(spoken: Sequence[Sequence[str]]) -> SpeakerGuess:
    """Who speaks; given are the names of each transcript, in the order of its messages."""
    guess = SpeakerGuess()
    spoken = [[name for name in names if _can_be_listed(name)] for names in spoken]
    spelled = {normal_name(name): name for names in reversed(spoken) for name in reversed(names)}
    chats = [list(dict.fromkeys(map(normal_name, names))) for names in spoken if names]
    counts = Counter(name for names in chats for name in names)
    said: dict[Role, set[str]] = {"user": set(), "assistant": set(), "system": set()}
    for name in sorted(counts, key=lambda each: -counts[each]):
        role = role_of_word(spelled[name])
        if role is None:
            continue
        said[role].add(name)
        if _NUMBERED.search(name) and role == "user":
            _let_others_be(guess, "user", f"names such as {spelled[name]!r} have a number")
        else:
            guess.add(role, spelled[name], f"is a word for the {role}")
    rest = [[name for name in names if not any(name in each for each in said.values())] for names in chats]
    if any(rest):
        _Rest(guess, spelled, counts, chats, rest, said).judge()
    elif len(said["assistant"]) > 1 and all(said["user"].intersection(names) for names in chats):
        _let_others_be(guess, "assistant", "the user is known in every chat, and several others answer")
    return guess


@dataclass(slots=True)
class _Rest:
    """Names that say nothing of themselves.

    Attributes:
        guess: What is found.
        spelled: Names as they are written, by the name as it is compared.
        counts: In how many chats a name speaks.
        chats: Names of each chat in the order in which they first speak.
        rest: The same without those that are words for somebody.
        said: Names that are.
    """

    guess: SpeakerGuess
    spelled: dict[str, str]
    counts: Counter[str]
    chats: list[list[str]]
    rest: list[list[str]]
    said: dict[Role, set[str]]

    def judge(self) -> None:
        has_user = all(self.said["user"].intersection(names) for names in self.chats)
        has_assistant = all(self.said["assistant"].intersection(names) for names in self.chats)
        if has_user:
            self._list("assistant", "speaks to the user")
            if len(self._names()) > 1:
                _let_others_be(self.guess, "assistant", "the user is known in every chat")
            self.guess.unclear += [self._ask("further assistants from users")] if has_assistant else []
        elif len(self.chats) == 1:
            self._judge_one(has_assistant)
        else:
            self._judge_many(has_assistant)

    def _judge_one(self, has_assistant: bool) -> None:
        if has_assistant and len(self._names()) == 1:
            _let_others_be(self.guess, "user", "it speaks to the assistant")
            self.guess.unclear.append("One transcript was looked at: more would show which names differ in each chat.")
        else:
            self.guess.unclear.append(self._ask("the user from the assistant"))

    def _judge_many(self, has_assistant: bool) -> None:
        common = [name for name in self._names() if self.counts[name] > 1]
        is_split = all(has_assistant or set(names).intersection(common) for names in self.rest) and all(
            set(names).difference(common) for names in self.rest
        )
        if is_split:
            self._list("assistant", "speaks in several chats", common)
            _let_others_be(self.guess, "user", "another name speaks in each chat")
            return
        pair = {tuple(names) for names in self.chats}
        if len(pair) == 1 and len(self.chats[0]) == 2 and not has_assistant:
            user, assistant = self.chats[0]
            self.guess.add("user", self.spelled[user], "speaks first in every chat")
            self.guess.add("assistant", self.spelled[assistant], "speaks second in every chat")
        self.guess.unclear.append(self._ask("the user from the assistant"))

    def _list(self, role: Role, why: str, names: Sequence[str] | None = None) -> None:
        total = len(self.chats)
        for name in self._names() if names is None else names:
            self.guess.add(role, self.spelled[name], f"{why} ({self.counts[name]} of {total})")

    def _names(self) -> list[str]:
        return sorted({name for names in self.rest for name in names}, key=lambda name: (-self.counts[name], name))

    def _ask(self, who: str) -> str:
        shown = ", ".join(repr(self.spelled[name]) for name in self._names()[:8])
        return (
            f"Names alone do not tell {who}: {shown}. Put them into user_names or assistant_names, or say it of others."
        )


def _can_be_listed(name: str) -> bool:
    return 0 < len(name) <= LONGEST_WORD and bool(normal_name(name)) and not storable_text(name)[1]


def _let_others_be(guess: SpeakerGuess, role: Role, why: str) -> None:
    if guess.others == "unknown":
        guess.others = role
        guess.evidence.append(("others", f"names that are not listed are the {role}'s: {why}"))
