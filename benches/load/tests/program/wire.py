"""What the load test says of a server, beside what was on the wire: a packet capture is the judge.

wire.py PROGRAM [--full [THREADS ...]] prints a line for each case and ends with 1 if one is wrong. A percentile is right within 5 % or
0.2 ms of the same percentile of the times on the wire: from the first SYN to its answer, and from the name to the server's FIN. What
lies between these two is the client's own. It runs in a network namespace of its own. As a server
it is `wire.py serve DELAY_MICROS`, which answers each name so much later.
"""

import collections
import json
import math
import os
import random
import selectors
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

PORT = 9999
FIN, SYN, RST = 1, 2, 4
ATTEMPTS = 3


def serve(delay):
    selector = selectors.DefaultSelector()
    listener = socket.create_server(("127.0.0.1", PORT), backlog=4096)
    listener.setblocking(False)
    selector.register(listener, selectors.EVENT_READ)
    due = collections.deque()
    print("up", flush=True)
    while True:
        timeout = max(0, due[0][0] - time.monotonic()) if due else None
        for key, _ in selector.select(timeout):
            if key.fileobj is not listener:
                selector.unregister(key.fileobj)
                key.fileobj.recv(1024)
                due.append((time.monotonic() + delay, key.fileobj))
                continue
            for _ in range(64):
                try:
                    client = listener.accept()[0]
                except BlockingIOError:
                    break
                selector.register(client, selectors.EVENT_READ)
        while due and due[0][0] <= time.monotonic():
            client = due.popleft()[1]
            try:
                client.send(b"welcome ")
            except OSError:
                pass
            client.close()


class Capture:
    def __init__(self, file, interface="lo", condition=f"tcp port {PORT}"):
        self.file = file
        command = ["tcpdump", "-i", interface, "-s", "100", "-B", "65536", "--time-stamp-precision=nano", "-U", "-w", file]
        self.tcpdump = subprocess.Popen([*command, condition], stderr=subprocess.PIPE, text=True)
        for line in self.tcpdump.stderr:
            if "listening on" in line:
                break

    def end(self, visits):
        """The times on the wire in nanoseconds, sorted, once so many visits are written, or after 10 s."""
        until = time.monotonic() + 10
        while len(self.times()) < visits and time.monotonic() < until:
            time.sleep(0.2)
        self.stop()
        return sorted(self.times())

    def stop(self):
        self.tcpdump.send_signal(signal.SIGINT)
        said = self.tcpdump.stderr.read()
        self.tcpdump.wait()
        assert "\n0 packets dropped by kernel" in said, said

    def times(self):
        visits, times = {}, []
        for at, source, destination, flags, length, _ in packets(self.file):
            if destination == PORT and flags & SYN:
                visits.setdefault(source, [at])
            elif destination == PORT and length > 0 and len(visits.get(source, [])) == 2:
                visits[source].append(at)
            elif source == PORT and flags & SYN and len(visits.get(destination, [])) == 1:
                visits[destination].append(at)
            elif source == PORT and flags & (FIN | RST) and len(visits.get(destination, [])) == 3:
                began, answered, named = visits.pop(destination)
                times.append(answered - began + at - named)
        return times


def packets(file):
    """Time, ports, flags, length of data and the segment itself of all in a capture (pcap-savefile(5), with nanoseconds; IPv4)."""
    with open(file, "rb") as capture:
        data = capture.read()
    assert struct.unpack("<I", data[:4])[0] == 0xA1B23C4D
    # Ethernet, or the bare packets of a tunnel.
    before = 14 if struct.unpack("<I", data[20:24])[0] == 1 else 0
    place = 24
    while place + 16 <= len(data):
        seconds, nanos, captured, _ = struct.unpack("<IIII", data[place : place + 16])
        if place + 16 + captured > len(data):
            break  # it is being written
        ip = data[place + 16 + before : place + 16 + captured]
        place += 16 + captured
        header = (ip[0] & 15) * 4
        tcp = ip[header:]
        length = struct.unpack(">H", ip[2:4])[0] - header - (tcp[12] >> 4) * 4
        yield seconds * 10**9 + nanos, *struct.unpack(">HH", tcp[:4]), tcp[13], length, tcp


def stop_now_and_then(process, duration, every):
    """Stops a process for so long, every so often, until it has ended."""

    def go():
        chance = random.Random(7)
        while process.poll() is None:
            time.sleep(every - duration + chance.random() * duration)
            process.send_signal(signal.SIGSTOP)
            time.sleep(duration)
            process.send_signal(signal.SIGCONT)

    threading.Thread(target=go, daemon=True).start()


def case(program, name, delay, options, stops=None):
    """Plays a case, prints its line, and gives whether it is right."""
    server = subprocess.Popen([sys.executable, __file__, "serve", str(delay)], stdout=subprocess.PIPE)
    server.stdout.readline()
    capture = Capture("wire.pcap")
    with open("wire.txt", "w") as output:
        command = [program, "-c", f"127.0.0.1:{PORT}", "--json", "wire.json", *options]
        load = subprocess.Popen(command, stdout=output, stderr=output)
    if stops:
        stopped, duration, every = stops
        stop_now_and_then({"generator": load, "server": server}[stopped], duration, every)
    load.wait()
    with open("wire.json") as report:
        run = json.load(report)["run"]
    server.send_signal(signal.SIGCONT)
    times = capture.end(run["begun"])
    server.kill()
    server.wait()
    cells, is_right = [], run["begun"] == len(times)
    for said in run["latency"]["at"]:
        if said["nanos"] is None or said["per_cent"] == 90:
            continue
        wire = times[min(len(times), math.ceil(said["per_cent"] / 100 * len(times))) - 1]
        agrees = abs(said["nanos"] - wire) <= max(wire * 0.05, 200_000)
        is_right = is_right and agrees
        cells.append(f"p{said['per_cent']:g} {said['nanos'] / 1e6:.2f} / {wire / 1e6:.2f} ms{'' if agrees else ' WRONG'}")
    if stops and stops[0] == "generator":
        # With its own lag the longest times say more about the generator than about the server.
        verdict = run["corrected"]["at"][2]["verdict"]
        is_right = is_right and verdict == "own_lag"
        cells.append(f"with own lag p99 {verdict}")
    print(f"{name:52} {run['begun']:6} begun, {len(times):6} on the wire; {', '.join(cells)}", flush=True)
    return is_right


def cases(threads, is_full):
    more = [] if threads == 1 else ["--threads", str(threads)]
    at_a_time = (1, 8, 64, 256, 512) if is_full else (64,)
    for number in at_a_time:
        if number >= threads:
            yield f"closed loop of {number}, 1 ms", 1000, ["--connections", str(number), *more], None
    for rate in (200, 1000, 4000) if is_full else (500,):
        yield f"{rate} a second, 1 ms", 1000, ["--rate", str(rate), *more], None
    for number in (8, 64) if is_full else (8,):
        options = ["--connections", str(number), *more]
        yield f"closed loop of {number}, 20 ms, generator stopped 80 ms", 20000, options, ("generator", 0.08, 0.7)
    for rate in (500, 2000) if is_full else ():
        yield f"{rate} a second, 20 ms, generator stopped 80 ms", 20000, ["--rate", str(rate), *more], ("generator", 0.08, 0.7)
    yield "closed loop of 8, 1 ms, server stopped 500 ms", 1000, ["--connections", "8", *more], ("server", 0.5, 2)
    if is_full:
        yield "500 a second, 1 ms, server stopped 500 ms", 1000, ["--rate", "500", *more], ("server", 0.5, 2)


def main(program, *words):
    is_full = words[:1] == ("--full",)
    duration = ["--duration", "4s" if is_full else "2s"]
    right = []
    for threads in [int(word) for word in words[1:]] or [1]:
        for name, delay, options, stops in cases(threads, is_full):
            name = name if threads == 1 else f"{name}, {threads} threads"
            # On a busy machine the generator is interrupted between a look at its clock and the call that follows.
            right.append(any(case(program, name, delay, options + duration, stops) for _ in range(ATTEMPTS)))
    print(f"{sum(right)} of {len(right)} right")
    return 0 if all(right) else 1


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]) / 1e6)
    else:
        sys.exit(main(*sys.argv[1:]))
