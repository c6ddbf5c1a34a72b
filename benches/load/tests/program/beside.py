"""What load tests say of the same stall, beside what was on the wire.

beside.py welcomed-load=PROGRAM [wrk2=PROGRAM] [tcp_crr=PROGRAM] prints a table in Markdown, in a network namespace of its own with
`lo` up. The server (`beside.py serve MICROS SILENT`) answers a request for a page so much later and closes, and a part of them, SILENT in a
thousand, never. A packet capture is the judge: its percentiles are of the time from the first SYN to the server's FIN, and one without an
answer lasted for ever. Tools that are not on PATH are left out. tcp_crr speaks to a server of its own alone, so that one is stopped.
"""

import collections
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import wire

URL = f"http://127.0.0.1:{wire.PORT}/"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\nwelcome "
SECONDS = 10
UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4, "secs": 1e3}


def serve(delay, silent):
    """Answers each thousand requests but `silent` of them, so much later."""
    selector, due, requests, kept = selectors.DefaultSelector(), collections.deque(), 0, []
    listener = socket.create_server(("127.0.0.1", wire.PORT), backlog=4096)
    listener.setblocking(False)
    selector.register(listener, selectors.EVENT_READ)
    print("up", flush=True)
    while True:
        for key, _ in selector.select(max(0, due[0][0] - time.monotonic()) if due else None):
            client = key.fileobj
            if client is not listener:
                selector.unregister(client)
                client.recv(4096)
                requests += 1
                if (requests * 37) % 1000 < silent:
                    kept.append(client)
                else:
                    due.append((time.monotonic() + delay, client))
                continue
            try:
                client = listener.accept()[0]
            except BlockingIOError:
                continue
            selector.register(client, selectors.EVENT_READ)
        while due and due[0][0] <= time.monotonic():
            client = due.popleft()[1]
            try:
                client.send(ANSWER)
            except OSError:
                pass
            client.close()


def on_wire(file, port, server_closes):
    """The times on the wire in milliseconds, sorted, and how many requests had no answer. Where the client closes, an answer is the end."""
    visits, times, silent = {}, [], 0
    for at, source, to, flags, length, tcp in wire.packets(file):
        visit = visits.get(source if to == port else to)
        if to == port and flags & wire.SYN:
            first = tcp[4:8]
            if visit and visit[0] == first:
                continue
            silent += visit is not None and len(visit) == 4
            visits[source] = [first, at]
        elif visit is None:
            continue
        elif to == port and length and len(visit) == 3:
            visit.append(at)
        elif source == port and flags & wire.SYN and len(visit) == 2:
            visit.append(at)
        elif source == port and len(visit) == 4 and (flags & (wire.FIN | wire.RST) or length and not server_closes):
            times.append((visit[2] - visit[1] + at - visit[3]) / 1e6)
            visits.pop(to)
    return sorted(times), silent + sum(len(visit) == 4 for visit in visits.values())


def figures(times, silent):
    """p50, p99 and the longest, where what had no answer lasted for ever."""
    whole = times + [float("inf")] * silent
    return [whole[min(len(whole) - 1, int(len(whole) * part))] if whole else None for part in (0.5, 0.99, 1.0)]


def said(tool, text):
    """p50, p99 and the longest that a tool prints, in milliseconds; None for what it does not say."""
    if tool == "welcomed-load":
        row = re.search(r"^\| the server's time +\|(.*)\|$", text, re.M).group(1)
        head = re.search(r"^\| (us|ms|s) +\|(.*)\|$", text, re.M)
        cells = dict(zip([cell.strip() for cell in head.group(2).split("|")], row.split("|")))
        return [number(cells.get(name, ""), head.group(1)) for name in ("p50", "p99", "max")]
    patterns = {
        "wrk": (r"^ +50%\s+(\S+)", r"^ +99%\s+(\S+)", r"^ +Latency +\S+ +\S+ +(\S+)"),
        "wrk2": (r"^ +50\.000%\s+(\S+)", r"^ +99\.000%\s+(\S+)", r"^100\.000%\s+(\S+)|^ +100\.000%\s+(\S+)"),
        "ab": (r"^ +50% +(\d+)", r"^ +99% +(\d+)", r"^ 100% +(\d+)"),
        "hey": (r"^ +50% in (\S+)", r"^ +99% in (\S+)", r"^ +Slowest:\s+(\S+)"),
        "h2load": (None, None, r"^time for request: +\S+ +(\S+)"),
        "tcp_crr": (r"^latency_p50=(\S+)", r"^latency_p99=(\S+)", r"^latency_max=(\S+)"),
    }[tool]
    unit = {"ab": "ms", "hey": "secs", "tcp_crr": "s"}.get(tool, "")
    found = [re.search(pattern, text, re.M) if pattern else None for pattern in patterns]
    return [number(next(filter(None, one.groups())), unit) if one else None for one in found]


def number(text, unit):
    text = re.sub(r"[*>=\s]", "", text)
    value = re.fullmatch(r"([\d.]+)([a-z]*)", text)
    return float(value.group(1)) * UNITS[value.group(2) or unit] if value else None


def closed(tool, places):
    return {
        "welcomed-load": ["-c", URL, "--connections", places, "--duration", f"{SECONDS}s"],
        "wrk": ["-t1", "-c", places, "-d", f"{SECONDS}s", "--latency", URL],
        "ab": ["-r", "-c", places, "-t", str(SECONDS), "-n", "10000000", URL],
        "hey": ["-c", places, "-z", f"{SECONDS}s", "-disable-keepalive", URL],
        "h2load": ["--h1", "-c", places, "-n", "40000", URL],
        "tcp_crr": ["-c", "-H", "127.0.0.1", "-F", places, "-l", str(SECONDS), "-p", "50,99"],
    }.get(tool)


def opened(tool, places):
    return {
        "welcomed-load": ["-c", URL, "--rate", "500", "--duration", f"{SECONDS}s"],
        "wrk2": ["-t1", "-c", places, "-d", f"{SECONDS}s", "-R", "500", "--latency", URL],
        "hey": ["-c", "50", "-q", "10", "-z", f"{SECONDS}s", "-disable-keepalive", URL],
    }.get(tool)


# What the server does, how the tools ask it, and with how many at a time.
CASES = [
    ("stopped for 500 ms every 2 s, 8 at a time", 0, 0, True, closed, "8"),
    ("stopped for 500 ms every 2 s, 500 a second", 0, 0, True, opened, "64"),
    ("1 ms late, 64 at a time", 1000, 0, False, closed, "64"),
    ("17 of 1,000 never answered, 500 a second", 1000, 17, False, opened, "64"),
]


def stop_at_times(process, until):
    while not until.wait(1.5):
        process.send_signal(signal.SIGSTOP)
        until.wait(0.5)
        process.send_signal(signal.SIGCONT)


def play(tool, program, arguments, delay, silent, stops):
    own = tool == "tcp_crr"
    port = 12867 if own else wire.PORT
    command = [program] if own else [sys.executable, __file__, "serve", str(delay), str(silent)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    time.sleep(1) if own else server.stdout.readline()
    capture = wire.Capture("beside.pcap", condition=f"tcp port {port}")
    over = threading.Event()
    if stops:
        threading.Thread(target=stop_at_times, args=(server, over), daemon=True).start()
    try:
        run = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=40)
        output = run.stdout + run.stderr
    except subprocess.TimeoutExpired:
        output = ""
    over.set()
    time.sleep(1.5)
    capture.stop()
    server.kill()
    server.wait()
    return output, *on_wire("beside.pcap", port, not own)


def cells(times):
    words = ["-" if time is None else "never" if time == float("inf") else f"{time:.2f}" for time in times]
    return " / ".join(words)


def main(*given):
    programs = dict(word.split("=") for word in given)
    for tool in ("wrk", "ab", "hey", "h2load"):
        programs.setdefault(tool, shutil.which(tool))
    print("| case | tool | it says p50 / p99 / max, ms | on the wire, ms | requests, not answered |\n| --- | --- | --- | --- | --- |")
    for case, delay, silent, stops, how, places in CASES:
        for tool, program in programs.items():
            arguments = how(tool, places)
            if not program or not arguments or tool == "tcp_crr" and delay:
                continue
            output, times, unanswered = play(tool, program, arguments, delay, silent, stops)
            with open(f"{tool}.txt", "a") as file:
                file.write(f"## {case}: {' '.join(arguments)}\n{output}\n")
            says = said(tool, output) if output else [None] * 3
            wires = figures(times, unanswered)
            print(f"| {case} | {tool} | {cells(says)} | {cells(wires)} | {len(times) + unanswered}, {unanswered} |", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]) / 1e6, int(sys.argv[3]))
    else:
        main(*sys.argv[1:])
