"""The lab report's client: the same calls in the same order, to hold beside the client of this project.

usage: client.py [PORT [HOST]]          (default: 9999 localhost)

The comments name the step of `welcome` that does the same.
"""

import socket
import sys

port = int(sys.argv[1]) if len(sys.argv) > 1 else 9999
host = sys.argv[2] if len(sys.argv) > 2 else "localhost"

# client: the table begins in `created`
client = socket.socket()

# client: `created -> connecting (connect)`, `connecting -> sending name (connected)`
client.connect((host, port))

name = input("Enter your name: ")

# client: `sending name -> reading welcome (name sent)`. No terminator, and the side stays open: only
# silence tells the server that the name has ended. `welcome` sends a line feed behind it, which says so
# at once. An empty name sends nothing here, and both ends wait.
client.send(name.encode())

# client: `reading welcome -> closed (end of input)`. One call is enough here only if the welcome
# comes in one piece; `welcome` reads to the end of input.
print(client.recv(1024).decode())

client.close()
