"""Functions of ops, assets, checks and sensors as they are written, and as Dagster gets them for some `Names`.

A function asks for our resources by their plain names (`postgres`, `openai_batch`, `http_source`), and for `names` where it
makes keys or names itself. `bound` turns it into one that asks for the resources under the keys of the project that takes our
definitions in, so that a resource of that project may be called `postgres` as well. Add a kind of definition here; what it does
stands where it is defined.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import dagster as dg

from livedash_pipeline.defs.names import OWNERS, RESOURCES, TAG_KIND, Names
from livedash_pipeline.defs.outputs import NothingKept

_NAMES = "names"


class Kind(StrEnum):
    """What a job is for, as the tag `livedash/kind` says beside its name in the UI."""

    ROUTINE = "routine"
    """Sensors and schedules launch it; by hand it does the same."""
    QUESTION = "question"
    """It reads and changes nothing."""
    DANGEROUS = "dangerous"
    """It changes or deletes many rows at once, or has work done again that costs money."""


def bound(function: Callable[..., Any], names: Names) -> Callable[..., Any]:
    """Returns the function with its resources under their keys in Dagster, and with `names` filled in."""
    signature = inspect.signature(function, eval_str=True)
    plain = {names.name(name): name for name in RESOURCES if name in signature.parameters}
    given = {_NAMES: names} if _NAMES in signature.parameters else {}

    def called(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **{plain.get(key, key): value for key, value in kwargs.items()}, **given)

    def generated(*args: Any, **kwargs: Any) -> Iterator[Any]:
        yield from called(*args, **kwargs)

    # Dagster asks what kind of function it is, and reads its annotation accordingly.
    call = functools.wraps(function)(generated if inspect.isgeneratorfunction(function) else called)
    keys = {name: key for key, name in plain.items()}
    shown = [
        parameter.replace(name=keys.get(name, name))
        for name, parameter in signature.parameters.items()
        if name not in given
    ]
    call.__signature__ = signature.replace(parameters=shown)  # type: ignore[attr-defined]
    return call


@dataclass(frozen=True)
class OpBlueprint:
    """A function of an op job with Dagster's options; op and job have the name of the function."""

    function: Callable[..., Any]
    kind: Kind
    description: str
    pool: str | None = None
    run_tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The plain name of op and job."""
        return self.function.__name__

    def job(self, names: Names, executor: dg.ExecutorDefinition, resources: Mapping[str, object]) -> dg.JobDefinition:
        """Makes the job.

        Its graph needs a name of its own, since Dagster wants the names of ops and graphs distinct. The job is given its
        resources, since Dagster binds the job of a sensor with a parameter of its own that it then warns of. Its answer stands
        in the run's metadata and log; the I/O manager of a project, which may write to a warehouse, gets nothing of it.
        """
        op = dg.op(
            name=names.name(self.name),
            description=self.description,
            pool=None if self.pool is None else names.name(self.pool),
        )(bound(self.function, names))
        graph = dg.GraphDefinition(name=f"{op.name}_graph", node_defs=[op])
        return graph.to_job(
            name=op.name,
            description=self.description,
            tags={TAG_KIND: self.kind.value},
            run_tags={**names.run_tags, **self.run_tags},
            executor_def=executor,
            resource_defs={**resources, "io_manager": NothingKept()},
        )


def op_job(
    description: str, kind: Kind, *, pool: str | None = None, run_tags: Mapping[str, str] | None = None
) -> Callable[[Callable[..., Any]], OpBlueprint]:
    """Declares a job of one op whose body is the decorated function."""
    return lambda function: OpBlueprint(function, kind, description, pool, run_tags or {})


@dataclass(frozen=True)
class AssetJobBlueprint:
    """A job that makes assets of one part of the graph, with the checks of what it writes.

    Attributes:
        name: Its plain name.
        assets: What it makes, by plain names.
    """

    name: str
    description: str
    assets: tuple[str, ...]
    run_tags: Mapping[str, str] = field(default_factory=dict)

    def job(self, names: Names, executor: dg.ExecutorDefinition, left_out: Sequence[dg.AssetCheckKey]) -> Any:
        """Makes the job, which Dagster resolves against the assets and checks beside it.

        Args:
            names: Those of the project.
            executor: Runs its steps.
            left_out: Checks of its assets that look at all companies at once, which is not the business of a run about one.
        """
        selection = dg.AssetSelection.assets(*(names.key(asset) for asset in self.assets))
        return dg.define_asset_job(
            names.name(self.name),
            selection=selection - dg.AssetSelection.checks(*left_out) if left_out else selection,
            description=self.description,
            tags={TAG_KIND: Kind.ROUTINE.value},
            run_tags={**names.run_tags, **self.run_tags},
            executor_def=executor,
        )


def sensor(names: Names, *, name: str, **options: Any) -> Callable[[Callable[..., Any]], dg.SensorDefinition]:
    """Declares a sensor that runs unless somebody stops it; `options` are those of `dagster.sensor`."""
    return lambda function: dg.sensor(name=names.name(name), default_status=dg.DefaultSensorStatus.RUNNING, **options)(
        bound(function, names)
    )


def asset_spec(names: Names, name: str, *, group: str, deps: Sequence[str] = (), **options: Any) -> dg.AssetSpec:
    """Makes the spec of an asset from plain names; `options` are those of `dagster.AssetSpec`."""
    return dg.AssetSpec(
        names.key(name),
        deps=[names.key(each) for each in deps],
        group_name=names.group(group),
        owners=OWNERS,
        **options,
    )


def _with_its_partition(function: Callable[..., Any], names: Names) -> Callable[..., Any]:
    """Returns the function of a step that adds its partition again before each result.

    Dagster refuses the results of a partition that somebody has deleted meanwhile, and the run failed with its work done.
    """

    def kept(context: dg.AssetExecutionContext, result: Any) -> Any:
        context.instance.add_dynamic_partitions(names.partitions_name, [context.partition_key])
        return result

    def called(context: dg.AssetExecutionContext, *args: Any, **kwargs: Any) -> Any:
        return kept(context, function(context, *args, **kwargs))

    def generated(context: dg.AssetExecutionContext, *args: Any, **kwargs: Any) -> Iterator[Any]:
        for result in function(context, *args, **kwargs):
            yield kept(context, result)

    return functools.wraps(function)(generated if inspect.isgeneratorfunction(function) else called)


def assets(
    names: Names,
    function: Callable[..., Any],
    specs: Sequence[dg.AssetSpec],
    *,
    name: str,
    pool: str | None = None,
    op_tags: Mapping[str, str] | None = None,
) -> dg.AssetsDefinition:
    """Makes the assets of some specs, which one step of the plain name `name` makes with the function."""
    if any(spec.partitions_def is not None for spec in specs):
        function = _with_its_partition(function, names)
    return dg.multi_asset(
        name=names.name(name),
        specs=list(specs),
        pool=None if pool is None else names.name(pool),
        op_tags=op_tags,
    )(bound(function, names))


def observed_asset(names: Names, function: Callable[..., Any], spec: dg.AssetSpec, *, name: str) -> dg.AssetsDefinition:
    """Makes an asset that others make and that the function observes, in a step of the plain name `name`.

    Dagster 1.13 has one decorator for it that keeps what the asset depends on; it is public and marked as beta.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        decorate: Any = dg.multi_observable_source_asset(name=names.name(name), specs=[spec])
        made: dg.AssetsDefinition = decorate(bound(function, names))
    return made
