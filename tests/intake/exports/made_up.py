"""Exports of chats as tools of many kinds write them, made up for the tests: their names of columns, signs and forms.

Each holds the same three sessions, local to Amsterdam, with what such a tool adds of its own: titles, totals, columns that mean
nothing to us. No tool's real file was at hand; what is known of them is how they write.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import xlsxwriter

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
STARTS = tuple(map(datetime.fromisoformat, ("2025-05-01T10:00", "2025-05-14T11:30:05", "2025-12-31T23:50:59")))
LENGTH = timedelta(minutes=2, seconds=3)
ENDS = tuple(start + LENGTH for start in STARTS)
UTC_STARTS, UTC_ENDS = (
    tuple(each.replace(tzinfo=AMSTERDAM).astimezone(UTC) for each in moments) for moments in (STARTS, ENDS)
)
IDS = ("c-1001", "c-1002", "c-1003")


@dataclass(frozen=True)
class Export:
    """A file, and what becomes of it.

    Attributes:
        name: Of the tool.
        file: Its name.
        content: Its bytes.
        stored: Further columns of the first session, as they are stored.
        has_seconds: Whether its times have seconds.
        has_end: Whether it says when sessions end.
        extra: Columns of the first session that are kept as they are.
        rejected: Records that are no sessions, such as totals.
    """

    name: str
    file: str
    content: bytes
    stored: Mapping[str, object] = field(default_factory=dict)
    has_seconds: bool = True
    has_end: bool = True
    extra: Mapping[str, object] = field(default_factory=dict)
    rejected: int = 0


def _table(rows: Iterable[Sequence[object]], delimiter: str = ",", **options: Any) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=options.pop("end", "\r\n"), **options).writerows(rows)
    return text.getvalue()


def _written(form: str, moments: Sequence[datetime] = STARTS) -> list[str]:
    return [each.strftime(form) for each in moments]


def _lines(header: Sequence[str], *columns: Sequence[object]) -> list[Sequence[object]]:
    return [header, *zip(*columns, strict=True)]


def _workbook(rows: Sequence[Sequence[object]], form: str, *, above: Sequence[str] = ()) -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        sheet, dates = book.add_worksheet("Chats"), book.add_format({"num_format": form})
        for line, title in enumerate(above):
            sheet.write(line, 0, title)
        for line, row in enumerate(rows, len(above)):
            for place, cell in enumerate(row):
                if isinstance(cell, datetime):
                    sheet.write_datetime(line, place, cell, dates)
                else:
                    sheet.write(line, place, cell)
    return content.getvalue()


def _json_lines(records: Iterable[Mapping[str, object]]) -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


def _pandas() -> bytes:
    frame = pd.DataFrame(
        {
            "conversation_id": IDS,
            "started_at": pd.to_datetime(list(STARTS)),
            "ended_at": pd.to_datetime(list(ENDS)),
            "language": ["nl", None, "de"],
            "avg_response_time": [2.3333333333333335, float("nan"), 1e-05],
            "messages": [3.0, float("nan"), 4.0],
        }
    )
    return frame.to_csv(na_rep="NaN").encode()


def _pickled_zip(text: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("export/chats.csv", text)
        archive.writestr("__MACOSX/export/._chats.csv", "clutter")
    return content.getvalue()


_UTC = [each.strftime("%Y-%m-%d %H:%M:%S UTC") for each in UTC_STARTS]
_UTC_ENDS = [each.strftime("%Y-%m-%d %H:%M:%S UTC") for each in UTC_ENDS]
_OFFSETS, _END_OFFSETS = (
    [each.replace(tzinfo=AMSTERDAM).strftime("%Y-%m-%d %H:%M:%S%z")[:-2] for each in moments]
    for moments in (STARTS, ENDS)
)
_NOTES = ("first; with, signs", 'says "hello"', "two\nlines")

EXPORTS = (
    Export(
        "Zendesk-like", "zendesk.csv",
        _table(_lines(
            ["Ticket ID", "Created at", "Solved at", "Channel", "Tags"],
            IDS, _UTC, _UTC_ENDS, ["chat"] * 3, ["vip,web", "", "web"],
        )).encode(),
        stored={"category": "vip,web"}, has_end=False, extra={"Channel": "chat"},
    ),
    Export(
        "Intercom-like", "intercom.csv",
        ("\ufeff" + _table(_lines(
            ["conversation_id", "conversation_started_at", "conversation_ended_at", "user_country", "country",
             "first_user_message"],
            IDS, [each.isoformat() for each in UTC_STARTS], [each.isoformat() for each in UTC_ENDS],
            ["", "", ""], ["Netherlands", "DE", "\\N"], _NOTES,
        ))).encode(),
        stored={"country": "NL", "initial_message": "first; with, signs"},
    ),
    Export(
        "LiveChat-like", "livechat.csv",
        _table([["Chats report"], ["May to December 2025"], [], *_lines(
            ["Chat ID", "Date", "Time", "Visitor IP", "Rating"],
            IDS, _written("%m/%d/%Y"), _written("%I:%M:%S %p"), ["192.0.2.1"] * 3, ["good", "", "bad"],
        )]).encode(),
        stored={"ip_address": "192.0.2.1"}, has_end=False, extra={"Rating": "good"},
    ),
    Export(
        "3CX-like", "3cx.csv",
        _table(_lines(
            ["History ID", "Start time", "End time", "Messages", "Queue"],
            IDS, _written("%d-%m-%Y %H:%M:%S"), _written("%d-%m-%Y %H:%M:%S", ENDS), [3, 4, 5], ["", "", ""],
        ), ";").encode(),
        stored={"messages_sent": 3},
    ),
    Export(
        "Freshdesk-like", "freshdesk.csv",
        _table(_lines(
            ["Id", "Created time", "Resolved time", "Subject", "Custom field"],
            IDS, _written("%Y-%m-%d %H:%M:%S"), _written("%Y-%m-%d %H:%M:%S", ENDS), _NOTES, ["a", "b", "c"],
        ), quoting=csv.QUOTE_ALL).encode(),
        stored={"initial_message": "first; with, signs"}, extra={"Custom field": "a"},
    ),
    Export("pandas", "frame.csv", _pandas(), stored={"messages_sent": 3, "language_code": "nl"}),
    Export(
        "pandas, gzip", "frame.csv.gz", gzip.compress(_pandas(), mtime=0), stored={"messages_sent": 3},
    ),
    Export("pandas, zstd", "frame.csv.zst", zstd.compress(_pandas()), stored={"messages_sent": 3}),
    Export(
        "Excel, Dutch", "dutch.csv",
        _table(_lines(
            ["Gesprek-ID", "Starttijd", "Eindtijd", "Taal", "Kosten", "Geëscaleerd"],
            IDS, _written("%d-%m-%Y %H:%M"), _written("%d-%m-%Y %H:%M", ENDS), ["Nederlands"] * 3,
            ["0,0123", "1.234,50", ""], ["ja", "nee", "WAAR"],
        ), ";").encode("cp1252"),
        stored={"language_code": "nl", "escalated": True, "tokens_eur": "0.012300"}, has_seconds=False,
    ),
    Export(
        "Excel, German, Unicode text", "german.txt",
        _table(_lines(
            ["Chat-ID", "Beginn", "Ende", "Land", "Größe"],
            IDS, _written("%d.%m.%Y %H:%M:%S"), _written("%d.%m.%Y %H:%M:%S", ENDS), ["Österreich"] * 3, ["1", "2", "3"],
        ), "\t").encode("utf-16"),
        stored={"country": "AT"}, extra={"Größe": "1"},
    ),
    Export(
        "Excel, English, with its hint", "english.csv",
        ("\ufeffsep=;\r\n" + _table(_lines(
            ["Session ID", "Start Time", "End Time", "Notes"],
            IDS, _written("%m/%d/%Y %H:%M"), _written("%m/%d/%Y %H:%M", ENDS), _NOTES,
        ), ";")).encode(),
        has_seconds=False, extra={"Notes": "first; with, signs"},
    ),
    Export(
        "Excel workbook", "chats.xlsx",
        _workbook(
            _lines(["Chat ID", "Started", "Ended", "Messages", "Transferred"], IDS, STARTS, ENDS, [3, 4, 5], [True, False, True]),
            "dd/mm/yyyy hh:mm:ss", above=("Chats of the year", ""),
        ),
        stored={"messages_sent": 3, "escalated": True},
    ),
    Export(
        "Excel workbook with text", "texts.xlsx",
        _workbook(_lines(
            ["ID", "Date", "Uhrzeit", "Thema"], IDS, _written("%d.%m.%Y"), _written("%H:%M:%S"), ["x", "y", "z"],
        ), "@"),
        stored={"category": "x"}, has_end=False,
    ),
    Export(
        "a database's COPY", "copy.tsv",
        "".join(
            f"{id_}\t{start}\t{end}\t\\N\t{number}\n"
            for id_, start, end, number in zip(IDS, _OFFSETS, _END_OFFSETS, (1, 2, 3), strict=True)
        ).encode(),
        extra={"column 5": "1"},
    ),
    Export(
        "MySQL, with backslashes", "dump.csv",
        "".join(f'"{id_}","{start}","say \\"hi\\", please"\n' for id_, start in zip(
            ("chat_id", *IDS), ("created_at", *_written("%Y-%m-%d %H:%M:%S")), strict=True
        )).replace('"say \\"hi\\", please"', '"question"', 1).encode(),
        stored={"initial_message": 'say "hi", please'}, has_end=False,
    ),
    Export(
        "JSON lines, nested", "events.jsonl",
        _json_lines(
            {"conversationId": id_, "timing": {"startedAt": start.isoformat(), "endedAt": end.isoformat()},
             "visitor": {"country": "NL", "ip": "192.0.2.1"}, "tags": ["a", "b"], "score": None}
            for id_, start, end in zip(IDS, UTC_STARTS, UTC_ENDS, strict=True)
        ),
        stored={"country": "NL", "ip_address": "192.0.2.1", "category": '["a", "b"]'},
    ),
    Export(
        "JSON lines, seconds since 1970", "unix.jsonl",
        _json_lines(
            {"id": id_, "created_at": int(start.timestamp()), "closed_at": int(end.timestamp()), "bot": True}
            for id_, start, end in zip(IDS, UTC_STARTS, UTC_ENDS, strict=True)
        ),
        extra={"bot": True},
    ),
    Export(
        "a report with totals, zipped", "report.zip",
        _pickled_zip(_table([*_lines(
            ["Numéro", "Identifiant", "Date de début", "Date de fin", "Pays"],
            ["1", "2", "3"], IDS, _written("%d/%m/%Y %H:%M:%S"), _written("%d/%m/%Y %H:%M:%S", ENDS), ["Belgique"] * 3,
        ), ["Total: 3"]], ";")),
        stored={"country": "BE"}, extra={"Numéro": "1"}, rejected=1,
    ),
    Export(
        "Cyrillic, Windows", "ru.csv",
        _table(_lines(
            ["id", "date", "вопрос клиента", "комментарий"],
            IDS, _written("%d.%m.%Y %H:%M:%S"), ["Здравствуйте, как вернуть деньги за заказ, который не пришёл вовремя?"] * 3,
            ["Клиент очень недоволен доставкой и просит перезвонить ему завтра утром"] * 3,
        ), ";").encode("cp1251"),
        has_end=False, extra={"комментарий": "Клиент очень недоволен доставкой и просит перезвонить ему завтра утром"},
    ),
    Export(
        "months by name", "months.csv",
        _table(_lines(
            ["Reference", "Opened", "Closed"],
            IDS, ["1 mei 2025 10:00:00", "14 mei 2025 11:30:05", "31 dec 2025 23:50:59"],
            ["1 mei 2025 10:02:03", "14 mei 2025 11:32:08", "31 dec 2025 23:53:02"],
        ), "|").encode(),
    ),
    Export(
        "no header, other order", "bare.csv",
        _table(zip(_written("%Y/%m/%d %H:%M:%S"), IDS, _written("%Y/%m/%d %H:%M:%S", ENDS), ["web"] * 3, strict=True)).encode(),
        has_end=False, extra={"column 4": "web"},
    ),
    Export(
        "the seed's own", "seed.csv",
        _table(zip(
            IDS, _written("%d.%m.%Y %H:%M:%S"), _written("%d.%m.%Y %H:%M:%S", ENDS), *[[""] * 3] * 13, strict=True
        ), end="\n").encode(),
    ),
)  # fmt: skip
