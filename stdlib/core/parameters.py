"""Core parameters: name, type, default, unit, what they do."""

from __future__ import annotations

from typing import Any

from stdlib.core.module import core

__all__: list[str] = ["xlog_force_color"]

_N, _T, _NT = (int,), (str,), (int, str)


def _declare(name: str, types: tuple[type, ...], default: Any, doc: str, unit: str = "", **more: Any) -> Any:
    return core.parameter(name, types, default, doc, unit=unit, **more)


for _name, _types, _default, _doc, _unit in (
    ("abort_on_assert", _N, 0, "A failed assert stops the server.", ""),
    ("advertised_address", _NT, None, "Address put into Via and Record-Route.", ""),
    ("advertised_port", _N, None, "Port put into Via and Record-Route.", ""),
    ("auto_aliases", _N, 0, "Derive aliases through DNS.", ""),
    ("auto_scaling_cycle", _N, 1, "Time between scaling checks.", "s"),
    ("check_via", _N, 0, "Replies must have our address in the top Via.", ""),
    ("chroot", _T, None, "Root directory of the server.", ""),
    ("db_default_url", _T, None, "Database of modules that name none.", ""),
    ("db_max_async_connections", _N, 10, "Connections of a worker to a database.", ""),
    ("db_version_table", _T, "version", "Table with schema versions.", ""),
    ("debug_mode", _N, 0, "Foreground, level 4, two workers.", ""),
    ("disable_503_translation", _N, 0, "Keep 503 instead of turning it into 500.", ""),
    ("disable_core_dump", _N, 0, "No core files.", ""),
    ("disable_dns_blacklist", _N, 1, "No blacklist of failed destinations.", ""),
    ("disable_dns_failover", _N, 0, "Do not try further DNS results.", ""),
    ("disable_stateless_fwd", _N, -1, "Drop replies that match no transaction.", ""),
    ("dns", _N, 0, "Look up names for received=.", ""),
    ("dns_retr_no", _N, 2, "Repetitions of a DNS query.", ""),
    ("dns_retr_time", _N, 1, "Time limit of a DNS query.", "s"),
    ("dns_servers_no", _N, 0, "Name servers used.", ""),
    ("dns_try_ipv6", _N, 0, "AAAA when there is no A.", ""),
    ("dns_try_naptr", _N, 1, "Look for NAPTR records.", ""),
    ("dns_use_search_list", _N, 1, "Use the search list of resolv.conf.", ""),
    ("enable_asserts", _N, 0, "Run assert().", ""),
    ("event_pkg_threshold", _N, 0, "Memory use that raises an event.", "%"),
    ("event_shm_threshold", _N, 0, "Memory use that raises an event.", "%"),
    ("exec_dns_threshold", _N, 0, "Report slower DNS queries.", "µs"),
    ("exec_msg_threshold", _N, 0, "Report slower messages.", "µs"),
    ("log_event_enabled", _N, 0, "Raise E_CORE_LOG for log lines.", ""),
    ("log_event_level_filter", _N, 0, "Level of E_CORE_LOG.", ""),
    ("log_json_buf_size", _N, 6144, "Longest JSON log line.", "bytes"),
    ("log_msg_buf_size", _N, 4096, "Longest log text.", "bytes"),
    ("log_prefix", _T, "", "Stands before every log line.", ""),
    ("log_stdout", _N, 0, "Keep standard output.", ""),
    ("max_while_loops", _N, 10000, "Rounds a while may make.", ""),
    ("maxbuffer", _N, 262144, "Ceiling of the UDP receive buffer.", "bytes"),
    ("mcast_loopback", _N, 0, "Multicast loops back.", ""),
    ("mcast_ttl", _N, None, "Multicast time to live.", ""),
    ("mem_warming", _N, 0, "Accepted; memory is Python's.", ""),
    ("mem_warming_pattern_file", _T, None, "Accepted; memory is Python's.", ""),
    ("mem_warming_percentage", _N, 75, "Accepted; memory is Python's.", ""),
    ("memdump", _N, 14, "Accepted; memory is Python's.", ""),
    ("memlog", _N, 15, "Accepted; memory is Python's.", ""),
    ("mhomed", _N, 0, "Choose the outgoing interface by routing.", ""),
    ("open_files_limit", _N, -1, "Limit of open files.", ""),
    ("pi_framework", _T, None, "Provisioning description.", ""),
    ("poll_method", _T, "", "How sockets are watched.", ""),
    ("pv_print_buf_size", _N, 20000, "Longest result of a format string.", "bytes"),
    ("query_buffer_size", _N, 0, "Database inserts batched.", ""),
    ("query_flush_time", _N, 0, "Longest wait of a batch.", "s"),
    ("restart_persistency_cache_file", _T, ".restart_persistency.cache", "File of what outlives a restart.", ""),
    ("restart_persistency_size", _N, None, "Size of that file.", "MB"),
    ("rev_dns", _N, 0, "Reverse DNS check.", ""),
    ("server_header", _T, None, "The whole Server header.", ""),
    ("server_signature", _N, 1, "Add a Server header to replies.", ""),
    ("user_agent_header", _T, None, "The whole User-Agent header.", ""),
    ("shm_hash_split_percentage", _N, 1, "Accepted; memory is Python's.", ""),
    ("shm_memlog_size", _N, 0, "Accepted; memory is Python's.", ""),
    ("shm_secondary_hash_size", _N, 8, "Accepted; memory is Python's.", ""),
    ("sip_warning", _N, 0, "Add a Warning header to replies.", ""),
    ("stderror_enabled", _N, 1, "Log to standard error.", ""),
    ("stderror_level_filter", _N, 0, "Level of standard error.", ""),
    ("stderror_log_format", _T, "plain_text", "plain_text, json or json_cee.", ""),
    ("syslog_enabled", _N, 0, "Log to syslog.", ""),
    ("syslog_facility", _T, "LOG_DAEMON", "Syslog facility.", ""),
    ("syslog_level_filter", _N, 0, "Level of syslog.", ""),
    ("syslog_log_format", _T, "plain_text", "plain_text, json or json_cee.", ""),
    ("syslog_name", _T, "sipc", "Syslog name.", ""),
    ("tcp_accept_aliases", _N, 0, "Reuse connections by alias.", ""),
    ("tcp_connect_timeout", _N, 100, "Time limit of connecting.", "ms"),
    ("tcp_connection_lifetime", _N, 120, "Idle connections are closed after this.", "s"),
    ("tcp_keepalive", _N, 1, "TCP keep-alive.", ""),
    ("tcp_keepcount", _N, None, "TCP keep-alive probes.", ""),
    ("tcp_keepidle", _N, None, "Idle time before probes.", "s"),
    ("tcp_keepinterval", _N, None, "Time between probes.", "s"),
    ("tcp_max_connections", _N, 2048, "Most connections.", ""),
    ("tcp_max_msg_time", _N, 4, "A message must be complete after this.", "s"),
    ("tcp_no_new_conn_bflag", _T, None, "Branch flag: do not connect.", ""),
    ("tcp_no_new_conn_rplflag", _T, None, "Message flag: do not connect for replies.", ""),
    ("tcp_socket_backlog", _N, 10, "Listen backlog.", ""),
    ("tcp_threads", _N, None, "Accepted; each worker has one loop.", ""),
    ("tcp_threshold", _N, 0, "Report slower TCP operations.", "µs"),
    ("timer_workers", _N, 1, "Timer workers.", ""),
    ("tos", _NT, None, "Type of service.", ""),
    ("udp_workers", _N, 8, "Workers of a UDP socket.", ""),
    ("tcp_workers", _N, 8, "TCP workers.", ""),
    ("wdir", _T, "/", "Working directory.", ""),
    ("worker_reactor_timeout", _N, 1000, "Granularity of asynchronous time limits.", "ms"),
    ("xlog_buf_size", _N, 4096, "Longest xlog line.", "bytes"),
    ("mem-group", _NT, None, "Accepted; memory is Python's.", ""),
):
    _declare(_name, _types, _default, _doc, _unit)

for _name in """advertised_address advertised_port debug_mode disable_stateless_fwd dns_retr_no dns_retr_time dns_servers_no
    dns_try_ipv6 dns_try_naptr dns_use_search_list exec_msg_threshold log_event_enabled log_event_level_filter log_prefix
    max_while_loops server_header server_signature stderror_enabled stderror_level_filter stderror_log_format syslog_enabled
    syslog_facility syslog_level_filter syslog_log_format syslog_name tcp_accept_aliases tcp_connection_lifetime
    tcp_max_connections tcp_max_msg_time xlog_buf_size""".split():
    core.parameters[_name].hot = "now"
for _name in ("tcp_connect_timeout", "tcp_keepalive", "tcp_keepcount", "tcp_keepidle", "tcp_keepinterval"):
    core.parameters[_name].hot = "new objects"

log_level = _declare("log_level", _N, 2, "Level of engine lines.", hot="now")
xlog_level = _declare("xlog_level", _N, 2, "Level of script lines.", hot="now")
xlog_print_level = _declare("xlog_print_level", _N, 2, "Level of xlog() without one.", hot="now")
xlog_force_color = _declare("xlog_force_color", _N, 0, "Colours of $C() are printed.", hot="now")
xlog_prefix = _declare("xlog_prefix", _T, None, 'Format before every script line; "" for none.', hot="now")
socket = _declare("socket", _T, None, "A listener: proto:address:port.", repeat=True)
alias = _declare("alias", _T, None, "Another name of this server.", repeat=True)
dst_blacklist = _declare("dst_blacklist", _T, None, "A named list of destinations.", repeat=True)
auto_scaling_profile = _declare("auto_scaling_profile", _T, None, "When to start and stop workers.", repeat=True)
mpath = _declare("mpath", _T, None, "Accepted; modules are part of sipc.", repeat=True)
