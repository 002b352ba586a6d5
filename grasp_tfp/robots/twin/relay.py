"""Passes bytes between a port and another one, in a process of its own, as rosbridge is one beside the controllers.

It can be killed or frozen while the arm goes on.
"""

import asyncio
import contextlib
import os
import sys

__all__ = ["relay"]


async def relay(host: str, port: int, inner: int) -> None:
    """Serves `host`:`port` from port `inner` of this machine, until this process or the one that started it ends."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Passes on what comes from one side."""
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Joins one client to the port behind."""
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", inner)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

    server = await asyncio.start_server(serve, host, port)
    print(server.sockets[0].getsockname()[1], flush=True)
    parent = os.getppid()
    while os.getppid() == parent:
        await asyncio.sleep(0.2)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(relay(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
