"""Valid SIP messages of all kinds, and what a bad network, a broken peer or an
attacker makes of them. Message number i of a seed is always the same, but for
the tags of dialogs that are really there."""
import random
import re

SDP = ("v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n"
       "m=audio 9000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\n"
       "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
       "a=ptime:20\r\na=sendrecv\r\n")


class Dialog:
    """One that the engine has with us; or one that never was."""

    def __init__(self, call_id, ours, theirs, cseq=1, branch="z9hG4bKnone",
                 uri=None):
        self.call_id, self.ours, self.theirs = call_id, ours, theirs
        self.cseq, self.branch, self.uri = cseq, branch, uri


def request(method, peer, dialog, *, transport="UDP", body="", content=None,
            headers="", branch=None, cseq=None, tag=True):
    ip, port, engine = peer
    theirs = f";tag={dialog.theirs}" if tag and dialog.theirs else ""
    text = (f"{method} {dialog.uri or engine} SIP/2.0\r\n"
            f"Via: SIP/2.0/{transport} {ip}:{port};rport;"
            f"branch={branch or dialog.branch + method}\r\n"
            "Max-Forwards: 70\r\n"
            f"From: \"Eve\" <sip:eve@{ip}>;tag={dialog.ours}\r\n"
            f"To: <{engine}>{theirs}\r\nCall-ID: {dialog.call_id}\r\n"
            f"CSeq: {cseq or dialog.cseq} {method}\r\n"
            f"Contact: <sip:eve@{ip}:{port}>\r\n{headers}")
    if body:
        text += f"Content-Type: {content or 'application/sdp'}\r\n"
    return text + f"Content-Length: {len(body)}\r\n\r\n{body}"


def in_or_out(method, **more):
    def make(peer, dialog, rng, transport):
        return request(method, peer, dialog, transport=transport,
                       cseq=dialog.cseq + rng.randint(1, 3), **more)
    return make


def fresh_invite(peer, dialog, rng, transport):
    new = Dialog(f"m{rng.getrandbits(40):x}@{peer[0]}",
                 f"{rng.getrandbits(24):x}", None,
                 branch=f"z9hG4bK{rng.getrandbits(40):x}")
    return request("INVITE", peer, new, transport=transport,
                   body=SDP.format(ip=peer[0]),
                   headers="Supported: 100rel, timer\r\nAllow: INVITE, ACK\r\n"
                   "User-Agent: Eve \"the\" phone/1.0\r\n")


def cancel(peer, dialog, rng, transport):
    return request("CANCEL", peer, dialog, transport=transport,
                   branch=dialog.branch, tag=False)


def ack(peer, dialog, rng, transport):
    return request("ACK", peer, dialog, transport=transport)


REQUESTS = [
    fresh_invite,
    lambda p, d, r, t: in_or_out("INVITE", body=SDP.format(ip=p[0]))(
        p, d, r, t),
    ack, cancel, in_or_out("BYE", headers="Reason: Q.850;cause=16\r\n"),
    in_or_out("INFO", body="Signal=5\r\nDuration=160\r\n",
              content="application/dtmf-relay"),
    in_or_out("OPTIONS", headers="Accept: application/sdp\r\n"),
    in_or_out("REGISTER", headers="Expires: 3600\r\nAuthorization: Digest "
              "username=\"a\", realm=\"b\", nonce=\"c\", uri=\"sip:d\", "
              "response=\"e\", qop=auth, nc=00000001, cnonce=\"f\"\r\n"),
    in_or_out("SUBSCRIBE", headers="Event: presence\r\nExpires: 60\r\n"),
    in_or_out("REFER", headers="Refer-To: <sip:fraud@198.51.100.1>\r\n"
              "Referred-By: <sip:eve@198.51.100.1>\r\n"),
    in_or_out("MESSAGE", body="hello", content="text/plain"),
    in_or_out("UPDATE", headers="Session-Expires: 90;refresher=uas\r\n"),
    in_or_out("NOTIFY", headers="Event: refer\r\nSubscription-State: active"
              "\r\n", body="SIP/2.0 200 OK\r\n", content="message/sipfrag"),
    in_or_out("PRACK", headers="RAck: 1 1 INVITE\r\n"),
]


def response(status, reason, headers="", sdp=False, tag=True):
    def make(invite, peer, rng):
        ip, port, _ = peer
        lines = [line for line in invite.split("\r\n\r\n")[0].split("\r\n")
                 if re.match(r"(?i)(via|from|call-id|cseq|record-route)\s*:",
                             line)]
        to = re.search(r"(?im)^to\s*:.*$", invite)[0].strip()
        if tag and "tag=" not in to:
            to += f";tag=r{rng.randint(1, 3)}"  # forks, now and then
        body = SDP.format(ip=ip) if sdp else ""
        text = "\r\n".join([f"SIP/2.0 {status} {reason}", *lines, to,
                            f"Contact: <sip:eve@{ip}:{port}>"]) + "\r\n"
        text += headers
        if body:
            text += "Content-Type: application/sdp\r\n"
        return text + f"Content-Length: {len(body)}\r\n\r\n{body}"
    return make


CHALLENGE = ("-Authenticate: Digest realm=\"x.test\", nonce=\"abc\", "
             "algorithm=MD5, qop=\"auth\"\r\n")
RESPONSES = [
    response(100, "Trying", tag=False), response(180, "Ringing"),
    response(183, "Session Progress", sdp=True,
             headers="Require: 100rel\r\nRSeq: 1\r\n"),
    response(183, "Session Progress", sdp=True), response(200, "OK", sdp=True),
    response(302, "Moved", headers="Contact: <sip:fraud@198.51.100.1>\r\n"),
    response(401, "Unauthorized", headers="WWW" + CHALLENGE),
    response(407, "Proxy", headers="Proxy" + CHALLENGE),
    response(486, "Busy Here"),
    response(503, "Unavailable", headers="Retry-After: 5 (soon);duration=9\r\n"
             "Reason: Q.850;cause=42;text=\"x\"\r\n"),
]
KINDS = len(REQUESTS) + len(RESPONSES)

NUMBERS = [b"0", b"-1", b"1", b"255", b"256", b"65535", b"65536",
           b"2147483647", b"2147483648", b"4294967295", b"4294967296",
           b"18446744073709551616", b"9" * 40, b"1e9", b"0x10", b"00000001"]
TOKENS = [b"\0", b"\r\n", b"\r\n\r\n", b"\"", b"<", b">", b";", b",", b"=",
          b":", b"@", b"%00", b"%", b"%0d%0a", b"\\", b" ", b"\t", b"\r\n ",
          b"[", b"]", b"[::1]", b"\xff\xfe", b"\xc0\x80", b"*", b"sip:",
          b";tag=", b";branch=z9hG4bK", b"Via: SIP/2.0/UDP x\r\n",
          b"SIP/2.0", b"--", b"a=", b"m=audio 0 RTP/AVP\r\n", b"%n%s%n"]


def _number(data, rng):
    found = list(re.finditer(rb"\d+", data))
    if found:
        m = rng.choice(found)
        data[m.start():m.end()] = rng.choice(NUMBERS)


def _flip(data, rng):
    for _ in range(rng.randint(1, 12)):
        data[rng.randrange(len(data))] = rng.randrange(256)


def _bits(data, rng):
    for _ in range(rng.randint(1, 5)):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _cut(data, rng):
    del data[rng.randrange(len(data)):]


def _delete(data, rng):
    at = rng.randrange(len(data))
    del data[at:at + rng.randint(1, 60)]


def _token(data, rng):
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        data[at:at] = rng.choice(TOKENS)


def _lines(data, rng):
    lines = bytes(data).split(b"\r\n")
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    what = rng.randrange(4)
    if what == 0:
        lines[a], lines[b] = lines[b], lines[a]
    elif what == 1:
        lines[a:a] = [lines[b]] * rng.choice([1, 2, 30, 300])
    elif what == 2:
        del lines[a]
    else:
        lines[a] = lines[a].replace(b" ", b"\r\n ").replace(b":", b" :", 1)
    data[:] = b"\r\n".join(lines)


def _long(data, rng):
    at = rng.randrange(len(data) + 1)
    unit = rng.choice([b"a", b"%41", b";a=b", b",<sip:a@b>", b"\r\nX: y",
                       b"\"", b"(", b"\xff", b" ", b"1", b"\r\na=x:y"])
    size = rng.choice([300, 1300, 5000, 9000, 30000, 60000])
    data[at:at] = (unit * (size // len(unit) + 1))[:size]


def _splice(data, rng):
    other = bytearray(data)
    at = rng.randrange(len(data))
    data[at:] = other[rng.randrange(len(other)):]


def _separator(data, rng):
    found = [i for i, c in enumerate(data) if c in b" :;,=<>@\"/\r\n"]
    if found:
        data[rng.choice(found)] = rng.choice(b" :;,=<>@\"/\r\n\t")


WAYS = [_number, _flip, _bits, _cut, _delete, _token, _lines, _long, _splice,
        _separator, _number, _token, _separator, _lines]


def mutated(text, rng):
    """TEXT, spoilt; one in 16 is left as it is, so that calls come about."""
    data = bytearray(text.encode("latin-1", "replace"))
    if rng.randrange(16) == 0:
        return bytes(data)
    for _ in range(rng.choice([1, 1, 1, 2, 2, 3, 6])):
        if data:
            rng.choice(WAYS)(data, rng)
    return bytes(data[:65500])


def rng_of(seed, number):
    return random.Random(f"{seed}/{number}")
