"""Speaks to a WebSocket echo server by python3-websockets: texts, binaries, fragments, compression,
pings, many connections, a message too large, and the closing handshake.

    websocket_client.py URL [CERTIFICATE-TO-TRUST]
    websocket_client.py --until-going-away URL [CERTIFICATE-TO-TRUST]
        says "ready", and waits for the server to end in order

The server's limit for a message is 1 MiB. Exit status 0: all as it should be."""
import asyncio
import os
import ssl
import sys

import websockets


arguments = [a for a in sys.argv[1:] if a != "--until-going-away"]


def connect(compression):
    trust = ssl.create_default_context(cafile=arguments[1]) if len(arguments) > 1 else None
    return websockets.connect(arguments[0], ssl=trust, compression=compression, max_size=None)


async def exchange(peer, message):
    await peer.send(message)
    back = await peer.recv()
    whole = message
    if isinstance(message, list):
        whole = type(message[0])().join(message)
    assert type(back) is type(whole) and back == whole, "not what was sent"


async def messages(compression):
    async with connect(compression) as peer:
        names = [extension.name for extension in peer.extensions]
        assert names == (["permessage-deflate"] if compression else []), names
        await exchange(peer, "text: gr\u00fc\u00dfe")
        await exchange(peer, "")
        await exchange(peer, bytes(range(256)))
        await exchange(peer, os.urandom(1 << 20))
        await exchange(peer, ["frag", "", "ments ", "of a text"])
        await exchange(peer, [os.urandom(50_000) for _ in range(10)])
        await (await peer.ping(b"are you there"))
        await exchange(peer, "after the ping")
    assert peer.close_code == 1000, peer.close_code


async def too_large():
    async with connect("deflate") as peer:
        await peer.send(b"x" * ((1 << 20) + 1))
        try:
            await peer.recv()
            assert False, "a message too large came back"
        except websockets.ConnectionClosed:
            assert peer.close_code == 1009, peer.close_code


async def one_of_many(number):
    async with connect(None) as peer:
        for turn in range(10):
            await exchange(peer, f"{number} {turn}")


async def until_going_away():
    async with connect("deflate") as peer:
        await exchange(peer, "before the end")
        print("ready", flush=True)
        try:
            await peer.recv()
            assert False, "a message at the end"
        except websockets.ConnectionClosed:
            assert peer.close_code == 1001, peer.close_code


async def main():
    if "--until-going-away" in sys.argv:
        await until_going_away()
        return
    await messages(None)
    await messages("deflate")
    await too_large()
    await asyncio.gather(*(one_of_many(number) for number in range(50)))


asyncio.run(asyncio.wait_for(main(), 60))
