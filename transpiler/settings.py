"""The values of core parameters: what stands behind their `=`, as plain data.

Values are what JSON can hold: int, str, lists and dicts.

    socket                {"proto", "host", "ports": [int], "as": [host, port], "use_workers": n, "tag": …, flags: True}
                          or {"proto": "bond", "name", "members": [str], "host": "", "ports": []}
    alias                 [{"proto", "host", "port", "accept_subdomain"}, …]; proto "any", port 0: any
    dst_blacklist         {"name", "flags": [str], "rules": [{"not", "proto", "net", "port", "pattern"}]}
    auto_scaling_profile  {"name", "up": {"to", "threshold", "cycles", "within"}, "down": {…} or None}
    mpath, mem-group      [str]
    *_workers             int, or {"workers": int, "profile": str}
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Literal

from transpiler.parsing.literals import FALSE, TRUE, string_value, to_int
from transpiler.parsing.params import KINDS, OLD, PROTOCOLS, SOCKET_FLAGS

__all__ = ["SettingError", "parse_socket", "read_value"]

_BLANK = re.compile(r"(?:[ \t\r\x08]|\\\n)+")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_NUMBER = re.compile(r"(?:0x[0-9a-fA-F]+|0[0-7]+|0|[1-9][0-9]*)(?!\w)")
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|\'[^\']*\'', re.DOTALL)
_IPV4 = re.compile(r"\d+\.\d+\.\d+\.\d+(?![\w.])")
_IPV6 = re.compile(r"\[?(?=[0-9a-fA-F]*:[0-9a-fA-F]*:)([0-9a-fA-F:]+)\]?")
_HOST = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:[.-][A-Za-z][A-Za-z0-9_]*)*")
_JUNK = re.compile(r"[^\s;#]+")
_PARAMETER = re.compile(r"[A-Za-z][\w-]*(?:[ \t\r]|\\\n)*=(?![=~])")
_ITEMS = frozenset(
    """route failure_route onreply_route branch_route error_route local_route startup_route timer_route event_route
    loadmodule modparam""".split()
)


class SettingError(Exception):
    """The value is broken: place and text."""

    def __init__(self, code: str, start: int, end: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code, self.start, self.end, self.message, self.hint = code, start, end, message, hint


_Found = tuple[Literal["error", "warning", "old"], str, int, int, str, str]


class _Reader:
    """Reads the value of parameter `name` from text[at:]."""

    def __init__(self, name: str, text: str, at: int) -> None:
        self.name = name
        self.text = text
        self.at = at
        self.end = at
        """Behind the last thing taken."""
        self.start = at
        self.value: Any = None
        self.problems: list[_Found] = []

    # --------------------------------------------------------------------------------------------------- scanning
    def blank(self, lines: bool = True) -> None:
        """Skip blanks and, with `lines`, line ends and comments."""
        text = self.text
        while True:
            match = _BLANK.match(text, self.at)
            if match:
                self.at = match.end()
            elif lines and text.startswith("\n", self.at):
                self.at += 1
            elif lines and text.startswith("#", self.at):
                end = text.find("\n", self.at)
                self.at = len(text) if end < 0 else end
            elif text.startswith("/*", self.at):
                end = text.find("*/", self.at)
                if end < 0 or (not lines and "\n" in text[self.at : end]):
                    return
                self.at = end + 2
            else:
                return

    def take(self, pattern: re.Pattern[str], lines: bool = True) -> re.Match[str] | None:
        """Take what matches next; None, and nothing taken, if it does not."""
        before = self.at
        self.blank(lines)
        match = pattern.match(self.text, self.at)
        if match is None:
            self.at = before
            return None
        self.at = self.end = match.end()
        return match

    def sees(self, text: str, lines: bool = True) -> bool:
        """Take `text` if it is next."""
        before = self.at
        self.blank(lines)
        if self.text.startswith(text, self.at):
            self.at = self.end = self.at + len(text)
            return True
        self.at = before
        return False

    def next_is_item(self) -> bool:
        """Is the next thing another parameter or a block, or the end?"""
        at = self.at
        self.blank()
        at, self.at = self.at, at
        word = _WORD.match(self.text, at)
        return at >= len(self.text) or bool(word and word[0] in _ITEMS) or bool(_PARAMETER.match(self.text, at))

    def wrong(self, expected: str, hint: str = "", code: str = "E0131") -> SettingError:
        """An error at the next thing."""
        self.blank(lines=False)
        junk = _JUNK.match(self.text, self.at)
        found = junk[0] if junk else ""
        if not found or (self.at < len(self.text) and self.text[self.at] == "\n"):
            return SettingError(code, self.end, self.end + 1, f"{expected} expected for {self.name}", hint)
        end = self.at + len(found)
        shown = found if len(found) < 40 else f"{found[:36]}…"
        return SettingError(code, self.at, end, f"{expected} expected for {self.name}, not {shown}", hint)

    # ------------------------------------------------------------------------------------------------------ pieces
    def number(self, signed: bool = False) -> int:
        if signed and self.sees("-"):
            return -self.number()
        if signed:
            self.sees("+")
        word = self.take(_WORD)
        if word and (word[0] in TRUE or word[0] in FALSE):
            if word[0] == "on" and self.text[self.at : self.at + 1] in (" ", "\t"):
                text = "OpenSIPS refuses 'on' with a blank behind it"
                self.problems.append(("warning", "W0113", word.start(), word.end(), text, "write yes"))
            return to_int(word[0])
        if word:
            self.at = word.start()
        match = None if word else self.take(_NUMBER)
        if match is None:
            before = self.at
            self.blank()
            hint = "write yes or no" if word else ""
            if self.text[self.at : self.at + 1] in "\"'":
                hint = "remove the quotes"
            elif self.text[self.at : self.at + 1] in "+-":
                hint = "it takes no sign"
            self.at = before
            raise self.wrong("a number", hint)
        return to_int(match[0])

    def string(self, hint: str = "put it in quotes") -> str:
        match = self.take(_STRING)
        if match is None:
            before = self.at
            self.blank()
            if self.text[self.at : self.at + 1] in ('"', "'"):
                raise SettingError("E0103", self.at, self.at + 1, "the string is never closed", "add the closing quote")
            self.at = before
            raise self.wrong("a string", hint)
        return string_value(match[0])[0]

    def word(self, hint: str = "") -> str:
        match = self.take(_WORD)
        if match is None:
            before = self.at
            self.blank()
            if self.text[self.at : self.at + 1] in ('"', "'"):
                hint = hint or "remove the quotes"
            self.at = before
            raise self.wrong("a word", hint)
        return match[0]

    def quoted(self) -> bool:
        before = self.at
        self.blank()
        found = self.text[self.at : self.at + 1] in ('"', "'")
        self.at = before
        return found

    def address(self, hint: str = "") -> str:
        """IP, [IPv6], host name or string."""
        if self.quoted():
            return self.string()
        ip = self.take(_IPV4)
        if ip:
            if any(int(part) > 255 for part in ip[0].split(".")):
                raise SettingError("E0135", ip.start(), ip.end(), f"bad ipv4 address {ip[0]}", "its numbers are 0 to 255")
            return ip[0]
        ip = self.take(_IPV6)
        if ip:
            try:
                ipaddress.IPv6Address(ip[1])
            except ValueError:
                raise SettingError("E0135", ip.start(), ip.end(), f"bad ipv6 address {ip[1]}") from None
            return f"[{ip[1]}]"
        host = self.take(_HOST)
        if host is None:
            raise self.wrong("an address", hint)
        return host[0]

    def port(self) -> int:
        match = self.take(_NUMBER)
        if match is None:
            raise self.wrong("a port number", "ports are 1 to 65535", "E0134")
        value = to_int(match[0])
        if not 0 <= value <= 65535:
            raise SettingError("E0134", match.start(), match.end(), f"bad port {match[0]}", "ports are 1 to 65535")
        return value

    def ports(self) -> list[int]:
        found: list[int] = []
        while True:
            first = self.port()
            last = self.port() if self.sees("-") else first
            if last < first:
                raise SettingError("E0134", self.end - 1, self.end, f"bad port range {first}-{last}", "the first is larger")
            found += range(first, last + 1)
            if not self.sees(",", lines=False):
                return found

    # ------------------------------------------------------------------------------------------------- composites
    def socket(self) -> dict[str, Any]:
        hint = "write proto:address:port, e.g. udp:127.0.0.1:5060"
        proto = self.take(_WORD)
        if proto is not None and not self.sees(":", lines=False):
            self.at = proto.start()
            proto = None
        if proto is None:
            return self._bare_socket(hint)
        name = proto[0].lower()
        if name == "bond":
            return self._bond()
        if name not in PROTOCOLS:
            known = "udp, tcp, tls, ws, wss, sctp, bin, hep_udp, hep_tcp, msrp, smpp"
            raise SettingError(
                "E0133", proto.start(), proto.end(), f"cannot handle protocol {proto[0]}", f"protocols are {known}"
            )
        host = "*" if self.sees("*") else self.address(hint)
        ports = self.ports() if self.sees(":", lines=False) else []
        made: dict[str, Any] = {"proto": name, "host": host.strip(), "ports": ports}
        self._options(made)
        return made

    def _bare_socket(self, hint: str) -> dict[str, Any]:
        """`10.0.0.1:5060`, as up to OpenSIPS 2.x."""
        before = self.at
        try:
            host = "*" if self.sees("*") else self.address(hint)
        except SettingError as error:
            raise SettingError("E0132", error.start, error.end, f"a socket expected for {self.name}", hint) from None
        self.blank(lines=False)
        ports = self.ports() if self.sees(":", lines=False) else []
        text = self.text[before : self.end].strip()
        begin = self.end - len(text)
        self.problems.append(("old", "E0132", begin, self.end, f"{text} has no protocol", f"write udp:{text}"))
        return {"proto": "udp", "host": host, "ports": ports}

    def _bond(self) -> dict[str, Any]:
        name = self.word()
        if not self.sees("{"):
            raise self.wrong("'{'", 'write bond:name { "udp:10.0.0.1:5060", … }')
        members = [self.string()]
        while self.sees(","):
            members.append(self.string())
        if not self.sees("}"):
            raise self.wrong("'}'")
        return {"proto": "bond", "name": name, "members": members, "host": "", "ports": []}

    def _options(self, made: dict[str, Any]) -> None:
        """`as 1.2.3.4:5060 use_workers 4 tag x anycast …`"""
        while True:
            before = self.at
            self.blank(lines=False)
            same_line = self.text[self.at : self.at + 1] not in ("\n", "")
            self.at = before
            if self.next_is_item():
                return
            match = self.take(_WORD)
            if match is None:
                self.at = before
                return
            key = match[0].lower().replace("-", "_")
            if key in SOCKET_FLAGS:
                made[key] = True
            elif key == "as":
                host = self.address()
                ports = self.ports() if self.sees(":", lines=False) else []
                if len(ports) > 1 and len(ports) != len(made["ports"]):
                    raise SettingError("E0134", before, self.end, "'as' names other ports than the socket has")
                made["as"] = [host, ports[0] if ports else 0]
                if len(ports) > 1:
                    made["as_ports"] = ports
            elif key in ("use_workers", "use_children"):
                made["use_workers"] = self.number()
            elif key == "tos":
                made["tos"] = self.number()
            elif key in ("tag", "use_auto_scaling_profile"):
                made[key] = self.word()
            elif same_line:
                known = "as, use_workers, use_auto_scaling_profile, tag, tos, " + ", ".join(SOCKET_FLAGS)
                raise SettingError(
                    "E0136", match.start(), match.end(), f"{match[0]} is no option of a socket", f"options are {known}"
                )
            else:
                self.at = before
                return

    def aliases(self) -> list[dict[str, Any]]:
        found = [self._alias()]
        while True:
            before = self.at
            self.blank(lines=False)
            same_line = self.text[self.at : self.at + 1] not in ("\n", "", "#", ";")
            self.at = before
            if self.next_is_item():
                return found
            self.blank()
            junk = _JUNK.match(self.text, self.at)
            if not same_line and (junk is None or not re.match(r"[\"']|\w+[.:]\S", junk[0])):
                self.at = before
                return found
            found.append(self._alias())

    def _alias(self) -> dict[str, Any]:
        proto = self.take(_WORD)
        if proto is not None and not self.sees(":", lines=False):
            self.at = proto.start()
            proto = None
        made: dict[str, Any] = {"proto": "any", "host": "", "port": 0, "accept_subdomain": False}
        if proto is not None and proto[0].lower() not in PROTOCOLS and proto[0] != "any":
            port = _NUMBER.match(self.text, self.at)
            if port is None:
                raise SettingError("E0133", proto.start(), proto.end(), f"cannot handle protocol {proto[0]}")
            made["host"] = proto[0]  # host:port, as older releases had it
            old = self.text[proto.start() : port.end()]
            self.problems.append(("old", "E0132", proto.start(), port.end(), f"{old} has no protocol", f"write any:{old}"))
        elif proto is not None:
            made["proto"] = proto[0].lower()
            made["host"] = self.address()
            if not self.sees(":", lines=False):
                return self._subdomain(made)
            if self.take(re.compile(r"any\b")):
                return self._subdomain(made)
        else:
            made["host"] = self.address()
            if not self.sees(":", lines=False):
                return self._subdomain(made)
            start = self.end - 1
            self.problems.append(
                ("old", "E0132", start, start + 1, f"{made['host']} has a port but no protocol", "write any: before it")
            )
        made["port"] = self.port()
        return self._subdomain(made)

    def _subdomain(self, made: dict[str, Any]) -> dict[str, Any]:
        if self.take(re.compile(r"(?:accept[-_]subdomain|ACCEPT[-_]SUBDOMAIN)\b"), lines=False):
            made["accept_subdomain"] = True
        return made

    def blacklist(self) -> dict[str, Any]:
        made: dict[str, Any] = {"name": self.word(), "flags": [], "rules": []}
        if self.sees("/"):
            while True:
                flag = self.take(re.compile(r"read-?only|expire|default"))
                if flag is None:
                    raise self.wrong("a flag", "flags are expire, default, readonly")
                made["flags"].append(flag[0].replace("-", ""))
                if not self.sees(","):
                    break
        if {"readonly", "expire"} <= set(made["flags"]):
            raise SettingError("E0137", self.end - 6, self.end, "a blacklist cannot be readonly and expire")
        if self.sees(":"):
            if not self.sees("{"):
                raise self.wrong("'{'", "write name : { rule, … }")
            while not self.sees("}"):
                made["rules"].append(self._rule())
                self.sees(",")
        return made

    def _rule(self) -> dict[str, Any]:
        rule: dict[str, Any] = {"not": False, "proto": "any", "net": "", "port": 0, "pattern": ""}
        if self.sees("!") or self.take(re.compile(r"not\b")):
            rule["not"] = True
        if not self.sees("("):
            rule["net"] = self._net()
            return rule
        proto = self.take(_WORD)
        if proto is not None:
            if proto[0].lower() not in PROTOCOLS and proto[0] != "any":
                raise SettingError("E0133", proto.start(), proto.end(), f"cannot handle protocol {proto[0]}")
            rule["proto"] = proto[0].lower()
            if not self.sees(","):
                raise self.wrong("','", "write (proto, network, port, pattern)")
        rule["net"] = self._net()
        if self.sees(","):
            rule["port"] = 0 if self.take(re.compile(r"any\b")) else self.port()
            if self.sees(","):
                rule["pattern"] = self.string()
        if not self.sees(")"):
            raise self.wrong("')'", "write (proto, network, port, pattern)")
        return rule

    def _net(self) -> str:
        match = self.take(re.compile(r"[0-9a-fA-F.:]+(?:/[0-9a-fA-F.:]+)?"))
        if match is None:
            raise self.wrong("a network", "e.g. 10.0.0.0/8", "E0135")
        try:
            ipaddress.ip_network(match[0], strict=False)
        except ValueError:
            raise SettingError("E0135", match.start(), match.end(), f"{match[0]} is no address or network") from None
        return match[0]

    def profile(self) -> dict[str, Any]:
        name = self.word()
        up = self._scale("up")
        if up is None:
            raise self.wrong("'scale up to'", "write NAME scale up to 8 on 70% for 4 cycles within 5")
        down = self._scale("down")
        if not 0 < up["to"] < 1000 or (down is not None and down["to"] >= up["to"]):
            raise SettingError("E0138", self.start, self.end, "the profile scales up to no more than it scales down to")
        if down is not None and down["threshold"] >= up["threshold"]:
            raise SettingError("E0138", self.start, self.end, "the profile scales down at a higher load than up")
        if up["within"] and up["within"] < up["cycles"]:
            raise SettingError("E0138", self.start, self.end, "'within' counts fewer cycles than 'for'")
        return {"name": name, "up": up, "down": down}

    def _scale(self, way: str) -> dict[str, int] | None:
        if not self.take(re.compile(rf"scale\s+{way}\s+to\b")):
            return None
        made = {"to": self.number(), "threshold": 0, "cycles": 0, "within": 0}
        if not self.take(re.compile(r"(?:on|ON)\b")):
            raise self.wrong("'on'", "write on 70% for 4 cycles")
        made["threshold"] = self.number()
        self.sees("%")
        if not self.take(re.compile(r"for\b")):
            raise self.wrong("'for'", "write for 4 cycles")
        made["cycles"] = self.number()
        if not self.take(re.compile(r"cycles\b")):
            raise self.wrong("'cycles'", "write for 4 cycles")
        if self.take(re.compile(r"within\b")):
            made["within"] = self.number()
        return made

    def anything(self) -> Any:
        """The value of a name this table does not know."""
        if self.quoted():
            return self.string()
        if self.take(re.compile(r"(?:yes|true|on|enable|no|false|off|disable)\b")):
            return to_int(self.text[self.at - self._last_length() : self.at])
        before = self.at
        self.blank()
        match = re.compile(r"[+-]?\s*(?:0x[0-9a-fA-F]+|\d+)(?![\w.:])").match(self.text, self.at)
        self.at = before
        if match:
            return self.number(signed=True)
        match = self.take(re.compile(r"[\w.:/\[\]@*-]+"))
        if match is None:
            raise self.wrong("a value", "values are numbers, yes, no, words or strings")
        return match[0]

    def _last_length(self) -> int:
        match = re.search(r"[a-z]+\Z", self.text[max(0, self.at - 8) : self.at])
        return len(match[0]) if match else 0

    # ------------------------------------------------------------------------------------------------------- entry
    def read(self) -> None:
        """Read the value; the next thing may stand on the same line."""
        self.blank()
        if self.next_is_item() and not _IPV6.match(self.text, self.at):
            self.at = self.end
            raise SettingError("E0130", self.end - 1, self.end, f"{self.name} has no value", "write name=value")
        self.start = self.at
        kind = KINDS.get(self.name) or (OLD[self.name].kind if self.name in OLD else "")
        self.value = self._by_kind(kind)
        self.at = self.end

    def _by_kind(self, kind: str) -> Any:
        match kind:
            case "number":
                return self.number()
            case "signed":
                return self.number(signed=True)
            case "string":
                return self.string()
            case "word":
                return self.word()
            case "word or string":
                return self.string() if self.quoted() else self.word("put it in quotes")
            case "number or word":
                return self.number() if self.text[self.at].isdigit() else self.word()
            case "address":
                return self.address()
            case "workers":
                count = self.number()
                profile = self.take(re.compile(r"use_auto_scaling_profile\s+([A-Za-z]\w*)"))
                return {"workers": count, "profile": profile[1]} if profile else count
            case "socket":
                return self.socket()
            case "alias":
                return self.aliases()
            case "blacklist":
                return self.blacklist()
            case "profile":
                return self.profile()
            case "paths":
                paths = [self.string()]
                while self.sees(":"):
                    paths.append(self.string())
                return paths
            case "group":
                name = self.string()
                if not self.sees(":"):
                    raise self.wrong("':'", 'write mem-group = "name": "module" …')
                members = [self.string()]
                while self.quoted():
                    members.append(self.string())
                return [name, *members]
        return self.anything()


def read_value(name: str, text: str, at: int) -> _Reader:
    """Read what stands behind `name =` at text[at:].

    The result has `value`, `start`, `at` (behind it) and `problems` (severity, code, start, end, message, hint).
    SettingError when it is broken.
    """
    reader = _Reader(name, text, at)
    reader.read()
    return reader


def parse_socket(text: str) -> dict[str, Any]:
    """A socket as on the command line: `udp:127.0.0.1:5060`.  SettingError when it is none."""
    reader = _Reader("socket", text, 0)
    value = reader.socket()
    reader.at = reader.end
    reader.blank()
    if reader.at < len(text):
        raise reader.wrong("nothing more")
    for _, code, start, end, message, hint in reader.problems:
        raise SettingError(code, start, end, message, hint)
    return value
