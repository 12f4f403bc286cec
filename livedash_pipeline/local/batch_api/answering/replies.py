"""Which of the stand-in's rules answers a request: `answers.py` our analysis of sessions, `judgements.py` our judgements of two
answers, `questions.py` everything else.

Add a kind of request here; how it is answered belongs to a module of its own.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from livedash_pipeline.local.batch_api.answering.answers import analyse, read_transcript
from livedash_pipeline.local.batch_api.answering.chat_request import message_text
from livedash_pipeline.local.batch_api.answering.judgements import judge
from livedash_pipeline.local.batch_api.answering.questions import Reply, answer_question

ANALYSIS_NAME = "session_analysis"
JUDGEMENT_NAME = "chat_judgement"


def answer_chat(body: Mapping[str, Any]) -> Reply:
    """Returns the assistant's reply to a request that has passed `check_chat_request`.

    A request with our schema gets its JSON, one for a `json_object` the answer to its question as `{"answer": …}`.
    """
    wanted = body.get("response_format") or {}
    kind = wanted.get("type")
    if kind == "json_schema" and wanted["json_schema"]["name"] == ANALYSIS_NAME:
        return Reply(json.dumps(analyse(read_transcript(body["messages"])), ensure_ascii=False))
    if kind == "json_schema" and wanted["json_schema"]["name"] == JUDGEMENT_NAME:
        return Reply(json.dumps({"verdict": judge(message_text(body["messages"][-1]))}))
    reply = answer_question(body["messages"])
    if kind == "json_object" and reply.text and not reply.refused:
        return replace(reply, text=json.dumps({"answer": reply.text}, ensure_ascii=False))
    return reply
