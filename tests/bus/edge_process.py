"""A process with one Connection, which tests drive by lines of JSON on its standard input and by calls over the bus.

Arguments: the bus's address, then what is wanted: `descriptors`; `nothing` for an edge without handlers; `slowly` to be told first that
connecting takes its time. Each line in, `{"do": name, ...}`, brings one line out.
"""

import asyncio
import gc
import json
import logging
import os
import re
import sys
import time
from pathlib import Path

from telemetryd.bus.transport.connection import Connection
from telemetryd.bus.transport.library import NAME, bus_call, expects_reply, method_call, method_return, signal
from telemetryd.core.limits import BUS_RETRY_S

PATH, INTERFACE = "/org/example/Edge", "org.example.Edge"
PAGE_KB = os.sysconf("SC_PAGESIZE") // 1024


class Service:
    """Answers calls as the daemon does: empty replies at the end of the batch, the others as they come."""

    def __init__(self, address, options):
        handlers = {} if "nothing" in options else {"on_call": self.take, "on_signal": self.hear, "on_batch_end": self.commit}
        self.edge = Connection(**handlers, descriptors="descriptors" in options, address=address or None)
        self.accepted = []
        self.calls = self.batches = self.signals = 0
        self.largest_backlog = self.largest_batch = 0
        self.goal, self.is_reached = 0, asyncio.Event()

    def take(self, call):
        """One call."""
        self.calls += 1
        if call.member == "Fail":
            raise ValueError("secret-1 " + "".join(call.body))
        if call.member == "Echo":
            self.edge.send(method_return(call, call.signature, call.body))
        elif call.member == "Big":
            self.edge.send(method_return(call, "s", ["x" * 32_000]))
        elif expects_reply(call):
            self.accepted.append((call.sender, call.serial))

    def hear(self, _):
        """One signal."""
        self.signals += 1

    def commit(self):
        """The end of a batch."""
        self.batches += 1
        accepted, self.accepted = self.accepted, []
        self.largest_batch = max(self.largest_batch, len(accepted))
        for sender, serial in accepted:
            self.edge.acknowledge(sender, serial)
        self.largest_backlog = max(self.largest_backlog, self.edge.backlog)
        if self.calls >= self.goal:
            self.is_reached.set()

    async def own(self, name):
        """Take a name."""
        return await self.edge.own(name)

    async def release(self, name):
        """Give a name back."""
        await self.edge.release(name)

    async def owner_of(self, name):
        """Who has a name."""
        return await self.edge.owner_of(name)

    async def ask(self, destination, member):
        """Call somebody; the body, or the error."""
        return (await self.edge.ask(method_call(destination, PATH, INTERFACE, member))).body

    async def start_service(self, name):
        """A question to the bus that takes long."""
        return (await self.edge.ask(bus_call("StartServiceByName", "su", [name, 0]))).body

    async def spray(self, destination, count, with_descriptors):
        """Send large signals, each with its number and perhaps a file that holds it; the descriptor is closed at once."""
        for number in range(count):
            descriptors = [_file(number)] if with_descriptors else []
            body = [number, "x" * 2000, *range(len(descriptors))]
            self.edge.send(
                signal(PATH, INTERFACE, "Sprayed", "us" + "h" * len(descriptors), body, destination=destination, descriptors=descriptors)
            )
            for descriptor in descriptors:
                os.close(descriptor)
        await asyncio.sleep(0)
        return self.edge.backlog

    async def drained(self, timeout_s):
        """Everything is written."""
        await self.edge.drained(timeout_s)

    async def hold(self):
        """Read nothing."""
        self.edge.hold()

    async def resume(self):
        """Read again."""
        self.edge.resume()

    async def wait_closed(self):
        """The connection is gone."""
        await self.edge.wait_closed()

    async def disconnect(self):
        """Close the connection."""
        await self.edge.disconnect()

    async def handled(self, calls):
        """Return after the batch in which so many calls are reached."""
        self.goal = calls
        if self.calls < calls:
            self.is_reached.clear()
            await self.is_reached.wait()

    async def forget(self):
        """Drop the connection; what it left open or unheard is reported now."""
        del self.edge
        gc.collect()

    async def garbage(self):
        """How many objects only the collector can free; from now on it runs only here."""
        gc.disable()
        return gc.collect()

    async def usage(self):
        """What the process has done and holds."""
        return {
            "calls": self.calls,
            "batches": self.batches,
            "signals": self.signals,
            "largest_batch": self.largest_batch,
            "largest_backlog": self.largest_backlog,
            "backlog": self.edge.backlog,
            "peak_kb": int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]),
            "rss_kb": int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_KB,
            "cpu_s": time.process_time(),
            "descriptors": sum(1 for _ in Path("/proc/self/fd").iterdir()),
        }


def _file(number):
    descriptor = os.memfd_create("numbered")
    os.pwrite(descriptor, str(number).encode(), 0)
    return descriptor


def say(**line):
    """One line to the test."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def connect(edge, options):
    """Connect, and say how it ended."""
    connecting = asyncio.ensure_future(edge.connect())
    if "slowly" in options:
        done, _ = await asyncio.wait({connecting}, timeout=10 * BUS_RETRY_S)
        say(waiting=not done)
    refusal = {}
    try:
        await connecting
    except Exception as failure:  # noqa: BLE001 - the test judges it
        refusal = {"error": type(failure).__name__, "text": str(failure)}
    if refusal:
        del connecting
        gc.collect()  # what was left open is reported now
        say(**refusal)
        sys.exit(1)
    say(library=NAME, name=edge.unique_name)


async def run(address, options):
    """Connect, then do what the lines say, each in a task of its own, until the input ends."""
    service = Service(address, options)
    await connect(service.edge, options)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)

    async def obey(do, number, **arguments):
        try:
            say(number=number, result=await getattr(service, do)(**arguments))
        except Exception as failure:  # noqa: BLE001 - the test judges it
            say(number=number, error=type(failure).__name__, text=str(failure))

    async with asyncio.TaskGroup() as group:
        while line := await lines.readline():
            group.create_task(obey(**json.loads(line)))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    asyncio.run(run(sys.argv[1], sys.argv[2:]))
