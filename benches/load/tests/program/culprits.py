"""What the load test names as the culprit of each visit, beside what was done to it.

culprits.py PROGRAM [--full] plays each case and prints for each cause how many visits it was injected into and made slow, how many of
these have its name and how many another, and how many have the name without it. The judges are the injecting side (faulty.py, and
the moments at which a process was stopped) and a packet capture on the client's side. It ends with 1 if less than 95 % are named, or
any falsely. A visit that the machine has made slow by itself has the name truly if the capture shows it.
"""

import collections
import csv
import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time

import faulty
import wire

MS = 10**6
# What a cause has to do to a visit to count, and what the capture has to show of one that nobody injected. What is named is 0.5 ms or more.
SLOW, SHOWN = 10 * MS, MS // 4
# Of two causes that took nearly the same time, either may be named.
NEARLY = 0.8
LETTERS = {"w": "waiting", "t": "transfer", "c": "closing", "x": "timeout", "d": "sent_again"}
LOOPBACK = ("127.0.0.1", "lo", f"tcp port {faulty.PORT}")
TUNNEL = (faulty.PEER, "relay", f"(dst {faulty.PEER} and dst port {faulty.PORT}) or (src {faulty.PEER} and src port {faulty.PORT})")


class Case:
    def __init__(self, name, place=LOOPBACK, letters="", syn=(0, 0), stops=(), backlog=1024, options=(), rate=300, others="n"):
        self.name, self.place, self.letters, self.syn, self.stops = name, place, letters, syn, stops
        self.backlog, self.options, self.rate, self.others = backlog, options, rate, others


CASES = [
    Case("answer held", letters="w" * 15),
    Case("rest of the answer held", letters="t" * 15),
    Case("end held", letters="c" * 15),
    Case("never answered", letters="x" * 15),
    Case("server stopped, short accept queue", stops=[("server", 0.2, 1.3)], backlog=8),
    Case("generator stopped", stops=[("generator", 0.08, 0.5)], options=["--connections", "8"], rate=None, others="u"),
    Case("generator stopped, open loop", stops=[("generator", 0.08, 0.5)]),
    Case("names that drip", options=["--slow", "200"]),
    Case("names that drip, answer held", letters="w" * 15, options=["--slow", "200"]),
    Case("request dropped", TUNNEL, letters="d" * 15),
    Case("SYN dropped", TUNNEL, syn=(0.15, 0)),
    Case("answer to the SYN held", TUNNEL, syn=(0, 0.15)),
    Case("all of the server", letters="wwwwwtttttcccccxx"),
    Case("all", TUNNEL, "wwwtttcccxddd", (0.03, 0.03), [("generator", 0.08, 0.7), ("server", 0.2, 1.3)], 8),
]
SHORT = {"generator stopped", "all of the server", "all"}


class Flow:
    """The moments of one visit on the wire, in nanoseconds."""

    def __init__(self, first):
        self.first = first
        self.syns, self.sent, self.came, self.data = [], {}, [], b""
        self.sent_again, self.taken, self.connected, self.end, self.client_end = None, False, None, None, None

    def take(self, at, to_server, flags, length, tcp):
        if to_server and flags & wire.SYN:
            self.syns.append(at)
        elif flags & wire.SYN:
            self.connected = self.connected or at
        elif to_server and length:
            sequence = faulty.sequence(tcp)
            if sequence in self.sent:
                self.sent_again = at
            else:
                self.sent[sequence] = at
                self.data += tcp[(tcp[12] >> 4) * 4 :]
        elif length:
            self.came.append(at)
        if not to_server:
            # A SYN is the first of its numbers, and what is acknowledged behind it is the name.
            self.taken |= 2 <= (faulty.acknowledged(tcp) - self.first[1]) % 2**32 < 2**31
        if flags & (wire.FIN | wire.RST):
            if to_server:
                self.client_end = self.client_end or at
            else:
                self.end = self.end or at

    def parts(self, due):
        """How long each part was, of a visit that came to its end."""
        sent = sorted(self.sent.values())
        return {
            "started_late": self.syns[0] - due if due else 0,
            "connecting": self.connected - self.syns[0],
            "own_gap": sent[-1] - sent[0],
            "waiting": self.came[0] - sent[-1],
            "transfer": self.came[-1] - self.came[0],
            "closing": self.end - self.came[-1],
            "read_late": self.client_end - self.end + sent[0] - self.connected,
        }

    def late_sending(self):
        """How long after it was connected it sent its name."""
        return min(self.sent.values()) - self.connected


def flows(file, names):
    """The flows of a capture by the numbers of their visits, of those that have sent a name."""
    all_flows, by_port = {}, {}
    for at, source, to, flags, length, tcp in wire.packets(file):
        to_server = to == faulty.PORT
        port = source if to_server else to
        if to_server and flags & wire.SYN:
            # A port is used again, with another first number.
            first = port, faulty.sequence(tcp)
            by_port[port] = all_flows.setdefault(first, Flow(first))
        if port in by_port:
            by_port[port].take(at, to_server, flags, length, tcp)
    numbers = {name.encode() + b"\n": number for number, name in enumerate(names)}
    return {numbers[flow.data]: flow for flow in all_flows.values() if flow.data in numbers}


def all_written(file, names):
    """Whether the capture has each visit to its end."""
    on_wire = flows(file, names)
    return len(on_wire) == len(names) and all(flow.client_end for flow in on_wire.values())


def stopping(process, duration, every, seed):
    """Stops a process now and then until it ends, and gives the list of when that was."""
    stops, chance = [], random.Random(seed)

    def go():
        while True:
            time.sleep(every - duration + chance.random() * duration)
            if process.poll() is not None:
                return
            began = time.time_ns()
            process.send_signal(signal.SIGSTOP)
            time.sleep(duration)
            stops.append((began, time.time_ns()))
            process.send_signal(signal.SIGCONT)

    threading.Thread(target=go, daemon=True).start()
    return stops


def injected(case, name, flow, due, stops, relay):
    """How long each cause has made a visit, of those that were injected."""
    causes = collections.Counter()
    if name[0] in LETTERS:
        causes[LETTERS[name[0]]] = int(faulty.HOLD * 1e9)
    if "--slow" in case.options:
        sent = sorted(flow.sent.values())
        causes["own_gap"] = sent[-1] - sent[0]
    if len(flow.syns) > 1:
        causes["syn_again"] = flow.connected - flow.syns[0]
    elif relay and flow.first in relay.held:
        causes["connecting"] = int(faulty.HOLD * 1e9)
    named, came = max(flow.sent.values()), flow.came[0] if flow.came else None
    if flow.sent_again:
        # As long as nothing is acknowledged, it is being sent again.
        causes["sent_again"] = (flow.sent_again if flow.taken else flow.client_end or named) - named
    if "timeout" in causes:
        causes["timeout"] = (flow.client_end or named) - max(named, flow.sent_again or 0) if flow.taken else 0
    for began, ended in stops.get("server", ()):
        if came and named < ended <= came and not flow.sent_again:
            causes["waiting"] += ended - max(began, named)
    for began, ended in stops.get("generator", ()):
        if due and began < due < ended and flow.syns[0] >= ended:
            causes["started_late"] += ended - due
        for moment, behind in ((flow.connected, min(flow.sent.values())), (flow.end, flow.client_end)):
            if moment and behind and began < moment < ended <= behind:
                causes["read_late"] += ended - moment
    return causes


def shown(parts, usual, flow):
    """What the capture shows to be longer than usual, and by how much."""
    causes = {cause: parts[cause] - usual[cause] for cause in parts if parts[cause] - usual[cause] >= SHOWN}
    if len(flow.syns) > 1:
        causes["syn_again"] = causes.get("connecting", 0)
    if flow.sent_again:
        causes["sent_again"] = causes.get("waiting", 0)
    # An answer that is read when the server has closed has the stamp of the end. All of that is the server's side.
    if "closing" in causes:
        causes.setdefault("waiting", causes["closing"])
    # The generator can be interrupted when it has looked at its clock, and begin or send its name then. It does not know.
    if "started_late" in causes:
        causes.setdefault("read_late", causes["started_late"])
    if flow.late_sending() >= SHOWN:
        causes.setdefault("waiting", flow.late_sending())
    return causes


def usual_so_far(ended):
    """For each visit the median of each part, of all visits or of those up to then: the load test knows no later ones."""
    numbers, usual, before = sorted(ended), {}, None
    parts = next(iter(ended.values()))
    medians = lambda some: {part: statistics.median(ended[number][part] for number in some) for part in parts}
    whole = medians(numbers)
    for place, number in enumerate(numbers):
        if place % 64 == 0:
            before = medians(numbers[: place + 64])
        usual[number] = {part: min(before[part], whole[part]) for part in parts}
        usual[number] |= dict.fromkeys(["started_late", "own_gap", "read_late"], 0)
    return usual


def judge(case, rows, names, on_wire, stops, relay):
    """For each cause: injected, made slow, named, named otherwise, by itself, false."""
    first = min(flow.syns[0] - number * 10**9 // case.rate for number, flow in on_wire.items()) if case.rate else 0
    due = {number: first + number * 10**9 // case.rate if case.rate else None for number in on_wire}
    ended = {number: flow.parts(due[number]) for number, flow in on_wire.items() if flow.came and flow.end and flow.client_end}
    usual = usual_so_far(ended)
    table = collections.defaultdict(collections.Counter)
    for number, row in rows.items():
        flow, said = on_wire[number], row["culprit"]
        causes = injected(case, names[number], flow, due[number], stops, relay)
        truly = shown(ended[number], usual[number], flow) if number in ended else {}
        longest = max(causes.values(), default=0)
        for cause in causes:
            table[cause]["injected"] += 1
        if longest >= SLOW and (said in causes or truly.get(said, 0) < longest * NEARLY):
            likely = {cause for cause, time in causes.items() if time >= longest * NEARLY}
            cause = said if said in likely else max(causes, key=causes.get)
            table[cause]["made slow"] += 1
            table[cause]["named" if said == cause else "otherwise"] += 1
            if said != cause:
                table[cause][said] += 1
        if said != "none" and said not in causes:
            table[said]["by itself" if said in truly else "false"] += 1
            if said not in truly:
                print("false:", row, names[number], dict(causes), ended.get(number), flush=True)
    return table


def play(program, case, seconds):
    count = int((case.rate or 300) * seconds)
    chance = random.Random(3)
    letters = (case.letters + case.others * 100)[:100]
    names = [f"{chance.choice(letters)}{number:05}" for number in range(count)]
    with open("names", "w") as file:
        file.write("\n".join(names) + "\n")
    relay = Relays.of(case)
    host, interface, condition = case.place
    address = faulty.HOST if relay else host
    server = subprocess.Popen([sys.executable, faulty.__file__, "serve", address, str(case.backlog)], stdout=subprocess.PIPE)
    server.stdout.readline()
    capture = wire.Capture("culprits.pcap", interface, condition)
    load = ["--rate", str(case.rate), "--arrivals", "uniform"] if case.rate else []
    command = [program, "-c", f"{host}:{faulty.PORT}", "--names", "names", "--count", str(count), "--timeout", "2500ms"]
    with open("said", "w") as said:
        generator = subprocess.Popen([*command, "--visits", "visits.csv", *load, *case.options], stdout=said, stderr=said)
    processes = {"server": server, "generator": generator}
    stops = {who: stopping(processes[who], duration, every, 7) for who, duration, every in case.stops}
    generator.wait()
    server.send_signal(signal.SIGCONT)
    server.kill()
    server.wait()
    until = time.monotonic() + 5
    while not all_written("culprits.pcap", names) and time.monotonic() < until:
        time.sleep(0.2)
    capture.stop()
    with open("visits.csv") as file:
        rows = {int(row["visit"]): row for row in csv.DictReader(file)}
    on_wire = flows("culprits.pcap", names)
    assert len(rows) == count and len(on_wire) >= count * 0.99, (count, len(rows), len(on_wire))
    return judge(case, {number: row for number, row in rows.items() if number in on_wire}, names, on_wire, stops, relay)


class Relays:
    """One tunnel for all cases."""

    relay = None

    @classmethod
    def of(cls, case):
        if case.place is not TUNNEL:
            return None
        if cls.relay is None:
            cls.relay = faulty.Relay(0, 0)
        cls.relay.parts = case.syn
        for seen in (cls.relay.dropped, cls.relay.held, cls.relay.seen):
            seen.clear()
        return cls.relay


def main(program, *words):
    is_full = words[:1] == ("--full",)
    columns = ["injected", "made slow", "named", "otherwise", "by itself", "false"]
    print(f"{'case':36}{'cause':14}" + "".join(f"{column:>10}" for column in columns))
    is_right = True
    for case in CASES:
        if not is_full and case.name not in SHORT or words[1:] and case.name not in words[1:]:
            continue
        for cause, row in sorted(play(program, case, 20 if is_full else 2).items()):
            cells = "".join(f"{row[column]:10}" for column in columns)
            others = ", ".join(f"{count} {word}" for word, count in row.items() if word not in columns)
            right = row["named"] >= 0.95 * row["made slow"] and row["false"] == 0
            is_right = is_right and right
            print(f"{case.name:36}{cause:14}{cells}  {others}{'' if right else '  WRONG'}", flush=True)
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
