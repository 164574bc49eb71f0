"""Processes that train together: each has its own items, all have the same weights."""

from __future__ import annotations

import datetime
import os
import socket
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import distributed, multiprocessing

if TYPE_CHECKING:
    from torch import Tensor, nn

Argument = TypeVar("Argument")

TIMEOUT = datetime.timedelta(days=1)  # a paused partner is no error


@dataclass(frozen=True, slots=True)
class Team:
    """The processes of a run.

    Attributes:
        rank: number of this process.
        size: number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes logs and checkpoints."""
        return self.rank == 0

    def leave(self) -> None:
        """End the connections of a team, when all of it has come here."""
        if self.size > 1:
            distributed.barrier()
            distributed.destroy_process_group()

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace the gradients by their mean over the processes."""
        if self.size == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        flat /= self.size
        pieces = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, piece in zip(gradients, pieces, strict=True):
            gradient.copy_(piece.view_as(gradient))

    def gather(self, values: Tensor) -> Tensor:
        """The tensors ``[N, ...]`` of all processes one after another, ``[size * N, ...]``."""
        if self.size == 1:
            return values
        parts = [torch.empty_like(values) for _ in range(self.size)]
        distributed.all_gather(parts, values.contiguous())
        return torch.cat(parts)

    def wait(self) -> None:
        """Return when all processes have come here."""
        if self.size > 1:
            distributed.barrier()

    def any(self, condition: bool, device: str) -> bool:
        """Whether the condition holds in any process."""
        if self.size == 1:
            return condition
        flag = torch.tensor([float(condition)], device=device)
        distributed.all_reduce(flag, distributed.ReduceOp.MAX)
        return bool(flag.item())


def join_team(device: str) -> Team:
    """The team that the environment describes, as ``torchrun`` sets it; alone where it does not."""
    if "RANK" not in os.environ:
        return Team()
    backend = "nccl" if device.startswith("cuda") else "gloo"
    distributed.init_process_group(backend, timeout=TIMEOUT)
    return Team(distributed.get_rank(), distributed.get_world_size())


def run_team(size: int, work: Callable[[Argument], None], argument: Argument) -> None:
    """Run ``work(argument)`` in ``size`` processes on this machine that form a team.

    Raises:
        torch.multiprocessing.ProcessRaisedException: one of them failed; all are ended.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    multiprocessing.spawn(  # type: ignore[attr-defined,no-untyped-call]  # torch lacks its type
        _member, args=(size, port, work, argument), nprocs=size
    )


def _member(
    rank: int, size: int, port: int, work: Callable[[Argument], None], argument: Argument
) -> None:
    os.environ |= {
        "RANK": str(rank),
        "WORLD_SIZE": str(size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    torch.set_num_threads(1)
    work(argument)
    # Taking the interpreter down can destroy a thread of torch that still runs, which aborts the
    # process after its work is done.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
