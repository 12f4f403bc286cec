-- Run once, when the volume of compose.yaml is new: the database of Dagster's own storage, beside the one for our tables.
CREATE DATABASE dagster;
