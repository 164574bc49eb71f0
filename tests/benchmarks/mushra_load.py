"""The listening-test server under load and ``kill -9``: no rating that it confirmed is lost.

    python tests/benchmarks/mushra_load.py [--sessions 200] [--seconds 60] [--rounds 10]

Each round starts the server on a test folder of its own and lets concurrent sessions answer trials
as fast as they are confirmed. At a random moment of the second half the server is killed, and the
database it leaves is compared with what was confirmed, score by score. A round without a kill
(``--no-kill``) measures the rate and the times of answer over the whole time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from small_listening_test import write_small_test

from mushra_web.serving.answers import AnswerStore

N_TRIALS = 40


@dataclass
class Tally:
    """What the clients saw."""

    confirmed: dict[tuple[str, str, str], float] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    killed: bool = False


class Connection:
    """One keep-alive connection: enough of HTTP/1.1 for this server's JSON."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams = None

    async def call(self, method: str, path: str, content: object, token: str = "") -> tuple:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        body = json.dumps(content).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(re.search(r"content-length: (\d+)", answer, re.IGNORECASE).group(1))
        return int(answer.split()[1]), json.loads(await reader.readexactly(length))


async def listener(port: int, tally: Tally, until: float, rng: random.Random) -> None:
    """Answer sessions, one after the other, until the time is over or the server is gone."""
    connection = Connection(port)
    while time.monotonic() < until and not tally.killed:
        try:
            await session(connection, tally, until, rng)
        except (OSError, asyncio.IncompleteReadError) as error:
            if not tally.killed:
                tally.errors.append(repr(error))
            return


async def session(connection: Connection, tally: Tally, until: float, rng: random.Random) -> None:
    status, state = await connection.call("POST", "/api/sessions", {})
    if status != 201:
        tally.errors.append(f"{status} {state}")
        return
    for number, step in enumerate(state["steps"]):
        if time.monotonic() >= until or tally.killed:
            return
        content = answer_to(step, rng) if "trial" in step else {}
        path, start = f"/api/session/steps/{number}", time.perf_counter()
        status, reply = await connection.call("PUT", path, content, state["token"])
        tally.seconds.append(time.perf_counter() - start)
        if status != 200:
            tally.errors.append(f"{status} {reply}")
            return
        for score in content.get("scores", ()):
            key = (state["session"], content["trial"], score["stimulus"])
            tally.confirmed[key] = score["score"]


def answer_to(step: dict, rng: random.Random) -> dict:
    scores = [
        {"stimulus": name, "score": rng.randint(0, 100), "replays": 1} for name in step["stimuli"]
    ]
    return {"trial": step["trial"], "seconds": 1.0, "scores": scores}


async def run_round(port: int, server: subprocess.Popen, options: argparse.Namespace) -> Tally:
    tally, rng = Tally(), random.Random()
    start = time.monotonic()
    until = start + options.seconds
    clients = [
        asyncio.create_task(listener(port, tally, until, rng)) for _ in range(options.sessions)
    ]
    if options.kill:
        await asyncio.sleep(options.seconds * rng.uniform(0.5, 1.0))
        tally.killed = True
        server.kill()
    await asyncio.gather(*clients)
    return tally


def measure(options: argparse.Namespace, number: int) -> bool:
    """One round; tells what came of it and returns whether all is well."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_small_test(folder, n_trials=N_TRIALS, n_training=0, with_questions=False)
        program = "from bench.cli import main; main(['mushra', 'serve', '--port', '0', *argv[1:]])"
        command = [sys.executable, "-c", f"from sys import argv; {program}", name]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        port = int(server.stdout.readline().rstrip().rstrip("/").rpartition(":")[2])
        start = time.monotonic()
        tally = asyncio.run(run_round(port, server, options))
        spent = time.monotonic() - start
        server.kill()
        server.wait()
        with AnswerStore(folder) as store:
            stored = {(a.session, a.trial, a.stimulus): a.score for a in store.answers()}
    lost = [key for key, score in tally.confirmed.items() if stored.get(key) != score]
    times = sorted(tally.seconds) or [0.0]
    print(
        f"round {number}: {len(tally.confirmed)} ratings confirmed in {spent:.1f} s, "
        f"{len(times) / spent:.0f} steps/s, median {1000 * statistics.median(times):.0f} ms, "
        f"99 % within {1000 * times[int(0.99 * (len(times) - 1))]:.0f} ms, "
        f"{len(tally.errors)} errors, {len(lost)} lost",
        flush=True,
    )
    for error in tally.errors[:5]:
        print(f"  {error}")
    return not lost and not tally.errors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=200, help="at once")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--no-kill", dest="kill", action="store_false", help="let the server live")
    options = parser.parse_args()
    results = [measure(options, number) for number in range(1, options.rounds + 1)]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
