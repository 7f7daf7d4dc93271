# SPDX-License-Identifier: MIT
"""load.py KIND WHERE: clients in full swing of an echo server (tcp, unix, tls, udp), a chat, http_get --serve.

Some ask and wait for each answer, some talk without a pause, and some do so but read nothing, until the end
of standard input: whoever ends the server ends that at the same time. It prints "busy" when all are at it;
and when the server has ended all connections, how much has come back: bytes, or datagrams, lines, pages; or
what is wrong with them. Whatever comes must be what was sent, in its order.
"""
import select
import socket
import ssl
import sys
import time

ASKERS, TALKERS, LATE = 6, 2, 1
ENOUGH = 256 * 1024  # bytes that a talker has had when it is at it
LINE, BLOCK = 1024, 16  # bytes of a line, lines that a talker sends at once
STUCK = 0.2  # seconds without room to send, after which one who reads nothing is at it

kind, where = sys.argv[1:3]
wrong = []
told = False


def is_told():
    """Notes the end of standard input."""
    global told
    if not told and select.select([sys.stdin], [], [], 0)[0]:
        told = not sys.stdin.buffer.raw.read(1)
    return told


def connect():
    family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
    s = socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    s.connect(where if kind == "unix" else ("127.0.0.1", int(where)))
    if kind == "tls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        s = context.wrap_socket(s)
    s.setblocking(False)
    return s


class Client:
    """What it sends comes back."""

    def __init__(self, nth, style):
        self.name, self.style, self.socket = b"%03d" % nth, style, connect()
        self.lines, self.rounds, self.got, self.sent = 0, 0, 0, time.monotonic()
        self.out, self.owed = bytearray(), bytearray()
        self.mute, self.open = False, True

    def fileno(self):
        return self.socket.fileno()

    def line(self):
        self.lines += 1
        return (b"%s %010d" % (self.name, self.lines)).ljust(LINE - 1, b".") + b"\n"

    def fill(self):
        """Is there something to send?"""
        if self.mute or (self.style == "late" and told):
            return False
        if not self.out and self.style != "ask":
            self.out += b"".join(self.line() for _ in range(BLOCK))
        elif not self.out and not self.owed:
            self.out += self.line()
        return bool(self.out)

    def reads(self):
        return self.style != "late" or told

    def send(self):
        try:
            n = self.socket.send(self.out)
            self.owed += self.out[:n]
            del self.out[:n]
            self.sent = time.monotonic()
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass
        except OSError:  # it reads no more, but what it has sent is still to come
            self.mute = True

    def receive(self):
        try:
            while self.open:
                data = self.socket.recv(65536)
                if not data:
                    return self.close()
                self.take(data)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError:
            self.close()

    def take(self, data):
        if not self.owed.startswith(data):
            wrong.append("%r is not what was sent" % data[:80])
        del self.owed[: len(data)]
        self.got += len(data)
        self.rounds += not self.owed

    def close(self):
        self.socket.close()
        self.open = False

    def is_busy(self):
        if self.style == "ask":
            return self.rounds > 3
        return time.monotonic() - self.sent > STUCK if self.style == "late" else self.got > ENOUGH


class Member(Client):
    """One in a chat: hears itself and the others."""

    def __init__(self, nth, style):
        super().__init__(nth, style)
        self.heard, self.rest = {}, b""
        self.out += self.name + b"\n"

    def line(self):
        self.lines += 1
        return b"%d\n" % self.lines

    def take(self, data):
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"* "):
                if line == b"* %s is here" % self.name:
                    self.owed.clear()
                continue
            name, number = line.split(b": ")
            if self.heard.get(name, int(number) - 1) != int(number) - 1:
                wrong.append("%r after %d" % (line, self.heard[name]))
            self.heard[name] = int(number)
            if name == self.name:
                self.owed.clear()
                self.rounds += 1


class Visitor(Client):
    """Gets a page again and again."""

    PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n" + bytes(10)

    def __init__(self, nth, style):
        super().__init__(nth, style)
        self.rest = b""

    def line(self):
        return b"GET /10 HTTP/1.1\r\nHost: x\r\n\r\n"

    def take(self, data):
        self.rest += data
        if self.rest == self.PAGE:
            self.rest = b""
            self.owed.clear()
            self.rounds += 1


def talk(clients):
    """Until the server has ended all connections."""
    busy, stuck = False, 0
    while any(c.open for c in clients):
        is_told()
        opened = [c for c in clients if c.open]
        writers = [c for c in opened if c.fill()]
        pending = kind == "tls" and any(c.socket.pending() for c in opened)
        ready = select.select([c for c in opened if c.reads()], writers, [], 0 if pending else 0.01)
        for c in opened if pending else ready[0]:
            if c.reads():
                c.receive()
        for c in ready[1]:
            if c.open:
                c.send()
        if not busy and all(c.is_busy() for c in clients):
            busy = True
            print("busy", flush=True)


def echo():
    styles = ["ask"] * ASKERS + ["talk"] * TALKERS + ["late"] * LATE
    clients = [Client(i, style) for i, style in enumerate(styles)]
    talk(clients)
    return sum(c.got for c in clients)


def chat():
    """What anyone has heard of someone, he himself has heard: the server had read it."""
    members = [Member(i, "ask") for i in range(2 * ASKERS)]
    talk(members)
    for m in members:
        heard_most = max(other.heard.get(m.name, 0) for other in members)
        if m.heard.get(m.name, 0) < heard_most or m.rest:
            wrong.append("%s heard itself up to %d, others %d; and %r" %
                         (m.name.decode(), m.heard.get(m.name, 0), heard_most, m.rest))
    return sum(sum(m.heard.values()) for m in members)


def http():
    visitors = [Visitor(i, "ask") for i in range(2 * ASKERS)]
    talk(visitors)
    wrong.extend("%r is no page" % v.rest for v in visitors if v.rest)
    return sum(v.rounds for v in visitors)


def udp():
    """One datagram under way for each; the end is when nobody is there any more."""
    sockets = [connect() for _ in range(ASKERS)]
    got, asked, opened = dict.fromkeys(sockets, 0), dict.fromkeys(sockets, 0), list(sockets)

    def ask(s):
        asked[s] += 1
        s.send(b"%03d %d" % (sockets.index(s), asked[s]))

    def hear(s):
        try:
            while True:
                data = s.recv(100)
                got[s] += 1
                if int(data[:3]) != sockets.index(s) or int(data[4:]) > asked[s]:
                    wrong.append("%r was not sent" % data)
        except BlockingIOError:
            pass

    for s in sockets:
        ask(s)
    busy = False
    while opened:
        ready = select.select(opened, [], [], 0.1)[0]
        for s in ready or list(opened):  # who has waited for long asks again
            try:
                hear(s)
                ask(s)
            except ConnectionRefusedError:
                hear(s)
                opened.remove(s)
        if not busy and all(n > 5 for n in got.values()):
            busy = True
            print("busy", flush=True)
    return sum(got.values())


total = {"chat": chat, "http": http, "udp": udp}.get(kind, echo)()
print("wrong: " + wrong[0] if wrong else total)
