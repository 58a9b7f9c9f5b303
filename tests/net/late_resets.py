"""Both neighbours of a relay, a client and its upstream: one of them ends its stream and is reset
afterwards.

    late_resets.py RELAY-ADDRESS RELAY-PORT UPSTREAM-ADDRESS UPSTREAM-PORT

Three connections, of which each ends by a reset. Exit status 0: all as it should be."""
import errno
import socket
import struct
import sys
import time


def connect(room=None):
    client = socket.socket()
    client.settimeout(20)
    if room:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    client.connect((sys.argv[1], int(sys.argv[2])))
    upstream, _ = listener.accept()
    upstream.settimeout(20)
    return client, upstream


def reset(peer):
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def await_reset(peer):
    # Behind the other side's end a read does not tell it; Linux calls it a broken pipe then.
    end = time.monotonic() + 20
    while time.monotonic() < end:
        error = peer.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            assert error in (errno.ECONNRESET, errno.EPIPE), error
            return
        time.sleep(0.01)
    assert False, "no reset comes"


listener = socket.create_server((sys.argv[3], int(sys.argv[4])))
listener.settimeout(20)

for client_is_first in (True, False):
    client, upstream = connect()
    first, other = (client, upstream) if client_is_first else (upstream, client)
    first.shutdown(socket.SHUT_WR)
    assert other.recv(1) == b"", "no end"
    reset(first)
    await_reset(other)
    other.close()

# Both have ended; what the client has not read waits in the relay's stack.
client, upstream = connect(room=4096)
client.shutdown(socket.SHUT_WR)
assert upstream.recv(1) == b"", "no end"
upstream.sendall(b"a" * 20_000)
upstream.close()
time.sleep(0.3)  # a relay that is slower is reset in the middle, and has to count that as well
reset(client)
