"""Shards of a run put together again."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from bench.run_folder import RunFolderError, bitstream_path
from bench.store import Coding, Store


def merge(runs: Sequence[Path], out: Path) -> int:
    """Copy the cells of several runs into one.

    Args:
        runs: run folders whose items were prepared alike, such as the shards of one run.
        out: the folder that takes them all; it may hold a run already.

    Returns:
        The number of coded cells that were added.

    Raises:
        RunFolderError: the runs cannot be put together; the message says why.
        StoreError: a folder is no run.
    """
    if out.resolve() in {run.resolve() for run in runs}:
        raise RunFolderError(f"{out} is one of the runs; name another folder with -o.")
    out.mkdir(parents=True, exist_ok=True)
    added = 0
    with Store(out, create=True) as target:
        for run in runs:
            with Store(run) as source:
                added += _add(source, target)
    return added


def _add(source: Store, target: Store) -> int:
    _check_alike(source, target)
    if target.meta("preparation") is None:
        for key in ("preparation", "configuration", "environment"):
            target.set_meta(key, source.meta(key))
    target.set_meta(
        "merged_from", [*(target.meta("merged_from") or []), str(source.folder.resolve())]
    )
    target.put_items(source.items())
    target.put_conditions(source.conditions())
    target.put_measures(source.measures())
    have = {(coding.condition, coding.item): coding for coding in target.codings()}
    added = 0
    for coding in source.codings():
        old = have.get((coding.condition, coding.item))
        if old is not None and old.status == "ok":
            if old.key != coding.key and coding.status == "ok":
                raise RunFolderError(
                    f"{coding.condition} of item {coding.item!r} is in {source.folder} and in an "
                    "earlier run with different settings or audio; they cannot be merged."
                )
            continue
        _copy_files(coding, source.folder, target.folder)
        target.put_results([coding], [])
        added += 1
    kept = {(coding.condition, coding.item): coding.key for coding in target.codings()}
    target.put_results(
        [],
        [s for s in source.scores() if s.key.startswith(kept.get((s.condition, s.item), "-"))],
    )
    return added


def _check_alike(source: Store, target: Store) -> None:
    prepared = target.meta("preparation"), source.meta("preparation")
    if prepared[0] is not None and prepared[0] != prepared[1]:
        raise RunFolderError(
            f"{source.folder} was prepared with {prepared[1]}, the others with {prepared[0]}."
        )
    versions = {measure.name: measure.version for measure in target.measures()}
    for measure in source.measures():
        if versions.get(measure.name, measure.version) != measure.version:
            raise RunFolderError(
                f"{measure.name} has version {measure.version} in {source.folder} and "
                f"{versions[measure.name]} in the others; score one of them again."
            )
    hashes = {item.source.id: item.sha256 for item in target.items() if item.status == "ok"}
    for item in source.items():
        if item.status == "ok" and hashes.get(item.source.id, item.sha256) != item.sha256:
            raise RunFolderError(
                f"item {item.source.id!r} in {source.folder} is another file than in the others."
            )


def _copy_files(coding: Coding, source: Path, target: Path) -> None:
    bits = bitstream_path(Path(), coding.condition, coding.item)
    for relative in (bits, *([Path(coding.audio)] if coding.audio else [])):
        if (source / relative).is_file():
            (target / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / relative, target / relative)
