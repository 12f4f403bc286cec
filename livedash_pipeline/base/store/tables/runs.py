"""The table of runs' signs of life, by which any host sees whether a run of another one still goes on.

Add what has to be known of a run's process. What a run does and how it ended is Dagster's to record.
"""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, Double, Index, Integer, Table, Text, text

from livedash_pipeline.base.store.tables.base import metadata, moment

run_heartbeats = Table(
    "run_heartbeats",
    metadata,
    Column("run_id", Text, primary_key=True, comment="Dagster's id of the run."),
    Column("job", Text, nullable=False, comment="Name of the run's job in Dagster."),
    Column(
        "host",
        Text,
        comment="Name of the host of its last process, for people; null: no process has said that it works on it.",
    ),
    Column(
        "machine",
        Text,
        comment="What the process id is an id of: the host's start and its namespace of process ids; null: no process.",
    ),
    Column("pid", Integer, comment="Process id; null: no process."),
    Column(
        "process_started",
        Double,
        comment="Seconds from the host's start to the process's, since process ids are given again; null: no process.",
    ),
    Column(
        "whole_run",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="True where the process runs the whole run, and not one step of it.",
    ),
    moment(
        "noticed_at",
        "When the run was first seen, or last seen to wait for a pool before its first beat.",
        nullable=False,
    ),
    moment("started_at", "When a process began to work on it first; null: none has."),
    moment("beat_at", "When it last showed that it lives; null: never."),
    moment(
        "ended_at",
        "When its last process ended its work, or waited for a pool afterwards; null: it works, or none has begun.",
    ),
    moment("given_up_at", "When it was taken for dead, which is never taken back; null: it was not."),
    CheckConstraint(
        "num_nulls(host, machine, pid, process_started, started_at, beat_at) IN (0, 6)", name="process_whole"
    ),
    CheckConstraint("ended_at IS NULL OR beat_at IS NOT NULL", name="ended_after_beat"),
    Index("ix_run_heartbeats_noticed_at", "noticed_at"),
    comment="One row per run that works for us, with its last sign of life.",
)
