"""asyncio and uvloop: a connection is taken over from a transport, and given back."""

import asyncio
import gc
import ssl
import threading

import pytest
import uvloop
import wire

from uwoffload import Engine, InvalidArgument, Outcome, ReceiveFile, Send, SendFile, aio

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


async def make_what_uvloop_keeps():
    """A pipe and a pool of threads, once per process."""
    await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80)


with asyncio.Runner(loop_factory=uvloop.new_event_loop) as first:
    first.run(make_what_uvloop_keeps())


@pytest.fixture(params=LOOPS)
def run(request):
    """Run a coroutine in each kind of loop, with a limit."""

    def run_in_loop(coroutine):
        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            return runner.run(asyncio.wait_for(coroutine, wire.PATIENCE * 2))

    return run_in_loop


async def serve(handler, talk):
    """Run `talk(reader, writer)` against a server whose connections `handler` gets."""
    failures = []

    async def handle(reader, writer):
        try:
            await handler(reader, writer)
        except BaseException as error:
            failures.append(error)
            raise
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        try:
            return await talk(reader, writer)
        finally:
            writer.close()
            if failures:
                raise failures[0]


async def fetch_all(reader, writer):
    writer.write(b"GET\n")
    return await reader.read()


def test_response_leaves_after_what_the_transport_still_had_to_write(run, engine, make_file):
    head, body = wire.content(3_000_000, 1), wire.content(2_000_000, 2)
    completions = []

    with make_file(body).open("rb") as file:

        async def handler(reader, writer):
            await reader.readline()
            writer.write(head)
            completions.append(await aio.submit(engine, writer, [Send(b"|"), SendFile(file)]))

        assert run(serve(handler, fetch_all)) == head + b"|" + body
    assert completions[0].ok
    assert completions[0].bytes_queued == 1 + len(body)


def test_three_requests_over_one_connection(run, engine, make_file):
    """Taken over and given back twice, then closed."""
    with make_file(b"0123456789").open("rb") as file:

        async def handler(reader, writer):
            for _ in range(2):
                line = await reader.readline()
                writer.write(b"echo " + line)
                completion = await aio.submit(
                    engine, writer, [SendFile(file), Send(b"\n")], reader=reader, after="give back"
                )
                assert completion.ok
                reader, writer = await aio.open_streams(completion)
            writer.write(b"last " + await reader.readline())
            await writer.drain()
            writer.close()

        async def talk(reader, writer):
            answers = []
            for number in range(2):
                writer.write(b"%d\n" % number)
                answers.append(await reader.readline() + await reader.readline())
            writer.write(b"2\n")
            return [*answers, await reader.read()]

        assert run(serve(handler, talk)) == [
            b"echo 0\n0123456789\n",
            b"echo 1\n0123456789\n",
            b"last 2\n",
        ]


def test_idle_connection_that_was_given_back_survives_a_garbage_collection(run, engine):
    """
    Between two requests nobody but the connection itself holds the task that waits on it.
    """

    async def handler(reader, writer):
        completion = await aio.submit(
            engine, writer, [Send(await reader.readline())], reader=reader, after="give back"
        )
        reader, writer = await aio.open_streams(completion)
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()

    async def talk(reader, writer):
        writer.write(b"1\n")
        answers = [await reader.readline()]
        await asyncio.get_running_loop().run_in_executor(None, gc.collect)
        writer.write(b"2\n")
        return [*answers, await reader.readline()]

    assert run(serve(handler, talk)) == [b"1\n", b"2\n"]


def test_pipelined_requests_that_were_already_read_are_not_lost(run, engine):
    async def handler(reader, writer):
        for _ in range(3):
            line = await reader.readline()
            completion = await aio.submit(
                engine, writer, [Send(b"answer " + line)], reader=reader, after="give back"
            )
            reader, writer = await aio.open_streams(completion)
        writer.close()

    async def talk(reader, writer):
        writer.write(b"1\n2\n3\n")
        return await reader.read()

    assert run(serve(handler, talk)) == b"answer 1\nanswer 2\nanswer 3\n"


def test_upload_begins_with_what_the_reader_has_buffered(run, engine, make_file):
    data = wire.content(500_000)
    path = make_file(b"")

    with path.open("r+b") as file:

        async def handler(reader, writer):
            size = int(await reader.readline())
            await aio.submit(
                engine, writer, [ReceiveFile(file, size), Send(b"stored")], reader=reader
            )

        async def talk(reader, writer):
            writer.write(b"%d\n" % len(data) + data)
            return await reader.read()

        assert run(serve(handler, talk)) == b"stored"
    assert path.read_bytes() == data


class Protocol(asyncio.Protocol):
    """A framework of its own: takes over at the first line, gives back to another protocol."""

    def __init__(self, engine, ended):
        self.engine = engine
        self.ended = ended
        self.lost = []
        self.tasks = []

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        line, _, rest = data.partition(b"\n")
        self.tasks.append(asyncio.ensure_future(self.answer(line, rest)))

    def connection_lost(self, error):
        self.lost.append(error)

    async def answer(self, line, rest):
        self.transport.write(b"head ")
        completion = await aio.submit(
            self.engine, self.transport, [Send(line)], leftover=rest, after="give back"
        )
        assert self.lost == [None]
        transport, echo = await aio.give_back(completion, Echo)
        assert echo.transport is transport
        self.ended.set_result(echo)


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data.upper())
        self.transport.close()


class BufferedEcho(asyncio.BufferedProtocol):
    def connection_made(self, transport):
        self.transport = transport
        self.room = bytearray(3)

    def get_buffer(self, hint):
        return self.room

    def buffer_updated(self, count):
        self.transport.write(self.room[:count].upper())


def test_transport_of_any_protocol_can_be_taken_and_given_back(run, engine):
    async def main():
        loop = asyncio.get_running_loop()
        ended = loop.create_future()
        server = await loop.create_server(lambda: Protocol(engine, ended), "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"line\nleftover")
            answer = await reader.read()
            writer.close()
            await ended
        return answer

    assert run(main()) == b"head lineLEFTOVER"


def test_leftover_is_fed_to_a_buffered_protocol(run, engine):
    async def handler(reader, writer):
        await reader.readline()
        completion = await aio.submit(
            engine, writer, [Send(b"-")], leftover=b"leftover", after="give back"
        )
        transport, _ = await aio.give_back(completion, BufferedEcho)
        transport.close()

    assert run(serve(handler, fetch_all)) == b"-LEFTOVER"


def test_unix_connection_can_be_taken_over(run, engine, tmp_path):
    async def main():
        async def handle(reader, writer):
            await reader.readline()
            await aio.submit(engine, writer, [Send(b"x" * 300_000)])
            writer.close()

        server = await asyncio.start_unix_server(handle, str(tmp_path / "socket"))
        async with server:
            reader, writer = await asyncio.open_unix_connection(str(tmp_path / "socket"))
            answer = await fetch_all(reader, writer)
            writer.close()
        return answer

    assert run(main()) == b"x" * 300_000


def test_loop_goes_on_while_a_client_is_slow(run, engine, connect):
    pairs = [connect("unix", receive_buffer=4096) for _ in range(20)]

    async def main():
        transfers = [engine.submit(pair.server, [Send(b"x" * 100_000)]) for pair in pairs]
        waiting = [asyncio.ensure_future(aio.wait(transfer)) for transfer in transfers]
        await asyncio.sleep(0)
        assert not any(task.done() for task in waiting)
        for pair in pairs:
            await asyncio.to_thread(wire.read_to_end, pair.client)
        return await asyncio.gather(*waiting)

    assert all(completion.ok for completion in run(main()))
    assert "uwoffload-dispatcher" not in {thread.name for thread in threading.enumerate()}


def test_transfer_can_be_awaited(run, engine, tcp):
    async def main():
        transfer = engine.submit(tcp.server, [Send(b"x")])
        first = await transfer
        assert await transfer is first
        return first

    assert run(main()).ok


def test_cancelling_the_task_cancels_the_transfer(run, engine, connect):
    async def main():
        transfers = []

        async def handler(reader, writer):
            transfer = await aio.start(engine, writer, [Send(b"x" * 5_000_000)], reader=reader)
            transfers.append(transfer)
            task = asyncio.ensure_future(aio.wait(transfer))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        async def talk(reader, writer):
            while not transfers or not transfers[0].done():
                await asyncio.sleep(0)
            return transfers[0].completion

        return await serve(handler, talk)

    assert run(main()).outcome is Outcome.CANCELLED


def test_socket_of_a_cancelled_submit_is_closed(run, engine):
    async def main():
        ended = asyncio.Event()

        async def handler(reader, writer):
            task = asyncio.ensure_future(
                aio.submit(engine, writer, [Send(b"x" * 5_000_000)], after="give back")
            )
            while engine.count == 0:
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            ended.set()

        async def talk(reader, writer):
            await ended.wait()
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await reader.readexactly(5_000_000)

        await serve(handler, talk)

    run(main())


def test_growing_response_waits_for_room(run, engine):
    data = wire.content(2_000_000)

    async def handler(reader, writer):
        transfer = await aio.start(engine, writer, [], growing=True, high_water=65536)
        for at in range(0, len(data), 10_000):
            await aio.append(transfer, Send(data[at : at + 10_000]))
        transfer.finish()
        assert (await transfer).ok

    assert run(serve(handler, fetch_all)) == data


def test_engine_closed_meanwhile_ends_the_wait(run, connect):
    pair = connect(receive_buffer=4096)

    async def main():
        engine = Engine()
        transfer = engine.submit(pair.server, [Send(b"x" * 5_000_000)])
        task = asyncio.ensure_future(aio.wait(transfer))
        await asyncio.sleep(0)
        await asyncio.to_thread(engine.close)
        return await task

    assert run(main()).outcome is Outcome.CANCELLED


# ---- what is refused leaves the connection as it was ----


def test_tls_transport_is_refused_and_no_clear_byte_leaves(run, engine):
    server_context = anonymous_tls(ssl.PROTOCOL_TLS_SERVER)
    client_context = anonymous_tls(ssl.PROTOCOL_TLS_CLIENT)

    async def main():
        async def handle(reader, writer):
            for stream in (writer, writer.transport):
                with pytest.raises(InvalidArgument, match="is TLS"):
                    await aio.submit(engine, stream, [Send(b"secret")], reader=reader)
            writer.write(b"encrypted")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=server_context)
        async with server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=client_context, server_hostname=""
            )
            answer = await reader.read()
            writer.close()
        return answer

    assert run(main()) == b"encrypted"


def anonymous_tls(side):
    """TLS that needs no certificate."""
    context = ssl.SSLContext(side)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AECDH-AES256-SHA:@SECLEVEL=0")
    return context


def test_refused_submit_leaves_the_connection_usable(run, engine):
    async def handler(reader, writer):
        first = await reader.readline()
        writer.write(b"head ")
        with pytest.raises(InvalidArgument, match="deadline"):
            await aio.submit(engine, writer, [Send(b"x")], reader=reader, deadline=-1)
        with pytest.raises(InvalidArgument, match="program"):
            await aio.submit(engine, writer, [SendFile(999)], reader=reader)
        second = await reader.readline()
        writer.write(first + second)
        await writer.drain()
        writer.close()

    async def talk(reader, writer):
        writer.write(b"1\n2\n")
        return await reader.read()

    assert run(serve(handler, talk)) == b"head 1\n2\n"


@pytest.mark.parametrize("stream", [None, 5, b"bytes"])
def test_what_is_no_transport_is_refused(run, engine, stream):
    with pytest.raises(InvalidArgument, match="stream: .*allowed: a transport or a StreamWriter"):
        run(aio.submit(engine, stream, [Send(b"x")]))


def test_closing_transport_is_refused(run, engine):
    async def handler(reader, writer):
        await reader.readline()
        writer.close()
        with pytest.raises(InvalidArgument, match="closing|no socket"):
            await aio.submit(engine, writer, [Send(b"x")])

    assert run(serve(handler, fetch_all)) == b""


def test_transport_given_to_the_engine_itself_is_refused(run, engine):
    async def handler(reader, writer):
        await reader.readline()
        with pytest.raises(InvalidArgument, match=r"uwoffload\.aio\.submit"):
            engine.submit(writer, [Send(b"x")])
        with pytest.raises(InvalidArgument, match="sock: "):
            engine.submit(writer.get_extra_info("socket"), [Send(b"x")])
        writer.write(b"fine")
        await writer.drain()
        writer.close()

    assert run(serve(handler, fetch_all)) == b"fine"


def test_completion_without_socket_cannot_be_given_back(run, engine, tcp):
    async def main():
        completion = await engine.submit(tcp.server, [Send(b"x")])
        with pytest.raises(InvalidArgument, match="gave no socket back"):
            await aio.open_streams(completion)

    run(main())
