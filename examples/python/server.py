"""The lab report's server: the same calls in the same order, to hold beside the event loop.

usage: server.py [PORT [HOST]]          (default: 9999 localhost)

It serves one client at a time: while one thinks about a name, all others wait. The comments name
the step of `welcomed` that does the same, as `welcomed -vv` logs it.
"""

import socket
import sys

port = int(sys.argv[1]) if len(sys.argv) > 1 else 9999
host = sys.argv[2] if len(sys.argv) > 2 else "localhost"

# server socket: the table begins in `created`
server = socket.socket()
print("socket created")

# server socket: `created -> bound (bind)`
server.bind((host, port))

# server socket: `bound -> listening (listen)`, with a backlog of 4,096 instead of 3
server.listen(3)
print("waiting for connections")

while True:
    # the last step of a turn; the connection begins in `reading name`, its stream in `open`
    client, address = server.accept()

    # connection: `reading name -> writing welcome (silence)`. One call is enough here only if the
    # name comes in one piece; the loop reads until nothing has come for the name gap.
    name = client.recv(1024).decode()

    # the log line of that arrow; the loop takes the line feed off that `welcome` sends behind a name,
    # and escapes what could drive a terminal
    print("connected with", address, name)

    # connection: `writing welcome -> closed (welcome sent)`. The loop tells how much the kernel took,
    # and goes on with the rest.
    client.send(b"welcome ")

    # stream: `open -> closed (over)`. To close with unread input would make TCP send a reset, so the
    # loop goes `open -> lingering (over with input left)` if the client sends more than a name.
    client.close()
