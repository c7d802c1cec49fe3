"""A telephone that registers: digest by the book, and whatever else a test
wants to be wrong with it."""
import hashlib
import random
import re

from .phone import Phone, token

HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}


def parse_challenge(value):
    """{realm, nonce, algorithm, …} of a WWW-Authenticate value."""
    return {k.lower(): v.strip('"') for k, v in re.findall(
        r'([\w-]+)=("[^"]*"|[^,\s]+)', value)}


def credentials(challenge, method, uri, user, password, *, nc=1, qop="auth",
                lies=None):
    """The value of an Authorization header. LIES replace what is written, not
    what is hashed."""
    algorithm = challenge.get("algorithm", "MD5")

    def h(text):
        return HASHES[algorithm](text.encode()).hexdigest()

    cnonce = token()
    ha1 = h(f"{user}:{challenge['realm']}:{password}")
    ha2 = h(f"{method}:{uri}")
    if qop:
        response = h(f"{ha1}:{challenge['nonce']}:{nc:08x}:{cnonce}:{qop}:"
                     f"{ha2}")
    else:
        response = h(f"{ha1}:{challenge['nonce']}:{ha2}")
    fields = {"username": user, "realm": challenge["realm"],
              "nonce": challenge["nonce"], "uri": uri, "response": response,
              "algorithm": algorithm}
    if qop:
        fields.update(cnonce=cnonce, qop=qop, nc=f"{nc:08x}")
    fields.update(lies or {})
    plain = ("algorithm", "qop", "nc")
    return "Digest " + ", ".join(
        f"{k}={v}" if k in plain else f'{k}="{v}"'
        for k, v in fields.items())


class Terminal(Phone):
    """user, password: its endpoint. A Call-ID and a CSeq for the life of its
    registration; restart() begins another."""

    def __init__(self, ports, target, *, user="alice", password="secret",
                 auth_user=None, algorithm=None, instance=None, contact=None,
                 **more):
        super().__init__(ports, target, user=user, **more)
        self.password, self.auth_user = password, auth_user or user
        self.algorithm = algorithm  # None: the topmost
        self.instance = instance
        self.own_contact = contact
        self.challenge, self.nc = None, 0
        self.restart()

    def restart(self):
        """As after a power cut: nothing is remembered."""
        self.reg_call_id = token() + "@" + self.host
        self.reg_tag, self.reg_cseq = token(), random.randint(1, 1000)
        self.challenge, self.nc = None, 0

    def contact_value(self, **params):
        value = self.own_contact or (
            f"<sip:{self.user}-{self.reg_tag[:4]}@{self.host}:{self.port}"
            f"{';transport=tcp' if self.transport == 'tcp' else ''}>")
        if self.instance:
            value += f';+sip.instance="<{self.instance}>"'
        return value + "".join(f";{k}={v}" for k, v in params.items())

    def authorization(self, method, uri, nc=None, qop="auth", lies=None):
        if nc is None:
            self.nc += 1
        return "Authorization: " + credentials(
            self.challenge, method, uri, self.auth_user, self.password,
            nc=nc or self.nc, qop=qop, lies=lies) + "\r\n"

    def register_text(self, *, expires=None, contacts=None, headers="",
                      authorize=None, cseq=None, call_id=None, branch=None,
                      to_user=None, vias="", **proof):
        """The text of a REGISTER; CONTACTS: values, [] for none."""
        if cseq is None:
            self.reg_cseq += 1
            cseq = self.reg_cseq
        uri = f"sip:{self.target[0]}:{self.target[1]}"
        if authorize is None:
            authorize = self.challenge is not None
        if contacts is None:
            contacts = [self.contact_value()]
        identity = f"<sip:{to_user or self.user}@{self.target[0]}>"
        return (f"REGISTER {uri} SIP/2.0\r\n"
                f"Via: SIP/2.0/{self.transport.upper()} {self.host}:"
                f"{self.port};branch={branch or 'z9hG4bK' + token()};rport\r\n"
                f"{vias}Max-Forwards: 70\r\n"
                f"From: {identity};tag={self.reg_tag}\r\nTo: {identity}\r\n"
                f"Call-ID: {call_id or self.reg_call_id}\r\n"
                f"CSeq: {cseq} REGISTER\r\n"
                + "".join(f"Contact: {c}\r\n" for c in contacts)
                + (f"Expires: {expires}\r\n" if expires is not None else "")
                + (self.authorization("REGISTER", uri, **proof)
                   if authorize else "")
                + f"User-Agent: terminal\r\n{headers}Content-Length: 0\r\n\r\n")

    def take_challenge(self, response):
        challenges = [parse_challenge(v)
                      for v in response.all("WWW-Authenticate")]
        if self.algorithm:
            challenges = [c for c in challenges
                          if c["algorithm"] == self.algorithm]
        self.challenge, self.nc = challenges[0], 0

    def register_once(self, **more):
        """One REGISTER and what is answered to it."""
        text = self.register_text(**more)
        self.raw(text)
        cseq = re.search(r"CSeq: (\d+)", text)[1]
        return self.wait(lambda m: m.status
                         and m.header("CSeq") == f"{cseq} REGISTER")

    def register(self, **more):
        """REGISTER, with an answer to a challenge: the last response."""
        response = self.register_once(**more)
        if response.status == 401:
            self.take_challenge(response)
            response = self.register_once(**more)
        return response

    def call(self, user="moondial", **more):
        """As Phone.call, a challenge answered."""
        self.invite(user, **more)
        response = self.final()
        self.ack(response)
        if response.status == 401:
            self.take_challenge(response)
            headers = more.pop("headers", "")
            self.branch = "z9hG4bK" + token()
            self.sent = self.request(
                "INVITE", self.uri, branch=self.branch,
                headers=headers + self.authorization("INVITE", self.uri),
                body=self.sdp(), from_=more.get("from_"))
            self.invite_cseq = self.cseq
            self.raw(self.sent)
            response = self.final()
            self.ack(response)
        if response.status == 200 and self.rtp:
            address, port, _ = response.media()
            self.rtp.to = (address, port)
        return response

    def accept(self, request, **more):
        """Each call has a To tag of its own."""
        self.tag = token()
        super().accept(request, **more)


def contacts_of(response):
    """[(URI, parameters)] of a 200 to REGISTER."""
    found = []
    for value in response.all("Contact"):
        m = re.match(r"<([^>]+)>(.*)", value)
        found.append((m[1], dict(
            p.partition("=")[::2] for p in m[2].split(";") if p)))
    return found
