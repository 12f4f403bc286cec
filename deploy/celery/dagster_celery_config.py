"""Celery's settings for workers that execute runs; `dagster_celery.app` reads this module if it is on the PYTHONPATH.

Broker and results are named as in `dagster.yaml` beside it. Add settings of Celery here; those of the pipeline come from the
environment of the worker.
"""

import os

broker_url = os.environ["CELERY_BROKER_URL"]
result_backend = os.environ["CELERY_RESULT_BACKEND"]

# A run per process: nothing of one run, its memory included, is left for the next.
worker_max_tasks_per_child = 1
# A worker takes no more runs than it executes: one that it had taken and not begun would wait for it although others are idle.
worker_prefetch_multiplier = 1
worker_disable_prefetch = True
# Redis hands a task to another worker if it is not acknowledged in time. Longer than any run may wait in a worker.
broker_transport_options = {"visibility_timeout": 86_400}
# The root logger stays as the worker's own; our lines have their handler.
worker_redirect_stdouts = False
broker_connection_retry_on_startup = True
