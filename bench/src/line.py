"""A TCP proxy that counts bytes and turns, and adds delay without limiting what is under way."""

import asyncio
import socket
import threading
import time


class Line:
    """A running proxy to one address; `delay` seconds each way. A context manager.

    A turn is a piece towards the host after one from the host: the beginning of a round trip as the client makes it.
    """

    def __init__(self, address, port, delay=0.0):
        self.target = (address, port)
        self.delay = delay
        self.reset()
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def answered(self):
        """Turns that the client got an answer to before it went: what it says last, and does not wait for, is none."""
        return self.turns - (self.towards is True)

    def reset(self):
        """Begin to count anew."""
        self.to_host = 0
        self.from_host = 0
        self.turns = 0
        self.towards = None
        self.left = False
        self.opened = None

    def __enter__(self):
        self.thread.start()
        if not self.ready.wait(10):
            raise OSError("the proxy did not start")
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    def run(self):
        """The thread: everything happens in its event loop."""
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(asyncio.start_server(self.connect, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        self.loop.run_forever()
        server.close()
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self.loop.close()

    async def connect(self, reader, writer):
        """A client came."""
        try:
            await self.carry(reader, writer)
        except (OSError, asyncio.CancelledError):
            writer.close()

    async def carry(self, reader, writer):
        """Pass everything on, both ways."""
        self.opened = time.perf_counter()
        # The handshake of TCP costs a round trip, too: SYN and its answer.
        await asyncio.sleep(2 * self.delay)
        far_reader, far_writer = await asyncio.open_connection(*self.target)
        for end in (writer, far_writer):
            end.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.gather(self.pump(reader, far_writer, True), self.pump(far_reader, writer, False))

    async def pump(self, reader, writer, towards):
        """Pass on in one direction: every piece after the delay, however many are under way."""
        under_way = asyncio.Queue()
        sender = asyncio.ensure_future(self.send(under_way, writer))
        while True:
            try:
                piece = await reader.read(256 * 1024)
            except OSError:
                piece = b""
            await under_way.put((time.perf_counter() + self.delay, piece))
            if not piece:
                self.left = self.left or towards
                break
            if self.left:
                # The client is gone: what the host still says reaches nobody.
                continue
            if towards:
                self.to_host += len(piece)
                self.turns += self.towards is not True
            else:
                self.from_host += len(piece)
            self.towards = towards
        await sender

    async def send(self, under_way, writer):
        """The far end of a direction."""
        try:
            while True:
                due, piece = await under_way.get()
                left = due - time.perf_counter()
                if left > 0:
                    await asyncio.sleep(left)
                if not piece:
                    break
                writer.write(piece)
                await writer.drain()
            writer.close()
        except OSError:
            writer.close()
