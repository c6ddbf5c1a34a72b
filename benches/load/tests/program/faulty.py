"""A server and a relay that make visits slow on purpose, each in a known way.

The first letter of a client's name says what it meets. The server (`faulty.py serve ADDRESS BACKLOG`) sends a welcome; it is late for
`w` with the answer, for `t` with the rest of it, for `c` with the end, and never answers `x`. Usual is an answer at once, for `u` after 20 ms. The relay is a tunnel: what is sent to
PEER comes back as if it were from there. It drops the first request of `d`, and of a part of the others a SYN, or it holds the answer to it.
"""

import fcntl
import heapq
import os
import random
import selectors
import socket
import struct
import subprocess
import sys
import threading
import time

PORT = 9999
HOST, PEER = "10.9.0.1", "10.9.0.2"
HOLD, USUAL = 0.06, 0.02
SYN, ACK = 2, 16


class Later:
    """What is to be done at a later moment."""

    def __init__(self):
        self.heap, self.count = [], 0

    def add(self, delay, action):
        self.count += 1
        heapq.heappush(self.heap, (time.monotonic() + delay, self.count, action))

    def wait(self):
        return max(0, self.heap[0][0] - time.monotonic()) if self.heap else None

    def go(self):
        while self.heap and self.heap[0][0] <= time.monotonic():
            heapq.heappop(self.heap)[2]()


def answer(client, letter, later):
    """Answers a client as its letter has it."""

    def say(text):
        try:
            client.send(text)
        except OSError:
            pass

    def close(text=b""):
        if text:
            say(text)
        client.close()

    if letter in b"wu":
        later.add(HOLD if letter == b"w" else USUAL, lambda: close(b"welcome "))
    elif letter == b"t":
        say(b"wel")
        later.add(HOLD, lambda: close(b"come "))
    elif letter == b"c":
        say(b"welcome ")
        later.add(HOLD, close)
    elif letter == b"x":
        later.add(60, close)
    else:
        close(b"welcome ")


def serve(address, backlog):
    selector, later, names = selectors.DefaultSelector(), Later(), {}
    listener = socket.create_server((address, PORT), backlog=backlog)
    listener.setblocking(False)
    selector.register(listener, selectors.EVENT_READ)
    print("up", flush=True)
    while True:
        for key, _ in selector.select(later.wait()):
            client = key.fileobj
            if client is listener:
                while True:
                    try:
                        client = listener.accept()[0]
                    except BlockingIOError:
                        break
                    selector.register(client, selectors.EVENT_READ)
                    names[client] = b""
                continue
            try:
                came = client.recv(1024)
            except OSError:
                came = b""
            names[client] += came
            if not came or names[client].endswith(b"\n"):
                selector.unregister(client)
                name = names.pop(client)
                answer(client, name[:1], later) if came else client.close()
        later.go()


def sequence(tcp):
    """The sequence number of a segment."""
    return struct.unpack(">I", tcp[4:8])[0]


def acknowledged(tcp):
    """The number up to which a segment acknowledges."""
    return struct.unpack(">I", tcp[8:12])[0]


class Relay:
    """The tunnel. `dropped` and `held` are the connections whose SYN was dropped, or the answer to it held, by port and first number."""

    def __init__(self, part_dropped, part_held, seed=1):
        self.chance, self.parts = random.Random(seed), (part_dropped, part_held)
        self.dropped, self.held, self.seen, self.later = set(), set(), set(), Later()
        self.tunnel = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        # TUNSETIFF with IFF_TUN and IFF_NO_PI (linux/if_tun.h).
        fcntl.ioctl(self.tunnel, 0x400454CA, struct.pack("16sH22x", b"relay", 0x1001))
        subprocess.run(f"ip addr add {HOST}/24 dev relay && ip link set relay up", shell=True, check=True)
        threading.Thread(target=self.go, daemon=True).start()

    def go(self):
        selector = selectors.DefaultSelector()
        selector.register(self.tunnel, selectors.EVENT_READ)
        while True:
            if selector.select(self.later.wait()):
                self.take(os.read(self.tunnel, 65536))
            self.later.go()

    def take(self, packet):
        if packet[0] >> 4 != 4 or packet[9] != socket.IPPROTO_TCP:
            return
        # The sum of both addresses is what it was, and so are the checksums.
        back = packet[:12] + packet[16:20] + packet[12:16] + packet[20:]
        tcp = packet[(packet[0] & 15) * 4 :]
        source, to = struct.unpack(">HH", tcp[:4])
        data = tcp[(tcp[12] >> 4) * 4 :]
        first = source, sequence(tcp)
        if to == PORT and tcp[13] & (SYN | ACK) == SYN and first not in self.seen:
            self.seen.add(first)
            which = self.chance.random()
            if which < self.parts[0]:
                self.dropped.add(first)
                return
            if which < sum(self.parts):
                self.held.add(first)
        elif to == PORT and data[:1] == b"d" and data not in self.seen:
            self.seen.add(data)
            return
        if source == PORT and tcp[13] & SYN and (to, (acknowledged(tcp) - 1) % 2**32) in self.held:
            self.later.add(HOLD, lambda: os.write(self.tunnel, back))
        else:
            os.write(self.tunnel, back)


if __name__ == "__main__":
    serve(sys.argv[2], int(sys.argv[3]))
