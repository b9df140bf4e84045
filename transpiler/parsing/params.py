"""The names of core parameters as the grammar knows them, of today and of earlier releases, and the reserved words."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["KINDS", "OLD", "PROTOCOLS", "RESERVED", "SOCKET_FLAGS", "OldParameter"]

_N = """abort_on_assert advertised_port auto_aliases auto_scaling_cycle check_via db_max_async_connections debug_mode
    disable_503_translation disable_core_dump disable_dns_blacklist disable_dns_failover disable_stateless_fwd dns
    dns_retr_no dns_retr_time dns_servers_no dns_try_ipv6 dns_try_naptr dns_use_search_list enable_asserts
    event_pkg_threshold event_shm_threshold exec_dns_threshold execdnsthreshold exec_msg_threshold execmsgthreshold
    log_event_enabled log_json_buf_size log_msg_buf_size log_stdout max_while_loops maxbuffer mcast_loopback mcast_ttl
    mem_warming mem_warming_enabled mem_warming_percentage mhomed open_files_limit pv_print_buf_size query_buffer_size
    query_flush_time restart_persistency_size rev_dns server_signature shm_hash_split_percentage
    shm_secondary_hash_size sip_warning stderror_enabled syslog_enabled tcp_accept_aliases tcp_connect_timeout
    tcp_connection_lifetime tcp_keepalive tcp_keepcount tcp_keepidle tcp_keepinterval tcp_max_connections
    tcp_max_msg_time tcp_socket_backlog tcp_threads tcp_threshold tcpthreshold worker_reactor_timeout
    workerreactortimeout xlog_buf_size xlog_force_color xlog_print_level"""
_S = """log_event_level_filter log_level memdump mem_dump memlog mem_log shm_memlog_size stderror_level_filter
    syslog_level_filter xlog_level"""
_T = """db_default_url db_version_table log_prefix mem_warming_pattern_file pi_framework
    restart_persistency_cache_file server_header stderror_log_format syslog_log_format syslog_name user_agent_header"""

KINDS: dict[str, str] = {
    **dict.fromkeys(_N.split(), "number"), **dict.fromkeys(_S.split(), "signed"), **dict.fromkeys(_T.split(), "string"),
    **dict.fromkeys(("syslog_facility", "tcp_no_new_conn_bflag", "tcp_no_new_conn_rplflag"), "word"),
    **dict.fromkeys(("chroot", "poll_method", "wdir", "workdir"), "word or string"),
    **dict.fromkeys(("udp_workers", "tcp_workers", "timer_workers"), "workers"),
    "advertised_address": "address", "tos": "number or word", "socket": "socket", "alias": "alias",
    "dst_blacklist": "blacklist", "auto_scaling_profile": "profile", "mpath": "paths", "mem-group": "group",
}  # fmt: skip
"""Core parameter -> what its value is made of.  Names not here are read by the look of their value."""


class OldParameter(NamedTuple):
    """A core parameter of earlier releases."""

    new: str
    """Its name today; "" when it is gone."""
    kind: str
    until: str
    """The release that no longer has it."""
    advice: str


OLD: dict[str, OldParameter] = {
    "listen": OldParameter("socket", "socket", "3.1", "write socket="),
    "children": OldParameter("udp_workers", "number", "3.0", "write udp_workers="),
    "tcp_children": OldParameter("tcp_workers", "number", "3.0", "write tcp_workers="),
    "debug": OldParameter("log_level", "signed", "2.2", "write log_level="),
    "log_stderror": OldParameter("stderror_enabled", "number", "4.0", "write stderror_enabled= and syslog_enabled="),
    "log_facility": OldParameter("syslog_facility", "word", "4.0", "write syslog_facility="),
    "log_name": OldParameter("syslog_name", "string", "4.0", "write syslog_name="),
    "fork": OldParameter("", "number", "2.2", "remove it; debug_mode=yes keeps the server in the foreground"),
    "port": OldParameter("", "number", "1.5", "write the port into socket=, e.g. socket=udp:*:5060"),
    "disable_tcp": OldParameter("", "number", "2.1", 'remove it: TCP is on when loadmodule "proto_tcp.so" is there'),
    "disable_tls": OldParameter("", "number", "2.1", 'remove it: TLS is on when loadmodule "proto_tls.so" is there'),
    "avp_aliases": OldParameter("", "string", "3.0", "remove it and use the names of the AVPs"),
    "user": OldParameter("", "word or string", "3.0", "use option -u of the command line"),
    "uid": OldParameter("", "word or string", "3.0", "use option -u of the command line"),
    "group": OldParameter("", "word or string", "3.0", "use option -g of the command line"),
    "gid": OldParameter("", "word or string", "3.0", "use option -g of the command line"),
    "reply_to_via": OldParameter("", "number", "3.0", 'use set_via_handling("reply-to-via")'),
    "tcp_poll_method": OldParameter("poll_method", "word or string", "2.1", "write poll_method="),
    "tcp_send_timeout": OldParameter("", "number", "2.1", "set it as a parameter of proto_tcp"),
    "tcp_async": OldParameter("", "number", "2.1", "set it as a parameter of proto_tcp"),
    "memlog_level": OldParameter("memlog", "signed", "2.2", "write memlog="),
    "unix_sock": OldParameter("", "string", "1.5", "use the module mi_datagram"),
    "fifo": OldParameter("", "string", "1.1", "use the module mi_fifo"),
    "fifo_mode": OldParameter("", "number", "1.1", "use the module mi_fifo"),
    "fifo_db_url": OldParameter("db_default_url", "string", "1.1", "write db_default_url="),
    "max_recursive_level": OldParameter("", "number", "3.0", "remove it"),
}

SOCKET_FLAGS = "anycast frag reuse_port accept_subdomain allow_proxy_protocol send_proxy_protocol proxy_protocol".split()
RESERVED = frozenset(KINDS) | frozenset(("sync", "any", "bond", "frag", "anycast", "reuse_port", "accept_subdomain"))
"""Words that cannot name a route or a function."""

PROTOCOLS = frozenset("udp tcp tls sctp ws wss hep_udp hep_tcp bin bins smpp msrp msrps ipsec".split())
