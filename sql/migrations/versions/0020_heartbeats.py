"""Signs of life of runs, so that any host sees whether a run of another one still goes on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020_heartbeats"
down_revision = "0019_chat_uploads"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "run_heartbeats",
        sa.Column("run_id", sa.Text(), nullable=False, comment="Dagster's id of the run."),
        sa.Column("job", sa.Text(), nullable=False, comment="Name of the run's job in Dagster."),
        sa.Column(
            "host",
            sa.Text(),
            comment="Name of the host of its last process, for people; null: no process has said that it works on it.",
        ),
        sa.Column(
            "machine",
            sa.Text(),
            comment="What the process id is an id of: the host's start and its namespace of process ids; null: no process.",
        ),
        sa.Column("pid", sa.Integer(), comment="Process id; null: no process."),
        sa.Column(
            "process_started",
            sa.Double(),
            comment="Seconds from the host's start to the process's, since process ids are given again; null: no process.",
        ),
        sa.Column(
            "whole_run",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="True where the process runs the whole run, and not one step of it.",
        ),
        sa.Column(
            "noticed_at",
            _MOMENT,
            nullable=False,
            comment="When the run was first seen, or last seen to wait for a pool before its first beat.",
        ),
        sa.Column("started_at", _MOMENT, comment="When a process began to work on it first; null: none has."),
        sa.Column("beat_at", _MOMENT, comment="When it last showed that it lives; null: never."),
        sa.Column(
            "ended_at",
            _MOMENT,
            comment="When its last process ended its work, or waited for a pool afterwards; null: it works, or none has begun.",
        ),
        sa.Column(
            "given_up_at", _MOMENT, comment="When it was taken for dead, which is never taken back; null: it was not."
        ),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_run_heartbeats")),
        sa.CheckConstraint(
            "num_nulls(host, machine, pid, process_started, started_at, beat_at) IN (0, 6)",
            name=op.f("ck_run_heartbeats_process_whole"),
        ),
        sa.CheckConstraint("ended_at IS NULL OR beat_at IS NOT NULL", name=op.f("ck_run_heartbeats_ended_after_beat")),
        comment="One row per run that works for us, with its last sign of life.",
    )
    op.create_index("ix_run_heartbeats_noticed_at", "run_heartbeats", ["noticed_at"])


def downgrade() -> None:
    op.drop_table("run_heartbeats")
