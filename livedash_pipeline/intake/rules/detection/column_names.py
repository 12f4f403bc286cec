"""Names that tools give to columns, in many languages, and which of our columns they mean.

Names are compared without accents, signs and case, and `conversationId` is two words. Of several names the first in a list that
a file has is taken. Add a name to a list.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

COLUMN_NAMES: Mapping[str, tuple[str, ...]] = {
    "external_session_id": (
        "external session id", "session id", "sessionid", "chat id", "chatid", "conversation id", "conversationid", "thread id",
        "ticket id", "case id", "case number", "history id", "call id", "interaction id", "engagement id", "unique id", "uuid",
        "guid", "id", "gesprek id", "gespreks id", "gesprach id", "gesprachs id", "chat nummer", "identifiant", "id du chat",
        "id conversation", "id de la conversation", "id conversacion", "id de conversacion", "id chat", "id conversa", "session",
        "chat", "conversation", "ticket", "reference", "referentie", "referenz", "ref", "number", "nummer", "nr", "numero", "key",
    ),
    "start_time": (
        "start time", "start time utc", "started at", "chat started", "chat start", "session start", "conversation started at",
        "started", "start", "start date", "start datetime", "start date time", "begin time", "begin", "created at", "created",
        "created date", "created time", "creation time", "creation date", "create time", "create date", "opened at", "opened",
        "first message at", "timestamp", "datetime", "date time", "date and time", "date created", "chat date", "starttijd",
        "begintijd", "start tijd", "begin tijd", "startdatum", "aangemaakt", "aangemaakt op", "datum tijd", "datum en tijd",
        "startzeit", "beginn", "gestartet", "gestartet am", "erstellt", "erstellt am", "datum uhrzeit", "debut", "heure de debut",
        "date de debut", "date debut", "cree le", "date de creation", "date heure", "inicio", "hora de inicio", "fecha de inicio",
        "fecha inicio", "fecha y hora", "creado", "creado el", "fecha de creacion", "inicio em", "data de inicio", "data inicio",
        "data e hora", "criado em", "inizio", "data inizio", "ora inizio", "creato il", "data ora", "date", "datum", "fecha",
        "data", "time",
    ),
    "end_time": (
        "end time", "end time utc", "ended at", "chat ended", "chat end", "session end", "conversation ended at", "ended", "end",
        "end date", "end datetime", "finish time", "finished at", "finished", "closed at", "closed", "closed time", "resolved at",
        "resolved time", "completed at", "last message at", "last activity", "last activity at", "eindtijd", "eind tijd", "einde",
        "einddatum", "afgesloten", "gesloten op", "endzeit", "ende", "beendet", "beendet am", "geschlossen am", "fin",
        "heure de fin", "date de fin", "date fin", "ferme le", "termine le", "hora de fin", "fecha de fin", "fecha fin", "fim",
        "data de fim", "encerrado em", "fine", "data fine", "ora fine", "chiuso il",
    ),
    "ip_address": ("ip address", "visitor ip", "client ip", "customer ip", "ip", "ip adres", "ip adresse", "adresse ip"),
    "country_code": (
        "country code", "country", "visitor country", "country name", "landcode", "land", "pays", "pais", "paese", "kraj",
    ),
    "language": ("language", "language code", "lang", "locale", "taal", "sprache", "langue", "idioma", "lingua", "jezyk"),
    "messages_sent": (
        "messages sent", "user messages", "visitor messages", "customer messages", "visitor message count", "message count",
        "messages count", "messages", "number of messages", "num messages", "aantal berichten", "berichten",
        "anzahl nachrichten", "nachrichten", "nombre de messages", "numero de mensajes", "mensajes", "mensagens", "messaggi",
    ),
    "sentiment": ("sentiment", "mood", "gevoel", "stimmung", "sentimiento", "sentimento"),
    "escalated": (
        "escalated", "escalated to agent", "escalation", "is escalated", "handover", "handed over", "handoff", "transferred",
        "transferred to agent", "human takeover", "geescaleerd", "doorverbonden", "eskaliert", "weitergeleitet", "escalade",
        "transfere", "escalado", "escalada", "transferido", "trasferito",
    ),
    "forwarded_hr": ("forwarded hr", "forwarded to hr", "forward hr", "hr", "doorgestuurd hr", "doorgestuurd naar hr"),
    "full_transcript_url": (
        "full transcript url", "transcript url", "transcript link", "transcript", "transcript file", "conversation url",
        "chat url", "permalink", "log url", "chat log", "link", "url", "verslag", "protokoll", "transcription",
    ),
    "avg_response_time_seconds": (
        "avg response time seconds", "avg response time", "average response time", "average response time seconds",
        "mean response time", "response time", "gemiddelde reactietijd", "durchschnittliche antwortzeit",
        "temps de reponse moyen", "tiempo medio de respuesta", "tempo medio de resposta",
    ),
    "tokens": ("tokens", "token count", "total tokens", "tokens used"),
    "tokens_eur": ("tokens eur", "cost eur", "costs eur", "cost", "costs", "price", "kosten", "cout", "coste", "custo", "costo"),
    "category": (
        "category", "topic", "categorie", "kategorie", "categoria", "kategoria", "onderwerp", "thema", "tags", "tag",
        "department", "afdeling", "abteilung",
    ),
    "initial_message": (
        "initial message", "initial msg", "first message", "first user message", "first visitor message", "question",
        "eerste bericht", "vraag", "erste nachricht", "frage", "premier message", "question posee", "primer mensaje", "pregunta",
        "primeira mensagem", "primo messaggio", "subject", "betreff", "preview", "message",
    ),
}  # fmt: skip
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def plain_name(name: str) -> str:
    """A column's name in lower case, of letters, digits and single blanks alone."""
    words = _CAMEL.sub(" ", name)
    folded = "".join(sign for sign in unicodedata.normalize("NFKD", words) if not unicodedata.combining(sign))
    return " ".join(re.sub(r"[\W_]+", " ", folded.casefold()).split())


def ranked_columns(column: str, names: list[str]) -> list[int]:
    """Which of some names may mean one of our columns, the likeliest first, by position."""
    wanted = COLUMN_NAMES[column]
    found = []
    for place, name in enumerate(names):
        # Of a dotted path all parts together are looked for, and the last one.
        ranks = [
            wanted.index(plain) for plain in (plain_name(name), plain_name(name.rpartition(".")[2])) if plain in wanted
        ]
        if ranks:
            found.append((min(ranks), place))
    return [place for _, place in sorted(found)]
