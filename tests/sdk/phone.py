#!/usr/bin/env python3
"""A SIP phone that answers every call and says nothing: somebody to call for tests of live calls.

As a program it registers `bo` at TANDEM_SIP_ADDRESS, says `ready` and answers until its input ends.
"""

import hashlib
import os
import re
import socket
import sys
import threading

DOMAIN = "tandem.localhost"
SERVER = os.environ.get("TANDEM_SIP_ADDRESS", "127.0.0.1:5060")


def digest(text):
    return hashlib.md5(text.encode()).hexdigest()


class Phone:
    """Registered from its creation to `close`."""

    def __init__(self, user="bo", password="bo-demo-phone"):
        host, port = SERVER.rsplit(":", 1)
        self.server = (host, int(port))
        self.user, self.password = user, password
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(10)
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtp.bind(("127.0.0.1", 0))
        self.sequence = 0
        self.ringing = {}
        self.register(3600)
        self.thread = threading.Thread(target=self.answer, daemon=True)
        self.thread.start()

    def register(self, expires):
        authorization = ""
        for _ in range(2):
            self.sequence += 1
            uri = "sip:" + DOMAIN
            lines = [
                f"REGISTER {uri} SIP/2.0",
                f"Via: SIP/2.0/UDP {self.address};branch=z9hG4bK-{os.urandom(6).hex()};rport",
                "Max-Forwards: 70",
                f"From: <sip:{self.user}@{DOMAIN}>;tag={os.urandom(4).hex()}",
                f"To: <sip:{self.user}@{DOMAIN}>",
                f"Call-ID: {self.address}",
                f"CSeq: {self.sequence} REGISTER",
                f"Contact: <sip:{self.user}@{self.address}>",
                f"Expires: {expires}",
            ]
            self.send(lines + ([authorization] if authorization else []))
            answer = self.socket.recv(65535).decode()
            if " 200 " in answer.split("\r\n")[0] + " ":
                return
            fields = dict(re.findall(r'(\w+)="?([^",\r\n]+)"?', next(
                line for line in answer.split("\r\n")
                if line.lower().startswith("www-authenticate") and "SHA-256" not in line
            )))
            realm, nonce = fields["realm"], fields["nonce"]
            first = digest(f"{self.user}:{realm}:{self.password}")
            second = digest(f"REGISTER:{uri}")
            response = digest(f"{first}:{nonce}:00000001:0a4f113b:auth:{second}")
            authorization = (
                f'Authorization: Digest username="{self.user}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
                f'response="{response}", algorithm=MD5, qop=auth, nc=00000001, cnonce="0a4f113b"'
            )
        raise RuntimeError("could not register: " + answer.split("\r\n")[0])

    def send(self, lines, body="", to=None):
        lines = lines + [f"Content-Length: {len(body)}", "", body]
        self.socket.sendto("\r\n".join(lines).encode(), to or self.server)

    def answer(self):
        self.socket.settimeout(None)
        while True:
            try:
                packet, peer = self.socket.recvfrom(65535)
            except OSError:
                return
            text = packet.decode(errors="replace")
            lines = text.split("\r\n\r\n")[0].split("\r\n")
            method = lines[0].split(" ")[0]
            if method.startswith("SIP/") or method == "ACK":
                continue
            kept = [line for line in lines[1:] if re.match(r"(?i)(via|from|call-id|cseq|record-route)\s*:", line)]
            to = next(line for line in lines if line.lower().startswith("to:"))
            if "tag=" not in to:
                to += ";tag=" + digest(text.split("Call-ID:")[-1].split("\r\n")[0])[:8]
            head = kept + [to, f"Contact: <sip:{self.user}@{self.address}>"]
            if method == "INVITE":
                sdp = "\r\n".join([
                    "v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0",
                    f"m=audio {self.rtp.getsockname()[1]} RTP/AVP 0 101", "a=rtpmap:0 PCMU/8000",
                    "a=rtpmap:101 telephone-event/8000", "a=sendrecv", "",
                ])
                self.send(["SIP/2.0 200 OK"] + head + ["Content-Type: application/sdp"], sdp, peer)
            else:
                self.send(["SIP/2.0 200 OK"] + head, "", peer)

    def close(self):
        self.socket.close()
        self.rtp.close()


if __name__ == "__main__":
    phone = Phone()
    print("ready", flush=True)
    sys.stdin.read()
    phone.close()
